/**
 * What observers are told while one connection lives.
 *
 * Owns: when the connection came to its present phase, and which waits count as expired.
 * Must not know: what is done about any of it.
 */
import type { SshError, SshErrorPhase } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import type { Clock } from './clock.ts';
import { notifyObservers, type RegisteredConnection } from './registry.ts';

export class ConnectionNews {
  private readonly connection: RegisteredConnection;
  private readonly clock: Clock;
  private phase: SshErrorPhase = 'connect';
  private since: number;

  constructor(connection: RegisteredConnection, clock: Clock) {
    this.connection = connection;
    this.clock = clock;
    this.since = clock.now();
  }

  /** The phase the connection is in now, whether or not it changed. */
  inPhase(phase: SshErrorPhase): void {
    if (phase === this.phase) return;
    const now = this.clock.now();
    const { connection, phase: from } = this;
    const elapsed = now - this.since;
    this.phase = phase;
    this.since = now;
    notifyObservers((observer) => observer.phaseChanged?.(connection, from, phase, elapsed));
  }

  /** Waits whose time was over, the earliest first, after that was acted on; `cause` where the connection ended by it. */
  expired(waits: readonly Wait[], cause: SshError | undefined, now: number): void {
    for (const { name, detail, since, timeout } of waits) {
      // A write that made progress goes on.
      if (name === 'write' && cause === undefined) continue;
      const expired = { name, waitingFor: detail, elapsed: now - since, timeout };
      notifyObservers((observer) => observer.waitExpired?.(this.connection, expired));
      // What would have expired after the one that ended the connection did not come to it.
      if (cause?.waitingFor === name) return;
    }
  }
}
