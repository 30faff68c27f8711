/** The arithmetic under the packet ciphers: published vectors, edges of counters, laws against @noble and OpenSSL. */
import { createCipheriv, createHmac } from 'node:crypto';
import { poly1305 as noblePoly1305 } from '@noble/ciphers/_poly1305.js';
import { ghash as nobleGhash } from '@noble/ciphers/_polyval.js';
import { unsafe } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { macs } from '../../src/crypto/algorithms.ts';
import { encryptBlocks, expandAesKey } from '../../src/crypto/handwritten/aes/aesBlocks.ts';
import { GhashKey } from '../../src/crypto/handwritten/aes/ghash.ts';
import { addChacha, chachaBlock, chachaKey } from '../../src/crypto/handwritten/chacha/chachaBlocks.ts';
import { poly1305 } from '../../src/crypto/handwritten/chacha/poly1305.ts';
import { isRelayedTagRight, relayTag } from '../../src/crypto/handwritten/chacha/poly1305Relay.ts';
import { Sha256PacketMac } from '../../src/crypto/handwritten/sha256Mac.ts';
import { AesCtrStream } from '../../src/crypto/noble/packet/aesCtrStream.ts';
import { HmacPacketMac } from '../../src/crypto/noble/packet/hmacPacket.ts';
import { typescriptMac } from '../../src/crypto/noble/packet/packetCiphers.ts';
import type { DirectionKeys } from '../../src/crypto/provider/provider.ts';
import { measuredCrossings } from '../../src/node/crypto/packet/packetCrossings.ts';
import { opensslMac } from '../../src/node/crypto/packet/packetMac.ts';
import {
  bigEndian,
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  providers,
  ReferenceSealing,
  sameBytes,
  sealAll,
  suites,
} from '../packet/support.ts';

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const words = (bytes: Uint8Array): Int32Array =>
  Int32Array.from({ length: bytes.length / 4 }, (_, i) => view(bytes).getInt32(4 * i, true));
const fromWords = (source: Int32Array): Uint8Array => {
  const out = new Uint8Array(4 * source.length);
  source.forEach((word, i) => {
    view(out).setInt32(4 * i, word, true);
  });
  return out;
};
const wordsBigEndian = (source: Int32Array): Uint8Array =>
  concatBytes(...Array.from(source, (word) => bigEndian(word)));
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

describe('AES', () => {
  const plaintext = '00112233445566778899aabbccddeeff';
  const vectors = [
    ['000102030405060708090a0b0c0d0e0f', '69c4e0d86a7b0430d8cdb78070b4c55a'],
    ['000102030405060708090a0b0c0d0e0f1011121314151617', 'dda97ca4864cdfe06eaf70a0ec0d7191'],
    ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', '8ea2b7ca516745bfeafc49904b496089'],
  ] as const;
  for (const [key, ciphertext] of vectors) {
    it(`with ${4 * key.length} bits (FIPS 197 appendix C)`, () => {
      const block = fromHex(plaintext);
      encryptBlocks(expandAesKey(fromHex(key)), view(block), 1);
      expect(toHex(block)).toBe(ciphertext);
    });
  }

  it('has the key schedule of @noble/ciphers (FIPS 197 §5.2)', () => {
    fc.assert(
      fc.property(fc.constantFrom(16, 24, 32).chain(bytesOf), (key) => {
        expect([...expandAesKey(key)]).toEqual([...Int32Array.from(unsafe.expandKeyLE(key))]);
      }),
    );
  });

  it('on many blocks is what OpenSSL does with each', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 24, 32),
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        (length, seed, count) => {
          const key = noise(length, seed);
          const blocks = noise(16 * count, seed + 1);
          const expected = createCipheriv(`aes-${8 * length}-ecb`, key, null)
            .setAutoPadding(false)
            .update(blocks);
          encryptBlocks(expandAesKey(key), view(blocks), count);
          expect(toHex(blocks)).toBe(expected.toString('hex'));
        },
      ),
    );
  });
});

