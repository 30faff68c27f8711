/**
 * How much of a file is on its way at once.
 *
 * Owns: the bytes in flight of one file, and their growth: a path that carries all of
 * them in less than two round trips is longer than they are, so they double, up to a
 * limit. The channel's window grows by the same rule.
 * Must not know: requests, clocks (the time is given).
 */

/** All that is in flight, answered in fewer round trips than this, means that the path had room for more. */
const roundTripsOfAll = 2;

export class Pace {
  /** Bytes that may be in flight. */
  window: number;
  private readonly maximum: number;
  private roundTrip = Number.POSITIVE_INFINITY;
  private credit = 0;
  private since: number | undefined;

  constructor(first: number, maximum: number) {
    this.window = Math.min(first, maximum);
    this.maximum = maximum;
  }

  /** Takes note of an answer to what was asked at `askedAt`. */
  answered(length: number, askedAt: number, now: number): void {
    this.roundTrip = Math.min(this.roundTrip, Math.max(0.05, now - askedAt));
    this.since ??= askedAt;
    this.credit += length;
    if (this.credit < this.window) return;
    const isLong = now - this.since < roundTripsOfAll * this.roundTrip;
    if (isLong) this.window = Math.min(2 * this.window, this.maximum);
    this.credit = 0;
    this.since = now;
  }
}
