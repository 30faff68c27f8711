/**
 * Decompression of payloads: one endless zlib stream, a piece in each packet.
 *
 * Owns: RFC 1950 §2.2 (the header), RFC 1951 §3.2 (blocks), the window, and the
 * bound on what one packet may become, which is looked at byte by byte while it grows.
 * Must not know: packets, when compression begins.
 * Source: RFC 4253 §6.2.
 */
import { emptyBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import {
  distanceBases,
  distanceExtra,
  fastBits,
  fixedLengths,
  lengthBases,
  lengthExtra,
  longestCode,
  type PrefixCode,
  prefixCode,
} from './huffman.ts';

const windowLength = 32 * 1024;
/** Blocks in one packet. Each may cost the making of two tables; those who compress put thousands of bytes in one. */
const mostBlocks = 4096;
const endOfBlock = 256;

/** The order in which the lengths of code length codes come (§3.2.7). */
const lengthOrder: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The bits that are there do not suffice; what was begun is begun again with the next packet. */
const starved: unique symbol = Symbol('starved');

interface Codes {
  readonly literals: PrefixCode;
  readonly distances: PrefixCode;
}

/** Made at first use. */
let fixedCodes: Codes | undefined;

type State =
  | { readonly name: 'header' }
  | { readonly name: 'block' }
  | { readonly name: 'stored'; left: number }
  | { readonly name: 'codes'; readonly codes: Codes };

export class Inflater {
  private readonly limit: number;
  private readonly mayBePlain: boolean;
  private state: State = { name: 'header' };
  /** Bits that were taken from the input and not used, the first one lowest. */
  private hold = 0;
  private bits = 0;
  private input: Uint8Array = emptyBytes;
  private position = 0;
  /** The window, and behind it what the packet at hand becomes. */
  private output: Uint8Array = new Uint8Array(2 * windowLength);
  private filled = 0;
  private packetStart = 0;
  /** Blocks that began in the last packet. */
  blocks = 0;

  /**
   * @param limit bytes that one packet may become
   * @param mayBePlain payloads before the stream begins are no part of it: no message
   *   has a number that a stream can begin with
   */
  constructor(limit: number, mayBePlain: boolean = false) {
    this.limit = limit;
    this.mayBePlain = mayBePlain;
  }

  /** A payload of the stream came. */
  get hasBegun(): boolean {
    return this.state.name !== 'header';
  }

  /**
   * What the next piece of the stream stands for, in memory of its own.
   *
   * @throws SshError `ERR_SSH_LIMIT` where it is more than the limit, as soon as it is;
   * `ERR_SSH_PACKET` where it is no such stream. Nothing may follow then.
   */
  inflate(buffer: Uint8Array, start: number, end: number): Uint8Array {
    if (this.mayBePlain && !this.hasBegun && !isHeader(buffer[start] ?? 0, buffer[start + 1] ?? 0)) {
      return buffer.slice(start, end);
    }
    this.take(buffer.subarray(start, end));
    this.slide();
    this.blocks = 0;
    while (this.step());
    this.input = this.input.slice(this.position);
    this.position = 0;
    return this.output.slice(this.packetStart, this.filled);
  }

  /** A few bytes may be left from the packet before, in the middle of a symbol or of a table. */
  private take(piece: Uint8Array): void {
    if (this.input.length === 0) {
      this.input = piece;
      return;
    }
    const joined = new Uint8Array(this.input.length + piece.length);
    joined.set(this.input);
    joined.set(piece, this.input.length);
    this.input = joined;
  }

  private slide(): void {
    if (this.filled > windowLength) {
      this.output.copyWithin(0, this.filled - windowLength, this.filled);
      this.filled = windowLength;
    }
    this.packetStart = this.filled;
  }

  /** Goes on by one block or part of one; false where more input is needed, which leaves everything as it was before. */
  private step(): boolean {
    const { hold, bits, position } = this;
    try {
      this.advance();
      return true;
    } catch (error) {
      if (error !== starved) throw error;
      if (this.state.name === 'codes' || this.state.name === 'stored') return false;
      this.hold = hold;
      this.bits = bits;
      this.position = position;
      return false;
    }
  }

  private advance(): void {
    switch (this.state.name) {
      case 'header':
        this.readHeader();
        this.state = { name: 'block' };
        return;
      case 'block':
        this.state = this.readBlock();
        return;
      case 'stored':
        this.copyStored(this.state);
        this.state = { name: 'block' };
        return;
      case 'codes':
        this.decode(this.state.codes);
        this.state = { name: 'block' };
        return;
      default:
        this.state satisfies never;
    }
  }

  private readHeader(): void {
    const method = this.read(8);
    if (!isHeader(method, this.read(8))) throw malformed('its header is not that of zlib');
  }

  private readBlock(): State {
    const isLast = this.read(1) === 1;
    const type = this.read(2);
    // A stream that can end would need rules for what comes behind; SSH has none, and nobody ends it.
    if (isLast) throw malformed('it ends where an SSH connection goes on');
    if (++this.blocks > mostBlocks) throw limitError(`more than ${mostBlocks} blocks of compressed data`);
    if (type === 0) return this.readStored();
    if (type === 1) return { name: 'codes', codes: fixed() };
    if (type === 2) return { name: 'codes', codes: this.readCodes() };
    throw malformed('a block of an unknown type');
  }

  private readStored(): State {
    this.hold >>>= this.bits & 7;
    this.bits -= this.bits & 7;
    const left = this.read(16);
    if ((left ^ this.read(16)) !== 0xffff) throw malformed('the two lengths of a stored block differ');
    return { name: 'stored', left };
  }

  private copyStored(state: State & { name: 'stored' }): void {
    const length = Math.min(state.left, this.input.length - this.position);
    this.reserve(length);
    this.output.set(this.input.subarray(this.position, this.position + length), this.filled);
    this.filled += length;
    this.position += length;
    state.left -= length;
    if (state.left > 0) throw starved;
  }

  /** §3.2.7. */
  private readCodes(): Codes {
    const literalCount = this.read(5) + 257;
    const distanceCount = this.read(5) + 1;
    const lengthCount = this.read(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw malformed('more symbols than there are');
    const lengthLengths = new Uint8Array(19);
    for (let i = 0; i < lengthCount; i++) lengthLengths[lengthOrder[i] as number] = this.read(3);
    const lengthCode = prefixCode(lengthLengths, 'complete');
    if (lengthCode === undefined) throw malformed('lengths of lengths that are no code');
    const lengths = this.readLengths(lengthCode, literalCount + distanceCount);
    if (lengths[endOfBlock] === 0) throw malformed('a block without an end');
    const literals = prefixCode(lengths.subarray(0, literalCount), 'mayBeSingle');
    const distances = prefixCode(lengths.subarray(literalCount), 'mayBeSingle');
    if (literals === undefined || distances === undefined) throw malformed('lengths that are no code');
    return { literals, distances };
  }

  private readLengths(code: PrefixCode, count: number): Uint8Array {
    const lengths = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw malformed('a repetition of nothing');
      const value = symbol === 16 ? (lengths[at - 1] as number) : 0;
      const times = symbol === 16 ? 3 + this.read(2) : symbol === 17 ? 3 + this.read(3) : 11 + this.read(7);
      if (at + times > count) throw malformed('a repetition beyond the last symbol');
      lengths.fill(value, at, at + times);
      at += times;
    }
    return lengths;
  }

  /** Up to the end of the block; starves between two symbols only, as far as the state shows. */
  private decode({ literals, distances }: Codes): void {
    for (;;) {
      const { hold, bits, position } = this;
      try {
        const symbol = this.symbol(literals);
        if (symbol === endOfBlock) return;
        if (symbol < endOfBlock) this.put(symbol);
        else this.copy(this.length(symbol - 257), this.distance(distances));
      } catch (error) {
        if (error === starved) {
          this.hold = hold;
          this.bits = bits;
          this.position = position;
        }
        throw error;
      }
    }
  }

  private length(symbol: number): number {
    if (symbol >= lengthBases.length) throw malformed('a length that is not defined');
    return (lengthBases[symbol] as number) + this.read(lengthExtra[symbol] as number);
  }

  private distance(code: PrefixCode): number {
    const symbol = this.symbol(code);
    if (symbol >= distanceBases.length) throw malformed('a distance that is not defined');
    const distance = (distanceBases[symbol] as number) + this.read(distanceExtra[symbol] as number);
    if (distance > this.filled) throw malformed('a distance to before the beginning');
    return distance;
  }

  private put(byte: number): void {
    if (this.filled === this.output.length || this.filled - this.packetStart >= this.limit) this.reserve(1);
    this.output[this.filled++] = byte;
  }

  private copy(length: number, distance: number): void {
    this.reserve(length);
    const { output } = this;
    let to = this.filled;
    // Byte by byte: a distance below the length repeats what it writes.
    for (let left = length; left > 0; left--, to++) output[to] = output[to - distance] as number;
    this.filled = to;
  }

  /** @throws SshError `ERR_SSH_LIMIT` before a byte is written beyond the limit */
  private reserve(length: number): void {
    if (this.filled - this.packetStart + length > this.limit) {
      throw limitError(`a packet that becomes more than ${this.limit} bytes when it is decompressed`);
    }
    if (this.filled + length <= this.output.length) return;
    const larger = new Uint8Array(Math.max(2 * this.output.length, this.filled + length));
    larger.set(this.output.subarray(0, this.filled));
    this.output = larger;
  }

  private read(count: number): number {
    while (this.bits < count) this.fill();
    const value = this.hold & ((1 << count) - 1);
    this.hold >>>= count;
    this.bits -= count;
    return value;
  }

  private symbol(code: PrefixCode): number {
    while (this.bits < longestCode && this.position < this.input.length) this.fill();
    const entry = code.fast[this.hold & ((1 << fastBits) - 1)] as number;
    const length = entry & 15;
    if (length === 0) return this.longSymbol(code);
    if (length > this.bits) throw starved;
    this.hold >>>= length;
    this.bits -= length;
    return entry >> 4;
  }

  /** Bit by bit, as the codes of each length follow those of the one before (§3.2.2). */
  private longSymbol({ counts, symbols }: PrefixCode): number {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= longestCode; length++) {
      if (length > this.bits) throw starved;
      code |= (this.hold >>> (length - 1)) & 1;
      const count = counts[length] as number;
      if (code - first < count) {
        this.hold >>>= length;
        this.bits -= length;
        return symbols[index + code - first] as number;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw malformed('a code that stands for nothing');
  }

  private fill(): void {
    if (this.position === this.input.length) throw starved;
    this.hold |= (this.input[this.position++] as number) << this.bits;
    this.bits += 8;
  }
}

/** RFC 1950 §2.2, without a dictionary. */
function isHeader(method: number, flags: number): boolean {
  const isKnown = (method & 15) === 8 && method >> 4 <= 7 && (flags & 0x20) === 0;
  return isKnown && (256 * method + flags) % 31 === 0;
}

function fixed(): Codes {
  if (fixedCodes === undefined) {
    const literals = prefixCode(fixedLengths, 'complete');
    // Thirty of them, of five bits; the last two of the 32 codes stand for nothing.
    const distances = prefixCode(new Uint8Array(32).fill(5), 'complete');
    if (literals === undefined || distances === undefined) {
      throw new SshError('ERR_SSH_INTERNAL', 'the fixed codes are no codes', { origin: 'local' });
    }
    fixedCodes = { literals, distances };
  }
  return fixedCodes;
}

function malformed(what: string): SshError {
  return new SshError('ERR_SSH_PACKET', `malformed compressed data: ${what}`);
}

function limitError(what: string): SshError {
  return new SshError('ERR_SSH_LIMIT', `the peer sent ${what}`);
}
