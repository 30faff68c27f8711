/** Packets where something ends: a page of the sealer, the longest packet, the kernel's reads. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { longestPayload } from '../../src/packet/framing.ts';
import { codeOf } from '../crypto/support.ts';
import {
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  openAllLent,
  providers,
  sameBytes,
  sealAll,
  suites,
} from './support.ts';

/** The sealer's first page, a later one, its largest; `fullRead` of the platforms is the last of them too. */
const pages = [4 * 1024, 16 * 1024, 64 * 1024];

/** A payload that ends a page, or nearly, and what follows on it in that page and the next. */
const aroundPages = fc.record({
  page: fc.constantFrom(...pages),
  /** From the end of the page: the room that the sealer wants for another packet is among it. */
  left: fc.integer({ min: -40, max: 600 }),
  behind: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 700 })), {
    minLength: 1,
    maxLength: 6,
  }),
  cut: fc.oneof(fc.constantFrom(...pages), fc.integer({ min: 1, max: 5000 })),
  taken: fc.uniqueArray(fc.integer({ min: 0, max: 6 })),
});

const longest = longestPayload(defaultLimits.packetLength);

for (const [name, provider] of Object.entries(providers)) {
  describe(`by ${name}`, () => {
    it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
      '%s: packets around the end of a page are as all others',
      (_, suite) => {
        fc.assert(
          fc.property(aroundPages, ({ page, left, behind, cut, taken }) => {
            const payloads = [page - left, ...behind].map((length, index) => noise(length, index));
            const stream = sealAll(newSealer(provider, keysOf(suite)), payloads, new Set(taken));
            expect(sameBytes(openAll(newOpener(provider, keysOf(suite)), stream, [cut]), payloads)).toBe(
              true,
            );
            expect(sameBytes(openAllLent(newOpener(provider, keysOf(suite)), stream, [cut]), payloads)).toBe(
              true,
            );
          }),
          { numRuns: 6 },
        );
      },
    );

    it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
      '%s: the longest packet is taken, with others around it, and one block more ends',
      (_, suite) => {
        const payloads = [longest, 1].map((length, index) => noise(length, index));
        const stream = sealAll(newSealer(provider, keysOf(suite)), payloads);
        expect(sameBytes(openAll(newOpener(provider, keysOf(suite)), stream, [65_536]), payloads)).toBe(true);
        const tooLong = sealAll(newSealer(provider, keysOf(suite)), [
          noise(longest + 16, 1),
          noise(longest, 2),
        ]);
        expect(codeOf(() => openAll(newOpener(provider, keysOf(suite)), tooLong, [65_536]))).toMatch(
          /^ERR_SSH_(PACKET|MAC)$/,
        );
      },
    );
  });
}
