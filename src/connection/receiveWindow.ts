/**
 * How much a peer may send ahead of the consumer.
 *
 * Owns: RFC 4254 §5.2 (when the window opens again, and by how much) and its growth.
 * The window doubles, up to a limit and within the connection's budget, if two things
 * are true: half a window takes less than two round trips, and the peer stopped again
 * and again because it had used up its window. The second shows here: bytes come
 * exactly up to the window that the peer knows, and then none for a while. A window
 * that is larger than its path gains nothing, and makes some servers slow: they read
 * ahead of a busy link, and copy these bytes again and again.
 * Must not know: channels, messages, clocks (the time is given).
 */
import { wideNumber } from '../base/longCounts.ts';
import type { WindowBudget } from './windowBudget.ts';

/** Half a window in fewer round trips than this means that the path may be longer than the window. */
const roundTripsOfHalf = 2;

/** The peer stood still where nothing came for more than this part of the time that its last bytes took. */
const leastPause = 1 / 8;

/**
 * One pause may be chance. A path that is longer than the window has one a round trip, and
 * half a window without one in between: both of its halves are on their way together.
 */
const pauseCounts = 2;
const pausesMean = 3;

export class ReceiveWindow {
  /** What the window is brought back to. */
  size: number;
  private readonly maximum: number;
  private readonly budget: WindowBudget | undefined;
  /** Consumed and not yet given back to the peer. */
  private credit = 0;
  private openedAt: number | undefined;
  /** All that came so far. */
  private received = 0;
  /** What the peer may send in all without the message that was sent at `edgeSince`; `Infinity` while none is looked at. */
  private edge: number = Number.POSITIVE_INFINITY;
  private edgeSince = 0;
  /** When the peer had sent up to an edge exactly and nothing came since; negative where it has not. */
  private pauseSince = -1;
  /** How long it took to get there. */
  private pauseBehind = 0;
  /** Counts up by pauses, and down by their absence. */
  private pauses = 0;

  constructor(size: number, maximum: number, budget?: WindowBudget) {
    this.size = size;
    this.maximum = maximum;
    this.budget = budget;
    this.received = wideNumber;
    this.received = 0;
  }

  /** Takes note of what came. */
  arrived(length: number, now: number): void {
    this.received += length;
    if (this.pauseSince >= 0) this.judgePause(now);
    if (this.received < this.edge) return;
    if (this.received === this.edge) this.mayPause(now);
    // It went on without a stop: it knew of more.
    else this.went();
    this.edge = Number.POSITIVE_INFINITY;
  }

  /**
   * Takes note of what was consumed.
   *
   * @param left bytes that the peer may still send
   * @returns bytes to give back to the peer now; half the window at a time, so
   *   that messages are few and the other half keeps the path full meanwhile
   */
  consumed(length: number, left: number, now: number, roundTrip: number): number {
    this.credit += length;
    if (this.credit < this.size / 2) return 0;
    const grown = this.growth(now, roundTrip);
    const bytesToAdd = this.credit + grown;
    this.size += grown;
    this.credit = 0;
    this.openedAt = now;
    if (grown > 0) this.forgetEdge();
    else this.watchEdge(left, now);
    return bytesToAdd;
  }

  private watchEdge(left: number, now: number): void {
    if (this.edge !== Number.POSITIVE_INFINITY) return;
    this.edgeSince = now;
    if (left > 0) this.edge = this.received + left;
    else if (this.pauseSince < 0) this.mayPause(now);
  }

  /** A pause that is under way now is of the smaller window still. */
  private forgetEdge(): void {
    this.edge = Number.POSITIVE_INFINITY;
    this.pauseSince = -1;
  }

  private mayPause(now: number): void {
    this.pauseSince = now;
    this.pauseBehind = now - this.edgeSince;
  }

  /** The first bytes behind an edge. */
  private judgePause(now: number): void {
    const pause = now - this.pauseSince;
    if (pause > 0 && pause > leastPause * this.pauseBehind) this.pauses += pauseCounts;
    else this.went();
    this.pauseSince = -1;
  }

  private went(): void {
    if (this.pauses > 0) this.pauses--;
  }

  private growth(now: number, roundTrip: number): number {
    // On the first half nothing can be said: it may have lain there for the consumer.
    if (this.openedAt === undefined || roundTrip === Number.POSITIVE_INFINITY) return 0;
    if (this.pauses < pausesMean || now - this.openedAt >= roundTripsOfHalf * roundTrip) return 0;
    this.pauses = pausesMean - 1;
    const wanted = Math.max(0, Math.min(this.size, this.maximum - this.size));
    return this.budget?.grow(wanted) ?? wanted;
  }
}
