/** RFC 1950 and RFC 1951, statement by statement, over streams written by hand; zlib is asked too. */
import { constants, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import {
  distanceBases,
  distanceExtra,
  fixedLengths,
  lengthBases,
  lengthExtra,
  prefixCode,
  reverseBits,
} from '../../src/packet/huffman.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import { Bits, codeOf, fixedDistances, fixedLiterals } from './bits.ts';
import { noise, sameBytes } from './support.ts';

const limit = 256 * 1024;
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

/** What a stream becomes, or how it is refused. */
function inflated(bytes: Uint8Array, most = limit): Uint8Array | string {
  try {
    return new Inflater(most).inflate(bytes, 0, bytes.length);
  } catch (error) {
    if (error instanceof SshError) return `${error.code} ${error.origin}: ${error.message}`;
    throw error;
  }
}

/** What zlib makes of it; undefined where it refuses it. */
function byZlib(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return new Uint8Array(inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return undefined;
  }
}

/** A stream is read, as zlib reads it, whole and cut at each of its bytes. */
function becomes(bits: Bits, expected: Uint8Array): void {
  const bytes = bits.bytes();
  const ours = inflated(bytes);
  expect(typeof ours === 'string' ? ours : sameBytes([ours], [expected])).toBe(true);
  expect(sameBytes([byZlib(bytes) ?? text('refused')], [expected])).toBe(true);
  const inflater = new Inflater(limit);
  const out = Array.from(bytes, (_, at) => inflater.inflate(bytes, at, at + 1));
  expect(sameBytes([concatBytes(...out)], [expected])).toBe(true);
}

/** A stream is refused, by zlib as well. */
function refused(bits: Bits, why: string): void {
  const bytes = concatBytes(bits.bytes(), new Uint8Array(8));
  expect(inflated(bytes)).toBe(`ERR_SSH_PACKET peer: malformed compressed data: ${why}`);
  expect(byZlib(bytes)).toBeUndefined();
}

/** Lengths of codes with these symbols, the others unused. */
function lengthsOf(count: number, lengths: Readonly<Record<number, number>>): number[] {
  return Array.from({ length: count }, (_, symbol) => lengths[symbol] ?? 0);
}

const empty = new Uint8Array(0);
/** 'a', 'b', the end, and the length 3. */
const few = lengthsOf(258, { 97: 2, 98: 2, 256: 2, 257: 2 });

describe('the tables of RFC 1951 §3.2.5 and §3.2.6', () => {
  it('of lengths: each length from 3 to 258 has one symbol, 258 one of its own', () => {
    const extra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5];
    expect([...lengthExtra]).toEqual([...extra, 0]);
    const bases = extra.map((_, i) => 3 + extra.slice(0, i).reduce((sum, bits) => sum + 2 ** bits, 0));
    expect([...lengthBases]).toEqual([...bases, 258]);
  });

  it('of distances: each from 1 to 32768 has one symbol', () => {
    const extra = Array.from({ length: 30 }, (_, i) => Math.max(0, Math.floor(i / 2) - 1));
    expect([...distanceExtra]).toEqual(extra);
    const bases = extra.map((_, i) => 1 + extra.slice(0, i).reduce((sum, bits) => sum + 2 ** bits, 0));
    expect([...distanceBases]).toEqual(bases);
    expect((bases[29] as number) + 2 ** (extra[29] as number) - 1).toBe(32_768);
  });

  it('of the fixed code', () => {
    expect([...fixedLengths]).toEqual(fixedLiterals);
  });
});

