/**
 * One transfer, of one file or of many.
 *
 * Owns: what its files share: options, counts, progress, rate, bytes in flight, what runs at
 * once; what becomes of a file that fails; its one end.
 * Must not know: how a file is transferred.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { askInCall, rejectionOf, tellInCall } from '../../endpoint/calls/userCode.ts';
import type { EndedTransfer } from '../../io/registry.ts';
import type { TransferKind, TransferSnapshot } from '../../io/snapshots.ts';
import { ByteBudget } from '../data/budget.ts';
import type { CallOptions } from '../seam/channel.ts';
import type { LocalFiles } from '../seam/localFiles.ts';
import type { SftpPlatform } from '../seam/platform.ts';
import { Errand } from '../session/errand.ts';
import type { SftpSession } from '../session/session.ts';
import { asTransferError, transferError } from './errors.ts';
import type { ResolvedTransfer, TransferEntry, TransferProgress } from './options.ts';
import { RateLimiter } from './pacing/limiter.ts';
import { Pool } from './pacing/pool.ts';
import { ProgressMeter } from './pacing/progress.ts';
import { TransferCounts, type TransferResult } from './result.ts';

/** Bytes of a request at least, however low the bound on the rate. */
const shortestBlock = 1024;
/** Files that are found and wait for their turn; the search for more waits beyond that. */
const longestQueue = 1024;

export class Transfer {
  readonly session: SftpSession;
  readonly options: ResolvedTransfer;
  readonly local: LocalFiles;
  readonly platform: SftpPlatform;
  readonly counts: TransferCounts = new TransferCounts();
  readonly progress: ProgressMeter;
  readonly limiter: RateLimiter;
  readonly budget: ByteBudget;
  /** Bytes of a READ or WRITE at most, and of what goes to a disk in one call. A bound on the rate makes them few. */
  readonly longest: number;
  readonly errand: Errand;
  private readonly pool: Pool;
  private readonly startedAt: number;
  private readonly wakers = new Set<() => void>();
  private stopped: { readonly error: unknown } | undefined;
  /** A function that was told something has not come to its end: its fault is heard of a turn later. */
  private isTelling = false;
  /** Something was not done since it was stopped: what was all but done by then may have come to its end. */
  private isCutShort = false;
  private firstFailure: { readonly error: unknown; readonly path: string } | undefined;

  constructor(session: SftpSession, platform: SftpPlatform, options: ResolvedTransfer) {
    if (platform.files === undefined) throw optionsError('this platform has no local files');
    this.session = session;
    this.platform = platform;
    this.options = options;
    this.local = platform.files;
    const now = (): number => session.channel.now();
    this.progress = new ProgressMeter(options.onProgress && ((progress) => this.report(progress)), now);
    this.limiter = new RateLimiter(options.limitRate, now, (milliseconds) => this.pause(milliseconds));
    const { sftpBytesInFlight } = session.link.limits;
    const { burstLength } = this.limiter;
    // What is asked for comes at the rate of the path: no more of it than the bound lets through soon.
    this.budget = new ByteBudget(Math.min(sftpBytesInFlight, 2 * burstLength));
    this.longest = Math.max(shortestBlock, Math.floor(burstLength / options.concurrency));
    this.errand = new Errand(session.link);
    this.pool = new Pool(options.concurrency, () =>
      session.handles.isAwaited ? Number.POSITIVE_INFINITY : longestQueue,
    );
    this.startedAt = now();
  }

  /**
   * Runs the transfer to its end, within the bounds of the call.
   *
   * @throws SshError what stopped it; `ERR_SSH_TRANSFER` where files failed and nobody was asked about them
   */
  async run(name: TransferKind, bounds: CallOptions, work: () => Promise<void>): Promise<TransferResult> {
    const ended = this.session.showTransfer(() => this.snapshot(name));
    let outcome: EndedTransfer['outcome'] = 'failed';
    const forget = this.session.link.onEnd((cause) => this.stop(cause));
    const unlisten = this.session.handles.onAwaited(() => this.pool.look());
    try {
      await this.session.call(`${name} over SFTP`, bounds, async (errand) => {
        errand?.onCancel((error) => this.stop(error));
        await this.toEnd(work);
      });
      outcome = 'completed';
    } finally {
      ended(outcome);
      forget();
      unlisten();
    }
    return this.counts.result(this.session.channel.now() - this.startedAt);
  }

  /** Whether something has ended it. */
  get isStopped(): boolean {
    return this.stopped !== undefined;
  }

  /** @throws what has stopped it */
  check(): void {
    if (this.stopped !== undefined) throw this.stopped.error;
  }

  /** Ends it: nothing begins any more, what runs is given up. */
  stop(cause: unknown): void {
    if (this.stopped !== undefined) return;
    const error = asTransferError(cause);
    this.stopped = { error };
    if (this.pool.clear() > 0) this.isCutShort = true;
    this.errand.cancel(error instanceof SshError ? error : stoppedError(error));
    for (const wake of this.wakers) wake();
  }

