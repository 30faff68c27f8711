/**
 * Streamlined NTRU Prime with p = 761, q = 4591, w = 286.
 *
 * Owns: key generation, encapsulation, decapsulation; polynomials modulo
 * x^761 - x - 1 over Z/4591 and over Z/3.
 * Must not know: SSH, where randomness comes from.
 * Source: "NTRU Prime: round 3" (Bernstein and others, 2020), §3 and §4.
 *
 * Coefficients lie around zero: -2295 to 2295 modulo 4591, -1 to 1 modulo 3. No
 * branch and no index here depends on a secret one; what an engine makes of that
 * is its own affair (SECURITY.md).
 */
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, wipe } from '../../base/bytes.ts';
import type { Sntrup761 } from '../primitives.ts';
import type { RandomBytes } from '../random.ts';
import { decodeRadix, encodeRadix } from './radix.ts';

const p = 761;
const q = 4591;
const w = 286;
/** (q - 1) / 2 */
const half = 2295;

const smallLength = 191;
const publicKeyLength = 1158;
const roundedLength = 1007;

/** p coefficients; products on their way are longer. */
type Polynomial = Int32Array;

const fullModuli: readonly number[] = Array.from({ length: p }, () => q);
const roundedModuli: readonly number[] = Array.from({ length: p }, () => (q + 2) / 3);

export const sntrup761: Sntrup761 = {
  generate(randomBytes) {
    const { g, inverse } = drawInvertible(randomBytes);
    const f = drawShort(randomBytes);
    const publicKey = encodeFull(multiply(inverseOfTriple(f), g, q));
    const rho = randomBytes(smallLength);
    const secretKey = concatBytes(encodeSmall(f), encodeSmall(inverse), publicKey, rho, hash(4, publicKey));
    return { publicKey, secretKey };
  },

  encapsulate(publicKey, randomBytes) {
    const r = drawShort(randomBytes);
    const encoded = encodeSmall(r);
    const ciphertext = hide(r, encoded, publicKey, hash(4, publicKey));
    return { ciphertext, sharedSecret: sessionKey(1, encoded, ciphertext) };
  },

  decapsulate(ciphertext, secretKey) {
    const f = decodeSmall(secretKey.subarray(0, smallLength));
    const inverse = decodeSmall(secretKey.subarray(smallLength, 2 * smallLength));
    const rest = secretKey.subarray(2 * smallLength);
    const publicKey = rest.subarray(0, publicKeyLength);
    const rho = rest.subarray(publicKeyLength, publicKeyLength + smallLength);
    const r = decrypt(decodeRounded(ciphertext.subarray(0, roundedLength)), f, inverse);
    const encoded = encodeSmall(r);
    const expected = hide(r, encoded, publicKey, rest.subarray(publicKeyLength + smallLength));
    let difference = 0;
    for (let i = 0; i < expected.length; i++) {
      difference |= (expected[i] as number) ^ (ciphertext[i] as number);
    }
    // All ones where the ciphertext is not what r makes: then rho takes the place of r.
    const mask = -((difference + 255) >> 8);
    for (let i = 0; i < smallLength; i++) {
      encoded[i] = (encoded[i] as number) ^ (mask & ((encoded[i] as number) ^ (rho[i] as number)));
    }
    const key = sessionKey(1 + mask, encoded, ciphertext);
    wipe(encoded);
    return key;
  },
};

// Hashes ---------------------------------------------------------------------

/** The first half of SHA-512 behind a byte that says what for. */
function hash(purpose: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha512(concatBytes(Uint8Array.of(purpose), ...parts)).slice(0, 32);
}

function sessionKey(purpose: number, encoded: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return hash(purpose, hash(3, encoded), ciphertext);
}

/** The ciphertext of r, and behind it a hash that confirms r. */
function hide(r: Polynomial, encoded: Uint8Array, publicKey: Uint8Array, keyHash: Uint8Array): Uint8Array {
  const rounded = encodeRounded(multiply(decodeFull(publicKey), r, q));
  return concatBytes(rounded, hash(2, hash(3, encoded), keyHash));
}

/** r, or some polynomial of weight w where there was none. */
function decrypt(c: Polynomial, f: Polynomial, inverse: Polynomial): Polynomial {
  const lifted = multiply(c, f, q);
  const e = lifted.map((value) => center(center(3 * value, q), 3));
  const r = multiply(e, inverse, 3);
  let weight = 0;
  for (const value of r) weight += value & 1;
  // 0 where the weight is right, all ones where it is not.
  const mask = -((((weight - w) | (w - weight)) >>> 31) & 1);
  return r.map((value, i) => (value & ~mask) | ((i < w ? 1 : 0) & mask));
}

