/** Files of the user that may be anything: no read waits for another program, and each is bounded. */
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, link, mkdtemp, open, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  errorCode,
  openGently,
  openNoLink,
  ownVersionOf,
  readRegularFile,
  versionOf,
  versionOfOpen,
} from '../../src/node/knownHosts/regularFile.ts';

let folder = '';
const at = (name: string): string => join(folder, name);
const textOf = async (path: string, flags = openGently, longest = 100): Promise<string | undefined> =>
  (await readRegularFile(path, flags, longest))?.bytes.toString();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regular-'));
  await writeFile(at('file'), 'words');
  await symlink(at('file'), at('link'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a file that is read', () => {
  it('is whole, with its version, or is not there', async () => {
    const read = await readRegularFile(at('file'), openGently, 100);
    expect(read?.bytes.toString()).toBe('words');
    expect(read?.version).toEqual(await versionOf(at('file')));
    expect(await readRegularFile(at('none'), openGently, 100)).toBeUndefined();
    await expect(textOf(join(at('file'), 'in'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('has as many bytes as it may have, and no more', async () => {
    expect(await textOf(at('file'), openGently, 5)).toBe('words');
    await expect(textOf(at('file'), openGently, 4)).rejects.toThrow('it is longer than 4 bytes');
    await truncate(at('file'), 0);
    expect(await textOf(at('file'), openGently, 0)).toBe('');
  });

  it('is no link where that was asked for', async () => {
    expect(await textOf(at('link'))).toBe('words');
    await expect(textOf(at('link'), openNoLink)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await textOf(at('file'), openNoLink)).toBe('words');
  });

  it('is a file and nothing else', async () => {
    await expect(textOf(folder)).rejects.toThrow('it is a folder');
    await expect(textOf('/dev/null')).rejects.toThrow('it is not a regular file');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
    await expect(textOf(at('socket'))).rejects.toMatchObject({ code: 'ENXIO' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('is empty where it is a FIFO that nobody writes to, and is not waited for where somebody does', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const read = await readRegularFile(at('fifo'), openGently, 100);
    expect([read?.bytes.length, read?.version.isFifo, read?.version.isFile]).toEqual([0, true, false]);
    const both = await open(at('fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    const busy = 'it is a FIFO that another program writes to, and no regular file';
    await expect(textOf(at('fifo'))).rejects.toThrow(busy);
    await both.write('x');
    await expect(textOf(at('fifo'))).rejects.toThrow(busy);
    await both.close();
  });
});

describe('the version of a file', () => {
  it('says what it is, whose, and since when', async () => {
    await chmod(at('file'), 0o4640);
    await utimes(at('file'), 1, 1_000.5);
    await link(at('file'), at('second'));
    const { uid, gid, dev, ino, ctimeMs } = await stat(at('file'));
    const version = await versionOf(at('file'));
    expect(version).toMatchObject({
      inode: `${dev}:${ino}`,
      isFile: true,
      isFolder: false,
      isFifo: false,
      size: 5,
      written: 1_000_500,
      mode: 0o4640,
      uid,
      gid,
      links: 2,
    });
    // Its owner cannot set back when it was changed.
    expect(version?.changed).toBeCloseTo(ctimeMs, 0);
    await utimes(at('file'), 1, 4_000_000_000);
    expect((await versionOf(at('file')))?.changed).toBe(4_000_000_000_000);
    expect(await versionOf(folder)).toMatchObject({ isFile: false, isFolder: true });
  });

  it('differs where the file does, and is the same by every way to it', async () => {
    const before = await versionOf(at('file'));
    expect(await versionOf(at('link'))).toEqual(before);
    const file = await open(at('file'));
    expect(await versionOfOpen(file)).toEqual(before);
    await file.close();
    await writeFile(at('file'), 'other');
    const after = await versionOf(at('file'));
    expect([after?.id === before?.id, after?.inode === before?.inode]).toEqual([false, true]);
    const own = await ownVersionOf(at('link'));
    expect([own?.isFile, own?.inode === before?.inode]).toEqual([false, false]);
    await rm(at('file'));
    expect([await versionOf(at('link')), await versionOf(at('file'))]).toEqual([undefined, undefined]);
    expect(await ownVersionOf(at('link'))).toBeDefined();
    expect(await ownVersionOf(at('none'))).toBeUndefined();
  });
});

describe('the code of an error', () => {
  it('is that of the system, or empty', () => {
    expect(errorCode(Object.assign(new Error('x'), { code: 'EPERM' }))).toBe('EPERM');
    for (const other of [new Error('x'), { code: 'EPERM' }, undefined, 'EPERM'])
      expect(errorCode(other)).toBe('');
  });
});
