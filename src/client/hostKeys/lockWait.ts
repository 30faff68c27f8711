/**
 * Waits for what a host key policy needs, as waits of a connection: a lock on a
 * file of the user's, a program of the user's.
 *
 * Owns: that such a wait is in the table of waits, has a deadline, and ends with
 * the connection.
 * Must not know: files, programs.
 */

import { SshError } from '../../base/errors.ts';
import { abortError, onAbort } from '../../endpoint/calls/abort.ts';
import type { Clock } from '../../io/clock.ts';
import { WaitKeeper } from '../../io/waitKeeper.ts';
import type { Session } from '../session.ts';
import type { BeforeHostKey, LockBounds } from './hostKeys.ts';

/** What a policy waits for. */
export type PolicyWait = 'lock' | 'knownHostsCommand';

/**
 * Does work that may have to wait. Rejects when the time is over or the
 * connection has ended, whatever becomes of the work; it is told by the signal.
 *
 * @param timeout milliseconds
 * @throws SshError `ERR_SSH_TIMEOUT`, the cause of the connection's end, or what the work throws
 */
export async function whileWaiting<T>(
  session: Session,
  name: PolicyWait,
  detail: string,
  timeout: number,
  work: (bounds: LockBounds) => Promise<T>,
): Promise<T> {
  const given = new AbortController();
  const scope = session.scope({ name, detail, timeout, signal: undefined });
  try {
    return await scope.until(work({ timeout, signal: given.signal }));
  } catch (error) {
    given.abort();
    throw error;
  } finally {
    scope.end();
  }
}

export interface BeforeConnecting {
  readonly clock: Clock;
  /** Milliseconds that a program has. */
  readonly timeout: number;
  /** Milliseconds that are left of the dial; a program has half of them at most. */
  readonly left: () => number;
  readonly signal: AbortSignal | undefined;
}

/** The same before there is a connection, for one dial: in a table of its own. */
export class WaitsBeforeConnecting implements BeforeHostKey {
  /** Milliseconds that passed in such waits: they are the dial's own. */
  elapsed = 0;
  private readonly given: BeforeConnecting;

  constructor(given: BeforeConnecting) {
    this.given = given;
  }

  readonly whileRunning = async <T>(detail: string, work: (bounds: LockBounds) => Promise<T>): Promise<T> => {
    const { clock, signal } = this.given;
    const timeout = Math.min(this.given.timeout, (this.given.left() - this.elapsed) / 2);
    const began = clock.now();
    const keeper = new WaitKeeper(clock);
    const stop = new AbortController();
    let stopListening = (): void => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        if (signal?.aborted === true) return reject(abortError(signal, { phase: 'options' }));
        keeper.start('knownHostsCommand', detail, timeout, () => reject(tooLate(detail, timeout)));
        stopListening = onAbort(signal, () =>
          reject(abortError(signal as AbortSignal, { phase: 'options' })),
        );
        work({ timeout, signal: stop.signal }).then(resolve, reject);
      });
    } finally {
      stop.abort();
      stopListening();
      keeper.clear();
      this.elapsed += clock.now() - began;
    }
  };
}

function tooLate(detail: string, timeout: number): SshError {
  return new SshError('ERR_SSH_TIMEOUT', `timed out after ${Math.round(timeout)} ms waiting for ${detail}`, {
    phase: 'options',
    origin: 'deadline',
    waitingFor: 'knownHostsCommand',
    elapsed: timeout,
    deadline: timeout,
  });
}
