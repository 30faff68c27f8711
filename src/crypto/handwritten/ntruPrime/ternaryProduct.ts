/**
 * Products of polynomials modulo x^761 - x - 1, one factor small or none.
 *
 * Owns: the multiplication that sntrup761 spends its time in. Three steps of
 * Karatsuba's method leave 27 products of 96 coefficients each.
 * Must not know: the modulus of the coefficients; products are exact integers.
 * Source: "NTRU Prime: round 3" (Bernstein and others, 2020), §3.
 *
 * Two coefficients share one double: the low one below 2^25, the high one times
 * 2^26. One multiplication by a small number then serves both. Every number on
 * the way is an integer below 2^53, so all results are exact, and no branch and
 * no index depends on a coefficient.
 */

/** Degree of the modulus. */
export const degree = 761;

/** Coefficients with zeros behind them, a multiple of 96 times 8. */
const padded = 768;
const leaf = 96;
const pairs = leaf / 2;
/** Small factors that one pass over the other polynomial takes. */
const perPass = 8;
const lane = 2 ** 26;
/** Adding it to a number below 2^51 and taking it away again rounds to an integer. */
const rounder = 1.5 * 2 ** 52;

const left = new Float64Array(padded);
const right = new Float64Array(padded);
const product = new Float64Array(2 * padded);
/** Sums of halves and the middle product, for each step of Karatsuba's method. */
const levels = [384, 192, 96].map((half) => ({
  left: new Float64Array(half),
  right: new Float64Array(half),
  middle: new Float64Array(2 * half),
}));
/** Pairs, and behind them zeros that the last factors of a pass reach. */
const packed = new Float64Array(pairs + perPass - 1);
/** Coefficients one by one, and behind them as many zeros. */
const single = new Float64Array(leaf + perPass - 1);
/** A zero that the engine knows for a double: small integers at the start of a loop would make it box each value of it. */
export const nothing: Float64Array = new Float64Array(1);
/** Products with the factors at even and at odd places. */
const even = new Float64Array(leaf);
const odd = new Float64Array(leaf);

/**
 * Multiplies modulo x^761 - x - 1.
 *
 * @param a 761 coefficients from -2295 to 2295
 * @param b 761 coefficients from -1 to 1
 * @returns the 761 coefficients of the product, each below 2^23 in size; its
 * memory is used again by the next call
 */
export function multiplyTernary(a: Int32Array, b: Int32Array): Float64Array {
  return multiplyBy(multiplyLeaf, a, b);
}

/**
 * The same where both factors have coefficients from -2295 to 2295; those of the
 * product are below 2^34 in size.
 */
export function multiplyWhole(a: Int32Array, b: Int32Array): Float64Array {
  return multiplyBy(multiplyWholeLeaf, a, b);
}

function multiplyBy(multiplyLeaves: typeof multiplyLeaf, a: Int32Array, b: Int32Array): Float64Array {
  left.set(a);
  right.set(b);
  karatsuba(multiplyLeaves, product, 0, left, 0, right, 0, padded, 0);
  // x^761 is x + 1.
  for (let i = 2 * degree - 2; i >= degree; i--) {
    const value = product[i] as number;
    product[i - degree] = (product[i - degree] as number) + value;
    product[i - degree + 1] = (product[i - degree + 1] as number) + value;
  }
  return product.subarray(0, degree);
}

/** Overwrites what the last product has left: its factors are secrets as often as not. */
export function forgetProduct(): void {
  for (const list of [left, right, product, packed, even, odd, single]) list.fill(0);
  for (const level of levels) {
    level.left.fill(0);
    level.right.fill(0);
    level.middle.fill(0);
  }
}

