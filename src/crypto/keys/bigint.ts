/**
 * Whole numbers of any size, for Diffie-Hellman over a prime field and for RSA.
 *
 * Owns: conversion between magnitudes and bigint, modular power and inverse.
 * Must not know: what the numbers mean. Nothing here runs in constant time:
 * callers use each secret exponent once (Diffie-Hellman) or blind the base (RSA).
 */
import { fromHex, toHex } from '../../base/bytes.ts';

/** Value of a big-endian magnitude; zero for no bytes. */
export function bytesToBigInt(magnitude: Uint8Array): bigint {
  return magnitude.length === 0 ? 0n : BigInt(`0x${toHex(magnitude)}`);
}

/** Big-endian bytes of `value`, `length` of them; the caller knows that it fits and is not negative. */
export function bigIntToBytes(value: bigint, length: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * length, '0'));
}

/** Bits of a positive value; 0 for zero. */
export function bitLengthOf(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Remainder in 0 … modulus-1, for negative values too. */
export function modulo(value: bigint, modulus: bigint): bigint {
  const remainder = value % modulus;
  return remainder < 0n ? remainder + modulus : remainder;
}

const windowBits = 5;

/**
 * base^exponent mod modulus, for `exponent` >= 0 and `modulus` > 1.
 *
 * The quotient operator is faster than Montgomery or Barrett reduction written
 * over bigint: engines divide in native code, and each of those costs two more
 * multiplications.
 */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const powers = powersBelowWindow(modulo(base, modulus), modulus);
  const bits = exponent.toString(2);
  const digits = bits.padStart(Math.ceil(bits.length / windowBits) * windowBits, '0');
  let result = 1n;
  for (let i = 0; i < digits.length; i += windowBits) {
    if (i > 0) for (let k = 0; k < windowBits; k++) result = (result * result) % modulus;
    const digit = Number.parseInt(digits.slice(i, i + windowBits), 2);
    if (digit > 0) result = (result * (powers[digit] as bigint)) % modulus;
  }
  return result;
}

function powersBelowWindow(base: bigint, modulus: bigint): bigint[] {
  const powers = [1n, base];
  for (let i = 2; i < 1 << windowBits; i++) powers.push(((powers[i - 1] as bigint) * base) % modulus);
  return powers;
}

/** The inverse of `value` modulo `modulus`; undefined where they share a factor. */
export function modInverse(value: bigint, modulus: bigint): bigint | undefined {
  let [remainder, next] = [modulus, modulo(value, modulus)];
  let [coefficient, nextCoefficient] = [0n, 1n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [coefficient, nextCoefficient] = [nextCoefficient, coefficient - quotient * nextCoefficient];
  }
  return remainder === 1n ? modulo(coefficient, modulus) : undefined;
}
