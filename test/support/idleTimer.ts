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

export class IdleTimer implements Disposable {
  private readonly looks: { readonly due: number; readonly late: number }[] = [];
  private due: number = performance.now() + gap;
  private timer: ReturnType<typeof setTimeout>;

  constructor() {
    this.timer = setTimeout(() => this.look(), gap);
  }

  /** The most milliseconds that the timer was late since a time of `performance.now()`. */
  latest(since: number): number {
    const overdue = Math.max(0, performance.now() - this.due);
    let worst = overdue;
    for (const { late } of this.looks.slice(this.firstSince(since))) worst = Math.max(worst, late);
    return worst;
  }

  /**
   * The most milliseconds that something with this deadline may have taken, if it
   * began then and ends now. A verdict is a matter of several turns of the event
   * loop: once the deadline has passed, each of them may be late.
   */
  allowed(deadline: number, begun: number): number {
    const over = begun + deadline;
    let overtime = Math.max(0, performance.now() - this.due);
    for (const { due, late } of this.looks.slice(this.firstSince(over))) {
      if (due >= over && late > usual) overtime += late;
    }
    return 1.1 * deadline + this.latest(begun) + overtime + turns;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
  }

  /** Index of the first look that was over behind a time. */
  private firstSince(time: number): number {
    let index = this.looks.length;
    for (; index > 0; index--) {
      const look = this.looks[index - 1];
      if (look === undefined || look.due + look.late < time) break;
    }
    return index;
  }

  private look(): void {
    const now = performance.now();
    this.looks.push({ due: this.due, late: Math.max(0, now - this.due) });
    if (this.looks.length > 2 * kept) this.looks.splice(0, kept);
    this.due = now + gap;
    this.timer = setTimeout(() => this.look(), gap);
  }
}
