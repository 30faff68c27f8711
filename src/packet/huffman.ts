/**
 * The prefix codes of DEFLATE.
 *
 * Owns: canonical codes from their lengths (RFC 1951 §3.2.2), in the form in
 * which they are read; the fixed codes (§3.2.6); base values and extra bits of
 * lengths and distances (§3.2.5).
 * Must not know: blocks, windows.
 */

/** Bits that one look into the table settles; longer codes are rare. */
export const fastBits = 9;
export const longestCode = 15;

/** A code as a reader wants it. */
export interface PrefixCode {
  /** By the next nine bits, first bit lowest: symbol << 4 | length; 0 where the code is longer. */
  readonly fast: Uint16Array;
  /** How many codes of each length there are. */
  readonly counts: Uint16Array;
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array;
}

/** Whether lengths are allowed to leave codes unused: one distance code alone may (§3.2.7), and none at all. */
export type Completeness = 'complete' | 'mayBeSingle';

/**
 * The code of these lengths, 0 for symbols that do not occur. Undefined where
 * they are no prefix code.
 */
export function prefixCode(lengths: Uint8Array, completeness: Completeness): PrefixCode | undefined {
  const counts = new Uint16Array(longestCode + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const used = lengths.length - (counts[0] as number);
  counts[0] = 0;
  let left = 1;
  for (let length = 1; length <= longestCode; length++) {
    left = 2 * left - (counts[length] as number);
    if (left < 0) return undefined;
  }
  const isSingle = used === 0 || (used === 1 && counts[1] === 1);
  if (left > 0 && !(completeness === 'mayBeSingle' && isSingle)) return undefined;
  return fill(lengths, counts);
}

function fill(lengths: Uint8Array, counts: Uint16Array): PrefixCode {
  const offsets = new Uint16Array(longestCode + 2);
  const nextCode = new Uint16Array(longestCode + 2);
  for (let length = 1; length <= longestCode; length++) {
    offsets[length + 1] = (offsets[length] as number) + (counts[length] as number);
    nextCode[length + 1] = ((nextCode[length] as number) + (counts[length] as number)) << 1;
  }
  const symbols = new Uint16Array(lengths.length);
  const fast = new Uint16Array(1 << fastBits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    symbols[offsets[length] as number] = symbol;
    offsets[length] = (offsets[length] as number) + 1;
    const code = nextCode[length] as number;
    nextCode[length] = code + 1;
    if (length > fastBits) continue;
    const entry = (symbol << 4) | length;
    for (let at = reverseBits(code, length); at < fast.length; at += 1 << length) fast[at] = entry;
  }
  return { fast, counts, symbols };
}

/** Codes are written with their first bit lowest (§3.1.1). */
export function reverseBits(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
  return reversed;
}

/** Lengths of the fixed code for literals and lengths. */
export const fixedLengths: Uint8Array = Uint8Array.from({ length: 288 }, (_, symbol) =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);

/** Symbols 257 to 285: the least length each stands for, and how many bits follow. */
export const lengthBases: Uint16Array = Uint16Array.of(
  ...[
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  ],
  ...[227, 258],
);
export const lengthExtra: Uint8Array = Uint8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);

/** Symbols 0 to 29 of distances: two of each number of extra bits, four of none. */
export const distanceExtra: Uint8Array = Uint8Array.from({ length: 30 }, (_, symbol) =>
  symbol < 4 ? 0 : (symbol >> 1) - 1,
);
export const distanceBases: Uint16Array = Uint16Array.from({ length: 30 }, (_, symbol) =>
  symbol < 4 ? symbol + 1 : ((2 + (symbol & 1)) << (distanceExtra[symbol] as number)) + 1,
);
