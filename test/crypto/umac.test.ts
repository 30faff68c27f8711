/** UMAC against RFC 4418 and against a second implementation, written down from it line by line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { UmacPacketMac } from '../../src/crypto/handwritten/umac.ts';
import { noise } from '../packet/support.ts';
import { umacReference } from '../packet/umacReference.ts';
import { utf8 } from './support.ts';

const key = utf8('abcdefghijklmnop');
const nonce = utf8('bcdefghi');
const halves = [Buffer.from(nonce).readUInt32BE(0), Buffer.from(nonce).readUInt32BE(4)] as const;

/** RFC 4418, appendix: tags of 64 and of 96 bits; those of 128 bits begin with the latter. */
const vectors: readonly [string, string, number, string, string][] = [
  ['nothing', '', 0, '6e155fad26900be1', '32fedb100c79ad58f07ff764'],
  ["'a' * 3", 'a', 3, '44b5cb542f220104', '185e4fe905cba7bd85e4c2dc'],
  ["'a' * 2^10", 'a', 2 ** 10, '26bf2f5d60118bd9', '7a54abe04af82d60fb298c3c'],
  ["'a' * 2^15", 'a', 2 ** 15, '27f8ef643b0d118d', '7b136bd911e4b734286ef2be'],
  ["'a' * 2^20", 'a', 2 ** 20, 'a4477e87e9f55853', 'f8acfa3ac31cfeea047f7b11'],
  ["'abc' * 1", 'abc', 1, 'd4d7b9f6bd4fbfcf', '883c3d4b97a61976ffcf2323'],
  ["'abc' * 500", 'abc', 500, 'd4cf26ddefd5c01a', '8824a260c53c66a36c9260a6'],
];

describe('UMAC (RFC 4418, appendix)', () => {
  it.each(vectors)('%s', (_name, text, count, tag64, tag96) => {
    const message = utf8(text.repeat(count));
    const tag = (length: number): string =>
      toHex(new UmacPacketMac(key, length).computeWith(message, 0, message.length, ...halves));
    expect(tag(8)).toBe(tag64);
    expect(tag(16).slice(0, 24)).toBe(tag96);
    if (message.length > 2 ** 15) return;
    expect(umacReference(key, nonce, message, 12).toString('hex')).toBe(tag96);
    expect(umacReference(key, nonce, message, 16).toString('hex')).toBe(tag(16));
  });
});

describe('UMAC of a packet', () => {
  const lengths = fc.oneof(fc.nat({ max: 70 }), fc.integer({ min: 1000, max: 1100 }), fc.nat({ max: 4200 }));

  it.each([8, 16])(
    'is what the RFC says, for any length, place and sequence number: %i bytes',
    (tagLength) => {
      fc.assert(
        fc.property(
          lengths,
          fc.nat({ max: 9 }),
          fc.oneof(fc.nat({ max: 9 }), fc.integer({ min: 0xfffffff0, max: 0xffffffff })),
          fc.integer(),
          (length, offset, sequenceNumber, seed) => {
            const keyBytes = noise(16, seed);
            const bytes = noise(offset + length + 3, seed + 1);
            const tag = new UmacPacketMac(keyBytes, tagLength).compute(
              bytes,
              offset,
              offset + length,
              sequenceNumber,
            );
            const number = Buffer.alloc(8);
            number.writeUInt32BE(sequenceNumber, 4);
            const expected = umacReference(
              keyBytes,
              number,
              bytes.subarray(offset, offset + length),
              tagLength,
            );
            expect(toHex(tag)).toBe(expected.toString('hex'));
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});
