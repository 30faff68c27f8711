/**
 * A clock whose time is a number, and an event loop around it.
 *
 * Owns: virtual time, timers, events of simulated I/O, and the order in which an
 * event loop serves them: timers that are due, then I/O that is due, then what
 * waits for a poll.
 * Must not know: what is simulated.
 *
 * Between two callbacks the process's own queues of ticks and promises run dry,
 * so that what a callback set off has happened before the next one. Wall time
 * plays no part.
 */
import type { Clock, Sleeper, Timer } from '../../src/io/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  live: boolean;
}

/** Entries by time, those of the same time in the order in which they came. */
class Agenda {
  /** Entries that were neither taken nor cancelled. */
  live = 0;
  private readonly heap: Entry[] = [];

  add(entry: Entry): Timer {
    const { heap } = this;
    this.live++;
    heap.push(entry);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child] as Entry, heap[parent] as Entry)) break;
      this.swap(child, parent);
      child = parent;
    }
    return {
      cancel: () => {
        if (!entry.live) return;
        entry.live = false;
        this.live--;
      },
    };
  }

  get first(): Entry | undefined {
    while (this.heap[0]?.live === false) this.shift();
    return this.heap[0];
  }

  /** The first entry that is due at `now` and was made before `order`. */
  take(now: number, order: number): Entry | undefined {
    const entry = this.first;
    if (entry === undefined || entry.at > now || entry.order >= order) return undefined;
    this.shift();
    entry.live = false;
    this.live--;
    return entry;
  }

  private shift(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child] as Entry, heap[least] as Entry)) least = child;
      }
      if (least === parent) return;
      this.swap(parent, least);
      parent = least;
    }
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    const entry = heap[a] as Entry;
    heap[a] = heap[b] as Entry;
    heap[b] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Bounds of a run; it ends at the first one that is reached. */
export interface RunBounds {
  /** Virtual milliseconds. */
  readonly until?: number;
  readonly done?: () => boolean;
}

export class VirtualClock implements Clock {
  /** Callbacks run so far: a name for every moment at which something can be done from outside. */
  steps = 0;
  /** Milliseconds for which the loop was held up so far. */
  blocked = 0;
  private time = 0;
  private order = 0;
  private readonly timers = new Agenda();
  private readonly events = new Agenda();
  private readonly polls = new Set<{ left: number; readonly callback: () => void }>();
  private readonly moments = new Map<number, (() => void)[]>();

  now(): number {
    return this.time;
  }

  schedule(at: number, sleeper: Sleeper): Timer {
    return this.timers.add({ at, order: this.order++, callback: () => sleeper.due(), live: true });
  }

  /** As the real clock's: two rounds of the loop, for the poll of the first may have been before the call. */
  afterPoll(callback: () => void): Timer {
    const poll = { left: 2, callback };
    this.polls.add(poll);
    return { cancel: () => this.polls.delete(poll) };
  }

  /** Simulated I/O that is ready at a time; served by polls, not by the timer queue. */
  ioAt(at: number, callback: () => void): Timer {
    return this.events.add({ at, order: this.order++, callback, live: true });
  }

  /** Timers and waits for polls that are set, I/O not counted. */
  get liveTimers(): number {
    return this.timers.live + this.polls.size;
  }

  /** Does something right behind the callback with that number. */
  atStep(step: number, callback: () => void): void {
    this.moments.set(step, [...(this.moments.get(step) ?? []), callback]);
  }

  /** Time passes while the event loop is held up: nothing is polled and no timer runs. */
  block(milliseconds: number): void {
    this.blocked += milliseconds;
    this.time += milliseconds;
  }

  /**
   * One round of the loop; time moves on when nothing is due.
   *
   * @returns false when nothing is left that could ever happen
   */
  async round(): Promise<boolean> {
    if (this.polls.size === 0) {
      const next = this.next();
      if (next === Number.POSITIVE_INFINITY) return false;
      if (next > this.time) this.time = next;
    }
    await this.serve(this.timers);
    await this.serve(this.events);
    for (const poll of [...this.polls]) {
      poll.left--;
      if (poll.left > 0 || !this.polls.delete(poll)) continue;
      await this.call(poll.callback);
    }
    return true;
  }

  /** Rounds until nothing is left, or a bound is reached. */
  async run({ until = Number.POSITIVE_INFINITY, done = () => false }: RunBounds = {}): Promise<void> {
    await drained();
    while (!done()) {
      if (this.polls.size === 0 && this.next() > until) {
        if (this.next() !== Number.POSITIVE_INFINITY) this.time = Math.max(this.time, until);
        return;
      }
      if (!(await this.round())) return;
    }
  }

  private next(): number {
    return Math.min(
      this.timers.first?.at ?? Number.POSITIVE_INFINITY,
      this.events.first?.at ?? Number.POSITIVE_INFINITY,
    );
  }

  private async serve(agenda: Agenda): Promise<void> {
    const { order } = this;
    for (let entry = agenda.take(this.time, order); entry !== undefined; ) {
      await this.call(entry.callback);
      entry = agenda.take(this.time, order);
    }
  }

  private async call(callback: () => void): Promise<void> {
    callback();
    await drained();
    const actions = this.moments.get(++this.steps);
    if (actions === undefined) return;
    this.moments.delete(this.steps);
    for (const action of actions) action();
    await drained();
  }
}

/** Resolves when the queues of ticks and promises have run dry. */
export function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
