/**
 * Waits for what a host key policy needs, as waits of a connection: a lock on a
 * file of the user's, a program of the user's.
 *
 * Owns: that such a wait is in the table of waits, has a deadline, and ends with
 * the connection.
 * Must not know: files, programs.
 */

import type { Session } from '../session.ts';
import type { LockBounds } from './hostKeys.ts';

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
