/**
 * Lists of small numbers as bytes, each with a modulus of its own.
 *
 * Owns: the encoding in which NTRU Prime packs polynomials: neighbours are joined
 * to one number below the product of their moduli, its low bytes go out while the
 * modulus is large, and what is left is a list of half the length.
 * Must not know: polynomials.
 * Source: "NTRU Prime: round 3", §3.3 (Encode, Decode).
 */

/** A modulus from here on gives up a byte. */
const limit = 16_384;

/** One halving of the list. */
interface Level {
  /** The moduli before it. */
  readonly bounds: Int32Array;
  /** Bytes that each pair gives up. */
  readonly given: Uint8Array;
}

/** How lists with these moduli are encoded. It depends on the moduli alone, so it is made once. */
export class RadixCode {
  /** Bytes of an encoded list. */
  readonly length: number;
  private readonly levels: readonly Level[];
  /** The modulus of the one number that is left, and its bytes. */
  private readonly lastBound: number;
  private readonly lastGiven: number;

  /** @param moduli from 2 to 16,383 each */
  constructor(moduli: readonly number[]) {
    const levels: Level[] = [];
    let bounds = Int32Array.from(moduli);
    let length = 0;
    while (bounds.length > 1) {
      const next = new Int32Array((bounds.length + 1) >> 1);
      const given = new Uint8Array(bounds.length >> 1);
      for (let i = 0; i < given.length; i++) {
        let bound = at(bounds, 2 * i) * at(bounds, 2 * i + 1);
        for (; bound >= limit; bound = Math.ceil(bound / 256)) given[i] = at(given, i) + 1;
        next[i] = bound;
        length += at(given, i);
      }
      if (bounds.length % 2 === 1) next[given.length] = at(bounds, bounds.length - 1);
      levels.push({ bounds, given });
      bounds = next;
    }
    let lastGiven = 0;
    for (let bound = at(bounds, 0); bound > 1; bound = Math.ceil(bound / 256)) lastGiven++;
    this.levels = levels;
    this.lastBound = at(bounds, 0);
    this.lastGiven = lastGiven;
    this.length = length + lastGiven;
  }

  /**
   * The bytes of `numbers`, each from 0 to below its modulus. Takes the same time
   * for all numbers, and uses their memory up.
   */
  encode(numbers: Int32Array): Uint8Array {
    const bytes = new Uint8Array(this.length);
    let position = 0;
    for (const { bounds, given } of this.levels) {
      for (let i = 0; i < given.length; i++) {
        // Below 2^28, as both moduli are below 2^14.
        let number = at(numbers, 2 * i) + Math.imul(at(numbers, 2 * i + 1), at(bounds, 2 * i));
        for (let left = at(given, i); left > 0; left--) {
          bytes[position++] = number;
          number >>= 8;
        }
        numbers[i] = number;
      }
      if (bounds.length % 2 === 1) numbers[given.length] = at(numbers, bounds.length - 1);
    }
    let number = at(numbers, 0);
    for (let left = this.lastGiven; left > 0; left--) {
      bytes[position++] = number;
      number >>= 8;
    }
    return bytes;
  }

  /**
   * The inverse. Whatever the bytes are, each number is below its modulus. It
   * divides, so its time tells something of the numbers: they are public ones.
   */
  decode(bytes: Uint8Array): Int32Array {
    let position = this.length - this.lastGiven;
    const numbers = new Int32Array(this.levels[0]?.bounds.length ?? 1);
    numbers[0] = littleEndian(bytes, position, this.lastGiven) % this.lastBound;
    for (let depth = this.levels.length - 1; depth >= 0; depth--) {
      const { bounds, given } = this.levels[depth] as Level;
      if (bounds.length % 2 === 1) numbers[bounds.length - 1] = at(numbers, given.length);
      // From the end, so that each pair takes the place of numbers that are split already.
      for (let i = given.length - 1; i >= 0; i--) {
        const count = at(given, i);
        position -= count;
        // Below 2^30: at most two bytes and a number below 2^14.
        const number = littleEndian(bytes, position, count) + (at(numbers, i) << (8 * count));
        const bound = at(bounds, 2 * i);
        const second = (number / bound) | 0;
        numbers[2 * i] = number - Math.imul(bound, second);
        numbers[2 * i + 1] = second % at(bounds, 2 * i + 1);
      }
    }
    return numbers;
  }
}

function littleEndian(bytes: Uint8Array, start: number, count: number): number {
  let number = 0;
  for (let i = count - 1; i >= 0; i--) number = 256 * number + at(bytes, start + i);
  return number;
}

function at(list: ArrayLike<number>, index: number): number {
  return list[index] as number;
}
