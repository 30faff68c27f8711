/**
 * What `openTunnel` takes.
 *
 * Owns: its options, their defaults and checks.
 * Must not know: how any of them is carried out.
 */
import type { SshError } from '../../base/errors.ts';
import {
  abortSignal,
  anyObject,
  callback,
  checkOptions,
  eitherOf,
  flag,
  type OptionTable,
  optionsError,
  wholeNumber,
} from '../../base/optionChecks.ts';
import { isClient } from '../../endpoint/options/optionRules.ts';
import type { ForwardOptions } from '../../forwarding/forward.ts';
import type { ConnectOptions } from '../dial/options.ts';
import { defaultRetry, type RetryPolicy, retryTable } from './retry.ts';

/**
 * `connecting`: a dial is under way. `up`: connections go through. `waiting`: the
 * connection was lost, or a dial failed, and the next one has its time. `closed`: it is over.
 */
export type TunnelState = 'connecting' | 'up' | 'waiting' | 'closed';

/** What a tunnel tells of itself. */
export interface TunnelEvent {
  /** The state that begins. */
  readonly state: TunnelState;
  /** Why the connection ended, the dial failed, or the tunnel is over. */
  readonly error?: SshError | undefined;
  /** Milliseconds until the next dial, in the state `waiting`. */
  readonly retryIn?: number | undefined;
  /** Dials that failed in a row. */
  readonly failures: number;
}

/** `timeout` of the options of `connect` bounds each dial. */
export interface TunnelOptions extends Omit<ForwardOptions, 'timeout'> {
  /** When to dial again; `false` ends the tunnel with its connection. Default: `{ delay: 500, maxDelay: 30_000, attempts: Infinity }`. */
  readonly retry?: { readonly [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined } | boolean | undefined;
  /**
   * Milliseconds that a connection waits if it comes while the tunnel is not up; 0 refuses
   * it at once. The tunnel reads nothing from it meanwhile. Default: 10,000.
   */
  readonly holdTimeout?: number | undefined;
  /** Gets each change of the state. */
  readonly onState?: ((event: TunnelEvent) => unknown) | undefined;
}

const table: OptionTable<TunnelOptions> = {
  signal: abortSignal,
  maxConnections: wholeNumber(1, 65_536),
  filter: callback,
  onConnection: callback,
  onConnectionEnd: callback,
  retry: eitherOf('true, false or an object such as { delay: 500, maxDelay: 30_000 }', flag, anyObject),
  holdTimeout: {
    takes: 'a number of milliseconds, or 0 to refuse',
    accepts: (value) => typeof value === 'number' && value >= 0,
  },
  onState: callback,
};

const defaultHold = 10_000;

/** Options, checked and completed. */
export interface ResolvedTunnelOptions {
  readonly given: TunnelOptions;
  /** Undefined for none. */
  readonly retry: RetryPolicy | undefined;
  readonly holdTimeout: number;
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function resolveTunnelOptions(given: TunnelOptions, connect: ConnectOptions): ResolvedTunnelOptions {
  checkOptions(given, { of: 'openTunnel', table });
  if (connect.stream !== undefined) {
    throw optionsError('a stream is for one connection, and a tunnel dials again; use proxyCommand');
  }
  if (asList(connect.via).some(isClient)) {
    throw optionsError(
      'a client of via cannot be dialled again, as a tunnel has to; give the options of that hop',
    );
  }
  if (given.signal !== undefined && connect.signal !== undefined) {
    throw optionsError('signal is given twice; it ends the tunnel, and stands in the last argument');
  }
  return {
    given: { ...given, signal: given.signal ?? connect.signal },
    retry: resolveRetry(given.retry),
    holdTimeout: given.holdTimeout ?? defaultHold,
  };
}

function asList(via: ConnectOptions['via']): readonly unknown[] {
  return Array.isArray(via) ? via : [via];
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function resolveRetry(given: TunnelOptions['retry']): RetryPolicy | undefined {
  if (given === false) return undefined;
  if (given === undefined || given === true) return defaultRetry;
  checkOptions(given, { of: 'retry', table: retryTable, prefix: 'retry.' });
  const { delay = defaultRetry.delay, attempts = defaultRetry.attempts } = given;
  return { delay, attempts, maxDelay: Math.max(delay, given.maxDelay ?? defaultRetry.maxDelay) };
}
