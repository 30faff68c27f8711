/**
 * The messages of the authentication protocol.
 *
 * Owns: RFC 4252 §5 (request, failure, success), §5.4 (banner), §7 (publickey),
 * §8 (password), RFC 4256 §3 (keyboard-interactive),
 * publickey-hostbound-v00@openssh.com (OpenSSH PROTOCOL §3.1).
 * Must not know: which method is under way, what the answers are worth.
 *
 * A request exists twice here: once for any method, with the rest as bytes, and
 * once for each method known, with its own fields. Both read the same bytes.
 */
import { boolean, type Codec, counted, name, nameList, rest, string, struct, text } from '../wire/codec.ts';
import {
  type Empty,
  exactText,
  literalBoolean,
  literalName,
  type MessageCodec,
  message,
  shortExactText,
  shortText,
} from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** What every request begins with (RFC 4252 §5). */
interface RequestHead {
  readonly userName: string;
  readonly serviceName: string;
}

const head: { readonly userName: Codec<string>; readonly serviceName: Codec<string> } = {
  userName: shortExactText,
  serviceName: name,
};

/** RFC 4252 §5: a request of any method. */
export interface UserauthRequest extends RequestHead {
  readonly methodName: string;
  /** Fields of the method, as they came. */
  readonly methodFields: Uint8Array;
}

export const userauthRequest: MessageCodec<UserauthRequest> = message(messageNumbers.userauthRequest, {
  ...head,
  methodName: name,
  methodFields: rest,
});

/** RFC 4252 §5.2. */
export interface UserauthNoneRequest extends RequestHead {
  readonly methodName: 'none';
}

export const userauthNoneRequest: MessageCodec<UserauthNoneRequest> = message(
  messageNumbers.userauthRequest,
  { ...head, methodName: literalName('none') },
  'SSH_MSG_USERAUTH_REQUEST (none)',
);

/** RFC 4252 §8. */
export interface UserauthPasswordRequest extends RequestHead {
  readonly methodName: 'password';
  readonly changesPassword: false;
  readonly password: string;
}

export const userauthPasswordRequest: MessageCodec<UserauthPasswordRequest> = message(
  messageNumbers.userauthRequest,
  {
    ...head,
    methodName: literalName('password'),
    changesPassword: literalBoolean(false),
    password: exactText,
  },
  'SSH_MSG_USERAUTH_REQUEST (password)',
);

/** RFC 4252 §8: the answer to PASSWD_CHANGEREQ. */
export interface UserauthPasswordChangeRequest extends RequestHead {
  readonly methodName: 'password';
  readonly changesPassword: true;
  readonly oldPassword: string;
  readonly newPassword: string;
}

export const userauthPasswordChangeRequest: MessageCodec<UserauthPasswordChangeRequest> = message(
  messageNumbers.userauthRequest,
  {
    ...head,
    methodName: literalName('password'),
    changesPassword: literalBoolean(true),
    oldPassword: exactText,
    newPassword: exactText,
  },
  'SSH_MSG_USERAUTH_REQUEST (password change)',
);

/** RFC 4252 §7: would this key do? */
export interface UserauthPublickeyQuery extends RequestHead {
  readonly methodName: 'publickey';
  readonly hasSignature: false;
  /** The signature algorithm; for RSA not the type in the key blob (RFC 8332 §3). */
  readonly publicKeyAlgorithm: string;
  /** Public key blob, or certificate. */
  readonly publicKey: Uint8Array;
}

export const userauthPublickeyQuery: MessageCodec<UserauthPublickeyQuery> = message(
  messageNumbers.userauthRequest,
  {
    ...head,
    methodName: literalName('publickey'),
    hasSignature: literalBoolean(false),
    publicKeyAlgorithm: name,
    publicKey: string,
  },
  'SSH_MSG_USERAUTH_REQUEST (publickey query)',
);

/** RFC 4252 §7: the request that authenticates. */
export interface UserauthPublickeyRequest extends RequestHead {
  readonly methodName: 'publickey';
  readonly hasSignature: true;
  readonly publicKeyAlgorithm: string;
  readonly publicKey: Uint8Array;
  /** Signature blob over session id and request. */
  readonly signature: Uint8Array;
}

export const userauthPublickeyRequest: MessageCodec<UserauthPublickeyRequest> = message(
  messageNumbers.userauthRequest,
  {
    ...head,
    methodName: literalName('publickey'),
    hasSignature: literalBoolean(true),
    publicKeyAlgorithm: name,
    publicKey: string,
    signature: string,
  },
  'SSH_MSG_USERAUTH_REQUEST (publickey)',
);

