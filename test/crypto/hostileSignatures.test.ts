/**
 * Hostile keys and signatures, and damaged keys of our own: both providers fail closed.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { curves } from '../../src/crypto/kex/curves.ts';
import { bigIntToBytes, bytesToBigInt } from '../../src/crypto/keys/bigint.ts';
import type { PublicKey, RsaPublicKey } from '../../src/crypto/keys/publicKey.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { codeOf, newEcdsaKey, newEd25519Key, newRsaKey, noble, providers, utf8 } from './support.ts';

/** Ed25519 encodings of points whose order divides 8, then ones with y >= p. */
const unusableEd25519: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

describe.each(providers)('%s', (_, provider) => {
  describe('verify fails closed (CVE-2026-46598, CVE-2026-39829, CVE-2023-2283)', () => {
    const ed25519 = newEd25519Key();
    const ecdsa = newEcdsaKey('nistp256');
    const rsa = newRsaKey(2048);
    const data = utf8('exchange hash');

    it.each(unusableEd25519)('Ed25519 keys of small order or not canonical: %s', (point) => {
      // R = identity and S = 0 verify under a key of small order for a share of all messages.
      const signature = concatBytes(fromHex(`01${'00'.repeat(31)}`), new Uint8Array(32));
      const key: PublicKey = { type: 'ssh-ed25519', point: fromHex(point) };
      for (let i = 0; i < 16; i++) {
        expect(provider.verify('ssh-ed25519', key, Uint8Array.of(i), signature)).toBe(false);
      }
    });

    it('Ed25519 signatures of other lengths, and with S not reduced', () => {
      const signature = provider.sign('ssh-ed25519', ed25519, data);
      const order = 2n ** 252n + 27742317777372353535851937790883648493n;
      const s = bytesToBigInt(signature.slice(32).reverse()) + order;
      const unreduced = concatBytes(signature.subarray(0, 32), bigIntToBytes(s, 32).reverse());
      const bad = [
        signature.subarray(0, 63),
        concatBytes(signature, Uint8Array.of(0)),
        new Uint8Array(0),
        unreduced,
      ];
      for (const one of bad) {
        expect(provider.verify('ssh-ed25519', ed25519.publicKey, data, one)).toBe(false);
      }
      for (const length of [0, 31, 33]) {
        const key: PublicKey = { type: 'ssh-ed25519', point: new Uint8Array(length).fill(2) };
        expect(provider.verify('ssh-ed25519', key, data, signature)).toBe(false);
      }
    });

    it('Ed25519 signatures whose R is the identity, in any encoding, though the equation holds', () => {
      // With r = 0 the signature is S = k·a; whoever owns the key can make it.
      const order = 2n ** 252n + 27742317777372353535851937790883648493n;
      const little = (bytes: Uint8Array): bigint => bytesToBigInt(Uint8Array.from(bytes).reverse());
      const expanded = createHash('sha512').update(ed25519.seed).digest().subarray(0, 32);
      expanded[0] = (expanded[0] ?? 0) & 0xf8;
      expanded[31] = ((expanded[31] ?? 0) & 0x3f) | 0x40;
      const secret = little(expanded);
      const withR = (r: string): Uint8Array => {
        const R = fromHex(r);
        const hash = createHash('sha512').update(R).update(ed25519.publicKey.point).update(data).digest();
        return concatBytes(R, bigIntToBytes((little(hash) * secret) % order, 32).reverse());
      };
      for (const r of [`01${'00'.repeat(31)}`, `ee${'ff'.repeat(30)}7f`, `01${'00'.repeat(30)}80`]) {
        expect(provider.verify('ssh-ed25519', ed25519.publicKey, data, withR(r))).toBe(false);
      }
    });

    it('ECDSA with r or s of 0, n or more, negative, over-long, or with bytes behind them', () => {
      const n = curves.nistp256.order;
      const good = provider.sign(ecdsa.type, ecdsa, data);
      const encode = (r: bigint, s: bigint): Uint8Array =>
        new WireWriter().mpint(bigIntToBytes(r, 40)).mpint(bigIntToBytes(s, 40)).copyWritten();
      const bad = [
        ...[0n, n, n + 1n, 1n << 300n].flatMap((v) => [encode(v, 1n), encode(1n, v), encode(v, v)]),
        concatBytes(good, Uint8Array.of(0)),
        good.subarray(0, -1),
        new Uint8Array(0),
        fromHex('00000001 80 00000001 80'),
        fromHex('ffffffff 01'),
      ];
      for (const one of bad) {
        expect(provider.verify(ecdsa.type, ecdsa.publicKey, data, one)).toBe(false);
      }
    });

    it('ECDSA accepts s and n - s alike, as OpenSSH does', () => {
      const row = curves.nistp256;
      const signature = provider.sign(ecdsa.type, ecdsa, data);
      const rLength = signature[3] ?? 0;
      const r = bytesToBigInt(signature.subarray(4, 4 + rLength));
      const s = bytesToBigInt(signature.subarray(8 + rLength));
      const mirrored = new WireWriter()
        .mpint(bigIntToBytes(r, row.length))
        .mpint(bigIntToBytes(row.order - s, row.length))
        .copyWritten();
      expect(provider.verify(ecdsa.type, ecdsa.publicKey, data, mirrored)).toBe(true);
    });

    it('ECDSA keys off the curve, compressed, or that name another curve than their type', () => {
      const signature = provider.sign(ecdsa.type, ecdsa, data);
      const { type, point } = ecdsa.publicKey;
      const off = point.slice();
      off[40] = (off[40] ?? 0) ^ 1;
      const bad: readonly PublicKey[] = [
        { type, curve: 'nistp256', point: off },
        { type, curve: 'nistp256', point: concatBytes(Uint8Array.of(2), point.subarray(1, 33)) },
        { type, curve: 'nistp256', point: Uint8Array.of(0) },
        { type, curve: 'nistp384', point },
      ];
      for (const key of bad) expect(provider.verify(type, key, data, signature)).toBe(false);
    });

    it('RSA keys with even, huge or empty numbers, before any arithmetic', () => {
      const signature = provider.sign('rsa-sha2-512', rsa, data);
      const { exponent, modulus } = rsa.publicKey;
      const even = modulus.slice();
      even[even.length - 1] = (even[even.length - 1] ?? 0) & 0xfe;
      const huge = new Uint8Array(12_500).fill(0xff);
      const bad: readonly [Uint8Array, Uint8Array][] = [
        [exponent, even],
        [exponent, huge],
        [exponent, new Uint8Array(0)],
        [new Uint8Array(0), modulus],
        [Uint8Array.of(1), modulus],
        [Uint8Array.of(2), modulus],
        [Uint8Array.of(1, 0, 0), modulus],
        [new Uint8Array(9).fill(0xff), modulus],
        [modulus, modulus],
        [huge, modulus],
      ];
      for (const [e, n] of bad) {
        const key: RsaPublicKey = { type: 'ssh-rsa', exponent: e, modulus: n };
        expect(provider.verify('rsa-sha2-512', key, data, signature)).toBe(false);
      }
    });

    it('RSA signatures longer than the modulus, at or above it, empty', () => {
      const signature = provider.sign('rsa-sha2-256', rsa, data);
      const bad = [
        concatBytes(Uint8Array.of(0), signature),
        concatBytes(signature, Uint8Array.of(0)),
        rsa.publicKey.modulus,
        bigIntToBytes(bytesToBigInt(rsa.publicKey.modulus) + bytesToBigInt(signature), 257),
        new Uint8Array(256),
        new Uint8Array(0),
      ];
      for (const one of bad) {
        expect(provider.verify('rsa-sha2-256', rsa.publicKey, data, one)).toBe(false);
      }
    });

    it('algorithms that the key cannot serve, SHA-1 among them (RFC 8332 §3)', () => {
      const signature = provider.sign('rsa-sha2-256', rsa, data);
      for (const algorithm of ['ssh-rsa', 'rsa-sha2-512', 'rsa-sha2-1', '', 'constructor', '__proto__']) {
        expect(provider.verify(algorithm, rsa.publicKey, data, signature)).toBe(false);
        expect(provider.verify(algorithm, ed25519.publicKey, data, signature)).toBe(false);
        expect(provider.verify(algorithm, ecdsa.publicKey, data, signature)).toBe(false);
      }
      const other = newEcdsaKey('nistp384');
      const made = provider.sign(other.type, other, data);
      expect(provider.verify(ecdsa.type, other.publicKey, data, made)).toBe(false);
    });

    it('leaves its arguments as they were, Buffers among them', () => {
      for (const [algorithm, key] of [
        ['ssh-ed25519', ed25519],
        ['ecdsa-sha2-nistp256', ecdsa],
      ] as const) {
        for (let i = 0; i < 8; i++) {
          const message = Buffer.from([i]);
          const signature = Buffer.from(provider.sign(algorithm, key, message));
          // A point with its sign bit set: half of all keys have it.
          const pair = key.type === 'ssh-ed25519' ? newEd25519Key() : key;
          const point = Buffer.from(pair.publicKey.point);
          const publicKey = { ...pair.publicKey, point } as PublicKey;
          const before = [message, signature, point].map((bytes) => bytes.toString('hex'));
          provider.verify(algorithm, publicKey, message, signature);
          expect([message, signature, point].map((bytes) => bytes.toString('hex'))).toEqual(before);
        }
      }
    });

    it('any bytes at all', () => {
      const keys: readonly [string, PublicKey][] = [
        ['ssh-ed25519', ed25519.publicKey],
        ['ecdsa-sha2-nistp256', ecdsa.publicKey],
        ['rsa-sha2-512', rsa.publicKey],
      ];
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 20 }), (bytes, message) => {
          for (const [algorithm, key] of keys) {
            expect(provider.verify(algorithm, key, message, bytes)).toBe(false);
          }
          const points: readonly PublicKey[] = [
            { type: 'ssh-ed25519', point: bytes },
            { type: 'ecdsa-sha2-nistp256', curve: 'nistp256', point: bytes },
            { type: 'ssh-rsa', exponent: message, modulus: bytes },
          ];
          for (const key of points) {
            const algorithm = key.type === 'ssh-rsa' ? 'rsa-sha2-256' : key.type;
            expect(provider.verify(algorithm, key, message, bytes)).toBe(false);
          }
        }),
        { numRuns: 60 },
      );
    });
  });

  describe('sign', () => {
    const data = utf8('data');
    const ed25519 = newEd25519Key();
    const ecdsa = newEcdsaKey('nistp521');
    const rsa = newRsaKey(2048);

    it('refuses algorithms that the key cannot serve', () => {
      for (const key of [ed25519, ecdsa, rsa]) {
        for (const algorithm of [
          ...(key === rsa ? [] : ['ssh-rsa']),
          'ssh-dss',
          'ecdsa-sha2-nistp256',
          '',
          'constructor',
          'toString',
        ]) {
          expect(codeOf(() => provider.sign(algorithm, key, data))).toBe('ERR_SSH_CRYPTO');
        }
      }
    });

    it('CVE-2024-31497: never hands out a signature that its public key does not verify', () => {
      const otherEd25519 = { ...ed25519, publicKey: newEd25519Key().publicKey };
      const otherEcdsa = { ...ecdsa, publicKey: newEcdsaKey('nistp521').publicKey };
      const otherRsa = { ...rsa, publicKey: newRsaKey(2048).publicKey };
      expect(codeOf(() => provider.sign('ssh-ed25519', otherEd25519, data))).toBe('ERR_SSH_CRYPTO');
      expect(codeOf(() => provider.sign(ecdsa.type, otherEcdsa, data))).toBe('ERR_SSH_CRYPTO');
      expect(codeOf(() => provider.sign('rsa-sha2-256', otherRsa, data))).toBe('ERR_SSH_CRYPTO');
    });

    it('refuses scalars of 0, n and above, seeds of other lengths', () => {
      const { order, length } = curves.nistp521;
      for (const scalar of [
        new Uint8Array(length),
        bigIntToBytes(order, length),
        new Uint8Array(67).fill(1),
      ]) {
        expect(codeOf(() => provider.sign(ecdsa.type, { ...ecdsa, scalar }, data))).toBe('ERR_SSH_CRYPTO');
      }
      for (const length of [0, 31, 33, 64]) {
        const seed = new Uint8Array(length).fill(1);
        expect(codeOf(() => provider.sign('ssh-ed25519', { ...ed25519, seed }, data))).toBe('ERR_SSH_CRYPTO');
      }
    });

    it('refuses RSA keys whose numbers contradict each other', () => {
      const wrong = (bytes: Uint8Array): Uint8Array => bigIntToBytes(bytesToBigInt(bytes) + 2n, bytes.length);
      const damaged = [
        { ...rsa, privateExponent: wrong(rsa.privateExponent) },
        { ...rsa, prime1: wrong(rsa.prime1) },
        { ...rsa, prime2: new Uint8Array(0) },
        { ...rsa, coefficient: wrong(rsa.coefficient) },
        { ...rsa, prime1: Uint8Array.of(1), prime2: rsa.publicKey.modulus },
      ];
      for (const key of damaged) {
        // OpenSSL recovers from some damage by itself; what comes out must then be right.
        let signature: Uint8Array | undefined;
        const code = codeOf(() => {
          signature = provider.sign('rsa-sha2-256', key, data);
        });
        if (signature === undefined) expect(code).toBe('ERR_SSH_CRYPTO');
        else expect(noble.verify('rsa-sha2-256', rsa.publicKey, data, signature)).toBe(true);
      }
    });

    it('says nothing secret in its errors', () => {
      const scalar = bigIntToBytes(curves.nistp521.order + 5n, 66);
      try {
        provider.sign(ecdsa.type, { ...ecdsa, scalar }, data);
        expect.unreachable();
      } catch (error) {
        const shown = `${String(error)} ${String((error as Error).cause)}`;
        expect(shown).not.toContain((curves.nistp521.order + 5n).toString());
        expect(shown).not.toContain((curves.nistp521.order + 5n).toString(16));
      }
    });
  });
});
