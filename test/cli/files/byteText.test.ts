/** Names as bytes, and what a terminal is shown of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  absolute,
  fromBytes,
  fromText,
  joined,
  lastName,
  nameInFolder,
  shown,
  toBytes,
  toLocalPath,
  toText,
} from '../../../src/cli/files/byteText.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('a name', () => {
  it('comes through as the bytes that it is', () => {
    fc.assert(
      fc.property(bytes, (name) => {
        expect(toBytes(fromBytes(name))).toEqual(name);
      }),
    );
  });

  it('is the same text again where it is text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(toText(fromText(text))).toBe(text);
        expect(toLocalPath(fromText(text))).toBe(text);
      }),
    );
  });

  it('that is no UTF-8 is given to the system as bytes', () => {
    expect(toLocalPath('a\xff')).toEqual(Uint8Array.of(0x61, 0xff));
  });

  it('shows no control character, whatever it holds', () => {
    fc.assert(
      fc.property(bytes, (name) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
        expect(shown(fromBytes(name))).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
      }),
    );
  });

  it.each([
    ['a\\b', 'a\\b'],
    ['\x1b[31m', '\\x1b[31m'],
    ['a\nb', 'a\\x0ab'],
    ['a\xff', 'a\\xff'],
    [fromText('grüße'), 'grüße'],
    [fromText('\u202egpj'), '\\u202egpj'],
  ])('%j is shown as %s', (name, expected) => {
    expect(shown(name)).toBe(expected);
  });
});

describe('a path', () => {
  it.each([
    ['/a/b', 'b'],
    ['/a/b/', 'b'],
    ['b', 'b'],
    ['/', '/'],
    ['', '.'],
    ['a/..', '..'],
  ])('%j ends in %j', (path, name) => {
    expect(lastName(path)).toBe(name);
  });

  it('of the folder above, or of the root, has no name of its own in a folder', () => {
    expect(['..', 'a/..', '/'].map(nameInFolder)).toEqual(['.', '.', '.']);
  });

  it('is joined with one slash, and is itself where it is absolute', () => {
    expect([joined('a', 'b'), joined('a/', 'b'), joined('', 'b')]).toEqual(['a/b', 'a/b', 'b']);
    expect([absolute('x', '/home'), absolute('/x', '/home')]).toEqual(['/home/x', '/x']);
  });
});
