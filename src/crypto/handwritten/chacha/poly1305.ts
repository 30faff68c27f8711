/**
 * Poly1305 over a packet, in floating point.
 *
 * Owns: the one-time authenticator of RFC 8439 §2.5, without an object a message.
 * @noble/ciphers computes it in 13-bit limbs, ten to a number; here are six of 22,
 * a third of the multiplications, and the whole costs a third of the time.
 * Must not know: ChaCha20, where key and tag lie in a packet.
 *
 * Why it is exact. A number is the sum of six doubles, limb i a multiple of
 * 2^(22·i). Between blocks each limb is below 2^21.1 in its unit, and 2^22 come
 * from the message: together below 2^22.7. The limbs of r are below 2^22, and below
 * 2^26.4 where 2^132 = 20 (mod 2^130 - 5) folded them. A sum of six products is
 * then below 2^51.8 in its unit, where a double is exact up to 2^53. Adding and
 * subtracting 1.5·2^(52+k) rounds to a multiple of 2^k: that is the carry.
 */

const unit1: number = 2 ** 22;
const unit2: number = 2 ** 44;
const unit3: number = 2 ** 66;
const unit4: number = 2 ** 88;
const unit5: number = 2 ** 110;

const round1: number = 1.5 * 2 ** (52 + 22);
const round2: number = 1.5 * 2 ** (52 + 44);
const round3: number = 1.5 * 2 ** (52 + 66);
const round4: number = 1.5 * 2 ** (52 + 88);
const round5: number = 1.5 * 2 ** (52 + 110);
const round6: number = 1.5 * 2 ** (52 + 132);

/** What is a multiple of 2^130 counts five times less 130 bits below. */
const fold: number = 5 * 2 ** -130;
const limbMask = 0x3fffff;
/** The bit behind a whole block, in the unit of limb 5. */
const wholeBlock = 0x40000;

/** h and r, limb by limb; set anew for every message, so that one pair serves all. */
export const h: Float64Array = new Float64Array(6);
const r: Float64Array = new Float64Array(6);
const limbs: Int32Array = new Int32Array(6);
const candidate: Int32Array = new Int32Array(6);
const lastBlock: DataView = new DataView(new ArrayBuffer(16));
const zeroBlock: DataView = new DataView(new ArrayBuffer(16));

/**
 * Computes the tag of `view[start…end)`.
 *
 * @param key eight little-endian words: r, not clamped yet, and s
 * @param tag receives four little-endian words
 */
export function poly1305(key: Int32Array, view: DataView, start: number, end: number, tag: Int32Array): void {
  setKey(key);
  const whole = start + ((end - start) & ~15);
  addBlocks(view, start, whole, wholeBlock);
  if (whole < end) {
    copyLastBlock(view, whole, end);
    addBlocks(lastBlock, 0, 16, 0);
  }
  finish(key, tag);
}

/**
 * Puts 2^128 · `top` and 16 bytes into limbs, or adds them with a sign to what is there.
 *
 * @param words four little-endian words
 */
export function addWords(target: Float64Array, words: Int32Array, top: number, sign: 1 | -1): void {
  const a = words[0] as number;
  const b = words[1] as number;
  const c = words[2] as number;
  const d = words[3] as number;
  target[0] = (target[0] as number) + sign * (a & limbMask);
  target[1] = (target[1] as number) + sign * ((((a >>> 22) | (b << 10)) & limbMask) * unit1);
  target[2] = (target[2] as number) + sign * ((((b >>> 12) | (c << 20)) & limbMask) * unit2);
  target[3] = (target[3] as number) + sign * (((c >>> 2) & limbMask) * unit3);
  target[4] = (target[4] as number) + sign * ((((c >>> 24) | (d << 8)) & limbMask) * unit4);
  target[5] = (target[5] as number) + sign * (((d >>> 14) + top * wholeBlock) * unit5);
}

/** h = h · r. Limbs of h may be four times as large as between blocks. */
export function multiply(): void {
  addBlocks(zeroBlock, 0, 16, 0);
}

/** RFC 8439 §2.5.1: r is clamped. h is 0. */
export function setKey(key: Int32Array): void {
  const a = (key[0] as number) & 0x0fffffff;
  const b = (key[1] as number) & 0x0ffffffc;
  const c = (key[2] as number) & 0x0ffffffc;
  const d = (key[3] as number) & 0x0ffffffc;
  r[0] = a & limbMask;
  r[1] = (((a >>> 22) | (b << 10)) & limbMask) * unit1;
  r[2] = (((b >>> 12) | (c << 20)) & limbMask) * unit2;
  r[3] = ((c >>> 2) & limbMask) * unit3;
  r[4] = (((c >>> 24) | (d << 8)) & limbMask) * unit4;
  r[5] = (d >>> 14) * unit5;
  h.fill(0);
}

/** A short block ends with a bit of its own. */
function copyLastBlock(view: DataView, start: number, end: number): void {
  for (let i = 0; i < 16; i++) {
    const at = start + i;
    lastBlock.setUint8(i, at < end ? view.getUint8(at) : at === end ? 1 : 0);
  }
}

