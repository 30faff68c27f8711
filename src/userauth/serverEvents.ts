/**
 * The vocabulary of the server's side of authentication.
 *
 * Owns: what the application is asked, what it may answer, the states.
 * Must not know: users, passwords, keys.
 */
import type { MessageCodec } from '../message/codec.ts';
import type { Prompt } from '../message/userauth.ts';

/** A request as the application decides on it. Names and texts are the client's and not escaped. */
export type UserauthServerMethod =
  | { readonly method: 'none' }
  | {
      readonly method: 'publickey';
      readonly algorithm: string;
      readonly publicKey: Uint8Array;
      /**
       * True: the client signs with the key, and the signature is looked at once the
       * application says that the key is the user's. False: the client asks whether
       * the key would do; `pkOk` says yes.
       */
      readonly signed: boolean;
    }
  | {
      readonly method: 'password';
      readonly password: string;
      /** Present when the client wants this password from now on. */
      readonly newPassword: string | undefined;
    }
  | {
      readonly method: 'keyboard-interactive';
      readonly submethods: string;
      /** The answers to the last `infoRequest`, as many as its prompts; undefined before the first. */
      readonly responses: readonly string[] | undefined;
    };

export type UserauthServerEvent =
  /** Answered by exactly one of `accept`, `reject`, `pkOk`, `infoRequest`, `passwdChangeReq`. */
  | {
      readonly type: 'request';
      readonly username: string;
      readonly service: string;
      readonly method: UserauthServerMethod;
      /** Methods that succeeded before, for this user and service (RFC 4252 §5). */
      readonly succeeded: readonly string[];
    }
  /** SUCCESS was sent. */
  | {
      readonly type: 'authenticated';
      readonly username: string;
      readonly service: string;
      readonly method: string;
    };

/** What goes with a `reject`. */
export interface UserauthRejection {
  /** The request succeeded and more is wanted. */
  readonly partialSuccess?: boolean | undefined;
  /** What may be tried next, and nothing else; stays in force until it is changed or another user is asked for. */
  readonly methods?: readonly string[] | undefined;
}

/** What the user is asked with keyboard-interactive (RFC 4256 §3.2). */
export interface UserauthInfo {
  readonly name?: string | undefined;
  readonly instruction?: string | undefined;
  readonly prompts: readonly Prompt[];
}

/** Checks a signature blob; every answer other than `true`, and a throw, is a refusal. */
export type SignatureVerifier = (
  algorithm: string,
  publicKey: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
) => boolean;

/** Whether a key may be used at all, with this algorithm: known, and no larger than is sensible. */
export type KeyFilter = (algorithm: string, publicKey: Uint8Array) => boolean;

export interface UserauthServerSink {
  send<T>(message: MessageCodec<T>, value: T): void;
}

/** Who asks to be let in, and for what. */
export interface Applicant {
  readonly username: string;
  readonly service: string;
}

export type ServerState =
  | { readonly name: 'requestWanted' | 'done' | 'failed' }
  | { readonly name: 'undecided'; readonly applicant: Applicant; readonly pending: Pending }
  | {
      readonly name: 'responsesWanted';
      readonly applicant: Applicant;
      readonly count: number;
      readonly submethods: string;
    };

/** A request with a signature. */
export interface SignedRequest {
  readonly kind: 'publickey';
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
  /** What is signed (RFC 4252 §7). */
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/** A request that waits for the application, without its secrets. */
export type Pending =
  | { readonly kind: 'none' }
  | { readonly kind: 'publickeyQuery'; readonly algorithm: string; readonly publicKey: Uint8Array }
  | SignedRequest
  | { readonly kind: 'password' }
  | { readonly kind: 'keyboard-interactive'; readonly submethods: string };
