/**
 * X25519 and Ed25519 on OpenSSL.
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 *
 * A key comes in as a JWK (RFC 8037) where the runtime takes one as it should:
 * OpenSSL's decoder of PKCS #8 costs ten times as much, more than the arithmetic.
 */
import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, sign, verify } from 'node:crypto';
import type { Curve25519 } from '../../crypto/provider/primitives.ts';
import { exportPublicKey, frames, importPkcs8, importSpki } from './der.ts';

type Curve = 'X25519' | 'Ed25519';

interface KeyImport {
  secret(curve: Curve, bytes: Uint8Array): KeyObject;
  public(curve: Curve, bytes: Uint8Array): KeyObject;
  /** The public key of a secret one. */
  publicBytes(secretKey: KeyObject): Uint8Array;
}

const byDer: KeyImport = {
  secret: (curve, bytes) =>
    importPkcs8(curve === 'X25519' ? frames.x25519Secret : frames.ed25519Secret, bytes),
  public: (curve, bytes) =>
    importSpki(curve === 'X25519' ? frames.x25519Public : frames.ed25519Public, bytes),
  publicBytes: (secretKey) => exportPublicKey(secretKey, 32),
};

/** RFC 8037 §2 wants `x` beside `d`. Nobody has it yet, and the runtime computes its own. */
const noPublicKey = Buffer.alloc(32).toString('base64url');

const byJwk: KeyImport = {
  secret: (crv, bytes) =>
    createPrivateKey({ key: { kty: 'OKP', crv, d: base64url(bytes), x: noPublicKey }, format: 'jwk' }),
  public: (crv, bytes) => createPublicKey({ key: { kty: 'OKP', crv, x: base64url(bytes) }, format: 'jwk' }),
  publicBytes: (secretKey) => {
    const { x = '' } = createPublicKey(secretKey).export({ format: 'jwk' }) as { readonly x?: string };
    return new Uint8Array(Buffer.from(x, 'base64url'));
  },
};

/** A secret key and its public half: they show what a runtime makes of a JWK that lacks the latter. */
const knownSecret = new Uint8Array(32).fill(9);
const knownPublic = 'V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CE';

let chosen: KeyImport | undefined;

/** Found out at the first use: loading this costs nothing. */
function keys(): KeyImport {
  chosen ??= jwkWorks() ? byJwk : byDer;
  return chosen;
}

function jwkWorks(): boolean {
  try {
    return base64url(byJwk.publicBytes(byJwk.secret('X25519', knownSecret))) === knownPublic;
  } catch {
    return false;
  }
}

/** Secret keys whose public half was asked for: to import one computes that half, which takes as long as the exchange. */
const imported = {
  X25519: new WeakMap<Uint8Array, KeyObject>(),
  Ed25519: new WeakMap<Uint8Array, KeyObject>(),
};

/** The public half. The key is kept for the one time that it is used. */
function publicHalf(curve: Curve, secretKey: Uint8Array): Uint8Array {
  const key = keys().secret(curve, secretKey);
  imported[curve].set(secretKey, key);
  return keys().publicBytes(key);
}

/** Given out once: the array that it goes by may be wiped afterwards, which must be its end as well. */
function takeImported(curve: Curve, secretKey: Uint8Array): KeyObject {
  const key = imported[curve].get(secretKey) ?? keys().secret(curve, secretKey);
  imported[curve].delete(secretKey);
  return key;
}

export const opensslCurve25519: Curve25519 = {
  x25519PublicKey: (secretKey) => publicHalf('X25519', secretKey),
  x25519: (secretKey, peerPublicKey) =>
    new Uint8Array(
      diffieHellman({
        privateKey: takeImported('X25519', secretKey),
        publicKey: keys().public('X25519', peerPublicKey),
      }),
    ),
  ed25519PublicKey: (seed) => publicHalf('Ed25519', seed),
  ed25519Sign: (seed, data) => new Uint8Array(sign(null, data, takeImported('Ed25519', seed))),
  ed25519Verify: (publicKey, data, signature) =>
    verify(null, data, keys().public('Ed25519', publicKey), signature),
};

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}
