/**
 * What `connect` takes, checked and completed.
 *
 * Owns: the options of a connection, their defaults and the errors of bad ones.
 * Must not know: how any of them is carried out.
 */
import type { Address } from '../base/addressed.ts';
import { type Limits, resolveLimits } from '../base/limits.ts';
import {
  checkedTimeout,
  defaultDialTimeout,
  type KeepAlive,
  resolveKeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../base/timeouts.ts';
import type { Certificate } from '../crypto/certificate.ts';
import type { PrivateKey, PrivateKeyFile } from '../crypto/privateKey.ts';
import type { PublicKey } from '../crypto/publicKey.ts';
import { identificationLine } from '../transport/identification.ts';
import type { AlgorithmPreferences } from '../transport/negotiation.ts';
import { defaultRekeyPolicy, type RekeyPolicy } from '../transport/transport.ts';
import { type AlgorithmOptions, resolveAlgorithms } from './algorithmOptions.ts';
import type { Client } from './client.ts';
import type { HostKeyVerifier } from './hostKeys.ts';
import { optionsError } from './optionErrors.ts';
import type { Duplex } from './streams.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** A private key as text or bytes of a file, or parsed. */
export type PrivateKeyInput = string | Uint8Array | PrivateKey | PrivateKeyFile;

/** A certificate as text or bytes of a file such as `id_ed25519-cert.pub`, or read. */
export type CertificateInput = string | Uint8Array | Certificate;

/** One question of keyboard-interactive authentication (RFC 4256 §3.2). Texts are the server's, escaped. */
export interface Prompt {
  readonly prompt: string;
  /** Whether what is typed may be shown. */
  readonly echo: boolean;
}

/** A round of questions. */
export interface Challenge {
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly Prompt[];
}

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

/** Asked when the server wants the password changed; undefined refuses. */
export type ChangePassword = (prompt: string) => Promise<string | undefined> | string | undefined;

/** One step of an explicit order of authentication. */
export type AuthMethod =
  | 'none'
  | { readonly method: 'none' }
  | {
      readonly method: 'publickey';
      readonly privateKey: PrivateKeyInput;
      readonly passphrase?: string | Uint8Array | PassphraseFunction | undefined;
      /** For this key; tried before the plain key. */
      readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
    }
  | {
      readonly method: 'agent';
      /** Path of its socket, or of its pipe; the user's own where not given. */
      readonly agent?: string | true | undefined;
      /** Only these keys, and certificates for them; all it holds where not given. */
      readonly keys?: readonly PublicKey[] | undefined;
    }
  | {
      readonly method: 'password';
      readonly password: string | PasswordFunction;
      readonly changePassword?: ChangePassword | undefined;
    }
  | {
      readonly method: 'keyboard-interactive';
      readonly answer: KeyboardInteractive;
      /** How often the method is begun while the answers given are not accepted; 1. */
      readonly attempts?: number | undefined;
    };

export interface ConnectOptions {
  /** Name or address; needed unless `stream` is given. */
  readonly host?: string | undefined;
  /** 22. */
  readonly port?: number | undefined;
  /** The name of the local user where the platform knows it. */
  readonly username?: string | undefined;
  /** One or several; each is tried in turn. */
  readonly privateKey?: PrivateKeyInput | readonly PrivateKeyInput[] | undefined;
  /** Of encrypted private keys, or a function that is asked when one is needed. */
  readonly passphrase?: string | Uint8Array | PassphraseFunction | undefined;
  /** For the keys given; each is tried before the plain key it is for. */
  readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
  /**
   * An authentication agent: the path of its socket, or `true` for the user's own
   * (`SSH_AUTH_SOCK`, or the pipe of the agent of Windows). Tried after the keys
   * given. Where no credential at all is given, the user's own is tried; `false`
   * never.
   */
  readonly agent?: string | boolean | undefined;
  /** Or a function that is asked when needed. */
  readonly password?: string | PasswordFunction | undefined;
  readonly changePassword?: ChangePassword | undefined;
  readonly keyboardInteractive?: KeyboardInteractive | undefined;
  /** Explicit order; the credentials above are not looked at then. */
  readonly auth?: readonly AuthMethod[] | undefined;
  /** `knownHosts()` where not given. */
  readonly verifyHostKey?: HostKeyVerifier | undefined;
  /** Lists or changes to the default ones, by kind; `'compatible'` adds what older servers need, `'legacy'` what only very old ones do. */
  readonly algorithms?: AlgorithmOptions | undefined;
  /** `auto` takes OpenSSL where it is faster; `noble` keeps everything in TypeScript. */
  readonly crypto?: 'auto' | 'noble' | undefined;
  /** The whole dial in milliseconds, 30,000; the time the caller's own functions take is not counted. */
  readonly timeout?: number | undefined;
  readonly timeouts?: Optional<Timeouts> | undefined;
  /** `{ interval: 15_000, maxMissed: 3 }`; `false` turns it off. */
  readonly keepAlive?: Optional<KeepAlive> | boolean | undefined;
  /** When new keys are agreed on: 1 GiB, 2^31 packets, one hour. */
  readonly rekey?: Optional<RekeyPolicy> | undefined;
  readonly limits?: Optional<Limits> | undefined;
  /** Aborts the dial. */
  readonly signal?: AbortSignal | undefined;
  /** Connect through another client, which opens the TCP connection from its server. */
  readonly via?: Client | undefined;
  /** Any duplex stream in place of a TCP connection. */
  readonly stream?: Duplex | undefined;
  /** Told of the server's banner (RFC 4252 §5.4), escaped but for line ends. What it throws rejects the dial. */
  readonly onBanner?: ((message: string) => void) | undefined;
  /**
   * Told what the connection does, a line each, for people. What it throws rejects
   * the dial; later it ends the connection, whose calls reject with that.
   */
  readonly onDebug?: ((line: string) => void) | undefined;
  /** Local address to connect from. */
  readonly localAddress?: string | undefined;
  /** 4 or 6; both are tried where not given. */
  readonly family?: 4 | 6 | undefined;
  /** End the connection unless the server offers strict key exchange. */
  readonly requireStrictKeyExchange?: boolean | undefined;
  /** Software version in our identification string. */
  readonly softwareVersion?: string | undefined;
  /** Keep the frames of the caller's code where the connection was opened, for reports. `false` */
  readonly captureStack?: boolean | undefined;
}

/** Options, checked and completed. */
export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  /** What errors say of where it happened; undefined for a stream without a host. */
  readonly target: Address | undefined;
  readonly username: string;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly dialTimeout: number;
  readonly keepAlive: KeepAlive | undefined;
  readonly rekey: RekeyPolicy;
  readonly identification: Uint8Array;
  readonly given: ConnectOptions;
}

