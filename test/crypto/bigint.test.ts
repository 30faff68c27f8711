import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import {
  bigIntToBytes,
  bitLengthOf,
  bytesToBigInt,
  modInverse,
  modPow,
  modulo,
} from '../../src/crypto/keys/bigint.ts';
import { randomBelow } from '../../src/crypto/provider/random.ts';
import { codeOf, seededRandom } from './support.ts';

const natural = fc.bigInt({ min: 0n, max: 1n << 512n });
const modulus = fc.bigInt({ min: 2n, max: 1n << 256n });

/** Square and multiply, bit by bit: too slow to use and too simple to be wrong. */
function plainPower(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n % m;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % m;
    if (bit === '1') result = (result * base) % m;
  }
  return result;
}

describe('bigint', () => {
  it('bytes and numbers are inverse', () => {
    fc.assert(
      fc.property(natural, (value) => {
        expect(bytesToBigInt(bigIntToBytes(value, 70))).toBe(value);
        expect(bitLengthOf(value)).toBe(value === 0n ? 0 : value.toString(2).length);
      }),
    );
  });

  it('modPow is the power', () => {
    fc.assert(
      fc.property(natural, natural, modulus, (base, exponent, m) => {
        expect(modPow(base, exponent, m)).toBe(plainPower(base, exponent, m));
      }),
    );
    expect(modPow(5n, 0n, 7n)).toBe(1n);
    expect(modPow(0n, 5n, 7n)).toBe(0n);
  });

  it('modInverse is the inverse, and there is none exactly where a factor is shared', () => {
    fc.assert(
      fc.property(natural, modulus, (value, m) => {
        const inverse = modInverse(value, m);
        let [a, b] = [modulo(value, m), m];
        while (b !== 0n) [a, b] = [b, a % b];
        if (inverse === undefined) expect(a).not.toBe(1n);
        else expect((inverse * value) % m).toBe(1n);
      }),
    );
  });
});

describe('randomBelow', () => {
  it('lies between 0 and the bound, both excluded, as long as the bound', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 3n, max: 1n << 200n }), fc.string(), (bound, seed) => {
        const bits = bitLengthOf(bound);
        const drawn = randomBelow(bound, bits, seededRandom(seed));
        expect(drawn.length).toBe(Math.ceil(bits / 8));
        expect(bytesToBigInt(drawn) > 0n && bytesToBigInt(drawn) < bound).toBe(true);
      }),
    );
  });

  it('takes each value about as often as the others', () => {
    const random = seededRandom('uniform');
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) {
      const value = Number(bytesToBigInt(randomBelow(5n, 3, random)));
      counts[value] = (counts[value] ?? 0) + 1;
    }
    expect(counts[0]).toBe(0);
    for (const count of counts.slice(1)) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it.each([0, 0xff])('a source that yields only %i ends in an error and not in a loop', (byte) => {
    const stuck = (length: number) => new Uint8Array(length).fill(byte);
    expect(codeOf(() => randomBelow(5n, 3, stuck))).toBe('ERR_SSH_CRYPTO');
    expect(() => randomBelow(5n, 3, stuck)).toThrow(SshError);
  });
});
