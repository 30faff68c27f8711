/**
 * Poly1305 of a long packet by way of an AEAD that has the same one-time key.
 *
 * Owns: the step from the tag that ChaCha20-Poly1305 (RFC 8439 §2.8) gives for
 * additional data to the tag of chacha20-poly1305@openssh.com over those bytes.
 * Must not know: who computes the one, what the bytes mean.
 *
 * Let A be the accumulator of Poly1305 after n whole blocks. Given the blocks as
 * additional data and no ciphertext, RFC 8439 takes in one more block, the lengths
 * L, and ends with G = (A + L)·r. OpenSSH takes in what is left of the packet, a
 * short block t, and ends with (A + t)·r = G + (t - L)·r: no inverse is needed.
 *
 * A tag is G + s with all above 2^128 cut off, so four values of G, two bits apart,
 * fit one tag. They lead to four tags. If the additional data ends a block early,
 * that block m comes in between and the four are ((G + (m - L)·r) + t)·r, which
 * differ by 2^128·r: nobody who does not know r can aim at one of the three that
 * are wrong, and a peer's tag is held against all four. To make a tag the four of
 * each way are laid side by side, and the one in both is right.
 */
import { addWords, finish, h, multiply, setKey } from './poly1305.ts';

const blockLength = 16;

/** The RFC 8439 tag of some bytes, with the one-time key of the packet. */
export type RelayedTag = (end: number) => Uint8Array;

const candidates: readonly Int32Array[] = Array.from({ length: 4 }, () => new Int32Array(4));
const otherCandidates: readonly Int32Array[] = Array.from({ length: 4 }, () => new Int32Array(4));
const words: Int32Array = new Int32Array(4);
const shift: Float64Array = new Float64Array(6);
const rest: Float64Array = new Float64Array(6);

/**
 * Whether the 16 bytes at `end` are the tag of `view[start…end)`, at least two
 * whole blocks and a short one.
 *
 * @param key eight little-endian words, as for `poly1305`
 */
export function isRelayedTagRight(
  key: Int32Array,
  view: DataView,
  start: number,
  end: number,
  relay: RelayedTag,
): boolean {
  const whole = start + ((end - start) & ~(blockLength - 1));
  setKey(key);
  computeEarly(key, view, start, whole, end, relay(whole - blockLength), candidates);
  let isRight = 0;
  for (const candidate of candidates) {
    let difference = 0;
    for (let i = 0; i < 4; i++) difference |= (candidate[i] as number) ^ view.getInt32(end + 4 * i, true);
    isRight |= difference === 0 ? 1 : 0;
  }
  return isRight === 1;
}

/**
 * Computes the tag of `view[start…end)`, at least two whole blocks and a short one.
 *
 * @returns false where the two ways do not share exactly one tag: to be computed otherwise
 */
export function relayTag(
  key: Int32Array,
  view: DataView,
  start: number,
  end: number,
  relay: RelayedTag,
  tag: Int32Array,
): boolean {
  const whole = start + ((end - start) & ~(blockLength - 1));
  setKey(key);
  computeEarly(key, view, start, whole, end, relay(whole - blockLength), candidates);
  setKey(key);
  computeLate(key, view, start, whole, end, relay(whole), otherCandidates);
  let shared = 0;
  tag.fill(0);
  for (const one of candidates) {
    // All ones where it is among the others, some of them alike; by arithmetic and not by branch.
    let isShared = 0;
    for (const other of otherCandidates) {
      let difference = 0;
      for (let i = 0; i < 4; i++) difference |= (one[i] as number) ^ (other[i] as number);
      isShared |= ((difference | -difference) >>> 31) - 1;
    }
    for (let i = 0; i < 4; i++) tag[i] = (tag[i] as number) | ((one[i] as number) & isShared);
    shared -= isShared;
  }
  return shared === 1;
}

/** The four tags, where the additional data ended a whole block before the short one. */
function computeEarly(
  key: Int32Array,
  view: DataView,
  start: number,
  whole: number,
  end: number,
  relayed: Uint8Array,
  out: readonly Int32Array[],
): void {
  readBlock(view, whole - blockLength);
  addWords(h, words, 1, 1);
  subtractLengths(whole - blockLength - start);
  multiply();
  shift.set(h);
  readShortBlock(view, whole, end);
  addWords(shift, words, 0, 1);
  readSum(key, relayed);
  for (let top = 0; top < 4; top++) {
    h.set(shift);
    addWords(h, words, top, 1);
    multiply();
    finish(key, out[top] as Int32Array);
  }
}

/** The four tags, where the additional data ended at the short block. */
function computeLate(
  key: Int32Array,
  view: DataView,
  start: number,
  whole: number,
  end: number,
  relayed: Uint8Array,
  out: readonly Int32Array[],
): void {
  readShortBlock(view, whole, end);
  addWords(h, words, 0, 1);
  subtractLengths(whole - start);
  multiply();
  rest.set(h);
  readSum(key, relayed);
  for (let top = 0; top < 4; top++) {
    h.set(rest);
    addWords(h, words, top, 1);
    finish(key, out[top] as Int32Array);
  }
}

function readBlock(view: DataView, at: number): void {
  for (let i = 0; i < 4; i++) words[i] = view.getInt32(at + 4 * i, true);
}

/** What is left of the packet, whole words, and the bit behind it. */
function readShortBlock(view: DataView, at: number, end: number): void {
  for (let i = 0; i < 4; i++) {
    const wordAt = at + 4 * i;
    words[i] = wordAt < end ? view.getInt32(wordAt, true) : wordAt === end ? 1 : 0;
  }
}

/** RFC 8439 §2.8: the lengths of additional data and ciphertext, 64 bits each. */
function subtractLengths(additional: number): void {
  words.fill(0);
  words[0] = additional;
  addWords(h, words, 1, -1);
}

/** The tag without s: the lower 128 bits of the accumulator. */
function readSum(key: Int32Array, relayed: Uint8Array): void {
  const view = new DataView(relayed.buffer, relayed.byteOffset, relayed.byteLength);
  let borrow = 0;
  for (let i = 0; i < 4; i++) {
    const difference = view.getUint32(4 * i, true) - ((key[4 + i] as number) >>> 0) - borrow;
    words[i] = difference;
    borrow = difference < 0 ? 1 : 0;
  }
}