describe('AES-CTR', () => {
  // NIST SP 800-38A F.5.1, F.5.3, F.5.5; RFC 3686 counts the same way in the last 32 bits.
  const counter = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';
  const plaintext =
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
  const vectors = [
    [
      '2b7e151628aed2a6abf7158809cf4f3c',
      '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
    ],
    [
      '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
      '1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050',
    ],
    [
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
    ],
  ] as const;
  for (const [key, ciphertext] of vectors) {
    it(`with ${4 * key.length} bits, in one piece and in several (NIST SP 800-38A F.5)`, () => {
      for (const cuts of [[64], [16, 48], [16, 16, 16, 16]]) {
        const stream = new AesCtrStream(fromHex(key), fromHex(counter));
        const bytes = fromHex(plaintext);
        let at = 0;
        for (const cut of cuts) {
          stream.crypt(bytes, at, at + cut);
          at += cut;
        }
        expect(toHex(bytes)).toBe(ciphertext);
      }
    });
  }
});

/** Nonces and counters just before they carry and wrap, and where a byte or word ends. */
const edges: readonly string[] = [
  'fffffffffffffffffffffffffffffffe',
  '00000000000000000000000000fffffe',
  '000000000000000000000000fffffffe',
  '0000000000000000fffffffffffffffd',
  '00000000fffffffffffffffffffffffc',
  '0123456789abcdef00000000000000ff',
];

describe('counters carry and wrap (RFC 4344 §4, RFC 5647 §7.1)', () => {
  for (const [name, provider] of Object.entries(providers)) {
    for (const suite of suites.filter(({ cipher }) => cipher.startsWith('aes'))) {
      it(`${nameOf(suite)} by ${name}`, () => {
        for (const edge of edges) {
          const keys: DirectionKeys = { ...keysOf(suite), iv: ivOf(suite.cipher, edge) };
          const payloads = [noise(30, 1), noise(90, 2), noise(1200, 3), noise(5000, 4), noise(7, 5)];
          const sealed = sealAll(newSealer(provider, keys), payloads);
          expect(sameBytes(openAll(newOpener(provider, keys), sealed, [100]), payloads)).toBe(true);
          expect(sameBytes(openAll(newOpener(provider, keys), sealed), payloads)).toBe(true);
          const reference = new ReferenceSealing(keys);
          const packet = concatBytes(bigEndian(32), Uint8Array.of(10), noise(31, 6));
          const aligned = concatBytes(bigEndian(28), Uint8Array.of(10), noise(27, 6));
          const plain = suite.mac?.includes('etm') === false ? aligned : packet;
          const cipher = provider.createSealingCipher(keys);
          for (let number = 0; number < 5; number++) {
            const room = concatBytes(plain, new Uint8Array(cipher.tagLength));
            cipher.seal(room, 0, plain.length - 4, number, room.length);
            expect(toHex(room)).toBe(toHex(reference.seal(plain, number)));
          }
        }
      });
    }
  }

  function ivOf(cipher: string, edge: string): Uint8Array {
    return cipher.includes('gcm') ? fromHex(edge.slice(8)) : fromHex(edge);
  }

  for (const [name, provider] of Object.entries(providers)) {
    for (const suite of suites) {
      it(`the sequence number wraps at 2^32 under ${nameOf(suite)} by ${name} (RFC 4253 §6.4)`, () => {
        const sealer = newSealer(provider, keysOf(suite));
        const opener = newOpener(provider, keysOf(suite));
        sealer.sequenceNumber = 0xfffffffe;
        opener.sequenceNumber = 0xfffffffe;
        const payloads = [noise(5, 1), noise(600, 2), noise(5, 3)];
        expect(sameBytes(openAll(opener, sealAll(sealer, payloads)), payloads)).toBe(true);
        expect([sealer.sequenceNumber, opener.sequenceNumber]).toEqual([1, 1]);
      });
    }
  }
});

