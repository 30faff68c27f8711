import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  copyOf,
  equalBytes,
  escapeBytes,
  escapeLines,
  escapeText,
  fromHex,
  toHex,
  utf8Decode,
  utf8Encode,
} from '../../src/base/bytes.ts';

describe('bytes', () => {
  it('a copy of a Buffer shares no memory with it', () => {
    const buffer = Buffer.from([1, 2, 3]);
    const copy = copyOf(buffer);
    buffer[0] = 9;
    expect([...copy]).toEqual([1, 2, 3]);
    expect(Buffer.isBuffer(copy)).toBe(false);
  });

  it('hex and back is the identity', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
      }),
    );
    expect(() => fromHex('abc')).toThrow(SyntaxError);
    expect(() => fromHex('zz')).toThrow(SyntaxError);
  });

  it('equality is that of the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, copyOf(a))).toBe(true);
        expect(concatBytes(a, b)).toEqual(Uint8Array.from([...a, ...b]));
      }),
    );
  });

  it('UTF-8 is what TextEncoder and TextDecoder say it is', () => {
    const encoder = new TextEncoder();
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Encode(text)).toEqual(encoder.encode(text));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        expect(utf8Decode(bytes)).toBe(decoder.decode(bytes));
        const strict = utf8Decode(bytes, true);
        if (strict === undefined) expect(decoder.decode(bytes)).toContain('\ufffd');
        else expect(utf8Encode(strict)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a text of the peer made safe', () => {
  it('holds no character that moves a terminal or reorders a line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const safe = escapeText(text);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
        expect(safe).not.toMatch(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]/);
      }),
    );
  });

  it('is bounded and marked where it was cut', () => {
    expect(escapeText('x'.repeat(5000)).length).toBeLessThanOrEqual(1025);
    expect(escapeText('x'.repeat(5000)).endsWith('…')).toBe(true);
    expect(escapeBytes(new Uint8Array(1000)).length).toBeLessThan(300);
  });

  it('keeps line ends and tabs where a block of text is shown, and nothing else', () => {
    expect(escapeLines('a\tb\r\nc\x1b[0m')).toBe('a\tb\nc\\x1b[0m');
    expect(escapeText('a\\b')).toBe('a\\\\b');
  });
});
