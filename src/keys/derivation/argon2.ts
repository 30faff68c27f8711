/**
 * Argon2: the key derivation of PuTTY's private key files.
 *
 * Owns: RFC 9106 (Argon2d, Argon2i and Argon2id of version 1.3, without secret
 * and associated data), interrupted often enough for an event loop.
 * Must not know: key files, limits (the caller checks the parameters).
 */
import { blake2b } from '@noble/hashes/blake2.js';
import { concatBytes, wipe } from '../../base/bytes.ts';
import { derivationMemory, wipeInSteps } from './derivationMemory.ts';

/** The number that RFC 9106 §3.1 gives each type. */
export const argon2Types = { Argon2d: 0, Argon2i: 1, Argon2id: 2 } as const;

export type Argon2Type = keyof typeof argon2Types;

export interface Argon2Parameters {
  readonly type: Argon2Type;
  /** KiB; at least 8 for each lane. */
  readonly memory: number;
  readonly passes: number;
  /** Lanes. They are computed one after the other. */
  readonly parallelism: number;
}

const version = 0x13;
/** 32-bit words of a block of 1 KiB: 128 words of 64 bits, the less significant half first. */
const blockWords = 256;
/** Parts of a lane, at whose ends the lanes wait for each other (RFC 9106 §3.4). */
const slices = 4;
/** Addresses that one block of them holds (RFC 9106 §3.4.1.2). */
const addressesPerBlock = 128;
/** Blocks between two interruptions, some 2 ms of work. */
const stepBlocks = 256;
const bitsOf32 = 2 ** 32;

/** Derives `length` bytes, 4 or more. Each `next()` does some milliseconds of work. */
export function* argon2(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2Parameters,
  length: number,
): Generator<void, Uint8Array> {
  const memory = new Memory(parameters);
  try {
    yield* memory.begin(passphrase, salt, length);
    let blocks = 0;
    for (let pass = 0; pass < parameters.passes; pass++) {
      for (let slice = 0; slice < slices; slice++) {
        for (let lane = 0; lane < parameters.parallelism; lane++) {
          const segment = memory.segment(pass, slice, lane);
          while (segment.fillNext()) if (++blocks % stepBlocks === 0) yield;
        }
      }
    }
    const key = memory.result(length);
    yield* wipeInSteps(memory.words);
    memory.filled.fill(0);
    return key;
  } finally {
    memory.wipe();
  }
}

/** The matrix of blocks, a row for each lane (RFC 9106 §3.2). */
class Memory {
  readonly parameters: Argon2Parameters;
  readonly laneLength: number;
  readonly segmentLength: number;
  readonly words: Int32Array;
  /** Blocks of each lane that are not zeros. */
  readonly filled: Int32Array;

  constructor(parameters: Argon2Parameters) {
    const { memory, parallelism } = parameters;
    this.parameters = parameters;
    this.segmentLength = Math.floor(memory / (slices * parallelism));
    this.laneLength = slices * this.segmentLength;
    this.filled = new Int32Array(parallelism);
    this.words = derivationMemory(this.laneLength * parallelism * blockWords);
  }

  /** The first two blocks of each lane. */
  *begin(passphrase: Uint8Array, salt: Uint8Array, length: number): Generator<void, void> {
    const { type, memory, passes, parallelism } = this.parameters;
    const numbers = littleEndian(parallelism, length, memory, passes, version, argon2Types[type]);
    const empty = littleEndian(0);
    const input = concatBytes(
      numbers,
      littleEndian(passphrase.length),
      passphrase,
      littleEndian(salt.length),
      salt,
      empty,
      empty,
    );
    const first = blake2b(input);
    wipe(input);
    for (let lane = 0; lane < parallelism; lane++) {
      for (let column = 0; column < 2; column++) {
        const block = variableHash(concatBytes(first, littleEndian(column, lane)), 4 * blockWords);
        const view = new DataView(block.buffer);
        const at = (lane * this.laneLength + column) * blockWords;
        for (let i = 0; i < blockWords; i++) this.words[at + i] = view.getInt32(4 * i, true);
        wipe(block);
      }
      this.filled[lane] = 2;
      // Some 60 hashes: as long as a few dozen blocks of the passes.
      yield;
    }
    wipe(first);
  }

  /** At once what an interrupted derivation has left: never more than it had the time for. */
  wipe(): void {
    for (let lane = 0; lane < this.filled.length; lane++) {
      const start = lane * this.laneLength;
      this.words.fill(0, start * blockWords, (start + at(this.filled, lane)) * blockWords);
    }
  }

  segment(pass: number, slice: number, lane: number): Segment {
    return new Segment(this, pass, slice, lane);
  }

  /** The last blocks of all lanes, hashed. */
  result(length: number): Uint8Array {
    const sum = new Int32Array(blockWords);
    for (let lane = 0; lane < this.parameters.parallelism; lane++) {
      const last = ((lane + 1) * this.laneLength - 1) * blockWords;
      for (let i = 0; i < blockWords; i++) sum[i] = at(sum, i) ^ at(this.words, last + i);
    }
    const bytes = littleEndian(...sum);
    const key = variableHash(bytes, length);
    sum.fill(0);
    wipe(bytes);
    return key;
  }
}