describe('GHASH', () => {
  /** As AES-GCM hashes a packet whose length field is its additional data. */
  function expected(key: Uint8Array, packet: Uint8Array): string {
    const lengths = concatBytes(
      bigEndian(0),
      bigEndian(32),
      bigEndian(0),
      bigEndian(8 * (packet.length - 4)),
    );
    const padded = concatBytes(packet.subarray(0, 4), new Uint8Array(12), packet.subarray(4), lengths);
    return toHex(nobleGhash(padded, key));
  }

  function packetOf(blocks: number, seed: number): Uint8Array {
    return concatBytes(bigEndian(16 * blocks), noise(16 * blocks, seed));
  }

  it('is that of @noble, at any offset', () => {
    fc.assert(
      fc.property(
        bytesOf(16),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 17 }),
        (key, blocks, offset) => {
          const packet = packetOf(blocks, offset);
          const ghash = new GhashKey(view(key), 0);
          const moved = concatBytes(new Uint8Array(offset), packet);
          ghash.hashPacket(view(moved), offset, 16 * blocks);
          expect(toHex(wordsBigEndian(ghash.result))).toBe(expected(key, packet));
        },
      ),
    );
  });

  it('goes over the ciphertext that it makes on the way, wherever the keystream lies', () => {
    fc.assert(
      fc.property(
        bytesOf(16),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 17 }),
        fc.integer({ min: 0, max: 17 }),
        (key, blocks, offset, keystreamAt) => {
          const length = 16 * blocks;
          const packet = packetOf(blocks, offset);
          const keystream = noise(keystreamAt + length, blocks);
          const encrypted = packet.map((byte, i) =>
            i < 4 ? byte : byte ^ (keystream[keystreamAt + i - 4] as number),
          );
          const ghash = new GhashKey(view(key), 0);
          const moved = concatBytes(new Uint8Array(offset), packet, noise(16, 1));
          ghash.addKeystreamAndHash(view(moved), offset, length, view(keystream), keystreamAt);
          expect(toHex(moved)).toBe(toHex(concatBytes(new Uint8Array(offset), encrypted, noise(16, 1))));
          expect(toHex(wordsBigEndian(ghash.result))).toBe(expected(key, encrypted));
        },
      ),
    );
  });

  it('of every key is right, when more keys take turns than have tables', () => {
    const keys = Array.from({ length: 150 }, (_, i) => noise(16, i));
    const ghashes = keys.map((key) => new GhashKey(view(key), 0));
    for (let turn = 0; turn < 3; turn++) {
      keys.forEach((key, i) => {
        const packet = packetOf(3, turn * 1000 + i);
        ghashes[i]?.hashPacket(view(packet), 0, 48);
        expect(toHex(wordsBigEndian(ghashes[i]?.result as Int32Array))).toBe(expected(key, packet));
      });
    }
  });

  it('of a length at the end of nothing else is that length times H', () => {
    fc.assert(
      fc.property(bytesOf(16), fc.integer({ min: 0, max: 1 << 24 }), (key, length) => {
        const ghash = new GhashKey(view(key), 0);
        ghash.hashLength(length);
        const block = concatBytes(bigEndian(0), bigEndian(8 * length), bigEndian(0), bigEndian(0));
        expect(toHex(wordsBigEndian(ghash.result))).toBe(toHex(nobleGhash(block, key)));
      }),
    );
  });
});

describe('ChaCha20', () => {
  // RFC 8439 appendix A.1, those whose nonce fits a sequence number.
  const vectors = [
    ['00'.repeat(32), 0, 0, '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7'],
    ['00'.repeat(32), 1, 0, '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed'],
    [`${'00'.repeat(31)}01`, 1, 0, '3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a'],
    [`00ff${'00'.repeat(30)}`, 2, 0, '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca'],
    ['00'.repeat(32), 0, 2, 'c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7'],
  ] as const;
  vectors.forEach(([key, counter, nonce, keystream], index) => {
    it(`block of RFC 8439 A.1 #${index + 1}`, () => {
      const out = new Int32Array(16);
      chachaBlock(chachaKey(fromHex(key)), counter, nonce, out);
      expect(toHex(fromWords(out)).slice(0, 64)).toBe(keystream);
    });
  });

  it('is that of @noble, at any offset and length of whole words', () => {
    fc.assert(
      fc.property(
        bytesOf(32),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 80 }),
        fc.integer({ min: 0, max: 9 }),
        (key, nonce, count, offset) => {
          const bytes = noise(offset + 4 * count, nonce);
          const expected = chacha20orig(
            key,
            concatBytes(new Uint8Array(4), bigEndian(nonce)),
            bytes.slice(offset),
            undefined,
            1,
          );
          addChacha(chachaKey(key), 1, nonce, view(bytes), offset, bytes.length);
          expect(toHex(bytes.subarray(offset))).toBe(toHex(expected));
        },
      ),
    );
  });
});

