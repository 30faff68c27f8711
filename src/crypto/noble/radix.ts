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

/** Bytes of `values`, each from 0 to below its modulus. Both lists are used up. */
export function encodeRadix(values: readonly number[], moduli: readonly number[]): number[] {
  const bytes: number[] = [];
  let [numbers, bounds] = [values, moduli];
  while (numbers.length > 1) {
    const [nextNumbers, nextBounds]: [number[], number[]] = [[], []];
    for (let i = 0; i + 1 < numbers.length; i += 2) {
      let number = at(numbers, i) + at(numbers, i + 1) * at(bounds, i);
      let bound = at(bounds, i) * at(bounds, i + 1);
      for (; bound >= limit; bound = Math.ceil(bound / 256)) {
        bytes.push(number % 256);
        number = Math.floor(number / 256);
      }
      nextNumbers.push(number);
      nextBounds.push(bound);
    }
    if (numbers.length % 2 === 1) {
      nextNumbers.push(at(numbers, numbers.length - 1));
      nextBounds.push(at(bounds, bounds.length - 1));
    }
    [numbers, bounds] = [nextNumbers, nextBounds];
  }
  let [number, bound] = [at(numbers, 0), at(bounds, 0)];
  for (; bound > 1; bound = Math.ceil(bound / 256)) {
    bytes.push(number % 256);
    number = Math.floor(number / 256);
  }
  return bytes;
}

/** The inverse. Whatever the bytes are, each number is below its modulus. */
export function decodeRadix(bytes: Uint8Array, moduli: readonly number[]): number[] {
  const levels: Level[] = [];
  let bounds = moduli;
  let position = 0;
  while (bounds.length > 1) {
    const level: Level = { bounds, low: [], scale: [] };
    const nextBounds: number[] = [];
    for (let i = 0; i + 1 < bounds.length; i += 2) {
      let bound = at(bounds, i) * at(bounds, i + 1);
      let [low, scale] = [0, 1];
      for (; bound >= limit; bound = Math.ceil(bound / 256)) {
        low += scale * (bytes[position++] as number);
        scale *= 256;
      }
      level.low.push(low);
      level.scale.push(scale);
      nextBounds.push(bound);
    }
    if (bounds.length % 2 === 1) nextBounds.push(at(bounds, bounds.length - 1));
    levels.push(level);
    bounds = nextBounds;
  }
  let [last, scale] = [0, 1];
  for (let bound = at(bounds, 0); bound > 1; bound = Math.ceil(bound / 256)) {
    last += scale * (bytes[position++] as number);
    scale *= 256;
  }
  let numbers = [last % at(bounds, 0)];
  for (const level of levels.reverse()) numbers = splitPairs(numbers, level);
  return numbers;
}

/** One halving of the list: the bytes that went out there, and what they are worth. */
interface Level {
  readonly bounds: readonly number[];
  readonly low: number[];
  readonly scale: number[];
}

function splitPairs(joined: readonly number[], { bounds, low, scale }: Level): number[] {
  const numbers: number[] = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    const number = at(low, i / 2) + at(scale, i / 2) * at(joined, i / 2);
    const first = number % at(bounds, i);
    numbers.push(first, ((number - first) / at(bounds, i)) % at(bounds, i + 1));
  }
  if (bounds.length % 2 === 1) numbers.push(at(joined, joined.length - 1));
  return numbers;
}

function at(list: readonly number[], index: number): number {
  return list[index] as number;
}
