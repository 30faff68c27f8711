/**
 * How far a transfer is, told at a bounded rate.
 *
 * Owns: the counts of files and bytes, the rate and the time left.
 * Must not know: what is transferred. The time is given.
 */
import type { TransferProgress } from '../options.ts';

/** Milliseconds between two events. */
const tellEvery = 100;
/** Milliseconds that the rate is taken over, and how often it is looked at. */
const rateOver = 3_000;
const sampleEvery = 250;

interface Sample {
  readonly at: number;
  readonly transferred: number;
}

export class ProgressMeter {
  transferred = 0;
  total = 0;
  files = 0;
  filesDone = 0;
  private readonly tell: ((progress: TransferProgress) => void) | undefined;
  private readonly now: () => number;
  private path = '';
  private toldAt = Number.NEGATIVE_INFINITY;
  private samples: Sample[] = [];

  constructor(tell: ((progress: TransferProgress) => void) | undefined, now: () => number) {
    this.tell = tell;
    this.now = now;
    this.samples.push({ at: now(), transferred: 0 });
  }

  /** A file has been found. */
  found(bytes: number): void {
    this.files++;
    this.total += bytes;
  }

  /** A file turned out to have more or fewer bytes. */
  corrected(by: number): void {
    this.total += by;
  }

  moved(path: string, bytes: number): void {
    this.transferred += bytes;
    if (this.tell === undefined) return;
    this.path = path;
    const at = this.now();
    this.sample(at);
    if (at - this.toldAt >= tellEvery) this.report(at);
  }

  fileDone(path: string): void {
    this.filesDone++;
    this.moved(path, 0);
  }

  /** The last event, whenever the one before it was. */
  end(): void {
    if (this.tell !== undefined) this.report(this.now());
  }

  private sample(at: number): void {
    const last = this.samples.at(-1) as Sample;
    if (at - last.at < sampleEvery) return;
    this.samples.push({ at, transferred: this.transferred });
    while (this.samples.length > 2 && at - (this.samples[1] as Sample).at >= rateOver) this.samples.shift();
  }

  private report(at: number): void {
    this.toldAt = at;
    const first = this.samples[0] as Sample;
    const elapsed = at - first.at;
    const rate = elapsed <= 0 ? 0 : ((this.transferred - first.transferred) * 1000) / elapsed;
    const left = Math.max(0, this.total - this.transferred);
    const { path, transferred, total, files, filesDone } = this;
    const timeLeft = rate > 0 ? (left * 1000) / rate : undefined;
    this.tell?.({ path, transferred, total, files, filesDone, rate, timeLeft });
  }
}
