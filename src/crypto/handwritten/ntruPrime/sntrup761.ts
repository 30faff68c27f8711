/**
 * Streamlined NTRU Prime with p = 761, q = 4591, w = 286.
 *
 * Owns: key generation, encapsulation, decapsulation, the encodings of keys and
 * ciphertexts.
 * Must not know: SSH, where randomness comes from, who computes SHA-512.
 * Source: "NTRU Prime: round 3" (Bernstein and others, 2020), §3 and §4.
 *
 * Coefficients lie around zero: -2295 to 2295 modulo 4591, -1 to 1 modulo 3. No
 * branch and no index here depends on a secret one; what an engine makes of that
 * is its own affair (SECURITY.md).
 */
import { concatBytes, wipe } from '../../../base/bytes.ts';
import type { Sntrup761 } from '../../provider/primitives.ts';
import type { RandomBytes } from '../../provider/random.ts';
import { type InverseSupply, invertible } from './inverseSupply.ts';
import { inverseModulo3 } from './modulo3.ts';
import { center, modulus } from './modulo4591.ts';
import { RadixCode } from './radix.ts';
import { degree, forgetProduct, multiplyTernary } from './ternaryProduct.ts';

/** Coefficients of a short polynomial that are not 0. */
const weight = 286;
/** (q - 1) / 2 */
const half = 2295;

const smallLength = 191;
const publicKeyLength = 1158;
const roundedLength = 1007;

const fullCode: RadixCode = new RadixCode(Array.from({ length: degree }, () => modulus));
const roundedCode: RadixCode = new RadixCode(Array.from({ length: degree }, () => (modulus + 2) / 3));

/** SHA-512 of all of `data`. */
export type Sha512 = (data: Uint8Array) => Uint8Array;

/**
 * The functions over somebody's SHA-512: loading another one costs as much as a key pair.
 *
 * @param supply where key pairs share inversions: they are no longer those of the order in which randomness is drawn
 */
export function createSntrup761(sha512: Sha512, supply?: InverseSupply): Sntrup761 {
  return {
    generate(randomBytes) {
      const { g, inverse } = drawInvertible(randomBytes);
      const draw = (): Int32Array => drawShort(randomBytes);
      const { f, inverse: third } = supply?.take(draw) ?? invertible(draw());
      const publicKey = encodeFull(product(third, g));
      const rho = randomBytes(smallLength);
      const secretKey = concatBytes(
        encodeSmall(f),
        encodeSmall(inverse),
        publicKey,
        rho,
        hash(sha512, 4, publicKey),
      );
      forgetProduct();
      for (const secret of [f, g, inverse, third]) secret.fill(0);
      return { publicKey, secretKey };
    },

    encapsulate(publicKey, randomBytes) {
      const r = drawShort(randomBytes);
      const encoded = encodeSmall(r);
      const ciphertext = hide(sha512, r, encoded, publicKey, hash(sha512, 4, publicKey));
      forgetProduct();
      return { ciphertext, sharedSecret: sessionKey(sha512, 1, encoded, ciphertext) };
    },

    decapsulate(ciphertext, secretKey) {
      const f = decodeSmall(secretKey.subarray(0, smallLength));
      const inverse = decodeSmall(secretKey.subarray(smallLength, 2 * smallLength));
      const rest = secretKey.subarray(2 * smallLength);
      const publicKey = rest.subarray(0, publicKeyLength);
      const rho = rest.subarray(publicKeyLength, publicKeyLength + smallLength);
      const r = decrypt(decodeRounded(ciphertext.subarray(0, roundedLength)), f, inverse);
      const encoded = encodeSmall(r);
      const expected = hide(sha512, r, encoded, publicKey, rest.subarray(publicKeyLength + smallLength));
      forgetProduct();
      let difference = 0;
      for (let i = 0; i < expected.length; i++) {
        difference |= (expected[i] as number) ^ (ciphertext[i] as number);
      }
      // All ones where the ciphertext is not what r makes: then rho takes the place of r.
      const mask = -((difference + 255) >> 8);
      for (let i = 0; i < smallLength; i++) {
        encoded[i] = (encoded[i] as number) ^ (mask & ((encoded[i] as number) ^ (rho[i] as number)));
      }
      const key = sessionKey(sha512, 1 + mask, encoded, ciphertext);
      wipe(encoded);
      for (const secret of [f, inverse, r]) secret.fill(0);
      return key;
    },
  };
}

// Hashes ---------------------------------------------------------------------

/** The first half of SHA-512 behind a byte that says what for. */
function hash(sha512: Sha512, purpose: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha512(concatBytes(Uint8Array.of(purpose), ...parts)).slice(0, 32);
}

function sessionKey(
  sha512: Sha512,
  purpose: number,
  encoded: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  return hash(sha512, purpose, hash(sha512, 3, encoded), ciphertext);
}

/** The ciphertext of r, and behind it a hash that confirms r. */
function hide(
  sha512: Sha512,
  r: Int32Array,
  encoded: Uint8Array,
  publicKey: Uint8Array,
  keyHash: Uint8Array,
): Uint8Array {
  const rounded = encodeRounded(product(decodeFull(publicKey), r));
  return concatBytes(rounded, hash(sha512, 2, hash(sha512, 3, encoded), keyHash));
}

