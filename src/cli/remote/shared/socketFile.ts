/**
 * The file of a control socket.
 *
 * Owns: whose it is; that one program has it at a time, that a stale one makes room,
 * and that each program takes away its own and no other.
 * Must not know: what goes over the socket.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { lstat, rm, stat } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { optionsError } from '../../../base/optionChecks.ts';
import { takeLock } from '../../../node/knownHosts/fileLock.ts';
import { errorCode } from '../../../node/knownHosts/regularFile.ts';
import { longestSocketPath } from '../../../node/unixSocket.ts';

/** Milliseconds for a program that lives to take a connection. */
const patience = 10_000;

/** @throws SshError `ERR_SSH_OPTIONS` for a path that is too long for a socket */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= longestSocketPath) return;
  throw optionsError(
    `the path of the control socket ${path} is too long: there is room for ${longestSocketPath} bytes; %C in ControlPath is short`,
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
  const folder = dirname(path);
  // The system says of a folder that is not there that it may not be written to.
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new Error(`there is no folder ${folder}`);
  }
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
    await claim(own, path);
    const { dev, ino } = lstatSync(own);
    return () => {
      server.close();
      try {
        const there = lstatSync(path, { throwIfNoEntry: false });
        if (there?.ino === ino && there.dev === dev) unlinkSync(path);
      } catch {
        // It is stale then, and the next program takes it away.
      }
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
  const room = Math.max(2, longestSocketPath - Buffer.byteLength(folder));
  return `${folder}${`.${randomBytes(9).toString('base64url')}`.slice(0, room)}`;
}

/**
 * Gives the socket its name, where that is free. A socket of this user at which nobody
 * listens was left by a program that was killed, and makes room; nothing else does.
 */
async function claim(own: string, path: string): Promise<void> {
  if (isLinked(own, path)) return;
  if (!(await isOwnSocket(path))) throw new Error('there is something else of that name');
  // Of several programs that find it, one at a time looks and takes it away: else one would take away what another has made.
  const lock = await takeLock(`${path}.lock`, { timeout: patience });
  try {
    if (await isOwnSocket(path)) {
      if (await isAlive(path)) throw inUse(path);
      unlinkSync(path);
    }
    if (!isLinked(own, path)) throw inUse(path);
  } finally {
    await lock?.release();
  }
}

/** @returns whether the name was free */
function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
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
