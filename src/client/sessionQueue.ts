/**
 * Calls that wait until a session channel is free.
 *
 * Owns: whose turn it is: those that wait begin in the order in which they came.
 * Must not know: what a call does with its channel, messages.
 */
import { SshError } from '../base/errors.ts';

/** Calls that may wait at once: every queue has a bound. */
const longestQueue = 65_536;

/** A call that waits for its turn. */
interface Waiting {
  /** Session channels below which it may begin. */
  readonly maxChannels: number;
  readonly begin: () => void;
}

/** The calls of one connection that wait. */
export class SessionQueue {
  private readonly waiting: Waiting[] = [];
  private readonly count: () => number;

  /** @param count the session channels that are open, being opened or being closed */
  constructor(count: () => number) {
    this.count = count;
  }

  get size(): number {
    return this.waiting.length;
  }

  /**
   * Begins now, or when fewer than `maxChannels` are open and nobody waits who came before.
   *
   * @param begin opens the channel at once
   * @returns gives the turn up; undefined where it has begun
   * @throws SshError `ERR_SSH_LIMIT` when too many wait
   */
  enter(maxChannels: number, begin: () => void): (() => void) | undefined {
    const { waiting } = this;
    if (waiting.length === 0 && this.count() < maxChannels) {
      begin();
      return undefined;
    }
    if (waiting.length >= longestQueue) {
      throw new SshError('ERR_SSH_LIMIT', `${longestQueue} calls wait for a session channel already`, {
        origin: 'user',
      });
    }
    const entry: Waiting = { maxChannels, begin };
    waiting.push(entry);
    return () => {
      const place = waiting.indexOf(entry);
      if (place < 0) return;
      waiting.splice(place, 1);
      // It may have been the one that held up those behind it.
      this.advance();
    };
  }

  /** A channel is gone: whose turn has come begins. */
  advance(): void {
    for (;;) {
      const [first] = this.waiting;
      if (first === undefined || this.count() >= first.maxChannels) return;
      this.waiting.shift();
      first.begin();
    }
  }
}
