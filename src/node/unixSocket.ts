/**
 * Unix sockets to listen on.
 *
 * Owns: that a socket is there with its own permissions from the first moment, in
 * a worker thread as well, whose mask of permissions is that of the process; the
 * removal of an old one where that was asked for, and of one's own at the end.
 * Whatever else lies at the path stays, also where it came there later.
 * Must not know: what is listened for.
 *
 * The system makes a socket and removes it by its path alone, which may be somebody
 * else's by then. So the socket is made in a folder that nobody else may enter, and
 * moved to its place with its permissions; what is removed then is known by its
 * number and not by its name.
 */
import { chmod, link, lstat, mkdtemp, rm, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { ListenPath } from '../forwarding/places.ts';

const defaultMode = 0o600;

/** Bytes of a path that an address has room for; Node cuts a longer one off, and that is the path of something else. */
export const longestSocketPath: number = { linux: 107, win32: 256 }[process.platform as string] ?? 103;

/** Bytes of a path that every system takes for a socket. */
const longestPath = 103;

/**
 * Listens at a path.
 *
 * @returns removes the socket, where it still lies there
 * @throws Error of the system; `EADDRINUSE` where something lies there
 */
export async function listenAtPath(server: Server, place: ListenPath): Promise<() => Promise<void>> {
  if (place.unlink === true) await removeOld(place.path);
  return (await listenBeside(server, place)) ?? listenInPlace(server, place);
}

/** Removes an old socket; whatever else lies there stays. */
async function removeOld(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket()) await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Undefined where the file system, or the length of the path, does not allow it. */
async function listenBeside(
  server: Server,
  { path, mode = defaultMode }: ListenPath,
): Promise<(() => Promise<void>) | undefined> {
  const folder = await privateFolder(path);
  if (folder === undefined) return undefined;
  const whole = resolve(path);
  try {
    const hidden = join(folder, 's');
    await listening(server, hidden);
    await chmod(hidden, mode);
    const { dev, ino } = await lstat(hidden, { bigint: true });
    await link(hidden, path);
    return async () => {
      const there = await lstat(whole, { bigint: true }).catch(() => undefined);
      if (there?.dev === dev && there.ino === ino) await unlink(whole).catch(() => {});
    };
  } catch (error) {
    await new Promise<void>((closed) => server.close(() => closed()));
    if (codeOf(error) === 'EEXIST') throw systemError('EADDRINUSE', path);
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A folder for this user alone, beside the path: on the same file system. */
async function privateFolder(path: string): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  const letters = 'XXXXXX/s'.length;
  const prefix = [`${path}-`, `${dirname(path)}/.`].find(
    (start) => Buffer.byteLength(start) + letters <= longestPath,
  );
  return prefix === undefined ? undefined : mkdtemp(prefix).catch(() => undefined);
}

async function listenInPlace(
  server: Server,
  { path, mode = defaultMode }: ListenPath,
): Promise<() => Promise<void>> {
  // The socket is made within the call: it is not there with wider permissions, not even for a moment.
  const mask = isMainThread ? process.umask(0o777 & ~mode) : undefined;
  const made = listening(server, path);
  if (mask !== undefined) process.umask(mask);
  await made;
  if (mask === undefined) await chmod(path, mode);
  // Node removes it with its server.
  return async () => {};
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((listens, reject) => {
    server.once('error', reject);
    // In a cluster, the first process would make it otherwise, in its own manner.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject);
      listens();
    });
  });
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`listen ${code}: ${path}`), { code });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
