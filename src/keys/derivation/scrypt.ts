/**
 * scrypt: the key derivation of some encrypted PKCS#8 keys.
 *
 * Owns: RFC 7914, interrupted often enough for an event loop.
 * Must not know: key files, limits (the caller checks the parameters).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { wipe } from '../../base/bytes.ts';
import { derivationMemory, wipeInSteps } from './derivationMemory.ts';
import { pbkdf2 } from './pbkdf2.ts';

export interface ScryptParameters {
  /** N: blocks that are held at once, a power of 2. */
  readonly cost: number;
  /** r: 128 bytes each, the length of a block. */
  readonly blockSize: number;
  /** p: how often all of it is done, one after the other. */
  readonly parallelization: number;
}

/** 32-bit words of what Salsa20/8 works on. */
const salsaWords = 16;
/** Turns of Salsa20/8 between two interruptions, some 2 ms of work. */
const stepSalsas = 4096;

/** Derives `length` bytes. Each `next()` does some milliseconds of work. */
export function* scrypt(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
  length: number,
): Generator<void, Uint8Array> {
  const { cost, blockSize, parallelization } = parameters;
  const blockWords = 32 * blockSize;
  const memory = derivationMemory(cost * blockWords);
  const bytes = yield* pbkdf2(sha256, passphrase, salt, 1, 4 * blockWords * parallelization);
  const filled = { blocks: 0 };
  try {
    for (let part = 0; part < parallelization; part++) {
      const own = bytes.subarray(part * 4 * blockWords, (part + 1) * 4 * blockWords);
      yield* mixPart(own, memory, cost, blockWords, filled);
    }
    const key = yield* pbkdf2(sha256, passphrase, bytes, 1, length);
    yield* wipeInSteps(memory);
    filled.blocks = 0;
    return key;
  } finally {
    wipe(bytes);
    // At once what an interrupted derivation has left: never more than it had the time for.
    memory.fill(0, 0, filled.blocks * blockWords);
  }
}

/** scryptROMix (RFC 7914 §5) of one part, in place. */
function* mixPart(
  part: Uint8Array,
  memory: Int32Array,
  cost: number,
  blockWords: number,
  filled: { blocks: number },
): Generator<void, void> {
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  let block = new Int32Array(blockWords);
  let next = new Int32Array(blockWords);
  for (let i = 0; i < blockWords; i++) block[i] = view.getInt32(4 * i, true);
  const stepBlocks = Math.max(1, Math.floor((stepSalsas * salsaWords) / blockWords));
  for (let i = 0; i < 2 * cost; i++) {
    if (i < cost) {
      memory.set(block, i * blockWords);
      filled.blocks = Math.max(filled.blocks, i + 1);
    } else mixIn(memory, (at(block, blockWords - salsaWords) & (cost - 1)) * blockWords, block);
    mixBlock(block, next);
    [block, next] = [next, block];
    if (i % stepBlocks === stepBlocks - 1) yield;
  }
  for (let i = 0; i < blockWords; i++) view.setInt32(4 * i, at(block, i), true);
  block.fill(0);
  next.fill(0);
}

function mixIn(memory: Int32Array, offset: number, block: Int32Array): void {
  for (let i = 0; i < block.length; i++) block[i] = at(block, i) ^ at(memory, offset + i);
}

/** scryptBlockMix (RFC 7914 §4): what comes of the even pieces goes before what comes of the odd ones. */
function mixBlock(block: Int32Array, out: Int32Array): void {
  const half = block.length / 2;
  let before = block.length - salsaWords;
  let source = block;
  for (let start = 0, piece = 0; start < block.length; start += salsaWords, piece++) {
    const target = (piece >> 1) * salsaWords + (piece % 2 === 0 ? 0 : half);
    salsa(source, before, block, start, out, target);
    source = out;
    before = target;
  }
}

