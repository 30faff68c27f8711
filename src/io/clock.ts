/**
 * Time, as the layers from here up see it.
 *
 * Owns: the `Clock` seam and the real clock.
 * Must not know: what is timed. A virtual clock for simulations fulfils the same interface.
 */

/** A timer that can be taken back. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Calls back once, not before `at`. */
  schedule(at: number, callback: () => void): Timer;
  /** Calls back after the event loop has polled for I/O once more, from wherever it is now. */
  afterPoll(callback: () => void): Timer;
}

/** The longest delay a timer of the platform takes. */
const longestDelay = 2 ** 31 - 1;

/** An object without closures: each connection has one. */
class SystemTimer implements Timer {
  private readonly timeout: ReturnType<typeof setTimeout>;

  constructor(callback: () => void, delay: number) {
    this.timeout = setTimeout(callback, delay);
  }

  cancel(): void {
    clearTimeout(this.timeout);
  }
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule: (at, callback) => {
    const delay = Math.min(Math.max(0, Math.ceil(at - performance.now())), longestDelay);
    return new SystemTimer(callback, delay);
  },
  afterPoll: (callback) => {
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
  },
};
