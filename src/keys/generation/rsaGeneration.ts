/**
 * RSA keys by plain means.
 *
 * Owns: random primes (FIPS 186-5 A.1.3 and B.3.1, Miller-Rabin) and the key of
 * two of them, in steps. Slow against native code, by a factor of ten or more.
 * Must not know: files, where randomness comes from.
 */

import { bytesToBigInt } from '../../crypto/keys/bigint.ts';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import { toMagnitude } from '../pem/numbers.ts';

const exponent = 65_537n;
type RandomBytes = (length: number) => Uint8Array;

/** Each `next()` is one test of a number by one base. */
export function* generateRsaSteps(bits: number, randomBytes: RandomBytes): Generator<void, RsaPrivateKey> {
  for (;;) {
    const first = yield* randomPrime(bits / 2, randomBytes);
    const second = yield* randomPrime(bits / 2, randomBytes);
    const [p, q] = first > second ? [first, second] : [second, first];
    // FIPS 186-5 A.1.3 step 5.4: primes too close give the factors away.
    if ((p - q) >> BigInt(bits / 2 - 100) === 0n) continue;
    return rsaKey(p, q);
  }
}

function rsaKey(p: bigint, q: bigint): RsaPrivateKey {
  const order = ((p - 1n) * (q - 1n)) / greatestCommonDivisor(p - 1n, q - 1n);
  return {
    type: 'ssh-rsa',
    publicKey: { type: 'ssh-rsa', exponent: toMagnitude(exponent), modulus: toMagnitude(p * q) },
    privateExponent: toMagnitude(inverse(exponent, order)),
    prime1: toMagnitude(p),
    prime2: toMagnitude(q),
    coefficient: toMagnitude(inverse(q % p, p)),
  };
}

/** A prime whose two highest bits are set, so that the product of two has all its bits. */
function* randomPrime(bits: number, randomBytes: RandomBytes): Generator<void, bigint> {
  const top = 3n << BigInt(bits - 2);
  for (;;) {
    const candidate = bytesToBigInt(randomBytes(bits / 8)) | top | 1n;
    if (hasSmallFactor(candidate) || candidate % exponent === 1n) continue;
    if (yield* isProbablePrime(candidate, randomBytes)) return candidate;
  }
}

/** Rounds of Miller-Rabin for an error below 2^-128 on random candidates of 1024 bits and more (FIPS 186-5 table B.1: 4 or 5). */
const rounds = 8;

/** Miller-Rabin with random bases; each `next()` does one of them. */
export function* isProbablePrime(candidate: bigint, randomBytes: RandomBytes): Generator<void, boolean> {
  const length = Math.ceil(candidate.toString(16).length / 2);
  let odd = candidate - 1n;
  let twos = 0;
  for (; odd % 2n === 0n; odd >>= 1n) twos++;
  for (let round = 0; round < rounds; round++) {
    yield;
    const base = 2n + (bytesToBigInt(randomBytes(length + 8)) % (candidate - 3n));
    if (!passes(candidate, base, odd, twos)) return false;
  }
  return true;
}

function passes(candidate: bigint, base: bigint, odd: bigint, twos: number): boolean {
  let power = modularPower(base, odd, candidate);
  if (power === 1n) return true;
  for (let i = 0; i < twos; i++) {
    if (power === candidate - 1n) return true;
    power = (power * power) % candidate;
  }
  return false;
}

/** Four bits of the exponent at a time. */
function modularPower(base: bigint, power: bigint, modulus: bigint): bigint {
  const table = [1n];
  for (let i = 1; i < 16; i++) table.push(((table[i - 1] as bigint) * base) % modulus);
  let result = 1n;
  for (const digit of power.toString(16)) {
    for (let i = 0; i < 4; i++) result = (result * result) % modulus;
    if (digit !== '0') result = (result * (table[Number.parseInt(digit, 16)] as bigint)) % modulus;
  }
  return result;
}

/** The odd primes below 2000, and their product: one division of a large number for all of them. */
const smallPrimes: readonly bigint[] = sieve(2000);
let smallProduct: bigint | undefined;

function hasSmallFactor(candidate: bigint): boolean {
  smallProduct ??= smallPrimes.reduce((product, prime) => product * prime, 1n);
  const rest = candidate % smallProduct;
  return smallPrimes.some((prime) => rest % prime === 0n);
}

function sieve(limit: number): bigint[] {
  const composite = new Uint8Array(limit);
  const primes: bigint[] = [];
  for (let n = 3; n < limit; n += 2) {
    if (composite[n] === 1) continue;
    primes.push(BigInt(n));
    for (let m = n * n; m < limit; m += n) composite[m] = 1;
  }
  return primes;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [larger, smaller] = [a, b];
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}

/** a^-1 mod m; the two have no common divisor. */
function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, s0, s1] = [m, a, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [s0, s1] = [s1, s0 - quotient * s1];
  }
  return s0 < 0n ? s0 + m : s0;
}
