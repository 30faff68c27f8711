/** chacha20-poly1305@openssh.com with another hand for long packets: the same packets, whichever way the tag went. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import {
  type BulkChacha,
  type BulkChachaFactory,
  ChachaPolyOpening,
  ChachaPolySealing,
} from '../../src/crypto/handwritten/chacha/chachaPolyPacket.ts';
import { EveryOpensslChacha, OpensslChacha } from '../../src/node/crypto/packet/packetChacha.ts';
import { measuredCrossings } from '../../src/node/crypto/packet/packetCrossings.ts';
import { bigEndian, keysOf, noise } from '../packet/support.ts';

const keys = keysOf({ cipher: 'chacha20-poly1305@openssh.com', mac: undefined });
/** As many bytes of a payload as leave a short block, the length field counted. */
const payloadLengths = fc.integer({ min: 5, max: 300 }).map((words) => 8 * words);

/** The packet of OpenSSH from the plain functions of OpenSSL, with a one-time key of choice. */
function expectedPacket(payload: Uint8Array, sequenceNumber: number, oneTimeKey?: Uint8Array): Uint8Array {
  const iv = (counter: number): Uint8Array =>
    concatBytes(Uint8Array.of(counter, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), bigEndian(sequenceNumber));
  const [payloadKey, lengthKey] = [keys.encryptionKey.slice(0, 32), keys.encryptionKey.slice(32)];
  const stream = (key: Uint8Array, counter: number, text: Uint8Array): Uint8Array =>
    createCipheriv('chacha20', key, iv(counter)).update(text);
  const sealed = concatBytes(stream(lengthKey, 0, bigEndian(payload.length)), stream(payloadKey, 1, payload));
  const tagKey = oneTimeKey ?? stream(payloadKey, 0, new Uint8Array(32));
  return concatBytes(sealed, poly1305(tagKey, sealed));
}

/** RFC 8439 §2.5.1 in whole numbers. */
function poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array): bigint => BigInt(`0x0${toHex(bytes.slice().reverse())}`);
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = concatBytes(message.subarray(at, at + 16), Uint8Array.of(1));
    sum = ((sum + number(block)) * r) % (2n ** 130n - 5n);
  }
  const tag = (sum + number(key.subarray(16))) % 2n ** 128n;
  return Uint8Array.from(Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse());
}

/** What a sealer makes apart: the length and the tag in the buffer, the ciphertext elsewhere. */
function sealedApart(sealing: ChachaPolySealing, payload: Uint8Array, sequenceNumber: number): Uint8Array {
  const buffer = concatBytes(bigEndian(payload.length), payload, new Uint8Array(16));
  const ciphertext = sealing.sealApart(buffer, 0, payload.length, sequenceNumber);
  return concatBytes(buffer.subarray(0, 4), ciphertext, buffer.subarray(4 + payload.length));
}

const withOpenssl: readonly (readonly [string, BulkChachaFactory])[] = [
  ['long ones alone', (payloadKey) => new OpensslChacha(payloadKey, measuredCrossings)],
  ['every one', (payloadKey, lengthKey) => new EveryOpensslChacha(payloadKey, lengthKey, measuredCrossings)],
];

describe.each(withOpenssl)('chacha20-poly1305@openssh.com, %s by OpenSSL', (_, bulk) => {
  it('is the packet of OpenSSH, sealed in place and apart', () => {
    fc.assert(
      fc.property(payloadLengths, fc.nat({ max: 0xffffffff }), (length, sequenceNumber) => {
        const payload = noise(length, length);
        const expected = toHex(expectedPacket(payload, sequenceNumber));
        const sealing = new ChachaPolySealing(keys, bulk);
        expect(toHex(sealedApart(sealing, payload, sequenceNumber))).toBe(expected);
        const buffer = concatBytes(bigEndian(length), payload, new Uint8Array(16));
        sealing.seal(buffer, 0, length, sequenceNumber);
        expect(toHex(buffer)).toBe(expected);
        const opening = new ChachaPolyOpening(keys, bulk);
        expect(opening.openLength(buffer, 0, sequenceNumber)).toBe(length);
        expect(opening.open(buffer, 0, length, sequenceNumber)).toBe(true);
        const { plaintext, plaintextOffset } = opening;
        expect(toHex(plaintext.subarray(plaintextOffset, plaintextOffset + length))).toBe(toHex(payload));
      }),
    );
  });
});

describe('a one-time key that hashes everything to the same', () => {
  /** r is 0: all ways by the tags of RFC 8439 lead to one tag, and none of them can be told to be right. */
  const oneTimeKey = concatBytes(new Uint8Array(16), noise(16, 3));
  const words = new DataView(oneTimeKey.buffer);
  const bulk = (payloadKey: Uint8Array, lengthKey: Uint8Array): BulkChacha => {
    const openssl = new EveryOpensslChacha(payloadKey, lengthKey, measuredCrossings);
    return {
      cryptFrom: 0,
      verifyFrom: 0,
      tagFrom: 0,
      crypt: (bytes, sequenceNumber) => openssl.crypt(bytes, sequenceNumber),
      // What ChaCha20-Poly1305 makes with such a key: s alone.
      tag: () => oneTimeKey.slice(16),
      beginnings: {
        length: (sequenceNumber, block) => openssl.beginnings.length(sequenceNumber, block),
        tagKey: (_sequenceNumber, block) => {
          for (let i = 0; i < 8; i++) block[i] = words.getInt32(4 * i, true);
        },
      },
    };
  };

  it('still gives a packet that is sealed apart its tag', () => {
    const payload = noise(96, 5);
    const sealed = sealedApart(new ChachaPolySealing(keys, bulk), payload, 7);
    expect(toHex(sealed)).toBe(toHex(expectedPacket(payload, 7, oneTimeKey)));
  });
});
