/**
 * Local files for transfers.
 *
 * Owns: the calls of `node:fs` that transfers are made of.
 * Must not know: SFTP, what a transfer does.
 *
 * Calls with callbacks and not with promises: a tree of small files is thousands of them,
 * and a `FileHandle` costs twice as much.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LocalEntry, LocalFiles, LocalPath, LocalStat } from '../../sftp/seam/localFiles.ts';
import { kindOfEntry, nameOfEntry } from '../folderEntries.ts';
import { giveBack } from '../spentMemory.ts';
import { called, faultOf } from './localCalls.ts';
import { NodeLocalReader, NodeLocalWriter, statOf } from './localFile.ts';
import { posixNameProblem, windowsNameProblem } from './localNames.ts';
import { sinkOfStream } from './streamSink.ts';

const isWindows = process.platform === 'win32';
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;
// Windows has neither; links cannot be made there without a privilege.
const noFollow = O_NOFOLLOW ?? 0;
const noWait = O_NONBLOCK ?? 0;

/** Two access modes of POSIX that Node has as constants. */
const { W_OK } = fs.constants;

export const nodeLocalFiles: LocalFiles = {
  nameProblem: isWindows ? windowsNameProblem : posixNameProblem,

  join: (folder, name) => {
    const text = textOfName(name);
    if (typeof folder === 'string' && text !== undefined) return join(folder, text);
    return Buffer.concat([asBuffer(folder), Buffer.from('/'), name]);
  },

  unique: () => randomBytes(6).toString('hex'),

  split: (path) => {
    if (typeof path === 'string')
      return { folder: dirname(path), name: new Uint8Array(Buffer.from(basename(path))) };
    const bytes = asBuffer(path);
    const at = bytes.lastIndexOf('/');
    return {
      folder: at <= 0 ? bytes.subarray(0, at + 1) : bytes.subarray(0, at),
      name: bytes.subarray(at + 1),
    };
  },

  endsInSeparator: (path) => path.endsWith('/') || (isWindows && path.endsWith('\\')),

  text: (path) => (typeof path === 'string' ? path : asBuffer(path).toString('utf8')),

  stat: (path) => found(path, (done) => fs.stat(target(path), done)),
  lstat: (path, shownAs = path) => found(shownAs, (done) => fs.lstat(target(path), done)),

  realpath: (path) =>
    typeof path === 'string'
      ? called<string>('find', path, (done) => fs.realpath(path, done))
      : called<Buffer>('find', path, (done) => fs.realpath(asBuffer(path), { encoding: 'buffer' }, done)),

  mayWrite: (path) =>
    new Promise((resolve) => fs.access(target(path), W_OK, (error) => resolve(error === null))),

  openReader: async (path) => {
    // Without waiting: opening a FIFO would wait for a program that writes to it.
    const fd = await called<number>('open', path, (done) => fs.open(target(path), O_RDONLY | noWait, done));
    return new NodeLocalReader(fd, path);
  },

  openWriter: async (path, how, mode, shownAs = path) => {
    const flags = O_RDWR | noFollow | noWait | (how === 'new' ? O_CREAT | O_EXCL : 0);
    const fd = await called<number>('create', shownAs, (done) => fs.open(target(path), flags, mode, done));
    return new NodeLocalWriter(fd, shownAs);
  },

  list: (path) => listFolder(path),

  mkdir: (path, mode) => called('make the folder', path, (done) => fs.mkdir(target(path), mode, done)),
  rename: (from, to) => called('rename', to, (done) => fs.rename(target(from), target(to), done)),
  unlink: (path) => called('remove', path, (done) => fs.unlink(target(path), done)),
  rmdir: (path) => called('remove', path, (done) => fs.rmdir(target(path), done)),

  readlink: async (path) =>
    new Uint8Array(
      await called<Buffer>('read the link', path, (done) =>
        fs.readlink(target(path), { encoding: 'buffer' }, done),
      ),
    ),

  symlink: (to, path) => called('make the link', path, (done) => fs.symlink(target(to), target(path), done)),

  chmod: (path, mode) => called('change the mode of', path, (done) => fs.chmod(target(path), mode, done)),

  utimes: (path, atimeMs, mtimeMs) =>
    called('set the times of', path, (done) => fs.utimes(target(path), atimeMs / 1000, mtimeMs / 1000, done)),

  sha256: async (path, shownAs = path) => {
    const hash = createHash('sha256');
    try {
      await pipeline(fs.createReadStream(target(path), { highWaterMark: 1024 * 1024 }), hash);
    } catch (error) {
      throw faultOf(error, 'read', shownAs);
    }
    return hash.digest('hex');
  },

  createSha256: () => {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  },

  giveBack,
  isPrivileged: process.getuid?.() === 0,
  sinkOf: sinkOfStream,
};

async function* listFolder(path: LocalPath): AsyncGenerator<LocalEntry, undefined> {
  let folder: fs.Dir;
  try {
    folder = await fs.promises.opendir(target(path) as string, {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: 256,
    });
  } catch (error) {
    throw faultOf(error, 'list', path);
  }
  try {
    for await (const entry of folder) {
      const name = new Uint8Array(nameOfEntry(entry));
      const told = await kindOfEntry(entry, () => fs.promises.lstat(inFolder(path, name)));
      if (told !== undefined) yield { name, kind: kindOf(told) };
    }
  } catch (error) {
    throw faultOf(error, 'list', path);
  }
}

function inFolder(path: LocalPath, name: Uint8Array): Buffer {
  return Buffer.concat([asBuffer(path), Buffer.from('/'), name]);
}

function kindOf(entry: fs.Dirent | fs.Stats): LocalStat['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}

async function found(
  path: LocalPath,
  ask: (done: (error: NodeJS.ErrnoException | null, stats: fs.Stats) => void) => void,
): Promise<LocalStat | undefined> {
  return new Promise((resolve, reject) => {
    ask((error, stats) => {
      if (error === null) resolve(statOf(stats));
      else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(undefined);
      else reject(faultOf(error, 'look at', path));
    });
  });
}

function target(path: LocalPath): string | Buffer {
  // Text where it is UTF-8: Deno does not take bytes in every call.
  return typeof path === 'string' ? path : (textOfName(path) ?? asBuffer(path));
}

function asBuffer(path: LocalPath): Buffer {
  return typeof path === 'string'
    ? Buffer.from(path)
    : Buffer.from(path.buffer, path.byteOffset, path.length);
}

/** A name as text where it is UTF-8. */
function textOfName(name: Uint8Array): string | undefined {
  const text = asBuffer(name).toString('utf8');
  return Buffer.from(text).equals(name) ? text : undefined;
}
