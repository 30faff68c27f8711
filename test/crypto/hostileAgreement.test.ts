/**
 * What a hostile peer may send to the arithmetic, and that both providers refuse it alike.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { curves } from '../../src/crypto/kex/curves.ts';
import { type DhGroupName, dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import type { CurveName, DhGroup } from '../../src/crypto/provider/provider.ts';
import { codeOf, curveNames, noble, openssl, providers } from './support.ts';

const refused = 'ERR_SSH_KEY_EXCHANGE';

/** Little-endian u-coordinates whose order divides 8, on the curve or its twist, canonical and not (RFC 7748 §6.1). */
const smallOrderU: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  // The same with the bit that receivers ignore.
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

describe.each(providers)('%s', (_, provider) => {
  describe('X25519', () => {
    it.each(smallOrderU)('refuses a value of small order: %s (RFC 8731 §3)', (u) => {
      const { secretKey } = provider.x25519.generate();
      expect(codeOf(() => provider.x25519.sharedSecret(secretKey, fromHex(u)))).toBe(refused);
    });

    it.each([0, 1, 31, 33, 64])('refuses a value of %i bytes', (length) => {
      const { secretKey } = provider.x25519.generate();
      const value = new Uint8Array(length).fill(9);
      expect(codeOf(() => provider.x25519.sharedSecret(secretKey, value))).toBe(refused);
    });
  });

  describe.each(curveNames)('ECDH over %s (RFC 5656 §4)', (curve) => {
    const { length } = curves[curve];
    const agree = (point: Uint8Array): string =>
      codeOf(() => provider.ecdh(curve).sharedSecret(provider.ecdh(curve).generate().secretKey, point));
    const good = provider.ecdh(curve).generate().publicKey;

    it('refuses points off the curve', () => {
      for (const index of [1, length, 2 * length]) {
        const bad = good.slice();
        bad[index] = (bad[index] ?? 0) ^ 1;
        expect(agree(bad)).toBe(refused);
      }
      expect(agree(concatBytes(Uint8Array.of(4), new Uint8Array(2 * length)))).toBe(refused);
      expect(agree(concatBytes(Uint8Array.of(4), new Uint8Array(2 * length).fill(0xff)))).toBe(refused);
    });

    it('refuses infinity, compressed and hybrid points, and wrong lengths', () => {
      const y = good[2 * length] ?? 0;
      expect(agree(Uint8Array.of(0))).toBe(refused);
      expect(agree(concatBytes(Uint8Array.of(0), new Uint8Array(2 * length)))).toBe(refused);
      expect(agree(concatBytes(Uint8Array.of(2 + (y & 1)), good.subarray(1, 1 + length)))).toBe(refused);
      expect(agree(concatBytes(Uint8Array.of(6 + (y & 1)), good.subarray(1)))).toBe(refused);
      expect(agree(good.subarray(0, -1))).toBe(refused);
      expect(agree(concatBytes(good, Uint8Array.of(0)))).toBe(refused);
      expect(agree(new Uint8Array(0))).toBe(refused);
    });

    it('refuses coordinates that are not reduced', () => {
      // x + p encodes the same residue where it fits; 0xff… in every curve exceeds p.
      const bad = good.slice();
      bad.fill(0xff, 1, 1 + length);
      expect(agree(bad)).toBe(refused);
    });
  });

  describe('Diffie-Hellman (CVE-2023-28113, RFC 8268 §4)', () => {
    const names: readonly DhGroupName[] = ['group14', 'group16', 'group18'];
    it.each(names)('%s refuses 0, 1, p-1, p, p+1 and longer numbers', (name) => {
      const group = dhGroup(name);
      const p = bytesToBigInt(group.prime);
      const secretKey = new Uint8Array(64).fill(0x80);
      const bad = [0n, 1n, p - 1n, p, p + 1n, p << 8n, p << 4096n].map((n) =>
        n === 0n ? new Uint8Array(0) : bigIntToBytes(n, Math.ceil(n.toString(16).length / 2)),
      );
      for (const value of bad) {
        expect(codeOf(() => provider.dh(group).sharedSecret(secretKey, value))).toBe(refused);
      }
    });

    it.each(names)(
      '%s refuses a number with more bytes than the prime, zeros in front of it included',
      (name) => {
        const group = dhGroup(name);
        const agreement = provider.dh(group);
        const { secretKey, publicKey } = agreement.generate();
        for (const zeros of [1, 8, 1_000_000]) {
          const longer = concatBytes(new Uint8Array(zeros), publicKey);
          expect(codeOf(() => agreement.sharedSecret(secretKey, longer))).toBe(refused);
        }
        expect(agreement.sharedSecret(secretKey, publicKey)).toHaveLength(group.prime.length);
      },
    );

    it('refuses groups that a hostile server might propose (RFC 4419 §3)', () => {
      const { prime, generator } = dhGroup('group14');
      const even = prime.slice();
      even[even.length - 1] = 0xfe;
      const last = bigIntToBytes(bytesToBigInt(prime) - 1n, prime.length);
      const groups: readonly DhGroup[] = [
        { prime: even, generator },
        { prime: prime.subarray(0, 128), generator },
        { prime: Uint8Array.of(7), generator },
        { prime: new Uint8Array(0), generator },
        { prime: new Uint8Array(2048).fill(0xff), generator },
        { prime: new Uint8Array(1_000_000).fill(0xff), generator },
        { prime, generator: new Uint8Array(0) },
        { prime, generator: Uint8Array.of(1) },
        { prime, generator: last },
        { prime, generator: prime },
      ];
      for (const group of groups) expect(codeOf(() => provider.dh(group).generate())).toBe(refused);
    });
  });

  describe('ML-KEM-768 (FIPS 203 §7.2, §7.3)', () => {
    const { publicKey, secretKey } = provider.mlKem768.generate();

    it('refuses encapsulation keys of another length', () => {
      for (const bad of [
        publicKey.subarray(1),
        concatBytes(publicKey, Uint8Array.of(0)),
        new Uint8Array(0),
      ]) {
        expect(codeOf(() => provider.mlKem768.encapsulate(bad))).toBe(refused);
      }
    });

    it('refuses encapsulation keys with a coefficient of q or more, wherever it is', () => {
      // Three bytes hold two coefficients; q = 3329 = 0xd01.
      const withTriple = (offset: number, triple: readonly number[]): Uint8Array => {
        const key = publicKey.slice();
        key.set(triple, offset);
        return key;
      };
      for (const offset of [0, 600, 1149]) {
        for (const triple of [
          [0x01, 0x0d, 0x00],
          [0x00, 0x10, 0xd0],
          [0xff, 0xff, 0xff],
        ]) {
          expect(codeOf(() => provider.mlKem768.encapsulate(withTriple(offset, triple)))).toBe(refused);
        }
        const largest = withTriple(offset, [0x00, 0x0d, 0xd0]);
        expect(provider.mlKem768.encapsulate(largest).ciphertext).toHaveLength(1088);
      }
    });

    it('refuses ciphertexts of another length', () => {
      const { ciphertext } = provider.mlKem768.encapsulate(publicKey);
      for (const bad of [
        ciphertext.subarray(1),
        concatBytes(ciphertext, Uint8Array.of(0)),
        new Uint8Array(0),
      ]) {
        expect(codeOf(() => provider.mlKem768.decapsulate(bad, secretKey))).toBe(refused);
      }
    });

    it('answers a forged ciphertext with another secret and not with an error', () => {
      const { ciphertext, sharedSecret } = provider.mlKem768.encapsulate(publicKey);
      ciphertext[7] = (ciphertext[7] ?? 0) ^ 1;
      const rejected = provider.mlKem768.decapsulate(ciphertext, secretKey);
      expect(rejected).toHaveLength(32);
      expect(rejected).not.toEqual(sharedSecret);
    });
  });
});

describe('both providers judge random values of a peer alike', () => {
  const attempt = (provider: typeof noble, curve: CurveName | 'x25519', value: Uint8Array) => {
    const agreement = curve === 'x25519' ? provider.x25519 : provider.ecdh(curve);
    const secretKey = new Uint8Array(curve === 'x25519' ? 32 : curves[curve].length).fill(1);
    try {
      return agreement.sharedSecret(secretKey, value);
    } catch {
      return undefined;
    }
  };

  it('X25519', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (value) => {
        expect(attempt(noble, 'x25519', value)).toEqual(attempt(openssl, 'x25519', value));
      }),
      { numRuns: 20 },
    );
  });

  it('nistp256', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (value) => {
        const point = concatBytes(Uint8Array.of(4), value);
        expect(attempt(noble, 'nistp256', point)).toEqual(attempt(openssl, 'nistp256', point));
      }),
      { numRuns: 20 },
    );
  });
});