/** Writes the `2 * size` coefficients of a product, the last of them 0. */
function karatsuba(
  multiplyLeaves: typeof multiplyLeaf,
  out: Float64Array,
  at: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  size: number,
  depth: number,
): void {
  const level = levels[depth];
  if (level === undefined) {
    multiplyLeaves(out, at, a, aAt, b, bAt);
    return;
  }
  const half = size / 2;
  karatsuba(multiplyLeaves, out, at, a, aAt, b, bAt, half, depth + 1);
  karatsuba(multiplyLeaves, out, at + size, a, aAt + half, b, bAt + half, half, depth + 1);
  const { left: aSum, right: bSum, middle } = level;
  for (let i = 0; i < half; i++) {
    aSum[i] = (a[aAt + i] as number) + (a[aAt + half + i] as number);
    bSum[i] = (b[bAt + i] as number) + (b[bAt + half + i] as number);
  }
  karatsuba(multiplyLeaves, middle, 0, aSum, 0, bSum, 0, half, depth + 1);
  for (let i = 0; i < half; i++) {
    const low = out[at + i] as number;
    const lowTop = out[at + half + i] as number;
    const high = out[at + size + i] as number;
    const highTop = out[at + size + half + i] as number;
    out[at + half + i] = (middle[i] as number) - low - high + lowTop;
    out[at + size + i] = (middle[half + i] as number) - lowTop - highTop + high;
  }
}

/** The product of 96 and 96 coefficients, in pairs. */
function multiplyLeaf(
  out: Float64Array,
  at: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
): void {
  for (let i = 0; i < pairs; i++) {
    packed[i] = (a[aAt + 2 * i] as number) + lane * (a[aAt + 2 * i + 1] as number);
  }
  even.fill(0);
  odd.fill(0);
  for (let pass = 0; pass < pairs; pass += perPass) {
    addProducts(even, pass, packed, b, bAt + 2 * pass, 2);
    addProducts(odd, pass, packed, b, bAt + 2 * pass + 1, 2);
  }
  let carried = nothing[0] as number;
  for (let i = 0; i < leaf; i++) {
    const evenHigh = (even[i] as number) / lane + rounder - rounder;
    const oddHigh = (odd[i] as number) / lane + rounder - rounder;
    out[at + 2 * i] = (even[i] as number) - lane * evenHigh + carried;
    out[at + 2 * i + 1] = evenHigh + (odd[i] as number) - lane * oddHigh;
    carried = oddHigh;
  }
}

/** The product of 96 and 96 coefficients that do not fit in pairs: their products have up to 35 bits. */
function multiplyWholeLeaf(
  out: Float64Array,
  at: number,
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
): void {
  for (let i = 0; i < leaf; i++) single[i] = a[aAt + i] as number;
  for (let i = 0; i < 2 * leaf; i++) out[at + i] = 0;
  for (let pass = 0; pass < leaf; pass += perPass) addProducts(out, at + pass, single, b, bAt + pass, 1);
}

/**
 * Adds the products of all `factors`, behind which seven zeros stand, with eight
 * coefficients of `b`: those at `bAt` and at seven more steps of `step`.
 */
function addProducts(
  sums: Float64Array,
  at: number,
  factors: Float64Array,
  b: Float64Array,
  bAt: number,
  step: number,
): void {
  const b0 = b[bAt] as number;
  const b1 = b[bAt + step] as number;
  const b2 = b[bAt + 2 * step] as number;
  const b3 = b[bAt + 3 * step] as number;
  const b4 = b[bAt + 4 * step] as number;
  const b5 = b[bAt + 5 * step] as number;
  const b6 = b[bAt + 6 * step] as number;
  const b7 = b[bAt + 7 * step] as number;
  let a1 = nothing[0] as number;
  let a2 = a1;
  let a3 = a1;
  let a4 = a1;
  let a5 = a1;
  let a6 = a1;
  let a7 = a1;
  for (let i = 0; i < factors.length; i++) {
    const a0 = factors[i] as number;
    sums[at + i] =
      (sums[at + i] as number) +
      (a0 * b0 + a1 * b1 + (a2 * b2 + a3 * b3) + (a4 * b4 + a5 * b5 + (a6 * b6 + a7 * b7)));
    a7 = a6;
    a6 = a5;
    a5 = a4;
    a4 = a3;
    a3 = a2;
    a2 = a1;
    a1 = a0;
  }
}
