/** From a shared secret to keys (RFC 4253 §7.2, §8), against node:crypto and the text of the RFC. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { ciphers, macs } from '../../src/crypto/algorithms.ts';
import { deriveKey, deriveKeys, exchangeHash, type KeySource } from '../../src/transport/kex/keys.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { noble } from '../crypto/support.ts';
import { noise } from '../packet/support.ts';

const sha = (name: string, ...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash(name)
      .update(concatBytes(...parts))
      .digest(),
  );
const source = (hash: KeySource['hash'] = 'sha256'): KeySource => ({
  provider: noble,
  hash,
  encodedSecret: noise(37, 1),
  exchangeHash: noise(32, 2),
  sessionId: noise(32, 3),
});
const letterOf = (letter: string): Uint8Array => Uint8Array.of(letter.charCodeAt(0));

describe('RFC 4253 §7.2: a key', () => {
  it('is HASH(K, H, X, session id), and goes on with HASH(K, H, all before)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('sha1' as const, 'sha256' as const, 'sha512' as const),
        fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F'),
        fc.nat({ max: 200 }),
        (hash, letter, length) => {
          const { encodedSecret: secret, exchangeHash: h, sessionId } = source();
          let expected = sha(hash, secret, h, letterOf(letter), sessionId);
          while (expected.length < length) expected = concatBytes(expected, sha(hash, secret, h, expected));
          expect(deriveKey(source(hash), letter, length)).toEqual(expected.slice(0, length));
        },
      ),
    );
  });

  it('leaves nothing of itself behind: what was computed on the way is wiped', () => {
    const digests: Uint8Array[] = [];
    const watched: KeySource = {
      ...source(),
      provider: {
        ...noble,
        createHash: (name) => {
          const hash = noble.createHash(name);
          return {
            update: (part) => hash.update(part),
            digest: () => {
              const digest = hash.digest();
              digests.push(digest);
              return digest;
            },
          };
        },
      },
    };
    const key = deriveKey(watched, 'C', 80);
    expect(key).toEqual(deriveKey(source(), 'C', 80));
    expect(deriveKey(watched, 'C', 16)).toEqual(deriveKey(source(), 'C', 16));
    // Three for the long one, one for the short one.
    expect(digests).toEqual(new Array(4).fill(new Uint8Array(32)));
  });

  it('has the letter of its use and direction, and the length of its algorithm', () => {
    const [c2s, s2c] = ['aes256-ctr', 'chacha20-poly1305@openssh.com'] as const;
    const keys = deriveKeys(source(), {
      kex: 'curve25519-sha256',
      hostKey: 'ssh-ed25519',
      clientToServer: { cipher: c2s, mac: 'hmac-sha2-512', compression: 'none' },
      serverToClient: { cipher: s2c, mac: undefined, compression: 'none' },
    });
    const key = (letter: string, length: number): Uint8Array => deriveKey(source(), letter, length);
    expect(keys).toEqual({
      clientToServer: {
        cipher: c2s,
        mac: 'hmac-sha2-512',
        iv: key('A', 16),
        encryptionKey: key('C', 32),
        integrityKey: key('E', 64),
      },
      serverToClient: {
        cipher: s2c,
        mac: undefined,
        iv: key('B', ciphers[s2c].ivLength),
        encryptionKey: key('D', ciphers[s2c].keyLength),
        integrityKey: new Uint8Array(0),
      },
    });
    expect(macs['hmac-sha2-512'].keyLength).toBe(64);
  });
});

describe('RFC 4253 §8: the exchange hash', () => {
  it('is over V_C, V_S, I_C, I_S, K_S, the values of the method and K, however long they are', () => {
    const length = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 5000 }));
    fc.assert(
      fc.property(fc.array(length, { minLength: 7, maxLength: 7 }), (lengths) => {
        const [vc, vs, ic, is, ks, values, k] = lengths.map((n, i) => noise(n, i)) as [
          Uint8Array,
          Uint8Array,
          Uint8Array,
          Uint8Array,
          Uint8Array,
          Uint8Array,
          Uint8Array,
        ];
        const strings = [vc, vs, ic, is, ks].map((part) => new WireWriter().string(part).copyWritten());
        expect(
          exchangeHash(noble, 'sha256', {
            clientIdentification: vc,
            serverIdentification: vs,
            clientKexInit: ic,
            serverKexInit: is,
            hostKey: ks,
            methodValues: values,
            encodedSecret: k,
          }),
        ).toEqual(sha('sha256', ...strings, values, k));
      }),
    );
  });
});
