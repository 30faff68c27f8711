/**
 * What a server is made from.
 *
 * Owns: the options of `createServer`, their defaults and checks.
 * Must not know: how any of them is carried out.
 */
import { type Limits, resolveLimits } from '../base/limits.ts';
import { optionsError } from '../base/optionChecks.ts';
import {
  checkedTimeout,
  type KeepAlive,
  resolveKeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../base/timeouts.ts';
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import type { Challenge } from '../endpoint/challenge.ts';
import type { AlgorithmOptions } from '../endpoint/options/algorithmOptions.ts';
import { resolveAlgorithms } from '../endpoint/options/algorithmOptions.ts';
import { resolveRekey } from '../endpoint/options/rekeyOption.ts';
import type { CryptoChoice } from '../endpoint/platform.ts';
import type { PrivateKeyInput } from '../endpoint/privateKeys.ts';
import type { Duplex } from '../endpoint/streams.ts';
import type { ListenPlace, TargetPlace } from '../forwarding/places.ts';
import { identificationLine } from '../transport/identification.ts';
import type { AlgorithmPreferences } from '../transport/kex/negotiation.ts';
import type { RekeyPolicy } from '../transport/transport.ts';
import {
  type ComputingRate,
  defaultKeyExchangeBudget,
  type KeyExchangeBudgetOptions,
} from './admission/keyExchangeBudget.ts';
import { defaultStartups, type NewcomersOptions } from './admission/newcomers.ts';
import { type AuthenticationMethod, Factors } from './factors.ts';
import type { ServerProcess } from './serverProcess.ts';
import type { SftpOption } from './sftpSubsystem.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/**
 * Whether a credential is the user's, and enough to let them in.
 *
 * - `true`: it is right, and the user is let in at once, whatever came before:
 *   a callback that serves as a second factor looks at `context.succeeded`, or
 *   `required` says what has to come first.
 * - `'partial'`: it is right, and one of the other methods is wanted as well.
 * - `{ partial: ['password'] }`: the same, and only these methods may follow.
 * - `false`, and whatever else: it is refused.
 */
export type AuthenticationVerdict =
  | boolean
  | 'partial'
  | {
      /** The methods that may follow. */
      readonly partial: readonly AuthenticationMethod[];
    };

/** The client has to change its password first: it is asked for a new one with this text. */
export interface PasswordChange {
  /** What the client is told. */
  readonly changePassword: string;
}

type Awaitable<T> = T | Promise<T>;

/** What a callback is told apart from the credential. */
export interface AuthenticationContext {
  /**
   * Methods that succeeded before, each with a partial success, in their order.
   * Empty again as soon as the client asks for another user or service.
   */
  readonly succeeded: readonly AuthenticationMethod[];
  /** Where the client is, for logs: `address:port`, or `stream`. */
  readonly from: string;
}

/**
 * One callback a method; a method without one is not offered, and refused. What
 * throws or is no verdict is a refusal.
 *
 * @example
 * ```ts
 * import type { Authentication } from 'deadline-ssh/server';
 * // A key, and then a password: in this order, and neither alone.
 * const authentication: Authentication = {
 *   required: [['publickey', 'password']],
 *   publicKey: (username, key) => username === 'ops' && key.fingerprint === 'SHA256:…',
 *   password: (username, password) => username === 'ops' && password === 'secret',
 * };
 * ```
 */
export interface Authentication {
  /**
   * Lists of methods: who completes one of them, in its order, is let in, and
   * nobody else. The verdicts say of each credential whether it is right.
   */
  readonly required?: readonly (readonly AuthenticationMethod[])[];
  /** Whether a user is let in without anything. */
  readonly none?: (username: string, context: AuthenticationContext) => Awaitable<boolean>;
  /** Whether a password is the user's. */
  readonly password?: (
    username: string,
    password: string,
    context: AuthenticationContext,
  ) => Awaitable<AuthenticationVerdict | PasswordChange>;
  /**
   * Told of a new password beside the old one, both as the client gave them. A
   * verdict that lets the user in, or further, says that the password was
   * changed. Without this callback every change is refused.
   */
  readonly changePassword?: (
    username: string,
    passwords: { readonly oldPassword: string; readonly newPassword: string },
    context: AuthenticationContext,
  ) => Awaitable<AuthenticationVerdict | PasswordChange>;
  /**
   * Asked whether the key is the user's; that its owner is there has been, or
   * will be, proven by a signature. The same key never counts twice.
   */
  readonly publicKey?: (
    username: string,
    key: OfferedKey,
    context: AuthenticationContext,
  ) => Awaitable<AuthenticationVerdict>;
  /** `ask` shows prompts and resolves with as many answers. */
  readonly keyboardInteractive?: (
    username: string,
    ask: (challenge: Optional<Challenge>) => Promise<readonly string[]>,
    context: AuthenticationContext,
  ) => Awaitable<AuthenticationVerdict>;
}

/** A key a client offers. */
export interface OfferedKey {
  /** The public key blob (RFC 4253 §6.6). */
  readonly blob: Uint8Array;
  /** The public key, read. */
  readonly key: PublicKey;
  /** Type of the key, such as `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

/** Where a client wants a TCP connection to lead. */
export interface OpenTcpRequest {
  /** Who asks. */
  readonly username: string;
  /** A name or address, as the client spelled it, without a space or a control character. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** Where the connection comes from on the client's side, as the client says. */
  readonly originatorAddress: string;
  /** The port of that. */
  readonly originatorPort: number;
}

/** What `createServer` takes. `hostKeys` and `authentication` are needed. */
/** A connection that a client wants the server to make (RFC 4254 §7.2; OpenSSH PROTOCOL §2.4). */
export type LocalForwardRequest =
  | {
      /** Who asks. */
      readonly username: string;
      /** A name or address, as the client spelled it. */
      readonly host: string;
      /** From 0 to 65535, as the client gave it. */
      readonly port: number;
      /** Tells the two requests apart. */
      readonly path?: undefined;
      /** Where the connection comes from on the client's side, as the client says. */
      readonly originatorAddress: string;
      /** The port of that. */
      readonly originatorPort: number;
    }
  | {
      /** Who asks. */
      readonly username: string;
      /** Of a unix socket. */
      readonly path: string;
      /** Tells the two requests apart. */
      readonly host?: undefined;
      /** Tells the two requests apart. */
      readonly port?: undefined;
    };

/** A place that a client wants the server to listen on (RFC 4254 §7.1; OpenSSH PROTOCOL §2.4). */
export type RemoteForwardRequest =
  | {
      /** Who asks. */
      readonly username: string;
      /** As the client names it: `''` for all addresses, `localhost` for loopback. */
      readonly host: string;
      /** 0 for any free port. */
      readonly port: number;
      /** Tells the two requests apart. */
      readonly path?: undefined;
    }
  | {
      /** Who asks. */
      readonly username: string;
      /** Of a unix socket. */
      readonly path: string;
      /** Tells the two requests apart. */
      readonly host?: undefined;
      /** Tells the two requests apart. */
      readonly port?: undefined;
    };

/**
 * What a server forwards for its clients: nothing, but what these functions allow.
 *
 * @example
 * ```ts
 * import type { ForwardingFunctions } from 'deadline-ssh/server';
 * const forwarding: ForwardingFunctions = {
 *   // `ssh -L`, `-D`, `-W`, `-J`
 *   local: ({ host, port }) => port === 5432 && host === 'db.internal',
 *   // `ssh -R`, on loopback whatever was asked
 *   remote: ({ port }) => port !== undefined && { host: '127.0.0.1', port },
 * };
 * ```
 */
export interface ForwardingFunctions {
  /** `true` connects as the client asked, a place connects there instead; anything else refuses. */
  readonly local?:
    | ((request: LocalForwardRequest) => Awaitable<boolean | TargetPlace | undefined>)
    | undefined;
  /** `true` listens as the client asked, a place listens there instead; anything else refuses. */
  readonly remote?:
    | ((request: RemoteForwardRequest) => Awaitable<boolean | ListenPlace | undefined>)
    | undefined;
}

/** What `createServer` takes. `hostKeys` and `authentication` are needed. */
export interface ServerOptions {
  /** Private keys as files or parsed, one of each type. */
  readonly hostKeys: PrivateKeyInput | readonly PrivateKeyInput[];
  /** Who is let in. */
  readonly authentication: Authentication;
  /** Runs a command. The process ends when the returned promise settles, or at `process.exit`. */
  readonly exec?: (process: ServerProcess, command: string) => Awaitable<number | undefined>;
  /** Runs a shell, as `exec` runs a command. */
  readonly shell?: (process: ServerProcess) => Awaitable<number | undefined>;
  /** Subsystems by name. */
  readonly subsystems?: Readonly<Record<string, (process: ServerProcess) => Awaitable<number | undefined>>>;
  /**
   * Files over SFTP: `serveFolder('/srv/files')`, handlers of a store of your own, or a
   * function that returns either for a user. Default: no SFTP.
   */
  readonly sftp?: SftpOption;
  /**
   * Opens the connection that a client asks for with direct-tcpip; undefined refuses it. It is not
   * asked about a host or a port that there cannot be. Default: refuses all.
   */
  readonly openTcp?: (request: OpenTcpRequest) => Awaitable<Duplex | undefined>;
  /** What the server forwards for clients, to and from this machine. You cannot give both `openTcp` and `local`. Default: nothing. */
  readonly forwarding?: ForwardingFunctions;
  /** A text that clients show before authentication. Default: none. */
  readonly banner?: string;
  /** As for `connect`. Default: what `'compatible'` offers, without the most expensive key exchanges. */
  readonly algorithms?: AlgorithmOptions;
  /** As for `connect`. Default: `auto`. */
  readonly crypto?: CryptoChoice;
  /** Milliseconds from a connection to its login. Default: 30,000. */
  readonly loginTimeout?: number;
  /**
   * Milliseconds from a credential to its refusal, however long the callback takes, so
   * the time does not tell which users exist. If the callback takes longer, the refusal
   * comes at a multiple of it. Refusals of `none`, and of a key without a signature, come
   * after a quarter of it. 0 refuses at once. Default: 1,000.
   */
  readonly failureDelay?: number;
  /** Milliseconds for each kind of wait. Default: `defaultTimeouts`. */
  readonly timeouts?: Optional<Timeouts>;
  /**
   * Milliseconds of silence before each probe, and how many probes may go unanswered;
   * `false` turns it off. Default: `{ interval: 15_000, maxMissed: 3 }`.
   */
  readonly keepAlive?: Optional<KeepAlive> | boolean;
  /** When the server agrees on new keys. Default: after 1 GiB, 2^31 packets or one hour. */
  readonly rekey?: Optional<RekeyPolicy>;
  /** Bounds on what a client can make this side hold or do. Default: `defaultLimits`. */
  readonly limits?: Optional<Limits>;
  /**
   * How much this server computes for clients that have not logged in, for each
   * address and for all together, in milliseconds of OpenSSL on an ordinary core. A
   * login gives its share back. A key exchange beyond the budget ends its connection.
   * Default: `{ perAddress: { burst: 2_000, perSecond: 200 }, total: { burst: 4_000,
   * perSecond: 500 } }`.
   */
  readonly keyExchangeBudget?: {
    /** For each address. */
    readonly perAddress?: Optional<ComputingRate> | undefined;
    /** For all clients together. */
    readonly total?: Optional<ComputingRate> | undefined;
  };
  /**
   * Bounds on connections that have not logged in. From `start` on, a new connection
   * may take the place of one that has waited for two seconds; the chance rises until
   * `full`. From `full` on, it always takes the place of one of them. The server drops
   * one from the network with the most of them, and of these one that has come least far.
   * Default: `{ start: 64, full: 256 }`.
   */
  readonly maxStartups?: Optional<NewcomersOptions>;
  /**
   * The most connections at once. Beyond that a new one takes the place of one that
   * has not logged in; if all have, the server drops the new one. Default: 1,024.
   */
  readonly maxConnections?: number;
  /** The most commands, shells and subsystems at once on one connection. Default: 10. */
  readonly maxSessions?: number;
  /** Gets what a callback or a handler throws, unchanged, and the end of each connection. */
  readonly onError?: (error: unknown) => void;
  /** Gets a line for each client that comes and each agreement with it. A line begins with an address, and has no secrets. */
  readonly onDebug?: (line: string) => void;
  /** Software version in the identification string. Default: `deadline_ssh`. */
  readonly softwareVersion?: string;
}

/** Options, checked and completed. */
export interface ResolvedServerOptions {
  readonly given: ServerOptions;
  readonly factors: Factors;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly loginTimeout: number;
  readonly failureDelay: number;
  readonly keepAlive: KeepAlive | undefined;
  readonly rekey: RekeyPolicy;
  readonly identification: Uint8Array;
  readonly maxConnections: number;
  readonly keyExchangeBudget: KeyExchangeBudgetOptions;
  readonly maxStartups: NewcomersOptions;
  readonly maxSessions: number;
}

const defaultLoginTimeout = 30_000;
const defaultMaxConnections = 1024;
const defaultMaxSessions = 10;
const defaultFailureDelay = 1_000;

/** @throws SshError `ERR_SSH_OPTIONS` */
export function resolveServerOptions(given: ServerOptions): ResolvedServerOptions {
  return {
    given,
    factors: resolveFactors(given.authentication),
    preferences: resolveAlgorithms(given.algorithms, 'server'),
    limits: resolveLimits(given.limits as Partial<Limits> | undefined),
    timeouts: resolveTimeouts(given.timeouts),
    loginTimeout: checkedTimeout('loginTimeout', given.loginTimeout ?? defaultLoginTimeout),
    failureDelay: resolveFailureDelay(given.failureDelay),
    keepAlive: resolveKeepAlive(given.keepAlive),
    rekey: resolveRekey(given.rekey),
    identification: identificationLine(given.softwareVersion ?? 'deadline_ssh'),
    maxConnections: resolveCount('maxConnections', given.maxConnections ?? defaultMaxConnections),
    maxSessions: resolveCount('maxSessions', given.maxSessions ?? defaultMaxSessions),
    keyExchangeBudget: resolveBudget(given.keyExchangeBudget),
    maxStartups: resolveStartups(given.maxStartups),
  };
}

function resolveCount(name: string, given: number): number {
  if (Number.isSafeInteger(given) && given >= 1) return given;
  throw optionsError(`${name} must be a whole number of at least 1`);
}

function resolveFailureDelay(given: number = defaultFailureDelay): number {
  if (Number.isFinite(given) && given >= 0) return given;
  throw optionsError('failureDelay must be a number of milliseconds, or 0 for none');
}

function resolveStartups(given: ServerOptions['maxStartups']): NewcomersOptions {
  const { start, full } = { ...defaultStartups, ...dropUndefined(given) };
  if (Number.isSafeInteger(start) && Number.isSafeInteger(full) && start >= 1 && full >= start) {
    return { start, full };
  }
  throw optionsError('maxStartups takes whole numbers { start, full }, start at least 1 and full no less');
}

function resolveBudget(given: ServerOptions['keyExchangeBudget']): KeyExchangeBudgetOptions {
  const rate = (name: keyof KeyExchangeBudgetOptions): ComputingRate => {
    const { burst, perSecond } = { ...defaultKeyExchangeBudget[name], ...dropUndefined(given?.[name]) };
    for (const [part, value] of Object.entries({ burst, perSecond })) {
      if (typeof value === 'number' && value > 0) continue;
      throw optionsError(`keyExchangeBudget.${name}.${part} must be a positive number of milliseconds`);
    }
    return { burst, perSecond };
  };
  return { perAddress: rate('perAddress'), total: rate('total') };
}

function dropUndefined<T extends object>(given: Optional<T> | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(given ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

function resolveFactors(authentication: Authentication): Factors {
  const { none, password, changePassword, publicKey, keyboardInteractive, required } = authentication;
  const configured: readonly AuthenticationMethod[] = [
    ...(publicKey === undefined ? [] : (['publickey'] as const)),
    ...(password === undefined ? [] : (['password'] as const)),
    ...(keyboardInteractive === undefined ? [] : (['keyboard-interactive'] as const)),
  ];
  if (configured.length === 0 && none === undefined) {
    throw optionsError('authentication has no callback: nobody could log in');
  }
  if (changePassword !== undefined && password === undefined) {
    throw optionsError('authentication.changePassword needs authentication.password beside it');
  }
  if (required === undefined) return new Factors(configured, undefined);
  if (none !== undefined) {
    throw optionsError('authentication.none lets users in without what authentication.required asks for');
  }
  if (!Array.isArray(required) || required.length === 0 || !required.every(isFilledList)) {
    throw optionsError("authentication.required takes lists of methods, such as [['publickey', 'password']]");
  }
  for (const name of required.flat()) {
    if (configured.includes(name)) continue;
    throw optionsError(
      `authentication.required names ${JSON.stringify(name)}; there are callbacks for ${configured.join(', ')}`,
    );
  }
  return new Factors(configured, required);
}

function isFilledList(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}
