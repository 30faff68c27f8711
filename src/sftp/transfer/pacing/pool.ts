/**
 * Work that runs a bounded number at a time.
 *
 * Owns: the queue of what waits, its bound, and that the caller who fills it waits for room.
 * Must not know: what the work is. A piece of work that rejects is the giver's fault.
 */

export class Pool {
  private readonly most: number;
  private readonly longestQueue: () => number;
  private readonly queue: (() => Promise<unknown>)[] = [];
  private running = 0;
  private roomWaiters: (() => void)[] = [];
  private idleWaiters: (() => void)[] = [];

  constructor(most: number, longestQueue: () => number) {
    this.most = most;
    this.longestQueue = longestQueue;
  }

  /** Begins the work when its turn comes. Resolves when there is room for more. */
  async add(work: () => Promise<unknown>): Promise<void> {
    this.queue.push(work);
    this.begin();
    while (this.queue.length >= this.longestQueue()) {
      await new Promise<void>((resolve) => this.roomWaiters.push(resolve));
    }
  }

  /** Drops what has not begun; how much that was. */
  clear(): number {
    const dropped = this.queue.length;
    this.queue.length = 0;
    this.tell();
    return dropped;
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.running > 0 || this.queue.length > 0) {
      await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
    }
  }

  private begin(): void {
    while (this.running < this.most) {
      const work = this.queue.shift();
      if (work === undefined) return;
      this.running++;
      void work().finally(() => {
        this.running--;
        this.begin();
        this.tell();
      });
    }
  }

  /** The bound on the queue may have changed. */
  look(): void {
    this.tell();
  }

  private tell(): void {
    if (this.queue.length < this.longestQueue()) for (const resolve of this.roomWaiters.splice(0)) resolve();
    if (this.running === 0 && this.queue.length === 0) {
      for (const resolve of this.idleWaiters.splice(0)) resolve();
    }
  }
}
