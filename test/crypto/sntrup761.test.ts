/**
 * Streamlined NTRU Prime 761 against the value published for it, and its laws.
 */
import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { InverseSupply } from '../../src/crypto/handwritten/ntruPrime/inverseSupply.ts';
import { inverseModulo3 } from '../../src/crypto/handwritten/ntruPrime/modulo3.ts';
import { inverseOfTriple } from '../../src/crypto/handwritten/ntruPrime/modulo4591.ts';
import { RadixCode } from '../../src/crypto/handwritten/ntruPrime/radix.ts';
import { degree, multiplyTernary } from '../../src/crypto/handwritten/ntruPrime/ternaryProduct.ts';
import { nobleSntrup761 as sntrup761 } from '../../src/crypto/noble/sntrup761.ts';
import type { RandomBytes } from '../../src/crypto/provider/random.ts';
import { opensslSntrup761, opensslSntrup761InBatches } from '../../src/node/crypto/sntrup761.ts';
import { codeOf, flipBit, noble, seededRandom } from './support.ts';

/** CTR_DRBG with AES-256 and no derivation function (NIST SP 800-90A §10.2.1), from which the vectors are drawn. */
function ctrDrbg(seed: Uint8Array): RandomBytes {
  let key = new Uint8Array(32);
  let counter = 0n;
  const block = (): Uint8Array => {
    counter = (counter + 1n) % 2n ** 128n;
    const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    return cipher.update(Buffer.from(counter.toString(16).padStart(32, '0'), 'hex'));
  };
  const update = (data: Uint8Array): void => {
    const next = concatBytes(block(), block(), block()).map((byte, i) => byte ^ (data[i] ?? 0));
    key = next.slice(0, 32);
    counter = BigInt(`0x${toHex(next.subarray(32))}`);
  };
  update(seed);
  return (length) => {
    const blocks = Array.from({ length: Math.ceil(length / 16) }, block);
    update(new Uint8Array(48));
    return concatBytes(...blocks).slice(0, length);
  };
}

it('the first of its known answers hashes to the value that PQClean publishes for the round 3 submission', () => {
  const seed = ctrDrbg(Uint8Array.from({ length: 48 }, (_, i) => i))(48);
  const random = ctrDrbg(seed);
  const { publicKey, secretKey } = sntrup761.generate(random);
  const { ciphertext, sharedSecret } = sntrup761.encapsulate(publicKey, random);
  expect(sntrup761.decapsulate(ciphertext, secretKey)).toEqual(sharedSecret);
  const fields = { seed, pk: publicKey, sk: secretKey, ct: ciphertext, ss: sharedSecret };
  const lines = Object.entries(fields).map(([name, bytes]) => `${name} = ${toHex(bytes).toUpperCase()}\n`);
  const text = `count = 0\n${lines.join('')}`;
  expect(createHash('sha256').update(text).digest('hex')).toBe(
    'afc42c3a5b10f4ef69654250097ebda9b9564570f4086744b24a6daf2bd1f89a',
  );
});

