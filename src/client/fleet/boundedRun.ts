/**
 * Work on many items, a few at a time, with results as they come.
 *
 * Owns: how many items are under way, the results nobody has taken yet, and
 * that the end, by whatever way, comes after all work has ended.
 * Must not know: what the work is.
 *
 * What is under way and what lies ready are at most `concurrency` together, so
 * a consumer that stops taking results holds the work back.
 */
import { SshError } from '../../base/errors.ts';
import { abortError, onAbort } from '../../endpoint/calls/abort.ts';
import type { CallSite } from '../../endpoint/calls/callSite.ts';
import { isCallersOwn } from '../../endpoint/calls/publicCall.ts';

/** Where items come from; one is taken when there is room for it. */
export type ItemSource<Item> = Iterable<Item> | AsyncIterable<Item>;

export interface BoundedRunOptions<Item, Result> {
  readonly source: ItemSource<Item>;
  /** Items under way at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  /** Where the run was asked for. */
  readonly site?: CallSite | undefined;
  /** Called when the run begins; the function it returns is called when all work has ended. */
  readonly begin: () => () => void;
  /** Ends what the items have in common, behind all work; resolves when nothing is left of it. */
  readonly close?: (() => Promise<void>) | undefined;
  /**
   * Delivers the result of one item, once, and resolves when nothing is left of
   * the work. Ends early when the signal is aborted. Does not reject but by a defect.
   */
  readonly work: (item: Item, index: number, signal: AbortSignal, deliver: Deliver<Result>) => Promise<void>;
}

type Deliver<Result> = (result: Result) => void;

interface Waiter<Result> {
  readonly resolve: (step: IteratorResult<Result, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** The results of a run, as an iterator of them. */
export class BoundedRun<Item, Result> implements AsyncIterableIterator<Result>, AsyncDisposable {
  private readonly options: BoundedRunOptions<Item, Result>;
  private readonly stop = new AbortController();
  private readonly ready: Result[] = [];
  private readonly waiters: Waiter<Result>[] = [];
  private iterator: Iterator<Item> | AsyncIterator<Item> | undefined;
  private state: 'new' | 'running' | 'closing' | 'over' = 'new';
  private active = 0;
  private started = 0;
  private pulling = false;
  /** No further item is begun: there is none, or the run was ended early. */
  private exhausted = false;
  /** What `next` rejects with once, behind the results. */
  private failure: { readonly error: unknown } | undefined;
  private cleanUps: (() => void)[] = [];

  constructor(options: BoundedRunOptions<Item, Result>) {
    this.options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next result. Rejects once, after all work has ended, where the run was aborted or its source failed. */
  next(): Promise<IteratorResult<Result, undefined>> {
    const step = new Promise<IteratorResult<Result, undefined>>((resolve, reject) => {
      this.waiters.push({
        resolve,
        reject: (error) => {
          // An abort ends every step that was asked for, also those whose promises nobody has looked at yet.
          if (isCallersOwn(error)) step.catch(() => {});
          if (error instanceof SshError) this.options.site?.leadTo(error);
          reject(error);
        },
      });
    });
    if (this.state === 'new') this.start();
    this.settle();
    return step;
  }

  /** Ends what is under way; resolves when nothing is left of it. Results that lie ready are dropped. */
  return(): Promise<IteratorResult<Result, undefined>> {
    if (this.state === 'new') this.state = 'over';
    this.halt(undefined);
    this.ready.length = 0;
    this.failure = undefined;
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private start(): void {
    this.state = 'running';
    const { signal, begin } = this.options;
    this.cleanUps.push(begin());
    if (signal?.aborted === true) return this.abort(signal);
    const listener = (): void => {
      if (signal !== undefined) this.abort(signal);
    };
    this.cleanUps.push(onAbort(signal, listener));
  }

  private abort(signal: AbortSignal): void {
    this.failure ??= { error: abortError(signal) };
    this.halt(signal.reason);
    this.settle();
  }

  private halt(reason: unknown): void {
    const wasOpen = !this.exhausted && this.iterator !== undefined;
    this.exhausted = true;
    this.pulling = false;
    this.stop.abort(reason);
    if (wasOpen) this.closeSource();
  }

  /** Begins what there is room for, hands out what is ready, and notices the end. */
  private settle(): void {
    if (this.state === 'running') this.pull();
    for (;;) {
      const [result] = this.ready;
      const waiter = result === undefined ? undefined : this.waiters.shift();
      if (result === undefined || waiter === undefined) break;
      this.ready.shift();
      waiter.resolve({ done: false, value: result });
      if (this.state === 'running') this.pull();
    }
    if (this.state === 'running' && this.exhausted && this.active === 0 && !this.pulling) this.finish();
    if (this.state !== 'over' || this.ready.length > 0) return;
    for (const waiter of this.waiters.splice(0)) {
      const { failure } = this;
      this.failure = undefined;
      if (failure === undefined) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(failure.error);
    }
  }

  private finish(): void {
    const { close } = this.options;
    for (const cleanUp of this.cleanUps.splice(0)) cleanUp();
    this.state = close === undefined ? 'over' : 'closing';
    const closed = (): void => {
      this.state = 'over';
      this.settle();
    };
    close?.().then(closed, closed);
  }

  // The source -----------------------------------------------------------------------

  private pull(): void {
    const { concurrency } = this.options;
    while (!this.exhausted && !this.pulling && this.active + this.ready.length < concurrency) {
      try {
        this.iterator ??= this.open();
        const step = this.iterator.next();
        if ('then' in step) {
          this.pulling = true;
          void this.pulled(step);
        } else {
          this.take(step);
        }
      } catch (error) {
        this.failed(error);
      }
    }
  }

  private open(): Iterator<Item> | AsyncIterator<Item> {
    const { source } = this.options;
    return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  private async pulled(pending: Promise<IteratorResult<Item>>): Promise<void> {
    try {
      const step = await pending;
      if (!this.exhausted) this.take(step);
    } catch (error) {
      if (!this.exhausted) this.failed(error);
    }
    this.pulling = false;
    this.settle();
  }

  private take(step: IteratorResult<Item>): void {
    if (step.done === true) this.exhausted = true;
    else void this.workOn(step.value);
  }

  /** A fault of the source, or of this library's own, ends the run but not what is under way. */
  private failed(error: unknown): void {
    this.failure ??= { error };
    this.exhausted = true;
  }

  /** Not waited for: a source that waits for its own next item answers when it has it, which may be never. */
  private closeSource(): void {
    try {
      Promise.resolve(this.iterator?.return?.()).catch(() => {});
    } catch {
      // The run has its outcome already; a fault of giving up the source changes nothing.
    }
  }

  private async workOn(item: Item): Promise<void> {
    this.active++;
    let delivered = false;
    try {
      await this.options.work(item, this.started++, this.stop.signal, (result) => {
        if (delivered || this.stop.signal.aborted) return;
        delivered = true;
        this.ready.push(result);
        this.settle();
      });
    } catch (error) {
      this.failed(error);
    }
    this.active--;
    this.settle();
  }
}
