/** Values to draw and hex to write by hand, for the tables of messages. */
import fc from 'fast-check';
import type { Codec } from '../../src/wire/codec.ts';

/** Hex of ASCII, by another way than the code under test goes. */
export const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/** Hex of a string with its length before it (RFC 4251 §5). */
export const lengthAnd = (text: string): string => text.length.toString(16).padStart(8, '0') + ascii(text);

/** Bytes of hex; white space is for the reader. */
export const hexBytes = (...hex: readonly string[]): Uint8Array =>
  new Uint8Array(Buffer.from(hex.join('').replace(/\s+/g, ''), 'hex'));

export const uint32s: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
);
export const booleans: fc.Arbitrary<boolean> = fc.boolean();
export const byteStrings: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 80 });
export const texts: fc.Arbitrary<string> = fc.string({ unit: 'grapheme', maxLength: 40 });

const nameCharacters = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i)).filter(
  (character) => character !== ',',
);
export const names: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(...nameCharacters),
  minLength: 1,
  maxLength: 64,
});
export const nameLists: fc.Arbitrary<string[]> = fc.array(names, { maxLength: 6 });

/** Magnitudes without leading zeros, as a decoder returns them. */
export const magnitudes: fc.Arbitrary<Uint8Array> = fc
  .uint8Array({ maxLength: 80 })
  .filter((bytes) => bytes[0] !== 0);

/** One message or payload: its codec, a value, that value's bytes written by hand, and arbitrary values. */
export interface Row {
  readonly codec: Codec<unknown> & { readonly name: string };
  readonly example: unknown;
  readonly encoded: Uint8Array;
  readonly values: fc.Arbitrary<unknown>;
  /** Lengths, shorter than the whole, at which the bytes still are a legal message. */
  readonly legalLengths: readonly number[];
}

export function row<T>(
  codec: Codec<T> & { readonly name: string },
  example: T,
  hex: readonly string[],
  values: fc.Arbitrary<T>,
  legalLengths: readonly number[] = [],
): Row {
  return { codec, example, encoded: hexBytes(...hex), values, legalLengths };
}

/** Whole numbers from `start` up to `end`, that one excluded. */
export const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, i) => start + i);