  /** Does the work for a file when its turn comes. Resolves when there is room for more. */
  async add(path: string, work: () => Promise<void>): Promise<void> {
    this.check();
    await this.pool.add(() => this.attempt(path, work));
  }

  /** Resolves when all that was added is done. */
  settled(): Promise<void> {
    return this.pool.idle();
  }

  /** Does the work for a file now; its failure is that file's. Whether it went well. */
  async attempt(path: string, work: () => Promise<void>): Promise<boolean> {
    if (this.stopped !== undefined) {
      this.isCutShort = true;
      return false;
    }
    try {
      await work();
      return true;
    } catch (error) {
      await this.fail(path, error);
      return false;
    }
  }

  /** Whether the caller's filter takes an entry; one that is left out is in the result. */
  async isWanted(path: string, entry: () => TransferEntry | Promise<TransferEntry>): Promise<boolean> {
    const { filter } = this.options;
    if (filter === undefined) return true;
    const told = await entry();
    if (await this.ask('filter', () => filter(path, told))) return true;
    this.counts.skip(path, 'the filter leaves it out');
    return false;
  }

  /** Tells a function of the caller's; what it throws ends the transfer. */
  tell(name: string, tell: () => unknown): void {
    if (this.stopped !== undefined) return;
    const telling = (): unknown => {
      const answer = tell();
      this.isTelling ||= typeof answer === 'object';
      return answer;
    };
    tellInCall(name, telling, (fault) => {
      this.stop(fault);
      this.isCutShort = true;
    });
  }

  /**
   * Asks a function of the caller's, until the transfer ends.
   *
   * @throws SshError that stands for what the function threw; what ended the transfer
   */
  private ask<T>(name: string, ask: () => T | PromiseLike<T>): Promise<T> {
    return this.session.callersOwn(askInCall(name, ask), this.errand);
  }

  /** A file has failed. Resolves when the caller has said what is done about it. */
  async fail(path: string, cause: unknown): Promise<void> {
    if (this.stopped !== undefined) {
      this.isCutShort = true;
      return;
    }
    const error = asTransferError(cause);
    const shown = rejectionOf(error);
    const { onError } = this.options;
    this.counts.fail(path, shown);
    if (onError === undefined) {
      this.firstFailure ??= { error, path };
      return;
    }
    try {
      if ((await this.ask('onError', () => onError(shown, path))) === 'skip') return;
      this.stop(error);
    } catch (fault) {
      this.stop(fault);
    }
    this.isCutShort = true;
  }

  /** Bytes of a file have arrived. */
  moved(path: string, bytes: number): void {
    this.counts.bytes += bytes;
    this.progress.moved(path, bytes);
  }

  fileDone(path: string): void {
    this.counts.files++;
    this.progress.fileDone(path);
  }

  /**
   * Marks a target as being written.
   *
   * @throws SshError `ERR_SSH_TRANSFER` another file of this session is on its way there
   */
  claim(key: string, path: string): () => void {
    const { claims } = this.session;
    if (claims.has(key)) {
      throw transferError(`"${escapeText(path)}" is the target of another transfer that runs`, path, {
        origin: 'user',
      });
    }
    claims.add(key);
    return () => claims.delete(key);
  }

  private snapshot(kind: TransferKind): TransferSnapshot {
    const { files, filesDone, total, transferred } = this.progress;
    const age = this.session.channel.now() - this.startedAt;
    return { kind, age, files, filesDone, failed: this.counts.failedCount, total, transferred };
  }

  private async toEnd(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.stop(error);
      this.isCutShort = true;
    }
    await this.pool.idle();
    this.progress.end();
    if (this.isTelling) await this.session.channel.pause();
    if (this.isCutShort) this.check();
    if (this.firstFailure !== undefined) throw this.failure(this.firstFailure);
  }

  /** The error of a transfer whose other files have arrived; of a single file its own. */
  private failure({ error, path }: { readonly error: unknown; readonly path: string }): unknown {
    const { failedCount, files, folders } = this.counts;
    if (failedCount === 1 && files + folders === 0) return error;
    const first = error instanceof Error ? error.message : String(error);
    return transferError(
      `${failedCount} of ${failedCount + files + folders} entries failed; the first: ${first}`,
      path,
      {
        cause: rejectionOf(error),
      },
    );
  }

  private report(progress: TransferProgress): void {
    this.tell('onProgress', () => this.options.onProgress?.(progress));
  }

  private pause(milliseconds: number): Promise<void> {
    const { clock } = this.platform;
    return new Promise((resolve) => {
      const due = (): void => {
        this.wakers.delete(wake);
        resolve();
      };
      const timer = clock.schedule(clock.now() + milliseconds, { due });
      const wake = (): void => {
        timer.cancel();
        due();
      };
      this.wakers.add(wake);
    });
  }
}

function stoppedError(cause: unknown): SshError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new SshError('ERR_SSH_ABORTED', `the transfer was stopped${why}`, { origin: 'user', cause });
}
