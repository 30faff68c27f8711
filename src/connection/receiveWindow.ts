/**
 * How much a peer may send ahead of the consumer.
 *
 * Owns: RFC 4254 §5.2 (when the window is opened again, by how much) and its
 * growth: a path that carries half a window in less than two round trips is
 * longer than the window, so the window doubles, up to a limit and as far as the
 * connection's budget goes.
 * Must not know: channels, messages, clocks (the time is given).
 */
import type { WindowBudget } from './windowBudget.ts';

/** Half a window in fewer round trips than this means that the peer had to wait for us. */
const roundTripsOfHalf = 2;

export class ReceiveWindow {
  /** What the window is brought back to. */
  size: number;
  private readonly maximum: number;
  private readonly budget: WindowBudget | undefined;
  /** Consumed and not yet given back to the peer. */
  private credit = 0;
  private openedAt: number | undefined;

  constructor(size: number, maximum: number, budget?: WindowBudget) {
    this.size = size;
    this.maximum = maximum;
    this.budget = budget;
  }

  /**
   * Takes note of what was consumed.
   *
   * @returns bytes to give back to the peer now; half the window at a time, so
   *   that messages are few and the other half keeps the path full meanwhile
   */
  consumed(length: number, now: number, roundTrip: number): number {
    this.credit += length;
    if (this.credit < this.size / 2) return 0;
    const grown = this.growth(now, roundTrip);
    const bytesToAdd = this.credit + grown;
    this.size += grown;
    this.credit = 0;
    this.openedAt = now;
    return bytesToAdd;
  }

  private growth(now: number, roundTrip: number): number {
    // On the first half nothing can be said: it may have lain there for the consumer.
    if (this.openedAt === undefined || roundTrip === Number.POSITIVE_INFINITY) return 0;
    if (now - this.openedAt >= roundTripsOfHalf * roundTrip) return 0;
    const wanted = Math.max(0, Math.min(this.size, this.maximum - this.size));
    return this.budget?.grow(wanted) ?? wanted;
  }
}
