/**
 * What may run at the same time.
 *
 * Owns: the order of work on one thing: reads beside each other, a change alone, each in
 * its turn.
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

  /** Runs work beside other work of this kind. */
  beside<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn(false, work);
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
