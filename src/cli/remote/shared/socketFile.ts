/**
 * The file of a control socket.
 *
 * Owns: whose it is; that one program has it at a time, that a stale one makes room,
 * and that each program takes away its own and no other.
 * Must not know: what goes over the socket.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { link, lstat, rename, rm } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { optionsError } from '../../../endpoint/options/optionErrors.ts';
import { errorCode } from '../../../node/knownHosts/regularFile.ts';

/** Bytes of a path that an address has room for; Node cuts a longer one off, and that is the path of something else. */
const longestPath = process.platform === 'linux' ? 107 : 103;
/** Milliseconds for a program that lives to take a connection. */
const patience = 10_000;

/** @throws SshError `ERR_SSH_OPTIONS` for a path that is too long for a socket */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= longestPath) return;
  throw optionsError(
    `the path of the control socket ${path} is too long: there is room for ${longestPath} bytes; %C in ControlPath is short`,
  );
}

/** Whether there is a socket of this user: who listens there sees what is typed, and says what is shown. */
export async function isOwnSocket(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined && isOwn(stats);
}

/** Whether there is a socket, and it is somebody else's. */
export async function isForeignSocket(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isSocket() === true && !isOwn(stats);
}

function isOwn(stats: Stats): boolean {
  return stats.isSocket() && stats.uid === process.getuid?.();
}

/**
 * Has the server listen there; the returned function takes the file away, if it is
 * still this one, and stops the server.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where another program is there; else the error of the system
 */
export async function listenAt(server: Server, path: string): Promise<() => void> {
  checkSocketPath(path);
  await removeStale(path);
  // Under a name of its own first: two programs at once cannot have the same name by a link.
  const own = temporaryPath(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Only the user may tell this program anything, from the first moment on. It is made within the call.
    const mask = process.umask(0o177);
    try {
      server.listen(own, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
  // A connection that cannot be accepted is lost, and the program goes on.
  server.on('error', () => {});
  try {
    linkSync(own, path);
    const { dev, ino } = lstatSync(path);
    return () => {
      const there = lstatSync(path, { throwIfNoEntry: false });
      if (there?.ino === ino && there.dev === dev) unlinkSync(path);
      server.close();
    };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** Beside the path, and no longer than there is room. */
function temporaryPath(path: string): string {
  const folder = join(dirname(path), '/');
  const room = Math.max(2, longestPath - Buffer.byteLength(folder));
  return `${folder}${`.${randomBytes(9).toString('base64url')}`.slice(0, room)}`;
}

/** A socket of this user at which nobody listens was left by a program that was killed. Nothing else is removed. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || !isOwn(stats)) return;
  if (await isAlive(path)) throw inUse(path);
  // Another program may have found the same one, and listen there by now: what is taken away is looked at again.
  const taken = temporaryPath(path);
  try {
    await rename(path, taken);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const { ino, dev } = await lstat(taken);
    if (ino === stats.ino && dev === stats.dev) return;
    await link(taken, path);
    throw inUse(path);
  } finally {
    await rm(taken, { force: true });
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    const end = (alive: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    const timer = setTimeout(() => end(true), patience);
    socket.once('connect', () => end(true));
    socket.once('error', (error) => end(errorCode(error) !== 'ECONNREFUSED'));
  });
}

function inUse(path: string): Error {
  return optionsError(`the control socket ${path} is in use by another program`);
}
