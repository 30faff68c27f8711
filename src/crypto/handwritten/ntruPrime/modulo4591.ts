/**
 * The field that sntrup761 works in: polynomials over Z/4591 modulo x^761 - x - 1.
 *
 * Owns: reduction modulo 4591, the inverse of a small polynomial.
 * Must not know: keys, bytes, multiplication of polynomials.
 * Sources: "NTRU Prime: round 3" (Bernstein and others, 2020), §3; "Fast
 * constant-time gcd computation and modular inversion" (Bernstein and Yang,
 * 2019), §5 and §6.
 *
 * No branch, no index and no division depends on a coefficient.
 */
import { degree, nothing } from './ternaryProduct.ts';

export const modulus = 4591;
/** One third. */
const third = -1530;
/** Steps of Euclid's algorithm. */
const allSteps = 2 * degree - 1;
/** Steps that one pass over the coefficients makes; 1521 is a multiple of it. */
const stepsAtOnce = 3;
/** Places before the coefficients, which take what a pass writes before its first step has all it needs. */
const lead = 3;
/** Where the cofactors begin: each step moves one of them a place down. */
const top = lead + allSteps - 1;
/** Adding it to a number below 2^51 and taking it away again rounds to an integer. */
const rounder = 1.5 * 2 ** 52;

const f = new Float64Array(lead + degree + 1 + stepsAtOnce);
const g = new Float64Array(lead + degree + 1 + stepsAtOnce);
const v = new Float64Array(top + 2 + stepsAtOnce);
const r = new Float64Array(top + 2 + stepsAtOnce);
/** What three steps do, four numbers each: f becomes m0 f + m1 g, and g becomes m2 f + m3 g. */
const steps = new Float64Array(4 * stepsAtOnce);
/** Whether the next step swaps, and the coefficients that three steps depend on. */
let delta = 1;
const lowest = new Float64Array(2 * stepsAtOnce);

/** The number congruent to `value` from -2295 to 2295; `value` is below 2^50 in size. */
export function center(value: number): number {
  return value - modulus * (value * (1 / modulus) + rounder - rounder);
}

/**
 * 1/(3s). Every small polynomial other than 0 has an inverse: x^761 - x - 1 is
 * irreducible over this field.
 *
 * Euclid's algorithm on x^761 - x - 1 and s, both reversed, in 1521 steps that
 * do not depend on them.
 */
export function inverseOfTriple(small: Int32Array): Int32Array {
  forget();
  f[lead] = 1;
  f[lead + degree - 1] = -1;
  f[lead + degree] = -1;
  for (let i = 0; i < degree; i++) g[lead + degree - 1 - i] = small[i] as number;
  r[top] = third;
  for (let step = 0; step < allSteps; step += stepsAtOnce) {
    plan();
    // Coefficients outside of these take no part any more, or are still 0.
    eliminate(f, g, lead, lead + Math.min(degree, allSteps - step));
    eliminate(v, r, top - step, top + 1 - Math.max(0, step - degree));
  }
  const scale = inverse(f[lead] as number);
  const result = new Int32Array(degree);
  for (let i = 0; i < degree; i++) result[i] = center((v[lead + degree - 1 - i] as number) * scale);
  forget();
  return result;
}

function forget(): void {
  for (const list of [f, g, v, r, steps, lowest]) list.fill(0);
  delta = 1;
}

/** The next three steps. They depend on three coefficients of f and of g. */
function plan(): void {
  for (let i = 0; i < stepsAtOnce; i++) {
    lowest[i] = f[lead + i] as number;
    lowest[stepsAtOnce + i] = g[lead + i] as number;
  }
  for (let step = 0; step < stepsAtOnce; step++) {
    const f0 = lowest[0] as number;
    const g0 = lowest[stepsAtOnce] as number;
    const swap = (-delta >> 31) & ((g0 | -g0) >> 31);
    delta = (delta ^ (swap & (delta ^ -delta))) + 1;
    const m0 = 1 + swap;
    const m1 = -swap;
    // Swapped or not, g0 f - f0 g has no last coefficient; its sign does not matter.
    const m2 = -g0;
    const m3 = f0;
    steps[4 * step] = m0;
    steps[4 * step + 1] = m1;
    steps[4 * step + 2] = m2;
    steps[4 * step + 3] = m3;
    lowest[0] = m0 * f0 + m1 * g0;
    for (let i = 1; i < stepsAtOnce; i++) {
      const a = lowest[i] as number;
      const b = lowest[stepsAtOnce + i] as number;
      lowest[i] = m0 * a + m1 * b;
      lowest[stepsAtOnce + i - 1] = center(m2 * a + m3 * b);
    }
  }
}

/**
 * Three steps on f and g. Each keeps f or takes g in its place, and makes a g
 * whose last coefficient is 0, which it drops. Three at once save memory and
 * reductions: each step multiplies the numbers by 2^12.2 at most, and they stay
 * below 2^48. What step two needs of the coefficient before is kept in `f1`, what
 * step three needs in `f2`.
 *
 * The cofactors take the same steps, but nothing of them is dropped: what moves a
 * place down is there. So after n steps they are those of the algorithm, v times x,
 * divided by x^n. One function for both is compiled once.
 */
function eliminate(f: Float64Array, g: Float64Array, first: number, last: number): void {
  const a0 = steps[0] as number;
  const a1 = steps[1] as number;
  const a2 = steps[2] as number;
  const a3 = steps[3] as number;
  const b0 = steps[4] as number;
  const b1 = steps[5] as number;
  const b2 = steps[6] as number;
  const b3 = steps[7] as number;
  const c0 = steps[8] as number;
  const c1 = steps[9] as number;
  const c2 = steps[10] as number;
  const c3 = steps[11] as number;
  let f1 = nothing[0] as number;
  let f2 = f1;
  for (let i = first; i <= last + stepsAtOnce; i++) {
    const f0 = f[i] as number;
    const g0 = g[i] as number;
    const x = f0 * a0 + g0 * a1;
    let h = f0 * a2 + g0 * a3;
    const y = f1 * b0 + h * b1;
    h = f1 * b2 + h * b3;
    const z = f2 * c0 + h * c1;
    h = f2 * c2 + h * c3;
    f1 = x;
    f2 = y;
    f[i - 2] = z - modulus * (z * (1 / modulus) + rounder - rounder);
    g[i - 3] = h - modulus * (h * (1 / modulus) + rounder - rounder);
  }
}

/** By Fermat, value^4589. */
function inverse(value: number): number {
  let result = value;
  for (let bit = 11; bit >= 0; bit--) {
    result = center(result * result);
    // The exponent is no secret.
    if (((modulus - 2) >> bit) & 1) result = center(result * value);
  }
  return result;
}
