/**
 * The law of the two providers: whatever one computes, the other computes too.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { nobleMlKem768 } from '../../src/crypto/noble/mlKem768.ts';
import { nobleNistCurves } from '../../src/crypto/noble/nistCurves.ts';
import type { CryptoProvider, HashName } from '../../src/crypto/provider/provider.ts';
import { opensslNistCurve } from '../../src/node/crypto/nistCurves.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { opensslMlKem768Slot } from '../../src/node/crypto/slots.ts';
import {
  curveNames,
  flipBit,
  newEcdsaKey,
  newEd448Key,
  newEd25519Key,
  newRsaKey,
  noble,
  openssl,
  seededRandom,
} from './support.ts';

const data = fc.uint8Array({ maxLength: 300 });
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const pairs: readonly [string, CryptoProvider, CryptoProvider][] = [
  ['noble signs, openssl verifies', noble, openssl],
  ['openssl signs, noble verifies', openssl, noble],
];

describe('digests', () => {
  const names: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
  it.each(names)('%s and its HMAC are the same, however the data is cut', (name) => {
    fc.assert(
      fc.property(data, data, fc.array(data, { maxLength: 4 }), (key, first, rest) => {
        const digests = [noble, openssl].map((provider) => {
          const hash = provider.createHash(name);
          const hmac = provider.createHmac(name, key);
          for (const part of [first, ...rest]) {
            hash.update(part);
            hmac.update(part);
          }
          return [hash.digest(), hmac.digest()];
        });
        expect(digests[0]).toEqual(digests[1]);
      }),
      { numRuns: 50 },
    );
  });

  it('results are plain arrays, whose slices are copies', () => {
    for (const provider of [noble, openssl]) {
      expect(provider.createHash('sha256').digest().constructor).toBe(Uint8Array);
      expect(provider.createHmac('sha256', new Uint8Array(1)).digest().constructor).toBe(Uint8Array);
      expect(provider.randomBytes(16).constructor).toBe(Uint8Array);
    }
  });
});

describe('key agreement', () => {
  const agreements = [
    ['x25519', (provider: CryptoProvider) => provider.x25519, 15],
    ['x448', (provider: CryptoProvider) => provider.x448, 6],
    ...curveNames.map((curve) => [curve, (provider: CryptoProvider) => provider.ecdh(curve), 6] as const),
    ['group14', (provider: CryptoProvider) => provider.dh(dhGroup('group14')), 3],
  ] as const;

  it.each(agreements)('%s: the same seed, key pair and secret in both', (_name, agreementOf, numRuns) => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (mine, theirs) => {
        const peer = agreementOf(noble).generate();
        const [a, b] = [createEagerNobleProvider, createOpensslProvider].map((create) => {
          const own = agreementOf(create({ randomBytes: seededRandom(`${mine}|${theirs}`) }));
          const pair = own.generate();
          return { pair, secret: own.sharedSecret(pair.secretKey, peer.publicKey) };
        });
        expect(a).toEqual(b);
        expect(
          agreementOf(openssl).sharedSecret(peer.secretKey, a?.pair.publicKey ?? peer.publicKey),
        ).toEqual(a?.secret);
      }),
      { numRuns },
    );
  });

  it('mlkem768: each decapsulates what the other encapsulated, from the same seed the same public key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), seed, (keySeed, message) => {
        const reference = nobleMlKem768.generate(keySeed);
        expect(opensslMlKem768Slot.use().generate(keySeed).publicKey).toEqual(reference.publicKey);
        const mine = openssl.mlKem768.generate();
        const toOpenssl = nobleMlKem768.encapsulate(mine.publicKey, message);
        expect(openssl.mlKem768.decapsulate(toOpenssl.ciphertext, mine.secretKey)).toEqual(
          toOpenssl.sharedSecret,
        );
        const toNoble = openssl.mlKem768.encapsulate(reference.publicKey);
        expect(noble.mlKem768.decapsulate(toNoble.ciphertext, reference.secretKey)).toEqual(
          toNoble.sharedSecret,
        );
      }),
      { numRuns: 10 },
    );
  });

  it('a seeded provider replays ML-KEM encapsulation too', () => {
    const { publicKey } = noble.mlKem768.generate();
    const replay = () =>
      createOpensslProvider({ randomBytes: seededRandom('kem') }).mlKem768.encapsulate(publicKey);
    expect(replay()).toEqual(replay());
  });
});

describe('signatures', () => {
  const keys: readonly [string, PrivateKey, number][] = [
    ['ssh-ed25519', newEd25519Key(), 15],
    ['ecdsa-sha2-nistp256', newEcdsaKey('nistp256'), 8],
    ['ecdsa-sha2-nistp384', newEcdsaKey('nistp384'), 5],
    ['ecdsa-sha2-nistp521', newEcdsaKey('nistp521'), 3],
    ['ssh-ed448', newEd448Key(), 4],
    ['ssh-rsa', newRsaKey(2048), 4],
    ['rsa-sha2-256', newRsaKey(2048), 4],
    ['rsa-sha2-512', newRsaKey(2048, 3), 4],
    ['rsa-sha2-512', newRsaKey(3072), 2],
  ];

  describe.each(pairs)('%s', (_direction, signer, verifier) => {
    it.each(keys)('%s', (algorithm, key, numRuns) => {
      fc.assert(
        fc.property(data, fc.nat(4096), (message, bit) => {
          const signature = signer.sign(algorithm, key, message);
          expect(verifier.verify(algorithm, key.publicKey, message, signature)).toBe(true);
          expect(verifier.verify(algorithm, key.publicKey, message, flipBit(signature, bit))).toBe(false);
          const other = message.length === 0 ? Uint8Array.of(0) : flipBit(message, bit);
          expect(verifier.verify(algorithm, key.publicKey, other, signature)).toBe(false);
        }),
        { numRuns },
      );
    });
  });

  it.each(keys)('%s: every signature is deterministic and the same in both', (algorithm, key) => {
    fc.assert(
      fc.property(data, (message) => {
        expect(openssl.sign(algorithm, key, message)).toEqual(noble.sign(algorithm, key, message));
      }),
      { numRuns: 3 },
    );
  });

  it.each(curveNames)('RFC 6979 over %s equals the library for any scalar', (curve) => {
    const own = opensslNistCurve(curve);
    fc.assert(
      fc.property(fc.string(), data, (scalarSeed, message) => {
        const provider = createOpensslProvider({ randomBytes: seededRandom(scalarSeed) });
        const scalar = provider.ecdh(curve).generate().secretKey;
        expect(own.sign(scalar, message)).toEqual(nobleNistCurves[curve].sign(scalar, message));
      }),
      { numRuns: 15 },
    );
  });
});
