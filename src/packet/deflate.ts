/**
 * Compression of payloads: one endless zlib stream, a piece in each packet.
 *
 * Owns: the search for what was there before, blocks with the fixed code
 * (RFC 1951 §3.2.6) and, where that would make them longer, stored ones (§3.2.4).
 * It finds less than zlib, which makes codes to measure, and costs as little as it can.
 * Must not know: packets, when compression begins.
 * Source: RFC 4253 §6.2: each piece ends so that all of it can be read.
 */

import {
  distanceBases,
  distanceExtra,
  fixedLengths,
  lengthBases,
  lengthExtra,
  reverseBits,
} from './huffman.ts';
import { pieceLength } from './pieces.ts';

const windowLength = 32 * 1024;
const shortestMatch = 3;
const longestMatch = 258;
/** Earlier places looked at for each. */
const mostTrials = 16;
const hashBits = 14;
const nowhere = -1;

/** Codes with their first bit lowest. */
const codes: Uint16Array = fixedCodes();
/** By length - 3 and by the distance's symbol: which symbol stands for it. */
const lengthSymbols: Uint8Array = symbolsOf(lengthBases, longestMatch - shortestMatch + 1, shortestMatch);

export class Deflater {
  private readonly window = new Uint8Array(windowLength + pieceLength);
  private filled = 0;
  /** By hash the last place in the window with it, and by place the one before with the same. */
  private readonly heads: Int32Array = new Int32Array(1 << hashBits).fill(nowhere);
  private readonly earlier: Int32Array = new Int32Array(windowLength + pieceLength);
  private output: Uint8Array = new Uint8Array(pieceLength);
  /** The header is there from the beginning. */
  private length = 2;
  private hold = 0;
  private bits = 0;

  constructor() {
    // 32 KiB of window, no dictionary, the default level (RFC 1950 §2.2).
    this.output[0] = 0x78;
    this.output[1] = 0x9c;
  }

  /** The next piece of the stream; valid until the next call. */
  deflate(buffer: Uint8Array, start: number, end: number): Uint8Array {
    for (let at = start; at < end; at += pieceLength) {
      this.add(buffer.subarray(at, Math.min(end, at + pieceLength)));
    }
    const piece = this.output.subarray(0, this.length);
    this.length = 0;
    return piece;
  }

  private add(bytes: Uint8Array): void {
    this.slide(bytes.length);
    const from = this.filled;
    this.window.set(bytes, from);
    this.filled += bytes.length;
    // Every byte but at nine bits, with the block's begin and end: it never takes more.
    this.reserve(bytes.length + (bytes.length >> 3) + 32);
    const before = this.length;
    this.encode(from);
    if (this.length - before > bytes.length + 5) this.store(before, bytes);
  }

  private slide(wanted: number): void {
    if (this.filled + wanted <= this.window.length) return;
    const gone = this.filled - windowLength;
    this.window.copyWithin(0, gone, this.filled);
    this.filled = windowLength;
    for (let i = 0; i < this.heads.length; i++) {
      this.heads[i] = Math.max(nowhere, (this.heads[i] as number) - gone);
    }
    for (let i = 0; i < windowLength; i++) {
      this.earlier[i] = Math.max(nowhere, (this.earlier[i + gone] as number) - gone);
    }
  }

  /** One block with the fixed code, then an empty stored one, which ends on a byte. */
  private encode(from: number): void {
    this.write(0b010, 3);
    let at = from;
    while (at < this.filled) {
      const match = this.find(at);
      if (match === 0) {
        this.writeSymbol(this.window[at] as number);
        at++;
        continue;
      }
      const length = match >> 16;
      this.writeMatch(length, (match & 0xffff) + 1);
      for (let i = at + 1; i < at + length; i++) this.note(i);
      at += length;
    }
    this.writeSymbol(256);
    this.write(0, 3);
    if (this.bits > 0) this.write(0, 8 - this.bits);
    this.write(0, 16);
    this.write(0xffff, 16);
  }

  /** The longest match for what is at a place, length << 16 | distance - 1; 0 where there is none. Notes the place. */
  private find(at: number): number {
    const { window, earlier, filled } = this;
    let candidate = this.note(at);
    const most = Math.min(longestMatch, filled - at);
    let [best, distance] = [shortestMatch - 1, 0];
    for (let trial = 0; trial < mostTrials && candidate !== nowhere; trial++) {
      if (at - candidate > windowLength) break;
      if (window[candidate + best] === window[at + best]) {
        let length = 0;
        while (length < most && window[candidate + length] === window[at + length]) length++;
        if (length > best) {
          [best, distance] = [length, at - candidate];
          if (length === most) break;
        }
      }
      candidate = earlier[candidate] as number;
    }
    return distance === 0 ? 0 : (best << 16) | (distance - 1);
  }

  /** Remembers a place, and returns the last one with the same hash. */
  private note(at: number): number {
    if (at + shortestMatch > this.filled) return nowhere;
    const { window, heads } = this;
    const three =
      (window[at] as number) | ((window[at + 1] as number) << 8) | ((window[at + 2] as number) << 16);
    const hash = Math.imul(three, 0x9e3779b1) >>> (32 - hashBits);
    const last = heads[hash] as number;
    this.earlier[at] = last;
    heads[hash] = at;
    return last;
  }

  private writeMatch(length: number, distance: number): void {
    const symbol = lengthSymbols[length - shortestMatch] as number;
    this.writeSymbol(257 + symbol);
    this.write(length - (lengthBases[symbol] as number), lengthExtra[symbol] as number);
    const far = distanceSymbol(distance);
    this.write(reverseBits(far, 5), 5);
    this.write(distance - (distanceBases[far] as number), distanceExtra[far] as number);
  }

  private writeSymbol(symbol: number): void {
    this.write(codes[symbol] as number, fixedLengths[symbol] as number);
  }

  private write(value: number, count: number): void {
    this.hold |= value << this.bits;
    this.bits += count;
    while (this.bits >= 8) {
      this.output[this.length++] = this.hold;
      this.hold >>>= 8;
      this.bits -= 8;
    }
  }

  /** In place of what was written from `before` on: the bytes as they are. They end on a byte, and so need no empty block. */
  private store(before: number, bytes: Uint8Array): void {
    const { length } = bytes;
    this.output.set(
      Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff),
      before,
    );
    this.output.set(bytes, before + 5);
    this.length = before + 5 + length;
  }

  private reserve(length: number): void {
    if (this.length + length <= this.output.length) return;
    const larger = new Uint8Array(2 * (this.length + length));
    larger.set(this.output.subarray(0, this.length));
    this.output = larger;
  }
}

/** Found from the number's highest bits: two symbols for each. */
function distanceSymbol(distance: number): number {
  const offset = distance - 1;
  if (offset < 4) return offset;
  const high = 31 - Math.clz32(offset);
  return 2 * high + ((offset >> (high - 1)) & 1);
}

function fixedCodes(): Uint16Array {
  return Uint16Array.from(fixedLengths, (length, symbol) => {
    const code =
      symbol < 144
        ? 0x30 + symbol
        : symbol < 256
          ? 0x190 + symbol - 144
          : symbol < 280
            ? symbol - 256
            : 0xc0 + symbol - 280;
    return reverseBits(code, length);
  });
}

function symbolsOf(bases: Uint16Array, count: number, least: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => bases.findLastIndex((base) => base <= i + least));
}
