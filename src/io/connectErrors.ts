/**
 * The errors of a connection that never came up.
 *
 * Owns: their texts and details.
 * Must not know: links, drivers.
 */
import { SshError } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';

/** The link failed before it was up. */
export function connectError(error: unknown, target: string): SshError {
  if (error instanceof SshError) return error;
  const why = error instanceof Error ? `: ${error.message}` : '';
  return new SshError('ERR_SSH_CONNECT', `cannot connect to ${target}${why}`, {
    phase: 'connect',
    origin: 'network',
    cause: error,
  });
}

/** A wait expired before the link was up. */
export function connectTimeout(wait: Wait, now: number, target: string): SshError {
  const bound = wait.timeout;
  return new SshError('ERR_SSH_TIMEOUT', `timed out after ${Math.round(bound)} ms connecting to ${target}`, {
    phase: 'connect',
    origin: 'deadline',
    waitingFor: wait.name,
    elapsed: now - wait.since,
    deadline: bound,
    bytesReceived: 0,
  });
}