// Randomness -------------------------------------------------------------------

/** g with its inverse modulo 3; most have one. */
function drawInvertible(randomBytes: RandomBytes): { readonly g: Polynomial; readonly inverse: Polynomial } {
  for (;;) {
    const words = drawWords(randomBytes);
    const g = Int32Array.from(words, (word) => Math.floor((3 * (word & 0x3fffffff)) / 2 ** 30) - 1);
    const inverse = inverseModulo3(g);
    if (inverse !== undefined) return { g, inverse };
  }
}

/** w coefficients of 1 or -1 among zeros, in the order in which random numbers sort. */
function drawShort(randomBytes: RandomBytes): Polynomial {
  const words = drawWords(randomBytes).map((word, i) =>
    i < w ? word & 0xfffffffe : (word & 0xfffffffd) | 1,
  );
  sortSteadily(words);
  return Int32Array.from(words, (word) => (word & 3) - 1);
}

/** Numbers of 32 bits, little-endian. */
function drawWords(randomBytes: RandomBytes): Uint32Array {
  const bytes = randomBytes(4 * p);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: p }, (_, i) => view.getUint32(4 * i, true));
}

// Arithmetic -------------------------------------------------------------------

/** The number congruent to `value` that lies around zero, for an odd modulus; no quotient here is near enough to a half to be rounded wrong. */
function center(value: number, modulus: number): number {
  return value - modulus * Math.floor(value * (1 / modulus) + 0.5);
}

/** The product modulo x^p - x - 1; `b` is small, so that sums stay below 2^31. */
function multiply(a: Polynomial, b: Polynomial, modulus: number): Polynomial {
  const product = new Int32Array(2 * p - 1);
  for (let i = 0; i < p; i++) {
    const factor = b[i] as number;
    for (let j = 0; j < p; j++) product[i + j] = (product[i + j] as number) + factor * (a[j] as number);
  }
  for (let i = 2 * p - 2; i >= p; i--) {
    product[i - p] = (product[i - p] as number) + (product[i] as number);
    product[i - p + 1] = (product[i - p + 1] as number) + (product[i] as number);
  }
  return product.subarray(0, p).map((value) => center(value, modulus));
}

/** 1/(3f) modulo q. Every short f has an inverse, because q was chosen for it. */
function inverseOfTriple(f: Polynomial): Polynomial {
  const { last, v } = divide(f, { modulus: q, one: inverseModulo(3, q), reduceEvery: 3 });
  const scale = inverseModulo(last, q);
  return v.map((value) => center(scale * value, q));
}

/** 1/g modulo 3; undefined where g has none. */
function inverseModulo3(g: Polynomial): Polynomial | undefined {
  const { last, v, isInvertible } = divide(g, { modulus: 3, one: 1, reduceEvery: 32 });
  return isInvertible ? v.map((value) => last * value) : undefined;
}

interface Field {
  readonly modulus: number;
  readonly one: number;
  /** Steps after which numbers are reduced: each multiplies them by twice the largest at most, and they stay below 2^48. */
  readonly reduceEvery: number;
}

/**
 * Euclid's algorithm on x^p - x - 1 and `input`, both reversed, in steps that do
 * not depend on them ("Fast constant-time gcd computation and modular
 * inversion", Bernstein and Yang, 2019). `v / last` is the inverse where there is one.
 */
function divide(
  input: Polynomial,
  { modulus, one, reduceEvery }: Field,
): { readonly last: number; readonly v: Polynomial; readonly isInvertible: boolean } {
  const f = new Float64Array(p + 1);
  const g = new Float64Array(p + 1);
  const v = new Float64Array(p + 1);
  const r = new Float64Array(p + 1);
  f[0] = 1;
  f[p - 1] = -1;
  f[p] = -1;
  for (let i = 0; i < p; i++) g[p - 1 - i] = input[i] as number;
  r[0] = one;
  let delta = 1;
  for (let step = 0; step < 2 * p - 1; step++) {
    const f0 = center(f[0] as number, modulus);
    const g0 = center(g[0] as number, modulus);
    const swap = (-delta >> 31) & ((g0 | -g0) >> 31) & 1;
    delta = (delta ^ (-swap & (delta ^ -delta))) + 1;
    const sign = 1 - 2 * swap;
    // Coefficients beyond these take no part any more, or are still 0.
    eliminate(f, g, Math.min(p, 2 * p - 1 - step), swap, sign * f0, sign * g0);
    eliminateShifted(v, r, Math.min(p, step + 1), swap, sign * f0, sign * g0);
    if (step % reduceEvery === reduceEvery - 1) for (const list of [f, g, v, r]) reduce(list, modulus);
  }
  reduce(v, modulus);
  return {
    last: center(f[0] as number, modulus),
    v: Int32Array.from(v.subarray(0, p)).reverse(),
    isInvertible: delta === 0,
  };
}