describe('a prefix code (RFC 1951 §3.2.2)', () => {
  it('of the example of the document', () => {
    const lengths = [3, 3, 3, 3, 3, 2, 4, 4];
    expect(lengths.map((_, symbol) => codeOf(symbol, lengths))).toEqual([2, 3, 4, 5, 6, 0, 14, 15]);
    const code = prefixCode(Uint8Array.from(lengths), 'complete');
    expect([...(code?.counts ?? [])].slice(0, 6)).toEqual([0, 0, 1, 5, 2, 0]);
    expect([...(code?.symbols ?? [])]).toEqual([5, 0, 1, 2, 3, 4, 6, 7]);
    for (let next = 0; next < 512; next++) {
      const symbol = lengths.findIndex(
        (length, candidate) => reverseBits(next, 9) >> (9 - length) === codeOf(candidate, lengths),
      );
      expect(code?.fast[next]).toBe((symbol << 4) | (lengths[symbol] as number));
    }
    expect(code?.fast).toHaveLength(512);
  });

  it('is complete: too many codes are none, too few only where there is one at most and that is allowed', () => {
    const isCode = (lengths: number[], completeness: 'complete' | 'mayBeSingle'): boolean =>
      prefixCode(Uint8Array.from(lengths), completeness) !== undefined;
    for (const [lengths, complete, mayBeSingle] of [
      [[1, 1], true, true],
      [[1, 1, 1], false, false],
      [[1, 2, 2], true, true],
      [[1, 2, 2, 15], false, false],
      [[1, 2], false, false],
      [[0, 1], false, true],
      [[0, 2], false, false],
      [[0, 0], false, true],
      [[2, 2, 2], false, false],
      [[1, 0, 0, 1], true, true],
      [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15], true, true],
      [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], false, false],
    ] as const) {
      expect([lengths, isCode([...lengths], 'complete'), isCode([...lengths], 'mayBeSingle')]).toEqual([
        lengths,
        complete,
        mayBeSingle,
      ]);
    }
  });

  it('reversed is itself from the other end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 15 }), fc.nat({ max: 0x7fff }), (length, bits) => {
        const code = bits & (2 ** length - 1);
        const reversed = [...code.toString(2).padStart(length, '0')].reverse().join('');
        expect(reverseBits(code, length)).toBe(Number.parseInt(reversed, 2));
      }),
    );
  });
});

describe('the header (RFC 1950 §2.2)', () => {
  it('is of zlib with a window of at most 32 KiB and no dictionary, and divides by 31; any other is refused', () => {
    for (let method = 0; method < 256; method++) {
      for (let flags = 0; flags < 256; flags++) {
        // All that divide by 31, and a few others.
        if ((256 * method + flags) % 31 !== 0 && flags % 51 !== 0) continue;
        const isLegal =
          method % 16 === 8 && method >> 4 <= 7 && (flags & 32) === 0 && (256 * method + flags) % 31 === 0;
        const ours = inflated(Uint8Array.of(method, flags));
        const refusal = 'ERR_SSH_PACKET peer: malformed compressed data: its header is not that of zlib';
        if (isLegal ? typeof ours === 'string' : ours !== refusal)
          expect([method, flags, ours]).toBe(isLegal);
      }
    }
  });
});

