/**
 * What is tried of files on every server of the laboratory that has SFTP.
 *
 * Owns: one trial for each group of calls, in a folder of its own; it throws where a call does not work.
 * Must not know: which server it is.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from 'vitest';
import type { Client, Sftp } from '../../src/entry/index.ts';

export interface FileBench {
  readonly sftp: Sftp;
  readonly client: Client;
  /** A path in the trial's own folder on the server. */
  readonly at: (name: string) => string;
  /** A path in the trial's own folder on this machine. */
  readonly here: (name: string) => string;
}

const big = randomBytes(3 * 1024 * 1024 + 7);

/** A file to change. */
async function file({ sftp, at }: FileBench, name: string = 'f'): Promise<string> {
  await sftp.writeFile(at(name), 'hello world');
  return at(name);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** By the names of the calls. */
export const fileTrials: Readonly<Record<string, (bench: FileBench) => Promise<unknown>>> = {
  'readFile, writeFile': async ({ sftp, at }) => {
    await sftp.writeFile(at('f'), big, { mode: 0o640 });
    expect(Buffer.from(await sftp.readFile(at('f'))).equals(big)).toBe(true);
    await sftp.writeFile(at('f'), 'shorter');
    expect(await sftp.readFile(at('f'), 'utf8')).toBe('shorter');
    await sftp.writeFile(at('empty'), '');
    expect((await sftp.readFile(at('empty'))).length).toBe(0);
  },
  appendFile: async (bench) => {
    await bench.sftp.appendFile(await file(bench), '!');
    await bench.sftp.appendFile(bench.at('new'), 'made');
    expect(await bench.sftp.readFile(bench.at('f'), 'utf8')).toBe('hello world!');
    expect(await bench.sftp.readFile(bench.at('new'), 'utf8')).toBe('made');
  },
  'readdir, opendir': async ({ sftp, at }) => {
    const names = ['a b', 'ünï', '"q"', ...Array.from({ length: 300 }, (_, i) => `n${i}`)].sort();
    await Promise.all(names.map((name) => sftp.writeFile(at(name), name)));
    expect((await sftp.readdir(at('.'))).sort()).toEqual(names);
    const entries = await collect(sftp.opendir(at('.')));
    expect(entries.map(({ name }) => name).sort()).toEqual(names);
    expect(
      entries.every(
        (entry) => entry.isFile() && Number(entry.attributes.size) === Buffer.byteLength(entry.name),
      ),
    ).toBe(true);
  },
  'stat, lstat, exists': async (bench) => {
    const { sftp, at } = bench;
    const path = await file(bench);
    expect((await sftp.stat(path)).size).toBe(11);
    expect((await sftp.lstat(path)).isFile()).toBe(true);
    expect((await sftp.stat(at('.'))).isDirectory()).toBe(true);
    expect([await sftp.exists(path), await sftp.exists(at('none'))]).toEqual([true, false]);
    await expect(sftp.stat(at('none'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
      path: at('none'),
    });
  },
  realpath: async ({ sftp, at }) => {
    await sftp.mkdir(at('d'));
    expect(await sftp.realpath(at('d/../d/.'))).toBe(await sftp.realpath(at('d')));
    expect(await sftp.realpath('.')).toMatch(/^\//);
  },
  'mkdir, rmdir': async ({ sftp, at }) => {
    await sftp.mkdir(at('a/b/c'), { recursive: true });
    await expect(sftp.mkdir(at('a'))).rejects.toMatchObject({ status: {} });
    await expect(sftp.rmdir(at('a'))).rejects.toMatchObject({ status: {} });
    await sftp.rmdir(at('a/b/c'));
    expect(await sftp.readdir(at('a/b'))).toEqual([]);
  },
  'unlink, rm': async (bench) => {
    const { sftp, at } = bench;
    await sftp.unlink(await file(bench));
    await sftp.mkdir(at('t/u'), { recursive: true });
    await sftp.writeFile(at('t/u/x'), '');
    await sftp.rm(at('t'), { recursive: true });
    await sftp.rm(at('none'), { force: true });
    expect(await sftp.readdir(at('.'))).toEqual([]);
  },
  'rename, which replaces': async (bench) => {
    const { sftp, at } = bench;
    const path = await file(bench);
    await sftp.writeFile(at('g'), 'old');
    await sftp.rename(path, at('g'));
    expect(await sftp.readdir(at('.'))).toEqual(['g']);
    expect(await sftp.readFile(at('g'), 'utf8')).toBe('hello world');
  },
  'symlink, readlink': async (bench) => {
    const { sftp, at } = bench;
    await file(bench);
    await sftp.symlink('f', at('l'));
    expect(await sftp.readlink(at('l'))).toBe('f');
    expect((await sftp.lstat(at('l'))).isSymbolicLink()).toBe(true);
    expect(await sftp.readFile(at('l'), 'utf8')).toBe('hello world');
  },
  link: async (bench) => {
    await bench.sftp.link(await file(bench), bench.at('hard'));
    expect(await bench.sftp.readFile(bench.at('hard'), 'utf8')).toBe('hello world');
  },
  chmod: async (bench) => {
    const path = await file(bench);
    await bench.sftp.chmod(path, 0o600);
    expect((await bench.sftp.stat(path)).mode & 0o777).toBe(0o600);
  },
  chown: async (bench) => {
    const path = await file(bench);
    const { uid, gid } = await bench.sftp.stat(path);
    await bench.sftp.chown(path, uid, gid);
  },
  utimes: async (bench) => {
    const path = await file(bench);
    await bench.sftp.utimes(path, 1_000_000, 2_000_000);
    expect((await bench.sftp.stat(path)).mtimeMs).toBe(2_000_000_000);
  },
  lutimes: async (bench) => {
    const { sftp, at } = bench;
    await file(bench);
    await sftp.symlink('f', at('l'));
    await sftp.lutimes(at('l'), 3, 4);
    expect((await sftp.lstat(at('l'))).mtimeMs).toBe(4000);
    expect((await sftp.stat(at('f'))).mtimeMs).not.toBe(4000);
  },
  truncate: async (bench) => {
    const path = await file(bench);
    await bench.sftp.truncate(path, 5);
    expect(await bench.sftp.readFile(path, 'utf8')).toBe('hello');
  },
  copyFile: async (bench) => {
    await bench.sftp.copyFile(await file(bench), bench.at('c'));
    expect(await bench.sftp.readFile(bench.at('c'), 'utf8')).toBe('hello world');
  },
  statfs: async ({ sftp, at }) => {
    expect((await sftp.statfs(at('.'))).blocks).toBeGreaterThan(0n);
  },
  'glob, walk': async ({ sftp, at }) => {
    await sftp.mkdir(at('x/y'), { recursive: true });
    for (const name of ['x/1.log', 'x/2.txt', 'x/y/3.log']) await sftp.writeFile(at(name), '');
    expect((await collect(sftp.glob(at('**/*.log')))).sort()).toEqual([at('x/1.log'), at('x/y/3.log')]);
    const walked = await collect(sftp.walk(at('x')));
    expect(walked.map(({ path }) => path).sort()).toEqual([
      at('x/1.log'),
      at('x/2.txt'),
      at('x/y'),
      at('x/y/3.log'),
    ]);
  },
  'a handle: read, write, stat, truncate': async (bench) => {
    const path = await file(bench);
    await using open = await bench.sftp.open(path, 'r+');
    await open.write('J', 0);
    const { bytesRead, buffer } = await open.read(new Uint8Array(5), 0, 5, 0);
    expect(Buffer.from(buffer.subarray(0, bytesRead)).toString()).toBe('Jello');
    await open.truncate(3);
    expect((await open.stat()).size).toBe(3);
  },
  'sync of a handle': async (bench) => {
    await using open = await bench.sftp.open(await file(bench), 'r+');
    await open.sync();
  },
  streams: async ({ sftp, at, here }) => {
    writeFileSync(here('big'), big);
    await pipeline(
      async function* () {
        yield big;
      },
      sftp.createWriteStream(at('s')),
    );
    const chunks = await collect(sftp.createReadStream(at('s'), { start: 5, end: 1_000_004 }));
    expect(Buffer.concat(chunks as Buffer[]).equals(big.subarray(5, 1_000_005))).toBe(true);
  },
  'put, get': async ({ sftp, at, here }) => {
    writeFileSync(here('up'), big);
    await sftp.put(here('up'), at('f'));
    await sftp.put(here('up'), at('f'));
    await sftp.get(at('f'), here('down'));
    expect(readFileSync(here('down')).equals(big)).toBe(true);
  },
  'put and get of a folder': async ({ sftp, at, here }) => {
    mkdirSync(here('t/u/v'), { recursive: true });
    for (let i = 0; i < 50; i++) writeFileSync(here(`t/u/${i}`), String(i));
    const sent = await sftp.put(here('t'), at('t'), { recursive: true });
    const got = await sftp.get(at('t'), here('back'), { recursive: true });
    expect([sent.files, got.files]).toEqual([50, 50]);
    expect(readFileSync(here('back/u/49'), 'utf8')).toBe('49');
  },
  'get and put that resume': async ({ sftp, at, here }) => {
    await sftp.writeFile(at('f'), big);
    writeFileSync(here('f'), big.subarray(0, 1_000_000));
    expect(await sftp.get(at('f'), here('f'), { resume: true, atomic: false })).toMatchObject({
      bytes: big.length - 1_000_000,
    });
    expect(readFileSync(here('f')).equals(big)).toBe(true);
    await sftp.truncate(at('f'), 2_000_000);
    // What the server may have written in another order goes again, which is all of a part as short.
    await sftp.put(here('f'), at('f'), { resume: true, atomic: false });
    expect(Buffer.from(await sftp.readFile(at('f'))).equals(big)).toBe(true);
  },
  preserve: async ({ sftp, at, here }) => {
    await sftp.writeFile(at('f'), 'text', { mode: 0o600 });
    await sftp.utimes(at('f'), 1_000_000, 2_000_000);
    await sftp.get(at('f'), here('f'), { preserve: true });
    await sftp.put(here('f'), at('g'), { preserve: true });
    const { mtimeMs, mode } = await sftp.stat(at('g'));
    expect([mtimeMs, mode & 0o777]).toEqual([2_000_000_000, 0o600]);
  },
  sync: async ({ sftp, at, here }) => {
    mkdirSync(here('t'));
    writeFileSync(here('t/a'), 'a');
    await sftp.mkdir(at('t'));
    await sftp.writeFile(at('t/old'), 'old');
    await sftp.sync(here('t'), at('t'), { direction: 'up', delete: true });
    expect(await sftp.readdir(at('t'))).toEqual(['a']);
    const again = await sftp.sync(here('t'), at('t'), { direction: 'up', delete: true });
    expect(again.files).toBe(0);
  },
  ownerNames: async ({ sftp }) => {
    expect((await sftp.ownerNames([0], [0])).users).toEqual(['root']);
  },
  expandPath: async ({ sftp }) => {
    expect(await sftp.expandPath('~')).toMatch(/^\//);
  },
};

/** The folders of a trial. */
export function placesOf(remote: string, local: string): Pick<FileBench, 'at' | 'here'> {
  mkdirSync(local, { recursive: true });
  return {
    at: (name) => (name === '.' ? remote : `${remote}/${name}`),
    here: (name) => join(local, name),
  };
}
