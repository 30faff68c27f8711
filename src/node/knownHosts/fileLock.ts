/**
 * One program at a time.
 *
 * Owns: a lock that is a file: how it is taken, waited for, and taken over from
 * a program that died with it. Within the process those who want a lock queue.
 * Must not know: what it protects.
 *
 * What is in the way may be anything: the lock of a container that is gone, an
 * empty file, a FIFO, a folder. A file is told by its age; anything else is no
 * lock, and there can be none.
 */
import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { LockBounds } from '../../client/hostKeys/hostKeys.ts';
import { temporaryName } from '../files/temporaryFiles.ts';
import { Patience } from './patience.ts';
import { errorCode, openNoLink, ownVersionOf, readRegularFile } from './regularFile.ts';

/** Milliseconds. A lock is held for as long as it takes to write a small file: one of this age was left. */
const leftAfter = 10_000;

/** Milliseconds between two tries, at first and later. */
const shortPause = 5;
const longPause = 50;

/** A lock says in a line who holds it. */
const longestLock = 4096;

/** A lock that is held. */
export interface FileLock {
  /** When it was taken, by the clock of the file system, in milliseconds since 1970. */
  readonly taken: number;
  /** Whether it still is ours: a program that took us for dead may have it. */
  isHeld(): Promise<boolean>;
  /** Gives it back. Never rejects: a lock that cannot be removed is told by its age. */
  release(): Promise<void>;
}

/**
 * Takes the lock of that name, and waits for it while another holds it.
 *
 * @returns undefined where there can be no lock: the folder may not be written, or what has the name is no file
 * @throws SshError `ERR_SSH_TIMEOUT` where another holds it for too long; a system error where the file cannot be made
 */
export async function takeLock(path: string, bounds: LockBounds): Promise<FileLock | undefined> {
  const message = (elapsed: number): string =>
    `another program holds ${path}, which was waited for ${elapsed} ms; remove that file if there is no such program`;
  const patience = new Patience(message, bounds);
  const leave = await turnAt(path, patience);
  try {
    const lock = await takeFile(path, patience);
    if (lock === undefined) leave();
    return lock && { ...lock, release: () => lock.release().finally(leave) };
  } catch (error) {
    leave();
    throw error;
  }
}

/** Who of this process is the last to wait for a lock, by its path. */
const queues = new Map<string, Promise<void>>();

/** Waits for those of this process that came first. The function that it returns lets the next one in. */
async function turnAt(path: string, patience: Patience): Promise<() => void> {
  const before = queues.get(path) ?? Promise.resolve();
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const last = before.then(() => left);
  queues.set(path, last);
  void last.then(() => {
    if (queues.get(path) === last) queues.delete(path);
  });
  try {
    await patience.until(before);
    return leave;
  } catch (error) {
    leave();
    throw error;
  }
}

async function takeFile(path: string, patience: Patience): Promise<FileLock | undefined> {
  const own = `${process.pid} ${machine} ${randomUUID()}\n`;
  for (let pause = shortPause; ; pause = Math.min(2 * pause, longPause)) {
    const tried = await create(path, own);
    if (tried === undefined) return undefined;
    if (tried.isTaken) {
      return { taken: tried.now, isHeld: () => isContent(path, own), release: () => release(path, own) };
    }
    const holder = await holderOf(path);
    if (holder === 'noLock') return undefined;
    if (holder !== undefined && isLeft(holder, tried.now)) {
      if (!(await takeAway(path, holder))) return undefined;
    } else {
      await patience.pause(pause);
    }
  }
}

/** How the system says that a folder is not to be written. */
const cannotWrite: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** The outcome of a try, and when it was by the clock of the file system. */
interface Tried {
  readonly isTaken: boolean;
  readonly now: number;
}

/** The file appears with its content or not at all, so that nobody reads half a name. Undefined where it cannot be made. */
async function create(path: string, content: string): Promise<Tried | undefined> {
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
    const now = (await ownVersionOf(temporary))?.written ?? Date.now();
    return { isTaken: await linkOrCreate(temporary, path, content), now };
  } catch (error) {
    if (cannotWrite.has(errorCode(error))) return undefined;
    throw error;
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

async function linkOrCreate(temporary: string, path: string, content: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // File systems without hard links say it in several ways.
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(errorCode(error))) throw error;
  }
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // It was made and could not be written: nobody else would know whose it is.
    await rm(path, { force: true });
    throw error;
  }
}

/** A file that is in the way. */
interface Holder {
  readonly content: string;
  readonly inode: string;
  readonly written: number;
}

/** Undefined where it has just gone. */
async function holderOf(path: string): Promise<Holder | 'noLock' | undefined> {
  const version = await ownVersionOf(path);
  if (version === undefined) return undefined;
  if (!version.isFile) return 'noLock';
  const { inode, written } = version;
  try {
    const read = await readRegularFile(path, openNoLink, longestLock);
    return read && { content: read.bytes.toString('latin1'), inode: read.version.inode, written };
  } catch {
    // Not to be read, or too long for a lock: it is somebody's, and judged by its age like any other.
    return { content: '', inode, written };
  }
}

function isLeft({ content, written }: Holder, now: number): boolean {
  // A clock may have been set back as well.
  return Math.abs(now - written) > leftAfter || isDead(content);
}

/** Of another machine nothing is known, so its locks are judged by their age. */
function isDead(content: string): boolean {
  const [, pid, host] = /^([1-9]\d*) (\S+)/.exec(content) ?? [];
  if (pid === undefined || (host !== machine && host !== hostname())) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

/** Where a process id means something: containers may share the name of a host, and not its processes. */
const machine: string = `${hostname()}${processNamespace()}`;

function processNamespace(): string {
  try {
    return `/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/**
 * Two programs may see the same holder that is gone, and the slower one would
 * take away the lock that the faster one has taken since: what was taken away is
 * looked at, and put back if it is another.
 *
 * @returns false where it cannot be taken away, such as another user's in a folder for all
 */
async function takeAway(path: string, gone: Holder): Promise<boolean> {
  const away = temporaryName(path);
  try {
    await rename(path, away);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    if (cannotWrite.has(errorCode(error))) return false;
    throw error;
  }
  const taken = await holderOf(away);
  const isGone = taken !== undefined && taken !== 'noLock' && taken.inode === gone.inode;
  if (isGone && taken.content === gone.content) await rm(away, { force: true });
  else await putBack(away, path);
  return true;
}

/** Unless somebody has taken the lock meanwhile: who was dispossessed finds that out. */
async function putBack(away: string, path: string): Promise<void> {
  try {
    await link(away, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') return await rename(away, path);
  }
  await rm(away, { force: true });
}

async function release(path: string, own: string): Promise<void> {
  try {
    if (await isContent(path, own)) await rm(path, { force: true });
  } catch {
    // The next one will tell it by its age.
  }
}

async function isContent(path: string, content: string): Promise<boolean> {
  const holder = await holderOf(path);
  return holder !== undefined && holder !== 'noLock' && holder.content === content;
}
