/**
 * Streamlined NTRU Prime 761 against the value published for it, and its laws.
 */
import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { decodeRadix, encodeRadix } from '../../src/crypto/noble/radix.ts';
import { sntrup761 } from '../../src/crypto/noble/sntrup761.ts';
import type { RandomBytes } from '../../src/crypto/random.ts';
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
        const [numbers, moduli] = [pairs.map(([number]) => number), pairs.map(([, modulus]) => modulus)];
        const bytes = Uint8Array.from(encodeRadix(numbers, moduli));
        expect(decodeRadix(bytes, moduli)).toEqual(numbers);
      }),
    );
  });

  it('has the lengths of sntrup761', () => {
    const zeros = Array.from({ length: 761 }, () => 0);
    expect(
      encodeRadix(
        zeros,
        zeros.map(() => 4591),
      ),
    ).toHaveLength(1158);
    expect(
      encodeRadix(
        zeros,
        zeros.map(() => 1531),
      ),
    ).toHaveLength(1007);
  });
});
