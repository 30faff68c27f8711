/**
 * SHA-1's compression function, written by hand.
 *
 * Owns: FIPS 180-4 §6.1.2, one block of sixteen words onto a state of five.
 * Must not know: padding, HMAC, what is hashed.
 *
 * It is for names of hosts that known_hosts hides: a look-up computes thousands
 * of hashes of one block each, for which a call of OpenSSL takes several times
 * as long as the work. Nothing secret goes through it.
 */

/** Words of a block, and of a state. */
export const sha1BlockWords = 16;
export const sha1StateWords = 5;

/** The state that every hash begins with. */
export const sha1Start: Int32Array = Int32Array.of(
  0x67452301,
  0xefcdab89,
  0x98badcfe,
  0x10325476,
  0xc3d2e1f0,
);

const schedule = new Int32Array(80);

/**
 * Hashes the block at `blockAt` onto the state at `from`, and writes the new
 * state to `target`, which may be the same place.
 */
export function sha1Block(
  block: Int32Array,
  blockAt: number,
  state: Int32Array,
  from: number,
  target: Int32Array,
  targetAt: number,
): void {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = block[blockAt + i] as number;
  for (let i = 16; i < 80; i++) {
    const word = (w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number);
    w[i] = (word << 1) | (word >>> 31);
  }
  const h0 = state[from] as number;
  const h1 = state[from + 1] as number;
  const h2 = state[from + 2] as number;
  const h3 = state[from + 3] as number;
  const h4 = state[from + 4] as number;
  let a = h0;
  let b = h1;
  let c = h2;
  let d = h3;
  let e = h4;
  // Four loops and not one that chooses: this is where the time goes.
  for (let i = 0; i < 20; i++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + e + 0x5a827999 + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 20; i < 40; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 40; i < 60; i++) {
    const next =
      (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + 0x8f1bbcdc + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 60; i < 80; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0xca62c1d6 + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  target[targetAt] = h0 + a;
  target[targetAt + 1] = h1 + b;
  target[targetAt + 2] = h2 + c;
  target[targetAt + 3] = h3 + d;
  target[targetAt + 4] = h4 + e;
}
