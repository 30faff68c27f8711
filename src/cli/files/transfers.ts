/**
 * Transfers as the file commands make them.
 *
 * Owns: which options of the library a command's flags stand for, what is said of what was left out, waiting
 * for the disk, targets that are no files.
 * Must not know: how a command line says what is wanted.
 */
import { createWriteStream, type Stats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { SshError } from '../../base/errors.ts';
import { faultOf } from '../../node/files/localCalls.ts';
import type { FileStats } from '../../sftp/files/stats.ts';
import type { Sftp } from '../../sftp/sftp.ts';
import type { TransferOptions } from '../../sftp/transfer/options.ts';
import type { TransferResult } from '../../sftp/transfer/result.ts';
import { type ByteText, fromBytes, fromText, joined, shown, toBytes, toLocalPath } from './byteText.ts';
import type { TransferDisplay } from './progress/transferDisplay.ts';
import { isAnswer, localTree, remoteTree } from './trees.ts';

/** What is wanted of a transfer. */
export interface TransferWish {
  readonly recursive: boolean;
  readonly resume: boolean;
  readonly preserve: boolean;
  /** Waits until the disk that is written to has it. */
  readonly sync: boolean;
  /** Whether links in folders stand for the files that they lead to; they are left out where not. */
  readonly followLinks: boolean;
  /** Bytes a second. */
  readonly limitRate: number | undefined;
}

/** Who is told what came of it. */
export interface TransferReport {
  failed(direction: 'get' | 'put', error: unknown): void;
  note(text: string): void;
  /** A folder on the way, safe to show. */
  entering?(direction: 'get' | 'put', path: string): void;
  done(direction: 'get' | 'put', from: string, to: string, result: TransferResult): void;
}

export class Transfers {
  private readonly sftp: Sftp;
  private readonly display: TransferDisplay;
  private readonly report: TransferReport;

  constructor(sftp: Sftp, display: TransferDisplay, report: TransferReport) {
    this.sftp = sftp;
    this.display = display;
    this.report = report;
  }

  /** Brings a file or a folder here. Whether all of it arrived; what did not is reported. */
  async get(from: ByteText, to: ByteText, wish: TransferWish, signal: AbortSignal): Promise<boolean> {
    return this.attempt('get', from, to, wish, async (onProgress) => {
      const whole = await this.sftp.stat(toBytes(from), { signal });
      // A server that opens a pipe waits for a program that writes into it.
      checkKind(whole, shown(from), wish.recursive);
      const there = await localTree().stat(to);
      if (wish.resume && there?.isFile() === true) checkResumable(there.size, whole.size, shown(to));
      const isFile = there === undefined || there.isFile() || there.isDirectory();
      // A device or a pipe is written to, and not replaced.
      const target = isFile ? toLocalPath(to) : createWriteStream(toLocalPath(to) as string);
      const options = this.options('get', wish, there !== undefined, signal, onProgress);
      const result = await this.sftp.get(toBytes(from), target, isFile ? options : plain(options));
      if (wish.sync && isFile) await syncLocal(to);
      return result;
    });
  }

  /** Sends a file or a folder. */
  async put(from: ByteText, to: ByteText, wish: TransferWish, signal: AbortSignal): Promise<boolean> {
    return this.attempt('put', from, to, wish, async (onProgress) => {
      const path = toLocalPath(from);
      if (typeof path !== 'string') {
        throw new SshError(
          'ERR_SSH_TRANSFER',
          `"${shown(from)}" is no UTF-8, and cannot be sent by its name`,
          {
            origin: 'user',
          },
        );
      }
      const whole = await stat(path).catch((error: unknown) => {
        const { message } = faultOf(error, 'read', path);
        throw new SshError('ERR_SSH_TRANSFER', message, { origin: 'user', path: shown(from), cause: error });
      });
      checkKind(whole, shown(from), wish.recursive);
      const there = await remoteTree(this.sftp, signal).stat(to);
      if (wish.resume && there?.isFile() === true) checkResumable(there.size, whole.size, shown(to));
      const options = this.options('put', wish, there !== undefined, signal, onProgress);
      const result = await this.sftp.put(path, toBytes(to), options);
      if (wish.sync) await this.syncRemote(to, there, signal);
      return result;
    });
  }

  private async attempt(
    direction: 'get' | 'put',
    from: ByteText,
    to: ByteText,
    wish: TransferWish,
    work: (onProgress: TransferOptions['onProgress']) => Promise<TransferResult>,
  ): Promise<boolean> {
    if (wish.recursive)
      this.report.entering?.(direction, shown(direction === 'get' ? from.replace(/(.)\/+$/, '$1') : from));
    const onProgress = this.display.begin(shown(from));
    let result: TransferResult | undefined;
    try {
      result = await work(onProgress);
    } catch (error) {
      this.display.end(undefined);
      this.report.failed(direction, error);
      return false;
    }
    this.display.end(result.failedCount === 0 ? result : undefined);
    const { skipped, skippedCount, warnings, failedCount } = result;
    for (const { path, reason } of skipped) this.note(path, `left out, since ${reason}`);
    if (skippedCount > skipped.length)
      this.report.note(`${skippedCount - skipped.length} more were left out`);
    for (const { path, message } of warnings) this.note(path, message);
    this.report.done(direction, shown(from), shown(to), result);
    // Links are left out where nobody wants them; where they are wanted, something is missing.
    return failedCount === 0 && (skippedCount === 0 || !wish.followLinks);
  }

  private note(path: string, text: string): void {
    this.report.note(`"${shown(fromText(path))}": ${text}`);
  }

  private options(
    direction: 'get' | 'put',
    { recursive, resume, preserve, followLinks, limitRate }: TransferWish,
    isThere: boolean,
    signal: AbortSignal,
    onProgress: TransferOptions['onProgress'],
  ): TransferOptions {
    const { report } = this;
    return {
      recursive,
      resume,
      preserve,
      links: followLinks ? 'follow' : 'skip',
      // What is gone on with is the file itself where it is there; else what an earlier transfer has left beside it.
      atomic: !(resume && isThere),
      limitRate,
      signal,
      onProgress,
      onError: (error) => {
        this.display.clear();
        report.failed(direction, error);
        return 'skip';
      },
      filter: (path, { kind }) => {
        if (kind === 'folder') report.entering?.(direction, shown(fromText(path)));
        return true;
      },
    };
  }

  /** A server without fsync@openssh.com says so, and the transfer counts as done. */
  private async syncRemote(
    path: ByteText,
    before: FileStats | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { sftp, report } = this;
    const files: Uint8Array[] = [];
    if (before?.isDirectory() === true || (await sftp.stat(toBytes(path), { signal })).isDirectory()) {
      for await (const entry of sftp.walk(toBytes(path), { signal })) {
        if (entry.isFile()) files.push(entry.pathBytes);
      }
    } else files.push(toBytes(path));
    for (const each of files) {
      try {
        await using file = await sftp.open(each, 'r+', undefined, { signal });
        await file.sync({ signal });
      } catch (error) {
        if (!isAnswer(error) && !(error instanceof SshError && error.code === 'ERR_SSH_SFTP_UNSUPPORTED')) {
          throw error;
        }
        report.note(`the server does not tell when it is on its disk: ${error.message}`);
        return;
      }
    }
  }
}

/** What of the options is for a stream. */
function plain({ limitRate, signal, onProgress }: TransferOptions): TransferOptions {
  return { limitRate, signal, onProgress };
}

/** @throws SshError `ERR_SSH_TRANSFER` for what is no file, and no folder where folders are taken */
function checkKind(stats: Stats | FileStats, path: string, isRecursive: boolean): void {
  // A server that tells no permissions is asked for the file.
  if (stats.isFile() || Number.isNaN(stats.mode)) return;
  if (stats.isDirectory() && isRecursive) return;
  const what = stats.isDirectory() ? 'a folder, which -r takes' : 'a device, a pipe or a socket';
  throw new SshError('ERR_SSH_TRANSFER', `"${path}" is ${what}`, { origin: 'user', path });
}

/** A file that is longer than the whole is no part of it. @throws SshError `ERR_SSH_TRANSFER` */
function checkResumable(part: number, whole: number, path: string): void {
  if (part <= whole) return;
  const message = `"${path}" has ${part} bytes, and the whole has ${whole}: it is not a part of it, and is left as it is`;
  throw new SshError('ERR_SSH_TRANSFER', message, { origin: 'user', path });
}

async function syncLocal(path: ByteText): Promise<void> {
  const local = toLocalPath(path) as string;
  if ((await stat(local)).isDirectory()) {
    for (const name of await readdir(local, { encoding: 'buffer' })) {
      await syncLocal(joined(path, fromBytes(name)));
    }
  }
  const file = await open(local, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
