/**
 * HMAC-SHA-512 of packets in TypeScript.
 *
 * Owns: the states of both hashes after the padded key, kept from packet to packet.
 * Must not know: ciphers, where the tag goes.
 * Sources: RFC 2104, RFC 6668, RFC 4253 §6.4.
 */
import { _HMAC } from '@noble/hashes/hmac.js';
import { type _SHA512, sha512 } from '@noble/hashes/sha2.js';
import { writeUint32 } from '../packetFields.ts';

export class Sha512PacketMac {
  private readonly keyed: _HMAC<_SHA512>;
  private readonly working: _HMAC<_SHA512>;
  private readonly number = new Uint8Array(4);
  private readonly tag = new Uint8Array(64);

  constructor(key: Uint8Array) {
    this.keyed = new _HMAC(sha512, key);
    this.working = this.keyed._cloneInto();
  }

  /** The tag of a sequence number and `buffer[start…end)`; valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    const { keyed, working, number, tag } = this;
    writeUint32(number, 0, sequenceNumber);
    keyed._cloneInto(working);
    working.update(number).update(buffer.subarray(start, end)).digestInto(tag);
    return tag;
  }
}
