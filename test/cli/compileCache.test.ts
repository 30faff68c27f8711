/** Where the command keeps its compiled code: with the user alone. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileCacheFolder } from '../../src/cli/compileCache.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'deadline-ssh-cache-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the folder of compiled code', () => {
  it('is made in the home folder, for its owner alone', () => {
    const folder = compileCacheFolder(undefined, home);
    expect(folder).toBe(join(home, '.cache/deadline-ssh'));
    expect(statSync(folder as string).mode & 0o777).toBe(0o700);
  });

  it('is below XDG_CACHE_HOME where that is an absolute path', () => {
    const cache = join(home, 'elsewhere');
    expect(compileCacheFolder(cache, home)).toBe(join(cache, 'deadline-ssh'));
    expect(compileCacheFolder('elsewhere', home)).toBe(join(home, '.cache/deadline-ssh'));
  });

  it('is none without a home folder', () => {
    expect(compileCacheFolder(undefined, undefined)).toBeUndefined();
    expect(compileCacheFolder(undefined, 'relative')).toBeUndefined();
    expect(existsSync('relative')).toBe(false);
  });

  it.skipIf(process.platform === 'win32').each([
    ['the home folder', ''],
    ['the folder of caches', '.cache'],
    ['the folder itself', '.cache/deadline-ssh'],
  ])('is none where others can write to %s', (_what, path) => {
    mkdirSync(join(home, '.cache/deadline-ssh'), { recursive: true });
    chmodSync(join(home, path), 0o770);
    expect(compileCacheFolder(undefined, home)).toBeUndefined();
    chmodSync(join(home, path), 0o755);
    expect(compileCacheFolder(undefined, home)).toBe(join(home, '.cache/deadline-ssh'));
  });

  it.skipIf(process.getuid?.() !== 0)('is none where the home folder is that of another user', async () => {
    const { chownSync } = await import('node:fs');
    chownSync(home, 65534, 65534);
    expect(compileCacheFolder(undefined, home)).toBeUndefined();
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });

  it('is none where something else has its name', () => {
    mkdirSync(join(home, '.cache'));
    const path = join(home, '.cache/deadline-ssh');
    writeFileSync(path, '');
    expect(compileCacheFolder(undefined, home)).toBeUndefined();
    rmSync(path);
    mkdirSync(join(home, 'other'));
    symlinkSync(join(home, 'other'), path, 'dir');
    expect(compileCacheFolder(undefined, home)).toBeUndefined();
  });
});
