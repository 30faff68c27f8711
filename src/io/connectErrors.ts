/**
 * The errors of a connection that never came up.
 *
 * Owns: their texts and details.
 * Must not know: links, drivers.
 */
import { SshError } from '../base/errors.ts';
import type { Wait, WaitTable } from '../base/waits.ts';

/** What this side has too little of, by the code of the system's error. */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptors left; close some, or raise its limit (ulimit -n)',
  ENFILE: 'this machine has no file descriptors left',
  EADDRNOTAVAIL: 'there is no such local address, or no local port is left',
  ENOBUFS: 'the system has no buffers left',
  ENOMEM: 'the system has no memory left',
};

/** The link failed before it was up. */
export function connectError(error: unknown, target: string): SshError {
  if (error instanceof SshError) return error;
  const why = error instanceof Error ? `: ${error.message}` : '';
  const shortage = shortages[codeOf(error)];
  const hint = shortage === undefined ? '' : `; ${shortage}`;
  return new SshError('ERR_SSH_CONNECT', `cannot connect to ${target}${why}${hint}`, {
    phase: 'connect',
    origin: shortage === undefined ? 'network' : 'local',
    cause: error,
  });
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
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
