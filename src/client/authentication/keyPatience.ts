/**
 * How long a dial waits for its key files, before there is a connection.
 *
 * Owns: that the dial's deadline and its abort are heard between two steps of the
 * work on a key.
 * Must not know: keys, connections.
 */
import { SshError } from '../../base/errors.ts';
import { type AbortedAt, checkAborted } from '../../endpoint/calls/abort.ts';
import type { BetweenSteps } from '../../endpoint/privateKeys.ts';
import type { Clock } from '../../io/clock.ts';

export interface KeyPatienceOptions {
  readonly clock: Clock;
  /** Milliseconds for the whole dial; this is its first part. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** What an abort says of how far the call was. */
  readonly at: AbortedAt;
}

/**
 * From now on.
 *
 * @throws SshError when it is called, `ERR_SSH_ABORTED`, or `ERR_SSH_TIMEOUT` with `unlock` as `waitingFor`
 */
export function keyPatience({ clock, timeout, signal, at }: KeyPatienceOptions): BetweenSteps {
  const began = clock.now();
  return () => {
    checkAborted(signal, at);
    const elapsed = clock.now() - began;
    if (elapsed < timeout) return;
    throw new SshError(
      'ERR_SSH_TIMEOUT',
      `timed out after ${Math.round(timeout)} ms waiting for a private key to be unlocked`,
      { phase: 'options', origin: 'deadline', waitingFor: 'unlock', elapsed, deadline: timeout },
    );
  };
}