/** r, or some polynomial of the right weight where there was none. */
function decrypt(c: Int32Array, f: Int32Array, inverse: Int32Array): Int32Array {
  const e = product(c, f);
  for (let i = 0; i < degree; i++) e[i] = center3(center(3 * (e[i] as number)));
  const r = new Int32Array(degree);
  const lifted = multiplyTernary(e, inverse);
  let sum = 0;
  for (let i = 0; i < degree; i++) {
    const value = center3(lifted[i] as number);
    r[i] = value;
    sum += value & 1;
  }
  e.fill(0);
  // 0 where the weight is right, all ones where it is not.
  const mask = -((((sum - weight) | (weight - sum)) >>> 31) & 1);
  for (let i = 0; i < degree; i++) r[i] = ((r[i] as number) & ~mask) | ((i < weight ? 1 : 0) & mask);
  return r;
}

/** The product modulo 4591; `b` is small. */
function product(a: Int32Array, b: Int32Array): Int32Array {
  const exact = multiplyTernary(a, b);
  const result = new Int32Array(degree);
  for (let i = 0; i < degree; i++) result[i] = center(exact[i] as number);
  return result;
}

/** The number from -1 to 1 congruent to `value` modulo 3. */
function center3(value: number): number {
  return value - 3 * Math.floor(value * (1 / 3) + 0.5);
}

// Randomness -------------------------------------------------------------------

/** g with its inverse modulo 3; most have one. */
function drawInvertible(randomBytes: RandomBytes): { readonly g: Int32Array; readonly inverse: Int32Array } {
  for (;;) {
    const g = drawWords(randomBytes);
    // From 0 to 2 by the high bits of the product with 3.
    for (let i = 0; i < degree; i++) g[i] = (Math.imul(3, (g[i] as number) & 0x3fffffff) >>> 30) - 1;
    const inverse = inverseModulo3(g);
    if (inverse !== undefined) return { g, inverse };
  }
}

/** 286 coefficients of 1 or -1 among zeros, in the order in which random numbers sort. */
function drawShort(randomBytes: RandomBytes): Int32Array {
  const words = drawWords(randomBytes);
  for (let i = 0; i < degree; i++) {
    const word = words[i] as number;
    // Unsigned numbers sort as signed ones do when their top bit is turned.
    words[i] = (i < weight ? word & ~1 : (word & ~3) | 1) ^ 0x80000000;
  }
  sortSteadily(words);
  for (let i = 0; i < degree; i++) words[i] = ((words[i] as number) & 3) - 1;
  return words;
}

/** Numbers of 32 bits, little-endian. */
function drawWords(randomBytes: RandomBytes): Int32Array {
  const bytes = randomBytes(4 * degree);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Int32Array(degree);
  for (let i = 0; i < degree; i++) words[i] = view.getInt32(4 * i, true);
  wipe(bytes);
  return words;
}

/** Sorts by comparisons in an order that is always the same (Batcher's merge exchange; Knuth, TAOCP 5.2.2, algorithm M). */
function sortSteadily(list: Int32Array): void {
  const top = 2 ** Math.ceil(Math.log2(list.length) - 1);
  for (let step = top; step > 0; step >>= 1) {
    let [distance, rest] = [step, 0];
    for (let reach = top; ; reach >>= 1) {
      exchangeAll(list, step, distance, rest);
      if (reach === step) break;
      [distance, rest] = [reach - step, step];
    }
  }
}

/** Orders each pair `distance` apart whose first place has `rest` in the bit of `step`. */
function exchangeAll(list: Int32Array, step: number, distance: number, rest: number): void {
  for (let start = rest; start + distance < list.length; start += 2 * step) {
    const end = Math.min(start + step, list.length - distance);
    for (let i = start; i < end; i++) {
      const a = list[i] as number;
      const b = list[i + distance] as number;
      const difference = a ^ b;
      const less = (b - a) | 0;
      // All that differs where b is the smaller one, and 0 where it is not. An engine may branch for Math.min.
      const exchange = difference & ((less ^ (difference & (less ^ b))) >> 31);
      list[i] = a ^ exchange;
      list[i + distance] = b ^ exchange;
    }
  }
}

// Bytes --------------------------------------------------------------------------

/** Four coefficients a byte, the last one alone. */
function encodeSmall(polynomial: Int32Array): Uint8Array {
  const bytes = new Uint8Array(smallLength);
  for (let i = 0; i < degree; i++) {
    bytes[i >> 2] = (bytes[i >> 2] as number) | (((polynomial[i] as number) + 1) << (2 * (i & 3)));
  }
  return bytes;
}

function decodeSmall(bytes: Uint8Array): Int32Array {
  const polynomial = new Int32Array(degree);
  for (let i = 0; i < degree; i++) polynomial[i] = (((bytes[i >> 2] as number) >> (2 * (i & 3))) & 3) - 1;
  return polynomial;
}

function encodeFull(polynomial: Int32Array): Uint8Array {
  for (let i = 0; i < degree; i++) polynomial[i] = (polynomial[i] as number) + half;
  return fullCode.encode(polynomial);
}

function decodeFull(bytes: Uint8Array): Int32Array {
  const polynomial = fullCode.decode(bytes);
  for (let i = 0; i < degree; i++) polynomial[i] = (polynomial[i] as number) - half;
  return polynomial;
}

/** Each coefficient rounded to the next multiple of 3. Uses its memory up. */
function encodeRounded(polynomial: Int32Array): Uint8Array {
  for (let i = 0; i < degree; i++) {
    // A third of a multiple of 3, by the nearest integer: no division of a secret.
    polynomial[i] = Math.floor(((polynomial[i] as number) + half) * (1 / 3) + 0.5);
  }
  return roundedCode.encode(polynomial);
}

function decodeRounded(bytes: Uint8Array): Int32Array {
  const polynomial = roundedCode.decode(bytes);
  for (let i = 0; i < degree; i++) polynomial[i] = 3 * (polynomial[i] as number) - half;
  return polynomial;
}
