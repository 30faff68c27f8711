/**
 * Waits for locks on files of the user's, as waits of a connection.
 *
 * Owns: that such a wait is in the table of waits, has a deadline, and ends with
 * the connection.
 * Must not know: files.
 */

import type { Session } from '../session.ts';
import type { LockBounds } from './hostKeys.ts';

/**
 * Does work that may have to wait for a lock. Rejects when the time is over or the
 * connection has ended, whatever becomes of the work; it is told by the signal.
 *
 * @param timeout milliseconds
 * @throws SshError `ERR_SSH_TIMEOUT`, the cause of the connection's end, or what the work throws
 */
export async function whileLocked<T>(
  session: Session,
  detail: string,
  timeout: number,
  work: (bounds: LockBounds) => Promise<T>,
): Promise<T> {
  const given = new AbortController();
  const scope = session.scope({ name: 'lock', detail, timeout, signal: undefined });
  try {
    return await scope.until(work({ timeout, signal: given.signal }));
  } catch (error) {
    given.abort();
    throw error;
  } finally {
    scope.end();
  }
}
