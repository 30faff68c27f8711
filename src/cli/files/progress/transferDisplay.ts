/**
 * What a person sees of transfers while they run.
 *
 * Owns: a line for each on a terminal, which stays with its last figures, and one for all of them.
 * Must not know: how anything is transferred.
 */
import type { TransferProgress } from '../../../sftp/transfer/options.ts';
import type { TransferResult } from '../../../sftp/transfer/result.ts';
import { StatusLine, type StatusTerminal } from '../../terminal/statusLine.ts';
import { type ProgressState, progressLine } from './progressLine.ts';

/** Of a terminal that does not tell its width. */
const usualColumns = 80;

export class TransferDisplay {
  private readonly terminal: StatusTerminal;
  private readonly status: StatusLine;
  /** Whether anything is shown. */
  private readonly isOn: () => boolean;
  private current:
    | { readonly name: string; readonly startedAt: number; progress: TransferProgress }
    | undefined;
  private readonly sum = { transfers: 0, bytes: 0, files: 0, startedAt: performance.now() };

  constructor(terminal: StatusTerminal, isOn: () => boolean) {
    this.terminal = terminal;
    this.isOn = isOn;
    this.status = new StatusLine(terminal, () => this.text());
  }

  /**
   * A transfer begins.
   *
   * @param name safe to show
   * @returns takes its progress
   */
  begin(name: string): (progress: TransferProgress) => void {
    this.current = { name, startedAt: performance.now(), progress: nothingYet };
    if (this.isOn()) this.status.start();
    return (progress) => {
      if (this.current !== undefined) this.current.progress = progress;
    };
  }

  /** It has ended: `result` where all of it arrived. */
  end(result: TransferResult | undefined): void {
    const { current } = this;
    this.status.stop();
    if (current === undefined) return;
    if (result !== undefined) this.add(result);
    if (this.isOn() && (result !== undefined || current.progress !== nothingYet)) {
      const line = progressLine(this.state(result !== undefined), this.columns);
      this.terminal.write(`${line.trimEnd()}\n`);
    }
    this.current = undefined;
  }

  /** Where there were several transfers: a line of all that arrived. */
  total(): void {
    const { transfers, bytes, files, startedAt } = this.sum;
    if (!this.isOn() || transfers < 2) return;
    const elapsed = performance.now() - startedAt;
    const line = progressLine(
      {
        name: 'in sum',
        transferred: bytes,
        total: bytes,
        files,
        filesDone: files,
        rate: rateOf(bytes, elapsed),
        timeLeft: undefined,
        elapsed,
        isDone: true,
      },
      this.columns,
    );
    this.terminal.write(`${line.trimEnd()}\n`);
  }

  /** Out of the way of other output; it comes back by itself. */
  clear(): void {
    this.status.clear();
  }

  private add({ bytes, files }: TransferResult): void {
    this.sum.transfers++;
    this.sum.bytes += bytes;
    this.sum.files += files;
  }

  private get columns(): number {
    return this.terminal.columns || usualColumns;
  }

  private text(): string {
    return this.current === undefined ? '' : progressLine(this.state(false), this.columns);
  }

  private state(isDone: boolean): ProgressState {
    const { name = '', startedAt = 0, progress = nothingYet } = this.current ?? {};
    const elapsed = performance.now() - startedAt;
    const { transferred, rate } = progress;
    // At its end what counts is the whole, and not the last seconds.
    return { ...progress, name, elapsed, isDone, rate: isDone ? rateOf(transferred, elapsed) : rate };
  }
}

const nothingYet: TransferProgress = {
  path: '',
  transferred: 0,
  total: 0,
  files: 0,
  filesDone: 0,
  rate: 0,
  timeLeft: undefined,
};

function rateOf(bytes: number, milliseconds: number): number {
  return milliseconds <= 0 ? 0 : (bytes * 1000) / milliseconds;
}
