/**
 * The only code that awaits bytes.
 *
 * Owns: waiting for a chunk, an end or an absolute deadline, whichever comes
 * first, with one timer a connection.
 * Must not know: SSH.
 *
 * A deadline never fires while its answer lies unread in the kernel. When the time is
 * over, the event loop polls for I/O once more, and the reader hands on what that
 * brings before it decides. If a poll brought so much that more may be there, another
 * poll follows, up to a limit, so a flood cannot delay the decision for ever. A poll
 * that brought little has emptied the kernel's buffer, so a peer that drips gains
 * nothing, however slow the event loop is.
 */
import type { Clock, Sleeper, Timer } from './clock.ts';

/** What ended a wait. */
export type FillOutcome = 'data' | 'ended' | 'expired' | 'woken';

/** More overdue polls in a row than a kernel's receive buffer could feed. */
const overduePolls = 64;
/** Bytes that the platforms read at once; who brings fewer has no more. */
const fullRead = 64 * 1024;

/** Anybody who waits. */
export interface FillListener {
  filled(outcome: FillOutcome): void;
}

/** What ends a wait is told after its cause is done. */
const soon: Promise<void> = Promise.resolve();

export class DeadlineReader implements Sleeper {
  private readonly clock: Clock;
  /** Undefined for none. */
  private chunks: Uint8Array[] | undefined;
  private isEnded = false;
  /** The end is told once; later waits are for a deadline or a wake only. */
  private endTold = false;
  private endError: Error | undefined;
  private wanted = false;
  private listener: FillListener | undefined;
  private deadline: number = Number.POSITIVE_INFINITY;
  private timer: Timer | undefined;
  private timerAt: number = Number.POSITIVE_INFINITY;
  private poll: Timer | undefined;
  private polls = 0;
  /** Bytes that came since the overdue poll under way was begun. */
  private polledBytes = 0;
  /** The verdict was reached while nobody waited: what came is handed on before it. */
  private isDue = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Chunks that came and were not taken. */
  take(): Uint8Array[] {
    const { chunks } = this;
    this.chunks = undefined;
    return chunks ?? [];
  }

  /** Chunks wait to be taken. */
  get holds(): boolean {
    return this.chunks !== undefined;
  }

  /** Why the link ended; undefined for an orderly end. */
  get error(): Error | undefined {
    return this.endError;
  }

  /**
   * Waits for bytes until an absolute time. Call again only when it has
   * resolved; never rejects.
   */
  fill(deadline: number): Promise<FillOutcome> {
    return new Promise((resolve) => this.listen({ filled: resolve }, deadline));
  }

  /**
   * The same for a listener, which is told once. A promise and what awaits it are
   * half a kilobyte, and a connection that idles would hold them all the time.
   */
  listen(listener: FillListener, deadline: number): void {
    this.moveDeadline(deadline);
    this.listener = listener;
    if (this.holds) this.settle('data');
    else if (this.isEnded && !this.endTold) this.settleEnd();
    else if (this.wanted) {
      this.wanted = false;
      this.settle('woken');
    } else if (this.isDue) {
      this.isDue = false;
      this.settle('expired');
    } else {
      this.arm();
    }
  }

  /** The deadline of the wait under way has changed. */
  retime(deadline: number): void {
    if (this.listener === undefined || deadline === this.deadline) return;
    this.moveDeadline(deadline);
    this.arm();
  }

  /** Ends the wait under way, or the next one, though nothing came. */
  wake(): void {
    if (this.listener === undefined) this.wanted = true;
    else this.settle('woken');
  }

  /** Bytes came that somebody else took at once: ends the wait as `wake` does, and there may be more. */
  passed(length: number): void {
    if (this.poll !== undefined) this.polledBytes += length;
    this.wake();
  }

  push(chunk: Uint8Array): void {
    if (this.chunks === undefined) this.chunks = [chunk];
    else this.chunks.push(chunk);
    if (this.poll !== undefined) this.polledBytes += chunk.length;
    this.settle('data');
  }

  end(error: Error | undefined): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.endError = error;
    if (this.listener !== undefined) this.settleEnd();
  }

  /** Frees the timer; a wait under way ends. */
  close(): void {
    this.end(undefined);
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    this.stopPolling();
  }

  /** Another deadline has a last poll of its own. */
  private moveDeadline(deadline: number): void {
    if (deadline === this.deadline) return;
    this.deadline = deadline;
    this.stopPolling();
  }

  private stopPolling(): void {
    this.polls = 0;
    this.isDue = false;
    this.poll?.cancel();
    this.poll = undefined;
  }

  private settle(outcome: FillOutcome): void {
    const { listener } = this;
    if (listener === undefined) return;
    this.listener = undefined;
    void soon.then(() => listener.filled(outcome));
  }

  private settleEnd(): void {
    this.endTold = true;
    this.settle('ended');
  }

  /** A timer that is set for an earlier time stays: re-arming at every chunk would cost more than one early call. */
  private arm(): void {
    if (this.deadline >= this.timerAt) return;
    this.timer?.cancel();
    this.timerAt = this.deadline;
    this.timer = this.clock.schedule(this.deadline, this);
  }

  /** The time of the timer has come. */
  due(): void {
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    // A poll under way gives the verdict: begun anew at each byte, it would never come.
    if (this.listener === undefined || this.poll !== undefined) return;
    if (this.clock.now() < this.deadline) this.arm();
    else this.pollOnce();
  }

  private pollOnce(): void {
    this.polls++;
    this.polledBytes = 0;
    this.poll = this.clock.afterPoll(() => {
      this.poll = undefined;
      if (this.polledBytes >= fullRead && this.polls < overduePolls) return this.pollOnce();
      this.polls = 0;
      if (this.listener === undefined) this.isDue = true;
      else this.settle('expired');
    });
  }
}
