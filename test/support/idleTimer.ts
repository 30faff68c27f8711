/**
 * How late timers are on this machine at this moment, told by one that has nothing else to do.
 *
 * Owns: that timer, and the bound that a deadline is held to on real sockets: a
 * tenth of itself, and what the idle timer was late.
 * Must not know: what is waited for.
 */

/** Milliseconds between two looks at the clock. */
const gap = 10;
/** Looks that are kept: ten minutes. */
const kept = 60_000;
/**
 * A verdict comes some turns of the event loop after its timer (input that lies in
 * the kernel is read first), and tells many others: milliseconds for that.
 */
const turns = 25;
/** Milliseconds by which a timer is late on any machine. */
const usual = 3;

/** What it needs of the machine, in milliseconds. */
export interface Machine {
  readonly now: () => number;
  /** Calls back once, and not before. Returns how to take that back. */
  readonly later: (milliseconds: number, then: () => void) => () => void;
}

const thisMachine: Machine = {
  now: () => performance.now(),
  later: (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds);
    return () => clearTimeout(timer);
  },
};

export class IdleTimer implements Disposable {
  // As numbers in memory of one size: tests that claim that memory stays flat have one of these beside them.
  private readonly dues: Float64Array = new Float64Array(kept);
  private readonly lates: Float64Array = new Float64Array(kept);
  private looks = 0;
  private readonly machine: Machine;
  private due: number;
  private cancel: () => void;

  constructor(machine: Machine = thisMachine) {
    this.machine = machine;
    this.due = machine.now() + gap;
    this.cancel = machine.later(gap, () => this.look());
  }

  /** The most milliseconds that the timer was late since a time of `performance.now()`. */
  latest(since: number): number {
    let worst = this.overdue();
    this.eachBack((due, late) => {
      if (due + late < since) return false;
      worst = Math.max(worst, late);
      return true;
    });
    return worst;
  }

  /**
   * The most milliseconds that something with this deadline may have taken, if it
   * began then and ends now.
   *
   * A verdict is a matter of several turns of the event loop, and once the deadline
   * has passed, each of them may be late. So the tenth is one of the loop's own
   * time: what it was late since then is no part of it. On a machine that stands
   * still half of the time, a verdict may come at twice the distance.
   */
  allowed(deadline: number, begun: number): number {
    const over = begun + deadline;
    let overtime = this.overdue();
    this.eachBack((due, late) => {
      if (due < over) return false;
      if (late > usual) overtime += late;
      return true;
    });
    return 1.1 * deadline + this.latest(begun) + overtime + turns;
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** By how much the look that is to come is late already. */
  private overdue(): number {
    return Math.max(0, this.machine.now() - this.due);
  }

  /** The looks, the last one first, for as long as `see` wants more. */
  private eachBack(see: (due: number, late: number) => boolean): void {
    const oldest = Math.max(0, this.looks - kept);
    for (let look = this.looks - 1; look >= oldest; look--) {
      const place = look % kept;
      if (!see(this.dues[place] ?? 0, this.lates[place] ?? 0)) return;
    }
  }

  private look(): void {
    const now = this.machine.now();
    const place = this.looks++ % kept;
    this.dues[place] = this.due;
    this.lates[place] = Math.max(0, now - this.due);
    this.due = now + gap;
    this.cancel = this.machine.later(gap, () => this.look());
  }
}
