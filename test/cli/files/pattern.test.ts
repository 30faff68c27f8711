/** Patterns of names: what matches, and what a pattern is where nothing does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expand, type FileTree } from '../../../src/cli/files/glob/expand.ts';
import { escapePattern, expandBraces, matches, parsePattern } from '../../../src/cli/files/glob/pattern.ts';

/** A name of a folder, of any bytes. */
const anyName = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 12 })
  .map((bytes) => String.fromCharCode(...bytes).replaceAll('/', '_'));
/** Letters and what a pattern is made of. */
const patternText = fc.string({ unit: fc.constantFrom(...'ab.*?[]!-'), minLength: 1, maxLength: 8 });
const shortName = fc.string({ unit: fc.constantFrom(...'ab.-]['), minLength: 1, maxLength: 6 });

const isMatch = (pattern: string, name: string): boolean => {
  const [first] = parsePattern(pattern).names;
  if (first === undefined) throw new Error('there is no name in the pattern');
  return matches(first.name, name);
};

/** The meaning of a pattern, said a second time: by trying every length for each star. */
function plainly(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  const from = (p: number, n: number): boolean => {
    if (p === pattern.length) return n === name.length;
    const character = pattern[p] as string;
    if (character === '*') {
      for (let end = n; end <= name.length; end++) if (from(p + 1, end)) return true;
      return false;
    }
    if (n === name.length) return false;
    const close = character === '[' ? pattern.indexOf(']', p + (pattern[p + 1] === '!' ? 3 : 2)) : -1;
    if (close >= 0) {
      const isNegated = pattern[p + 1] === '!';
      const members = pattern.slice(p + (isNegated ? 2 : 1), close);
      let isIn = false;
      for (let at = 0; at < members.length; at++) {
        const isRange = members[at + 1] === '-' && at + 2 < members.length;
        const [low, high] = isRange ? [members[at], members[at + 2]] : [members[at], members[at]];
        if ((low as string) <= (name[n] as string) && (name[n] as string) <= (high as string)) isIn = true;
        if (isRange) at += 2;
      }
      return isIn !== isNegated && from(close + 1, n + 1);
    }
    return (character === '?' || character === name[n]) && from(p + 1, n + 1);
  };
  return from(0, 0);
}

