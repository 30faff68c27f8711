/**
 * How long somebody waits.
 *
 * Owns: one deadline and one signal over several waits of a call.
 * Must not know: what is waited for.
 */
import { SshError } from '../../base/errors.ts';
import type { LockBounds } from '../../client/hostKeys/hostKeys.ts';
import { onAbort } from '../../endpoint/calls/abort.ts';
import { nodeClock } from '../clock.ts';

export class Patience {
  private readonly message: (elapsed: number) => string;
  private readonly started: number = nodeClock.now();
  private readonly timeout: number;
  private readonly signal: AbortSignal | undefined;

  /** @param message of the error, by the milliseconds that were waited */
  constructor(message: (elapsed: number) => string, { timeout, signal }: LockBounds) {
    this.message = message;
    this.timeout = timeout;
    this.signal = signal;
  }

  /**
   * What the promise brings.
   *
   * @throws SshError `ERR_SSH_TIMEOUT` where that takes too long or is given up
   */
  until<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const giveUp = (): void => reject(this.error());
      const timer = nodeClock.schedule(this.started + this.timeout, { due: giveUp });
      const stopListening = onAbort(signal, giveUp);
      if (signal?.aborted === true) giveUp();
      promise.then(resolve, reject).finally(() => {
        timer.cancel();
        stopListening();
      });
    });
  }

  /** Waits for some milliseconds. @throws SshError as `until` */
  pause(milliseconds: number): Promise<void> {
    return this.until(
      new Promise((resolve) => {
        nodeClock.schedule(nodeClock.now() + milliseconds, { due: resolve });
      }),
    );
  }

  private error(): SshError {
    const elapsed = nodeClock.now() - this.started;
    return new SshError('ERR_SSH_TIMEOUT', this.message(Math.round(elapsed)), {
      phase: 'options',
      origin: 'deadline',
      waitingFor: 'lock',
      elapsed,
      deadline: this.timeout,
    });
  }
}