describe('a block', () => {
  it('stored begins on a byte and has any length, none too', () => {
    for (const [offset, length] of [
      [0, 0],
      [0, 1],
      [0, 300],
      [0, 65_535],
      [1, 5],
      [5, 5],
    ] as const) {
      // A block with the fixed code before it moves the place where it begins.
      const bits = Bits.stream();
      const before = noise(offset, 3).map((byte) => byte | 0x90);
      if (offset > 0) {
        bits.number(0b010, 3);
        for (const byte of before) bits.symbol(byte, fixedLiterals);
        bits.symbol(256, fixedLiterals);
      }
      const head = bits.number(0b000, 3).bytes();
      const stored = noise(length, length);
      const lengths = Uint8Array.of(length & 255, length >> 8, ~length & 255, (~length >> 8) & 255);
      const bytes = concatBytes(head, lengths, stored);
      const expected = concatBytes(before, stored);
      expect(sameBytes([inflated(bytes) as Uint8Array], [expected])).toBe(true);
      expect(sameBytes([byZlib(bytes) as Uint8Array], [expected])).toBe(true);
    }
  });

  it('stored whose two lengths differ in any bit is refused', () => {
    for (let bit = 0; bit < 32; bit++) {
      const head = Uint8Array.of(0x78, 0x9c, 0, 5, 0, 0xfa, 0xff, 1, 2, 3, 4, 5);
      head[3 + (bit >> 3)] = (head[3 + (bit >> 3)] as number) ^ (1 << (bit & 7));
      expect(inflated(head)).toMatch(/the two lengths of a stored block differ$/);
    }
  });

  it('of the unknown type, and one that ends the stream, are refused', () => {
    refused(Bits.stream().number(0b110, 3), 'a block of an unknown type');
    for (const type of [0, 1, 2]) {
      const bits = Bits.stream().number(1, 1).number(type, 2);
      expect(inflated(bits.bytes())).toMatch(/it ends where an SSH connection goes on$/);
    }
  });

  it('with the fixed code has every literal and length and many distances', () => {
    const bits = Bits.stream().number(0b010, 3);
    const out: number[] = [];
    for (let byte = 0; byte < 256; byte++) {
      bits.symbol(byte, fixedLiterals);
      out.push(byte);
    }
    for (let length = 3; length <= 258; length++) {
      const symbol = length === 258 ? 28 : lengthBases.findLastIndex((base) => base <= length);
      bits.symbol(257 + symbol, fixedLiterals);
      bits.number(length - (lengthBases[symbol] as number), lengthExtra[symbol] as number);
      const distance = Math.min(out.length, 1 + ((length * 37) % 32_768));
      const far = distanceBases.findLastIndex((base) => base <= distance);
      bits.symbol(far, fixedDistances);
      bits.number(distance - (distanceBases[far] as number), distanceExtra[far] as number);
      for (let i = 0; i < length; i++) out.push(out[out.length - distance] as number);
    }
    bits.symbol(256, fixedLiterals);
    const bytes = bits.bytes();
    expect(sameBytes([inflated(bytes) as Uint8Array], [Uint8Array.from(out)])).toBe(true);
    expect(sameBytes([byZlib(bytes) as Uint8Array], [Uint8Array.from(out)])).toBe(true);
  });

  it('with symbols of the fixed code that stand for nothing is refused', () => {
    for (const symbol of [286, 287]) {
      const bits = Bits.stream().number(0b010, 3).symbol(97, fixedLiterals).symbol(symbol, fixedLiterals);
      refused(bits, 'a length that is not defined');
    }
    for (const symbol of [30, 31]) {
      const bits = Bits.stream().number(0b010, 3).symbol(97, fixedLiterals).symbol(257, fixedLiterals);
      refused(bits.symbol(symbol, fixedDistances), 'a distance that is not defined');
    }
  });

  it('reaches back to the first byte and no further', () => {
    const bits = (): Bits =>
      Bits.stream().number(0b010, 3).symbol(97, fixedLiterals).symbol(98, fixedLiterals);
    becomes(bits().symbol(257, fixedLiterals).symbol(1, fixedDistances), text('ababa'));
    refused(
      bits().symbol(257, fixedLiterals).symbol(2, fixedDistances),
      'a distance to before the beginning',
    );
  });
});

