/**
 * Copies from one server to another, over this machine.
 *
 * Owns: files as streams between two sessions, folders with what is in them, attributes.
 * Must not know: how either session came about.
 */
import { finished } from 'node:stream/promises';
import { SshError } from '../../base/errors.ts';
import type { FileStats } from '../../sftp/files/stats.ts';
import type { Sftp } from '../../sftp/sftp.ts';
import type { TransferProgress } from '../../sftp/transfer/options.ts';
import { type ByteText, fromBytes, joined, shown, toBytes } from '../files/byteText.ts';
import { isAnswer, remoteTree } from '../files/trees.ts';

export interface BetweenOptions {
  readonly recursive: boolean;
  readonly preserve: boolean;
  /** Bytes a second of each file. */
  readonly limitRate: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TransferProgress) => void;
  /** A file failed, and the others go on. */
  readonly failed: (error: unknown) => void;
}

/** What came of it. */
export interface BetweenResult {
  files: number;
  folders: number;
  bytes: number;
  failed: number;
}

/** Files on their way at once. */
const atOnce = 8;
/** Folders within folders. */
const deepest = 64;

export class Between {
  readonly result: BetweenResult = { files: 0, folders: 0, bytes: 0, failed: 0 };
  private readonly from: Sftp;
  private readonly to: Sftp;
  private readonly options: BetweenOptions;
  private readonly running = new Set<Promise<void>>();
  private readonly startedAt: number = performance.now();
  private total = 0;
  private found = 0;

  constructor(from: Sftp, to: Sftp, options: BetweenOptions) {
    this.from = from;
    this.to = to;
    this.options = options;
  }

  /** Copies a file, or a folder with all that is in it, to this very path. */
  async copy(source: ByteText, target: ByteText): Promise<void> {
    const stats = await this.from.stat(toBytes(source), { signal: this.options.signal });
    if (stats.isDirectory()) await this.folder(source, target, stats, 0);
    else await this.begin(source, target, stats);
    await Promise.all(this.running);
  }

  private async folder(source: ByteText, target: ByteText, stats: FileStats, depth: number): Promise<void> {
    const { recursive, preserve, signal } = this.options;
    if (!recursive) throw refusal(`"${shown(source)}" is a folder, which -r takes`, source);
    if (depth >= deepest) throw refusal(`"${shown(source)}" lies deeper than ${deepest} folders`, source);
    // Its owner has to be able to fill it.
    const made = await this.makeFolder(target, (stats.mode & 0o777) | 0o700);
    this.result.folders++;
    const entries = await remoteTree(this.from, signal).list(source);
    for (const { name, file } of entries) {
      if (signal.aborted) break;
      const path = joined(source, name);
      await this.attempt(async () => {
        const isKnown = file !== undefined && !file.isSymbolicLink();
        const found = isKnown ? file : await this.from.stat(toBytes(path), { signal });
        if (found.isDirectory() && file?.isSymbolicLink() === true) {
          throw refusal(`"${shown(path)}" is a link to a folder, which is not followed`, path);
        } else if (found.isDirectory()) await this.folder(path, joined(target, name), found, depth + 1);
        else await this.begin(path, joined(target, name), found);
      });
    }
    if (!preserve && !made) return;
    // What is still on its way would change the time of the folder.
    await Promise.all(this.running);
    if (preserve) await this.keep(target, stats);
    else await this.to.chmod(toBytes(target), stats.mode & 0o777 & made, { signal }).catch(ignoreAnswer);
  }

  /**
   * Makes a folder, where there is none.
   *
   * @returns the permissions that the server's mask leaves, where they have to be set once it is full; 0 where not
   */
  private async makeFolder(target: ByteText, mode: number): Promise<number> {
    const { signal } = this.options;
    const tree = remoteTree(this.to, signal);
    if ((await tree.stat(target))?.isDirectory() === true) return 0;
    await this.to.mkdir(toBytes(target), { mode, signal });
    const there = await tree.stat(target);
    return there === undefined || Number.isNaN(there.mode) ? 0 : there.mode & 0o777;
  }

  /** A file, in its turn. Resolves when there is room for another. */
  private async begin(source: ByteText, target: ByteText, stats: FileStats): Promise<void> {
    while (this.running.size >= atOnce) await Promise.race(this.running);
    this.found++;
    this.total += stats.size || 0;
    const work = this.attempt(() => this.file(source, target, stats)).finally(() =>
      this.running.delete(work),
    );
    this.running.add(work);
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.result.failed++;
      if (!this.options.signal.aborted) this.options.failed(error);
    }
  }

  private async file(source: ByteText, target: ByteText, stats: FileStats): Promise<void> {
    const { preserve, signal, limitRate } = this.options;
    if (!stats.isFile() && !Number.isNaN(stats.mode)) {
      throw refusal(`"${shown(source)}" is a device, a pipe or a socket`, source);
    }
    const path = toBytes(target);
    const isNew = await this.reserve(path, stats.mode & 0o777);
    const content = this.from.createReadStream(toBytes(source), { signal });
    let counted = 0;
    try {
      await this.to.put(content, path, {
        signal,
        limitRate,
        onProgress: ({ transferred }) => {
          this.result.bytes += transferred - counted;
          counted = transferred;
          this.tell(shown(source));
        },
      });
      await finished(content).catch(() => {});
    } catch (error) {
      content.destroy();
      if (isNew) await this.to.unlink(path).catch(ignoreAnswer);
      throw error;
    }
    if (preserve) await this.keep(target, stats);
    this.result.files++;
    this.tell(shown(source));
  }

  /**
   * Makes the file, empty and with the permissions that it is to have: what is sent then is never open to
   * more people than it was. Whether there was none.
   */
  private async reserve(path: Uint8Array, mode: number): Promise<boolean> {
    const { signal } = this.options;
    if (Number.isNaN(mode) || (await remoteTree(this.to, signal).lstat(fromBytes(path))) !== undefined) {
      return false;
    }
    const file = await this.to.open(path, 'wx', mode, { signal });
    await file.close();
    return true;
  }

  private async keep(target: ByteText, { mode, atimeMs, mtimeMs }: FileStats): Promise<void> {
    const { signal } = this.options;
    const path = toBytes(target);
    if (!Number.isNaN(mode)) await this.to.chmod(path, mode & 0o777, { signal });
    if (Number.isNaN(mtimeMs)) return;
    await this.to.utimes(path, Math.floor(atimeMs / 1000), Math.floor(mtimeMs / 1000), { signal });
  }

  private tell(path: string): void {
    const { bytes, files } = this.result;
    const elapsed = performance.now() - this.startedAt;
    const rate = elapsed <= 0 ? 0 : (bytes * 1000) / elapsed;
    const left = Math.max(0, this.total - bytes);
    this.options.onProgress({
      path,
      transferred: bytes,
      total: this.total,
      files: this.found,
      filesDone: files,
      rate,
      timeLeft: rate > 0 ? (left * 1000) / rate : undefined,
    });
  }
}

function refusal(message: string, path: ByteText): SshError {
  return new SshError('ERR_SSH_TRANSFER', message, { origin: 'user', path: shown(path) });
}

/** What a server answers to what is done in passing concerns nobody. */
function ignoreAnswer(error: unknown): void {
  if (!isAnswer(error)) throw error;
}