describe('sntrup761', () => {
  const { publicKey, secretKey } = sntrup761.generate(seededRandom('sntrup761'));

  it('gives both sides one secret, whatever the randomness', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (mine, theirs) => {
        const pair = sntrup761.generate(seededRandom(mine));
        const { ciphertext, sharedSecret } = sntrup761.encapsulate(pair.publicKey, seededRandom(theirs));
        expect(sntrup761.decapsulate(ciphertext, pair.secretKey)).toEqual(sharedSecret);
      }),
      { numRuns: 8 },
    );
  });

  it('answers a ciphertext in which any bit was changed with a secret of its own, the same each time', () => {
    const { ciphertext, sharedSecret } = sntrup761.encapsulate(publicKey, seededRandom('forged'));
    fc.assert(
      fc.property(fc.nat({ max: 8 * ciphertext.length - 1 }), (bit) => {
        const forged = flipBit(ciphertext, bit);
        const secret = sntrup761.decapsulate(forged, secretKey);
        expect(secret).not.toEqual(sharedSecret);
        expect(sntrup761.decapsulate(forged, secretKey)).toEqual(secret);
      }),
      { numRuns: 20 },
    );
  });

  it('takes any bytes of the right length for a key or a ciphertext and fails over none', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(1158), bytes(1039), (key, ciphertext) => {
        expect(sntrup761.encapsulate(key, seededRandom('any')).ciphertext).toHaveLength(1039);
        expect(sntrup761.decapsulate(ciphertext, secretKey)).toHaveLength(32);
      }),
      { numRuns: 8 },
    );
  });

  it('refuses keys and ciphertexts of another length', () => {
    const { ciphertext } = noble.sntrup761.encapsulate(publicKey);
    for (const spoil of [
      (value: Uint8Array) => value.subarray(1),
      (value: Uint8Array) => concatBytes(value, Uint8Array.of(0)),
    ]) {
      expect(codeOf(() => noble.sntrup761.encapsulate(spoil(publicKey)))).toBe('ERR_SSH_KEY_EXCHANGE');
      expect(codeOf(() => noble.sntrup761.decapsulate(spoil(ciphertext), secretKey))).toBe(
        'ERR_SSH_KEY_EXCHANGE',
      );
    }
  });
});

describe('the radix encoding', () => {
  const list = fc.array(
    fc
      .integer({ min: 2, max: 16_383 })
      .chain((modulus) => fc.tuple(fc.nat({ max: modulus - 1 }), fc.constant(modulus))),
    { minLength: 1, maxLength: 40 },
  );

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(list, (pairs) => {
        const code = new RadixCode(pairs.map(([, modulus]) => modulus));
        const numbers = Int32Array.from(pairs, ([number]) => number);
        const bytes = code.encode(numbers.slice());
        expect(bytes).toHaveLength(code.length);
        expect(code.decode(bytes)).toEqual(numbers);
      }),
    );
  });

  it('decodes any bytes to numbers below their moduli', () => {
    fc.assert(
      fc.property(list, fc.infiniteStream(fc.nat({ max: 255 })), (pairs, stream) => {
        const code = new RadixCode(pairs.map(([, modulus]) => modulus));
        const bytes = Uint8Array.from({ length: code.length }, () => stream.next().value);
        const numbers = code.decode(bytes);
        expect(numbers).toHaveLength(pairs.length);
        numbers.forEach((number, i) => {
          expect(number).toBeGreaterThanOrEqual(0);
          expect(number).toBeLessThan(pairs[i]?.[1] ?? 0);
        });
      }),
    );
  });

  it('has the lengths of sntrup761', () => {
    expect(new RadixCode(Array.from({ length: 761 }, () => 4591)).length).toBe(1158);
    expect(new RadixCode(Array.from({ length: 761 }, () => 1531)).length).toBe(1007);
  });
});

/** Polynomials modulo x^761 - x - 1, by the definition. */
function slowProduct(a: Int32Array, b: Int32Array, modulus: number): number[] {
  const product = new Array<number>(2 * degree - 1).fill(0);
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      product[i + j] = (product[i + j] ?? 0) + x * y;
    });
  });
  for (let i = 2 * degree - 2; i >= degree; i--) {
    const value = product.pop() ?? 0;
    product[i - degree] = (product[i - degree] ?? 0) + value;
    product[i - degree + 1] = (product[i - degree + 1] ?? 0) + value;
  }
  return product.map((value) => ((value % modulus) + modulus) % modulus);
}

