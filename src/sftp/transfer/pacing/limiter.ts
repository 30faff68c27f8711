/**
 * A bound on bytes a second.
 *
 * Owns: when the next bytes may go.
 * Must not know: timers (a pause is given), what the bytes are.
 */

/** Resolves after so many milliseconds. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Milliseconds that may be caught up after a stall. */
const burst = 250;

export class RateLimiter {
  private readonly bytesPerMillisecond: number;
  private readonly now: () => number;
  private readonly pause: Pause;
  /** When all that was let through so far may have gone at that rate. */
  private free: number;

  constructor(bytesPerSecond: number, now: () => number, pause: Pause) {
    this.bytesPerMillisecond = bytesPerSecond / 1000;
    this.now = now;
    this.pause = pause;
    this.free = now();
  }

  /** Bytes that go in one burst. */
  get burstLength(): number {
    return Math.max(1, Math.floor(this.bytesPerMillisecond * burst));
  }

  /** Resolves when the bytes may go; at once where there is no bound. */
  async take(bytes: number): Promise<void> {
    if (this.bytesPerMillisecond === Number.POSITIVE_INFINITY) return;
    const now = this.now();
    this.free = Math.max(this.free, now - burst) + bytes / this.bytesPerMillisecond;
    const wait = this.free - now;
    if (wait > 0) await this.pause(wait);
  }
}
