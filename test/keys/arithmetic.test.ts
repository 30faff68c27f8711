/** The two implementations of the curves that key files need, against each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { parseWithPauses } from '../../src/endpoint/privateKeys.ts';
import { CurveMissingError, type KeyArithmetic } from '../../src/keys/arithmetic.ts';
import { nobleArithmetic } from '../../src/keys/nobleArithmetic.ts';
import { opensslKeyArithmetic as openssl } from '../../src/node/crypto/keyArithmetic.ts';
import { fixtureBytes } from './fixtures.ts';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

describe('arithmetic for key files', () => {
  it('makes the same Ed25519 key of any seed', () => {
    fc.assert(
      fc.property(bytes(32), (seed) => {
        expect(openssl.ed25519PublicKey(seed)).toEqual(nobleArithmetic.ed25519PublicKey(seed));
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
          expect(openssl.ecPublicKey(curve, scalar)).toEqual(nobleArithmetic.ecPublicKey(curve, scalar));
        }),
        { numRuns: 40 },
      );
    },
  );

  it('is that in TypeScript for a key whose curve the runtime lacks', async () => {
    const missing = (): never => {
      throw new CurveMissingError('no curve');
    };
    const none: KeyArithmetic = { ed25519PublicKey: missing, ecPublicKey: missing };
    for (const name of ['ed25519/openssh', 'ecdsa256/openssh', 'ecdsa384/openssh', 'ecdsa521/openssh']) {
      const bytes = fixtureBytes(name);
      const settings = { limits: defaultLimits, pause: () => Promise.resolve() };
      const expected = await parseWithPauses(bytes, undefined, { ...settings, arithmetic: openssl });
      expect(await parseWithPauses(bytes, undefined, { ...settings, arithmetic: none })).toEqual(expected);
    }
  });
});
