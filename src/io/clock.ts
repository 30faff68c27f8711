/**
 * Time, as the layers from here up see it.
 *
 * Owns: the `Clock` seam and the real clock, which sets one timer of the platform
 * for all that is scheduled: one for each connection would be 200 bytes more of it.
 * Must not know: what is timed. A virtual clock for simulations fulfils the same interface.
 */
import { Agenda, type AgendaEntry } from './agenda.ts';

/** A timer that can be taken back. */
export interface Timer {
  cancel(): void;
}

/** Anybody who waits for a time. An object and not a function, so that a connection needs no closure for it. */
export interface Sleeper {
  /** The time has come. */
  due(): void;
}

export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Tells the sleeper once, not before `at`. */
  schedule(at: number, sleeper: Sleeper): Timer;
  /** Calls back after the event loop has polled for I/O once more, from wherever it is now. */
  afterPoll(callback: () => void): Timer;
}

/** The longest delay a timer of the platform takes. */
const longestDelay = 2 ** 31 - 1;

class ScheduledTime implements Timer, AgendaEntry {
  readonly at: number;
  place = -1;
  readonly sleeper: Sleeper;
  private readonly clock: SystemClock;

  constructor(clock: SystemClock, at: number, sleeper: Sleeper) {
    this.clock = clock;
    this.at = at;
    this.sleeper = sleeper;
  }

  cancel(): void {
    this.clock.cancel(this);
  }
}

/** Runs a step as if nobody had asked for it. */
export type Detached = (step: () => void) => void;

class SystemClock implements Clock {
  private readonly agenda = new Agenda<ScheduledTime>();
  private readonly detached: Detached;
  private timeout: ReturnType<typeof setTimeout> | undefined;
  private firesAt: number = Number.POSITIVE_INFINITY;

  constructor(detached: Detached) {
    this.detached = detached;
  }

  now(): number {
    return performance.now();
  }

  schedule(at: number, sleeper: Sleeper): Timer {
    const time = new ScheduledTime(this, at, sleeper);
    this.agenda.add(time);
    if (at < this.firesAt) this.arm();
    return time;
  }

  /** The platform's timer stays as long as somebody sleeps: it would fire early then, and be set anew. */
  cancel(time: ScheduledTime): void {
    this.agenda.remove(time);
    if (this.agenda.first === undefined) this.disarm();
  }

  afterPoll(callback: () => void): Timer {
    // One immediate may run before the next poll when this is called from an I/O
    // callback; the second one cannot.
    let inner: ReturnType<typeof setImmediate> | undefined;
    const outer = setImmediate(() => {
      inner = setImmediate(callback);
    });
    return {
      cancel: () => {
        clearImmediate(outer);
        if (inner !== undefined) clearImmediate(inner);
      },
    };
  }

  private arm(): void {
    const { first } = this.agenda;
    this.disarm();
    if (first === undefined) return;
    this.firesAt = first.at;
    const delay = Math.min(Math.max(0, Math.ceil(first.at - performance.now())), longestDelay);
    this.detached(() => {
      this.timeout = setTimeout(() => this.fire(), delay);
    });
  }

  private disarm(): void {
    if (this.timeout !== undefined) clearTimeout(this.timeout);
    this.timeout = undefined;
    this.firesAt = Number.POSITIVE_INFINITY;
  }

  /** Tells all whose time has come; those who go to sleep again meanwhile have to wait for the next time. */
  private fire(): void {
    const now = performance.now();
    try {
      for (let left = this.agenda.size; left > 0; left--) {
        const { first } = this.agenda;
        if (first === undefined || first.at > now) return;
        this.agenda.remove(first);
        first.sleeper.due();
      }
    } finally {
      this.arm();
    }
  }
}

/**
 * A clock of this process.
 *
 * @param detached sets the timer: it serves everybody, and is not to keep alive what the platform
 *   attaches to the one who happened to schedule first
 */
export function createSystemClock(detached: Detached = (step) => step()): Clock {
  return new SystemClock(detached);
}
