/**
 * Fingerprints and pictures of keys for callers without a provider.
 *
 * Owns: the choice of TypeScript for the hashes, which is why the client does not
 * load this with itself.
 * Must not know: how fingerprints are written (`fingerprintBy.ts`).
 */
import { bytesOnly, checkArgument, eitherOf, oneOf } from '../base/optionChecks.ts';
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import { createNobleHash } from '../crypto/noble/digests.ts';
import { type FingerprintHash, fingerprintBy, type Hashes, randomArtBy } from './fingerprintBy.ts';
import { publicKeyRule as keyRule } from './publicKeyRule.ts';

const hashes: Hashes = { createHash: createNobleHash };

const hashRule = oneOf('sha256', 'md5', 'sha1', 'sha384', 'sha512');

/**
 * `SHA256:` and base64 without padding, or `MD5:` and hex pairs, of a key or of
 * a public key blob (which may be of a type this library does not have). Other
 * hashes are written as SHA-256 is.
 */
export function fingerprint(key: PublicKey | Uint8Array, hash: FingerprintHash = 'sha256'): string {
  checkArgument('the key of a fingerprint', key, eitherOf(keyRule.takes, bytesOnly, keyRule));
  checkArgument('the hash of a fingerprint', hash, hashRule);
  return fingerprintBy(hashes, key, hash);
}

/**
 * The picture `ssh-keygen -lv` draws: eleven lines of nineteen characters,
 * without a line feed behind the last.
 */
export function randomArt(key: PublicKey, hash: FingerprintHash = 'sha256'): string {
  checkArgument('the key of a picture', key, keyRule);
  checkArgument('the hash of a picture', hash, hashRule);
  return randomArtBy(hashes, key, hash);
}
