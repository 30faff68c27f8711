/**
 * AES in counter mode, as one endless keystream.
 *
 * Owns: the 128-bit counter, which carries and wraps.
 * Must not know: packets, MACs.
 * Source: RFC 4344 §4, NIST SP 800-38A §6.5.
 */

import { encryptBlocks, expandAesKey } from '../../handwritten/aes/aesBlocks.ts';
import { LastView, xorWords } from '../../provider/packetFields.ts';

const blockLength = 16;
const runLength = 4096;

/** Counter blocks on their way to become keystream; nothing stays here from call to call. */
const scratch: DataView = new DataView(new ArrayBuffer(runLength));

export class AesCtrStream {
  private readonly views: LastView = new LastView();
  private readonly expandedKey: Int32Array;
  /** Four big-endian words, the most significant first. */
  private readonly counter: Uint32Array;

  constructor(key: Uint8Array, iv: Uint8Array) {
    const view = new DataView(iv.buffer, iv.byteOffset, iv.byteLength);
    this.expandedKey = expandAesKey(key);
    this.counter = Uint32Array.from({ length: 4 }, (_, i) => view.getUint32(4 * i));
  }

  /** Adds keystream to `buffer[start…end)` in place, whole blocks. */
  crypt(buffer: Uint8Array, start: number, end: number): void {
    const view = this.views.of(buffer);
    for (let at = start; at < end; at += runLength) {
      const length = Math.min(runLength, end - at);
      this.writeCounters(length);
      encryptBlocks(this.expandedKey, scratch, length / blockLength);
      xorWords(view, at, at + length, scratch, 0);
    }
  }

  private writeCounters(length: number): void {
    const { counter } = this;
    for (let at = 0; at < length; at += blockLength) {
      for (let i = 0; i < 4; i++) scratch.setUint32(at + 4 * i, counter[i] as number);
      for (let i = 3; i >= 0; i--) {
        const next = ((counter[i] as number) + 1) >>> 0;
        counter[i] = next;
        if (next !== 0) break;
      }
    }
  }
}
