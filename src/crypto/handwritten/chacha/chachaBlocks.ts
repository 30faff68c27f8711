/**
 * ChaCha20 by the block and over bytes in place.
 *
 * Owns: the block function of RFC 8439 §2.3 with the 64-bit nonce of the original,
 * which is what OpenSSH uses. @noble/ciphers makes arrays for every call, which
 * costs more than the four blocks of a small packet.
 * Must not know: Poly1305, packets.
 */

/** One block as sixteen little-endian words. */
const block: Int32Array = new Int32Array(16);

/** The eight little-endian words of a 32-byte key. */
export function chachaKey(key: Uint8Array): Int32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return Int32Array.from({ length: 8 }, (_, i) => view.getInt32(4 * i, true));
}

/**
 * Computes a block of keystream.
 *
 * @param counter number of the block in the stream
 * @param nonce the 64-bit nonce, which in SSH is a sequence number: its upper half is 0
 * @param out receives sixteen little-endian words
 */
export function chachaBlock(key: Int32Array, counter: number, nonce: number, out: Int32Array): void {
  const k0 = key[0] as number;
  const k1 = key[1] as number;
  const k2 = key[2] as number;
  const k3 = key[3] as number;
  const k4 = key[4] as number;
  const k5 = key[5] as number;
  const k6 = key[6] as number;
  const k7 = key[7] as number;
  // The nonce is big-endian on the wire, the state little-endian.
  const n = (nonce << 24) | ((nonce & 0xff00) << 8) | ((nonce >>> 8) & 0xff00) | (nonce >>> 24);
  // "expand 32-byte k"
  let a0 = 0x61707865;
  let a1 = 0x3320646e;
  let a2 = 0x79622d32;
  let a3 = 0x6b206574;
  let b0 = k0;
  let b1 = k1;
  let b2 = k2;
  let b3 = k3;
  let c0 = k4;
  let c1 = k5;
  let c2 = k6;
  let c3 = k7;
  let d0 = counter;
  let d1 = 0;
  let d2 = 0;
  let d3 = n;
  // Ten times four columns and four diagonals. Written out: calls would return four values each.
  for (let i = 0; i < 10; i++) {
    a0 = (a0 + b0) | 0;
    d0 = rotate(d0 ^ a0, 16);
    c0 = (c0 + d0) | 0;
    b0 = rotate(b0 ^ c0, 12);
    a0 = (a0 + b0) | 0;
    d0 = rotate(d0 ^ a0, 8);
    c0 = (c0 + d0) | 0;
    b0 = rotate(b0 ^ c0, 7);
    a1 = (a1 + b1) | 0;
    d1 = rotate(d1 ^ a1, 16);
    c1 = (c1 + d1) | 0;
    b1 = rotate(b1 ^ c1, 12);
    a1 = (a1 + b1) | 0;
    d1 = rotate(d1 ^ a1, 8);
    c1 = (c1 + d1) | 0;
    b1 = rotate(b1 ^ c1, 7);
    a2 = (a2 + b2) | 0;
    d2 = rotate(d2 ^ a2, 16);
    c2 = (c2 + d2) | 0;
    b2 = rotate(b2 ^ c2, 12);
    a2 = (a2 + b2) | 0;
    d2 = rotate(d2 ^ a2, 8);
    c2 = (c2 + d2) | 0;
    b2 = rotate(b2 ^ c2, 7);
    a3 = (a3 + b3) | 0;
    d3 = rotate(d3 ^ a3, 16);
    c3 = (c3 + d3) | 0;
    b3 = rotate(b3 ^ c3, 12);
    a3 = (a3 + b3) | 0;
    d3 = rotate(d3 ^ a3, 8);
    c3 = (c3 + d3) | 0;
    b3 = rotate(b3 ^ c3, 7);

    a0 = (a0 + b1) | 0;
    d3 = rotate(d3 ^ a0, 16);
    c2 = (c2 + d3) | 0;
    b1 = rotate(b1 ^ c2, 12);
    a0 = (a0 + b1) | 0;
    d3 = rotate(d3 ^ a0, 8);
    c2 = (c2 + d3) | 0;
    b1 = rotate(b1 ^ c2, 7);
    a1 = (a1 + b2) | 0;
    d0 = rotate(d0 ^ a1, 16);
    c3 = (c3 + d0) | 0;
    b2 = rotate(b2 ^ c3, 12);
    a1 = (a1 + b2) | 0;
    d0 = rotate(d0 ^ a1, 8);
    c3 = (c3 + d0) | 0;
    b2 = rotate(b2 ^ c3, 7);
    a2 = (a2 + b3) | 0;
    d1 = rotate(d1 ^ a2, 16);
    c0 = (c0 + d1) | 0;
    b3 = rotate(b3 ^ c0, 12);
    a2 = (a2 + b3) | 0;
    d1 = rotate(d1 ^ a2, 8);
    c0 = (c0 + d1) | 0;
    b3 = rotate(b3 ^ c0, 7);
    a3 = (a3 + b0) | 0;
    d2 = rotate(d2 ^ a3, 16);
    c1 = (c1 + d2) | 0;
    b0 = rotate(b0 ^ c1, 12);
    a3 = (a3 + b0) | 0;
    d2 = rotate(d2 ^ a3, 8);
    c1 = (c1 + d2) | 0;
    b0 = rotate(b0 ^ c1, 7);
  }
  out[0] = a0 + 0x61707865;
  out[1] = a1 + 0x3320646e;
  out[2] = a2 + 0x79622d32;
  out[3] = a3 + 0x6b206574;
  out[4] = b0 + k0;
  out[5] = b1 + k1;
  out[6] = b2 + k2;
  out[7] = b3 + k3;
  out[8] = c0 + k4;
  out[9] = c1 + k5;
  out[10] = c2 + k6;
  out[11] = c3 + k7;
  out[12] = d0 + counter;
  out[13] = d1;
  out[14] = d2;
  out[15] = d3 + n;
}

/** XORs keystream from block `counter` on onto `view[start…end)`, which is a multiple of 4 long. */
export function addChacha(
  key: Int32Array,
  counter: number,
  nonce: number,
  view: DataView,
  start: number,
  end: number,
): void {
  for (let at = start; at < end; at += 64) {
    chachaBlock(key, counter++, nonce, block);
    const words = end - at < 64 ? (end - at) >> 2 : 16;
    for (let i = 0; i < words; i++) {
      view.setInt32(at + 4 * i, view.getInt32(at + 4 * i, true) ^ (block[i] as number), true);
    }
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
