/**
 * The NIST curves in TypeScript.
 *
 * Owns: the adaption of the library's functions.
 * Must not know: SSH.
 */
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import type { NistCurve } from '../provider/primitives.ts';
import type { CurveName } from '../provider/provider.ts';

/** The library hashes with each curve's own hash, which is the one of RFC 5656 §6.2.1. */
const options = { lowS: false };

function adapt(curve: ECDSA): NistCurve {
  return {
    publicKey: (scalar) => curve.getPublicKey(scalar, false),
    sharedX: (scalar, peerPoint) => curve.getSharedSecret(scalar, peerPoint).slice(1),
    sign: (scalar, data) => curve.sign(data, scalar, options),
    verify: (point, data, signature) => curve.verify(signature, data, point, options),
  };
}

export const nobleNistCurves: { readonly [C in CurveName]: NistCurve } = {
  nistp256: adapt(p256),
  nistp384: adapt(p384),
  nistp521: adapt(p521),
};