const knownNames: ReadonlySet<string> = new Set([
  'host',
  'port',
  'username',
  'privateKey',
  'passphrase',
  'certificate',
  'agent',
  'password',
  'changePassword',
  'keyboardInteractive',
  'auth',
  'verifyHostKey',
  'algorithms',
  'crypto',
  'timeout',
  'timeouts',
  'keepAlive',
  'rekey',
  'limits',
  'signal',
  'via',
  'stream',
  'onBanner',
  'onDebug',
  'localAddress',
  'family',
  'requireStrictKeyExchange',
  'softwareVersion',
  'captureStack',
]);

/**
 * @throws SshError `ERR_SSH_OPTIONS` that names the option and what it takes
 */
export function resolveOptions(given: ConnectOptions, localUser: () => string | undefined): ResolvedOptions {
  for (const name of Object.keys(given)) {
    if (!knownNames.has(name)) throw optionsError(`there is no option ${JSON.stringify(name)}`);
  }
  const { host, port = 22, username = localUser(), stream, via } = given;
  if (stream !== undefined && via !== undefined) throw optionsError('stream and via exclude each other');
  if ((host === undefined || host === '') && stream === undefined) throw optionsError('host is missing');
  if (typeof (host ?? '') !== 'string') throw optionsError('host must be a string');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw optionsError(`port must be a whole number from 1 to 65535, not ${String(port)}`);
  }
  if (typeof username !== 'string' || username === '') throw optionsError('username is missing');
  if (given.crypto !== undefined && given.crypto !== 'auto' && given.crypto !== 'noble') {
    throw optionsError("crypto must be 'auto' or 'noble'");
  }
  const { agent } = given;
  if (agent !== undefined && typeof agent !== 'boolean' && (typeof agent !== 'string' || agent === '')) {
    throw optionsError("agent must be the path of its socket, true for the user's own, or false");
  }
  return {
    host: host ?? 'stream',
    port,
    target: host === undefined || host === '' ? undefined : { host, port },
    username,
    preferences: resolveAlgorithms(given.algorithms),
    limits: resolveLimits(given.limits as Partial<Limits> | undefined),
    timeouts: resolveTimeouts(given.timeouts),
    dialTimeout: checkedTimeout('timeout', given.timeout ?? defaultDialTimeout),
    keepAlive: resolveKeepAlive(given.keepAlive),
    rekey: resolveRekey(given.rekey),
    identification: identificationOf(given.softwareVersion),
    given,
  };
}

let defaultIdentification: Uint8Array | undefined;

function identificationOf(softwareVersion: string | undefined): Uint8Array {
  if (softwareVersion !== undefined) return identificationLine(softwareVersion);
  defaultIdentification ??= identificationLine('deadline_ssh');
  return defaultIdentification;
}

function resolveRekey(given: ConnectOptions['rekey']): RekeyPolicy {
  if (given === undefined) return defaultRekeyPolicy;
  const check = (name: keyof RekeyPolicy, lowest: number): number => {
    const value = given?.[name] ?? defaultRekeyPolicy[name];
    if (!(value >= lowest)) throw optionsError(`rekey.${name} must be a number of at least ${lowest}`);
    return value;
  };
  return {
    bytes: check('bytes', 16 * 1024),
    packets: check('packets', 64),
    interval: check('interval', 1000),
  };
}
