/**
 * Files of the user that may be anything.
 *
 * Owns: that no read waits for another program, and each is bounded; how one
 * version of a file is told from another.
 * Must not know: what is in the files.
 *
 * To open a FIFO waits for a program that writes to it, for ever, in one of the few
 * threads that do all file work of the process.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';

/** Windows has none of the three, and no FIFOs among its files either. */
const { O_NONBLOCK = 0, O_NOFOLLOW = 0, O_NOCTTY = 0 }: Partial<typeof constants> = constants;

/** Belongs to the flags of every `open`. */
export const openGently: number = O_NONBLOCK | O_NOCTTY;

/** In its place where the path must not be a link. */
export const openNoLink: number = openGently | O_NOFOLLOW;

/** A file as it was at one time. */
export interface FileVersion {
  /** Which file it is, as long as it exists. */
  readonly inode: string;
  /** Differs where anything about the file does. */
  readonly id: string;
  /** Anything else is no file that can be replaced or locked. */
  readonly isFile: boolean;
  readonly isFolder: boolean;
  readonly isFifo: boolean;
  /** Bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since 1970; its owner can set that. */
  readonly written: number;
  /** When anything about it was last changed, in milliseconds since 1970. */
  readonly changed: number;
  /** Permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** How many names it has. */
  readonly links: number;
}

/** What a path leads to; undefined where there is nothing. */
export function versionOf(path: string): Promise<FileVersion | undefined> {
  return whereThere(async () => versionIn(await stat(path, { bigint: true })));
}

/** What a path is itself, be it a link. */
export function ownVersionOf(path: string): Promise<FileVersion | undefined> {
  return whereThere(async () => versionIn(await lstat(path, { bigint: true })));
}

/** The version of a file that is open. */
export async function versionOfOpen(file: FileHandle): Promise<FileVersion> {
  return versionIn(await file.stat({ bigint: true }));
}

function versionIn(stats: BigIntStats): FileVersion {
  const { dev, ino, size, mtimeNs, ctimeNs, mode, uid, gid, nlink } = stats;
  return {
    inode: `${dev}:${ino}`,
    id: [dev, ino, size, mtimeNs, ctimeNs].join(':'),
    isFile: stats.isFile(),
    isFolder: stats.isDirectory(),
    isFifo: stats.isFIFO(),
    size: Number(size),
    written: Number(mtimeNs) / 1e6,
    changed: Number(ctimeNs > mtimeNs ? ctimeNs : mtimeNs) / 1e6,
    mode: Number(mode & 0o7777n),
    uid: Number(uid),
    gid: Number(gid),
    links: Number(nlink),
  };
}

/** What is read, and its version. */
export interface ReadFile {
  readonly version: FileVersion;
  readonly bytes: Buffer;
}

/**
 * Reads a file.
 *
 * @param flags `openGently` or `openNoLink`
 * @param longest bytes that are read at most
 * @returns undefined where there is none
 * @throws Error of the system; one that says so for what is no file and for a file that is longer
 */
export function readRegularFile(path: string, flags: number, longest: number): Promise<ReadFile | undefined> {
  return whereThere(async () => {
    const file = await open(path, constants.O_RDONLY | flags);
    try {
      const version = await versionOfOpen(file);
      if (version.isFolder) throw new Error('it is a folder');
      if (version.isFifo) return { version, bytes: await nothingOf(file) };
      if (!version.isFile) throw new Error('it is not a regular file');
      if (version.size > longest) throw new Error(`it is longer than ${longest} bytes`);
      return { version, bytes: await file.readFile() };
    } finally {
      await file.close();
    }
  });
}

/**
 * What a FIFO holds that nobody writes to: nothing.
 *
 * @throws Error where somebody does: that is not waited for
 */
async function nothingOf(fifo: FileHandle): Promise<Buffer> {
  const nothing = Buffer.alloc(0);
  const read = await fifo.read(Buffer.alloc(1), 0, 1, null).catch(() => undefined);
  if (read?.bytesRead === 0) return nothing;
  throw new Error('it is a FIFO that another program writes to, and no regular file');
}

async function whereThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The code of a system error; empty for any other. */
export function errorCode(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
}
