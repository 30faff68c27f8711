/**
 * Calls of the system on files that are served.
 *
 * Owns: calls of `node:fs` as promises. Paths are binary strings, a byte a character, so that
 * names which are not UTF-8 are names like all others.
 * Must not know: SFTP, which paths are allowed.
 *
 * Errors are those of the system: their codes become the answers of SFTP.
 */
import * as fs from 'node:fs';

const isWindows = process.platform === 'win32';

/** A path as the system takes it: text where it is UTF-8, since Deno does not take bytes in every call. */
export function systemPath(path: string): string | Buffer {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  return isWindows || bytes.equals(Buffer.from(text)) ? text : bytes;
}

/** A path or name of the system as a binary string; Deno gives bytes that are no Buffer. */
export function binaryPath(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1');
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function called<T = void>(ask: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error === null || error === undefined ? resolve(value) : reject(error)));
  });
}

const at = systemPath;

export const open = (path: string, flags: number, mode?: number): Promise<number> =>
  called<number>((done) => fs.open(at(path), flags, mode, done));
export const close = (fd: number): Promise<void> => called((done) => fs.close(fd, done));
export const fstat = (fd: number): Promise<fs.Stats> => called<fs.Stats>((done) => fs.fstat(fd, done));
export const stat = (path: string): Promise<fs.Stats> => called<fs.Stats>((done) => fs.stat(at(path), done));
export const lstat = (path: string): Promise<fs.Stats> =>
  called<fs.Stats>((done) => fs.lstat(at(path), done));
export const readlink = async (path: string): Promise<string> =>
  binaryPath(await called<Buffer>((done) => fs.readlink(at(path), { encoding: 'buffer' }, done)));
export const realpath = async (path: string): Promise<string> =>
  binaryPath(await called<Buffer>((done) => fs.realpath.native(at(path), { encoding: 'buffer' }, done)));
export const read = (fd: number, into: Uint8Array, offset: number, position: number): Promise<number> =>
  called<number>((done) => fs.read(fd, into, offset, into.length - offset, position, done));
export const write = (
  fd: number,
  data: Uint8Array,
  offset: number,
  position: number | null,
): Promise<number> =>
  called<number>((done) => fs.write(fd, data, offset, data.length - offset, position, done));
export const fsync = (fd: number): Promise<void> => called((done) => fs.fsync(fd, done));
export const ftruncate = (fd: number, length: number): Promise<void> =>
  called((done) => fs.ftruncate(fd, length, done));
export const fchmod = (fd: number, mode: number): Promise<void> =>
  called((done) => fs.fchmod(fd, mode, done));
export const futimes = (fd: number, atime: number, mtime: number): Promise<void> =>
  called((done) => fs.futimes(fd, atime, mtime, done));
export const truncate = (path: string, length: number): Promise<void> =>
  called((done) => fs.truncate(at(path), length, done));
export const chmod = (path: string, mode: number): Promise<void> =>
  called((done) => fs.chmod(at(path), mode, done));
export const utimes = (path: string, atime: number, mtime: number): Promise<void> =>
  called((done) => fs.utimes(at(path), atime, mtime, done));
export const lutimes = (path: string, atime: number, mtime: number): Promise<void> =>
  called((done) => fs.lutimes(at(path), atime, mtime, done));
export const chown = (path: string, uid: number, gid: number): Promise<void> =>
  called((done) => fs.chown(at(path), uid, gid, done));
export const lchown = (path: string, uid: number, gid: number): Promise<void> =>
  called((done) => fs.lchown(at(path), uid, gid, done));
export const fchown = (fd: number, uid: number, gid: number): Promise<void> =>
  called((done) => fs.fchown(fd, uid, gid, done));
export const mkdir = (path: string, mode: number): Promise<void> =>
  called((done) => fs.mkdir(at(path), mode, done));
export const rmdir = (path: string): Promise<void> => called((done) => fs.rmdir(at(path), done));
export const unlink = (path: string): Promise<void> => called((done) => fs.unlink(at(path), done));
export const rename = (from: string, to: string): Promise<void> =>
  called((done) => fs.rename(at(from), at(to), done));
export const link = (from: string, to: string): Promise<void> =>
  called((done) => fs.link(at(from), at(to), done));
export const symlink = (target: string, path: string): Promise<void> =>
  called((done) => fs.symlink(at(target), at(path), done));
export const statfs = (path: string): Promise<fs.BigIntStatsFs> =>
  called<fs.BigIntStatsFs>((done) => fs.statfs(at(path), { bigint: true }, done));
export const opendir = (path: string): Promise<fs.Dir> =>
  // `nameOfEntry` takes the name of an entry: what this encoding gives is not what the types say.
  fs.promises.opendir(at(path) as string, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });

/** An error as the system makes it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
