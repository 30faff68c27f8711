/**
 * A bound on bytes a second.
 *
 * Owns: when the next bytes may go.
 * Must not know: what the bytes are.
 */

export class RateLimit {
  private readonly bytesPerMillisecond: number | undefined;
  /** When all that was let through so far may have gone. */
  private free: number = performance.now();

  /** @param bytesPerSecond undefined for no bound */
  constructor(bytesPerSecond: number | undefined) {
    this.bytesPerMillisecond = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000;
  }

  /** Resolves when the bytes may go. */
  async take(bytes: number): Promise<void> {
    if (this.bytesPerMillisecond === undefined) return;
    const now = performance.now();
    this.free = Math.max(this.free, now) + bytes / this.bytesPerMillisecond;
    const { free } = this;
    await new Promise((resolve) => setTimeout(resolve, free - now));
  }
}
