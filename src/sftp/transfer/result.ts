/**
 * What came of a transfer.
 *
 * Owns: the result, the lists in it and their bound.
 * Must not know: how anything is transferred.
 */

/** An entry that was left out, and why. */
export interface SkippedEntry {
  /** Of the side that is read. */
  readonly path: string;
  /** Why it was left out. */
  readonly reason: string;
}

/** An entry that failed and was passed over. */
export interface FailedEntry {
  /** Of the side that is read. */
  readonly path: string;
  /** Why it failed; an `SshError`, or what a function of the caller threw. */
  readonly error: unknown;
}

/** Something that could not be done as it was asked, while the bytes arrived. */
export interface TransferWarning {
  /** Of the file that it is about. */
  readonly path: string;
  /** What was done otherwise, or not at all. */
  readonly message: string;
}

/** What came of a transfer. Each list has 1,000 entries at most; the counts have all. */
export interface TransferResult {
  /** Files that arrived. */
  readonly files: number;
  /** Folders that were made. */
  readonly folders: number;
  /** Links that were made. */
  readonly links: number;
  /** Bytes of the files, those that were there already with `resume` not counted. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Entries that were left out. */
  readonly skippedCount: number;
  /** The first of these. */
  readonly skipped: readonly SkippedEntry[];
  /** Entries that failed. */
  readonly failedCount: number;
  /** The first of these. */
  readonly failed: readonly FailedEntry[];
  /** What was done otherwise than asked, while the bytes arrived. */
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
