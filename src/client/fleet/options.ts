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

/** The options of `Client.run` for the command, the same on every host. */
export interface FleetRunOptions extends Omit<RunOptions, 'input' | 'signal' | 'onStdout' | 'onStderr'> {
  /** What the command reads from its stdin, the same on every host. Default: nothing. */
  readonly input?: string | Uint8Array | undefined;
}

/** A function that runs on each target in place of a command. */
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
 * The options of `connect`, which apply to all targets, and options of the whole run. The
 * hops of `via` are dialled once for all targets, and again if they are lost.
 */
export interface RunOnAllOptions
  extends Omit<ConnectOptions, 'host' | 'stream' | 'signal' | 'onBanner' | 'onDebug'> {
  /** The most connections at once, including those that are just closing. Default: 100. */
  readonly concurrency?: number | undefined;
  /**
   * Dials a target again after a failed dial, but never after a wrong host key or a refused
   * login. `true` is `{ delay: 500, maxDelay: 30_000, attempts: 2 }`. A command that has
   * begun never begins again. Default: `false`.
   */
  readonly retry?: { readonly [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined } | boolean | undefined;
  /** Takes connections from this pool. The pool knows how to connect, so you cannot give options of `connect` too. */
  readonly pool?: ConnectionPool<never> | undefined;
  /** Options of each command. `timeout` in here bounds the command; `timeout` beside it bounds the dial. */
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
