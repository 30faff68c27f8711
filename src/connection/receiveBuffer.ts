/**
 * The bytes that a channel has received and its user has not taken yet.
 *
 * Owns: the pieces, joined where they are small. Its bound is the channel's
 * window, which its owner checks before anything is appended; the memory behind
 * the pieces is at most a few times that.
 * Must not know: channels, windows.
 */
import { copyOf } from '../base/bytes.ts';

/** Pieces from this size on are kept as they came; smaller ones are copied together. */
const keepFrom = 4096;
const blockLength = 32 * 1024;
/** A piece is copied where it is less than this part of the memory it came in, which it would keep from being freed. */
const leastPart = 1 / 4;

/** A queue of bytes in pieces. */
export class ReceiveBuffer {
  /** Bytes held. */
  length = 0;
  private readonly pieces: Uint8Array[] = [];
  /** The block that small pieces go to; what lies in `block[blockStart…blockEnd)` is the last piece. */
  private block: Uint8Array | undefined;
  private blockStart = 0;
  private blockEnd = 0;

  /** Appends `bytes[start…end)`; the memory must stay as it is. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.length += length;
    if (length >= keepFrom) {
      this.closeBlock();
      const isMost = length >= leastPart * bytes.buffer.byteLength;
      this.pieces.push(isMost ? bytes.subarray(start, end) : copyOf(bytes.subarray(start, end)));
      return;
    }
    if (this.block === undefined || this.block.length - this.blockEnd < length) {
      this.closeBlock();
      this.block = new Uint8Array(this.length === length ? keepFrom : blockLength);
      this.blockStart = 0;
      this.blockEnd = 0;
    }
    const { block, blockEnd } = this;
    // A loop is quicker than `set` with a subarray for the few bytes of a small packet.
    if (length <= 64) for (let i = 0; i < length; i++) block[blockEnd + i] = bytes[start + i] as number;
    else block.set(bytes.subarray(start, end), blockEnd);
    this.blockEnd = blockEnd + length;
  }

  /** The next piece, owned by the caller; undefined when there is nothing. */
  take(): Uint8Array | undefined {
    let piece = this.pieces.shift();
    if (piece === undefined) {
      if (this.block === undefined || this.blockEnd === this.blockStart) return undefined;
      piece = this.block.subarray(this.blockStart, this.blockEnd);
      this.blockStart = this.blockEnd;
    }
    this.length -= piece.length;
    return piece;
  }

  /** Drops all; returns how many bytes that were. */
  clear(): number {
    const dropped = this.length;
    this.pieces.length = 0;
    this.block = undefined;
    this.length = 0;
    return dropped;
  }

  private closeBlock(): void {
    if (this.block !== undefined && this.blockEnd > this.blockStart) {
      this.pieces.push(this.block.subarray(this.blockStart, this.blockEnd));
      this.blockStart = this.blockEnd;
    }
  }
}
