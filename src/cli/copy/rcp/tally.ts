/**
 * How far copies of the old protocol are.
 *
 * Owns: the sums of what has gone, as the progress line wants them.
 * Must not know: the protocol, terminals.
 */
import type { TransferProgress } from '../../../sftp/transfer/options.ts';
import type { TransferResult } from '../../../sftp/transfer/result.ts';
import { type ByteText, shown } from '../../files/byteText.ts';

export class LegacyTally {
  private readonly tell: (progress: TransferProgress) => void;
  private readonly startedAt: number = performance.now();
  private path: ByteText | undefined;
  private bytes = 0;
  private total = 0;
  private files = 0;

  constructor(tell: (progress: TransferProgress) => void) {
    this.tell = tell;
  }

  /** Bytes of a file have gone. */
  moved(path: ByteText, bytes: number, size: number): void {
    if (path !== this.path) {
      this.path = path;
      this.files++;
      this.total += size;
    }
    this.bytes += bytes;
    const elapsed = performance.now() - this.startedAt;
    const rate = elapsed <= 0 ? 0 : (this.bytes * 1000) / elapsed;
    this.tell({
      path: shown(path),
      transferred: this.bytes,
      total: this.total,
      files: this.files,
      filesDone: this.files - 1,
      rate,
      timeLeft: rate > 0 ? ((this.total - this.bytes) * 1000) / rate : undefined,
    });
  }

  result(): TransferResult {
    const { files, bytes } = this;
    const counts = { files, folders: 0, links: 0, bytes, duration: performance.now() - this.startedAt };
    return { ...counts, skippedCount: 0, skipped: [], failedCount: 0, failed: [], warnings: [] };
  }
}
