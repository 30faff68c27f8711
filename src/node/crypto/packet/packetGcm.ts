/**
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com with OpenSSL.
 *
 * Owns: the crossing between two ways. A context of OpenSSL for each packet costs
 * 2 to 4 µs before the first byte; so for short packets one call of a kept AES-ECB
 * context makes the keystream of a whole chunk, and one context hashes all of it,
 * once a direction has sent or received enough for that to pay.
 * Must not know: framing rules, queues.
 * Sources: RFC 5647 §7; OpenSSH PROTOCOL §1.6 (no MAC is negotiated).
 */
import { type Cipher, createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { emptyBytes, wipe } from '../../../base/bytes.ts';
import { markSole } from '../../../base/soleMemory.ts';
import { type BulkBlocks, GcmNonce, GcmPackets } from '../../../crypto/handwritten/aes/gcmPackets.ts';
import { readUint32 } from '../../../crypto/provider/packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../../crypto/provider/provider.ts';
import type { PacketCrossings } from './packetCrossings.ts';

type GcmName = 'aes-128-gcm' | 'aes-256-gcm';

/** AES without a mode on a context that is kept; GHASH on one made for each run. */
class OpensslBlocks implements BulkBlocks {
  readonly encryptFrom: number;
  readonly tagFrom: number;
  readonly longest: number;
  private readonly name: GcmName;
  private readonly key: KeyObject;
  private readonly context: Cipher;

  constructor(name: GcmName, key: KeyObject, wholeFrom: number, crossings: PacketCrossings) {
    this.name = name;
    this.key = key;
    this.encryptFrom = crossings.gcmEncryptFrom;
    this.tagFrom = crossings.gcmTagFrom;
    this.longest = wholeFrom - 1;
    this.context = createCipheriv(name === 'aes-128-gcm' ? 'aes-128-ecb' : 'aes-256-ecb', key, null);
    this.context.setAutoPadding(false);
  }

  encrypt(blocks: DataView, count: number): DataView {
    return viewOf(this.context.update(new Uint8Array(blocks.buffer, blocks.byteOffset, 16 * count)));
  }

  tag(additionalData: Uint8Array): DataView {
    const cipher = createCipheriv(this.name, this.key, zeroNonce);
    cipher.setAAD(additionalData);
    cipher.final();
    return viewOf(cipher.getAuthTag());
  }
}

const zeroNonce = new Uint8Array(12);

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Of the packet at hand, of whatever connection; two short copies cost less than two views of the buffer. */
const nonce = new Uint8Array(12);
const nonceView = new DataView(nonce.buffer);
const header = new Uint8Array(4);
const tag = new Uint8Array(16);

function copyShort(target: Uint8Array, source: Uint8Array, from: number): Uint8Array {
  for (let i = 0; i < target.length; i++) target[i] = source[from + i] as number;
  return target;
}

/**
 * Packets, a few at a time, that go through OpenSSL one by one before a direction
 * gets what working on many takes: key schedule, tables of GHASH, a context that is
 * kept. A connection that idles, or that runs a command and ends, never needs them.
 */
const packetsBefore = 24;
/** So many bytes at once are not a few packets. */
const manyBytes = 1024;

/** What both directions hold; inherited, as an object beside each would be one more in every connection. */
abstract class OpensslGcm {
  readonly blockSize = 16;
  readonly lengthIsAligned = false;
  readonly tagLength = 16;
  protected readonly name: GcmName;
  protected readonly key: KeyObject;
  protected readonly crossings: PacketCrossings;
  private readonly nonce: GcmNonce;
  /** Once there was reason to make it. */
  private packets: GcmPackets | undefined;
  private apart = 0;

  constructor(keys: DirectionKeys, crossings: PacketCrossings) {
    this.name = keys.cipher === 'aes128-gcm@openssh.com' ? 'aes-128-gcm' : 'aes-256-gcm';
    this.key = createSecretKey(keys.encryptionKey);
    this.crossings = crossings;
    this.nonce = new GcmNonce(keys.iv);
  }

  /** The part in TypeScript, for packets shorter than `wholeFrom`; undefined where it is not worth its making yet. */
  protected packetsFor(available: number, wholeFrom: number): GcmPackets | undefined {
    if (!this.crossings.gcmWorksAhead) return undefined;
    if (this.packets !== undefined || (available < manyBytes && this.apart < packetsBefore)) {
      return this.packets;
    }
    const bulk = new OpensslBlocks(this.name, this.key, wholeFrom, this.crossings);
    const encryptionKey = this.key.export();
    this.packets = new GcmPackets(encryptionKey, this.nonce, bulk);
    wipe(encryptionKey);
    return this.packets;
  }

  /** Whether keystream was made ahead for the next packet. */
  protected isAhead(packetLength: number): boolean {
    return this.packets?.isAhead(packetLength) ?? false;
  }

  /** The nonce of a packet that is OpenSSL's alone. */
  protected takeNonce(): Uint8Array {
    this.packets?.forget();
    this.apart++;
    this.nonce.take(nonceView);
    return nonce;
  }
}

export class OpensslGcmOpening extends OpensslGcm implements OpeningCipher {
  readonly headerLength = 4;
  readonly apartFrom: number;
  plaintext: Uint8Array = emptyBytes;
  plaintextOffset = 0;

  constructor(keys: DirectionKeys, crossings: PacketCrossings) {
    super(keys, crossings);
    this.apartFrom = crossings.gcmOpenFrom;
  }

  openLength(buffer: Uint8Array, offset: number): number {
    return readUint32(buffer, offset);
  }

  open(
    buffer: Uint8Array,
    offset: number,
    packetLength: number,
    _sequenceNumber: number,
    available: number,
  ): boolean {
    const wholeFrom = available < 2 * packetLength ? this.crossings.gcmOpenAloneFrom : this.apartFrom;
    if (packetLength >= wholeFrom && !this.isAhead(packetLength)) {
      return this.openWhole(buffer, offset, packetLength);
    }
    const packets = this.packetsFor(available, this.apartFrom);
    if (packets === undefined) return this.openWhole(buffer, offset, packetLength);
    this.plaintext = buffer;
    this.plaintextOffset = offset + 4;
    return packets.open(buffer, offset, packetLength, available);
  }

  private openWhole(buffer: Uint8Array, offset: number, packetLength: number): boolean {
    const start = offset + 4;
    const end = start + packetLength;
    const decipher = createDecipheriv(this.name, this.key, this.takeNonce());
    decipher.setAAD(copyShort(header, buffer, offset));
    decipher.setAuthTag(copyShort(tag, buffer, end));
    const plaintext = decipher.update(buffer.subarray(start, end));
    try {
      decipher.final();
    } catch {
      return false;
    }
    // Not the Buffer itself: its slice() is a view, where the core means a copy.
    this.plaintext = new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    this.plaintextOffset = 0;
    markSole(this.plaintext);
    return true;
  }
}

export class OpensslGcmSealing extends OpensslGcm implements SealingCipher {
  readonly apartFrom: number;

  constructor(keys: DirectionKeys, crossings: PacketCrossings) {
    super(keys, crossings);
    this.apartFrom = crossings.gcmSealFrom;
  }

  seal(
    buffer: Uint8Array,
    offset: number,
    packetLength: number,
    _sequenceNumber: number,
    available: number,
  ): void {
    const packets = this.packetsFor(available, this.apartFrom);
    if (packets !== undefined) packets.seal(buffer, offset, packetLength, available);
    else buffer.set(this.sealApart(buffer, offset, packetLength), offset + 4);
  }

  sealApart(buffer: Uint8Array, offset: number, packetLength: number): Uint8Array {
    const start = offset + 4;
    const end = start + packetLength;
    const cipher = createCipheriv(this.name, this.key, this.takeNonce());
    cipher.setAAD(copyShort(header, buffer, offset));
    const sealed = cipher.update(buffer.subarray(start, end));
    cipher.final();
    buffer.set(cipher.getAuthTag(), end);
    const ciphertext = new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.length);
    markSole(ciphertext);
    return ciphertext;
  }
}