/** Salsa20/8 (RFC 7914 §3) of two pieces combined. This is where scrypt spends its time, so it is written out. */
function salsa(x: Int32Array, xAt: number, y: Int32Array, yAt: number, out: Int32Array, outAt: number): void {
  const i00 = at(x, xAt) ^ at(y, yAt);
  const i01 = at(x, xAt + 1) ^ at(y, yAt + 1);
  const i02 = at(x, xAt + 2) ^ at(y, yAt + 2);
  const i03 = at(x, xAt + 3) ^ at(y, yAt + 3);
  const i04 = at(x, xAt + 4) ^ at(y, yAt + 4);
  const i05 = at(x, xAt + 5) ^ at(y, yAt + 5);
  const i06 = at(x, xAt + 6) ^ at(y, yAt + 6);
  const i07 = at(x, xAt + 7) ^ at(y, yAt + 7);
  const i08 = at(x, xAt + 8) ^ at(y, yAt + 8);
  const i09 = at(x, xAt + 9) ^ at(y, yAt + 9);
  const i10 = at(x, xAt + 10) ^ at(y, yAt + 10);
  const i11 = at(x, xAt + 11) ^ at(y, yAt + 11);
  const i12 = at(x, xAt + 12) ^ at(y, yAt + 12);
  const i13 = at(x, xAt + 13) ^ at(y, yAt + 13);
  const i14 = at(x, xAt + 14) ^ at(y, yAt + 14);
  const i15 = at(x, xAt + 15) ^ at(y, yAt + 15);
  let [x00, x01, x02, x03] = [i00, i01, i02, i03];
  let [x04, x05, x06, x07] = [i04, i05, i06, i07];
  let [x08, x09, x10, x11] = [i08, i09, i10, i11];
  let [x12, x13, x14, x15] = [i12, i13, i14, i15];
  for (let round = 0; round < 8; round += 2) {
    x04 ^= turned(x00 + x12, 7);
    x08 ^= turned(x04 + x00, 9);
    x12 ^= turned(x08 + x04, 13);
    x00 ^= turned(x12 + x08, 18);
    x09 ^= turned(x05 + x01, 7);
    x13 ^= turned(x09 + x05, 9);
    x01 ^= turned(x13 + x09, 13);
    x05 ^= turned(x01 + x13, 18);
    x14 ^= turned(x10 + x06, 7);
    x02 ^= turned(x14 + x10, 9);
    x06 ^= turned(x02 + x14, 13);
    x10 ^= turned(x06 + x02, 18);
    x03 ^= turned(x15 + x11, 7);
    x07 ^= turned(x03 + x15, 9);
    x11 ^= turned(x07 + x03, 13);
    x15 ^= turned(x11 + x07, 18);
    x01 ^= turned(x00 + x03, 7);
    x02 ^= turned(x01 + x00, 9);
    x03 ^= turned(x02 + x01, 13);
    x00 ^= turned(x03 + x02, 18);
    x06 ^= turned(x05 + x04, 7);
    x07 ^= turned(x06 + x05, 9);
    x04 ^= turned(x07 + x06, 13);
    x05 ^= turned(x04 + x07, 18);
    x11 ^= turned(x10 + x09, 7);
    x08 ^= turned(x11 + x10, 9);
    x09 ^= turned(x08 + x11, 13);
    x10 ^= turned(x09 + x08, 18);
    x12 ^= turned(x15 + x14, 7);
    x13 ^= turned(x12 + x15, 9);
    x14 ^= turned(x13 + x12, 13);
    x15 ^= turned(x14 + x13, 18);
  }
  out[outAt] = i00 + x00;
  out[outAt + 1] = i01 + x01;
  out[outAt + 2] = i02 + x02;
  out[outAt + 3] = i03 + x03;
  out[outAt + 4] = i04 + x04;
  out[outAt + 5] = i05 + x05;
  out[outAt + 6] = i06 + x06;
  out[outAt + 7] = i07 + x07;
  out[outAt + 8] = i08 + x08;
  out[outAt + 9] = i09 + x09;
  out[outAt + 10] = i10 + x10;
  out[outAt + 11] = i11 + x11;
  out[outAt + 12] = i12 + x12;
  out[outAt + 13] = i13 + x13;
  out[outAt + 14] = i14 + x14;
  out[outAt + 15] = i15 + x15;
}

function turned(sum: number, bits: number): number {
  return (sum << bits) | ((sum | 0) >>> (32 - bits));
}

function at(words: Int32Array, index: number): number {
  return words[index] as number;
}
