/**
 * Arithmetic on curves for key files, on OpenSSL.
 *
 * Owns: `KeyArithmetic` on node:crypto, and whether this runtime can do all of it.
 * Must not know: formats.
 */
import { createECDH } from 'node:crypto';
import type { CurveName } from '../../crypto/provider/provider.ts';
import type { KeyArithmetic } from '../../keys/arithmetic.ts';
import { opensslCurve25519 } from './curve25519.ts';
import { opensslCurveNames } from './nistCurves.ts';

const arithmetic: KeyArithmetic = {
  ed25519PublicKey: opensslCurve25519.ed25519PublicKey,
  ecPublicKey(curve, scalar) {
    const ecdh = createECDH(opensslCurveNames[curve]);
    try {
      ecdh.setPrivateKey(scalar);
    } catch {
      // With the curve at hand nothing but the scalar can be wrong.
      return undefined;
    }
    return new Uint8Array(ecdh.getPublicKey());
  },
};

let isComplete: boolean | undefined;

/** Undefined where the runtime lacks a curve, as Deno and FIPS mode do: the arithmetic in TypeScript serves then. */
export function opensslKeyArithmetic(): KeyArithmetic | undefined {
  isComplete ??= worksForAll();
  return isComplete ? arithmetic : undefined;
}

function worksForAll(): boolean {
  const lengths: readonly (readonly [CurveName, number])[] = [
    ['nistp256', 32],
    ['nistp384', 48],
    ['nistp521', 66],
  ];
  try {
    const points = lengths.map(([curve, length]) =>
      arithmetic.ecPublicKey(curve, new Uint8Array(length).fill(1, 1)),
    );
    return arithmetic.ed25519PublicKey(new Uint8Array(32)).length === 32 && !points.includes(undefined);
  } catch {
    return false;
  }
}
