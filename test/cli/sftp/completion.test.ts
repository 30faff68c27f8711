/** What Tab completes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shown, toText } from '../../../src/cli/files/byteText.ts';
import {
  completeCommand,
  completeName,
  completionAt,
  folderOfWord,
} from '../../../src/cli/sftp/completion.ts';
import { literalOf, wordsOf } from '../../../src/cli/sftp/line/words.ts';

describe('what stands at the end of a line', () => {
  it.each([
    ['', 'command', ''],
    ['ge', 'command', 'ge'],
    ['get ', 'remote', ''],
    ['get a', 'remote', 'a'],
    ['get -r a', 'remote', 'a'],
    ['get a b', 'local', 'b'],
    ['get a ', 'local', ''],
    ['put a', 'local', 'a'],
    ['put a b/c', 'remote', 'b/c'],
    ['chmod 644 x', 'remote', 'x'],
    ['ls "a b', 'remote', 'a b'],
    ['ls a\\ b', 'remote', 'a b'],
    ['ls a\\ ', 'remote', 'a '],
  ])('%j is %s', (line, kind, word) => {
    expect(completionAt(line)).toMatchObject({ kind, word });
  });

  it.each(['pwd x', 'chmod 6', 'nonsense x'])('%j is nothing that can be completed', (line) => {
    expect(completionAt(line)).toBeUndefined();
  });
});

describe('a completion', () => {
  it('of a command is each that begins so', () => {
    expect(completeCommand('reg')).toEqual(['reget ']);
    expect(completeCommand('LM')).toEqual(['lmkdir ']);
  });

  it('of a name, once it is typed, is read as that name', () => {
    const name = fc
      .string({ unit: fc.constantFrom(...'ab "\'\\?*[#{}$;'), minLength: 1, maxLength: 8 })
      .filter((text) => !/^[.-]/.test(text));
    fc.assert(
      fc.property(name, fc.constantFrom('', '"', "'"), fc.boolean(), (given, quote, isFolder) => {
        // Between quotes a backslash cannot stand before the last quote.
        const file = quote === '' ? given : given.replaceAll('\\', '_');
        const place = completionAt(`ls ${quote}`);
        if (place === undefined) throw new Error('there is nothing to complete');
        const [typed = ''] = completeName(place, [{ name: file, isFolder }]);
        const parsed = wordsOf(`ls ${typed}`);
        if ('problem' in parsed) throw new Error(parsed.problem);
        const words = parsed.words.map(({ pattern }) => literalOf(pattern));
        expect(words).toEqual(['ls', isFolder ? `${file}/` : file]);
      }),
    );
  });

  it('never puts on a terminal what a name may do to it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (bytes) => {
        const name = String.fromCharCode(...bytes).replaceAll('/', '_');
        const place = completionAt('ls ');
        if (place === undefined) throw new Error('there is nothing to complete');
        const typed = completeName(place, [{ name, isFolder: false }]);
        const isSafe = shown(name) === toText(name) && !name.startsWith('.');
        expect(typed.length).toBe(isSafe ? 1 : 0);
      }),
    );
  });

  it('goes on in the folder that is typed already', () => {
    expect(folderOfWord('/a/b')).toEqual({ folder: '/a/', begun: 'b' });
    const place = completionAt('get /a/b');
    if (place === undefined) throw new Error('there is nothing to complete');
    expect(
      completeName(place, [
        { name: 'big', isFolder: false },
        { name: 'c', isFolder: false },
      ]),
    ).toEqual(['/a/big ']);
  });
});