const hostbound = 'publickey-hostbound-v00@openssh.com';

/** OpenSSH PROTOCOL §3.1: `publickey` whose signature covers the server's host key too. */
export interface UserauthHostboundRequest extends RequestHead {
  readonly methodName: typeof hostbound;
  readonly hasSignature: true;
  readonly publicKeyAlgorithm: string;
  readonly publicKey: Uint8Array;
  readonly serverHostKey: Uint8Array;
  readonly signature: Uint8Array;
}

export const userauthHostboundRequest: MessageCodec<UserauthHostboundRequest> = message(
  messageNumbers.userauthRequest,
  {
    ...head,
    methodName: literalName(hostbound),
    hasSignature: literalBoolean(true),
    publicKeyAlgorithm: name,
    publicKey: string,
    serverHostKey: string,
    signature: string,
  },
  'SSH_MSG_USERAUTH_REQUEST (publickey-hostbound)',
);

/** RFC 4256 §3.1. */
export interface UserauthKeyboardInteractiveRequest extends RequestHead {
  readonly methodName: 'keyboard-interactive';
  /** Deprecated by the RFC; empty. */
  readonly languageTag: string;
  /** Names of submethods, comma-separated, as a hint. */
  readonly submethods: string;
}

export const userauthKeyboardInteractiveRequest: MessageCodec<UserauthKeyboardInteractiveRequest> = message(
  messageNumbers.userauthRequest,
  { ...head, methodName: literalName('keyboard-interactive'), languageTag: shortText, submethods: shortText },
  'SSH_MSG_USERAUTH_REQUEST (keyboard-interactive)',
);

/** RFC 4252 §5.1. */
export interface UserauthFailure {
  readonly authenticationsThatCanContinue: readonly string[];
  /** The request succeeded and is not enough. */
  readonly partialSuccess: boolean;
}

export const userauthFailure: MessageCodec<UserauthFailure> = message(messageNumbers.userauthFailure, {
  authenticationsThatCanContinue: nameList,
  partialSuccess: boolean,
});

/** RFC 4252 §5.1. */
export type UserauthSuccess = Empty;

export const userauthSuccess: MessageCodec<UserauthSuccess> = message(messageNumbers.userauthSuccess, {});

/** RFC 4252 §5.4. The text is the peer's and not escaped. */
export interface UserauthBanner {
  readonly message: string;
  readonly languageTag: string;
}

export const userauthBanner: MessageCodec<UserauthBanner> = message(messageNumbers.userauthBanner, {
  message: text,
  languageTag: shortText,
});

/** RFC 4252 §7: both fields are those of the query. */
export interface UserauthPkOk {
  readonly publicKeyAlgorithm: string;
  readonly publicKey: Uint8Array;
}

export const userauthPkOk: MessageCodec<UserauthPkOk> = message(
  messageNumbers.userauthPkOk,
  { publicKeyAlgorithm: name, publicKey: string },
  'SSH_MSG_USERAUTH_PK_OK',
);

/** RFC 4252 §8. */
export interface UserauthPasswdChangeReq {
  readonly prompt: string;
  readonly languageTag: string;
}

export const userauthPasswdChangeReq: MessageCodec<UserauthPasswdChangeReq> = message(
  messageNumbers.userauthPasswdChangeReq,
  { prompt: text, languageTag: shortText },
  'SSH_MSG_USERAUTH_PASSWD_CHANGEREQ',
);

/** One question to the user; `echo` says whether the answer may be shown while it is typed. */
export interface Prompt {
  readonly prompt: string;
  readonly echo: boolean;
}

/** RFC 4256 §3.2. */
export interface UserauthInfoRequest {
  readonly name: string;
  readonly instruction: string;
  readonly languageTag: string;
  readonly prompts: readonly Prompt[];
}

/** An empty prompt and its echo. */
const shortestPrompt = 5;

export const userauthInfoRequest: MessageCodec<UserauthInfoRequest> = message(
  messageNumbers.userauthInfoRequest,
  {
    name: text,
    instruction: text,
    languageTag: shortText,
    prompts: counted(struct<Prompt>({ prompt: text, echo: boolean }), shortestPrompt),
  },
  'SSH_MSG_USERAUTH_INFO_REQUEST',
);

/** RFC 4256 §3.4: as many as there were prompts. */
export interface UserauthInfoResponse {
  readonly responses: readonly string[];
}

export const userauthInfoResponse: MessageCodec<UserauthInfoResponse> = message(
  messageNumbers.userauthInfoResponse,
  { responses: counted(exactText, 4) },
);