/** h = (h + block) · r for every block; `top` is the bit behind it. */
function addBlocks(view: DataView, start: number, end: number, top: number): void {
  const r0 = r[0] as number;
  const r1 = r[1] as number;
  const r2 = r[2] as number;
  const r3 = r[3] as number;
  const r4 = r[4] as number;
  const r5 = r[5] as number;
  const f1 = r1 * fold;
  const f2 = r2 * fold;
  const f3 = r3 * fold;
  const f4 = r4 * fold;
  const f5 = r5 * fold;
  let h0 = h[0] as number;
  let h1 = h[1] as number;
  let h2 = h[2] as number;
  let h3 = h[3] as number;
  let h4 = h[4] as number;
  let h5 = h[5] as number;
  for (let at = start; at < end; at += 16) {
    const a = view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    h0 += a & limbMask;
    h1 += (((a >>> 22) | (b << 10)) & limbMask) * unit1;
    h2 += (((b >>> 12) | (c << 20)) & limbMask) * unit2;
    h3 += ((c >>> 2) & limbMask) * unit3;
    h4 += (((c >>> 24) | (d << 8)) & limbMask) * unit4;
    h5 += ((d >>> 14) | top) * unit5;

    let p0 = h0 * r0 + h1 * f5 + h2 * f4 + h3 * f3 + h4 * f2 + h5 * f1;
    let p1 = h0 * r1 + h1 * r0 + h2 * f5 + h3 * f4 + h4 * f3 + h5 * f2;
    let p2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * f5 + h4 * f4 + h5 * f3;
    let p3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * f5 + h5 * f4;
    let p4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + h5 * f5;
    let p5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0;

    // Two chains of carries side by side, each closed by one more.
    let low = p0 + round1 - round1;
    let high = p3 + round4 - round4;
    p0 -= low;
    p1 += low;
    p3 -= high;
    p4 += high;
    low = p1 + round2 - round2;
    high = p4 + round5 - round5;
    p1 -= low;
    p2 += low;
    p4 -= high;
    p5 += high;
    low = p2 + round3 - round3;
    high = p5 + round6 - round6;
    p2 -= low;
    p3 += low;
    p5 -= high;
    p0 += high * fold;
    low = p0 + round1 - round1;
    high = p3 + round4 - round4;
    h0 = p0 - low;
    h1 = p1 + low;
    h2 = p2;
    h3 = p3 - high;
    h4 = p4 + high;
    h5 = p5;
  }
  h[0] = h0;
  h[1] = h1;
  h[2] = h2;
  h[3] = h3;
  h[4] = h4;
  h[5] = h5;
}

/** tag = (h mod 2^130 - 5) + s mod 2^128. */
export function finish(key: Int32Array, tag: Int32Array): void {
  limbs[0] = h[0] as number;
  limbs[1] = (h[1] as number) / unit1;
  limbs[2] = (h[2] as number) / unit2;
  limbs[3] = (h[3] as number) / unit3;
  limbs[4] = (h[4] as number) / unit4;
  limbs[5] = (h[5] as number) / unit5;
  // The first carry leaves what is above 2^130 or below 0, the second folds it, the third what that moved.
  foldCarry(limbs);
  foldCarry(limbs);
  foldCarry(limbs);
  // h - p is h + 5 without bit 130: chosen where that bit is set, by mask and not by branch.
  candidate.set(limbs);
  candidate[0] = (candidate[0] as number) + 5;
  const chosen = -carry(candidate);
  for (let i = 0; i < 6; i++) {
    limbs[i] = ((limbs[i] as number) & ~chosen) | ((candidate[i] as number) & chosen);
  }
  const l1 = limbs[1] as number;
  const l2 = limbs[2] as number;
  const l4 = limbs[4] as number;
  let over = addWord(tag, 0, (limbs[0] as number) | (l1 << 22), key[4] as number, 0);
  over = addWord(tag, 1, (l1 >>> 10) | (l2 << 12), key[5] as number, over);
  over = addWord(tag, 2, (l2 >>> 20) | ((limbs[3] as number) << 2) | (l4 << 24), key[6] as number, over);
  addWord(tag, 3, (l4 >>> 8) | ((limbs[5] as number) << 14), key[7] as number, over);
}

/** Writes the sum of two words and a carry; returns the next carry. */
function addWord(out: Int32Array, index: number, a: number, b: number, carryIn: number): number {
  const sum = (a >>> 0) + (b >>> 0) + carryIn;
  out[index] = sum;
  return sum > 0xffffffff ? 1 : 0;
}

function foldCarry(number: Int32Array): void {
  const over = carry(number);
  number[0] = (number[0] as number) + 5 * over;
}

/** Carries from limb to limb, signed; returns what is above 2^130 and takes it away. */
function carry(number: Int32Array): number {
  let over = 0;
  for (let i = 0; i < 5; i++) {
    const limb = (number[i] as number) + over;
    number[i] = limb & limbMask;
    over = limb >> 22;
  }
  const last = (number[5] as number) + over;
  number[5] = last & 0xfffff;
  return last >> 20;
}
