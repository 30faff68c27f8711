/**
 * The NIST curves on OpenSSL.
 *
 * Owns: key import and the calls. Signatures are deterministic (RFC 6979): the
 * nonce is computed here, OpenSSL multiplies the point.
 * Must not know: SSH.
 */
import { createECDH, createHash, createHmac, verify } from 'node:crypto';
import { curves } from '../../crypto/kex/curves.ts';
import { type EcdsaParts, signEcdsa } from '../../crypto/keys/rfc6979.ts';
import type { NistCurve } from '../../crypto/provider/primitives.ts';
import type { CurveName } from '../../crypto/provider/provider.ts';
import { frames, importSpki } from './der.ts';
import { systemRandomBytes } from './random.ts';

export const opensslCurveNames: { readonly [C in CurveName]: string } = {
  nistp256: 'prime256v1',
  nistp384: 'secp384r1',
  nistp521: 'secp521r1',
};

const publicFrames: { readonly [C in CurveName]: Uint8Array } = {
  nistp256: frames.nistp256Public,
  nistp384: frames.nistp384Public,
  nistp521: frames.nistp521Public,
};

/** The blinding of the nonce is the system's even for a seeded provider: signatures do not depend on it. */
const parts: EcdsaParts = {
  hash: (name, data) => createHash(name).update(data).digest(),
  hmac: (name, key, data) => createHmac(name, key).update(data).digest(),
  multiplyBase: publicPoint,
  randomBytes: systemRandomBytes,
};

export function opensslNistCurve(curve: CurveName): NistCurve {
  return {
    publicKey: (scalar) => publicPoint(curve, scalar),
    sharedX(scalar, peerPoint) {
      const ecdh = createECDH(opensslCurveNames[curve]);
      ecdh.setPrivateKey(scalar);
      return new Uint8Array(ecdh.computeSecret(peerPoint));
    },
    sign: (scalar, data) => signEcdsa(parts, curve, scalar, data),
    verify: (point, data, signature) =>
      verify(
        curves[curve].hash,
        data,
        { key: importSpki(publicFrames[curve], point), dsaEncoding: 'ieee-p1363' },
        signature,
      ),
  };
}

function publicPoint(curve: CurveName, scalar: Uint8Array): Uint8Array {
  const ecdh = createECDH(opensslCurveNames[curve]);
  ecdh.setPrivateKey(scalar);
  return new Uint8Array(ecdh.getPublicKey());
}
