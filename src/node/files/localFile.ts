/**
 * One open local file.
 *
 * Owns: reading and writing at positions, its attributes, its close.
 * Must not know: transfers.
 */
import * as fs from 'node:fs';
import { escapeText } from '../../base/bytes.ts';
import {
  LocalFault,
  type LocalPath,
  type LocalReader,
  type LocalStat,
  type LocalWriter,
} from '../../sftp/seam/localFiles.ts';
import { called } from './localCalls.ts';

/** What transfers look at of the attributes. */
export function statOf(stats: fs.Stats): LocalStat {
  return {
    kind: stats.isFile()
      ? 'file'
      : stats.isDirectory()
        ? 'folder'
        : stats.isSymbolicLink()
          ? 'link'
          : 'other',
    size: stats.size,
    mode: stats.mode & 0o7777,
    atimeMs: stats.atimeMs,
    mtimeMs: stats.mtimeMs,
    uid: stats.uid,
    gid: stats.gid,
    links: stats.nlink,
    identity: `${stats.dev}:${stats.ino}`,
  };
}

abstract class NodeLocalFile {
  protected readonly fd: number;
  protected readonly path: LocalPath;
  private closing: Promise<void> | undefined;

  constructor(fd: number, path: LocalPath) {
    this.fd = fd;
    this.path = path;
  }

  async stat(): Promise<LocalStat> {
    return statOf(await called<fs.Stats>('look at', this.path, (done) => fs.fstat(this.fd, done)));
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const at = filled;
      const length = await called<number>('read', this.path, (done) =>
        fs.read(this.fd, into, at, into.length - at, position + at, done),
      );
      if (length === 0) break;
      filled += length;
    }
    return filled;
  }

  close(): Promise<void> {
    this.closing ??= called('close', this.path, (done) => fs.close(this.fd, (error) => done(error ?? null)));
    return this.closing;
  }
}

export class NodeLocalReader extends NodeLocalFile implements LocalReader {
  async readInto(several: readonly Uint8Array[], position: number): Promise<number> {
    const [only] = several;
    if (several.length === 1 && only !== undefined) return this.read(only, position);
    let rest = several.filter(({ length }) => length > 0);
    let filled = 0;
    while (rest.length > 0) {
      const length = await called<number>('read', this.path, (done) =>
        fs.readv(this.fd, rest, position + filled, done),
      );
      if (length === 0) break;
      filled += length;
      rest = without(rest, length);
    }
    return filled;
  }
}

export class NodeLocalWriter extends NodeLocalFile implements LocalWriter {
  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    let rest: readonly Uint8Array[] = pieces.filter(({ length }) => length > 0);
    let at = position;
    while (rest.length > 0) {
      const written = await this.writeSome(rest, at);
      if (written === 0) throw this.takesNothing();
      at += written;
      rest = without(rest, written);
    }
  }

  truncate(length: number): Promise<void> {
    return called('change the size of', this.path, (done) => fs.ftruncate(this.fd, length, done));
  }

  chmod(mode: number): Promise<void> {
    return called('change the mode of', this.path, (done) => fs.fchmod(this.fd, mode, done));
  }

  chown(uid: number, gid: number): Promise<void> {
    return called('change the owner of', this.path, (done) => fs.fchown(this.fd, uid, gid, done));
  }

  utimes(atimeMs: number, mtimeMs: number): Promise<void> {
    return called('set the times of', this.path, (done) =>
      fs.futimes(this.fd, atimeMs / 1000, mtimeMs / 1000, done),
    );
  }

  private takesNothing(): LocalFault {
    const text = typeof this.path === 'string' ? this.path : Buffer.from(this.path).toString();
    return new LocalFault('EIO', `the system takes no more bytes of "${escapeText(text)}"`, text);
  }

  private writeSome(pieces: readonly Uint8Array[], position: number): Promise<number> {
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) {
      return called<number>('write', this.path, (done) =>
        fs.write(this.fd, only, 0, only.length, position, done),
      );
    }
    return called<number>('write', this.path, (done) =>
      fs.writev(this.fd, pieces as Uint8Array[], position, done),
    );
  }
}

/** What is left of pieces once their first bytes are written: a system may take less than it was given. */
function without(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  for (const [index, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(index + 1)];
    left -= piece.length;
  }
  return [];
}
