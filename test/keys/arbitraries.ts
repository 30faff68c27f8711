/** Keys for property tests: Ed25519 and ECDSA at random, RSA from the fixture, which takes too long to make. */
import fc from 'fast-check';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { testBytes } from './failure.ts';
import { fixture } from './fixtures.ts';
import { opensslArithmetic } from './opensslArithmetic.ts';

const rsa = parsePrivateKey(fixture('rsa/openssh')).privateKey;

const curveKey = (type: 'ed25519' | 'ecdsa', bits: number): fc.Arbitrary<PrivateKey> =>
  fc
    .integer({ min: 1 })
    .map((seed) => generateKey(type, { bits, randomBytes: testBytes(seed), arithmetic: opensslArithmetic }));

export const privateKeys: fc.Arbitrary<PrivateKey> = fc.oneof(
  curveKey('ed25519', 256),
  curveKey('ecdsa', 256),
  curveKey('ecdsa', 384),
  curveKey('ecdsa', 521),
  fc.constant(rsa),
);

/** A comment as people write them: one line of any characters. */
export const comments: fc.Arbitrary<string> = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((text) => !/[\r\n\0]/.test(text));
