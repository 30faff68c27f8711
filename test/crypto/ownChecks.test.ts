/**
 * Checks that do not lean on the arithmetic below them: here it accepts everything.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { ecdhAgreement, mlKem768Encapsulation, x25519Agreement } from '../../src/crypto/kex/agreements.ts';
import { kexMethod } from '../../src/crypto/kex/kex.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import type { Curve25519, MlKem768, NistCurve } from '../../src/crypto/provider/primitives.ts';
import type { CryptoProvider, KeyEncapsulation } from '../../src/crypto/provider/provider.ts';
import { filledSlot } from '../../src/crypto/provider/slot.ts';
import { codeOf, newRsaKey, noble, providers, seededRandom, utf8 } from './support.ts';

const refused = 'ERR_SSH_KEY_EXCHANGE';
const random = seededRandom('own checks');
const nothing = new Uint8Array(32);

const credulousCurve25519: Curve25519 = {
  x25519PublicKey: () => nothing,
  x25519: () => nothing.slice(),
  ed25519PublicKey: () => nothing,
  ed25519Sign: () => nothing,
  ed25519Verify: () => true,
};
const credulousCurve: NistCurve = {
  publicKey: () => nothing,
  sharedX: () => nothing,
  sign: () => nothing,
  verify: () => true,
};
const credulousKem: MlKem768 = {
  generate: () => ({ secretKey: nothing, publicKey: nothing }),
  encapsulate: () => ({ ciphertext: nothing, sharedSecret: nothing }),
  decapsulate: () => nothing,
};

describe('over arithmetic that refuses nothing', () => {
  const x25519 = x25519Agreement(filledSlot(credulousCurve25519), random);
  const ecdh = ecdhAgreement('nistp256', filledSlot(credulousCurve), random);
  const kem = mlKem768Encapsulation(filledSlot(credulousKem), random);

  it('an all-zero X25519 secret is refused, and so is a value of another length', () => {
    expect(codeOf(() => x25519.sharedSecret(nothing, new Uint8Array(32).fill(9)))).toBe(refused);
    expect(codeOf(() => x25519.sharedSecret(nothing, new Uint8Array(31)))).toBe(refused);
  });

  it('EC points that are not uncompressed are refused', () => {
    for (const point of [nothing, Uint8Array.of(0), new Uint8Array(65).fill(2), new Uint8Array(66).fill(4)]) {
      expect(codeOf(() => ecdh.sharedSecret(nothing, point))).toBe(refused);
    }
  });

  it('ML-KEM keys and ciphertexts of another length or with large coefficients are refused', () => {
    expect(codeOf(() => kem.encapsulate(new Uint8Array(1184).fill(0xff)))).toBe(refused);
    expect(codeOf(() => kem.encapsulate(new Uint8Array(1183)))).toBe(refused);
    expect(codeOf(() => kem.decapsulate(new Uint8Array(1089), nothing))).toBe(refused);
    expect(kem.encapsulate(new Uint8Array(1184)).ciphertext).toBe(nothing);
  });

  it('hybrid values are measured as a whole', () => {
    const credulous: KeyEncapsulation = {
      ...kem,
      generate: () => ({ secretKey: nothing, publicKey: nothing }),
      encapsulate: () => ({ ciphertext: nothing, sharedSecret: nothing }),
      decapsulate: () => nothing,
    };
    const agreement = {
      generate: () => ({ secretKey: nothing, publicKey: nothing }),
      sharedSecret: () => nothing,
    };
    const provider: CryptoProvider = { ...noble, x25519: agreement, mlKem768: credulous };
    const method = kexMethod('mlkem768x25519-sha256');
    for (const length of [0, 1119, 1121]) {
      expect(codeOf(() => method.initiate(provider).finish(new Uint8Array(length)))).toBe(refused);
    }
    for (const length of [0, 1215, 1217]) {
      expect(codeOf(() => method.respond(provider, new Uint8Array(length)))).toBe(refused);
    }
  });
});

describe.each(providers)('RSA in %s', (_, provider) => {
  const data = utf8('signed data');

  it('takes no signature that was raised by the modulus, though the power is the same (RFC 8017 §5.2.2)', () => {
    // 2,041 bits leave room for the sum in as many bytes.
    const key = newRsaKey(2041);
    const signature = provider.sign('rsa-sha2-256', key, data);
    const raised = bigIntToBytes(bytesToBigInt(signature) + bytesToBigInt(key.publicKey.modulus), 256);
    expect(provider.verify('rsa-sha2-256', key.publicKey, data, signature)).toBe(true);
    expect(provider.verify('rsa-sha2-256', key.publicKey, data, raised)).toBe(false);
  });

  it('takes no exponent of 1, under which everybody signs', () => {
    const { modulus } = newRsaKey(2048).publicKey;
    const digest = createHash('sha256').update(data).digest();
    const info = concatBytes(fromHex('3031300d060960864801650304020105000420'), digest);
    const forged = concatBytes(
      Uint8Array.of(0, 1),
      new Uint8Array(256 - 3 - info.length).fill(0xff),
      Uint8Array.of(0),
      info,
    );
    const key = { type: 'ssh-rsa', modulus, exponent: Uint8Array.of(1) } as const;
    expect(provider.verify('rsa-sha2-256', key, data, forged)).toBe(false);
  });

  it('signs and verifies nothing with fewer than eight bytes of padding (RFC 8017 §9.2)', () => {
    const key = newRsaKey(720);
    expect(codeOf(() => provider.sign('rsa-sha2-512', key, data))).toBe('ERR_SSH_CRYPTO');
    expect(
      provider.verify('rsa-sha2-256', key.publicKey, data, provider.sign('rsa-sha2-256', key, data)),
    ).toBe(true);
  });
});