/** A quarter of a lane in one pass, block by block (RFC 9106 §3.4). */
class Segment {
  private readonly memory: Memory;
  private readonly pass: number;
  private readonly slice: number;
  private readonly lane: number;
  private readonly addresses: Addresses | undefined;
  private index: number;

  constructor(memory: Memory, pass: number, slice: number, lane: number) {
    const { type } = memory.parameters;
    this.memory = memory;
    this.pass = pass;
    this.slice = slice;
    this.lane = lane;
    const isFixed = type === 'Argon2i' || (type === 'Argon2id' && pass === 0 && slice < slices / 2);
    this.addresses = isFixed ? new Addresses(memory, pass, slice, lane) : undefined;
    // The first two blocks of a lane are made of the passphrase.
    this.index = pass === 0 && slice === 0 ? 2 : 0;
  }

  /** Fills a block; false where there is none left. */
  fillNext(): boolean {
    const { memory, pass, slice, lane, index } = this;
    const { words, laneLength, segmentLength } = memory;
    if (index >= segmentLength) return false;
    const column = slice * segmentLength + index;
    const row = lane * laneLength;
    const previous = (row + (column === 0 ? laneLength : column) - 1) * blockWords;
    const source = this.addresses?.words(index) ?? words;
    const offset = this.addresses === undefined ? previous : 2 * (index % addressesPerBlock);
    const reference = this.reference(at(source, offset) >>> 0, at(source, offset + 1) >>> 0) * blockWords;
    compress(words, previous, words, reference, words, (row + column) * blockWords, pass > 0);
    if (pass === 0) memory.filled[lane] = column + 1;
    this.index++;
    return true;
  }

  /** The block that two numbers choose (RFC 9106 §3.4.2). */
  private reference(j1: number, j2: number): number {
    const { memory, pass, slice, lane, index } = this;
    const { laneLength, segmentLength, parameters } = memory;
    const chosen = pass === 0 && slice === 0 ? lane : j2 % parameters.parallelism;
    const finished = pass === 0 ? slice * segmentLength : laneLength - segmentLength;
    // Of its own lane also what this segment has filled, but for the block just before.
    const own = chosen === lane ? index - 1 : index === 0 ? -1 : 0;
    const size = finished + own;
    const back = multiplyHigh(size, multiplyHigh(j1, j1) >>> 0) >>> 0;
    const start = pass === 0 ? 0 : ((slice + 1) % slices) * segmentLength;
    return chosen * laneLength + ((start + size - 1 - back) % laneLength);
  }
}

/** The addresses of a segment that do not depend on the passphrase (RFC 9106 §3.4.1.2). */
class Addresses {
  private readonly input: Int32Array = new Int32Array(blockWords);
  private readonly zero: Int32Array = new Int32Array(blockWords);
  private readonly output: Int32Array = new Int32Array(blockWords);
  private made = 0;

  constructor(memory: Memory, pass: number, slice: number, lane: number) {
    const { parameters, laneLength } = memory;
    const { type, passes, parallelism } = parameters;
    const fields = [pass, lane, slice, laneLength * parallelism, passes, argon2Types[type]];
    for (const [i, field] of fields.entries()) this.input[2 * i] = field;
  }

  /** The block of addresses that the one at `index` is in. */
  words(index: number): Int32Array {
    const wanted = Math.floor(index / addressesPerBlock) + 1;
    if (wanted !== this.made) {
      this.made = wanted;
      this.input[12] = wanted;
      compress(this.zero, 0, this.input, 0, this.output, 0, false);
      compress(this.zero, 0, this.output, 0, this.output, 0, false);
    }
    return this.output;
  }
}

/** X xor Y, and the same permuted: shared by all, since nothing is interrupted within a block. */
const mixed = new Int32Array(blockWords);

/** G of RFC 9106 §3.5: `out` becomes G(x, y), or has it added where a pass came before. */
function compress(
  x: Int32Array,
  xAt: number,
  y: Int32Array,
  yAt: number,
  out: Int32Array,
  outAt: number,
  isAdded: boolean,
): void {
  for (let i = 0; i < blockWords; i++) {
    const word = at(x, xAt + i) ^ at(y, yAt + i);
    mixed[i] = word;
    out[outAt + i] = isAdded ? at(out, outAt + i) ^ word : word;
  }
  for (let row = 0; row < blockWords; row += 32) permute(row, 4);
  for (let column = 0; column < 32; column += 4) permute(column, 32);
  for (let i = 0; i < blockWords; i++) out[outAt + i] = at(out, outAt + i) ^ at(mixed, i);
}

