/**
 * The side of the old protocol that sends files.
 *
 * Owns: files and folders as the lines and bytes of the protocol.
 * Must not know: where they go.
 */
import type { Stats } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { escapeText } from '../../../base/bytes.ts';
import { faultOf } from '../../../node/files/localCalls.ts';
import { type ByteText, fromBytes, fromText, joined, lastName, toLocalPath } from '../../files/byteText.ts';
import { formatRecord } from './record.ts';
import { deepest, RcpSide, type SideOptions } from './side.ts';

const blockLength = 256 * 1024;

export class RcpSource extends RcpSide<SideOptions> {
  /** Sends these paths, once the other side is ready. @throws SshError the other side has gone or gave up */
  async send(paths: readonly ByteText[]): Promise<void> {
    const refusal = await this.pipe.answer();
    if (refusal !== undefined) throw this.pipe.broken(refusal);
    for (const path of paths) await this.path(path, 0);
  }

  private async path(path: ByteText, depth: number): Promise<void> {
    try {
      const stats = await stat(toLocalPath(path) as string);
      if (stats.isDirectory()) await this.folder(path, stats, depth);
      else if (stats.isFile()) await this.file(path, stats);
      else await this.refuse(path, 'it is a device, a pipe or a socket');
    } catch (error) {
      if (!isLocal(error)) throw error;
      await this.fail(faultOf(error, 'read', toLocalPath(path)).message);
    }
  }

  private async folder(path: ByteText, stats: Stats, depth: number): Promise<void> {
    const { recursive } = this.options;
    if (!recursive) return this.refuse(path, 'it is a folder, which -r takes');
    if (depth >= deepest) return this.refuse(path, `it lies deeper than ${deepest} folders`);
    const entries = await readdir(toLocalPath(path) as string, { encoding: 'buffer' });
    const record = { kind: 'folder', mode: stats.mode, size: 0, name: await ownName(path) } as const;
    if (!(await this.announce(formatRecord(record), stats))) return;
    for (const entry of entries) await this.path(joined(path, fromBytes(entry)), depth + 1);
    await this.pipe.write(formatRecord({ kind: 'end' }));
    await this.taken(path);
  }

  private async file(path: ByteText, stats: Stats): Promise<void> {
    const file = await open(toLocalPath(path) as string, 'r');
    try {
      const { size, mode } = stats;
      const record = { kind: 'file', mode, size, name: lastName(path) } as const;
      if (!(await this.announce(formatRecord(record), stats))) return;
      const problem = await this.content(path, size, async (block, position) => {
        const { bytesRead } = await file.read(block, 0, block.length, position);
        return bytesRead;
      });
      if (problem === undefined) await this.pipe.accept();
      else await this.fail(problem);
      await this.taken(path);
    } finally {
      await file.close();
    }
  }

  /** As many bytes as were announced, whatever becomes of the file. Why they are not the file's, where they are not. */
  private async content(
    path: ByteText,
    size: number,
    read: (block: Uint8Array, position: number) => Promise<number>,
  ): Promise<string | undefined> {
    let problem: string | undefined;
    for (let position = 0; position < size; ) {
      const block = new Uint8Array(Math.min(blockLength, size - position));
      const length = problem === undefined ? await read(block, position).catch(() => 0) : block.length;
      if (length === 0) problem = `"${escapeText(path)}" became shorter while it was sent`;
      const sent = length === 0 ? block : block.subarray(0, length);
      await this.limit.take(sent.length);
      await this.pipe.write(sent);
      position += sent.length;
      this.options.moved(path, sent.length, size);
    }
    return problem;
  }

  /** Says what comes; whether the other side takes it. */
  private async announce(line: ByteText, { mtimeMs, atimeMs }: Stats): Promise<boolean> {
    if (this.options.preserve) {
      const seconds = (milliseconds: number): number => Math.max(0, Math.floor(milliseconds / 1000));
      await this.pipe.write(
        formatRecord({ kind: 'times', mtime: seconds(mtimeMs), atime: seconds(atimeMs) }),
      );
      if (!(await this.taken(''))) return false;
    }
    await this.pipe.write(line);
    return this.taken('');
  }

  private async taken(path: ByteText): Promise<boolean> {
    const problem = await this.pipe.answer();
    if (problem === undefined) return true;
    this.options.failed(path === '' ? problem : `"${escapeText(path)}": ${problem}`);
    return false;
  }

  private refuse(path: ByteText, why: string): Promise<void> {
    return this.fail(`"${escapeText(path)}" is not sent: ${why}`);
  }
}

/** The name of a folder; the protocol has none for `.` and `..`. */
async function ownName(path: ByteText): Promise<ByteText> {
  const name = lastName(path);
  if (name !== '.' && name !== '..') return name;
  return lastName(fromText(await realpath(toLocalPath(path) as string)));
}

function isLocal(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'errno' in error && 'path' in error;
}
