/**
 * What observers are told while one connection lives.
 *
 * Owns: how long a phase took, and which waits count as expired.
 * Must not know: what is done about any of it.
 */
import type { SshError, SshErrorPhase } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import { notifyObservers, type RegisteredConnection } from './registry.ts';

/** The connection came from one phase to another, after that many milliseconds. */
export function tellPhase(
  connection: RegisteredConnection,
  from: SshErrorPhase,
  to: SshErrorPhase,
  elapsed: number,
): void {
  notifyObservers((observer) => observer.phaseChanged?.(connection, from, to, elapsed));
}

/** Waits whose time was over, the earliest first, after that was acted on; `cause` where the connection ended by it. */
export function tellExpired(
  connection: RegisteredConnection,
  waits: readonly Wait[],
  cause: SshError | undefined,
  now: number,
): void {
  for (const { name, detail, since, timeout } of waits) {
    // A write that made progress goes on.
    if (name === 'write' && cause === undefined) continue;
    const expired = { name, waitingFor: detail, elapsed: now - since, timeout };
    notifyObservers((observer) => observer.waitExpired?.(connection, expired));
    // What would have expired after the one that ended the connection did not come to it.
    // An error of the dial names what was waited for in it.
    if (cause !== undefined && (cause.waitingFor === name || name === 'dial')) return;
  }
}
