/**
 * The bytes that came and were not consumed yet, as the chunks in which they came.
 *
 * Owns: gathering across chunk borders, and nothing else. A packet that lies in
 * one chunk is never copied; one that spans chunks is copied once.
 * Must not know: what the bytes mean. Bounds are the caller's: it knows what it waits for.
 */
import { emptyBytes } from '../base/bytes.ts';

/** Chunks below this are gathered into one buffer, so that a drip costs no object a byte. */
const smallChunk = 1024;
const gatherBuffer = 4096;

/** A rest from this length on is kept in memory that is used again: most often it begins a long packet. */
const longRest = 4096;
/** Room for the rest of one long packet of data. */
const restBuffer = 36 * 1024;

/** Memory of the last long rest that was moved out whole, and that no queue has. */
let spare: Uint8Array = emptyBytes;

/**
 * A queue of owned chunks. After `ensure(n)` returned true, `buffer[start …
 * start + n)` are the next bytes; that view holds until the next call.
 */
export class ByteQueue {
  /** The chunk that holds the next bytes. */
  buffer: Uint8Array = emptyBytes;
  /** Index of the next byte in `buffer`. */
  start = 0;
  /** Bytes in the queue. */
  length = 0;
  private end = 0;
  private later: Uint8Array[] = [];
  /** The last of `later` when it is ours and has room: how much of it is used. */
  private gathering: Uint8Array | undefined;
  private gathered = 0;
  /** The first chunk where it is a long rest: nobody else has seen its memory. */
  private rest: Uint8Array | undefined;
  /** Memory of a chunk that is somebody else's; undefined when none of it is in the queue. */
  lentMemory: ArrayBufferLike | undefined;

  /** Takes ownership of the bytes; with `lent` only until `keep`, which has to be called while its bytes are as they were. */
  push(given: Uint8Array, lent: boolean = false): void {
    if (given.length === 0) return;
    const chunk = plain(given);
    if (lent) this.lentMemory = chunk.buffer;
    if (this.length === 0) {
      this.buffer = chunk;
      this.start = 0;
      this.end = chunk.length;
    } else if (chunk.length < smallChunk) {
      this.gather(chunk);
    } else {
      this.sealGathering();
      this.append(chunk);
    }
    this.length += chunk.length;
  }

  /** Whether `length` bytes are there; if so they are contiguous from `start` in `buffer`. */
  ensure(length: number): boolean {
    if (this.end - this.start >= length) return true;
    if (this.length < length) return false;
    this.join(length);
    return true;
  }

  /** Bytes that lie contiguous from `start` in `buffer`. */
  get contiguous(): number {
    return this.end - this.start;
  }

  /** Drops the next `length` bytes, which `ensure` must have promised. */
  consume(length: number): void {
    this.start += length;
    this.length -= length;
    if (this.start === this.end) this.advance();
  }

  /** Copies the next `length` bytes, which must be there, to the start of `target` and drops them. */
  moveTo(target: Uint8Array, length: number): void {
    for (let moved = 0; moved < length; ) {
      const part = Math.min(length - moved, this.end - this.start);
      target.set(this.buffer.subarray(this.start, this.start + part), moved);
      moved += part;
      if (this.rest !== undefined) this.giveBack(part);
      this.consume(part);
    }
  }

  /** A rest that is moved out whole, and had nothing taken from it before, is free. */
  private giveBack(moved: number): void {
    if (this.buffer === this.rest && this.start === 0 && moved === this.end) spare = this.rest;
    this.rest = undefined;
  }

  /** Drops all bytes. */
  clear(): void {
    this.later = [];
    this.gathering = undefined;
    this.gathered = 0;
    this.length = 0;
    this.rest = undefined;
    this.buffer = emptyBytes;
    this.start = 0;
    this.end = 0;
    this.lentMemory = undefined;
  }

  /** Copies what is left of a lent chunk. */
  keep(): void {
    const { lentMemory, later } = this;
    if (lentMemory === undefined) return;
    this.lentMemory = undefined;
    if (this.buffer.buffer === lentMemory) this.keepFirst();
    const last = later.at(-1);
    if (last?.buffer === lentMemory) later[later.length - 1] = last.slice();
  }

  private keepFirst(): void {
    const length = this.end - this.start;
    const bytes = this.buffer.subarray(this.start, this.end);
    if (length < longRest) this.buffer = bytes.slice();
    else {
      this.buffer = spare.length < length ? new Uint8Array(Math.max(length, restBuffer)) : spare;
      if (this.buffer === spare) spare = emptyBytes;
      this.buffer.set(bytes);
      this.rest = this.buffer;
    }
    this.start = 0;
    this.end = length;
  }

  private gather(chunk: Uint8Array): void {
    if (this.gathering === undefined || this.gathering.length - this.gathered < chunk.length) {
      this.sealGathering();
      this.gathering = new Uint8Array(gatherBuffer);
      this.gathered = 0;
    }
    this.gathering.set(chunk, this.gathered);
    this.gathered += chunk.length;
  }

  /** Moves what was gathered behind the other chunks. */
  private sealGathering(): void {
    if (this.gathering === undefined) return;
    this.append(this.gathering.subarray(0, this.gathered));
    this.gathering = undefined;
    this.gathered = 0;
  }

  private append(chunk: Uint8Array): void {
    if (this.later.length === 0) this.later = [chunk];
    else this.later.push(chunk);
  }

  private advance(): void {
    this.rest = undefined;
    if (this.later.length === 0) this.sealGathering();
    const next = this.later.shift();
    this.buffer = next ?? emptyBytes;
    this.start = 0;
    this.end = this.buffer.length;
  }

  private join(length: number): void {
    this.sealGathering();
    this.rest = undefined;
    const joined = new Uint8Array(length);
    let filled = this.end - this.start;
    joined.set(this.buffer.subarray(this.start, this.end));
    while (filled < length) {
      const chunk = this.later[0] as Uint8Array;
      const wanted = length - filled;
      if (chunk.length <= wanted) {
        joined.set(chunk, filled);
        filled += chunk.length;
        this.later.shift();
      } else {
        joined.set(chunk.subarray(0, wanted), filled);
        this.later[0] = chunk.subarray(wanted);
        filled = length;
      }
    }
    this.buffer = joined;
    this.start = 0;
    this.end = length;
  }
}

/** The same memory as a plain array: the `slice` of a Buffer, or of any other subclass, need not be a copy. */
function plain(chunk: Uint8Array): Uint8Array {
  if (chunk.constructor === Uint8Array) return chunk;
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
}
