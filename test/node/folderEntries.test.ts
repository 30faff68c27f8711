/** Entries of folders in the three shapes in which runtimes give them. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { kindOfEntry, nameOfEntry } from '../../src/node/folderEntries.ts';

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'folder-entries-'));
  fs.writeFileSync(join(folder, 'é'), '');
});

afterAll(() => fs.rmSync(folder, { recursive: true }));

const bytes = Buffer.from('é');
const stats = (): Promise<fs.Stats> => fs.promises.lstat(join(folder, 'é'));
const isFile = (): boolean => true;

describe('an entry of a folder', () => {
  it('of Node is an object whose name is bytes', async () => {
    const options = { encoding: 'buffer' as BufferEncoding };
    const opened = await fs.promises.opendir(folder, options);
    const entry = (await opened.read()) as fs.Dirent;
    await opened.close();
    const lstat = vi.fn(stats);
    expect(nameOfEntry(entry)).toEqual(bytes);
    expect((await kindOfEntry(entry, lstat))?.isFile()).toBe(true);
    expect(lstat).not.toHaveBeenCalled();
  });

  it('of Bun is the bytes of the name alone, and the system is asked for its kind', async () => {
    const entry = Buffer.from(bytes) as unknown as fs.Dirent;
    expect(nameOfEntry(entry)).toEqual(bytes);
    expect((await kindOfEntry(entry, stats))?.isFile()).toBe(true);
    const gone = fs.promises.lstat(join(folder, 'gone'));
    expect(await kindOfEntry(entry, () => gone)).toBeUndefined();
    const failed = Object.assign(new Error('no'), { code: 'EIO' });
    await expect(kindOfEntry(entry, () => Promise.reject(failed))).rejects.toBe(failed);
  });

  it('of Deno is an object whose name is text', async () => {
    const entry = { name: 'é', isFile } as unknown as fs.Dirent;
    expect(nameOfEntry(entry)).toEqual(bytes);
    expect(await kindOfEntry(entry, stats)).toBe(entry);
  });
});