/** P of RFC 9106 §3.6 on eight registers of two words each, `step` apart. */
function permute(start: number, step: number): void {
  const r0 = start;
  const r1 = r0 + step;
  const r2 = r1 + step;
  const r3 = r2 + step;
  const r4 = r3 + step;
  const r5 = r4 + step;
  const r6 = r5 + step;
  const r7 = r6 + step;
  quarterRound(r0, r2, r4, r6);
  quarterRound(r0 + 2, r2 + 2, r4 + 2, r6 + 2);
  quarterRound(r1, r3, r5, r7);
  quarterRound(r1 + 2, r3 + 2, r5 + 2, r7 + 2);
  quarterRound(r0, r2 + 2, r5, r7 + 2);
  quarterRound(r0 + 2, r3, r5 + 2, r6);
  quarterRound(r1, r3 + 2, r4, r6 + 2);
  quarterRound(r1 + 2, r2, r4 + 2, r7);
}

/**
 * GB of RFC 9106 §3.6 on the words of `mixed` at these places. Each of its four
 * steps adds two words and twice the product of their lower halves to the first,
 * and turns a third. This is where Argon2 spends its time, so it is written out.
 */
function quarterRound(a: number, b: number, c: number, d: number): void {
  let aLow = at(mixed, a);
  let aHigh = at(mixed, a + 1);
  let bLow = at(mixed, b);
  let bHigh = at(mixed, b + 1);
  let cLow = at(mixed, c);
  let cHigh = at(mixed, c + 1);
  let dLow = at(mixed, d);
  let dHigh = at(mixed, d + 1);

  let product = Math.imul(aLow, bLow);
  let sum = (aLow >>> 0) + (bLow >>> 0) + ((product << 1) >>> 0);
  aHigh = (aHigh + bHigh + doubledHigh(aLow, bLow, product) + carry(sum)) | 0;
  aLow = sum | 0;
  let low = dLow ^ aLow;
  let high = dHigh ^ aHigh;
  dLow = high;
  dHigh = low;

  product = Math.imul(cLow, dLow);
  sum = (cLow >>> 0) + (dLow >>> 0) + ((product << 1) >>> 0);
  cHigh = (cHigh + dHigh + doubledHigh(cLow, dLow, product) + carry(sum)) | 0;
  cLow = sum | 0;
  low = bLow ^ cLow;
  high = bHigh ^ cHigh;
  bLow = (low >>> 24) | (high << 8);
  bHigh = (high >>> 24) | (low << 8);

  product = Math.imul(aLow, bLow);
  sum = (aLow >>> 0) + (bLow >>> 0) + ((product << 1) >>> 0);
  aHigh = (aHigh + bHigh + doubledHigh(aLow, bLow, product) + carry(sum)) | 0;
  aLow = sum | 0;
  low = dLow ^ aLow;
  high = dHigh ^ aHigh;
  dLow = (low >>> 16) | (high << 16);
  dHigh = (high >>> 16) | (low << 16);

  product = Math.imul(cLow, dLow);
  sum = (cLow >>> 0) + (dLow >>> 0) + ((product << 1) >>> 0);
  cHigh = (cHigh + dHigh + doubledHigh(cLow, dLow, product) + carry(sum)) | 0;
  cLow = sum | 0;
  low = bLow ^ cLow;
  high = bHigh ^ cHigh;
  bLow = (low << 1) | (high >>> 31);
  bHigh = (high << 1) | (low >>> 31);

  mixed[a] = aLow;
  mixed[a + 1] = aHigh;
  mixed[b] = bLow;
  mixed[b + 1] = bHigh;
  mixed[c] = cLow;
  mixed[c + 1] = cHigh;
  mixed[d] = dLow;
  mixed[d + 1] = dHigh;
}

/** The upper half of twice the product of two words, whose lower half is `product`. */
function doubledHigh(a: number, b: number, product: number): number {
  return (multiplyHigh(a, b) << 1) | (product >>> 31);
}

/** The upper 32 bits of the product of two words taken as unsigned, by halves of 16 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const rest = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (rest >>> 16)) | 0;
}

/** What a sum of words has above 32 bits. */
function carry(sum: number): number {
  return (sum / bitsOf32) | 0;
}

/** H' of RFC 9106 §3.3: a hash of any length from BLAKE2b. */
function variableHash(input: Uint8Array, length: number): Uint8Array {
  const prefixed = concatBytes(littleEndian(length), input);
  if (length <= 64) return blake2b(prefixed, { dkLen: length });
  const out = new Uint8Array(length);
  let hash = blake2b(prefixed);
  let position = 0;
  for (; length - position > 64; position += 32) {
    if (position > 0) hash = blake2b(hash);
    out.set(hash.subarray(0, 32), position);
  }
  out.set(blake2b(hash, { dkLen: length - position }), position);
  wipe(prefixed, hash);
  return out;
}

function littleEndian(...words: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 * words.length);
  const view = new DataView(out.buffer);
  for (const [i, word] of words.entries()) view.setInt32(4 * i, word, true);
  return out;
}

function at(words: Int32Array, index: number): number {
  return words[index] as number;
}
