/**
 * When a connection is dialled again.
 *
 * Owns: which ends are final, and how long the next dial waits: longer after each
 * failure up to a bound, and never the same for everybody who lost the same server.
 * Must not know: clocks, what is dialled, where chance comes from.
 */
import { SshError, type SshErrorCode } from '../../base/errors.ts';
import { milliseconds, type OptionTable, wholeNumber } from '../../base/optionChecks.ts';
import { isCallersOwn } from '../../endpoint/calls/publicCall.ts';

/** When a connection that was lost is dialled again. */
export interface RetryPolicy {
  /** Milliseconds before the first dial after a loss: at most so many, and no less than half. 500 */
  readonly delay: number;
  /** Each further dial waits twice as long, up to so many milliseconds. 30,000 */
  readonly maxDelay: number;
  /** Dials in a row that may fail; none succeeded in between. `Infinity` */
  readonly attempts: number;
}

export const defaultRetry: RetryPolicy = {
  delay: 500,
  maxDelay: 30_000,
  attempts: Number.POSITIVE_INFINITY,
};

export const retryTable: OptionTable<RetryPolicy> = {
  delay: milliseconds,
  maxDelay: milliseconds,
  attempts: {
    takes: 'a whole number of at least 1, or Infinity',
    accepts: (value) => value === Number.POSITIVE_INFINITY || wholeNumber(1, 2 ** 31).accepts(value),
  },
};

/** What another dial would end by as well: somebody has to change something first. */
const final: ReadonlySet<SshErrorCode> = new Set<SshErrorCode>([
  'ERR_SSH_OPTIONS',
  'ERR_SSH_HOST_KEY_REJECTED',
  'ERR_SSH_HOST_KEY_UNKNOWN',
  'ERR_SSH_HOST_KEY_CHANGED',
  'ERR_SSH_HOST_KEY_REVOKED',
  'ERR_SSH_HOST_KEY_NOT_PINNED',
  'ERR_SSH_CERTIFICATE',
  'ERR_SSH_AUTHENTICATION_FAILED',
  'ERR_SSH_NO_COMMON_ALGORITHM',
  'ERR_SSH_KEY_FORMAT',
  'ERR_SSH_KEY_PASSPHRASE',
  'ERR_SSH_KEY_UNSUPPORTED',
  'ERR_SSH_CALLBACK',
]);

/** Whether a dial that failed by this is worth another one. */
export function isWorthRetrying(error: unknown): boolean {
  // What a function of the caller threw is the caller's to deal with.
  return error instanceof SshError && !final.has(error.code) && !isCallersOwn(error);
}

/** Counts the failures in a row, and says how long the next dial waits. */
export class Backoff {
  private readonly policy: RetryPolicy;
  private readonly random: () => number;
  private failures = 0;
  private last = 0;

  constructor(policy: RetryPolicy, random: () => number) {
    this.policy = policy;
    this.random = random;
  }

  /** Dials that failed in a row. */
  get failed(): number {
    return this.failures;
  }

  /** Milliseconds until the next dial; undefined where there is to be none. */
  next(): number | undefined {
    const { delay, maxDelay, attempts } = this.policy;
    if (this.failures >= attempts) return undefined;
    const longest = Math.min(maxDelay, delay * 2 ** Math.min(this.failures, 30));
    this.failures++;
    this.last = longest * (1 - this.random() / 2);
    return this.last;
  }

  /** A connection has ended that stood for so many milliseconds: one that did not last is no success. */
  stood(milliseconds: number): void {
    if (milliseconds > 2 * this.last) this.failures = 0;
  }
}
