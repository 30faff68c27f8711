/**
 * X448 and Ed448 on OpenSSL.
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 */
import { diffieHellman, sign, verify } from 'node:crypto';
import type { Curve448 } from '../../crypto/provider/primitives.ts';
import { exportPublicKey, frames, importPkcs8, importSpki } from './der.ts';

export const opensslCurve448: Curve448 = {
  x448PublicKey: (secretKey) => exportPublicKey(importPkcs8(frames.x448Secret, secretKey), 56),
  x448: (secretKey, peerPublicKey) =>
    new Uint8Array(
      diffieHellman({
        privateKey: importPkcs8(frames.x448Secret, secretKey),
        publicKey: importSpki(frames.x448Public, peerPublicKey),
      }),
    ),
  ed448PublicKey: (seed) => exportPublicKey(importPkcs8(frames.ed448Secret, seed), 57),
  ed448Sign: (seed, data) => new Uint8Array(sign(null, data, importPkcs8(frames.ed448Secret, seed))),
  ed448Verify: (publicKey, data, signature) =>
    verify(null, data, importSpki(frames.ed448Public, publicKey), signature),
};
