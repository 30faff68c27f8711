/**
 * The methods of authentication as a user names them.
 *
 * Owns: what each method takes, an order of them, and the errors of bad ones.
 * Must not know: what is tried next, messages.
 */
import {
  anyObject,
  anyText,
  callback,
  checkArgument,
  checkOptions,
  describeType,
  eitherOf,
  flag,
  isObject,
  type OptionRule,
  type OptionTable,
  oneOf,
  optionsError,
  someText,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import type { Challenge } from '../../endpoint/challenge.ts';
import {
  certificates,
  keyInput,
  passphrase,
  password,
  publicKeys,
} from '../../endpoint/options/optionRules.ts';
import { connectNames } from '../../endpoint/options/otherNames.ts';
import type { PrivateKeyInput } from '../../endpoint/privateKeys.ts';

/** A certificate as text or bytes of a file such as `id_ed25519-cert.pub`, or read. */
export type CertificateInput = string | Uint8Array | Certificate;

/** Answers a round, one answer for each prompt; undefined gives the method up. */
export type KeyboardInteractive = (
  challenge: Challenge,
) => Promise<readonly string[] | undefined> | readonly string[];

/**
 * Asked when the server wants a password; undefined gives the method up, and what
 * it throws rejects the dial. `attempt` counts from 1.
 */
export type PasswordFunction = (request: {
  readonly attempt: number;
}) => Promise<string | undefined> | string | undefined;

/**
 * Asked when an encrypted key is to sign: before that the server is only asked
 * whether the key would do, where the file tells the public half. Undefined
 * leaves the key out. `attempt` counts from 1.
 */
export type PassphraseFunction = (request: {
  readonly attempt: number;
}) => Promise<string | undefined> | string | undefined;

/** The client asks this for a new password when the server wants one; undefined refuses. */
export type ChangePassword = (prompt: string) => Promise<string | undefined> | string | undefined;

/** How a key is given to an agent. */
export interface AddToAgent {
  /** Path of the agent's socket or pipe. Default: the user's own agent. */
  readonly agent?: string | true | undefined;
  /** A text that lists show beside the key. Default: empty. */
  readonly comment?: string | undefined;
  /** Seconds after which the agent forgets the key. Default: never. */
  readonly lifetime?: number | undefined;
  /** The agent asks its user before each signature. Default: `false`. */
  readonly confirm?: boolean | undefined;
  /** The client asks this first, and adds the key only after `true`. Default: it asks nobody. */
  readonly ask?: (() => boolean | Promise<boolean>) | undefined;
}

/** One step of an explicit order of authentication. */
export type AuthMethod =
  | 'none'
  | {
      /** No credential. Some servers let users in without one; the others say what they accept. */
      readonly method: 'none';
    }
  | {
      /** A private key of your own. */
      readonly method: 'publickey';
      /** One key, as for `privateKey` of `connect`. */
      readonly privateKey: PrivateKeyInput;
      /** The passphrase of this key, or a function that the client asks when it needs one. */
      readonly passphrase?: string | Uint8Array | PassphraseFunction | undefined;
      /** Certificates for this key; the client tries them before the plain key. */
      readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
      /** Offers only the certificates, not the plain key. Default: `false`. */
      readonly certificateOnly?: boolean | undefined;
      /** How often the client asks a passphrase function. Default: 3. */
      readonly attempts?: number | undefined;
      /** Gives the key to an agent after a login with it. If the agent refuses, `onDebug` gets a line. */
      readonly addToAgent?: AddToAgent | undefined;
    }
  | {
      /** The keys of an authentication agent. */
      readonly method: 'agent';
      /** Path of the agent's socket or pipe. Default: the user's own agent. */
      readonly agent?: string | true | undefined;
      /** Uses only these keys, and certificates for them that the agent holds. Default: all that it holds. */
      readonly keys?: readonly PublicKey[] | undefined;
      /** Certificates for keys that the agent holds, even keys that `keys` leaves out; the client tries them first. */
      readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
    }
  | {
      /** A password. */
      readonly method: 'password';
      /** The password, or a function that the client asks when the server wants it. */
      readonly password: string | PasswordFunction;
      /** The client asks this for a new password when the server wants one. */
      readonly changePassword?: ChangePassword | undefined;
      /** How often the client asks a function. Default: 3. */
      readonly attempts?: number | undefined;
    }
  | {
      /** Questions of the server (RFC 4256). */
      readonly method: 'keyboard-interactive';
      /** Answers each round of questions. */
      readonly answer: KeyboardInteractive;
      /** How often the client begins the method if the server does not accept the answers. Default: 1. */
      readonly attempts?: number | undefined;
    };

/** The steps of a method. */
export type AuthMethodOf<Method extends string> = Extract<AuthMethod, { readonly method: Method }>;

const method = anyText;
const attempts = wholeNumber(1, 1000);

const methodTables: {
  readonly [Method in Exclude<AuthMethod, string>['method']]: OptionTable<AuthMethodOf<Method>>;
} = {
  none: { method },
  publickey: {
    method,
    privateKey: keyInput,
    passphrase,
    certificate: certificates,
    certificateOnly: flag,
    attempts,
    addToAgent: anyObject,
  },
  agent: {
    method,
    agent: eitherOf("the path of its socket, or true for the user's own", someText, oneOf(true)),
    keys: publicKeys,
    certificate: certificates,
  },
  password: { method, password, changePassword: callback, attempts },
  'keyboard-interactive': { method, answer: callback, attempts },
};

/** What each method cannot do without. */
const needed: Readonly<Record<string, string>> = {
  publickey: 'privateKey',
  password: 'password',
  'keyboard-interactive': 'answer',
};

/** @throws SshError `ERR_SSH_OPTIONS` that names the step, what it takes and what it got */
export function checkAuthOrder(steps: readonly unknown[]): void {
  for (const [index, step] of steps.entries()) checkStep(step, `auth[${index}]`);
}

function checkStep(step: unknown, name: string): void {
  if (step === 'none') return;
  const known = Object.keys(methodTables);
  if (!isObject(step)) {
    throw optionsError(`${name} must be an object with a method, or 'none', not ${describeType(step)}`);
  }
  checkArgument(`${name}.method`, step['method'], oneOf(...known));
  const chosen = String(step['method']);
  const table =
    (methodTables as Readonly<Record<string, Readonly<Record<string, OptionRule>>>>)[chosen] ?? {};
  const prefix = `${name}.`;
  checkOptions(step, { of: `the method ${chosen}`, table, otherNames: connectNames, prefix });
  const option = needed[chosen];
  const rule = option === undefined ? undefined : table[option];
  if (option !== undefined && rule !== undefined) checkArgument(`${prefix}${option}`, step[option], rule);
}
