/**
 * Messages between a program and an authentication agent.
 *
 * Owns: their numbers and fields, the names of extensions, the bounds on what an
 * agent may say.
 * Must not know: sockets, which requests are made when.
 * Sources: draft-ietf-sshm-ssh-agent §3, §4, §5; OpenSSH PROTOCOL.agent (session-bind).
 */
import { boolean, counted, rest, string, text, uint32 } from '../wire/codec.ts';
import { type MessageCodec, message, type PayloadCodec, payload } from './codec.ts';

/** Bytes of one message, its length field not counted; OpenSSH's agent has the same bound. */
export const agentMessageLength: number = 256 * 1024;

/** Keys an agent may list; OpenSSH takes as many. */
export const agentIdentities = 2048;

export const agentNumbers = {
  failure: 5,
  success: 6,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
  addIdentity: 17,
  removeIdentity: 18,
  removeAllIdentities: 19,
  addIdConstrained: 25,
  extension: 27,
  extensionFailure: 28,
  extensionResponse: 29,
} as const;

/** Flags of a request to sign with an RSA key (§4.6.1); without one the signature rests on SHA-1. */
export const agentSignFlags = { rsaSha2256: 2, rsaSha2512: 4 } as const;

/** How the use of an added key is restricted (§5.2). */
export const agentConstraints = { lifetime: 1, confirm: 2 } as const;

/** A message without fields. */
export type AgentNothing = Readonly<Record<string, never>>;

export const agentFailure: MessageCodec<AgentNothing> = message(
  agentNumbers.failure,
  {},
  'SSH_AGENT_FAILURE',
);
export const agentSuccess: MessageCodec<AgentNothing> = message(
  agentNumbers.success,
  {},
  'SSH_AGENT_SUCCESS',
);
export const agentRequestIdentities: MessageCodec<AgentNothing> = message(
  agentNumbers.requestIdentities,
  {},
  'SSH_AGENTC_REQUEST_IDENTITIES',
);

/** A key that an agent holds. */
export interface AgentListedKey {
  /** Public key blob or certificate. */
  readonly publicKey: Uint8Array;
  readonly comment: string;
}

const listedKey = {
  decode: (reader: Parameters<typeof string.decode>[0]): AgentListedKey => ({
    publicKey: string.decode(reader),
    comment: text.decode(reader),
  }),
  encode: (writer: Parameters<typeof string.encode>[0], value: AgentListedKey): void => {
    string.encode(writer, value.publicKey);
    text.encode(writer, value.comment);
  },
};

export interface AgentIdentitiesAnswer {
  readonly keys: readonly AgentListedKey[];
}

export const agentIdentitiesAnswer: MessageCodec<AgentIdentitiesAnswer> = message(
  agentNumbers.identitiesAnswer,
  { keys: counted(listedKey, 8) },
  'SSH_AGENT_IDENTITIES_ANSWER',
);

export interface AgentSignRequest {
  readonly publicKey: Uint8Array;
  readonly data: Uint8Array;
  readonly flags: number;
}

export const agentSignRequest: MessageCodec<AgentSignRequest> = message(
  agentNumbers.signRequest,
  { publicKey: string, data: string, flags: uint32 },
  'SSH_AGENTC_SIGN_REQUEST',
);

export interface AgentSignResponse {
  /** Signature blob: algorithm and its part. */
  readonly signature: Uint8Array;
}

export const agentSignResponse: MessageCodec<AgentSignResponse> = message(
  agentNumbers.signResponse,
  { signature: string },
  'SSH_AGENT_SIGN_RESPONSE',
);

/** The key's own fields with its comment, and behind them constraints where there are any. */
export interface AgentAddIdentity {
  readonly fields: Uint8Array;
}

export const agentAddIdentity: MessageCodec<AgentAddIdentity> = message(
  agentNumbers.addIdentity,
  { fields: rest },
  'SSH_AGENTC_ADD_IDENTITY',
);
export const agentAddIdConstrained: MessageCodec<AgentAddIdentity> = message(
  agentNumbers.addIdConstrained,
  { fields: rest },
  'SSH_AGENTC_ADD_ID_CONSTRAINED',
);

export interface AgentRemoveIdentity {
  readonly publicKey: Uint8Array;
}

export const agentRemoveIdentity: MessageCodec<AgentRemoveIdentity> = message(
  agentNumbers.removeIdentity,
  { publicKey: string },
  'SSH_AGENTC_REMOVE_IDENTITY',
);
export const agentRemoveAllIdentities: MessageCodec<AgentNothing> = message(
  agentNumbers.removeAllIdentities,
  {},
  'SSH_AGENTC_REMOVE_ALL_IDENTITIES',
);

export interface AgentExtension {
  readonly extensionType: string;
  readonly contents: Uint8Array;
}

export const agentExtension: MessageCodec<AgentExtension> = message(
  agentNumbers.extension,
  { extensionType: text, contents: rest },
  'SSH_AGENTC_EXTENSION',
);

/** Which connection the requests that follow are for (OpenSSH PROTOCOL.agent §1). */
export interface AgentSessionBind {
  readonly hostKey: Uint8Array;
  readonly sessionId: Uint8Array;
  /** The server's, over the session id: its signature of the first key exchange. */
  readonly signature: Uint8Array;
  readonly isForwarding: boolean;
}

export const agentSessionBind: PayloadCodec<AgentSessionBind> = payload('session-bind@openssh.com', {
  hostKey: string,
  sessionId: string,
  signature: string,
  isForwarding: boolean,
});
