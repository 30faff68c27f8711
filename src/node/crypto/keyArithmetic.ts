/**
 * Arithmetic on curves for key files, on OpenSSL.
 *
 * Owns: `KeyArithmetic` on node:crypto, and which curves this runtime has.
 * Must not know: formats.
 */
import { createECDH } from 'node:crypto';
import type { CurveName } from '../../crypto/provider/provider.ts';
import { CurveMissingError, type KeyArithmetic } from '../../keys/arithmetic.ts';
import { opensslCurve25519 } from './curve25519.ts';
import { opensslCurveNames } from './nistCurves.ts';

/** A curve that the runtime lacks, as Deno and FIPS mode do, shows at its first key. */
export const opensslKeyArithmetic: KeyArithmetic = {
  ed25519PublicKey(seed) {
    try {
      return opensslCurve25519.ed25519PublicKey(seed);
    } catch (cause) {
      throw new CurveMissingError('this runtime does not compute Ed25519 keys', { cause });
    }
  },
  ecPublicKey(curve, scalar) {
    if (!hasCurve(curve)) throw new CurveMissingError(`this runtime does not compute keys of ${curve}`);
    try {
      return publicPoint(curve, scalar);
    } catch {
      // With the curve at hand nothing but the scalar can be wrong.
      return undefined;
    }
  },
};

const scalarLengths: { readonly [C in CurveName]: number } = { nistp256: 32, nistp384: 48, nistp521: 66 };
/** What was found out about each curve. The first multiplication on one takes some milliseconds. */
const tried = new Map<CurveName, boolean>();

function hasCurve(curve: CurveName): boolean {
  const known = tried.get(curve);
  if (known !== undefined) return known;
  const works = canMultiply(curve);
  tried.set(curve, works);
  return works;
}

function canMultiply(curve: CurveName): boolean {
  const length = scalarLengths[curve];
  try {
    return publicPoint(curve, new Uint8Array(length).fill(1, 1)).length === 1 + 2 * length;
  } catch {
    return false;
  }
}

function publicPoint(curve: CurveName, scalar: Uint8Array): Uint8Array {
  const ecdh = createECDH(opensslCurveNames[curve]);
  ecdh.setPrivateKey(scalar);
  return new Uint8Array(ecdh.getPublicKey());
}
