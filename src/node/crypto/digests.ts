/**
 * Hashes and HMACs on OpenSSL.
 *
 * Owns: the way back to TypeScript where OpenSSL offers no such hash, as in FIPS mode for MD5.
 * Must not know: what is hashed.
 */
import { createHash, createHmac } from 'node:crypto';
import { nobleDigestsSlot } from '../../crypto/noble/slots.ts';
import type { Digest, HashName } from '../../crypto/provider/provider.ts';

/** What was found out about each hash: whether this runtime computes it. */
const offered = new Map<HashName, boolean>();

export function createOpensslHash(name: HashName): Digest {
  return isOffered(name) ? new OpensslDigest(createHash(name)) : nobleDigestsSlot.use().createHash(name);
}

export function createOpensslHmac(name: HashName, key: Uint8Array): Digest {
  return isOffered(name)
    ? new OpensslDigest(createHmac(name, key))
    : nobleDigestsSlot.use().createHmac(name, key);
}

const hashNames: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

/** Loads the hashes in TypeScript where this runtime lacks one. */
export async function loadMissingDigests(): Promise<void> {
  if (!hashNames.every(isOffered)) await nobleDigestsSlot.load();
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
