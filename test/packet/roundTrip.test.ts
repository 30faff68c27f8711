/** Laws of the packet layer that hold for every cipher, MAC and provider. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import {
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  openAllLent,
  providers,
  ReferenceSealing,
  sameBytes,
  sealAll,
  suites,
} from './support.ts';

/** Lengths on both sides of every crossing between ways to work, and many short ones in a row. */
const payloadLength = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 5000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5000, max: 33_000 }) },
);
const payloadLengths = fc.array(payloadLength, { minLength: 1, maxLength: 40 });
const cutLengths = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2000 }), fc.constant(65_536)),
  { minLength: 1, maxLength: 6 },
);
const takes = fc.uniqueArray(fc.integer({ min: 0, max: 40 }));

for (const [name, provider] of Object.entries(providers)) {
  describe(`by ${name}`, () => {
    for (const suite of suites) {
      it(`${nameOf(suite)}: open undoes seal, however the stream is cut`, () => {
        fc.assert(
          fc.property(payloadLengths, cutLengths, takes, (lengths, cuts, taken) => {
            const payloads = lengths.map((length, index) => noise(length, index));
            const sealer = newSealer(provider, keysOf(suite));
            const opener = newOpener(provider, keysOf(suite));
            const stream = sealAll(sealer, payloads, new Set(taken));
            expect(sealer.pending).toBe(0);
            expect(sameBytes(openAll(opener, stream, cuts), payloads)).toBe(true);
            expect([opener.packets, opener.blocks, opener.bytes, opener.sequenceNumber]).toEqual([
              sealer.packets,
              sealer.blocks,
              stream.length,
              sealer.sequenceNumber,
            ]);
          }),
          { numRuns: 60 },
        );
      });

      it(`${nameOf(suite)}: nothing that was opened lies in memory that was only lent`, () => {
        fc.assert(
          fc.property(payloadLengths, cutLengths, (lengths, cuts) => {
            const payloads = lengths.map((length, index) => noise(length, index));
            const stream = sealAll(newSealer(provider, keysOf(suite)), payloads);
            const opened = openAllLent(newOpener(provider, keysOf(suite)), stream, cuts);
            expect(sameBytes(opened, payloads)).toBe(true);
          }),
          { numRuns: 60 },
        );
      });

      it(`${nameOf(suite)}: seals as the documents say`, () => {
        fc.assert(
          fc.property(fc.array(payloadLength, { minLength: 1, maxLength: 12 }), takes, (lengths, taken) => {
            const payloads = lengths.map((length, index) => noise(length, index));
            const sealed = sealAll(newSealer(provider, keysOf(suite)), payloads, new Set(taken));
            const reference = new ReferenceSealing(keysOf(suite));
            const expected = openedPackets(provider, suite, sealed).map((packet, index) =>
              reference.seal(packet, index),
            );
            expect(sameBytes([sealed], [concatBytes(...expected)])).toBe(true);
          }),
          { numRuns: 25 },
        );
      });
    }
  });
}

/** The packets of a sealed stream in the clear, with length field and padding. */
function openedPackets(
  provider: (typeof providers)[string],
  suite: (typeof suites)[number],
  sealed: Uint8Array,
): Uint8Array[] {
  const opener = newOpener(provider, keysOf(suite));
  const packets: Uint8Array[] = [];
  const cipher = provider.createOpeningCipher(keysOf(suite));
  const work = sealed.slice();
  for (let at = 0, number = 0; at < work.length; number++) {
    const length = cipher.openLength(work, at, number);
    expect(cipher.open(work, at, length, number, work.length - at)).toBe(true);
    const field = Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length);
    packets.push(
      concatBytes(field, cipher.plaintext.subarray(cipher.plaintextOffset, cipher.plaintextOffset + length)),
    );
    at += 4 + length + cipher.tagLength;
  }
  expect(packets.length).toBe(openAll(opener, sealed).length);
  return packets;
}

describe('both providers', () => {
  for (const suite of suites) {
    it(`${nameOf(suite)}: seal the same bytes`, () => {
      fc.assert(
        fc.property(payloadLengths, takes, takes, (lengths, firstTakes, secondTakes) => {
          const payloads = lengths.map((length, index) => noise(length, index));
          const [one, other] = Object.values(providers).map((provider, index) =>
            sealAll(
              newSealer(provider, keysOf(suite)),
              payloads,
              new Set(index === 0 ? firstTakes : secondTakes),
            ),
          );
          expect(sameBytes([one as Uint8Array], [other as Uint8Array])).toBe(true);
        }),
        { numRuns: 40 },
      );
    });
  }
});
