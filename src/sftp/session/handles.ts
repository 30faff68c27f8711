/**
 * How many handles are open.
 *
 * Owns: the count of a session, the bound on it that a server tells or that its answers
 * teach, the turns of those who wait for one.
 * Must not know: files.
 */

export class HandleLedger {
  /** Handles open, or about to be. */
  open = 0;
  /** Handles that may be open at once, as far as is known. */
  limit: number = Number.POSITIVE_INFINITY;
  private readonly waiting: (() => void)[] = [];
  private readonly awaitedListeners = new Set<() => void>();

  /** Counts one in. */
  opened(): void {
    this.open++;
  }

  /** Counts one out; who waits looks again. */
  closed(): void {
    this.open--;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Another one would be one too many. */
  get isFull(): boolean {
    return this.open > 0 && this.open >= this.limit;
  }

  /** Somebody waits for one to be closed: whoever holds one while it waits for others should not. */
  get isAwaited(): boolean {
    return this.waiting.length > 0;
  }

  /** Calls back when somebody begins to wait. Returns what takes the listener back. */
  onAwaited(listener: () => void): () => void {
    this.awaitedListeners.add(listener);
    return () => this.awaitedListeners.delete(listener);
  }

  /** Resolves when one is closed. */
  nextClose(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      for (const listener of this.awaitedListeners) listener();
    });
  }

  /** The session has ended: nobody waits for a turn any more. */
  end(): void {
    this.limit = Number.POSITIVE_INFINITY;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
