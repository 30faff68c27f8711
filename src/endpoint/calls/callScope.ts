/**
 * The bounds of one call of the user's.
 *
 * Owns: its own timeout, its signal, the end of the connection: whichever comes first rejects the call.
 * Must not know: what the call does.
 */
import type { SshError } from '../../base/errors.ts';
import type { Wait, WaitName } from '../../base/waits.ts';
import { abortError, checkAborted, onAbort } from './abort.ts';

/** Bounds of one call. */
export interface ScopeOptions {
  readonly name: WaitName;
  /** What the call waits for, for reports. */
  readonly detail: string;
  /** Milliseconds; `Infinity` for none of its own. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** What a scope asks of the connection. */
export interface ScopeOwner {
  startWait(name: WaitName, detail: string, timeout: number, onExpire: () => void): Wait;
  finishWait(wait: Wait): void;
  timeoutError(wait: Wait): SshError;
  /** Its call is over. */
  scopeEnded(scope: CallScope): void;
}

export class CallScope {
  /** What the call waits for within its own wait, where that says more when its time is over. */
  within: Pick<Wait, 'name' | 'detail'> | undefined;
  private readonly owner: ScopeOwner;
  private readonly wait: Wait | undefined;
  private readonly cancelled: Promise<never>;
  private readonly stopListening: () => void;
  private reject: (error: unknown) => void = () => {};
  private cancels: (() => void)[] = [];
  private over = false;

  constructor(owner: ScopeOwner, options: ScopeOptions) {
    const { signal, name, detail, timeout } = options;
    checkAborted(signal);
    this.owner = owner;
    this.cancelled = new Promise((_resolve, reject) => {
      this.reject = reject;
    });
    this.cancelled.catch(() => {});
    if (timeout !== Number.POSITIVE_INFINITY) {
      const wait = owner.startWait(name, detail, timeout, () => {
        owner.finishWait(wait);
        this.cancel(owner.timeoutError(this.expired(wait)));
      });
      this.wait = wait;
    }
    this.stopListening = onAbort(signal, () => {
      if (signal !== undefined) this.cancel(abortError(signal));
    });
  }

  /** The promise, or the rejection of the scope if that comes first. */
  until<T>(promise: Promise<T>): Promise<T> {
    // Once the scope has ended the loser of the race may still reject, with nobody to hear it.
    promise.catch(() => {});
    return Promise.race([promise, this.cancelled]);
  }

  /** Run when the scope is cancelled, before its call rejects. */
  onCancel(step: () => void): void {
    this.cancels.push(step);
  }

  /** The call is over. */
  end(): void {
    this.over = true;
    this.stopListening();
    if (this.wait !== undefined) this.owner.finishWait(this.wait);
    this.owner.scopeEnded(this);
    this.cancels = [];
  }

  connectionEnded(cause: SshError): void {
    this.reject(cause);
    this.over = true;
    this.stopListening();
  }

  /** What its error says was waited for: the innermost, within the time of the whole. */
  private expired(wait: Wait): Wait {
    const { since, timeout, deadline, onExpire } = wait;
    const { name, detail } = this.within ?? wait;
    return { name, detail, since, timeout, deadline, onExpire };
  }

  private cancel(error: SshError): void {
    if (this.over) return;
    this.over = true;
    for (const step of this.cancels) step();
    this.reject(error);
  }
}
