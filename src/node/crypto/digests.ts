/**
 * Hashes and HMACs on OpenSSL.
 *
 * Owns: the way back to TypeScript where OpenSSL offers no such hash, as in FIPS mode for MD5.
 * Must not know: what is hashed.
 */
import { createHash, createHmac } from 'node:crypto';
import { createNobleHash, createNobleHmac } from '../../crypto/noble/digests.ts';
import type { Digest, HashName } from '../../crypto/provider.ts';

/** What was found out about each hash: whether this runtime computes it. */
const offered = new Map<HashName, boolean>();

export function createOpensslHash(name: HashName): Digest {
  return isOffered(name) ? new OpensslDigest(createHash(name)) : createNobleHash(name);
}

export function createOpensslHmac(name: HashName, key: Uint8Array): Digest {
  return isOffered(name) ? new OpensslDigest(createHmac(name, key)) : createNobleHmac(name, key);
}

/** Results are arrays of their own, never Buffers: the `slice` of a Buffer would be a window, not a copy. */
class OpensslDigest implements Digest {
  private readonly running: { update(bytes: Uint8Array): unknown; digest(): Uint8Array };

  constructor(running: { update(bytes: Uint8Array): unknown; digest(): Uint8Array }) {
    this.running = running;
  }

  update(bytes: Uint8Array): void {
    this.running.update(bytes);
  }

  digest(): Uint8Array {
    return new Uint8Array(this.running.digest());
  }
}

function isOffered(name: HashName): boolean {
  const known = offered.get(name);
  if (known !== undefined) return known;
  const works = canCompute(name);
  offered.set(name, works);
  return works;
}

function canCompute(name: HashName): boolean {
  try {
    createHash(name).update('').digest();
    createHmac(name, new Uint8Array(16)).update('').digest();
    return true;
  } catch {
    return false;
  }
}
