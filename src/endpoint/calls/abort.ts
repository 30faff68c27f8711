/**
 * The caller's abort signals.
 *
 * Owns: one listener a signal however many calls share it, and the error of an
 * abort. A program that dials a fleet gives all its calls one signal, and a
 * listener for each would be taken for a leak by the runtime, which warns.
 * Must not know: what is aborted.
 */
import { SshError, type SshErrorPhase } from '../../base/errors.ts';

/** The calls that wait on a signal, and the listener that tells them. */
interface Watch {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/** Calls back once when the signal is aborted, and not after the returned function was called. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {};
  const watch = watches.get(signal) ?? startWatch(signal);
  // A function of its own for each call: the same callback may be given twice.
  const own = (): void => callback();
  watch.callbacks.add(own);
  return () => {
    if (!watch.callbacks.delete(own) || watch.callbacks.size > 0) return;
    signal.removeEventListener('abort', watch.listener);
    watches.delete(signal);
  };
}

function startWatch(signal: AbortSignal): Watch {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    watches.delete(signal);
    for (const callback of callbacks) {
      callbacks.delete(callback);
      callback();
    }
  };
  const watch = { callbacks, listener };
  watches.set(signal, watch);
  signal.addEventListener('abort', listener, { once: true });
  return watch;
}

/** @throws SshError `ERR_SSH_ABORTED` where the signal is aborted already */
export function checkAborted(signal: AbortSignal | undefined, at?: AbortedAt): void {
  if (signal?.aborted === true) throw abortError(signal, at);
}

/** How far an aborted call was. */
export interface AbortedAt {
  readonly phase?: SshErrorPhase | undefined;
  /** The name of the innermost wait. */
  readonly waitingFor?: string | undefined;
  /** The same for people, such as `while waiting for the peer's identification`. */
  readonly when?: string | undefined;
}

/** The error of a call whose signal was aborted; the signal's reason is its cause. */
export function abortError(signal: AbortSignal, at: AbortedAt = {}): SshError {
  const { phase, waitingFor, when } = at;
  const { reason } = signal;
  const during = when === undefined ? '' : ` ${when}`;
  const why = reason instanceof Error && reason.name !== 'AbortError' ? `: ${reason.message}` : '';
  return new SshError('ERR_SSH_ABORTED', `aborted by the caller${during}${why}`, {
    phase,
    origin: 'user',
    cause: reason,
    waitingFor,
  });
}

/** The promise, or the error of an abort if that comes first: what is waited for may never answer. */
export function untilAborted<T>(
  signal: AbortSignal | undefined,
  promise: Promise<T>,
  at: AbortedAt,
): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(abortError(signal, at));
  }
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(abortError(signal, at)));
    promise.then(resolve, reject).finally(stopListening);
  });
}
