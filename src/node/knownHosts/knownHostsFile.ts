/**
 * Changing a known_hosts file.
 *
 * Owns: the gentlest way to do it. Lines are added behind the others; the file is
 * replaced, whole or not at all, only where lines go; what is no regular file is
 * left alone. Of several programs that change it at once none loses a line of
 * another; its owner, permissions, links and bytes stay; files and folders made
 * here are the user's alone.
 * Must not know: who decided; the format of lines (`keys/`).
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { domainToASCII } from 'node:url';
import { defaultTimeouts } from '../../base/timeouts.ts';
import { canonicalHost } from '../../client/dial/hostName.ts';
import type { LockBounds } from '../../client/hostKeys/hostKeys.ts';
import { formatKnownHostsLine, type KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { systemRandomBytes } from '../crypto/random.ts';
import { removeLeftovers, temporaryName } from '../files/temporaryFiles.ts';
import { type FileLock, takeLock } from './fileLock.ts';
import { longestKnownHostsFile, readKnownHostsFile } from './knownHostsCache.ts';
import {
  errorCode,
  type FileVersion,
  openGently,
  openNoLink,
  readRegularFile,
  versionOf,
  versionOfOpen,
} from './regularFile.ts';

/** A change that the file did not take; the message says why. */
export class NotWrittenError extends Error {}

/** How a line is written. */
export interface AddKnownHostOptions {
  /** The name of the host is hashed, so that the file does not tell it. */
  readonly hash?: boolean | undefined;
}

/**
 * Adds the line that makes a key trusted for a host.
 *
 * @param bounds how long another program's lock is waited for: 2 s
 * @throws SshError `ERR_SSH_OPTIONS` for a host that cannot stand in the file or a file that cannot be read,
 *   `ERR_SSH_TIMEOUT` for a file that another program has locked; NotWrittenError
 */
export async function addKnownHost(
  path: string,
  host: string,
  port: number,
  blob: Uint8Array,
  options: AddKnownHostOptions = {},
  bounds?: LockBounds,
): Promise<void> {
  const salt = options.hash === true ? systemRandomBytes(20) : undefined;
  const line = formatKnownHostsLine(canonicalHost(host, domainToASCII), port, blob, { salt });
  await changeKnownHosts(path, async () => ({ added: [line] }), bounds);
}

/** What is to be done to a file. */
export interface KnownHostsChange {
  /** Whole lines, each ended by a line feed. */
  readonly added: readonly string[];
  /** Numbers of lines, from 1. */
  readonly removed?: ReadonlySet<number> | undefined;
  /** Lines that stand in the place of others, by their numbers, with a character for each byte and without line ends. */
  readonly replaced?: ReadonlyMap<number, readonly string[]> | undefined;
}

/** What was done. */
export interface KnownHostsOutcome {
  readonly added: number;
  readonly removed: number;
  /** Why lines that were to go are still there; undefined where they went. */
  readonly remains: string | undefined;
}

/**
 * Changes the file as `decide` says of what is in it. Where others have written
 * in between, `decide` is asked anew.
 *
 * @throws NotWrittenError, SshError `ERR_SSH_TIMEOUT` for the lock, `ERR_SSH_OPTIONS` for a file that cannot be
 *   read, and whatever `decide` throws
 */
export async function changeKnownHosts(
  path: string,
  decide: (known: KnownHosts) => Promise<KnownHostsChange>,
  bounds: LockBounds = { timeout: defaultTimeouts.lock },
): Promise<KnownHostsOutcome> {
  const target = await written(() => targetOf(resolve(path)));
  const take = (): Promise<FileLock | undefined> => written(() => takeLock(`${target}.lock`, bounds));
  let lock = await take();
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      if (tries > 0 && lock !== undefined && !(await lock.isHeld())) {
        // We took so long that another program took us for dead.
        await lock.release();
        lock = await take();
      }
      const { known, id } = await readKnownHostsFile(target);
      const change = await decide(known);
      const held = lock;
      const outcome = await written(() => apply(target, id, change, held));
      if (outcome !== undefined) return outcome;
    }
    throw new NotWrittenError('other programs write to it all the time');
  } finally {
    if (lock !== undefined) await removeLeftovers(target, lock.taken);
    await lock?.release();
  }
}

/** How often a change is decided upon anew where others write in between. */
const mostTries = 100;

/** What the system refuses is one kind of failure, whatever it was. */
async function written<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (errorCode(error).startsWith('ERR_SSH_') || error instanceof NotWrittenError) throw error;
    throw new NotWrittenError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Links that may lead to one another. */
const longestChain = 40;

/**
 * The file itself, where the path is a link to it, also where it does not exist
 * yet. A folder is made for the path as it was given, not for what a link names.
 */
async function targetOf(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let at = path;
  for (let links = 0; links < longestChain; links++) {
    const folder = await realpath(dirname(at));
    at = join(folder, basename(at));
    const linked = await linkOf(at);
    if (linked === undefined) return await regular(at);
    at = resolve(folder, linked);
  }
  throw new NotWrittenError('its links lead nowhere');
}

async function linkOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'UNKNOWN'].includes(errorCode(error))) return undefined;
    throw error;
  }
}

async function regular(path: string): Promise<string> {
  const version = await versionOf(path);
  if (version === undefined || version.isFile) return path;
  throw new NotWrittenError(`${path} is not a regular file, and is left as it is`);
}