/** Swaps f and g if told to, takes that multiple of f from g which makes its last coefficient 0, and drops that. */
function eliminate(
  f: Float64Array,
  g: Float64Array,
  degree: number,
  swap: number,
  factor: number,
  cofactor: number,
): void {
  f[0] = (f[0] as number) + swap * ((g[0] as number) - (f[0] as number));
  for (let i = 1; i <= degree; i++) {
    const a = f[i] as number;
    const b = g[i] as number;
    f[i] = a + swap * (b - a);
    g[i - 1] = factor * b - cofactor * a;
  }
  g[degree] = 0;
}

/** The same for the cofactors, v times x. */
function eliminateShifted(
  v: Float64Array,
  r: Float64Array,
  degree: number,
  swap: number,
  factor: number,
  cofactor: number,
): void {
  let a = 0;
  for (let i = 0; i <= degree; i++) {
    const next = v[i] as number;
    const b = r[i] as number;
    v[i] = a + swap * (b - a);
    r[i] = factor * b - cofactor * a;
    a = next;
  }
}

function reduce(list: Float64Array, modulus: number): void {
  const inverse = 1 / modulus;
  for (let i = 0; i <= p; i++) {
    const value = list[i] as number;
    list[i] = value - modulus * Math.floor(value * inverse + 0.5);
  }
}

/** By Fermat: value^(modulus - 2). */
function inverseModulo(value: number, modulus: number): number {
  let result = 1;
  for (let i = 0; i < modulus - 2; i++) result = center(result * value, modulus);
  return result;
}

/** Sorts by comparisons in an order that is always the same (Batcher's merge exchange; Knuth, TAOCP 5.2.2, algorithm M). */
function sortSteadily(list: Uint32Array): void {
  const top = 2 ** Math.ceil(Math.log2(list.length) - 1);
  for (let step = top; step > 0; step >>= 1) {
    let [distance, rest] = [step, 0];
    for (let reach = top; ; reach >>= 1) {
      for (let i = 0; i + distance < list.length; i++) {
        if ((i & step) !== rest) continue;
        const [a, b] = [list[i] as number, list[i + distance] as number];
        list[i] = Math.min(a, b);
        list[i + distance] = Math.max(a, b);
      }
      if (reach === step) break;
      [distance, rest] = [reach - step, step];
    }
  }
}

// Bytes --------------------------------------------------------------------------

/** Four coefficients a byte, the last one alone. */
function encodeSmall(polynomial: Polynomial): Uint8Array {
  const bytes = new Uint8Array(smallLength);
  for (let i = 0; i < p; i++) {
    bytes[i >> 2] = (bytes[i >> 2] as number) | (((polynomial[i] as number) + 1) << (2 * (i & 3)));
  }
  return bytes;
}

function decodeSmall(bytes: Uint8Array): Polynomial {
  return Int32Array.from({ length: p }, (_, i) => (((bytes[i >> 2] as number) >> (2 * (i & 3))) & 3) - 1);
}

function encodeFull(polynomial: Polynomial): Uint8Array {
  return Uint8Array.from(
    encodeRadix(
      Array.from(polynomial, (value) => value + half),
      fullModuli,
    ),
  );
}

function decodeFull(bytes: Uint8Array): Polynomial {
  return Int32Array.from(decodeRadix(bytes, fullModuli), (value) => value - half);
}

/** Each coefficient rounded to the next multiple of 3. */
function encodeRounded(polynomial: Polynomial): Uint8Array {
  const thirds = Array.from(polynomial, (value) => (value - center(value, 3) + half) / 3);
  return Uint8Array.from(encodeRadix(thirds, roundedModuli));
}

function decodeRounded(bytes: Uint8Array): Polynomial {
  return Int32Array.from(decodeRadix(bytes, roundedModuli), (value) => 3 * value - half);
}
