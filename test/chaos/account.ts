/**
 * What became of each promise that the library gave out.
 *
 * Owns: the list of those that are pending, the law that each settles by its
 * deadline, the count of outcomes.
 * Must not know: what is called.
 */
import { SshError } from '../../src/entry/index.ts';
import type { IdleTimer } from '../support/idleTimer.ts';

/** What all views of an account share. */
interface Books {
  readonly findings: string[];
  readonly outcomes: Map<string, number>;
  readonly pending: Map<object, string>;
  latest: number;
}

export class Account {
  private readonly idle: IdleTimer;
  private readonly where: string;
  private readonly books: Books;

  constructor(
    idle: IdleTimer,
    where: string = '',
    books: Books = { findings: [], outcomes: new Map(), pending: new Map(), latest: 0 },
  ) {
    this.idle = idle;
    this.where = where;
    this.books = books;
  }

  /** The same account; its findings say where they were made. */
  at(where: string): Account {
    return new Account(this.idle, where, this.books);
  }

  /** Each a sentence about something that may not be. */
  get findings(): readonly string[] {
    return this.books.findings;
  }

  get outcomes(): ReadonlyMap<string, number> {
    return this.books.outcomes;
  }

  /** By how much the deadlines that passed were late at most, in milliseconds beyond the idle timer. */
  get latest(): number {
    return this.books.latest;
  }

  /** Names of what has not settled. */
  get unsettled(): readonly string[] {
    return [...this.books.pending.values()];
  }

  /** What the call came to; undefined where it rejected, which has to be with a typed error. */
  async settle<T>(name: string, deadline: number, begin: () => Promise<T>): Promise<T | undefined> {
    const key = {};
    this.books.pending.set(key, `${name} (${this.where})`);
    const begun = performance.now();
    try {
      const value = await begin();
      this.count(name, 'done');
      return value;
    } catch (error) {
      this.judge(name, error);
      return undefined;
    } finally {
      this.books.pending.delete(key);
      const took = performance.now() - begun;
      this.books.latest = Math.max(this.latest, took - deadline - this.idle.latest(begun));
      if (took > this.idle.allowed(deadline, begun)) {
        const late = this.idle.latest(begun).toFixed(0);
        this.found(
          `${name} took ${took.toFixed(0)} ms with a deadline of ${deadline}; the idle timer was ${late} ms late`,
        );
      }
    }
  }

  /** A finding, unless the condition holds. */
  expect(condition: boolean, sentence: string): void {
    if (!condition) this.found(sentence);
  }

  private judge(name: string, error: unknown): void {
    if (!(error instanceof SshError)) {
      this.found(`${name} rejected with what is no SshError: ${String(error)}`);
      return;
    }
    this.count(name, error.waitingFor === undefined ? error.code : `${error.code} ${error.waitingFor}`);
    const { code, elapsed, deadline } = error;
    if (code === 'ERR_SSH_TIMEOUT' && elapsed !== undefined && deadline !== undefined) {
      const begun = performance.now() - elapsed;
      this.books.latest = Math.max(this.latest, elapsed - deadline - this.idle.latest(begun));
      if (elapsed > this.idle.allowed(deadline, begun)) {
        this.found(
          `${name}: ${error.message}; it took ${elapsed.toFixed(0)} ms, the deadline is ${deadline}`,
        );
      }
    }
    if (error.code === 'ERR_SSH_INTERNAL' || error.phase === 'options') {
      this.found(`${name} rejected with ${error.code} in ${error.phase}: ${error.message}`);
    }
  }

  private count(name: string, outcome: string): void {
    const key = `${name}: ${outcome}`;
    this.books.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
  }

  private found(sentence: string): void {
    this.books.findings.push(`${sentence} (${this.where})`);
  }
}
