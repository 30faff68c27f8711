/**
 * X25519 and Ed25519 in TypeScript.
 *
 * Owns: the adaption of the library's functions.
 * Must not know: SSH.
 */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import type { Curve25519 } from '../provider/primitives.ts';

/** Verification is the strict one of RFC 8032 §5.1.7, not the lenient one of ZIP 215. */
const strict = { zip215: false };

export const nobleCurve25519: Curve25519 = {
  x25519PublicKey: (secretKey) => x25519.getPublicKey(secretKey),
  x25519: (secretKey, peerPublicKey) => x25519.getSharedSecret(secretKey, peerPublicKey),
  ed25519PublicKey: (seed) => ed25519.getPublicKey(seed),
  ed25519Sign: (seed, data) => ed25519.sign(data, seed),
  ed25519Verify: (publicKey, data, signature) => ed25519.verify(signature, data, publicKey, strict),
};
