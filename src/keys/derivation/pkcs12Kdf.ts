/**
 * The key derivation of PKCS#12.
 *
 * Owns: RFC 7292 App. B.2 with SHA-1, interrupted often enough for an event
 * loop, and the form that passphrases have there (App. B.1).
 * Must not know: key files, limits.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { latin1Decode, utf8Decode, wipe } from '../../base/bytes.ts';

/** Iterations between two interruptions, some 2 ms of work. */
const stepIterations = 2048;

/** What is derived (RFC 7292 App. B.3). */
export const pkcs12Purposes = { key: 1, iv: 2 } as const;

/** Derives `length` bytes. */
export function* pkcs12Kdf(
  purpose: number,
  passphrase: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Generator<void, Uint8Array> {
  const { blockLen, outputLen } = sha1;
  const text = bmpString(passphrase);
  const input = new Uint8Array(roundedUp(salt.length) + roundedUp(text.length));
  repeat(salt, input.subarray(0, roundedUp(salt.length)));
  repeat(text, input.subarray(roundedUp(salt.length)));
  const key = new Uint8Array(length);
  const block = new Uint8Array(blockLen);
  try {
    for (let at = 0; at < length; at += outputLen) {
      let hash = sha1.create().update(new Uint8Array(blockLen).fill(purpose)).update(input).digest();
      for (let i = 1; i < iterations; i++) {
        if (i % stepIterations === 0) yield;
        hash = sha1(hash);
      }
      key.set(hash.subarray(0, length - at), at);
      repeat(hash, block);
      for (let start = 0; start < input.length; start += blockLen) {
        addWithOne(input.subarray(start, start + blockLen), block);
      }
      wipe(hash);
    }
    return key;
  } finally {
    wipe(text, input, block);
  }
}

/** UTF-16, its more significant bytes first, and two zeros. Bytes that are not UTF-8 are characters each, as for OpenSSL. */
function bmpString(passphrase: Uint8Array): Uint8Array {
  const text = utf8Decode(passphrase, true) ?? latin1Decode(passphrase);
  const out = new Uint8Array(2 * text.length + 2);
  const view = new DataView(out.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i));
  return out;
}

function roundedUp(length: number): number {
  return sha1.blockLen * Math.ceil(length / sha1.blockLen);
}

function repeat(bytes: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length] as number;
}

/** `number + other + 1`, big-endian, what does not fit dropped. */
function addWithOne(number: Uint8Array, other: Uint8Array): void {
  let carry = 1;
  for (let i = number.length - 1; i >= 0; i--) {
    const sum = (number[i] as number) + (other[i] as number) + carry;
    number[i] = sum;
    carry = sum >> 8;
  }
}