describe('Poly1305', () => {
  const zeros = '00'.repeat(16);
  const ones = 'ff'.repeat(16);
  // RFC 8439 §2.5.2, and appendix A.3 #7 to #11, which sit on the edges of the modulus.
  const vectors: readonly (readonly [string, string, string, string])[] = [
    [
      'section 2.5.2',
      '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
      '43727970746f6772617068696320466f72756d2052657365617263682047726f7570',
      'a8061dc1305136c6c22b8baf0c0127a9',
    ],
    ['A.3 #7', `02${zeros.slice(2)}${zeros}`, ones, `03${zeros.slice(2)}`],
    ['A.3 #8', `02${zeros.slice(2)}${ones}`, `02${zeros.slice(2)}`, `03${zeros.slice(2)}`],
    [
      'A.3 #9',
      `01${zeros.slice(2)}${zeros}`,
      `${ones}f0${ones.slice(2)}11${zeros.slice(2)}`,
      `05${zeros.slice(2)}`,
    ],
    ['A.3 #10', `01${zeros.slice(2)}${zeros}`, `${ones}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, zeros],
    ['A.3 #11', `02${zeros.slice(2)}${zeros}`, `fd${ones.slice(2)}`, `fa${ones.slice(2)}`],
  ];
  for (const [name, key, message, tag] of vectors) {
    it(`RFC 8439 ${name}`, () => {
      const out = new Int32Array(4);
      const bytes = fromHex(message);
      poly1305(words(fromHex(key)), view(bytes), 0, bytes.length, out);
      expect(toHex(fromWords(out))).toBe(tag);
    });
  }

  /** Keys and messages full of ones make every limb and carry as large as can be. */
  const heavy = (length: number): fc.Arbitrary<Uint8Array> =>
    fc.oneof(
      bytesOf(length),
      fc.constantFrom(0xff, 0xfe, 0x80, 0x00).map((byte) => new Uint8Array(length).fill(byte)),
    );

  it('is that of @noble, for every length and at any offset', () => {
    fc.assert(
      fc.property(
        heavy(32),
        fc.integer({ min: 0, max: 400 }).chain((length) => heavy(length)),
        fc.integer({ min: 0, max: 9 }),
        (key, message, offset) => {
          const out = new Int32Array(4);
          const moved = concatBytes(new Uint8Array(offset), message);
          poly1305(words(key), view(moved), offset, moved.length, out);
          expect(toHex(fromWords(out))).toBe(toHex(noblePoly1305(message, key)));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('stays exact over a message of a mebibyte of ones', () => {
    const key = new Uint8Array(32).fill(0xff);
    const message = new Uint8Array(1 << 20).fill(0xff);
    const out = new Int32Array(4);
    poly1305(words(key), view(message), 0, message.length, out);
    expect(toHex(fromWords(out))).toBe(toHex(noblePoly1305(message, key)));
  });

  describe('by way of the tags of RFC 8439', () => {
    /** What an AEAD makes of additional data alone (RFC 8439 §2.8). */
    const relayFor = (key: Uint8Array, message: Uint8Array) => {
      return (end: number): Uint8Array => {
        const lengths = new Uint8Array(16);
        view(lengths).setUint32(0, end, true);
        return noblePoly1305(concatBytes(message.subarray(0, end), lengths), key);
      };
    };
    const packetLike = fc
      .tuple(heavy(32), fc.integer({ min: 2, max: 30 }), fc.constantFrom(4, 8, 12), fc.integer())
      .chain(([key, blocks, rest, seed]) =>
        fc.tuple(
          fc.constant(key),
          fc.oneof(heavy(16 * blocks + rest), fc.constant(noise(16 * blocks + rest, seed))),
        ),
      );

    it('is made without falling back, and is that of @noble', () => {
      fc.assert(
        fc.property(packetLike, ([key, message]) => {
          // r = 0 hashes everything to the same; no key is like that but by a chance of 2^-106.
          fc.pre(key.some((byte, i) => i < 16 && byte !== 0 && byte !== 0x80));
          const tag = new Int32Array(4);
          expect(relayTag(words(key), view(message), 0, message.length, relayFor(key, message), tag)).toBe(
            true,
          );
          expect(toHex(fromWords(tag))).toBe(toHex(noblePoly1305(message, key)));
        }),
        { numRuns: 1000 },
      );
    });

    it('is verified, and no other is: not one bit, and not one fifth or two bits above the modulus away', () => {
      fc.assert(
        fc.property(packetLike, fc.integer({ min: 0, max: 127 }), ([key, message], bit) => {
          fc.pre(key.some((byte, i) => i < 16 && byte !== 0 && byte !== 0x80));
          const tag = noblePoly1305(message, key);
          const check = (claim: Uint8Array): boolean =>
            isRelayedTagRight(
              words(key),
              view(concatBytes(message, claim)),
              0,
              message.length,
              relayFor(key, message),
            );
          expect(check(tag)).toBe(true);
          const flipped = tag.slice();
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
          expect(check(flipped)).toBe(false);
          for (const distance of [5n, -5n, 10n, -10n, 15n, 20n])
            expect(check(moved(tag, distance))).toBe(false);
        }),
        { numRuns: 300 },
      );
    });

    function moved(tag: Uint8Array, distance: bigint): Uint8Array {
      const value =
        (BigInt(`0x${toHex(tag.slice().reverse())}`) + distance + (1n << 128n)) & ((1n << 128n) - 1n);
      return fromHex(value.toString(16).padStart(32, '0')).reverse();
    }
  });
});

describe('HMAC of packets', () => {
  // RFC 4231 test cases 1 and 2; the first four bytes stand where the sequence number goes.
  const cases = [
    {
      key: '0b'.repeat(20),
      data: '4869205468657265',
      sha256: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
      sha512:
        '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    },
    {
      key: '4a656665',
      data: '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
      sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      sha512:
        '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    },
  ];
  cases.forEach(({ key, data, sha256, sha512 }, index) => {
    it(`RFC 4231 test case ${index + 1}`, () => {
      const bytes = fromHex(data);
      const number = view(bytes).getUint32(0);
      const rest = bytes.subarray(4);
      expect(toHex(new Sha256PacketMac(fromHex(key)).compute(rest, 0, rest.length, number))).toBe(sha256);
      expect(toHex(new HmacPacketMac('sha512', fromHex(key), 64).compute(rest, 0, rest.length, number))).toBe(
        sha512,
      );
    });
  });

  for (const mac of ['hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1', 'hmac-sha1-96'] as const) {
    it(`${mac} is that of OpenSSL for every length a packet can have, whoever computes it`, () => {
      const row = macs[mac];
      const key = noise(row.keyLength, 1);
      const typescript = typescriptMac(row, key);
      const openssl = opensslMac(row, key, measuredCrossings);
      for (let length = 0; length < 5000; length += length < 400 ? 4 : 172) {
        const bytes = noise(length + 3, length);
        const expected = createHmac(row.hash, key)
          .update(bigEndian(length))
          .update(bytes.subarray(3))
          .digest('hex')
          .slice(0, 2 * row.tagLength);
        expect(toHex(typescript.compute(bytes, 3, length + 3, length))).toBe(expected);
        expect(toHex(openssl.compute(bytes, 3, length + 3, length))).toBe(expected);
        const parts = openssl.computeParts?.(
          bytes.subarray(3, 3 + (length >> 1)),
          bytes.subarray(3 + (length >> 1)),
          length,
        );
        expect(toHex(parts as Uint8Array)).toBe(expected);
      }
    });
  }
});

describe('keys that do not fit', () => {
  for (const [name, provider] of Object.entries(providers)) {
    it(`are refused by ${name}`, () => {
      for (const suite of suites) {
        const keys = keysOf(suite);
        const wrong: DirectionKeys[] = [
          { ...keys, encryptionKey: keys.encryptionKey.subarray(1) },
          { ...keys, iv: concatBytes(keys.iv, Uint8Array.of(1)) },
          { ...keys, cipher: 'cast128-cbc' as 'aes128-ctr' },
        ];
        if (suite.mac !== undefined) {
          wrong.push(
            { ...keys, mac: undefined },
            { ...keys, mac: 'hmac-md5' as 'hmac-sha1' },
            { ...keys, integrityKey: keys.integrityKey.subarray(1) },
          );
        }
        for (const bad of wrong) {
          const refused = expect.objectContaining({ code: 'ERR_SSH_CRYPTO' });
          expect(() => provider.createOpeningCipher(bad)).toThrow(refused);
          expect(() => provider.createSealingCipher(bad)).toThrow(refused);
        }
      }
    });
  }
});