/** Undefined where others have written since `id` was read. */
async function apply(
  target: string,
  id: string | undefined,
  { added, removed = new Set(), replaced = new Map() }: KnownHostsChange,
  lock: FileLock | undefined,
): Promise<KnownHostsOutcome | undefined> {
  const others = new Map<number, readonly string[]>([...replaced, ...[...removed].map(gone)]);
  if (added.length + others.size === 0) return { added: 0, removed: 0, remains: undefined };
  let remains: string | undefined;
  if (others.size > 0) {
    const outcome = await replace(target, id, added, others, lock);
    if (typeof outcome !== 'string') return outcome;
    remains = outcome;
  }
  if (added.length > 0) {
    if ((await versionOf(target))?.id !== id) return undefined;
    await append(target, added);
  }
  return { added: added.length, removed: 0, remains };
}

/** A line that nothing stands in the place of. */
function gone(line: number): readonly [number, readonly string[]] {
  return [line, []];
}

// Adding lines ------------------------------------------------------------------------

/** All lines or none, in one write behind what is there, as ssh does it: neither owner nor links nor permissions change. */
async function append(target: string, lines: readonly string[]): Promise<void> {
  const { file, isNew } = await openToAppend(target);
  try {
    const { isFile, size } = await versionOfOpen(file);
    if (!isFile) throw new NotWrittenError(`${target} is not a regular file, and is left as it is`);
    const bytes = Buffer.from(
      (await endsInLine(file, size)) ? lines.join('') : `\n${lines.join('')}`,
      'utf8',
    );
    try {
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, null);
      if (bytesWritten < bytes.length) throw new NotWrittenError('there is no space left for a whole line');
    } catch (error) {
      await takeBack(file, size, bytes);
      throw error;
    }
  } catch (error) {
    // An empty file that was not there before is nothing anybody wants.
    if (isNew && (await versionOfOpen(file)).size === 0) await rm(target, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function openToAppend(target: string): Promise<{ readonly file: FileHandle; readonly isNew: boolean }> {
  const flags = constants.O_RDWR | constants.O_APPEND | openNoLink;
  try {
    return { file: await open(target, flags), isNew: false };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  try {
    return { file: await open(target, flags | constants.O_CREAT | constants.O_EXCL, 0o600), isNew: true };
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return openToAppend(target);
  }
}

/** Whether what comes next begins a line of its own. */
async function endsInLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

/** Half a line goes again, unless somebody has written behind it. */
async function takeBack(file: FileHandle, size: number, bytes: Buffer): Promise<void> {
  try {
    const length = (await versionOfOpen(file)).size - size;
    if (length <= 0 || length > bytes.length) return;
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size);
    if (buffer.equals(bytes.subarray(0, length))) await file.truncate(size);
  } catch {
    // The line is half there, and malformed to everybody.
  }
}

// Removing lines -----------------------------------------------------------------------

/** Undefined where others have written since `id` was read; why it cannot be done where nothing was. */
async function replace(
  target: string,
  id: string | undefined,
  added: readonly string[],
  others: ReadonlyMap<number, readonly string[]>,
  lock: FileLock | undefined,
): Promise<KnownHostsOutcome | string | undefined> {
  if (lock === undefined) return 'the file cannot be locked, so that it cannot be replaced';
  const before = await readRegularFile(target, openGently, longestKnownHostsFile);
  if (before === undefined || before.version.id !== id) return undefined;
  // A new file would be only one of its names.
  if (before.version.links > 1) return 'the file has several names (hard links)';
  const left = withOtherLines(before.bytes, others);
  const join = added.length === 0 || left.length === 0 || left.at(-1) === 0x0a ? '' : '\n';
  const bytes = Buffer.concat([left, Buffer.from(join + added.join(''), 'utf8')]);
  const temporary = temporaryName(target);
  try {
    const obstacle = await writeBeside(temporary, bytes, before.version);
    if (obstacle !== undefined) return obstacle;
    // Programs that know nothing of the lock, such as ssh, may have added a line meanwhile.
    if ((await versionOf(target))?.id !== id || !(await lock.isHeld())) return undefined;
    await rename(temporary, target);
    const removed = [...others.values()].filter((lines) => lines.length === 0).length;
    return { added: added.length, removed, remains: undefined };
  } catch (error) {
    // A file that was mounted by itself, for one, is busy.
    if (['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV'].includes(errorCode(error))) {
      return `the file cannot be replaced (${errorCode(error)})`;
    }
    throw error;
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** @returns why the new file would not be like the old one */
async function writeBeside(
  temporary: string,
  bytes: Buffer,
  { uid, gid, mode }: FileVersion,
): Promise<string | undefined> {
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    const made = await versionOfOpen(file);
    if (made.uid !== uid || made.gid !== gid) {
      try {
        await file.chown(uid, gid);
      } catch {
        return 'the file is of another owner, which it would lose';
      }
    }
    await file.chmod(mode);
    await file.sync();
    return undefined;
  } finally {
    await file.close();
  }
}

/** The bytes of the other lines, and of their ends, stay what they are, whatever their encoding. */
function withOtherLines(bytes: Buffer, others: ReadonlyMap<number, readonly string[]>): Buffer {
  // Every second piece is the end of a line.
  const pieces = bytes.toString('latin1').split(/(\r\n|\n|\r)/);
  let left = '';
  for (let i = 0; 2 * i < pieces.length; i++) {
    const lines = others.get(i + 1) ?? [pieces[2 * i] ?? ''];
    const end = pieces[2 * i + 1] ?? '';
    left += lines.map((line, at) => line + (at < lines.length - 1 && end === '' ? '\n' : end)).join('');
  }
  return Buffer.from(left, 'latin1');
}
