/**
 * UMAC with tags of 64 and of 128 bits.
 *
 * Owns: the three layers of hashing in two or four streams, the pad from the nonce.
 * Must not know: ciphers, where the tag goes, who computes AES.
 * Source: RFC 4418; that the nonce is the sequence number is OpenSSH's (PROTOCOL §1.1).
 *
 * Messages of more than 16 MiB, for which the second layer has another form, do
 * not come about: a packet is shorter.
 */
import { LastView, writeUint32 } from '../provider/packetFields.ts';
import { encryptBlocks, expandAesKey } from './aes/aesBlocks.ts';

/** What the first layer takes in at once. */
const chunkLength = 1024;
/** Chunks are padded with zeros to a multiple of this. */
const paddedTo = 32;
/** Pairs of words whose products, one factor of 32 and one of 16 bits, add up to less than 2^53. */
const pairsPerSum = 32;

const prime36 = 2 ** 36 - 5;
const prime64 = 2n ** 64n - 59n;
const mask64 = 2n ** 64n - 1n;
/** Keys of the second layer have 25 bits in each word (RFC 4418 §5.2.2). */
const polynomialMask = 0x01ffffff_01ffffffn;
const largestWord = 2n ** 64n - 2n ** 32n;

/** The last chunk of a message on its way; nothing stays here from call to call. */
const scratch: Uint8Array = new Uint8Array(chunkLength);
const scratchView: DataView = new DataView(scratch.buffer);

/** The keys of one stream. */
interface Stream {
  /** 256 words. */
  readonly first: Uint32Array;
  readonly second: bigint;
  /** Below 2^36 - 5. */
  readonly third: readonly number[];
  readonly mask: number;
}

/** AES of whole blocks in place, with the key it was made for. */
export type EncryptBlocks = (blocks: DataView, count: number) => void;

/** AES in TypeScript. */
function typescriptAes(key: Uint8Array): EncryptBlocks {
  const expanded = expandAesKey(key);
  return (blocks, count) => encryptBlocks(expanded, blocks, count);
}

export class UmacPacketMac {
  private readonly streams: readonly Stream[];
  private readonly encryptPad: EncryptBlocks;
  private readonly pad = new DataView(new ArrayBuffer(16));
  private readonly views = new LastView();
  private readonly tag: Uint8Array;

  /**
   * @param key 16 bytes
   * @param tagLength 8 or 16
   */
  constructor(
    key: Uint8Array,
    tagLength: number,
    newAes: (key: Uint8Array) => EncryptBlocks = typescriptAes,
  ) {
    const encrypt = newAes(key);
    this.encryptPad = newAes(deriveKey(encrypt, 0, 16));
    this.streams = deriveStreams(encrypt, tagLength / 4);
    this.tag = new Uint8Array(tagLength);
  }

  /** The tag of `buffer[start…end)` with the sequence number as nonce; valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    return this.computeWith(buffer, start, end, 0, sequenceNumber);
  }

  /** The same with a nonce of 64 bits, in two halves. */
  computeWith(
    buffer: Uint8Array,
    start: number,
    end: number,
    nonceHigh: number,
    nonceLow: number,
  ): Uint8Array {
    const { tag, pad, streams } = this;
    // Two tags of 64 bits share one pad (RFC 4418 §3.3.1).
    const half = tag.length === 8 ? nonceLow & 1 : 0;
    pad.setUint32(0, nonceHigh);
    pad.setUint32(4, nonceLow - half);
    pad.setUint32(8, 0);
    pad.setUint32(12, 0);
    this.encryptPad(pad, 1);
    const view = this.views.of(buffer);
    for (let i = 0; i < streams.length; i++) {
      const hashed = hashStream(streams[i] as Stream, view, buffer, start, end);
      writeUint32(tag, 4 * i, hashed ^ pad.getUint32(8 * half + 4 * i));
    }
    return tag;
  }
}

