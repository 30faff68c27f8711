/**
 * Bytes that several files of one transfer share.
 *
 * Owns: how many of them are left. A file that has nothing in flight takes what it needs all
 * the same, so that none waits for another.
 * Must not know: files.
 */

export class ByteBudget {
  /** Bytes that are left; negative where files have taken their first ones beyond it. */
  available: number;

  constructor(bytes: number) {
    this.available = bytes;
  }

  take(bytes: number): void {
    this.available -= bytes;
  }

  give(bytes: number): void {
    this.available += bytes;
  }
}
