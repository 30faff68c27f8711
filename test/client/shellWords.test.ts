/** Words for a POSIX shell: real shells give back what went in. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, commandLine, shellQuote } from '../../src/client/command/shellWords.ts';

const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/bin/zsh', '/bin/ksh'].filter((path) =>
  existsSync(path),
);

/** Everything but NUL, and often what shells treat as special. */
const word: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...`'"\\\`$!*?[]{}()<>|&;#~=%^ \t\n\r-+@:,./aé☃𝄞`), maxLength: 20 }),
    fc.constantFrom(
      '',
      '-',
      '--',
      '-n',
      '~',
      '~root',
      '.',
      '..',
      '*',
      '$HOME',
      '#',
      '!',
      'a=b',
      '=ls',
      '\\',
      "'",
    ),
  )
  .map((text) => text.replaceAll('\0', ''));

/** A program that prints its arguments, each with a NUL behind it. */
const printer = ['/bin/sh', '-c', 'for word do printf "%s\\0" "$word"; done', 'sh'];

function given(shell: string, command: Command): Buffer {
  return execFileSync(shell, ['-c', commandLine(command)]);
}

const programs = mkdtempSync(join(tmpdir(), 'programs-'));
afterAll(() => rmSync(programs, { recursive: true, force: true }));

describe.each(shells)('%s', (shell) => {
  it('gives the arguments of a command back as they were', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
        const expected = Buffer.concat(words.map((text) => Buffer.from(`${text}\0`)));
        expect(given(shell, [...printer, ...words]).equals(expected)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('gives a quoted word back wherever it stands in a line', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const line = `x=${shellQuote(a)}; printf '%s\\0%s\\0' "$x" ${shellQuote(b)}`;
        expect(given(shell, line).equals(Buffer.from(`${a}\0${b}\0`))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('takes each first word for the name of a program, reserved ones and assignments too', () => {
    const names = ['a=b', '~', 'two words', '-x', '#', '!', '{', '[[', 'and', 'foreach', 'repeat', 'select'];
    for (const name of [...names, ...reservedWords()]) {
      const path = join(programs, name);
      if (!existsSync(path)) writeFileSync(path, teller, { mode: 0o755 });
      const line = commandLine([name, 'x']);
      const output = execFileSync(shell, ['-c', line], {
        env: { PATH: programs, SHLVL: '1' },
        encoding: 'utf8',
      });
      expect(output).toBe(`${name} x `);
    }
  });
});

/** A program that prints its own name and its arguments. */
const teller = `#!/bin/sh\nprintf '%s ' "$\{0##*/}" "$@"`;

/** Those that bash knows. */
function reservedWords(): string[] {
  return (
    spawnSync('/bin/bash', ['-c', 'compgen -k'], { encoding: 'utf8' }).stdout?.split('\n').filter(Boolean) ??
    []
  );
}

describe('the folder of a command', () => {
  let root = '';
  let elsewhere = '';
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'words-')));
    elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'elsewhere-')));
  });
  afterAll(() => {
    for (const path of [root, elsewhere]) rmSync(path, { recursive: true, force: true });
  });

  const folderName = word.filter(
    (name) =>
      !['', '.', '..'].includes(name) &&
      !name.includes('/') &&
      !/\p{Surrogate}/u.test(name) &&
      name.length < 60,
  );

  it.each(shells)('is entered by %s whatever its name is, and no other of that name', (shell) => {
    fc.assert(
      fc.property(folderName, fc.boolean(), (name, absolute) => {
        for (const place of [root, elsewhere]) mkdirSync(join(place, name), { recursive: true });
        const line = commandLine('printf %s "$(pwd -P; printf x)"', absolute ? join(root, name) : name);
        const options = {
          cwd: root,
          env: { SHLVL: '1', CDPATH: elsewhere, OLDPWD: elsewhere, HOME: elsewhere },
        };
        const output = execFileSync(shell, ['-c', line], options);
        expect(output.toString()).toBe(`${join(root, name)}\nx`);
      }),
      { numRuns: 25 },
    );
  });

  it.each(shells)('that cannot be entered keeps %s from running any of the command', (shell) => {
    for (const command of [
      'echo a || echo b; echo c',
      'echo a & echo b',
      '# nothing\necho c',
      ['echo', 'a'],
    ]) {
      const { status, stdout } = spawnSync(shell, ['-c', commandLine(command, '/no/such')], {
        encoding: 'utf8',
      });
      expect([command, stdout, status !== 0]).toEqual([command, '', true]);
    }
  });

  it('holds for all of a command, whatever it is made of', () => {
    for (const command of ['false || pwd', 'true; pwd', 'pwd # there', 'cat <<end\n$(pwd)\nend']) {
      expect(execFileSync('/bin/sh', ['-c', commandLine(command, root)], { encoding: 'utf8' })).toBe(
        `${root}\n`,
      );
    }
  });
});

describe('a command', () => {
  it('of plain words stays as it is, for servers whose shell knows no quotes of this kind', () => {
    expect(commandLine(['tar', '-x', '-C', '/srv/app', '--mode=u+rw,go=', 'a.tar'])).toBe(
      'tar -x -C /srv/app --mode=u+rw,go= a.tar',
    );
    expect(commandLine(['tar', '-x', "it's", 'a\\b', ''])).toBe(String.raw`tar -x 'it'\''s' 'a'\\'b' ''`);
    expect(commandLine('ls | wc -l')).toBe('ls | wc -l');
  });

  it.each<[unknown, RegExp]>([
    [7, /must be a string, or an array of a program and its arguments, not 7$/],
    [undefined, /not undefined$/],
    [null, /not null$/],
    [{ command: 'ls' }, /not an object$/],
    [Promise.resolve('ls'), /not a promise \(await it first\)$/],
    [[], /first word must be the name of a program$/],
    [['', 'x'], /first word must be the name of a program$/],
    [[7], /program of the command must be a string, not 7$/],
    [['ls', undefined], /argument 1 of the command must be a string, not undefined$/],
    [['ls', '-l', 5], /argument 2 of the command must be a string, not 5$/],
    ['a\0b', /the command has a NUL character in it/],
    [['ls', 'a\0b'], /argument 1 of the command has a NUL character in it/],
  ])('%j is refused', (command, message) => {
    expect(() => commandLine(command as Command)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  it('is refused without a word of it: there may be secrets in it', () => {
    expect(() => commandLine(['login', 'hunter2\0'])).toThrow(
      expect.objectContaining({
        code: 'ERR_SSH_OPTIONS',
        message: expect.not.stringContaining('hunter2'),
        stack: expect.not.stringContaining('hunter2'),
      }),
    );
  });
});