function hashStream(stream: Stream, view: DataView, buffer: Uint8Array, start: number, end: number): number {
  const { first, second } = stream;
  const lastAt = start + chunkLength * Math.max(0, Math.ceil((end - start) / chunkLength) - 1);
  let sum = 1n;
  for (let at = start; at < lastAt; at += chunkLength) {
    sum = evaluate(sum, second, hashChunk(first, view, at, chunkLength, chunkLength));
  }
  const length = end - lastAt;
  const padded = Math.max(paddedTo, Math.ceil(length / paddedTo) * paddedTo);
  scratch.fill(0, length, padded);
  scratch.set(buffer.subarray(lastAt, end));
  const last = hashChunk(first, scratchView, 0, padded, length);
  return innerProduct(stream, lastAt === start ? last : evaluate(sum, second, last));
}

/** NH and the length in bits (RFC 4418 §5.1): sums of products of words, one of each four of the one behind it in the next four. */
function hashChunk(key: Uint32Array, view: DataView, start: number, padded: number, length: number): bigint {
  let total = BigInt(8 * length);
  let [low, high, pairs] = [0, 0, 0];
  for (let word = 0; 4 * word < padded; word += 8) {
    for (let i = word; i < word + 4; i++) {
      const a = (view.getUint32(start + 4 * i, true) + (key[i] as number)) >>> 0;
      const b = (view.getUint32(start + 4 * i + 16, true) + (key[i + 4] as number)) >>> 0;
      low += a * (b & 0xffff);
      high += a * (b >>> 16);
    }
    pairs += 4;
    if (pairs < pairsPerSum && 4 * word + paddedTo < padded) continue;
    total += BigInt(low) + (BigInt(high) << 16n);
    [low, high, pairs] = [0, 0, 0];
  }
  return total & mask64;
}

/** One word more in a polynomial modulo 2^64 - 59 (RFC 4418 §5.2.3); those that are too large are written as two. */
function evaluate(sum: bigint, key: bigint, word: bigint): bigint {
  if (word < largestWord) return (sum * key + word) % prime64;
  return (((sum * key + prime64 - 1n) % prime64) * key + word - 59n) % prime64;
}

/** The third layer (RFC 4418 §5.3); of its eight words of 16 bits the first four are 0 here. */
function innerProduct({ third, mask }: Stream, word: bigint): number {
  let sum = 0;
  let rest = word;
  for (let i = 3; i >= 0; i--, rest >>= 16n) {
    sum = (sum + Number(rest & 0xffffn) * (third[i] as number)) % prime36;
  }
  // Of the sum, which is below 2^36, the lower 32 bits take part.
  return sum ^ mask;
}

function deriveStreams(encrypt: EncryptBlocks, count: number): Stream[] {
  const firstKey = deriveKey(encrypt, 1, chunkLength + 16 * (count - 1));
  const secondKey = deriveKey(encrypt, 2, 24 * count);
  const thirdKey = deriveKey(encrypt, 3, 64 * count);
  const masks = deriveKey(encrypt, 4, 4 * count);
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, stream) => ({
    first: Uint32Array.from({ length: chunkLength / 4 }, (_word, i) =>
      view(firstKey).getUint32(16 * stream + 4 * i),
    ),
    second: view(secondKey).getBigUint64(24 * stream) & polynomialMask,
    third: [32, 40, 48, 56].map((at) =>
      Number(view(thirdKey).getBigUint64(64 * stream + at) % BigInt(prime36)),
    ),
    mask: view(masks).getUint32(4 * stream),
  }));
}

/** RFC 4418 §3.2.1: AES of the index and a counter from 1. */
function deriveKey(encrypt: EncryptBlocks, index: number, length: number): Uint8Array {
  const blocks = Math.ceil(length / 16);
  const view = new DataView(new ArrayBuffer(16 * blocks));
  for (let i = 0; i < blocks; i++) {
    view.setUint32(16 * i + 4, index);
    view.setUint32(16 * i + 12, i + 1);
  }
  encrypt(view, blocks);
  return new Uint8Array(view.buffer, 0, length);
}
