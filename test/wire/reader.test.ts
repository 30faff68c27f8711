/** RFC 4251 §5: what a reader takes and what it refuses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { ascii, hexBytes, lengthAnd } from '../message/support.ts';

const read = (...hex: readonly string[]): WireReader => new WireReader(hexBytes(...hex));
const refusal = (pattern: RegExp): unknown =>
  expect.objectContaining({ code: 'ERR_SSH_DECODE', message: expect.stringMatching(pattern) });

describe('numbers', () => {
  it('are big-endian and unsigned', () => {
    expect(read('29b7f4aa').uint32()).toBe(699921578);
    expect(read('ffffffff').uint32()).toBe(0xffffffff);
    expect(read('80000000').uint32()).toBe(0x80000000);
    expect(read('ffffffffffffffff').uint64()).toBe(0xffffffffffffffffn);
    expect(read('0000000100000002').uint64()).toBe(0x1_0000_0002n);
    expect(read('ff').byte()).toBe(255);
  });

  it('equal those of DataView, wherever they lie', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 24 }), fc.nat({ max: 16 }), (bytes, at) => {
        const offset = Math.min(at, bytes.length - 8);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(new WireReader(bytes, offset).uint32()).toBe(view.getUint32(offset));
        expect(new WireReader(bytes, offset).uint64()).toBe(view.getBigUint64(offset));
      }),
    );
  });

  it('any boolean but 0 is true', () => {
    expect(read('00').boolean()).toBe(false);
    for (let byte = 1; byte < 256; byte++) expect(new WireReader(Uint8Array.of(byte)).boolean()).toBe(true);
  });
});

describe('mpint', () => {
  it('is the magnitude of the examples in RFC 4251 §5', () => {
    expect(read('00000000').copyMpint()).toEqual(hexBytes(''));
    expect(read('00000008 09a378f9b2e332a7').copyMpint()).toEqual(hexBytes('09a378f9b2e332a7'));
    expect(read('00000002 0080').copyMpint()).toEqual(hexBytes('80'));
  });

  it('is refused when negative, as the examples -1234 and -deadbeef of the RFC are', () => {
    expect(() => read('00000002 edcc').copyMpint()).toThrow(refusal(/negative/));
    expect(() => read('00000005 ff21524111').copyMpint()).toThrow(refusal(/negative/));
  });

  it('is refused with bytes that say nothing', () => {
    expect(() => read('00000001 00').copyMpint()).toThrow(refusal(/superfluous/));
    expect(() => read('00000002 007f').copyMpint()).toThrow(refusal(/superfluous/));
    expect(() => read('00000003 000080').copyMpint()).toThrow(refusal(/superfluous/));
  });
});

describe('strings', () => {
  it('view into the bytes or copy them, as the name says', () => {
    const bytes = hexBytes('00000002 6869', '00000002 6869');
    const reader = new WireReader(bytes);
    const view = reader.viewString();
    const copy = reader.copyString();
    bytes.fill(0);
    expect(view).toEqual(hexBytes('0000'));
    expect(copy).toEqual(hexBytes('6869'));
  });

  it('are refused when longer than what is there, before anything is allocated', () => {
    expect(() => read('ffffffff 00').copyString()).toThrow(refusal(/4294967295 bytes where 1 remain/));
    expect(() => read('00000002 00').viewString()).toThrow(refusal(/2 bytes where 1 remain/));
    expect(() => read('000000').viewString()).toThrow(refusal(/uint32 expected, 3 bytes remain/));
  });

  it('of text become what TextDecoder makes of them, whatever the bytes', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const nearText = fc
      .tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.nat(), fc.nat({ max: 255 }))
      .map(([text, where, byte]) => {
        const bytes = new TextEncoder().encode(text);
        if (bytes.length > 0) bytes[where % bytes.length] = byte;
        return bytes;
      });
    const leads = fc
      .array(
        fc.constantFrom(
          0x41,
          0x80,
          0xbf,
          0xc0,
          0xc2,
          0xdf,
          0xe0,
          0xa0,
          0xed,
          0x9f,
          0xef,
          0xf0,
          0x90,
          0xf4,
          0x8f,
          0xff,
        ),
        { maxLength: 8 },
      )
      .map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(fc.oneof(nearText, leads, fc.uint8Array({ maxLength: 16 })), (bytes) => {
        const encoded = new Uint8Array(4 + bytes.length);
        new DataView(encoded.buffer).setUint32(0, bytes.length);
        encoded.set(bytes, 4);
        expect(new WireReader(encoded).text()).toBe(decoder.decode(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('names (RFC 4251 §6)', () => {
  it('are printable US-ASCII of 1 to 64 characters', () => {
    expect(read(lengthAnd('x'.repeat(64))).name()).toBe('x'.repeat(64));
    expect(read(lengthAnd('!~@openssh.com')).name()).toBe('!~@openssh.com');
    expect(() => read(lengthAnd('x'.repeat(65))).name()).toThrow(refusal(/65 characters; 64/));
    expect(() => read('00000000').name()).toThrow(refusal(/empty name/));
    for (const wrong of ['a b', 'a,b', 'a\n', '\u007f', '\u0000']) {
      expect(() => read(lengthAnd(wrong)).name()).toThrow(refusal(/cannot hold/));
    }
    expect(() => read('00000001 e9').name()).toThrow(refusal(/cannot hold/));
  });
});

describe('name-lists (RFC 4251 §5)', () => {
  it('are the examples of the RFC', () => {
    expect(read('00000000').nameList()).toEqual([]);
    expect(read('00000004 7a6c6962').nameList()).toEqual(['zlib']);
    expect(read('00000009 7a6c69622c6e6f6e65').nameList()).toEqual(['zlib', 'none']);
  });

  it('hold no empty name', () => {
    for (const wrong of [',', 'a,', ',a', 'a,,b']) {
      expect(() => read(lengthAnd(wrong)).nameList()).toThrow(refusal(/empty name/));
    }
  });

  it('hold no character that a name cannot have, wherever in them', () => {
    for (const wrong of ['\u0000', '\n', ' ', '\u007f', '\u00e9']) {
      for (const list of [`${wrong}`, `a${wrong}`, `${wrong}a`, `ab,c${wrong}d,e`, `ab,${wrong}`]) {
        const bytes = Uint8Array.from([0, 0, 0, list.length, ...Buffer.from(list, 'latin1')]);
        expect(() => new WireReader(bytes).nameList(), JSON.stringify(list)).toThrow(refusal(/cannot hold/));
      }
    }
  });

  it('are what was written, whatever names were read before', () => {
    // Names are told apart by a number of 24 bits at first; that of the first one here is 0.
    expect(read(lengthAnd('6kyfbaa,a')).nameList()).toEqual(['6kyfbaa', 'a']);
    const name = fc.string({
      unit: fc.constantFrom('a', 'b', '@', '-', '~', '!'),
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(fc.array(name, { maxLength: 12 }), { maxLength: 20 }), (lists) => {
        for (const list of lists) expect(read(lengthAnd(list.join(','))).nameList()).toEqual(list);
      }),
    );
  });

  it('hold as many names as allowed and not one more', () => {
    const list = (count: number): WireReader => read(lengthAnd(Array(count).fill('a').join(',')));
    expect(list(512).nameList()).toHaveLength(512);
    expect(() => list(513).nameList()).toThrow(refusal(/more than 512 names/));
    expect(list(3).nameList(3)).toHaveLength(3);
    expect(() => list(4).nameList(3)).toThrow(refusal(/more than 3 names/));
  });
});

describe('a reader', () => {
  it('stays between its start and its end', () => {
    const bytes = hexBytes('aa', '00000001', 'bb');
    const reader = new WireReader(bytes, 1, 5);
    expect(reader.remaining).toBe(4);
    expect(reader.uint32()).toBe(1);
    expect(() => reader.byte()).toThrow(refusal(/a byte expected, 0 bytes remain/));
    reader.end();
  });

  it('ends only at the end', () => {
    const reader = read('0102');
    reader.byte();
    expect(() => reader.end()).toThrow(refusal(/1 bytes too many/));
    expect(reader.viewRest()).toEqual(hexBytes('02'));
    reader.end();
    expect(reader.viewRest()).toEqual(hexBytes(''));
  });

  it('can be pointed at other bytes', () => {
    const reader = read('01');
    reader.byte();
    expect(reader.reset(hexBytes('00ff00'), 1, 2).byte()).toBe(255);
    reader.end();
    expect(reader.reset(hexBytes('01020304'), 2, 4).byte()).toBe(3);
    expect(reader.remaining).toBe(1);
    expect(reader.reset(hexBytes('05'), 0, 1).byte()).toBe(5);
    reader.end();
  });

  it('after a refusal has not moved past its end, and throws nothing but ERR_SSH_DECODE', () => {
    const steps = fc.constantFrom<(reader: WireReader) => unknown>(
      (reader) => reader.byte(),
      (reader) => reader.boolean(),
      (reader) => reader.uint32(),
      (reader) => reader.uint64(),
      (reader) => reader.viewString(),
      (reader) => reader.copyString(),
      (reader) => reader.copyMpint(),
      (reader) => reader.text(),
      (reader) => reader.name(),
      (reader) => reader.nameList(),
      (reader) => reader.viewBytes(5),
      (reader) => reader.copyBytes(3),
      (reader) => reader.end(),
    );
    const small = fc
      .array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 2, 44), fc.nat({ max: 255 })), { maxLength: 40 })
      .map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(small, fc.array(steps, { maxLength: 12 }), (bytes, reads) => {
        const reader = new WireReader(bytes);
        for (const step of reads) {
          const before = reader.remaining;
          try {
            step(reader);
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
            expect((error as SshError).code).toBe('ERR_SSH_DECODE');
          }
          expect(reader.remaining).toBeGreaterThanOrEqual(0);
          expect(reader.remaining).toBeLessThanOrEqual(before);
        }
      }),
    );
  });

  it('quotes no bytes of the peer in its errors', () => {
    expect(() => read(lengthAnd('\u001b[2J')).name()).toThrow(refusal(/^[\x20-\x7e]+$/));
    expect(ascii('\u001b')).toBe('1b');
  });
});
