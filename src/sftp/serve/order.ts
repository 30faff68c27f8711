/**
 * What may run at the same time.
 *
 * Owns: the order of work on one thing: reads beside each other, a change alone, each in
 * its turn; results in the order of the calls where a caller needs that.
 * Must not know: what the work is. Work that rejects is the giver's fault.
 */

interface Turn {
  readonly isAlone: boolean;
  readonly begin: () => void;
}

export class WorkOrder {
  private readonly waiting: Turn[] = [];
  private running = 0;
  private isAlone = false;
  /** Settles when the last of the results that keep their order is told. It never rejects. */
  private told: Promise<unknown> = Promise.resolve();

  /** Runs work beside other work of this kind. */
  beside<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn(false, work);
  }

  /** As `beside`. Work that ends early waits with its result for the calls before it. */
  besideInOrder<T>(work: () => Promise<T>): Promise<T> {
    const before = this.told;
    const result = this.beside(work);
    const inOrder = before.then(() => result);
    // It is looked at late.
    result.catch(() => {});
    this.told = inOrder.catch(() => {});
    return inOrder;
  }

  /** Runs work when all before it is done, and nothing else until it is done. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn(true, work);
  }

  private inTurn<T>(isAlone: boolean, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.running++;
        this.isAlone = isAlone;
        work()
          .then(resolve, reject)
          .finally(() => {
            this.running--;
            this.isAlone = false;
            this.look();
          });
      };
      this.waiting.push({ isAlone, begin });
      this.look();
    });
  }

  private look(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.isAlone || (next.isAlone && this.running > 0)) return;
      this.waiting.shift();
      next.begin();
    }
  }
}
