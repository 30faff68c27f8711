/**
 * A rate limit on messages that cost work and bring nothing.
 *
 * Owns: one token bucket. Time is given to it. Anybody who has a use for one makes it
 * when first it is spent: most connections never get there.
 * Must not know: which messages are counted.
 */
import { SshError } from '../../base/errors.ts';

/** Allows a burst at once and a rate for ever, so that a slow heartbeat lives and a flood does not. */
export class Allowance {
  private readonly what: string;
  private readonly burst: number;
  private readonly perSecond: number;
  private tokens: number;
  private last: number;

  /** @param what is kept in check, for the error: `messages without effect` */
  constructor(what: string, burst: number, perSecond: number, now: number) {
    this.what = what;
    this.burst = burst;
    this.perSecond = perSecond;
    this.tokens = burst;
    this.last = now;
  }

  /**
   * @param cost as many as so many of what is counted
   * @throws SshError `ERR_SSH_LIMIT` when the allowance is used up
   */
  spend(now: number, cost: number = 1): void {
    const { what, burst, perSecond } = this;
    this.tokens = Math.min(burst, this.tokens + ((now - this.last) / 1000) * perSecond);
    this.last = now;
    if (this.tokens < cost) throw new SshError('ERR_SSH_LIMIT', `the peer floods this side with ${what}`);
    this.tokens -= cost;
  }

  /** Gives something back ahead of its time. */
  earn(tokens: number): void {
    this.tokens = Math.min(this.burst, this.tokens + tokens);
  }

  /** Whether the whole burst is allowed again: a new one would be the same. */
  isWhole(now: number): boolean {
    return this.tokens + ((now - this.last) / 1000) * this.perSecond >= this.burst;
  }
}
