/** The two implementations of the curves that key files need, against each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nobleArithmetic } from '../../src/keys/nobleArithmetic.ts';
import { opensslKeyArithmetic } from '../../src/node/crypto/keyArithmetic.ts';

const openssl = opensslKeyArithmetic();
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

describe('arithmetic for key files', () => {
  it('is on OpenSSL where the runtime has all curves, as Node has', () => {
    expect(openssl).toBeDefined();
  });

  it('makes the same Ed25519 key of any seed', () => {
    fc.assert(
      fc.property(bytes(32), (seed) => {
        expect(openssl?.ed25519PublicKey(seed)).toEqual(nobleArithmetic.ed25519PublicKey(seed));
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['nistp256', 32],
    ['nistp384', 48],
    ['nistp521', 66],
  ] as const)(
    'makes the same point on %s of any scalar, and none of one that is out of range',
    (curve, length) => {
      const scalars = fc.oneof(
        bytes(length),
        bytes(length).map((value) => value.fill(0, 0, 2)),
        fc.constant(new Uint8Array(length)),
        fc.constant(new Uint8Array(length).fill(0xff)),
      );
      fc.assert(
        fc.property(scalars, (scalar) => {
          expect(openssl?.ecPublicKey(curve, scalar)).toEqual(nobleArithmetic.ecPublicKey(curve, scalar));
        }),
        { numRuns: 40 },
      );
    },
  );
});
