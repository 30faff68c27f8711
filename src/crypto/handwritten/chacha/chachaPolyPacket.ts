/**
 * chacha20-poly1305@openssh.com: the part that is TypeScript under every provider.
 *
 * Owns: the two keys, the nonce made of the sequence number, tag before decryption.
 * Must not know: framing rules, queues, who works on long packets.
 * Source: OpenSSH PROTOCOL.chacha20poly1305; RFC 8439 for the two functions.
 */
import { emptyBytes } from '../../../base/bytes.ts';
import { LastView } from '../../provider/packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../provider/provider.ts';
import { addChacha, chachaBlock, chachaKey } from './chachaBlocks.ts';
import { poly1305 } from './poly1305.ts';
import { isRelayedTagRight, relayTag } from './poly1305Relay.ts';

/** The two functions by another hand, where packets are long enough for it to be faster. */
export interface BulkChacha {
  /** packet_length from which it encrypts, verifies tags, makes tags. */
  readonly cryptFrom: number;
  readonly verifyFrom: number;
  readonly tagFrom: number;
  /** The bytes with keystream from block 1 on added, in memory of their own. */
  crypt(bytes: Uint8Array, sequenceNumber: number): Uint8Array;
  /** The tag of RFC 8439 §2.8 for additional data, given in two parts, and no ciphertext. */
  tag(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array;
  /** The beginnings of both streams as well; TypeScript makes them where it is not there. */
  readonly beginnings?: ChachaBeginnings | undefined;
}

/** The first words of block 0, little-endian. */
export interface ChachaBeginnings {
  /** One word, of the stream that encrypts lengths. */
  length(sequenceNumber: number, block: Int32Array): void;
  /** Eight words, of the stream of payloads: the key of Poly1305. */
  tagKey(sequenceNumber: number, block: Int32Array): void;
}

/** Makes the other hand for a payload key and a length key. */
export type BulkChachaFactory = (payloadKey: Uint8Array, lengthKey: Uint8Array) => BulkChacha;

const tagLength = 16;
const block: Int32Array = new Int32Array(16);
const tag: Int32Array = new Int32Array(4);
/** Of the memory last opened and last sealed in, by whatever connection: one of its own would hold on to it. */
const openingViews: LastView = new LastView();
const sealingViews: LastView = new LastView();
/** Of the packet at hand. */
let view: DataView = openingViews.of(emptyBytes);

/** What both directions hold: the first half of the key is for payloads, the second for lengths. */
class ChachaPoly {
  readonly bulk: BulkChacha | undefined;
  private readonly payloadKey: Int32Array;
  private readonly lengthKey: Int32Array;
  private readonly beginnings: ChachaBeginnings | undefined;
  private readonly views: LastView;

  constructor(keys: DirectionKeys, bulk: BulkChachaFactory | undefined, views: LastView) {
    this.views = views;
    this.payloadKey = chachaKey(keys.encryptionKey.subarray(0, 32));
    this.lengthKey = chachaKey(keys.encryptionKey.subarray(32));
    this.bulk = bulk?.(keys.encryptionKey.slice(0, 32), keys.encryptionKey.slice(32));
    this.beginnings = this.bulk?.beginnings;
  }

  look(buffer: Uint8Array): DataView {
    view = this.views.of(buffer);
    return view;
  }

  /** The length field at `offset`, encrypted or decrypted. */
  cryptLength(buffer: Uint8Array, offset: number, sequenceNumber: number): number {
    if (this.beginnings === undefined) chachaBlock(this.lengthKey, 0, sequenceNumber, block);
    else this.beginnings.length(sequenceNumber, block);
    const word = this.look(buffer).getInt32(offset, true) ^ (block[0] as number);
    return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
  }

  /** Payloads start at block 1. */
  cryptPayload(start: number, end: number, sequenceNumber: number): void {
    addChacha(this.payloadKey, 1, sequenceNumber, view, start, end);
  }

  /** Whether the packet of the length field at `start` up to the tag at `end` is as the tag says. */
  isTagRight(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): boolean {
    const { bulk } = this;
    this.makeTagKey(sequenceNumber);
    if (bulk !== undefined && end - start >= bulk.verifyFrom) {
      return isRelayedTagRight(block, view, start, end, (upTo) =>
        bulk.tag(buffer.subarray(start, start + 4), buffer.subarray(start + 4, upTo), sequenceNumber),
      );
    }
    poly1305(block, view, start, end, tag);
    let difference = 0;
    for (let i = 0; i < 4; i++) difference |= (tag[i] as number) ^ view.getInt32(end + 4 * i, true);
    return difference === 0;
  }

