/**
 * One program at a time.
 *
 * Owns: a lock that is a file: how it is taken, waited for, and taken over from
 * a program that died with it.
 * Must not know: what it protects.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { SshError } from '../base/errors.ts';
import { nodeClock } from './clock.ts';

/** Milliseconds. A lock is held for as long as it takes to write a small file. */
const longestWait = 15_000;
const betweenTries = 10;

/** A lock that is held. */
export interface FileLock {
  /** Whether it still is ours: a program that took us for dead may have it. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Takes the lock of that name, and waits for it while another program holds it.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where that takes too long; a system error where the file cannot be made
 */
export async function takeLock(path: string): Promise<FileLock> {
  const own = `${process.pid} ${hostname()} ${randomUUID()}\n`;
  const until = nodeClock.now() + longestWait;
  for (;;) {
    if (await create(path, own))
      return { isHeld: () => isContent(path, own), release: () => release(path, own) };
    const holder = await contentOf(path);
    if (holder !== undefined && isDead(holder)) await takeAway(path, holder);
    else if (nodeClock.now() < until) await pause(betweenTries);
    else {
      throw new SshError(
        'ERR_SSH_OPTIONS',
        `another program holds ${path} for more than ${longestWait} ms; remove it if there is none`,
        { phase: 'options', origin: 'local' },
      );
    }
  }
}

/** The file appears with its content or not at all, so that nobody reads half a name. */
async function create(path: string, content: string): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error))) throw error;
    return createWithoutLinks(path, content);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** For file systems without hard links. */
async function createWithoutLinks(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Of another machine nothing is known, so its locks are waited for. */
function isDead(holder: string): boolean {
  const [pid, host] = holder.trim().split(' ');
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/**
 * Two programs may see the same dead holder, and the slower one would take away
 * the lock that the faster one has taken since: what was taken away is looked at,
 * and put back if it is another.
 */
async function takeAway(path: string, dead: string): Promise<void> {
  const away = `${path}.${randomUUID()}`;
  try {
    await rename(path, away);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if ((await contentOf(away)) !== dead) await link(away, path).catch(() => {});
  await rm(away, { force: true });
}

async function release(path: string, own: string): Promise<void> {
  if (await isContent(path, own)) await rm(path, { force: true });
}

async function isContent(path: string, content: string): Promise<boolean> {
  return (await contentOf(path)) === content;
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    nodeClock.schedule(nodeClock.now() + milliseconds, { due: resolve });
  });
}
