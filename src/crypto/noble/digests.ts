/**
 * Hashes and HMACs in TypeScript.
 *
 * Owns: the map from names to functions.
 * Must not know: what is hashed.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { Digests } from '../provider/primitives.ts';
import type { Digest, HashName } from '../provider/provider.ts';

const hashes = { md5, sha1, sha256, sha384, sha512 } as const;

/** MD5 and SHA-1 are there for fingerprints, old key files and hashed host names only. */
export function createNobleHash(name: HashName): Digest {
  return hashes[name].create();
}

export function createNobleHmac(name: HashName, key: Uint8Array): Digest {
  return hmac.create(hashes[name], key);
}

export const nobleDigests: Digests = { createHash: createNobleHash, createHmac: createNobleHmac };

export function nobleHash(name: HashName, data: Uint8Array): Uint8Array {
  return hashes[name](data);
}
