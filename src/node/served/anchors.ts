/**
 * Folders that are held while something in them is worked on.
 *
 * Owns: the two ways to name an entry of exactly the folder that was checked, whatever becomes
 * of its path meanwhile.
 * Must not know: SFTP, which folders are allowed.
 *
 * On Linux a folder is an open descriptor, and `/proc/self/fd/N/name` an entry of it: the same
 * as the calls of POSIX whose names end in `at`, which Node does not have. Where there is no
 * /proc, a folder is its true path. What is opened there is compared with what the path leads
 * to afterwards. That sees a folder that has become a link, and misses one that is swapped there
 * and back in the moment between two calls; other calls trust that nobody but this server swaps
 * folders at all.
 */
import { accessSync, constants } from 'node:fs';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode, systemError } from './systemCalls.ts';

/** A folder that is held. */
export interface Anchor {
  /** What stands in front of `/name`. */
  readonly base: string;
  /** Its true path when it was anchored. */
  readonly path: string;
  release(): void;
}

/** How folders are held. */
export interface Anchorage {
  /** @throws the error of the system where it is no folder */
  root(path: string): Promise<Anchor>;
  /** The folder at a true path below the root; undefined where it is not there, or a link leads elsewhere. */
  jump(root: Anchor, path: string): Promise<Anchor | undefined>;
  /** A folder in a folder; undefined for a link. @throws the error of the system */
  enter(folder: Anchor, name: string): Promise<Anchor | undefined>;
  /** @throws the error of the system where what was opened is no longer what its path leads to */
  checkOpened(fd: number, folder: Anchor, name: string): Promise<void>;
  /** @throws the error of the system where the folder is no longer what its path leads to */
  checkFolder(folder: Anchor): Promise<void>;
  /** An entry that is no link, held so that its path can be changed by nobody. */
  pin(folder: Anchor, name: string): Promise<Pin>;
}

/** A file or folder that is held. */
export interface Pin {
  /** Its length in bytes. */
  size(): Promise<number>;
  chmod(mode: number): Promise<void>;
  utimes(atime: number, mtime: number): Promise<void>;
  truncate(length: number): Promise<void>;
  release(): void;
}

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_DIRECTORY = 0 } = constants;
/** Of Linux: a descriptor that names a file and neither reads nor writes it. Node has no name for it. */
const oPath = 0o10_000_000;

const quietClose = (fd: number): void => {
  system.close(fd).catch(() => {});
};

const descriptor = (fd: number): string => `/proc/self/fd/${fd}`;

export const descriptorAnchorage: Anchorage = {
  async root(path) {
    const fd = await system.open(path, oPath | O_DIRECTORY);
    return {
      base: descriptor(fd),
      path: await system.readlink(descriptor(fd)),
      release: () => quietClose(fd),
    };
  },

  async jump(root, path) {
    let fd: number;
    try {
      fd = await system.open(`${root.base}/${path}`, oPath | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
      throw error;
    }
    const wanted = joined(root.path, path);
    // The kernel tells where it lies now: it went through no link, and lies below the root.
    if ((await system.readlink(descriptor(fd))) === wanted) {
      return { base: descriptor(fd), path: wanted, release: () => quietClose(fd) };
    }
    quietClose(fd);
    return undefined;
  },

  async enter(folder, name) {
    const path = `${folder.base}/${name}`;
    try {
      const fd = await system.open(path, oPath | O_DIRECTORY | O_NOFOLLOW);
      return { base: descriptor(fd), path: joined(folder.path, name), release: () => quietClose(fd) };
    } catch (error) {
      if (hasCode(error, 'ENOTDIR', 'ELOOP') && (await system.lstat(path)).isSymbolicLink()) return undefined;
      throw error;
    }
  },

  // It was opened below a descriptor, and without following links.
  checkOpened: async () => {},
  checkFolder: async () => {},

  async pin(folder, name) {
    const fd = await system.open(`${folder.base}/${name}`, oPath | O_NOFOLLOW);
    const path = descriptor(fd);
    const release = (): void => quietClose(fd);
    if ((await system.fstat(fd)).isSymbolicLink()) {
      release();
      throw systemError('ELOOP');
    }
    return {
      size: async () => (await system.fstat(fd)).size,
      chmod: (mode) => system.chmod(path, mode),
      utimes: (atime, mtime) => system.utimes(path, atime, mtime),
      truncate: (length) => system.truncate(path, length),
      release,
    };
  },
};

export const pathAnchorage: Anchorage = {
  async root(path) {
    const real = await system.realpath(path);
    if (!(await system.stat(real)).isDirectory()) throw systemError('ENOTDIR');
    return folderAt(real);
  },

  async jump(root, path) {
    const wanted = joined(root.path, path);
    try {
      if ((await system.realpath(wanted)) === wanted && (await system.lstat(wanted)).isDirectory()) {
        return folderAt(wanted);
      }
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    }
    return undefined;
  },

  async enter(folder, name) {
    const path = joined(folder.path, name);
    const stats = await system.lstat(path);
    if (stats.isSymbolicLink()) return undefined;
    if (!stats.isDirectory()) throw systemError('ENOTDIR');
    return folderAt(path);
  },

  async checkOpened(fd, folder, name) {
    const opened = await system.fstat(fd);
    // Ahead and behind: only a folder that is swapped there and back between these calls goes unseen.
    await this.checkFolder(folder);
    const there = await system.lstat(joined(folder.path, name));
    if (opened.ino !== there.ino || opened.dev !== there.dev) throw systemError('EACCES');
    await this.checkFolder(folder);
  },

  async checkFolder({ path }) {
    if ((await system.realpath(path)) !== path) throw systemError('EACCES');
  },

  async pin(folder, name) {
    const fd = await system.open(joined(folder.path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const release = (): void => quietClose(fd);
    try {
      await this.checkOpened(fd, folder, name);
    } catch (error) {
      release();
      throw error;
    }
    return {
      size: async () => (await system.fstat(fd)).size,
      chmod: (mode) => system.fchmod(fd, mode),
      utimes: (atime, mtime) => system.futimes(fd, atime, mtime),
      // The descriptor only reads; the path was checked a moment ago.
      truncate: (length) => system.truncate(joined(folder.path, name), length),
      release,
    };
  },
};

/** The best one that this machine has. */
export function anchorageOfPlatform(): Anchorage {
  if (process.platform !== 'linux') return pathAnchorage;
  try {
    accessSync('/proc/self/fd');
    return descriptorAnchorage;
  } catch {
    return pathAnchorage;
  }
}

const folderAt = (path: string): Anchor => ({ base: path === '/' ? '' : path, path, release: () => {} });

function joined(folder: string, name: string): string {
  if (name === '.') return folder;
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** A path of the system that a caller gave. */
export const binaryOf = (path: string): string => binaryPath(Buffer.from(path));
