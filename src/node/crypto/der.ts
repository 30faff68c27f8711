/**
 * The little DER that key import into node:crypto takes.
 *
 * Owns: the fixed frames of RFC 8410 and RFC 5480 keys, and that secrets in DER are wiped.
 * Must not know: SSH.
 */
import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { concatBytes, fromHex, wipe } from '../../base/bytes.ts';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { RsaPublicKey } from '../../crypto/keys/publicKey.ts';
import { derRsaPrivateKey, derRsaPublicKey } from '../../keys/pem/rsaDer.ts';

/** A public key from SubjectPublicKeyInfo: a fixed frame in front of the key's own bytes. */
export function importSpki(frame: Uint8Array, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: buffer(concatBytes(frame, publicKey)), format: 'der', type: 'spki' });
}

/** A private key from PKCS #8: a fixed frame in front of the key's own bytes. */
export function importPkcs8(frame: Uint8Array, secretKey: Uint8Array): KeyObject {
  const der = concatBytes(frame, secretKey);
  try {
    return createPrivateKey({ key: buffer(der), format: 'der', type: 'pkcs8' });
  } finally {
    wipe(der);
  }
}

/** The last `length` bytes of a private key's SubjectPublicKeyInfo: the public key itself. */
export function exportPublicKey(privateKey: KeyObject, length: number): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(der.length - length));
}

export function importRsaPublicKey(key: RsaPublicKey): KeyObject {
  return createPublicKey({ key: buffer(derRsaPublicKey(key)), format: 'der', type: 'pkcs1' });
}

export function importRsaPrivateKey(key: RsaPrivateKey): KeyObject {
  const der = derRsaPrivateKey(key);
  try {
    return createPrivateKey({ key: buffer(der), format: 'der', type: 'pkcs1' });
  } finally {
    wipe(der);
  }
}

type FrameName =
  | 'x25519Public'
  | 'x25519Secret'
  | 'ed25519Public'
  | 'ed25519Secret'
  | 'x448Public'
  | 'x448Secret'
  | 'ed448Public'
  | 'ed448Secret'
  | 'nistp256Public'
  | 'nistp384Public'
  | 'nistp521Public'
  | 'mlKem768Public'
  | 'mlKem768Seed';

/** Frames of RFC 8410 §4 and §7 (X25519, Ed25519, X448, Ed448), RFC 5480 §2 (NIST curves), RFC 9935 (ML-KEM-768). */
export const frames: Readonly<Record<FrameName, Uint8Array>> = {
  x25519Public: fromHex('302a300506032b656e032100'),
  x25519Secret: fromHex('302e020100300506032b656e04220420'),
  ed25519Public: fromHex('302a300506032b6570032100'),
  ed25519Secret: fromHex('302e020100300506032b657004220420'),
  x448Public: fromHex('3042300506032b656f033900'),
  x448Secret: fromHex('3046020100300506032b656f043a0438'),
  ed448Public: fromHex('3043300506032b6571033a00'),
  ed448Secret: fromHex('3047020100300506032b6571043b0439'),
  nistp256Public: fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
  nistp384Public: fromHex('3076301006072a8648ce3d020106052b81040022036200'),
  nistp521Public: fromHex('30819b301006072a8648ce3d020106052b8104002303818600'),
  mlKem768Public: fromHex('308204b2300b0609608648016503040402038204a100'),
  mlKem768Seed: fromHex('3054020100300b060960864801650304040204428040'),
};

/** The same bytes as the Buffer that key import asks for. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
