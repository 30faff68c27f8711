/**
 * The vocabulary of the client's side of authentication.
 *
 * Owns: what the driver is asked and may try, the states, which message is
 * legal in which state.
 * Must not know: what any method sends, where credentials come from.
 * Sources: RFC 4252 §5, §5.1, §5.4, §7, §8; RFC 4256 §3.
 */
import { SshError, type SshErrorCode } from '../base/errors.ts';
import type { MessageCodec } from '../message/codec.ts';
import { messageNumbers } from '../message/numbers.ts';
import type { Prompt } from '../message/userauth.ts';

/** What the client's side of authentication needs of those below and around it. */
export interface UserauthSink {
  send<T>(message: MessageCodec<T>, value: T): void;
  /** A request of this method is on its way: the composition puts a deadline on the answer. */
  requestSent(method: string): void;
  /** The answer to it came. */
  answered(): void;
}

/**
 * What the driver is told and asked. Each is answered by exactly one call,
 * `banner` and `authenticated` by none. Texts are the server's and not escaped.
 */
export type UserauthQuestion =
  | {
      /** Answered by `attempt`. */
      readonly type: 'methodWanted';
      /** Empty while the server has not said. */
      readonly methodsThatCanContinue: readonly string[];
      /** The last request succeeded and is not enough. */
      readonly partialSuccess: boolean;
      /** The method that has just failed, or that the driver gave up. */
      readonly failed: string | undefined;
    }
  | {
      /** Answered by `sign` or `signatureFailed`. */
      readonly type: 'signatureWanted';
      /** The bytes that the key signs (RFC 4252 §7). */
      readonly data: Uint8Array;
      /** By which algorithm. */
      readonly algorithm: string;
      /** By which key: its blob, or a certificate. */
      readonly publicKey: Uint8Array;
    }
  | {
      /** Answered by `changePassword` or `refusePasswordChange`. */
      readonly type: 'passwordChangeWanted';
      /** What the server says. */
      readonly prompt: string;
      /** Language of that (RFC 3066); usually empty. */
      readonly languageTag: string;
    }
  | {
      /** Answered by `answerPrompts` or `refusePrompts`. */
      readonly type: 'promptsWanted';
      /** A heading; often empty. */
      readonly name: string;
      /** What to do; often empty. */
      readonly instruction: string;
      /** At least one. */
      readonly prompts: readonly Prompt[];
    }
  | {
      /** The server shows a text. */
      readonly type: 'banner';
      /** The text. */
      readonly message: string;
      /** Language of it (RFC 3066); usually empty. */
      readonly languageTag: string;
      /** The server sent more than the limit of all banners: that rest is gone. */
      readonly isCut: boolean;
    }
  | {
      /** The user is in. */
      readonly type: 'authenticated';
      /** The method that completed it. */
      readonly method: string;
    };

/** One method to try, with what it needs. */
export type UserauthAttempt =
  | {
      /** Asks for the list of methods, or for entry without any proof. */
      readonly method: 'none';
    }
  | {
      /** A key. */
      readonly method: 'publickey';
      /** Signature algorithm; for RSA keys one of rsa-sha2 (RFC 8332). */
      readonly algorithm: string;
      /** Public key blob or certificate. */
      readonly publicKey: Uint8Array;
      /** Ask first whether the key would do, where a signature costs the user something. */
      readonly probe: boolean;
    }
  | {
      /** A password. */
      readonly method: 'password';
      /** In the clear; it goes over the encrypted connection. */
      readonly password: string;
    }
  | {
      /** Questions of the server. */
      readonly method: 'keyboard-interactive';
      /** A hint for the server, usually empty. */
      readonly submethods: string;
    };

/** What every request begins with. */
export interface RequestHead {
  readonly userName: string;
  readonly serviceName: string;
}

/** A key as it stands in requests. */
export interface OfferedKey {
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
  /** Blob of the host key that the signature is bound to as well; undefined where the server knows no such signatures. */
  readonly serverHostKey?: Uint8Array | undefined;
}

export type ClientState =
  | {
      readonly name:
        | 'initial'
        | 'methodWanted'
        | 'noneSent'
        | 'publickeySent'
        | 'passwordSent'
        | 'passwordChangeWanted'
        | 'passwordChangeSent'
        | 'keyboardInteractiveSent'
        | 'done'
        | 'failed';
    }
  | { readonly name: 'publickeyQuerySent' | 'signatureWanted'; readonly key: OfferedKey }
  | { readonly name: 'promptsWanted'; readonly count: number };

/** Where one move of a method leads: what is sent, what the driver is asked. */
export interface Step {
  readonly state: ClientState;
  readonly send?: (sink: UserauthSink) => void;
  readonly question?: UserauthQuestion;
}

/** A state's method, and the messages of the server that are legal in it. */
interface StateRule {
  readonly method: string | undefined;
  readonly legal: readonly number[];
}

const failure = messageNumbers.userauthFailure;
const success = messageNumbers.userauthSuccess;
const banner = messageNumbers.userauthBanner;
/** PK_OK, PASSWD_CHANGEREQ or INFO_REQUEST: the method under way says which (RFC 4252 §6). */
const methodSpecific = 60;

/**
 * The one place that says which message may come when. SUCCESS needs a request
 * that could succeed, which a publickey query is not (RFC 4252 §7 answers it
 * with PK_OK or FAILURE); a banner may come at any time before SUCCESS (§5.4).
 */
export const stateRules: Readonly<Record<ClientState['name'], StateRule>> = {
  initial: { method: undefined, legal: [] },
  methodWanted: { method: undefined, legal: [banner] },
  noneSent: { method: 'none', legal: [banner, failure, success] },
  publickeyQuerySent: { method: 'publickey', legal: [banner, failure, methodSpecific] },
  signatureWanted: { method: 'publickey', legal: [banner] },
  publickeySent: { method: 'publickey', legal: [banner, failure, success] },
  passwordSent: { method: 'password', legal: [banner, failure, success, methodSpecific] },
  passwordChangeWanted: { method: 'password', legal: [banner] },
  passwordChangeSent: { method: 'password', legal: [banner, failure, success, methodSpecific] },
  keyboardInteractiveSent: {
    method: 'keyboard-interactive',
    legal: [banner, failure, success, methodSpecific],
  },
  promptsWanted: { method: 'keyboard-interactive', legal: [banner] },
  done: { method: undefined, legal: [] },
  failed: { method: undefined, legal: [] },
};

/** The peer broke a rule. */
export function protocolError(what: string): SshError {
  return new SshError('ERR_SSH_AUTHENTICATION_PROTOCOL', `authentication protocol broken: ${what}`, {
    phase: 'authentication',
  });
}

/** The caller did what cannot be done now. */
export function misuse(what: string, code: SshErrorCode = 'ERR_SSH_OPTIONS'): SshError {
  return new SshError(code, what, { phase: 'authentication', origin: 'user' });
}
