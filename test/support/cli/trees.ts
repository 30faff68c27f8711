/**
 * Folders to compare.
 *
 * Owns: a folder of files of many kinds, the listing of a folder as text.
 * Must not know: what is done with them.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Folders for the tests of this file; each is removed after its test. */
export function useFolders(): () => string {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-files-')));
    folders.push(folder);
    return folder;
  };
}

/** Files, folders, links, modes, an empty file, a pipe, and names that are hard to type. */
export function fillFolder(folder: string): void {
  const at = (name: string): string => join(folder, name);
  mkdirSync(at('d/sub/deep'), { recursive: true });
  mkdirSync(at('local'));
  writeFileSync(at('d/f1'), 'hello\n', { mode: 0o600 });
  writeFileSync(at('d/with space'), '');
  writeFileSync(at('d/.hidden'), 'h');
  writeFileSync(at('d/we*ird'), 'w');
  writeFileSync(at('d/q"uote'), 'q');
  writeFileSync(at('d/back\\slash'), 'b');
  writeFileSync(at('d/sub/numbers'), Array.from({ length: 2000 }, (_, index) => `${index}\n`).join(''));
  writeFileSync(at('d/old'), 'old');
  chmodSync(at('d/old'), 0o4755);
  utimesSync(at('d/old'), new Date('2020-01-02T03:04:05Z'), new Date('2020-01-02T03:04:05Z'));
  chmodSync(at('d/sub/deep'), 0o750);
  symlinkSync('f1', at('d/link'));
  symlinkSync('sub', at('d/folder-link'));
  execFileSync('mkfifo', [at('d/pipe')]);
  writeFileSync(at('big'), Buffer.alloc(700_000, 'abcdefg'));
}

/** Every entry below a folder: kind, mode, size and content. */
export function treeOf(folder: string): string[] {
  const lines: string[] = [];
  const walk = (path: Buffer, name: string): void => {
    for (const entry of readdirSync(path, { encoding: 'buffer' })) {
      const whole = Buffer.concat([path, Buffer.from('/'), entry]);
      const shownName = `${name}/${entry.toString('latin1')}`;
      const stats = lstatSync(whole);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) lines.push(`${shownName} -> ${readlinkSync(whole)}`);
      else if (stats.isDirectory()) {
        lines.push(`${shownName}/ ${mode}`);
        walk(whole, shownName);
      } else if (!stats.isFile()) lines.push(`${shownName} other`);
      else {
        const hash = createHash('sha256').update(readFileSync(whole)).digest('hex').slice(0, 12);
        lines.push(`${shownName} ${mode} ${stats.size} ${hash}`);
      }
    }
  };
  walk(Buffer.from(folder), '');
  return lines.sort();
}
