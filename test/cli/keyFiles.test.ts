/** A key that is written in the place of another one. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open: typeof real.open = async (...args) => {
    const file = await real.open(...args);
    if (disk.isFull) {
      file.writeFile = () => Promise.reject(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }));
    }
    return file;
  };
  return { ...real, open };
});
const { writeKeyFile } = await import('../../src/cli/keygen/keyFiles.ts');

const folder = mkdtempSync(join(tmpdir(), 'dlssh-keyfiles-'));
const path = join(folder, 'id');
afterEach(() => {
  disk.isFull = false;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  vi.doUnmock('node:fs/promises');
  vi.resetModules();
});

describe('a key in the place of another one', () => {
  it('is there whole, with its own permissions, or the old one is as it was', async () => {
    writeFileSync(path, 'the old key', { mode: 0o640 });
    disk.isFull = true;
    await expect(writeKeyFile(path, 'the new key', 0o600)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('ENOSPC'),
    });
    expect([readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual(['the old key', ['id']]);
    disk.isFull = false;
    await writeKeyFile(path, 'the new key', 0o600);
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['the new key', 0o600]);
    expect(readdirSync(folder)).toEqual(['id']);
  });
});
