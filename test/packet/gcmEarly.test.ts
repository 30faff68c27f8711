/** AES-GCM on OpenSSL: the first packets one by one, later ones with what working on many takes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { keysOf, newOpener, newSealer, noise, openAll, providers, sealAll } from './support.ts';

const openssl = providers['openssl'] as (typeof providers)[string];
const noble = providers['noble'] as (typeof providers)[string];

/** Lengths of packets that are sealed and sent together. */
const burst = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 1 }) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 40 }) },
);

describe('AES-GCM, at first and later', () => {
  for (const cipher of ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'] as const) {
    for (const [from, to] of [
      [openssl, noble],
      [noble, openssl],
    ] as const) {
      it(`${cipher} is the same whenever the change comes, ${from === noble ? 'opened' : 'sealed'} by OpenSSL`, () => {
        fc.assert(
          fc.property(fc.array(burst, { minLength: 1, maxLength: 60 }), fc.nat(99), (bursts, seed) => {
            const keys = keysOf({ cipher, mac: undefined }, seed);
            const sealer = newSealer(from, keys);
            const opener = newOpener(to, keys);
            for (const [at, lengths] of bursts.entries()) {
              const payloads = lengths.map((length, i) => noise(length, 100 * at + i));
              const opened = openAll(opener, sealAll(sealer, payloads));
              expect(opened).toHaveLength(payloads.length);
              expect(opened.every((payload, i) => equalBytes(payload, payloads[i] as Uint8Array))).toBe(true);
            }
          }),
          { numRuns: 40 },
        );
      });
    }
  }

  it('counts nonces across the change where the low word of the counter wraps', () => {
    const keys = { ...keysOf({ cipher: 'aes128-gcm@openssh.com', mac: undefined }), iv: new Uint8Array(12) };
    keys.iv.set([9, 9, 9, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe0]);
    for (const [from, to] of [
      [openssl, noble],
      [noble, openssl],
    ] as const) {
      const sealer = newSealer(from, keys);
      const opener = newOpener(to, keys);
      for (let i = 0; i < 64; i++) {
        const payload = noise(1 + (i % 200), i);
        expect(openAll(opener, sealAll(sealer, [payload]))).toEqual([payload]);
      }
    }
  });
});
