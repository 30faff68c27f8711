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

/** Words for 762 coefficients. */
const words = 24;

/** A polynomial: where it has 1, and where -1. One word more is always 0. */
interface Planes {
  readonly ones: Int32Array;
  readonly minusOnes: Int32Array;
}

const planes = (): Planes => ({
  ones: new Int32Array(words + 1),
  minusOnes: new Int32Array(words + 1),
});

const f = planes();
const g = planes();
const v = planes();
const r = planes();

/**
 * 1/s modulo 3; undefined where s has none.
 *
 * Euclid's algorithm on x^761 - x - 1 and s, both reversed, in 1521 steps that
 * do not depend on them.
 */
export function inverseModulo3(small: Int32Array): Int32Array | undefined {
  clear();
  put(f, 0, 1);
  put(f, degree - 1, -1);
  put(f, degree, -1);
  for (let i = 0; i < degree; i++) put(g, degree - 1 - i, small[i] as number);
  put(r, 0, 1);
  let delta = 1;
  for (let step = 0; step < 2 * degree - 1; step++) {
    const f0 = coefficient(f, 0);
    const g0 = coefficient(g, 0);
    const swap = (-delta >> 31) & -(g0 & 1);
    delta = (delta ^ (swap & (delta ^ -delta))) + 1;
    // g0 + factor * f0 is 0 modulo 3, whichever of the two is taken from the other.
    const factor = -f0 * g0;
    const plus = -(factor & 1 & ~(factor >> 31));
    const minus = factor >> 31;
    // Coefficients beyond these take no part any more, or are still 0.
    eliminate((Math.min(degree, 2 * degree - 1 - step) >> 5) + 1, swap, plus, minus);
    eliminateShifted((Math.min(degree, step + 1) >> 5) + 1, swap, plus, minus);
  }
  const scale = coefficient(f, 0);
  const result = new Int32Array(degree);
  for (let i = 0; i < degree; i++) result[i] = scale * coefficient(v, degree - 1 - i);
  clear();
  return delta === 0 ? result : undefined;
}

/** Swaps f and g if told to, adds a multiple of f to g so that its last coefficient is 0, and drops that. */
function eliminate(count: number, swap: number, plus: number, minus: number): void {
  const { ones: f1, minusOnes: f2 } = f;
  const { ones: g1, minusOnes: g2 } = g;
  let low1 = 0;
  let low2 = 0;
  for (let i = 0; i < count; i++) {
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
    if (i > 0) {
      g1[i - 1] = (low1 >>> 1) | (sum1 << 31);
      g2[i - 1] = (low2 >>> 1) | (sum2 << 31);
    }
    low1 = sum1;
    low2 = sum2;
  }
  g1[count - 1] = low1 >>> 1;
  g2[count - 1] = low2 >>> 1;
}

/** The same for the cofactors, v times x. */
function eliminateShifted(count: number, swap: number, plus: number, minus: number): void {
  const { ones: v1, minusOnes: v2 } = v;
  const { ones: r1, minusOnes: r2 } = r;
  let high1 = 0;
  let high2 = 0;
  for (let i = 0; i < count; i++) {
    const next1 = v1[i] as number;
    const next2 = v2[i] as number;
    let a1 = (next1 << 1) | high1;
    let a2 = (next2 << 1) | high2;
    high1 = next1 >>> 31;
    high2 = next2 >>> 31;
    let b1 = r1[i] as number;
    let b2 = r2[i] as number;
    const t1 = (a1 ^ b1) & swap;
    const t2 = (a2 ^ b2) & swap;
    a1 ^= t1;
    a2 ^= t2;
    b1 ^= t1;
    b2 ^= t2;
    v1[i] = a1;
    v2[i] = a2;
    const m1 = (a1 & plus) | (a2 & minus);
    const m2 = (a2 & plus) | (a1 & minus);
    const either = (b1 | m2) ^ (b2 | m1);
    r1[i] = (b2 | m2) ^ either;
    r2[i] = (b1 | m1) ^ either;
  }
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