describe('a supply of polynomials that share inversions', () => {
  const short = (random: RandomBytes) => (): Int32Array => {
    const bytes = random(degree);
    return Int32Array.from({ length: degree }, (_, i) => ((bytes[i] as number) % 3) - 1);
  };

  it('gives each with the inverse of its triple, and none twice', () => {
    const supply = new InverseSupply();
    const shorts = short(seededRandom('supply'));
    let drawn = 0;
    const draw = (): Int32Array => {
      drawn++;
      return shorts();
    };
    const seen = new Set<string>();
    // Four by themselves, then 2, 4, 8, 16, 32 and 32 that share an inversion.
    for (let taken = 1; taken <= 98; taken++) {
      const before = drawn;
      const { f, inverse } = supply.take(draw);
      expect(inverse).toEqual(inverseOfTriple(f));
      seen.add(f.join());
      // The work is spread, and what lies here unused has a bound.
      expect(drawn - before).toBeLessThanOrEqual(2);
      expect(drawn - taken).toBeLessThanOrEqual(taken <= 4 ? 0 : 62);
    }
    expect(seen.size).toBe(98);
  });

  it('makes key pairs that work, whatever the supply is at', () => {
    for (let i = 0; i < 25; i++) {
      const pair = opensslSntrup761InBatches.generate(seededRandom(`batch ${i}`));
      const { ciphertext, sharedSecret } = sntrup761.encapsulate(pair.publicKey, seededRandom(`peer ${i}`));
      expect(opensslSntrup761InBatches.decapsulate(ciphertext, pair.secretKey)).toEqual(sharedSecret);
    }
  });

  it('is not asked where randomness is given: the same makes the same key pair', () => {
    const pairs = [1, 2].map(() => opensslSntrup761.generate(seededRandom('again')));
    expect(pairs[0]).toEqual(pairs[1]);
    expect(pairs[0]).toEqual(sntrup761.generate(seededRandom('again')));
  });
});

describe('the polynomials of sntrup761', () => {
  const one = Array.from({ length: degree }, (_, i) => (i === 0 ? 1 : 0));
  const polynomial = (size: number) =>
    fc
      .array(fc.integer({ min: -size, max: size }), { minLength: degree, maxLength: degree, size: 'max' })
      .map((list) => Int32Array.from(list));
  const extreme = (size: number) =>
    fc.constantFrom(1, -1, 0).map((sign) => new Int32Array(degree).fill(sign * size));
  const some = (size: number) => fc.oneof(polynomial(size), extreme(size));

  it('multiply as the definition says', () => {
    fc.assert(
      fc.property(some(2295), some(1), (a, b) => {
        const modulus = 2 ** 31 - 1;
        const fast = Array.from(multiplyTernary(a, b), (value) => ((value % modulus) + modulus) % modulus);
        expect(fast).toEqual(slowProduct(a, b, modulus));
      }),
      { numRuns: 20 },
    );
  });

  it('have inverses of their triples modulo 4591', () => {
    fc.assert(
      fc.property(polynomial(1), (small) => {
        fc.pre(small.some((value) => value !== 0));
        const triple = small.map((value) => 3 * value);
        expect(slowProduct(inverseOfTriple(small), triple, 4591)).toEqual(one);
      }),
      { numRuns: 20 },
    );
  });

  it('have inverses modulo 3, or none', () => {
    // x^761 - x - 1 has factors modulo 3: a multiple of one of them has no inverse.
    const factor = new Int32Array(degree);
    fc.assert(
      fc.property(polynomial(1), (small) => {
        const inverse = inverseModulo3(small);
        if (inverse !== undefined) expect(slowProduct(inverse, small, 3)).toEqual(one);
      }),
      { numRuns: 20 },
    );
    expect(inverseModulo3(factor)).toBeUndefined();
  });

  it('of one coefficient have inverses too', () => {
    for (const place of [0, 1, 31, 32, 380, 759, 760]) {
      for (const value of [1, -1]) {
        const small = new Int32Array(degree);
        small[place] = value;
        expect(slowProduct(inverseModulo3(small) ?? small, small, 3)).toEqual(one);
        expect(
          slowProduct(
            inverseOfTriple(small),
            small.map((x) => 3 * x),
            4591,
          ),
        ).toEqual(one);
      }
    }
  });
});