describe('a block with codes of its own (RFC 1951 §3.2.7)', () => {
  it('may use every length of codes from 1 to 15', () => {
    const literals = lengthsOf(257, {});
    for (let length = 1; length < 15; length++) literals[96 + length] = length;
    literals[111] = 15;
    literals[256] = 15;
    const bits = Bits.stream().dynamic(literals, [0]);
    const message = text('abcdefghijklmnoonmlkjihgfedcba');
    for (const byte of message) bits.symbol(byte, literals);
    becomes(bits.symbol(256, literals), message);
  });

  it('of any shape is read', () => {
    const shape = fc.array(fc.nat(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(shape, fc.array(fc.nat(), { maxLength: 60 }), (splits, choices) => {
        // Leaves of a tree, split again and again, down to 15 at most.
        const leaves = [1, 1];
        for (const split of splits) {
          const at = split % leaves.length;
          const depth = (leaves[at] as number) + 1;
          if (depth <= 15) leaves.splice(at, 1, depth, depth);
        }
        const literals = lengthsOf(257, {});
        leaves.forEach((length, i) => {
          literals[i === 0 ? 256 : (i * 89) % 256] = length;
        });
        const used = [...literals.keys()].filter((symbol) => symbol < 256 && literals[symbol] !== 0);
        const bits = Bits.stream().dynamic(literals, [0]);
        const message = choices.map((choice) => used[choice % used.length] as number);
        for (const byte of message) bits.symbol(byte, literals);
        becomes(bits.symbol(256, literals), Uint8Array.from(message));
      }),
      { numRuns: 50 },
    );
  });

  it('repeats lengths: the last one 3 to 6 times, none 3 to 10 or 11 to 138 times', () => {
    for (const [times, some, many] of [
      [3, 3, 11],
      [4, 6, 60],
      [6, 10, 138],
    ] as const) {
      // 'a' to 'h' in 3 bits but one, the end in that one's place.
      const literals = lengthsOf(257, {});
      for (let i = 0; i < 7; i++) literals[97 + i] = 3;
      literals[256] = 3;
      const bits = Bits.stream().counts(257, 1);
      let at = 0;
      const zeros = (until: number): void => {
        if (at + many <= until) {
          bits.repeat(18, many);
          at += many;
        }
        if (at + some <= until) {
          bits.repeat(17, some);
          at += some;
        }
        for (; at < until; at++) bits.lengths([0]);
      };
      zeros(97);
      bits.lengths([3]).repeat(16, times);
      at += 1 + times;
      for (; at < 104; at++) bits.lengths([3]);
      zeros(256);
      bits.lengths([3, 0]);
      for (const byte of text('gfedcba')) bits.symbol(byte, literals);
      becomes(bits.symbol(256, literals), text('gfedcba'));
    }
  });

  it('repeats over the border between literals and distances', () => {
    const bits = Bits.stream().counts(258, 4).repeat(18, 97).lengths([2, 2]);
    bits.repeat(18, 138).repeat(18, 19).lengths([2]).lengths([2]).repeat(16, 4);
    bits.symbol(97, few).symbol(98, few).symbol(257, few).symbol(1, [2, 2, 2, 2]).symbol(256, few);
    becomes(bits, text('ababa'));
  });

  it('repeats nothing before the first, and nothing beyond the last', () => {
    refused(Bits.stream().counts(257, 1).repeat(16, 3), 'a repetition of nothing');
    const almost = (): Bits => Bits.stream().counts(257, 1).repeat(18, 138).repeat(18, 117).lengths([1, 1]);
    const exact = almost().repeat(18, 11);
    refused(exact, 'a repetition beyond the last symbol');
    const all = Bits.stream().counts(257, 3).repeat(18, 138).repeat(18, 117).lengths([1, 1]).repeat(17, 3);
    becomes(all.number(0, 1).number(1, 1), Uint8Array.of(255));
    refused(
      Bits.stream().counts(257, 2).repeat(18, 138).repeat(18, 117).lengths([1, 1]).repeat(17, 3),
      'a repetition beyond the last symbol',
    );
  });

  it('has at most 286 literals and lengths and 30 distances', () => {
    const most = lengthsOf(286, { 97: 2, 98: 2, 256: 2, 285: 2 });
    const distances = lengthsOf(30, { 0: 1, 29: 1 });
    const bits = Bits.stream().dynamic(most, distances).symbol(97, most);
    bits.symbol(285, most).symbol(0, distances).symbol(256, most);
    becomes(bits, text('a'.repeat(259)));
    refused(Bits.stream().counts(287, 30), 'more symbols than there are');
    refused(Bits.stream().counts(286, 31), 'more symbols than there are');
  });

  it('needs codes that are codes', () => {
    refused(Bits.stream().counts(257, 1, lengthsOf(19, { 0: 1 })), 'lengths of lengths that are no code');
    refused(Bits.stream().dynamic(lengthsOf(257, { 97: 1, 98: 1 }), [0]), 'a block without an end');
    refused(Bits.stream().dynamic(lengthsOf(257, { 97: 2, 256: 2 }), [0]), 'lengths that are no code');
    refused(Bits.stream().dynamic(lengthsOf(257, { 97: 1, 256: 1 }), [2]), 'lengths that are no code');
    refused(Bits.stream().dynamic(lengthsOf(257, { 97: 1, 256: 1 }), [1, 1, 1]), 'lengths that are no code');
  });

  it('may have no distance, or one alone, and is refused where it uses what it does not have', () => {
    for (const [distances, code, expected] of [
      [[1], 0, 'aaaa'],
      [[1], 1, undefined],
      [[0], 0, undefined],
    ] as const) {
      const bits = Bits.stream().dynamic(few, distances).symbol(97, few).symbol(257, few).number(code, 1);
      if (expected === undefined) refused(bits, 'a code that stands for nothing');
      else becomes(bits.symbol(256, few), text(expected));
    }
  });

  it('may have the end alone', () => {
    becomes(
      Bits.stream()
        .dynamic(lengthsOf(257, { 256: 1 }), [0])
        .number(0, 1),
      empty,
    );
  });

  it('says how many lengths of lengths it has, in an order of their own', () => {
    // 16, 17, 18, 0: the fourth is the last of four; one bit each for 18 and 0 gives no end.
    const bits = Bits.stream().number(0b100, 3).number(0, 5).number(0, 5).number(0, 4);
    bits.number(0, 3).number(0, 3).number(1, 3).number(1, 3);
    bits.number(1, 1).number(127, 7).number(1, 1).number(109, 7);
    refused(bits, 'a block without an end');
    // Up to the eighteenth, which is that of 1: 18 and 1.
    const ones = Bits.stream().number(0b100, 3).number(0, 5).number(0, 5).number(14, 4);
    for (let i = 0; i < 18; i++) ones.number(i === 2 || i === 17 ? 1 : 0, 3);
    ones.number(1, 1).number(127, 7).number(1, 1).number(106, 7).number(0, 1).number(0, 1).number(0, 1);
    becomes(ones.number(0, 1).number(1, 1), Uint8Array.of(255));
  });
});

describe('what a packet becomes', () => {
  const run = (length: number): Bits => {
    const bits = Bits.stream().number(0b010, 3).symbol(0, fixedLiterals);
    let left = length - 1;
    for (; left >= 258; left -= 258) bits.symbol(285, fixedLiterals).symbol(0, fixedDistances);
    for (; left > 0; left--) bits.symbol(0, fixedLiterals);
    return bits.symbol(256, fixedLiterals);
  };
  const tooLong = (most: number): string =>
    `ERR_SSH_LIMIT peer: the peer sent a packet that becomes more than ${most} bytes when it is decompressed`;

  it('is as long as the limit at most, by literals, lengths and stored bytes', () => {
    expect(inflated(run(600).bytes(), 600)).toHaveLength(600);
    expect(inflated(run(600).bytes(), 599)).toBe(tooLong(599));
    expect(inflated(run(517).bytes(), 517)).toHaveLength(517);
    expect(inflated(run(517).bytes(), 516)).toBe(tooLong(516));
    const stored = concatBytes(Uint8Array.of(0x78, 0x9c, 0, 10, 0, 0xf5, 0xff), noise(10, 1));
    expect(inflated(stored, 10)).toHaveLength(10);
    expect(inflated(stored, 9)).toBe(tooLong(9));
  });

  it('counts from the beginning of each packet', () => {
    const inflater = new Inflater(1000);
    const first = concatBytes(run(1000).number(0, 3).bytes(), Uint8Array.of(0, 0, 0xff, 0xff));
    expect(inflater.inflate(first, 0, first.length)).toHaveLength(1000);
    for (let i = 0; i < 200; i++) {
      const piece = concatBytes(Uint8Array.of(0, 0xe8, 3, 0x17, 0xfc), noise(1000, i));
      expect(sameBytes([inflater.inflate(piece, 0, piece.length)], [noise(1000, i)])).toBe(true);
    }
  });

  it('grows far beyond the window', () => {
    expect(sameBytes([inflated(run(200_000).bytes()) as Uint8Array], [new Uint8Array(200_000)])).toBe(true);
  });

  it('has 4096 blocks at most', () => {
    const blocks = (count: number): Uint8Array => {
      const bits = Bits.stream();
      for (let i = 0; i < count; i++) bits.number(0b010, 3).symbol(256, fixedLiterals);
      return bits.bytes();
    };
    expect(inflated(blocks(4096))).toEqual(empty);
    expect(inflated(blocks(4097))).toBe(
      'ERR_SSH_LIMIT peer: the peer sent more than 4096 blocks of compressed data',
    );
    const inflater = new Inflater(limit);
    const [first, more] = [blocks(4096), blocks(4096).subarray(2)];
    inflater.inflate(first, 0, first.length);
    expect(inflater.inflate(more, 0, more.length)).toEqual(empty);
  });

  it('may repeat what was 32 KiB before it, in a packet long ago, and is its own memory', () => {
    const inflater = new Inflater(limit);
    const parts = [noise(30_000, 1), noise(2768, 2), noise(40_000, 3)];
    const zeroth = Uint8Array.of(0x78, 0x9c);
    inflater.inflate(zeroth, 0, 2);
    const taken: Uint8Array[] = [];
    for (const part of parts) {
      const { length } = part;
      const head = Uint8Array.of(0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255);
      const piece = concatBytes(head, part);
      taken.push(inflater.inflate(piece, 0, piece.length));
      // The most distant byte there is: 32768 = base 24577 + 8191.
      if (length === 30_000) continue;
      const bits = new Bits().number(0b010, 3).symbol(257, fixedLiterals).symbol(29, fixedDistances);
      bits.number(8191, 13).symbol(256, fixedLiterals).number(0, 3);
      const far = concatBytes(bits.bytes(), Uint8Array.of(0, 0, 0xff, 0xff));
      const all = concatBytes(...taken);
      const again = inflater.inflate(far, 0, far.length);
      expect(again).toEqual(all.slice(all.length - 32_768, all.length - 32_765));
      taken.push(again);
    }
    expect(sameBytes([taken[0] as Uint8Array, taken[1] as Uint8Array], parts.slice(0, 2))).toBe(true);
  });
});

describe('what we compress', () => {
  const deflated = (deflater: Deflater, bytes: Uint8Array): Uint8Array =>
    deflater.deflate(bytes, 0, bytes.length).slice();
  /** A byte and 258 times the same, and the empty stored block that ends a piece. */
  const run = (byte: number): Uint8Array => {
    const bits = Bits.stream().number(0b010, 3).symbol(byte, fixedLiterals).symbol(285, fixedLiterals);
    bits.symbol(0, fixedDistances).symbol(256, fixedLiterals).number(0, 3);
    return concatBytes(bits.bytes(), Uint8Array.of(0, 0, 0xff, 0xff));
  };

  it('is one block with the fixed code and an empty stored one, every literal by its own code', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect(deflated(new Deflater(), new Uint8Array(259).fill(byte))).toEqual(run(byte));
    }
  });

  it('repeats as long and as near as it can', () => {
    for (const length of [3, 4, 10, 11, 12, 13, 18, 19, 34, 35, 66, 67, 130, 131, 257, 258, 259, 600]) {
      const bytes = new Uint8Array(1 + length).fill(7);
      const bits = Bits.stream().number(0b010, 3).symbol(7, fixedLiterals);
      let left = length;
      while (left >= 3) {
        const take = Math.min(left, 258);
        const symbol = take === 258 ? 28 : lengthBases.findLastIndex((base) => base <= take);
        bits.symbol(257 + symbol, fixedLiterals);
        bits.number(take - (lengthBases[symbol] as number), lengthExtra[symbol] as number);
        bits.symbol(0, fixedDistances);
        left -= take;
      }
      for (; left > 0; left--) bits.symbol(7, fixedLiterals);
      bits.symbol(256, fixedLiterals).number(0, 3);
      expect(deflated(new Deflater(), bytes)).toEqual(
        concatBytes(bits.bytes(), Uint8Array.of(0, 0, 0xff, 0xff)),
      );
    }
  });

  it('repeats over every distance up to the window, and is read again by all', () => {
    for (const distance of [4, 5, 8, 9, 100, 257, 1000, 4097, 16_384, 24_577, 32_767, 32_768, 32_769]) {
      const needle = noise(200, 5);
      const bytes = concatBytes(needle, noise(distance - 200 > 0 ? distance - 200 : 0, 6), needle);
      const stream = deflated(new Deflater(), bytes);
      expect(sameBytes([inflated(stream) as Uint8Array], [bytes])).toBe(true);
      expect(sameBytes([byZlib(stream) as Uint8Array], [bytes])).toBe(true);
      const deflater = new Deflater();
      deflated(deflater, bytes.subarray(0, bytes.length - 200));
      // A block, one repetition and the end, or the bytes as they are.
      const { length } = deflated(deflater, needle);
      if (distance <= 32_768) expect(length).toBeLessThan(12);
      else expect(length).toBe(205);
    }
  });

  it('prefers the longer of two places, and finds it behind fifteen others and not behind sixteen', () => {
    const others = (count: number): Uint8Array =>
      concatBytes(
        ...Array.from({ length: count }, (_, i) => concatBytes(text('xyz'), Uint8Array.of(128 + i))),
      );
    const lengthBehind = (count: number): number => {
      const deflater = new Deflater();
      deflated(deflater, concatBytes(text('xyzabcdefghijklmnopqrstuvw'), others(count)));
      return deflated(deflater, text('xyzabcdefghijklmnopqrstuvw')).length;
    };
    expect(lengthBehind(1)).toBe(lengthBehind(15));
    expect(lengthBehind(16)).toBeGreaterThan(lengthBehind(15));
  });

  it('repeats three bytes whatever follows them', () => {
    const bits = Bits.stream().number(0b010, 3);
    const letters = text('defghijklmnop');
    letters.forEach((letter, i) => {
      if (i === 0) for (const byte of text('abc')) bits.symbol(byte, fixedLiterals);
      else bits.symbol(257, fixedLiterals).symbol(3, fixedDistances);
      bits.symbol(letter, fixedLiterals);
    });
    bits.symbol(256, fixedLiterals).number(0, 3);
    const message = concatBytes(
      ...Array.from(letters, (letter) => text(`abc${String.fromCharCode(letter)}`)),
    );
    expect(deflated(new Deflater(), message)).toEqual(
      concatBytes(bits.bytes(), Uint8Array.of(0, 0, 0xff, 0xff)),
    );
  });

  it('finds what lies inside of a repetition', () => {
    const needle = noise(200, 4);
    for (const start of [1, 100, 120]) {
      const deflater = new Deflater();
      for (const part of [needle, noise(20_000, 5), needle, noise(20_000, 6)]) deflated(deflater, part);
      // One repetition: 42 bits with the block around it, and the empty block.
      expect(deflated(deflater, needle.subarray(start, start + 80))).toHaveLength(10);
    }
  });

  it('that would grow is stored as it is, in pieces of 32 KiB', () => {
    for (const length of [100, 32_767, 32_768, 32_769, 70_000]) {
      const deflater = new Deflater();
      deflated(deflater, Uint8Array.of(1));
      const bytes = noise(length, 9).map((byte) => byte | 0x90);
      const blocks: Uint8Array[] = [];
      for (let at = 0; at < length; at += 32_768) {
        const part = bytes.subarray(at, at + 32_768);
        const n = part.length;
        blocks.push(Uint8Array.of(0, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255), part);
      }
      const all = concatBytes(...blocks);
      const ours = deflated(deflater, bytes);
      // A last piece of a byte is shorter in the fixed code.
      if (length !== 32_769) expect(sameBytes([ours], [all])).toBe(true);
      else expect(sameBytes([ours.slice(0, 32_773)], [all.slice(0, 32_773)])).toBe(true);
    }
  });

  it('finds what lies in the window after it has slid', () => {
    const deflater = new Deflater();
    const inflater = new Inflater(limit);
    const needle = noise(500, 77);
    const put = (bytes: Uint8Array): number => {
      const piece = deflated(deflater, bytes);
      expect(sameBytes([inflater.inflate(piece, 0, piece.length)], [bytes])).toBe(true);
      return piece.length;
    };
    for (let i = 0; i < 12; i++) {
      const other = noise(500, 1000 + i);
      put(concatBytes(noise(20_000, i), needle, other, noise(9000, 50 + i)));
      // Both lie less than a window back.
      expect(put(needle)).toBeLessThan(25);
      expect(put(other)).toBeLessThan(25);
    }
  });
});
