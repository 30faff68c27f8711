/**
 * AES in counter mode of OpenSSL, for the packets of aes…-ctr.
 *
 * Owns: one kept context whose keystream runs on across packets, and the crossing
 * between two ways to use it.
 * Must not know: framing rules, queues, the order of encryption and MAC.
 * Source: RFC 4344 §4.
 */
import { type Cipher, createCipheriv } from 'node:crypto';
import { markSole } from '../../../base/soleMemory.ts';
import { LastView, xorWords } from '../../../crypto/provider/packetFields.ts';
import type { PacketStream } from '../../../crypto/provider/packetStream.ts';
import type { DirectionKeys } from '../../../crypto/provider/provider.ts';
import type { PacketCrossings } from './packetCrossings.ts';

/** Keystream made ahead for short packets: at first, and at most. */
const leastAhead = 128;
const mostAhead = 16_384;

const zeros = new Uint8Array(mostAhead);
const noKeystream = new DataView(new ArrayBuffer(0));

/** The keystream of one direction. */
export function opensslCtrStream(keys: DirectionKeys, crossings: PacketCrossings): PacketStream {
  return new OpensslCtrStream(keys, crossings.ctrApartFrom);
}

class OpensslCtrStream implements PacketStream {
  readonly apartFrom: number;
  private readonly views: LastView = new LastView();
  private readonly context: Cipher;
  /** Keystream that was made and not used: `keystream[at…]`. */
  private keystream: DataView = noKeystream;
  private at = 0;
  private ahead = leastAhead;

  constructor(keys: DirectionKeys, apartFrom: number) {
    this.apartFrom = apartFrom;
    const name = `aes-${8 * keys.encryptionKey.length}-ctr`;
    this.context = createCipheriv(name, keys.encryptionKey, keys.iv);
  }

  crypt(buffer: Uint8Array, start: number, end: number): void {
    if (end - start >= this.apartFrom) {
      buffer.set(this.cryptApart(buffer.subarray(start, end)), start);
      return;
    }
    const view = this.views.of(buffer);
    let from = start;
    while (from < end) {
      if (this.at === this.keystream.byteLength) this.makeKeystream(end - from);
      const upTo = Math.min(end, from + this.keystream.byteLength - this.at);
      xorWords(view, from, upTo, this.keystream, this.at);
      this.at += upTo - from;
      from = upTo;
    }
  }

  cryptApart(bytes: Uint8Array): Uint8Array {
    const left = this.keystream.byteLength - this.at;
    this.ahead = leastAhead;
    if (left === 0) {
      const made = plain(this.context.update(bytes));
      markSole(made);
      return made;
    }
    const out = bytes.slice();
    const view = new DataView(out.buffer);
    const upTo = Math.min(left, out.length);
    xorWords(view, 0, upTo, this.keystream, this.at);
    this.at += upTo;
    if (upTo < out.length) out.set(this.context.update(bytes.subarray(upTo)), upTo);
    return out;
  }

  /** The more short packets follow one another, the more is made at once. */
  private makeKeystream(atLeast: number): void {
    const made = this.context.update(zeros.subarray(0, Math.max(atLeast, this.ahead)));
    this.keystream = new DataView(made.buffer, made.byteOffset, made.byteLength);
    this.at = 0;
    this.ahead = Math.min(mostAhead, 2 * this.ahead);
  }
}

/** Not the Buffer itself: its slice() is a view, where the core means a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
