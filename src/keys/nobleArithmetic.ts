/**
 * Arithmetic on curves for key files, in TypeScript.
 *
 * Owns: `KeyArithmetic` on @noble/curves.
 * Must not know: formats.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { wipe } from '../base/bytes.ts';
import { bytesToBigInt } from '../crypto/keys/bigint.ts';
import type { KeyArithmetic } from './arithmetic.ts';

const curves = { nistp256: p256, nistp384: p384, nistp521: p521 } as const;

/** The implementation on @noble/curves. */
export const nobleArithmetic: KeyArithmetic = {
  ed25519PublicKey(seed) {
    const hash = sha512(seed);
    const scalar = bytesToBigInt(clampedScalar(hash)) % ed25519.Point.Fn.ORDER;
    wipe(hash);
    return unpreparedBase(ed25519.Point).multiply(scalar).toBytes();
  },
  ecPublicKey(curve, scalar) {
    const { Point } = curves[curve];
    const value = bytesToBigInt(scalar);
    if (value === 0n || value >= Point.Fn.ORDER) return undefined;
    return unpreparedBase(Point).multiply(value).toBytes(false);
  },
};

/**
 * A generator point for which @noble has no table: at its own it would first
 * make one, which takes up to 120 ms in one go and pays off only after many keys.
 */
function unpreparedBase<P extends { toAffine(): { x: bigint; y: bigint } }>(point: {
  readonly BASE: P;
  fromAffine(affine: { x: bigint; y: bigint }): P;
}): P {
  return point.fromAffine(point.BASE.toAffine());
}

/** The secret scalar of RFC 8032 §5.1.5, big-endian. */
function clampedScalar(hash: Uint8Array): Uint8Array {
  const scalar = hash.slice(0, 32).reverse();
  scalar[31] = (scalar[31] as number) & 0xf8;
  scalar[0] = ((scalar[0] as number) & 0x7f) | 0x40;
  return scalar;
}
