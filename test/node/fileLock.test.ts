/** The lock beside a file: whose it is, when it was left, and what is none. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeLeftovers, temporaryName } from '../../src/node/files/temporaryFiles.ts';
import { type FileLock, takeLock } from '../../src/node/knownHosts/fileLock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-lock-'));
  path = join(folder, 'known_hosts.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A test of a lock that is free at once takes as long as the machine needs. */
const patient = { timeout: 20_000 };
/** One of a lock that is not takes no longer than it must. */
const hasty = { timeout: 50 };

async function taken(bounds = patient): Promise<FileLock> {
  const lock = await takeLock(path, bounds);
  if (lock === undefined) throw new Error('there can be no lock');
  return lock;
}

const busy = { code: 'ERR_SSH_TIMEOUT', waitingFor: 'lock', origin: 'deadline', deadline: hasty.timeout };

function aged(seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  utimesSync(path, time, time);
}

describe('a lock', () => {
  it('is a file that says who holds it, and is gone when it is given back', async () => {
    const lock = await taken();
    expect(readFileSync(path, 'utf8')).toMatch(
      new RegExp(`^${process.pid} ${hostname()}\\S* [\\w-]{36}\\n$`),
    );
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await lock.isHeld()).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is one program’s at a time: those of one process queue in their order', async () => {
    const order: number[] = [];
    let holders = 0;
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const lock = await taken();
        expect(++holders).toBe(1);
        order.push(i);
        await new Promise((resolve) => setImmediate(resolve));
        holders--;
        await lock.release();
      }),
    );
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that is held is waited for no longer than was said, in this process and beyond', async () => {
    const lock = await taken();
    await expect(taken(hasty)).rejects.toMatchObject(busy);
    // Who gave up does not stand in the way of the next.
    const next = taken();
    await lock.release();
    await (await next).release();
    writeFileSync(path, `${process.pid} ${hostname()} somebody\n`);
    await expect(taken(hasty)).rejects.toMatchObject({ ...busy, message: expect.stringContaining(path) });
    expect(readdirSync(folder)).toEqual(['known_hosts.lock']);
  });

  it('is no longer waited for once the signal is aborted', async () => {
    writeFileSync(path, `${process.pid} ${hostname()} somebody\n`);
    const aborter = new AbortController();
    const waiting = takeLock(path, { ...patient, signal: aborter.signal });
    const queueing = takeLock(path, { ...patient, signal: aborter.signal });
    aborter.abort();
    for (const call of [waiting, queueing, takeLock(path, { ...patient, signal: aborter.signal })])
      await expect(call).rejects.toMatchObject({ waitingFor: 'lock' });
    expect(readdirSync(folder)).toEqual(['known_hosts.lock']);
  });

  it('that was taken over from us is not ours to give back', async () => {
    const lock = await taken();
    writeFileSync(path, '1 elsewhere somebody\n');
    expect(await lock.isHeld()).toBe(false);
    await lock.release();
    expect(readFileSync(path, 'utf8')).toBe('1 elsewhere somebody\n');
  });

  it('is free again once it is released by another program', async () => {
    writeFileSync(path, `${process.pid} ${hostname()} somebody\n`);
    const waiting = taken();
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(path);
    await (await waiting).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a lock that was left', () => {
  it.each([
    ['by a container that is gone', '7 2f3c9a1b0c1d somebody\n'],
    ['by a program of this name whose number another has by now', `${process.pid} ${hostname()} somebody\n`],
    ['empty', ''],
    ['of something else', 'do not touch\n'],
    ['longer than any lock', 'x'.repeat(10_000)],
    ['binary', '\0\xff\x9b'],
  ])('is taken over by its age: %s', async (_what, content) => {
    writeFileSync(path, content);
    await expect(taken(hasty)).rejects.toMatchObject(busy);
    expect(readFileSync(path, 'utf8')).toBe(Buffer.from(content).toString());
    aged(11);
    const lock = await taken();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    // The clock was set back since.
    writeFileSync(path, content);
    aged(-3600);
    await (await taken()).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over at once where its program is dead', async () => {
    const { pid } = spawnSync('true');
    for (const where of [hostname(), `${hostname()}/${namespace()}`]) {
      writeFileSync(path, `${pid} ${where} some-name\n`);
      await (await taken()).release();
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['0', '-1', 'NaN', '1e9', '', '99999999999999999999'])(
    'is not taken for that of a dead program by a number such as %j',
    async (pid) => {
      writeFileSync(path, `${pid} ${hostname()} some-name\n`);
      await expect(taken(hasty)).rejects.toMatchObject(busy);
    },
  );

  it('is not taken for that of a dead program where it is of other processes, such as another container’s', async () => {
    const { pid } = spawnSync('true');
    for (const where of ['elsewhere', `${hostname()}/pid:[1]`]) {
      writeFileSync(path, `${pid} ${where} some-name\n`);
      await expect(taken(hasty)).rejects.toMatchObject(busy);
    }
  });

  it('is taken over by one of many who see it', async () => {
    const { pid } = spawnSync('true');
    writeFileSync(path, `${pid} ${hostname()} some-name\n`);
    let holders = 0;
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const lock = await taken();
        expect(++holders).toBe(1);
        holders--;
        await lock.release();
      }),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  const namespace = (): string => {
    try {
      return execFileSync('readlink', ['/proc/self/ns/pid'], { encoding: 'utf8' }).trim();
    } catch {
      return '';
    }
  };
});

describe('what has the name of a lock and is none', () => {
  it('means that there can be none, at once and without a touch: a folder', async () => {
    mkdirSync(path);
    expect(await takeLock(path, patient)).toBeUndefined();
    expect(lstatSync(path).isDirectory()).toBe(true);
    expect(readdirSync(folder)).toEqual(['known_hosts.lock']);
  });

  it('means that there can be none, at once and without a touch: a FIFO', async () => {
    execFileSync('mkfifo', [path]);
    expect(await takeLock(path, patient)).toBeUndefined();
    // With somebody who may write to it, it is no other.
    const fd = openSync(path, 'r+');
    expect(await takeLock(path, patient)).toBeUndefined();
    closeSync(fd);
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  it.each(['a file', 'a FIFO', 'nothing'])(
    'means that there can be none, at once and without a touch: a link to %s',
    async (kind) => {
      const target = join(folder, 'target');
      if (kind === 'a file') writeFileSync(target, '1 elsewhere somebody\n');
      if (kind === 'a FIFO') execFileSync('mkfifo', [target]);
      symlinkSync(target, path);
      expect(await takeLock(path, patient)).toBeUndefined();
      expect(lstatSync(path).isSymbolicLink()).toBe(true);
      expect(existsSync(target)).toBe(kind !== 'nothing');
    },
  );
});

describe('what killed programs left beside a file', () => {
  it('is removed after a minute, and nothing else is', async () => {
    const file = join(folder, 'known_hosts');
    const ours = [temporaryName(file), temporaryName(path)];
    const others = [
      file,
      `${file}.old`,
      `${file}.2024-01-01`,
      `${file}.lock.old`,
      temporaryName(join(folder, 'other')),
      `${temporaryName(file)}.bak`,
    ];
    for (const each of [...ours, ...others]) {
      writeFileSync(each, '');
      utimesSync(each, 1_000, 1_000);
    }
    const young = temporaryName(file);
    writeFileSync(young, '');
    const folderOfThatName = temporaryName(file);
    mkdirSync(folderOfThatName);
    await removeLeftovers(file, Date.now());
    const left = readdirSync(folder).map((name) => join(folder, name));
    expect(left.sort()).toEqual([...others, young, folderOfThatName].sort());
  });
});
