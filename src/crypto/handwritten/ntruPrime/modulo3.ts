/**
 * Polynomials over Z/3 modulo x^761 - x - 1, 32 coefficients in two words.
 *
 * Owns: the inverse of such a polynomial.
 * Must not know: keys, bytes.
 * Sources: "NTRU Prime: round 3" (Bernstein and others, 2020), §3; "Fast
 * constant-time gcd computation and modular inversion" (Bernstein and Yang,
 * 2019), §5 and §6.
 *
 * A coefficient is two bits, one in each plane: 1 is (1, 0), -1 is (0, 1), 0 is
 * (0, 0). No branch and no index depends on a coefficient.
 */
import { degree } from './ternaryProduct.ts';

/** Steps of Euclid's algorithm. */
const allSteps = 2 * degree - 1;
/** A word before the coefficients takes what is dropped, which is 0. */
const lead = 32;
/** Where the cofactors begin: each step moves one of them a place down. */
const top = lead + allSteps - 1;

/** A polynomial: where it has 1, and where -1. */
interface Planes {
  readonly ones: Int32Array;
  readonly minusOnes: Int32Array;
}

const planes = (places: number): Planes => ({
  ones: new Int32Array((places >> 5) + 1),
  minusOnes: new Int32Array((places >> 5) + 1),
});

const f = planes(lead + degree);
const g = planes(lead + degree);
const v = planes(top + 1);
const r = planes(top + 1);

/**
 * 1/s modulo 3; undefined where s has none.
 *
 * Euclid's algorithm on x^761 - x - 1 and s, both reversed, in 1521 steps that
 * do not depend on them.
 */
export function inverseModulo3(small: Int32Array): Int32Array | undefined {
  clear();
  put(f, lead, 1);
  put(f, lead + degree - 1, -1);
  put(f, lead + degree, -1);
  for (let i = 0; i < degree; i++) put(g, lead + degree - 1 - i, small[i] as number);
  put(r, top, 1);
  let delta = 1;
  for (let step = 0; step < allSteps; step++) {
    const f0 = coefficient(f, lead);
    const g0 = coefficient(g, lead);
    const swap = (-delta >> 31) & -(g0 & 1);
    delta = (delta ^ (swap & (delta ^ -delta))) + 1;
    // g0 + factor * f0 is 0 modulo 3, whichever of the two is taken from the other.
    const factor = -f0 * g0;
    const plus = -(factor & 1 & ~(factor >> 31));
    const minus = factor >> 31;
    // Coefficients outside of these take no part any more, or are still 0.
    eliminate(f, g, lead, lead + Math.min(degree, allSteps - step), swap, plus, minus);
    eliminate(v, r, top - step, top + 1 - Math.max(0, step - degree), swap, plus, minus);
  }
  const scale = coefficient(f, lead);
  const result = new Int32Array(degree);
  for (let i = 0; i < degree; i++) result[i] = scale * coefficient(v, lead + degree - 1 - i);
  clear();
  return delta === 0 ? result : undefined;
}

/**
 * Swaps f and g if told to, adds a multiple of f to g so that its last coefficient
 * is 0, and drops that: g moves a place down.
 *
 * The cofactors take the same steps, but nothing of them is dropped. So after n
 * steps they are those of the algorithm, v times x, divided by x^n.
 */
function eliminate(
  { ones: f1, minusOnes: f2 }: Planes,
  { ones: g1, minusOnes: g2 }: Planes,
  first: number,
  last: number,
  swap: number,
  plus: number,
  minus: number,
): void {
  let low1 = 0;
  let low2 = 0;
  const end = last >> 5;
  for (let i = first >> 5; i <= end; i++) {
    let a1 = f1[i] as number;
    let a2 = f2[i] as number;
    let b1 = g1[i] as number;
    let b2 = g2[i] as number;
    const t1 = (a1 ^ b1) & swap;
    const t2 = (a2 ^ b2) & swap;
    a1 ^= t1;
    a2 ^= t2;
    b1 ^= t1;
    b2 ^= t2;
    f1[i] = a1;
    f2[i] = a2;
    const m1 = (a1 & plus) | (a2 & minus);
    const m2 = (a2 & plus) | (a1 & minus);
    const either = (b1 | m2) ^ (b2 | m1);
    const sum1 = (b2 | m2) ^ either;
    const sum2 = (b1 | m1) ^ either;
    g1[i - 1] = (low1 >>> 1) | (sum1 << 31);
    g2[i - 1] = (low2 >>> 1) | (sum2 << 31);
    low1 = sum1;
    low2 = sum2;
  }
  g1[end] = low1 >>> 1;
  g2[end] = low2 >>> 1;
}

function clear(): void {
  for (const { ones, minusOnes } of [f, g, v, r]) {
    ones.fill(0);
    minusOnes.fill(0);
  }
}

/** Sets a coefficient that is 0 to -1, 0 or 1. */
function put({ ones, minusOnes }: Planes, place: number, value: number): void {
  const word = place >> 5;
  ones[word] = (ones[word] as number) | ((value & 1 & ~(value >> 31)) << (place & 31));
  minusOnes[word] = (minusOnes[word] as number) | (-(value >> 31) << (place & 31));
}

function coefficient({ ones, minusOnes }: Planes, place: number): number {
  const word = place >> 5;
  return (
    (((ones[word] as number) >>> (place & 31)) & 1) - (((minusOnes[word] as number) >>> (place & 31)) & 1)
  );
}
