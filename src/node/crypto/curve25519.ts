/**
 * X25519 and Ed25519 on OpenSSL.
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 */
import { diffieHellman, sign, verify } from 'node:crypto';
import type { Curve25519 } from '../../crypto/primitives.ts';
import { exportPublicKey, frames, importPkcs8, importSpki } from './der.ts';

export const opensslCurve25519: Curve25519 = {
  x25519PublicKey: (secretKey) => exportPublicKey(importPkcs8(frames.x25519Secret, secretKey), 32),
  x25519: (secretKey, peerPublicKey) =>
    new Uint8Array(
      diffieHellman({
        privateKey: importPkcs8(frames.x25519Secret, secretKey),
        publicKey: importSpki(frames.x25519Public, peerPublicKey),
      }),
    ),
  ed25519PublicKey: (seed) => exportPublicKey(importPkcs8(frames.ed25519Secret, seed), 32),
  ed25519Sign: (seed, data) => new Uint8Array(sign(null, data, importPkcs8(frames.ed25519Secret, seed))),
  ed25519Verify: (publicKey, data, signature) =>
    verify(null, data, importSpki(frames.ed25519Public, publicKey), signature),
};
