/**
 * What came of a transfer.
 *
 * Owns: the result, the lists in it and their bound.
 * Must not know: how anything is transferred.
 */

/** An entry that was left out, and why. */
export interface SkippedEntry {
  readonly path: string;
  readonly reason: string;
}

/** An entry that failed and was passed over. */
export interface FailedEntry {
  readonly path: string;
  readonly error: unknown;
}

/** Something that could not be done as it was asked, where the bytes arrived all the same. */
export interface TransferWarning {
  readonly path: string;
  readonly message: string;
}

/** What came of a transfer. Each list has 1,000 entries at most; the counts have all. */
export interface TransferResult {
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  /** Bytes of the files, those that were there already with `resume` not counted. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly skippedCount: number;
  readonly skipped: readonly SkippedEntry[];
  readonly failedCount: number;
  readonly failed: readonly FailedEntry[];
  readonly warnings: readonly TransferWarning[];
}

const mostListed = 1000;

/** The counts while a transfer runs. */
export class TransferCounts {
  files = 0;
  folders = 0;
  links = 0;
  bytes = 0;
  skippedCount = 0;
  failedCount = 0;
  readonly skipped: SkippedEntry[] = [];
  readonly failed: FailedEntry[] = [];
  readonly warnings: TransferWarning[] = [];

  skip(path: string, reason: string): void {
    this.skippedCount++;
    if (this.skipped.length < mostListed) this.skipped.push({ path, reason });
  }

  fail(path: string, error: unknown): void {
    this.failedCount++;
    if (this.failed.length < mostListed) this.failed.push({ path, error });
  }

  warn(path: string, message: string): void {
    if (this.warnings.length < mostListed) this.warnings.push({ path, message });
  }

  result(duration: number): TransferResult {
    const { files, folders, links, bytes, skippedCount, skipped, failedCount, failed, warnings } = this;
    return { files, folders, links, bytes, duration, skippedCount, skipped, failedCount, failed, warnings };
  }
}
