/** Triple DES in TypeScript against OpenSSL: every table of FIPS 46-3 takes part in every block. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { TripleDes, tripleDesCbcDecrypt, tripleDesCbcEncrypt } from '../../src/crypto/handwritten/des.ts';
import { nobleCbcStreams } from '../../src/crypto/noble/packet/cbcStreams.ts';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const blocks = fc.integer({ min: 1, max: 6 }).chain((count) => bytes(8 * count));

function openssl(key: Uint8Array, iv: Uint8Array, text: Uint8Array): string {
  return createCipheriv('des-ede3-cbc', key, iv).setAutoPadding(false).update(text).toString('hex');
}

describe('triple DES', () => {
  it('is DES where its three keys are one (FIPS 46-3; the example of 1977)', () => {
    const key = fromHex('133457799bbcdff1'.repeat(3));
    const block = fromHex('0123456789abcdef');
    new TripleDes(key).encryptBlock(block);
    expect(toHex(block)).toBe('85e813540f0ab405');
  });

  it('over one block is that of OpenSSL, and decryption is its inverse', () => {
    fc.assert(
      fc.property(bytes(24), bytes(8), (key, text) => {
        const des = new TripleDes(key);
        const block = text.slice();
        des.encryptBlock(block);
        expect(toHex(block)).toBe(openssl(key, new Uint8Array(8), text));
        des.decryptBlock(block);
        expect(toHex(block)).toBe(toHex(text));
      }),
    );
  });

  it('in CBC is that of OpenSSL both ways, whole and as a stream of packets', () => {
    fc.assert(
      fc.property(bytes(24), bytes(8), blocks, fc.nat(), (key, iv, text, cut) => {
        const sealed = tripleDesCbcEncrypt(key, iv, text);
        expect(toHex(sealed)).toBe(openssl(key, iv, text));
        expect(toHex(tripleDesCbcDecrypt(key, iv, sealed))).toBe(toHex(text));
        const opened = createDecipheriv('des-ede3-cbc', key, iv).setAutoPadding(false).update(sealed);
        expect(opened.toString('hex')).toBe(toHex(text));
        // A stream goes on where the packet before ended.
        const middle = 8 * (cut % (text.length / 8));
        const stream = text.slice();
        for (const [way, expected] of [
          ['encrypting', sealed],
          ['decrypting', text],
        ] as const) {
          const packets = nobleCbcStreams[way]('3des-cbc', key, iv);
          packets.crypt(stream, 0, middle);
          packets.crypt(stream, middle, stream.length);
          expect(toHex(stream)).toBe(toHex(expected));
        }
      }),
    );
  });

  it('ignores the parity bits of its keys', () => {
    fc.assert(
      fc.property(bytes(24), bytes(8), (key, text) => {
        const [plain, other] = [text.slice(), text.slice()];
        new TripleDes(key).encryptBlock(plain);
        new TripleDes(key.map((byte) => byte ^ 1)).encryptBlock(other);
        expect(toHex(other)).toBe(toHex(plain));
      }),
    );
  });
});
