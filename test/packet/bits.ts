/**
 * DEFLATE written by hand, bit by bit, right or wrong.
 *
 * Owns: the order of bits (RFC 1951 §3.1.1), codes from their lengths (§3.2.2),
 * the head of a block with codes of its own (§3.2.7).
 */

const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Codes of four bits for the lengths 0 to 12, of five for the rest: all that there are. */
const lengthsOfLengths = Array.from({ length: 19 }, (_, symbol) => (symbol < 13 ? 4 : 5));

export class Bits {
  private readonly bits: number[] = [];

  /** Behind the header of a zlib stream. */
  static stream(): Bits {
    return new Bits().number(0x78, 8).number(0x9c, 8);
  }

  /** A number, its lowest bit first. */
  number(value: number, count: number): this {
    for (let i = 0; i < count; i++) this.bits.push((value >> i) & 1);
    return this;
  }

  /** The code of a symbol, its highest bit first. */
  symbol(symbol: number, lengths: readonly number[]): this {
    const length = lengths[symbol] ?? 0;
    const code = codeOf(symbol, lengths);
    for (let i = length - 1; i >= 0; i--) this.bits.push((code >> i) & 1);
    return this;
  }

  /** A block with codes of its own up to its first symbol. */
  dynamic(literals: readonly number[], distances: readonly number[]): this {
    return this.counts(literals.length, distances.length).lengths([...literals, ...distances]);
  }

  /** The head of such a block up to the lengths of its codes. */
  counts(literals: number, distances: number, lengths: readonly number[] = lengthsOfLengths): this {
    this.number(0b100, 3)
      .number(literals - 257, 5)
      .number(distances - 1, 5)
      .number(15, 4);
    for (const symbol of order) this.number(lengths[symbol] ?? 0, 3);
    return this;
  }

  /** Lengths of codes, each by itself. */
  lengths(lengths: readonly number[]): this {
    for (const length of lengths) this.symbol(length, lengthsOfLengths);
    return this;
  }

  /** One of the symbols 16 to 18, and how often. */
  repeat(symbol: 16 | 17 | 18, times: number): this {
    const [least, count] = { 16: [3, 2], 17: [3, 3], 18: [11, 7] }[symbol] as [number, number];
    return this.symbol(symbol, lengthsOfLengths).number(times - least, count);
  }

  /** Up to a whole byte. */
  bytes(): Uint8Array {
    const out = new Uint8Array(Math.ceil(this.bits.length / 8));
    this.bits.forEach((bit, i) => {
      out[i >> 3] = (out[i >> 3] as number) | (bit << (i & 7));
    });
    return out;
  }
}

/** Shorter codes before longer ones, among those of a length by their symbols. */
export function codeOf(symbol: number, lengths: readonly number[]): number {
  const own = lengths[symbol] ?? 0;
  let code = 0;
  lengths.forEach((length, other) => {
    if (length > 0 && (length < own || (length === own && other < symbol))) code += 2 ** (own - length);
  });
  return code;
}

/** The fixed codes (RFC 1951 §3.2.6). */
export const fixedLiterals: readonly number[] = [
  ...Array<number>(144).fill(8),
  ...Array<number>(112).fill(9),
  ...Array<number>(24).fill(7),
  ...Array<number>(8).fill(8),
];
export const fixedDistances: readonly number[] = Array<number>(32).fill(5);
