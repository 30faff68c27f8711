/** Where the command keeps its compiled code: with the user alone. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileCacheFolder } from '../../src/cli/compileCache.ts';
import { useBuiltCommand } from '../support/cli/build.ts';

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

describe('the programs', () => {
  const command = useBuiltCommand();

  it.each(['main', 'sftpMain', 'scpMain'])('%s asks for it before any of their code is loaded', (name) => {
    const [asked, preload] = [join(home, 'asked'), join(home, 'preload.mjs')];
    // Node has the call from 22.8 on.
    writeFileSync(
      preload,
      `import module from 'node:module';
import { writeFileSync } from 'node:fs';
module.enableCompileCache = (folder) => writeFileSync(${JSON.stringify(asked)}, folder);
`,
    );
    const program = join(dirname(command()), `${name}.js`);
    const { status } = spawnSync(process.execPath, ['--import', preload, program, '--help'], {
      env: { ...process.env, HOME: home, XDG_CACHE_HOME: '' },
    });
    expect(status).toBe(0);
    expect(readFileSync(asked, 'utf8')).toBe(join(home, '.cache/deadline-ssh'));
    // What is loaded ahead of the call is compiled anew each time: it imports nothing of the rest.
    const imports = readFileSync(program, 'utf8').match(/^import .*$/gm) ?? [];
    expect(imports.filter((line) => !/compileCache|"node:/.test(line))).toEqual([]);
  });
});
