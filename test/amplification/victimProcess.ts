/**
 * The process that pays, from outside.
 *
 * Owns: the process, questions and answers, when it has come to rest.
 * Must not know: what is asked of it over the network.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Question } from './victim.ts';

type WithoutNumber<T> = T extends unknown ? Omit<T, 'number'> : never;

/** Milliseconds between two looks, and what may be computed in them by one at rest. */
const glance = 50;
const restful = 1.5;
const looksAtRest = 2;
const mostLooks = 400;

export class VictimProcess implements Disposable {
  private readonly child: ChildProcess;
  private readonly open = new Map<number, (value: number) => void>();
  private last = 0;

  constructor() {
    this.child = fork(fileURLToPath(new URL('./victim.js', import.meta.url)), [], { stdio: 'inherit' });
    this.child.on('message', ({ number, value }: Answer) => {
      this.open.get(number)?.(value);
      this.open.delete(number);
    });
    void once(this.child, 'exit').then(([code]) => {
      if (this.open.size > 0) throw new Error(`the process that pays ended with ${String(code)}`);
    });
  }

  ask(question: WithoutNumber<Question>): Promise<number> {
    const number = ++this.last;
    return new Promise((resolve) => {
      this.open.set(number, resolve);
      this.child.send({ ...question, number });
    });
  }

  /** Milliseconds of CPU so far, once it computes nothing more. */
  async atRest(): Promise<number> {
    let before = await this.ask({ ask: 'cpu' });
    for (let looks = 0, calm = 0; calm < looksAtRest; looks++) {
      if (looks > mostLooks) throw new Error('the process that pays does not come to rest');
      await new Promise((resolve) => setTimeout(resolve, glance));
      const now = await this.ask({ ask: 'cpu' });
      calm = now - before < restful ? calm + 1 : 0;
      before = now;
    }
    return before;
  }

  [Symbol.dispose](): void {
    this.child.disconnect();
  }
}
