/**
 * Changing a known_hosts file.
 *
 * Owns: that it is changed whole or not at all, that of several programs that
 * change it at once none loses a line of another, that its owner, permissions
 * and links stay, and that files and folders made here are the user's alone.
 * Must not know: who decided; the format of lines (`keys/`).
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatKnownHostsLine } from '../keys/knownHosts.ts';
import { systemRandomBytes } from './crypto/random.ts';
import { takeLock } from './fileLock.ts';

/** How a line is written. */
export interface AddKnownHostOptions {
  /** The name of the host is hashed, so that the file does not tell it. */
  readonly hash?: boolean | undefined;
}

/**
 * Adds the line that makes a key trusted for a host.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a host that cannot stand in the file, or a file that others hold; a system
 *   error for one that cannot be written
 */
export async function addKnownHost(
  path: string,
  host: string,
  port: number,
  blob: Uint8Array,
  options: AddKnownHostOptions = {},
): Promise<void> {
  const salt = options.hash === true ? systemRandomBytes(20) : undefined;
  const line = formatKnownHostsLine(host, port, blob, { salt });
  await changeKnownHosts(path, (text) => withLine(text, line));
}

/** The text with a line behind it, which begins a line of its own. */
export function withLine(text: string, line: string): string {
  return text === '' || text.endsWith('\n') ? text + line : `${text}\n${line}`;
}

/**
 * Replaces the file by what `change` makes of its text, which is empty where
 * there is no file. Where others have written in between, `change` is called anew.
 */
export async function changeKnownHosts(path: string, change: (text: string) => string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await targetOf(path);
  const lock = await takeLock(`${target}.lock`);
  try {
    for (;;) {
      const before = await versionOf(target);
      const text = before === undefined ? '' : await readFile(target, 'latin1');
      const changed = change(text);
      if (changed === text) return;
      const temporary = await writeBeside(target, changed, before);
      // Programs that know nothing of the lock, such as ssh, may have added a line meanwhile.
      if (sameVersion(before, await versionOf(target)) && (await lock.isHeld())) {
        return await rename(temporary, target);
      }
      await rm(temporary, { force: true });
      if (!(await lock.isHeld())) return await changeKnownHosts(path, change);
    }
  } finally {
    await lock.release();
  }
}

interface Version {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The file itself, where the path is a link to it. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isMissing(error)) return path;
    throw error;
  }
}

async function versionOf(path: string): Promise<Version | undefined> {
  try {
    const { size, mtimeNs, ino, mode, uid, gid } = await stat(path, { bigint: true });
    return { size, mtimeNs, ino, mode: Number(mode & 0o7777n), uid: Number(uid), gid: Number(gid) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function sameVersion(a: Version | undefined, b: Version | undefined): boolean {
  return a?.size === b?.size && a?.mtimeNs === b?.mtimeNs && a?.ino === b?.ino;
}

/** Characters are bytes here: what others wrote stays as it is, whatever its encoding. */
async function writeBeside(target: string, text: string, like: Version | undefined): Promise<string> {
  const temporary = `${target}.${randomUUID()}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text, 'latin1');
    if (like !== undefined) {
      const { uid, gid } = await file.stat();
      // Only root can give files away; for others the new file is theirs, as the old one was.
      if (uid !== like.uid || gid !== like.gid) await file.chown(like.uid, like.gid).catch(() => {});
      await file.chmod(like.mode);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}
