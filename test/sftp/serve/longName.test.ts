/** The long form of a listing says what `ls -l` says. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributesOf } from '../../../src/node/served/folderFile.ts';
import { longName, modeText } from '../../../src/sftp/serve/longName.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ls = (path: string): readonly string[] =>
  execFileSync('ls', ['-ldn', path], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
    .trim()
    .split(/\s+/);
/** What stands before the name, word by word. */
const wordsOf = (path: string): readonly string[] => {
  const line = longName(
    { name: new Uint8Array(Buffer.from('n')), attributes: attributesOf(lstatSync(path)) },
    Date.now(),
  );
  return Buffer.from(line).toString().split(/\s+/).slice(0, 8);
};

describe('the long form', () => {
  it('has the letters of every mode', () => {
    const file = join(folder, 'modes');
    writeFileSync(file, '');
    const modes = fc.oneof(
      fc.integer({ min: 0, max: 0o7777 }),
      fc.constantFrom(0o4755, 0o4644, 0o2755, 0o2644, 0o1777, 0o1776),
    );
    fc.assert(
      fc.property(modes, (mode) => {
        chmodSync(file, mode);
        expect(modeText(lstatSync(file).mode)).toBe(ls(file)[0]?.slice(0, 10));
      }),
      { numRuns: 60 },
    );
  });

  it('has the letter of every type', async () => {
    const at = (name: string): string => join(folder, name);
    mkdirSync(at('d'));
    symlinkSync('d', at('l'));
    execFileSync('mkfifo', [at('p')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('s'), resolve));
    try {
      for (const path of [at('d'), at('l'), at('p'), at('s'), '/dev/null']) {
        expect(modeText(lstatSync(path).mode), path).toBe(ls(path)[0]?.slice(0, 10));
      }
    } finally {
      server.close();
    }
    expect(modeText(0o060644)).toBe('brw-r--r--');
    expect(modeText(0o644)).toBe('?rw-r--r--');
  });

  it('has owners, length, links and the time, of old files and of new ones', () => {
    const file = join(folder, 'f');
    writeFileSync(file, 'x'.repeat(12_345));
    linkSync(file, join(folder, 'second'));
    const now = Date.now() / 1000;
    const day = 86_400;
    for (const age of [0, 1, 100 * day, 170 * day, 200 * day, 4000 * day, -400 * day]) {
      utimesSync(file, now, now - age);
      expect(wordsOf(file), `${age} s`).toEqual(ls(file).slice(0, 8));
    }
  });

  it('of an entry without attributes is there too', () => {
    const line = Buffer.from(
      longName({ name: new Uint8Array(Buffer.from('a b')), attributes: {} as never }, 0),
    ).toString();
    expect(line.endsWith(' a b')).toBe(true);
    expect(line.split(/\s+/).slice(0, 5)).toEqual(['?---------', '1', '0', '0', '0']);
  });
});
