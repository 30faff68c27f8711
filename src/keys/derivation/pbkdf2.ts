/**
 * PBKDF2 in steps.
 *
 * Owns: RFC 8018 §5.2 over HMAC, interrupted often enough for an event loop.
 * Must not know: key files, limits.
 */
import { hmac } from '@noble/hashes/hmac.js';
import type { CHash } from '@noble/hashes/utils.js';

/** Iterations between two interruptions, some 2 ms of work. */
const stepIterations = 512;

/** Derives `length` bytes. */
export function* pbkdf2(
  hash: CHash,
  passphrase: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Generator<void, Uint8Array> {
  const keyed = hmac.create(hash, passphrase);
  const work = keyed.clone();
  const key = new Uint8Array(length);
  const last = new Uint8Array(hash.outputLen);
  const sum = new Uint8Array(hash.outputLen);
  let done = 0;
  try {
    for (let block = 1, at = 0; at < length; block++, at += hash.outputLen) {
      keyed._cloneInto(work).update(salt).update(uint32(block)).digestInto(last);
      sum.set(last);
      // A long key of few iterations is work as well.
      if (++done % stepIterations === 0) yield;
      for (let i = 1; i < iterations; i++) {
        if (++done % stepIterations === 0) yield;
        keyed._cloneInto(work).update(last).digestInto(last);
        for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) ^ (last[j] as number);
      }
      key.set(sum.subarray(0, length - at), at);
    }
    return key;
  } finally {
    keyed.destroy();
    work.destroy();
    last.fill(0);
    sum.fill(0);
  }
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
