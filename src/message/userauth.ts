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
  /** Who wants to log in. */
  readonly userName: string;
  /** What is wanted once the user is in: `ssh-connection`. */
  readonly serviceName: string;
}

const head: { readonly userName: Codec<string>; readonly serviceName: Codec<string> } = {
  userName: shortExactText,
  serviceName: name,
};

/** RFC 4252 §5: a request of any method. */
export interface UserauthRequest extends RequestHead {
  /** Name of the method. */
  readonly methodName: string;
  /** Fields of the method, as they came. */
  readonly methodFields: Uint8Array;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST. */
export const userauthRequest: MessageCodec<UserauthRequest> = message(messageNumbers.userauthRequest, {
  ...head,
  methodName: name,
  methodFields: rest,
});

/** RFC 4252 §5.2. */
export interface UserauthNoneRequest extends RequestHead {
  /** Name of the method. */
  readonly methodName: 'none';
}

/** Codec of SSH_MSG_USERAUTH_REQUEST with the method `none`. */
export const userauthNoneRequest: MessageCodec<UserauthNoneRequest> = message(
  messageNumbers.userauthRequest,
  { ...head, methodName: literalName('none') },
  'SSH_MSG_USERAUTH_REQUEST (none)',
);

/** RFC 4252 §8. */
export interface UserauthPasswordRequest extends RequestHead {
  /** Name of the method. */
  readonly methodName: 'password';
  /** Tells a change of the password from a login. */
  readonly changesPassword: false;
  /** The password. */
  readonly password: string;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST with a password (RFC 4252 §8). */
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
  /** Name of the method. */
  readonly methodName: 'password';
  /** Tells a change of the password from a login. */
  readonly changesPassword: true;
  /** The password as it is. */
  readonly oldPassword: string;
  /** The password to be. */
  readonly newPassword: string;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST with a change of the password (RFC 4252 §8). */
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
  /** Name of the method. */
  readonly methodName: 'publickey';
  /** Whether the request is signed. */
  readonly hasSignature: false;
  /** The signature algorithm; for RSA not the type in the key blob (RFC 8332 §3). */
  readonly publicKeyAlgorithm: string;
  /** Public key blob, or certificate. */
  readonly publicKey: Uint8Array;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST that asks whether a key would do (RFC 4252 §7). */
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
  /** Name of the method. */
  readonly methodName: 'publickey';
  /** Whether the request is signed. */
  readonly hasSignature: true;
  /** Algorithm of the signature, such as `rsa-sha2-512`. */
  readonly publicKeyAlgorithm: string;
  /** Public key blob. */
  readonly publicKey: Uint8Array;
  /** Signature blob over session id and request. */
  readonly signature: Uint8Array;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST signed by a key (RFC 4252 §7). */
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
  /** Name of the method. */
  readonly methodName: typeof hostbound;
  /** Whether the request is signed. */
  readonly hasSignature: true;
  /** Algorithm of the signature, such as `rsa-sha2-512`. */
  readonly publicKeyAlgorithm: string;
  /** Public key blob. */
  readonly publicKey: Uint8Array;
  /** Public key blob of the server that the request is for. */
  readonly serverHostKey: Uint8Array;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST by `publickey-hostbound-v00@openssh.com`. */
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
  /** Name of the method. */
  readonly methodName: 'keyboard-interactive';
  /** Deprecated by the RFC; empty. */
  readonly languageTag: string;
  /** Names of submethods, comma-separated, as a hint. */
  readonly submethods: string;
}

/** Codec of SSH_MSG_USERAUTH_REQUEST by keyboard-interactive (RFC 4256). */
export const userauthKeyboardInteractiveRequest: MessageCodec<UserauthKeyboardInteractiveRequest> = message(
  messageNumbers.userauthRequest,
  { ...head, methodName: literalName('keyboard-interactive'), languageTag: shortText, submethods: shortText },
  'SSH_MSG_USERAUTH_REQUEST (keyboard-interactive)',
);

/** RFC 4252 §5.1. */
export interface UserauthFailure {
  /** Methods that may follow. */
  readonly authenticationsThatCanContinue: readonly string[];
  /** The request succeeded and is not enough. */
  readonly partialSuccess: boolean;
}

/** Codec of SSH_MSG_USERAUTH_FAILURE. */
export const userauthFailure: MessageCodec<UserauthFailure> = message(messageNumbers.userauthFailure, {
  authenticationsThatCanContinue: nameList,
  partialSuccess: boolean,
});

/** RFC 4252 §5.1. */
export type UserauthSuccess = Empty;

/** Codec of SSH_MSG_USERAUTH_SUCCESS. */
export const userauthSuccess: MessageCodec<UserauthSuccess> = message(messageNumbers.userauthSuccess, {});

/** RFC 4252 §5.4. The text is the peer's and not escaped. */
export interface UserauthBanner {
  /** For people, as the sender wrote it: not escaped. */
  readonly message: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/** Codec of SSH_MSG_USERAUTH_BANNER. */
export const userauthBanner: MessageCodec<UserauthBanner> = message(messageNumbers.userauthBanner, {
  message: text,
  languageTag: shortText,
});

/** RFC 4252 §7: both fields are those of the query. */
export interface UserauthPkOk {
  /** Algorithm of the signature, such as `rsa-sha2-512`. */
  readonly publicKeyAlgorithm: string;
  /** Public key blob. */
  readonly publicKey: Uint8Array;
}

/** Codec of SSH_MSG_USERAUTH_PK_OK. */
export const userauthPkOk: MessageCodec<UserauthPkOk> = message(
  messageNumbers.userauthPkOk,
  { publicKeyAlgorithm: name, publicKey: string },
  'SSH_MSG_USERAUTH_PK_OK',
);

/** RFC 4252 §8. */
export interface UserauthPasswdChangeReq {
  /** The question, as the server wrote it: not escaped. */
  readonly prompt: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/** Codec of SSH_MSG_USERAUTH_PASSWD_CHANGE_REQ. */
export const userauthPasswdChangeReq: MessageCodec<UserauthPasswdChangeReq> = message(
  messageNumbers.userauthPasswdChangeReq,
  { prompt: text, languageTag: shortText },
  'SSH_MSG_USERAUTH_PASSWD_CHANGEREQ',
);

/** One question to the user; `echo` says whether the answer may be shown while it is typed. */
export interface Prompt {
  /** The question, as the server wrote it: not escaped. */
  readonly prompt: string;
  /** Whether what is typed may be shown. */
  readonly echo: boolean;
}

/** RFC 4256 §3.2. */
export interface UserauthInfoRequest {
  /** A heading, as the server wrote it: not escaped. */
  readonly name: string;
  /** What to do, as the server wrote it: not escaped. */
  readonly instruction: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
  /** The questions, in order. */
  readonly prompts: readonly Prompt[];
}

/** An empty prompt and its echo. */
const shortestPrompt = 5;

/** Codec of SSH_MSG_USERAUTH_INFO_REQUEST. */
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
  /** One for each prompt, in order. */
  readonly responses: readonly string[];
}

/** Codec of SSH_MSG_USERAUTH_INFO_RESPONSE. */
export const userauthInfoResponse: MessageCodec<UserauthInfoResponse> = message(
  messageNumbers.userauthInfoResponse,
  { responses: counted(exactText, 4) },
);
