/**
 * The errors of a connection that never came up.
 *
 * Owns: their texts and details.
 * Must not know: links, drivers.
 */
import { SshError } from '../base/errors.ts';
import { reasonOf, shortageIn } from '../base/shortage.ts';
import type { Wait, WaitTable } from '../base/waits.ts';

/** The link failed before it was up. */
export function connectError(error: unknown, target: string): SshError {
  if (error instanceof SshError) return error;
  return new SshError('ERR_SSH_CONNECT', `cannot connect to ${target}${reasonOf(error)}`, {
    phase: 'connect',
    origin: shortageIn(error) === undefined ? 'network' : 'local',
    cause: error,
  });
}

/** A wait expired before the link was up. */
export function connectTimeout(wait: Wait, waits: WaitTable, now: number, target: string): SshError {
  const bound = wait.timeout;
  const { name } = waits.innermostBeside(wait) ?? wait;
  return new SshError('ERR_SSH_TIMEOUT', `timed out after ${Math.round(bound)} ms connecting to ${target}`, {
    phase: 'connect',
    origin: 'deadline',
    waitingFor: wait.name === 'dial' ? name : wait.name,
    elapsed: now - wait.since,
    deadline: bound,
    bytesReceived: 0,
  });
}
