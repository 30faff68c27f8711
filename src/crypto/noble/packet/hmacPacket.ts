/**
 * HMAC of packets in TypeScript, over any hash.
 *
 * Owns: the states of both hashes after the padded key, kept from packet to packet.
 * Must not know: ciphers, where the tag goes.
 * Sources: RFC 2104, RFC 4253 §6.4, RFC 6668.
 */
import { _HMAC } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { writeUint32 } from '../../provider/packetFields.ts';

const hashes: { readonly sha1: typeof sha1; readonly sha512: typeof sha512 } = { sha1, sha512 };

export class HmacPacketMac {
  private readonly keyed: Keyed;
  private readonly working: Keyed;
  private readonly number = new Uint8Array(4);
  private readonly digest: Uint8Array;
  private readonly tag: Uint8Array;

  /** @param tagLength bytes of the tag that are sent, the first ones */
  constructor(hash: keyof typeof hashes, key: Uint8Array, tagLength: number) {
    this.keyed = newHmac(hash, key);
    this.working = this.keyed._cloneInto();
    this.digest = new Uint8Array(hashes[hash].outputLen);
    this.tag = this.digest.subarray(0, tagLength);
  }

  /** The tag of a sequence number and `buffer[start…end)`; valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    const { keyed, working, number, digest, tag } = this;
    writeUint32(number, 0, sequenceNumber);
    keyed._cloneInto(working);
    working.update(number).update(buffer.subarray(start, end)).digestInto(digest);
    return tag;
  }
}

/** What is used of the library's HMAC, whatever its hash. */
interface Keyed {
  _cloneInto(to?: Keyed): Keyed;
  update(bytes: Uint8Array): Keyed;
  digestInto(out: Uint8Array): void;
}

function newHmac(hash: keyof typeof hashes, key: Uint8Array): Keyed {
  return (hash === 'sha1' ? new _HMAC(sha1, key) : new _HMAC(sha512, key)) as Keyed;
}
