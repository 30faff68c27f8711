import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asciiLowerCase,
  concatBytes,
  copyOf,
  equalBytes,
  escapeBytes,
  escapeLines,
  escapeText,
  fromHex,
  latin1Decode,
  latin1Encode,
  quotedText,
  toHex,
  utf8Decode,
  utf8Encode,
  wipe,
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

/** The borders of all ranges of bytes that the table of RFC 3629 §4 has, and what lies next to them. */
const borders = [
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
  0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

describe('at every border, bytes and texts', () => {
  it('are UTF-8 as the platform writes it: every code unit, and every pair of borders', () => {
    const encoder = new TextEncoder();
    const units = Array.from({ length: 0x1_0000 }, (_, unit) => String.fromCharCode(unit));
    for (const text of units) if (!equalBytes(utf8Encode(text), encoder.encode(text))) expect(text).toBe('');
    const ends = ['', 'a', '\ud7ff', '\ud800', '\udbff', '\udc00', '\udfff', '\ue000'];
    for (const one of ends) {
      for (const two of ends) {
        for (const three of ends) {
          const text = `${one}${two}${three}`;
          expect(utf8Encode(text)).toEqual(encoder.encode(text));
        }
      }
    }
  });

  it('are read as the platform reads them, strictly or not', () => {
    const loose = new TextDecoder('utf-8', { ignoreBOM: true });
    const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
    const reads = (bytes: Uint8Array): void => {
      let wanted: string | undefined;
      try {
        wanted = strict.decode(bytes);
      } catch {
        // It is malformed.
      }
      if (utf8Decode(bytes) === loose.decode(bytes) && utf8Decode(bytes, true) === wanted) return;
      expect([[...bytes], utf8Decode(bytes), utf8Decode(bytes, true)]).toEqual([
        [...bytes],
        loose.decode(bytes),
        wanted,
      ]);
    };
    for (let two = 0; two < 0x1_0000; two++) reads(Uint8Array.of(two >> 8, two & 0xff));
    const rest = [0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xe0];
    for (const lead of borders)
      for (const second of borders)
        for (const third of rest) {
          reads(Uint8Array.of(lead, second, third));
          for (const fourth of rest) reads(Uint8Array.of(lead, second, third, fourth, 0x41));
        }
  });

  it('are hex, digit by digit, in capitals and with spaces between', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(toHex(all)).toBe(Buffer.from(all).toString('hex'));
    expect(fromHex(toHex(all).toUpperCase())).toEqual(all);
    expect(fromHex(' 00\tff\n7f ')).toEqual(Uint8Array.of(0, 255, 127));
    for (const text of ['0', '0g', 'g0', '0x00', '/0', ':0', '@0', '`0', '000'])
      expect(() => fromHex(text), text).toThrow(SyntaxError);
  });

  it('are Latin-1, a character a byte, on either side of the border of a piece', () => {
    for (const length of [0, 1, 255, 4095, 4096, 4097, 8192, 8193]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);
      expect(latin1Decode(bytes)).toBe(Buffer.from(bytes).toString('latin1'));
      expect(latin1Encode(latin1Decode(bytes))).toEqual(bytes);
    }
  });

  it('have capitals made small in ASCII alone', () => {
    const all = Array.from({ length: 0x300 }, (_, unit) => String.fromCharCode(unit)).join('');
    const wanted = all.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0x20));
    expect(asciiLowerCase(all)).toBe(wanted);
  });

  it('are wiped, all of them', () => {
    const [one, two] = [Uint8Array.of(1, 2), Uint8Array.of(3)];
    wipe(one, two);
    expect([...one, ...two]).toEqual([0, 0, 0]);
  });
});

describe('a text of the peer made safe', () => {
  it('shows each character that cannot be seen by its number, and leaves every other one', () => {
    // Format characters that reorder or hide, and half a pair: \\p{Cf} has these and others that do neither.
    const hidden = /^[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]$/;
    for (let unit = 0; unit < 0x1_0000; unit++) {
      const text = String.fromCharCode(unit);
      const [two, four] = [2, 4].map((digits) => unit.toString(16).padStart(digits, '0'));
      const isControl = unit < 0x20 || (unit >= 0x7f && unit <= 0x9f);
      let wanted = text;
      if (text === '\\') wanted = '\\\\';
      else if (isControl) wanted = `\\x${two}`;
      else if (hidden.test(text)) wanted = `\\u${four}`;
      if (escapeText(text) !== wanted) expect([unit, escapeText(text)]).toEqual([unit, wanted]);
    }
    for (const point of [0x1_0000, 0x1_f600, 0x10_ffff])
      expect(escapeText(`${String.fromCodePoint(point)}a`)).toBe(`${String.fromCodePoint(point)}a`);
  });

  it('is cut behind as many characters as were asked for, and no earlier', () => {
    for (const fill of ['x', 'é']) {
      expect(escapeText(fill.repeat(1024))).toBe(fill.repeat(1024));
      expect(escapeText(fill.repeat(1025))).toBe(`${fill.repeat(1024)}…`);
      expect(escapeText(fill.repeat(5), 5)).toBe(fill.repeat(5));
      expect(escapeText(fill.repeat(6), 5)).toBe(`${fill.repeat(5)}…`);
      expect(quotedText(fill.repeat(201))).toBe(`"${fill.repeat(200)}…"`);
    }
    expect(escapeText('\x1b\x1b', 4)).toBe('\\x1b…');
    expect(escapeText('\x1b\x1b', 5)).toBe('\\x1b\\x1b');
    const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x1b);
    expect(escapeBytes(bytes(64))).toBe('\\x1b'.repeat(64));
    expect(escapeBytes(bytes(65))).toBe(`${'\\x1b'.repeat(64)}…`);
    expect(escapeBytes(Uint8Array.of(0x61, 0x62, 0x63), 2)).toBe('ab…');
    expect(escapeBytes(Uint8Array.of(0x61, 0x62), 2)).toBe('ab');
  });

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
