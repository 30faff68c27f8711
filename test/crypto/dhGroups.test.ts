import { createHash, getDiffieHellman } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { type DhGroupName, dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { bytesToBigInt, modPow } from '../../src/crypto/keys/bigint.ts';

/** floor(2^bits · pi), by Machin's formula with guard bits. */
function scaledPi(bits: number): bigint {
  const guard = 64n;
  const one = 1n << (BigInt(bits) + guard);
  const arctanOfInverse = (x: bigint): bigint => {
    let power = one / x;
    let sum = power;
    for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
      power /= x * x;
      sum += (sign * power) / n;
    }
    return sum;
  };
  return (16n * arctanOfInverse(5n) - 4n * arctanOfInverse(239n)) >> guard;
}

/** Bits and the addend of each prime's formula, as RFC 2409 §6.2 and RFC 3526 §3 to §7 print them. */
const formulas: readonly [DhGroupName, number, bigint][] = [
  ['group1', 1024, 129093n],
  ['group14', 2048, 124476n],
  ['group15', 3072, 1690314n],
  ['group16', 4096, 240904n],
  ['group17', 6144, 929484n],
  ['group18', 8192, 4743158n],
];

describe('the primes of RFC 2409 and RFC 3526', () => {
  it.each(formulas)('%s is 2^%i - 2^(n-64) - 1 + 2^64 (floor(2^(n-130) pi) + %i)', (name, bits, addend) => {
    const n = BigInt(bits);
    const expected = (1n << n) - (1n << (n - 64n)) - 1n + (1n << 64n) * (scaledPi(bits - 130) + addend);
    expect(bytesToBigInt(dhGroup(name).prime)).toBe(expected);
  });

  it.each(formulas)('%s is the one of node:crypto, generator 2', (name) => {
    const known = getDiffieHellman(name === 'group1' ? 'modp2' : name.replace('group', 'modp'));
    expect(toHex(dhGroup(name).prime)).toBe(known.getPrime('hex'));
    expect(toHex(dhGroup(name).generator)).toBe(known.getGenerator('hex').padStart(2, '0'));
  });

  it.each(formulas.slice(0, 3))('%s passes a Fermat test, and so does (p-1)/2', (name) => {
    const prime = bytesToBigInt(dhGroup(name).prime);
    const order = (prime - 1n) / 2n;
    expect(modPow(3n, prime - 1n, prime)).toBe(1n);
    expect(modPow(3n, order - 1n, order)).toBe(1n);
    expect(modPow(2n, order, prime)).toBe(1n);
  });

  it('hash to what they hashed to when they were checked', () => {
    const hash = createHash('sha256');
    for (const [name] of formulas.slice(1)) hash.update(dhGroup(name).prime);
    expect(hash.digest('hex')).toBe('50a31b38a84498c1f1fd98afc7d344b7a0ad0ff5471515382af71e7e5c2d044d');
  });
});
