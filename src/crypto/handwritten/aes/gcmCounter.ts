/**
 * The counter of AES-GCM over packets.
 *
 * Owns: the nonce's invocation counter, and the counter blocks of a packet, which
 * become keystream when they are encrypted.
 * Must not know: packets, what keystream is for.
 * Sources: RFC 5647 §7.1; NIST SP 800-38D §7.1.
 */

export const blockLength = 16;
/** Blocks that one call makes at most. */
export const mostBlocks = 1024;

/** Counter blocks on their way to become keystream; nothing stays here from call to call. */
export const scratch: DataView = new DataView(new ArrayBuffer(blockLength * mostBlocks));

/**
 * Nonce of the next packet: four fixed bytes and a 64-bit counter (RFC 5647 §7.1).
 * Words are signed: an unsigned one may be no small integer for the engine, and
 * all code for its owner would be compiled anew when the first such one came.
 */
export class GcmNonce {
  readonly fixed: number;
  high: number;
  low: number;

  constructor(iv: Uint8Array) {
    const view = new DataView(iv.buffer, iv.byteOffset, iv.byteLength);
    this.fixed = view.getInt32(0);
    this.high = view.getInt32(4);
    this.low = view.getInt32(8);
  }

  /** Writes the 12 bytes of the next packet's, and moves on to the one behind it. */
  take(nonce: DataView): void {
    nonce.setInt32(0, this.fixed);
    nonce.setInt32(4, this.high);
    nonce.setInt32(8, this.low);
    this.count();
  }

  count(): void {
    this.low = (this.low + 1) | 0;
    if (this.low === 0) this.high = (this.high + 1) | 0;
  }
}

/** Writes counter blocks to `scratch` from `block` on: the nonce and a 32-bit counter that begins at `first`. */
export function writeCounters(
  block: number,
  first: number,
  count: number,
  fixed: number,
  high: number,
  low: number,
): void {
  for (let i = 0, at = blockLength * block; i < count; i++, at += blockLength) {
    scratch.setInt32(at, fixed);
    scratch.setInt32(at + 4, high);
    scratch.setInt32(at + 8, low);
    scratch.setInt32(at + 12, first + i);
  }
}
