/** Lines of the sftp command: words, quotes, flags. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches, parsePattern } from '../../../src/cli/files/glob/pattern.ts';
import { parseLine } from '../../../src/cli/sftp/line/command.ts';
import {
  commandHelp,
  commandNamed,
  commandNames,
  commandTable,
} from '../../../src/cli/sftp/line/commandTable.ts';
import { literalOf, wordsOf } from '../../../src/cli/sftp/line/words.ts';

/** A name of any bytes but NUL and line ends, which no line can hold. */
const anyName = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 12 })
  .map((codes) => String.fromCharCode(...codes).replace(/[\n/]/g, '_'));

const patternsOf = (line: string): string[] => {
  const parsed = wordsOf(line);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.words.map(({ pattern }) => pattern);
};

describe('words', () => {
  it.each([
    ['a b\tc', ['a', 'b', 'c']],
    ['"a b" c', ['a b', 'c']],
    ["'a b'c", ['a bc']],
    ['a\\ b', ['a b']],
    ['a # comment', ['a']],
    ['"#"', ['#']],
    ['"a\\"b"', ['a"b']],
    ['a""', ['a']],
    ['""', ['']],
    ['', []],
    ['g-wild"*"', ['g-wild\\*']],
    ['g-wild\\*', ['g-wild\\*']],
    ['g-sl\\\\ash', ['g-sl\\\\ash']],
    ["'g-sl\\\\ash'", ['g-sl\\\\ash']],
    ['*', ['*']],
  ])('of %j', (line, expected) => {
    expect(patternsOf(line)).toEqual(expected);
  });

  it('any name can be typed with backslashes: as a path, and as a pattern of that name alone', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const [pattern = '', ...more] = patternsOf(name.replace(/[\s"'\\?*[#]/g, '\\$&'));
        expect(more).toEqual([]);
        expect(literalOf(pattern)).toBe(name);
        const [first] = parsePattern(pattern).names;
        expect(first !== undefined && matches(first.name, name)).toBe(true);
      }),
    );
  });

  it('any name without quotes and backslashes can stand between quotes', () => {
    fc.assert(
      fc.property(anyName, fc.constantFrom('"', "'"), (given, quote) => {
        const name = given.replace(/["'\\]/g, '_');
        const [pattern = ''] = patternsOf(`${quote}${name}${quote}`);
        expect(literalOf(pattern)).toBe(name);
        expect(parsePattern(pattern)).toMatchObject({ isMagic: false, literal: name });
      }),
    );
  });

  it('no line is taken that is longer than any name', () => {
    expect(wordsOf('a'.repeat(8192))).toHaveProperty('problem');
    expect(wordsOf('a '.repeat(129))).toHaveProperty('problem');
    expect(wordsOf('a '.repeat(128))).toMatchObject({ isOpen: false });
  });

  it('no line at all makes the reader throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 60 }), (line) => {
        expect(parseLine(line)).toHaveProperty('command.verb');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a line', () => {
  const command = (line: string): unknown => parseLine(line).command;

  it.each([
    [
      'get -afpR a b',
      { verb: 'get', source: 'a', target: 'b', resume: true, preserve: true, recursive: true, sync: true },
    ],
    ['reget a', { verb: 'get', source: 'a', resume: true, recursive: false }],
    ['mput *.c "x*"', { verb: 'put', source: '*.c', target: 'x*' }],
    ['GET -- -x', { verb: 'get', source: '-x' }],
    ['ls -lah x', { verb: 'ls', pattern: 'x', form: 'long', all: true, human: true, order: 'name' }],
    ['ls -l1', { verb: 'ls', form: 'lines' }],
    ['ls -1n', { verb: 'ls', form: 'long', numeric: true }],
    ['ls -Str', { verb: 'ls', order: 'time', reverse: true }],
    ['ls -f', { verb: 'ls', order: 'none', form: 'columns' }],
    ['rename -l a b', { verb: 'rename', from: 'a', to: 'b', plain: true }],
    ['ln -s a b', { verb: 'symlink', from: 'a', to: 'b' }],
    ['ln a b', { verb: 'link' }],
    ['copy a b', { verb: 'cp' }],
    ['chmod -h 4755 x', { verb: 'chmod', value: 0o4755, pattern: 'x', ofLink: true }],
    ['chown 1000 x', { verb: 'chown', value: 1000, ofLink: false }],
    ['df -hi', { verb: 'df', human: true, inodes: true, path: undefined }],
    ['lumask 27', { verb: 'lumask', value: 0o27 }],
    ['cd', { verb: 'cd', path: undefined }],
    ['!ls | wc "', { verb: 'shell', rest: 'ls | wc "' }],
    ['!', { verb: 'shell', rest: '' }],
    ['lls -l  "a b"', { verb: 'lls', rest: '-l  "a b"' }],
    ['?', { verb: 'help' }],
    ['bye', { verb: 'quit' }],
    ['  # nothing', { verb: 'nothing' }],
    ['', { verb: 'nothing' }],
  ])('%j', (line, expected) => {
    expect(command(line)).toMatchObject(expected);
  });

  it.each([
    'nonsense',
    'get',
    'rename a',
    'ls -x',
    'mkdir',
    'chmod 999 x',
    'chmod 10000 x',
    'lumask 10000',
    'chown 4294967296 x',
    'chmod x',
    'chmod 644',
    'chown ops x',
    'chmod -1 x',
    'chown 4294967296 x',
    'get "x',
    'ln -x a b',
  ])('%j is refused', (line) => {
    expect(command(line)).toMatchObject({ verb: 'invalid' });
  });

  it.each([
    ['-rm x', true, false],
    ['@rm x', false, true],
    ['-@rm x', true, true],
    ['  @-  rm x', true, true],
    ['rm -x', false, false],
  ])('%j: may fail %s, is not printed %s', (line, ignoresFailure, isQuiet) => {
    expect(parseLine(line)).toMatchObject({ ignoresFailure, isQuiet });
  });
});

describe('the table of commands', () => {
  it('has every name once, and finds it in any case', () => {
    const names = commandNames();
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(commandNamed(name.toUpperCase())).toBe(commandNamed(name));
  });

  it('is what help prints', () => {
    const help = commandHelp();
    for (const { name, summary } of commandTable) {
      expect(help).toContain(name);
      expect(help).toContain(summary);
    }
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});
