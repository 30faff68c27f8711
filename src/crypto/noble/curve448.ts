/**
 * X448 and Ed448 in TypeScript.
 *
 * Owns: the adaption of the library's functions.
 * Must not know: SSH.
 */
import { ed448, x448 } from '@noble/curves/ed448.js';
import type { Curve448 } from '../provider/primitives.ts';

/** Verification is the strict one of RFC 8032 §5.2.7. */
const strict = { zip215: false };

export const nobleCurve448: Curve448 = {
  x448PublicKey: (secretKey) => x448.getPublicKey(secretKey),
  x448: (secretKey, peerPublicKey) => x448.getSharedSecret(secretKey, peerPublicKey),
  ed448PublicKey: (seed) => ed448.getPublicKey(seed),
  ed448Sign: (seed, data) => ed448.sign(data, seed),
  ed448Verify: (publicKey, data, signature) => ed448.verify(signature, data, publicKey, strict),
};