  /** Writes the tag of what starts at `start` behind it. */
  writeTag(start: number, end: number, sequenceNumber: number): void {
    this.makeTagKey(sequenceNumber);
    poly1305(block, view, start, end, tag);
    this.putTag(end);
  }

  /**
   * The same for a ciphertext that lies elsewhere. Positions count from its start,
   * the length field lies before it: only its last blocks are read here.
   *
   * @returns false where the tag has to be made in place
   */
  writeTagApart(
    buffer: Uint8Array,
    start: number,
    end: number,
    sealed: Uint8Array,
    sequenceNumber: number,
  ): boolean {
    const bulk = this.bulk as BulkChacha;
    const length = buffer.subarray(start, start + 4);
    this.makeTagKey(sequenceNumber);
    const apart = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const relay = (upTo: number): Uint8Array => bulk.tag(length, sealed.subarray(0, upTo), sequenceNumber);
    if (!relayTag(block, apart, -4, sealed.length, relay, tag)) return false;
    this.putTag(end);
    return true;
  }

  /** Block 0 of the payload's stream keys Poly1305. */
  private makeTagKey(sequenceNumber: number): void {
    if (this.beginnings === undefined) chachaBlock(this.payloadKey, 0, sequenceNumber, block);
    else this.beginnings.tagKey(sequenceNumber, block);
  }

  private putTag(end: number): void {
    for (let i = 0; i < 4; i++) view.setInt32(end + 4 * i, tag[i] as number, true);
  }
}

export class ChachaPolyOpening implements OpeningCipher {
  readonly blockSize = 8;
  readonly lengthIsAligned = false;
  readonly tagLength: number = tagLength;
  readonly headerLength = 4;
  readonly apartFrom: number | undefined;
  plaintext: Uint8Array = emptyBytes;
  plaintextOffset = 0;
  private readonly chacha: ChachaPoly;

  constructor(keys: DirectionKeys, bulk?: BulkChachaFactory) {
    this.chacha = new ChachaPoly(keys, bulk, openingViews);
    this.apartFrom = this.chacha.bulk?.cryptFrom;
  }

  openLength(buffer: Uint8Array, offset: number, sequenceNumber: number): number {
    return this.chacha.cryptLength(buffer, offset, sequenceNumber);
  }

  open(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): boolean {
    const { chacha } = this;
    const start = offset + 4;
    const end = start + packetLength;
    chacha.look(buffer);
    if (!chacha.isTagRight(buffer, offset, end, sequenceNumber)) return false;
    const { bulk } = chacha;
    if (bulk !== undefined && packetLength >= bulk.cryptFrom) {
      this.plaintext = bulk.crypt(buffer.subarray(start, end), sequenceNumber);
      this.plaintextOffset = 0;
    } else {
      chacha.cryptPayload(start, end, sequenceNumber);
      this.plaintext = buffer;
      this.plaintextOffset = start;
    }
    return true;
  }
}

export class ChachaPolySealing implements SealingCipher {
  readonly blockSize = 8;
  readonly lengthIsAligned = false;
  readonly tagLength: number = tagLength;
  readonly apartFrom: number | undefined;
  private readonly chacha: ChachaPoly;

  constructor(keys: DirectionKeys, bulk?: BulkChachaFactory) {
    this.chacha = new ChachaPoly(keys, bulk, sealingViews);
    this.apartFrom = this.chacha.bulk?.tagFrom;
  }

  seal(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): void {
    const { chacha } = this;
    const start = offset + 4;
    const end = start + packetLength;
    this.sealLength(buffer, offset, sequenceNumber);
    const { bulk } = chacha;
    if (bulk !== undefined && packetLength >= bulk.cryptFrom) {
      buffer.set(bulk.crypt(buffer.subarray(start, end), sequenceNumber), start);
    } else {
      chacha.cryptPayload(start, end, sequenceNumber);
    }
    chacha.writeTag(offset, end, sequenceNumber);
  }

  sealApart(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): Uint8Array {
    const { chacha } = this;
    const { bulk } = chacha;
    const start = offset + 4;
    const end = start + packetLength;
    if (bulk === undefined) {
      this.seal(buffer, offset, packetLength, sequenceNumber);
      return buffer.slice(start, end);
    }
    this.sealLength(buffer, offset, sequenceNumber);
    const sealed = bulk.crypt(buffer.subarray(start, end), sequenceNumber);
    if (!chacha.writeTagApart(buffer, offset, end, sealed, sequenceNumber)) {
      buffer.set(sealed, start);
      chacha.writeTag(offset, end, sequenceNumber);
    }
    return sealed;
  }

  private sealLength(buffer: Uint8Array, offset: number, sequenceNumber: number): void {
    const { chacha } = this;
    chacha.look(buffer).setUint32(offset, chacha.cryptLength(buffer, offset, sequenceNumber));
  }
}
