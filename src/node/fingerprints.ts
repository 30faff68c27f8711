/**
 * Fingerprints and pictures of keys with the hashes of this runtime.
 *
 * Owns: the choice of the hash: that of `keys/fingerprint.ts` is TypeScript, and loading it takes longer.
 * Must not know: how fingerprints are written.
 */
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import {
  type FingerprintHash,
  fingerprintBy,
  type Hashes,
  hashOfFingerprint,
  randomArtBy,
} from '../keys/fingerprintBy.ts';
import { createOpensslHash } from './crypto/digests.ts';

const hashes: Hashes = { createHash: createOpensslHash };

/** `SHA256:…` of a key, or of a public key blob. */
export function sha256Fingerprint(key: PublicKey | Uint8Array): string {
  return fingerprintBy(hashes, key);
}

/** The fingerprint by the hash of another. */
export function fingerprintLike(shown: string, key: PublicKey | Uint8Array): string {
  return fingerprintBy(hashes, key, hashOfFingerprint(shown));
}

/** The picture that `ssh-keygen -lv` draws. */
export function keyPicture(key: PublicKey, hash: FingerprintHash): string {
  return randomArtBy(hashes, key, hash);
}
