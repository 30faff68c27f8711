/**
 * Waits that belong to no connection, such as that of a tunnel for its next dial.
 *
 * Owns: a table of waits and the time at which the first of them expires.
 * Must not know: what is waited for.
 */
import { type Wait, type WaitName, WaitTable } from '../base/waits.ts';
import type { Clock, Sleeper, Timer } from './clock.ts';
import type { WaitSnapshot } from './snapshots.ts';
import { waitSnapshot } from './snapshots.ts';

export class WaitKeeper implements Sleeper {
  private readonly clock: Clock;
  private readonly table = new WaitTable();
  private timer: Timer | undefined;
  private timerAt: number = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Begins a wait, whose expiry is told once. */
  start(name: WaitName, detail: string, timeout: number, expired: () => void): Wait {
    const wait = this.table.start(name, detail, this.clock.now(), timeout, () => {
      this.table.finish(wait);
      expired();
    });
    this.retime();
    return wait;
  }

  finish(wait: Wait | undefined): void {
    this.table.finish(wait);
    this.retime();
  }

  /** Ends all of them, and tells nobody. */
  clear(): void {
    this.table.clear();
    this.retime();
  }

  /** The open waits, at this moment. */
  list(): readonly WaitSnapshot[] {
    const now = this.clock.now();
    return this.table.list().map((wait) => waitSnapshot(wait, now));
  }

  due(): void {
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    for (const wait of this.table.expired(this.clock.now())) {
      if (this.table.has(wait)) wait.onExpire?.();
    }
    this.retime();
  }

  private retime(): void {
    const at = this.table.earliest();
    if (at === this.timerAt) return;
    this.timer?.cancel();
    this.timer = at === Number.POSITIVE_INFINITY ? undefined : this.clock.schedule(at, this);
    this.timerAt = at;
  }
}
