/**
 * The arithmetic of signatures over messages, in TypeScript.
 *
 * Owns: which implementations serve, all loaded with this module.
 * Must not know: the form of signatures.
 */
import { signRsa, verifyRsa } from '../../crypto/keys/rsa.ts';
import type { SignatureParts } from '../../crypto/keys/signatures.ts';
import { nobleCurve448 } from '../../crypto/noble/curve448.ts';
import { nobleCurve25519 } from '../../crypto/noble/curve25519.ts';
import { createNobleHash, nobleHash } from '../../crypto/noble/digests.ts';
import { nobleNistCurves } from '../../crypto/noble/nistCurves.ts';
import type { RandomBytes } from '../../crypto/provider/random.ts';
import { filledSlot } from '../../crypto/provider/slot.ts';

/** @param randomBytes blinds RSA's private operation; signatures do not depend on it */
export function signingParts(randomBytes: RandomBytes): SignatureParts {
  return {
    curve25519: filledSlot(nobleCurve25519),
    curve448: filledSlot(nobleCurve448),
    nistCurves: {
      nistp256: filledSlot(nobleNistCurves.nistp256),
      nistp384: filledSlot(nobleNistCurves.nistp384),
      nistp521: filledSlot(nobleNistCurves.nistp521),
    },
    rsa: {
      sign: (key, hash, data) => signRsa(key, hash, nobleHash(hash, data), randomBytes),
      verify: (key, hash, data, signature) => verifyRsa(key, hash, nobleHash(hash, data), signature),
    },
    createHash: createNobleHash,
  };
}
