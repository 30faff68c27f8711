/** Texts of a peer take the memory of their characters, however they are made. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, latin1Decode, toHex, utf8Decode } from '../../src/base/bytes.ts';
import { FlatText } from '../../src/base/flatText.ts';
import { base64Decode, base64Encode, base64Lines } from '../../src/keys/pem/base64.ts';
import { memoryInUse } from '../support/heap.ts';

/** What anybody can send as a name: the first byte beyond ASCII, and then letters. */
const text = `é${'a'.repeat(255_000)}`;
const name = Buffer.from(text);

/** Bytes held for each character of texts that somebody keeps. */
function heldBy(make: (index: number) => string, count: number): number {
  make(0);
  const before = memoryInUse();
  const kept = Array.from({ length: count }, (_, index) => make(index + 1));
  const held = memoryInUse() - before;
  return held / kept.reduce((sum, each) => sum + each.length, 0);
}

describe('a text that is kept holds about what its characters take', () => {
  it.each<readonly [string, () => string]>([
    ['decoded as UTF-8, in one byte a character', () => utf8Decode(name)],
    ['decoded as UTF-8, strictly', () => utf8Decode(name, true) ?? ''],
    ['decoded as UTF-8, all of it malformed', () => utf8Decode(new Uint8Array(100_000).fill(0xff))],
    ['decoded as UTF-8, all of it pairs', () => utf8Decode(Buffer.from('😀'.repeat(40_000)))],
    ['decoded as Latin-1', () => latin1Decode(new Uint8Array(200_000).fill(0xe9))],
    ['escaped', () => escapeText(`\x1b${'ä'.repeat(100_000)}`, Number.POSITIVE_INFINITY)],
    ['escaped, all of it', () => escapeText('\x1b'.repeat(50_000), Number.POSITIVE_INFINITY)],
    ['written as hex', () => toHex(name)],
    ['written as base64', () => base64Encode(name)],
    ['written as lines of base64', () => base64Lines(name, 64)],
  ])('%s', (_how, make) => {
    expect(heldBy(make, 40)).toBeLessThan(2.6);
  });
});

describe('a text made by the character', () => {
  const borders = fc.constantFrom(0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 8193);
  const filler = fc.constantFrom('a', 'é', '\u0800', '😀');

  it('is what its characters are, on either side of the border of a piece', () => {
    fc.assert(
      fc.property(borders, filler, fc.string({ unit: 'binary', maxLength: 12 }), (length, fill, rest) => {
        const whole = fill.repeat(length) + rest;
        const made = new FlatText();
        for (const character of whole) made.codePoint(character.codePointAt(0) as number);
        expect(made.length).toBe(whole.length);
        expect(made.finish()).toBe(whole);
        expect(utf8Decode(Buffer.from(whole))).toBe(whole);
        expect(utf8Decode(Buffer.from(whole), true)).toBe(whole);
      }),
    );
  });

  it('is what the platform decodes, malformed bytes at the border included', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    fc.assert(
      fc.property(borders, fc.uint8Array({ maxLength: 12 }), (length, rest) => {
        const bytes = Buffer.concat([Buffer.from('é'), Buffer.alloc(length, 'a'), rest]);
        expect(utf8Decode(bytes)).toBe(decoder.decode(bytes));
      }),
    );
  });

  it('is empty where nothing was added', () => {
    expect(new FlatText().finish()).toBe('');
    expect(utf8Decode(new Uint8Array(0))).toBe('');
    expect(escapeText('')).toBe('');
  });

  it('reads back as the bytes it was written for, in base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), (bytes) => {
        expect(base64Encode(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(base64Decode(base64Lines(bytes, 64).replaceAll('\n', ''))).toEqual(bytes);
      }),
    );
  });
});

describe('a text that is escaped', () => {
  it('has what each character of it becomes, one after the other, up to where it is cut', () => {
    const characters = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(characters, fc.integer({ min: 1, max: 40 }), (given, maximum) => {
        let out = '';
        let isCut = false;
        for (const character of given) {
          isCut = out.length >= maximum;
          if (isCut) break;
          out += escapeText(character);
        }
        expect(escapeText(given, maximum)).toBe(isCut ? `${out}…` : out);
      }),
    );
  });
});
