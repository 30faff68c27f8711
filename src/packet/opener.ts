/**
 * The binary packet protocol in the direction from the peer.
 *
 * Owns: the sequence number, the length check before anything is buffered, the
 * padding check after authentication, the counters that a rekey goes by.
 * Must not know: messages, which cipher it is, where bytes come from.
 * Source: RFC 4253 §6; OpenSSH PROTOCOL §1.10 (strict key exchange resets the number).
 */
import { emptyBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { OpeningCipher } from '../crypto/provider/provider.ts';
import type { ByteQueue } from '../wire/byteQueue.ts';
import { beyondPackets, checkPacketLength, checkPaddingLength, lengthFieldLength } from './framing.ts';
import type { Inflater } from './inflate.ts';
import { NoneOpeningCipher } from './noneCipher.ts';

/** No length of the next packet is known yet; a legal one is never 0. */
const unknown = 0;

/** Blocks of a payload that compressors make: some, and no more than one for so many bytes, even with the least memory. */
const fewBlocks = 4;
const leastBlock = 64;

/** Packets that came in pieces, one at a time; nothing stays here from call to call. */
let scattered: Uint8Array = new Uint8Array(0);

/**
 * Opens packets, one after the other. After a fault every further call throws
 * that same fault: nothing behind it can be trusted.
 */
export class PacketOpener {
  /** Of the next packet; a uint32 that wraps. */
  sequenceNumber: number = 0;
  /** The payload of the last packet is `payload[payloadStart…payloadEnd)`, until the next call of `next`. */
  payload: Uint8Array = emptyBytes;
  /** Where the payload of the last packet begins. */
  payloadStart: number = 0;
  /** Where it ends. */
  payloadEnd: number = 0;
  /** Bytes the queue must hold for `next` to make progress. */
  readNeed: number;
  /** Packets, bytes on the wire and cipher blocks since the keys were taken into use. */
  packets: number = 0;
  /** Bytes that came under the present keys. */
  bytes: number = 0;
  /** Blocks of the cipher that came under the present keys. */
  blocks: number = 0;
  /** Largest packet_length taken; more of it may be once the peer is known. */
  maximum: number;

  /** Of the last payload: bytes that decompressing added, and blocks beyond what those who compress make. */
  excessBytes: number = 0;
  /** Blocks beyond what their payloads needed. */
  excessBlocks: number = 0;

  private cipher: OpeningCipher = new NoneOpeningCipher();
  private apartFrom = beyondPackets;
  private inflater: Inflater | undefined;
  /** packet_length of the next packet, once it was read: its first block may be decrypted already. */
  private packetLength = unknown;
  private fault: unknown;
  /** Bytes still to be read and dropped before the fault is told. */
  private toDiscard = 0;

  constructor(options: { readonly limits: Limits }) {
    this.maximum = options.limits.packetLength;
    this.readNeed = this.cipher.headerLength;
  }

  /**
   * Takes the next keys into use, from the next packet on. With `resetSequence`
   * (strict key exchange) its number is 0.
   */
  use(cipher: OpeningCipher, options: { readonly resetSequence: boolean }): void {
    if (this.packetLength !== unknown) {
      throw new SshError('ERR_SSH_INTERNAL', 'keys cannot change in the middle of a packet', {
        origin: 'local',
      });
    }
    this.cipher = cipher;
    this.apartFrom = cipher.apartFrom ?? beyondPackets;
    this.readNeed = cipher.headerLength;
    if (options.resetSequence) this.sequenceNumber = 0;
    this.packets = 0;
    this.bytes = 0;
    this.blocks = 0;
  }

  /** Decompresses payloads from the next packet on (RFC 4253 §6.2), or no longer. */
  decompressWith(inflater: Inflater | undefined): void {
    this.inflater = inflater;
    this.excessBytes = 0;
    this.excessBlocks = 0;
  }

  /** Payloads are decompressed. */
  get inflates(): boolean {
    return this.inflater !== undefined;
  }

  /**
   * Opens the next packet of the queue if all of it is there.
   *
   * @returns false where bytes are missing: `readNeed` of them must be in the queue
   * @throws SshError `ERR_SSH_PACKET` for a length or padding that cannot be, `ERR_SSH_MAC` for a packet that was altered, `ERR_SSH_LIMIT` for one that grows too large
   */
  next(queue: ByteQueue): boolean {
    if (this.fault !== undefined) return this.discard(queue);
    const { cipher } = this;
    if (this.packetLength === unknown && !this.readLength(queue)) return false;
    const { packetLength } = this;
    const total = lengthFieldLength + packetLength + cipher.tagLength;
    if (queue.length < total) return false;
    // Opened where it lies, and the payload may outlive what is lent.
    if (packetLength < this.apartFrom) queue.keep();
    const { lentMemory } = queue;
    const isOpen =
      queue.contiguous < total && packetLength >= this.apartFrom
        ? this.openScattered(queue, cipher, packetLength, total)
        : this.openTogether(queue, cipher, packetLength, total);
    if (!isOpen) return this.failLate(queue, this.altered(), total);
    this.take(cipher, packetLength);
    if (lentMemory !== undefined && this.payload.buffer === lentMemory) this.keepPayload();
    this.packetLength = unknown;
    this.readNeed = cipher.headerLength;
    this.sequenceNumber = (this.sequenceNumber + 1) >>> 0;
    this.packets++;
    this.bytes += total;
    this.blocks += Math.ceil((lengthFieldLength + packetLength) / cipher.blockSize);
    return true;
  }

  /** Where it lies, or where the queue joins it: the plaintext may stay there. */
  private openTogether(
    queue: ByteQueue,
    cipher: OpeningCipher,
    packetLength: number,
    total: number,
  ): boolean {
    queue.ensure(total);
    const { buffer, start, contiguous } = queue;
    const isOpen = cipher.open(buffer, start, packetLength, this.sequenceNumber, contiguous);
    queue.consume(total);
    return isOpen;
  }

  /** The plaintext will lie elsewhere: memory that is used again can hold the pieces. */
  private openScattered(
    queue: ByteQueue,
    cipher: OpeningCipher,
    packetLength: number,
    total: number,
  ): boolean {
    if (scattered.length < total) scattered = new Uint8Array(total);
    queue.moveTo(scattered, total);
    return cipher.open(scattered, 0, packetLength, this.sequenceNumber, total);
  }

  private readLength(queue: ByteQueue): boolean {
    const { cipher } = this;
    if (!queue.ensure(cipher.headerLength)) return false;
    const packetLength = cipher.openLength(queue.buffer, queue.start, this.sequenceNumber);
    try {
      checkPacketLength(packetLength, cipher, this.maximum);
    } catch (error) {
      return this.failLate(queue, error, 0);
    }
    this.packetLength = packetLength;
    this.readNeed = lengthFieldLength + packetLength + cipher.tagLength;
    return true;
  }

  /** Finds the payload in the plaintext. */
  private take(cipher: OpeningCipher, packetLength: number): void {
    const { plaintext, plaintextOffset } = cipher;
    const paddingLength = plaintext[plaintextOffset] as number;
    try {
      checkPaddingLength(paddingLength, packetLength);
    } catch (error) {
      this.fail(error);
    }
    this.payload = plaintext;
    this.payloadStart = plaintextOffset + 1;
    this.payloadEnd = plaintextOffset + packetLength - paddingLength;
    if (this.inflater !== undefined) this.inflate(this.inflater);
  }

  private inflate(inflater: Inflater): void {
    const compressed = this.payloadEnd - this.payloadStart;
    try {
      this.payload = inflater.inflate(this.payload, this.payloadStart, this.payloadEnd);
    } catch (error) {
      this.fail(error);
    }
    this.payloadStart = 0;
    this.payloadEnd = this.payload.length;
    this.excessBytes = Math.max(0, this.payloadEnd - compressed);
    this.excessBlocks = Math.max(0, inflater.blocks - fewBlocks - compressed / leastBlock);
    if (this.payloadEnd > 0) return;
    this.fail(new SshError('ERR_SSH_PACKET', 'malformed compressed data: a packet that becomes nothing'));
  }

  /** The last payload is done with: what it lies in, a whole chunk at times, can go. */
  release(): void {
    this.payload = emptyBytes;
    this.payloadStart = 0;
    this.payloadEnd = 0;
    this.cipher.plaintext = emptyBytes;
  }

  private keepPayload(): void {
    this.payload = this.payload.slice(this.payloadStart, this.payloadEnd);
    this.payloadEnd -= this.payloadStart;
    this.payloadStart = 0;
  }

  private altered(): SshError {
    return new SshError(
      'ERR_SSH_MAC',
      `packet ${this.sequenceNumber} failed its integrity check (message authentication code incorrect): it was altered on the way`,
    );
  }

  /**
   * Fails, under a cipher that wants it after as many bytes as the longest packet
   * has, whatever this one claimed: an attacker who splices blocks of CBC learns
   * from the moment of the end what a block was decrypted to (CVE-2008-5161).
   *
   * @param read bytes of the packet that are taken out of the queue already
   */
  private failLate(queue: ByteQueue, error: unknown, read: number): false {
    if (this.cipher.failsLate !== true) return this.fail(error);
    this.fault = error;
    this.toDiscard = Math.max(0, this.maximum - read);
    return this.discard(queue);
  }

  /** @throws the fault, once enough was dropped */
  private discard(queue: ByteQueue): false {
    this.readNeed = 1;
    while (this.toDiscard > 0 && queue.ensure(1)) {
      const length = Math.min(this.toDiscard, queue.contiguous);
      queue.consume(length);
      this.toDiscard -= length;
    }
    if (this.toDiscard === 0) throw this.fault;
    return false;
  }

  private fail(error: unknown): never {
    this.fault = error;
    throw error;
  }
}
