/**
 * What may run at the same time.
 *
 * Owns: the order of work on one thing: reads beside each other, a change alone, each in
 * its turn; that work which was given up holds nobody up.
 * Must not know: what the work is. Work that rejects is the giver's fault.
 */
import { SftpRefusal, type StoreCaller } from './store.ts';

/** A request that asks for work, until it is given up. */
export class Caller implements StoreCaller {
  private listeners: (() => void)[] = [];
  private isOver = false;

  get isGivenUp(): boolean {
    return this.isOver;
  }

  whenGivenUp(listener: () => void): void {
    this.listeners.push(listener);
  }

  giveUp(): void {
    this.isOver = true;
    for (const listener of this.listeners.splice(0)) listener();
  }
}

interface Turn {
  /** `last` waits also for work that was given up and goes on. */
  readonly kind: 'beside' | 'alone' | 'last';
  readonly begin: () => void;
}

export class WorkOrder {
  private readonly waiting: Turn[] = [];
  /** Work that holds others up. */
  private running = 0;
  /** Work that goes on, given up or not. */
  private unfinished = 0;
  private isAlone = false;

  /** Runs work beside other work of this kind. */
  beside<T>(work: () => Promise<T>, caller?: StoreCaller): Promise<T> {
    return this.inTurn('beside', work, caller);
  }

  /** Runs work when all before it is done or given up, and nothing else until it is done. */
  alone<T>(work: () => Promise<T>, caller?: StoreCaller): Promise<T> {
    return this.inTurn('alone', work, caller);
  }

  /** Runs work when all before it has ended, also what was given up. */
  last<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn('last', work, undefined);
  }

  /** @throws SftpRefusal where the caller gives up before the work begins */
  private inTurn<T>(kind: Turn['kind'], work: () => Promise<T>, caller: StoreCaller | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (caller?.isGivenUp === true) return reject(tooLong());
      let stage: 'waiting' | 'running' | 'over' = 'waiting';
      const begin = (): void => {
        stage = 'running';
        this.running++;
        this.unfinished++;
        this.isAlone = kind !== 'beside';
        work()
          .then(resolve, reject)
          .finally(() => {
            this.unfinished--;
            if (stage === 'running') this.freeTurn();
            stage = 'over';
            this.look();
          });
      };
      const turn: Turn = { kind, begin };
      caller?.whenGivenUp(() => {
        if (stage === 'waiting') {
          this.waiting.splice(this.waiting.indexOf(turn), 1);
          reject(tooLong());
        } else if (stage === 'running') this.freeTurn();
        stage = 'over';
        // Later: callers that give up at the same moment have their turns no more.
        void Promise.resolve().then(() => this.look());
      });
      this.waiting.push(turn);
      this.look();
    });
  }

  private freeTurn(): void {
    this.running--;
    this.isAlone = false;
  }

  private look(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.isAlone || (next.kind !== 'beside' && this.running > 0)) return;
      if (next.kind === 'last' && this.unfinished > 0) return;
      this.waiting.shift();
      next.begin();
    }
  }
}

/** What a request is answered with that was given up. */
export function tooLong(): SftpRefusal {
  return new SftpRefusal('failure', 'it took too long');
}
