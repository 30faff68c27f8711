/**
 * What a server is made from.
 *
 * Owns: the options of `createServer`, their defaults and checks.
 * Must not know: how any of them is carried out.
 */
import { type Limits, resolveLimits } from '../base/limits.ts';
import {
  checkedTimeout,
  type KeepAlive,
  resolveKeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../base/timeouts.ts';
import { resolveAlgorithms } from '../client/algorithmOptions.ts';
import { optionsError } from '../client/optionErrors.ts';
import type { Challenge, ConnectOptions, PrivateKeyInput } from '../client/options.ts';
import type { Duplex } from '../client/streams.ts';
import type { PublicKey } from '../crypto/publicKey.ts';
import { identificationLine } from '../transport/identification.ts';
import type { AlgorithmPreferences } from '../transport/negotiation.ts';
import { defaultRekeyPolicy, type RekeyPolicy } from '../transport/transport.ts';
import type { ServerProcess } from './serverProcess.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Whether a credential lets its user in. `partial`: it is right, and another method is wanted as well. */
export type AuthenticationVerdict = boolean | 'partial';

type Awaitable<T> = T | Promise<T>;

/** One callback a method; a method without one is not offered. What throws or is no verdict is a refusal. */
export interface Authentication {
  readonly none?: (username: string) => Awaitable<AuthenticationVerdict>;
  readonly password?: (username: string, password: string) => Awaitable<AuthenticationVerdict>;
  /** Asked whether the key is the user's; that its owner is there has been, or will be, proven by a signature. */
  readonly publicKey?: (username: string, key: OfferedKey) => Awaitable<AuthenticationVerdict>;
  /** `ask` shows prompts and resolves with as many answers. */
  readonly keyboardInteractive?: (
    username: string,
    ask: (challenge: Optional<Challenge>) => Promise<readonly string[]>,
  ) => Awaitable<AuthenticationVerdict>;
}

/** A key a client offers. */
export interface OfferedKey {
  readonly blob: Uint8Array;
  readonly key: PublicKey;
  readonly type: string;
  readonly fingerprint: string;
}

/** Where a client wants a TCP connection to lead. */
export interface OpenTcpRequest {
  readonly username: string;
  readonly host: string;
  readonly port: number;
  readonly originatorAddress: string;
  readonly originatorPort: number;
}

export interface ServerOptions {
  /** Private keys as files or parsed, one of each type. */
  readonly hostKeys: PrivateKeyInput | readonly PrivateKeyInput[];
  readonly authentication: Authentication;
  /** Runs a command. The process ends when the returned promise settles, or at `process.exit`. */
  readonly exec?: (process: ServerProcess, command: string) => Awaitable<number | undefined>;
  readonly shell?: (process: ServerProcess) => Awaitable<number | undefined>;
  /** Subsystems by name. */
  readonly subsystems?: Readonly<Record<string, (process: ServerProcess) => Awaitable<number | undefined>>>;
  /** Opens the connection a client asks for with direct-tcpip; undefined refuses. */
  readonly openTcp?: (request: OpenTcpRequest) => Awaitable<Duplex | undefined>;
  /** Shown before authentication. */
  readonly banner?: string;
  /** As for `connect`; what `'compatible'` offers where not given. */
  readonly algorithms?: ConnectOptions['algorithms'];
  readonly crypto?: 'auto' | 'noble';
  /** Milliseconds from a connection to the end of its authentication. 30,000 */
  readonly loginTimeout?: number;
  readonly timeouts?: Optional<Timeouts>;
  readonly keepAlive?: Optional<KeepAlive> | boolean;
  readonly rekey?: Optional<RekeyPolicy>;
  readonly limits?: Optional<Limits>;
  /** Connections at once; further ones are dropped. 1,024 */
  readonly maxConnections?: number;
  /** Told of what a callback or a handler threw, as it was thrown, and of each connection's end. */
  readonly onError?: (error: unknown) => void;
  /** Told which clients come and what was agreed with them, as lines that begin with an address; no secrets. */
  readonly onDebug?: (line: string) => void;
  readonly softwareVersion?: string;
}

/** Options, checked and completed. */
export interface ResolvedServerOptions {
  readonly given: ServerOptions;
  readonly methods: readonly string[];
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly loginTimeout: number;
  readonly keepAlive: KeepAlive | undefined;
  readonly rekey: RekeyPolicy;
  readonly identification: Uint8Array;
  readonly maxConnections: number;
}

const defaultLoginTimeout = 30_000;
const defaultMaxConnections = 1024;

/** @throws SshError `ERR_SSH_OPTIONS` */
export function resolveServerOptions(given: ServerOptions): ResolvedServerOptions {
  const { none, password, publicKey, keyboardInteractive } = given.authentication;
  const methods = [
    ...(publicKey === undefined ? [] : ['publickey']),
    ...(password === undefined ? [] : ['password']),
    ...(keyboardInteractive === undefined ? [] : ['keyboard-interactive']),
  ];
  if (methods.length === 0 && none === undefined)
    throw optionsError('authentication has no callback: nobody could log in');
  const maxConnections = given.maxConnections ?? defaultMaxConnections;
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw optionsError('maxConnections must be a whole number of at least 1');
  }
  return {
    given,
    methods,
    preferences: resolveAlgorithms(given.algorithms, 'server'),
    limits: resolveLimits(given.limits as Partial<Limits> | undefined),
    timeouts: resolveTimeouts(given.timeouts),
    loginTimeout: checkedTimeout('loginTimeout', given.loginTimeout ?? defaultLoginTimeout),
    keepAlive: resolveKeepAlive(given.keepAlive),
    rekey: { ...defaultRekeyPolicy, ...(given.rekey as Partial<RekeyPolicy> | undefined) },
    identification: identificationLine(given.softwareVersion ?? 'deadline_ssh'),
    maxConnections,
  };
}
