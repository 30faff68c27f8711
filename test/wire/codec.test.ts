/** Codecs are values, and combine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../src/wire/codec.ts';
import * as codecs from '../../src/wire/codec.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { byteStrings, hexBytes, magnitudes, nameLists, names, texts, uint32s } from '../message/support.ts';

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new WireWriter();
  codec.encode(writer, value);
  return writer.copyWritten();
}

function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new WireReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}

const refusal = (pattern: RegExp): unknown =>
  expect.objectContaining({ code: 'ERR_SSH_DECODE', message: expect.stringMatching(pattern) });

/** Ties a codec to arbitrary values of its type. */
const pair = <T>(name: string, codec: Codec<T>, arbitrary: fc.Arbitrary<T>) => ({
  name,
  inverse: () =>
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(decode(codec, encode(codec, value))).toEqual(value);
      }),
    ),
});

const point = codecs.struct<{ x: number; label: string }>({ x: codecs.uint32, label: codecs.text });

describe('encode and decode are inverse', () => {
  const all = [
    pair('byte', codecs.byte, fc.nat({ max: 255 })),
    pair('boolean', codecs.boolean, fc.boolean()),
    pair('uint32', codecs.uint32, uint32s),
    pair('uint64', codecs.uint64, fc.bigInt({ min: 0n, max: 0xffffffffffffffffn })),
    pair('string', codecs.string, byteStrings),
    pair('text', codecs.text, texts),
    pair('name', codecs.name, names),
    pair('mpint', codecs.mpint, magnitudes),
    pair<readonly string[]>('nameList', codecs.nameList, nameLists),
    pair('bytes', codecs.bytes(7), fc.uint8Array({ minLength: 7, maxLength: 7 })),
    pair('rest', codecs.rest, byteStrings),
    pair<readonly Uint8Array[]>('repeated', codecs.repeated(codecs.string), fc.array(byteStrings)),
    pair<readonly boolean[]>('counted', codecs.counted(codecs.boolean, 1), fc.array(fc.boolean())),
    pair('struct', point, fc.record({ x: uint32s, label: texts })),
  ];
  it.each(all)('$name', ({ inverse }) => {
    inverse();
  });
});

describe('struct', () => {
  it('writes and reads its fields in the order in which they are declared, not that of the value', () => {
    const bytes = hexBytes('00000005', '00000001 61');
    expect(encode(point, { label: 'a', x: 5 })).toEqual(bytes);
    expect(Object.keys(decode(point, bytes))).toEqual(['x', 'label']);
  });
});

describe('counted', () => {
  it('refuses a count that the bytes cannot hold, before it reads an entry', () => {
    let read = 0;
    const counting: Codec<number> = {
      decode: (reader) => {
        read++;
        return reader.uint32();
      },
      encode: (writer, value) => void writer.uint32(value),
    };
    const list = codecs.counted(counting, 4);
    expect(() => decode(list, hexBytes('ffffffff', '00000001'))).toThrow(
      refusal(/4294967295 entries claimed in 4/),
    );
    expect(() => decode(list, hexBytes('00000002', '00000001 000000'))).toThrow(refusal(/2 entries/));
    expect(read).toBe(0);
    expect(decode(list, hexBytes('00000002', '00000001 00000002'))).toEqual([1, 2]);
  });
});

describe('repeated', () => {
  it('reads to the end and refuses an entry that is cut', () => {
    const list = codecs.repeated(codecs.string);
    expect(decode(list, hexBytes(''))).toEqual([]);
    expect(() => decode(list, hexBytes('00000001 61', '0000'))).toThrow(refusal(/uint32 expected/));
  });
});

describe('bytes', () => {
  it('has one length', () => {
    expect(() => encode(codecs.bytes(4), hexBytes('000000'))).toThrow(refusal(/4 bytes expected, 3 given/));
    expect(() => decode(codecs.bytes(4), hexBytes('000000'))).toThrow(refusal(/4 bytes expected, 3/));
  });
});

describe('decoded bytes', () => {
  it('are owned: what they came from may be written over', () => {
    const given = hexBytes('00000002 0102', '00000001 03', '04', '05');
    const codec = codecs.struct<{ a: Uint8Array; b: Uint8Array; c: Uint8Array; d: Uint8Array }>({
      a: codecs.string,
      b: codecs.mpint,
      c: codecs.bytes(1),
      d: codecs.rest,
    });
    const value = decode(codec, given);
    given.fill(0xff);
    expect(value).toEqual({ a: hexBytes('0102'), b: hexBytes('03'), c: hexBytes('04'), d: hexBytes('05') });
  });
});
