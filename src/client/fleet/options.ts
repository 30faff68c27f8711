/**
 * What `runOnAll` takes.
 *
 * Owns: what a target is, the options of the whole, and the errors of bad ones.
 * Must not know: how any of them is carried out.
 */
import {
  anyObject,
  checkOptions,
  eitherOf,
  flag,
  isObject,
  type OptionRule,
  type OptionTable,
  optionsError,
  wholeNumber,
} from '../../base/optionChecks.ts';
import { fleetNames, fleetRunNames } from '../../endpoint/options/otherNames.ts';
import { checkCommandOptions, type RunOptions, runTable } from '../callOptions.ts';
import type { Client } from '../client.ts';
import { type ConnectOptions, connectTable } from '../dial/options.ts';
import type { RetryPolicy } from '../tunnel/retry.ts';

/** `[user@]host[:port]`, or options of its own, which come before those that all share. */
export type FleetTarget = string | ConnectOptions;

/** What the command gets, on every host the same; as the options of `Client.run`. */
export interface FleetRunOptions extends Omit<RunOptions, 'input' | 'signal' | 'onStdout' | 'onStderr'> {
  /** What the command reads from its stdin, on every host the same. */
  readonly input?: string | Uint8Array | undefined;
}

/** What is done on each target in place of a command. */
export type FleetFunction<Target, T> = (
  client: Client,
  target: Target,
  context: { readonly signal: AbortSignal },
) => Promise<T> | T;

/** Where connections come from that outlive a run: a `Pool`. */
export interface ConnectionPool<Target> {
  /** Runs work on a connection to the target, and gives the connection back. */
  use<T>(
    target: Target,
    work: (client: Client, context: { readonly signal: AbortSignal }) => Promise<T> | T,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;
}

/**
 * The options of `connect`, for all targets, and some of the whole. The hops of `via` are
 * dialled once for all of them, and again when they are lost.
 */
export interface RunOnAllOptions
  extends Omit<ConnectOptions, 'host' | 'stream' | 'signal' | 'onBanner' | 'onDebug'> {
  /** Connections at once, those that are just being closed among them. 100 */
  readonly concurrency?: number | undefined;
  /**
   * Dials again a target whose dial failed, but never after a wrong key or a refused login:
   * `{ delay: 500, maxDelay: 30_000, attempts: 2 }` for `true`. A command that has begun is
   * never begun again. `false`
   */
  readonly retry?: { readonly [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined } | boolean | undefined;
  /** Takes connections from there; the pool knows how to connect, and the options of that stay away. */
  readonly pool?: ConnectionPool<never> | undefined;
  /** `timeout` in here is for the command, beside it for the dial. */
  readonly run?: FleetRunOptions | undefined;
  /** Ends everything; the iterator rejects with `ERR_SSH_ABORTED` when nothing is left. */
  readonly signal?: AbortSignal | undefined;
}

const { host: _host, stream: _stream, onBanner: _onBanner, onDebug: _onDebug, ...sharedTable } = connectTable;

const fleetTable: OptionTable<RunOnAllOptions> = {
  ...sharedTable,
  concurrency: wholeNumber(1, Number.POSITIVE_INFINITY),
  retry: eitherOf('true, false or an object such as { attempts: 2 }', flag, anyObject),
  pool: {
    takes: 'a pool, as createPool gives it',
    accepts: (value) => isObject(value) && typeof value['use'] === 'function',
  },
  run: anyObject,
};

const { signal: _signal, onStdout: _onStdout, onStderr: _onStderr, ...commandTable } = runTable;

const fleetRunTable: OptionTable<FleetRunOptions> = {
  ...commandTable,
  input: {
    takes: 'text or bytes: each target gets all of it',
    accepts: (value) => typeof value === 'string' || value instanceof Uint8Array,
    secret: true,
  },
};

export const targetsRule: OptionRule = {
  takes: 'a list of targets, or anything else that can be iterated',
  accepts: (value) => isObject(value) && (Symbol.iterator in value || Symbol.asyncIterator in value),
};

export const targetRule: OptionRule = {
  ...anyObject,
  takes: "a string such as 'user@host:22', or an object",
};

/** @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got */
export function checkFleetOptions(options: unknown): void {
  checkOptions(options, { of: 'runOnAll', table: fleetTable, otherNames: fleetNames });
  const { run } = options as RunOnAllOptions;
  if (run === undefined) return;
  const prefix = 'run.';
  checkOptions(run, { of: 'runOnAll', table: fleetRunTable, otherNames: fleetRunNames, prefix });
  checkCommandOptions(run, prefix);
}

/** With a pool, its maker said how to connect. */
export function checkPooled(connection: ConnectOptions, retry: RunOnAllOptions['retry']): void {
  const [name] = Object.entries({ ...connection, retry }).find(([, value]) => value !== undefined) ?? [];
  if (name !== undefined) throw optionsError(`${name} does not go with pool, which knows how to connect`);
}