describe('a pattern', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*', '.hidden', false],
    ['.*', '.hidden', true],
    ['?', '\xff', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[]]', ']', true],
    ['[[:digit:]]', '7', true],
    ['[[:digit:]]', 'x', false],
    ['[', '[', true],
    ['a[', 'a[', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'aXbY', false],
  ])('%j: %j %s', (pattern, name, expected) => {
    expect(isMatch(pattern, name)).toBe(expected);
  });

  it.each([
    ['alnum', /[0-9A-Za-z]/],
    ['alpha', /[A-Za-z]/],
    ['blank', /[\t ]/],
    ['cntrl', /\p{Cc}/u],
    ['digit', /[0-9]/],
    ['graph', /[!-~]/],
    ['lower', /[a-z]/],
    ['print', /[ -~]/],
    ['punct', /[!-/:-@[-`{-~]/],
    ['space', /[\t-\r ]/],
    ['upper', /[A-Z]/],
    ['xdigit', /[0-9A-Fa-f]/],
  ])('has the class %s, of ASCII alone', (name, members) => {
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      // A dot at the beginning and a slash are no characters for a set.
      if (character === '/' || character === '.') continue;
      const isIn = code < 0x80 && members.test(character);
      expect([code, isMatch(`[[:${name}:]]`, character)]).toEqual([code, isIn]);
      expect([code, isMatch(`[![:${name}:]]`, character)]).toEqual([code, !isIn]);
      expect([code, isMatch(`[_[:${name}:]x-y]`, character)]).toEqual([
        code,
        isIn || '_xy'.includes(character),
      ]);
    }
  });

  it.each([
    ['[[:nope:]', ':', true],
    ['[a', '[a', true],
    ['[a-', '[a-', true],
    ['[a-]', '-', true],
    ['[\\]]', ']', true],
    ['[a\\-c]', 'b', false],
    ['[!]]', 'a', true],
    ['[!', '[!', true],
    ['a\\', 'a\\', true],
    ['**', 'ab', true],
    ['[b-a]', 'a', false],
  ])('%j: %j %s, also at its edges', (pattern, name, expected) => {
    expect(isMatch(pattern, name)).toBe(expected);
  });

  it('means the same when it is read plainly', () => {
    fc.assert(
      fc.property(patternText, shortName, (pattern, name) => {
        expect(isMatch(pattern, name)).toBe(plainly(pattern, name));
      }),
      { numRuns: 2000 },
    );
  });

  it('that is escaped matches its own name, and is that name where nothing matches', () => {
    fc.assert(
      fc.property(anyName, anyName, (name, other) => {
        const pattern = escapePattern(name);
        expect(isMatch(pattern, name)).toBe(true);
        expect(isMatch(pattern, other)).toBe(name === other);
        expect(parsePattern(pattern)).toMatchObject({ literal: name, isMagic: false });
        expect(expandBraces(pattern)).toEqual([pattern]);
      }),
    );
  });

  it('of many stars is done with at once', () => {
    const name = 'a'.repeat(5_000);
    expect(isMatch(`${'*a'.repeat(200)}b`, name)).toBe(false);
  });
});

describe('braces', () => {
  it.each([
    ['{a,b}c', ['ac', 'bc']],
    ['x{a,{b,c}}', ['xa', 'xb', 'xc']],
    ['{}', ['{}']],
    ['{a', ['{a']],
    ['a}', ['a}']],
    ['\\{a,b}', ['\\{a,b}']],
    ['[{,]{a,b}', ['[{,]a', '[{,]b']],
    ['{,x}y', ['y', 'xy']],
  ])('%j', (pattern, expected) => {
    expect(expandBraces(pattern)).toEqual(expected);
  });

  it('that stand for more than can be meant are refused', () => {
    expect(expandBraces('{a,b}'.repeat(40))).toBeUndefined();
  });
});

describe('an expansion', () => {
  /** A file system in memory: folders end in a slash. */
  const treeOf = (paths: readonly string[]): FileTree<string> => {
    const folders = new Set([
      '/',
      ...paths.filter((path) => path.endsWith('/')).map((path) => path.slice(0, -1)),
    ]);
    const files = new Set(paths.filter((path) => !path.endsWith('/')));
    const at = (path: string): string | undefined => {
      const plain = path === '/' ? path : path.replace(/\/+$/, '');
      if (folders.has(plain)) return 'folder';
      return files.has(plain) && plain === path ? 'other' : undefined;
    };
    return {
      list: async (folder) => {
        const prefix = folder.endsWith('/') ? folder : `${folder}/`;
        return [...folders, ...files]
          .filter(
            (path) => path.startsWith(prefix) && path !== prefix && !path.slice(prefix.length).includes('/'),
          )
          .map((path) => ({ name: path.slice(prefix.length), file: undefined }));
      },
      lstat: async (path) => at(path),
      stat: async (path) => at(path),
      kindOf: (file) => (file === 'folder' ? 'folder' : 'other'),
    };
  };
  const tree = treeOf(['/a/', '/a/x', '/a/y', '/b/', '/b/x', '/c', '/a/.h', '/a*']);

  it.each([
    ['/*', ['/a*', '/a/', '/b/', '/c']],
    ['/*/x', ['/a/x', '/b/x']],
    ['/[ab]/[xy]', ['/a/x', '/a/y', '/b/x']],
    ['/a\\*', ['/a*']],
    ['/a/.*', ['/a/.h']],
    ['/a', ['/a/']],
    ['/a/', ['/a/']],
    ['/c/', []],
    ['/nope', []],
    ['/nope/*', []],
    ['/', ['/']],
  ])('of %j', async (pattern, expected) => {
    expect((await expand(tree, pattern)).map(({ path }) => path)).toEqual(expected);
  });
});
