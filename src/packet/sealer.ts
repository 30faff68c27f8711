/**
 * The binary packet protocol in the direction to the peer.
 *
 * Owns: the sequence number, padding, the pages in which packets are built and
 * sealed side by side, the counters that a rekey goes by.
 * Must not know: messages, which cipher it is, where bytes go.
 * Source: RFC 4253 §6; OpenSSH PROTOCOL §1.10 (strict key exchange resets the number).
 *
 * Packets are sealed when they are taken, not when they are finished: a cipher
 * that sees all packets of a page at once works ahead for all of them.
 */
import { emptyBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { readUint32, writeUint32 } from '../crypto/provider/packetFields.ts';
import type { SealingCipher } from '../crypto/provider/provider.ts';
import { WireWriter } from '../wire/writer.ts';
import type { Deflater } from './deflate.ts';
import { beyondPackets, lengthFieldLength, paddingFor } from './framing.ts';
import { NoneSealingCipher } from './noneCipher.ts';
import { type RandomSource, SealerSupplies } from './supplies.ts';

/** Length field and padding_length. */
const headerLength = lengthFieldLength + 1;
/** Room that a page must have for another packet to begin in it; one that needs more moves to the next page. */
const leastRoom = 512;
/** The first page of a connection is small, and later ones grow with what it sends: most connections idle. */
const firstPage = 4 * 1024;
const largestPage = 64 * 1024;
const growth = 4;

/** Seals packets, one after the other, into pages that leave as they fill. */
export class PacketSealer {
  /** Of the next packet; a uint32 that wraps. */
  sequenceNumber: number = 0;
  /** Bytes of finished packets that wait to be taken. */
  pending: number = 0;
  /** Packets, bytes on the wire and cipher blocks since the keys were taken into use. */
  packets: number = 0;
  /** Bytes that were sealed with the present keys. */
  bytes: number = 0;
  /** Blocks of the cipher that were sealed with the present keys. */
  blocks: number = 0;

  private readonly supplies: SealerSupplies;
  private readonly writer: PageWriter = new PageWriter();
  private isBegun = false;
  private cipher: SealingCipher = new NoneSealingCipher();
  private apartFrom = beyondPackets;
  private deflater: Deflater | undefined;

  /** `page[taken…sealed)` is sealed, `page[sealed…finished)` is finished; the next packet goes behind. */
  private page: Uint8Array = emptyBytes;
  private taken = 0;
  private sealed = 0;
  private finished = 0;
  /** Of the first packet that is not sealed yet. */
  private sealingNumber = 0;
  /** Sealed bytes that are ahead of those of this page. */
  private ready: Uint8Array[] = [];

  /** `random` makes the padding; RFC 4253 §6 wants it random. */
  constructor(random: RandomSource) {
    this.supplies = SealerSupplies.of(random);
  }

  /**
   * Takes the next keys into use, from the next packet on. With `resetSequence`
   * (strict key exchange) its number is 0.
   */
  use(cipher: SealingCipher, options: { readonly resetSequence: boolean }): void {
    if (this.isBegun) throw misuse('keys cannot change in the middle of a packet');
    this.sealFinished();
    this.cipher = cipher;
    this.apartFrom = cipher.sealApart === undefined ? beyondPackets : (cipher.apartFrom ?? beyondPackets);
    if (options.resetSequence) this.sequenceNumber = 0;
    this.packets = 0;
    this.bytes = 0;
    this.blocks = 0;
  }

  /** Compresses payloads from the next packet on (RFC 4253 §6.2), or no longer. */
  compressWith(deflater: Deflater | undefined): void {
    if (this.isBegun) throw misuse('compression cannot begin in the middle of a packet');
    this.deflater = deflater;
  }

  /**
   * A writer at the place where the payload of the next packet goes, the message
   * number first. It is valid until `finish` or `forget`.
   */
  begin(): WireWriter {
    if (this.page.length - this.finished < leastRoom) this.nextPage();
    this.isBegun = true;
    return this.writer.beginAt(this.page, this.finished + headerLength);
  }

  /**
   * Pads and queues the packet begun.
   *
   * @returns its sequence number
   * @throws SshError `ERR_SSH_INTERNAL` where nothing was begun or written
   */
  finish(): number {
    const { writer, cipher, sequenceNumber } = this;
    if (!this.isBegun) throw misuse('no packet was begun');
    if (writer.position === writer.start) throw misuse('a packet without a message');
    this.isBegun = false;
    if (this.deflater !== undefined) writer.replace(this.deflater);
    const payloadLength = writer.position - writer.start;
    const paddingLength = paddingFor(payloadLength, cipher);
    const packetLength = 1 + payloadLength + paddingLength;
    const total = lengthFieldLength + packetLength + cipher.tagLength;
    writer.reserve(paddingLength + cipher.tagLength);
    if (writer.buffer !== this.page) this.turnPage(writer.buffer);
    const start = this.finished;
    writeUint32(this.page, start, packetLength);
    this.page[start + lengthFieldLength] = paddingLength;
    this.supplies.pad(this.page, writer.position, paddingLength);
    if (this.sealed === start) this.sealingNumber = sequenceNumber;
    this.finished = start + total;
    this.pending += total;
    this.sequenceNumber = (sequenceNumber + 1) >>> 0;
    this.packets++;
    this.bytes += total;
    this.blocks += Math.ceil((lengthFieldLength + packetLength) / cipher.blockSize);
    if (packetLength >= this.apartFrom) this.sealLastApart(start, packetLength);
    return sequenceNumber;
  }

  /** The packet begun is not to be sent. */
  forget(): void {
    this.isBegun = false;
  }

  /**
   * Sealed bytes for the socket, in order, owned by the caller: what a page holds,
   * or the inside of one large packet. Undefined when there are none.
   */
  takeOutput(): Uint8Array | undefined {
    if (this.ready.length === 0) this.readyPage(this.finished);
    const output = this.ready.shift();
    if (output !== undefined) this.pending -= output.length;
    else if (!this.isBegun) this.lendPage();
    return output;
  }

  /** Nothing waits in the page: somebody else may build in it meanwhile. */
  private lendPage(): void {
    // One that a long message made is let go.
    if (this.page.length <= largestPage) this.supplies.keep(this.page, this.finished);
    this.writer.beginAt(emptyBytes, 0);
    this.goOnIn(emptyBytes, 0);
  }

  private nextPage(): void {
    const { supplies } = this;
    const { sparePage, spareFrom } = supplies;
    if (this.page.length === 0 && sparePage.length - spareFrom >= leastRoom) {
      supplies.sparePage = emptyBytes;
      supplies.spareFrom = 0;
      return this.goOnIn(sparePage, spareFrom);
    }
    this.turnPage(this.writer.newPage(leastRoom));
  }

  /** Seals what is finished and not sealed, up to `end`, and makes the page ready up to there. */
  private readyPage(end: number): void {
    this.sealUpTo(end);
    if (this.taken < end) this.addReady(this.page.subarray(this.taken, end));
    this.taken = end;
  }

  private addReady(bytes: Uint8Array): void {
    if (this.ready.length === 0) this.ready = [bytes];
    else this.ready.push(bytes);
  }

  private sealFinished(): void {
    this.sealUpTo(this.finished);
  }

  private sealUpTo(end: number): void {
    const { cipher, page } = this;
    let number = this.sealingNumber;
    let start = this.sealed;
    while (start < end) {
      const packetLength = readUint32(page, start);
      cipher.seal(page, start, packetLength, number, end - start);
      number = (number + 1) >>> 0;
      start += lengthFieldLength + packetLength + cipher.tagLength;
    }
    this.sealingNumber = number;
    this.sealed = start;
  }

  /**
   * Seals the packet finished last at once, its ciphertext apart. The page keeps
   * what goes before and behind it; the rest of its room is used again.
   */
  private sealLastApart(start: number, packetLength: number): void {
    const { cipher, page } = this;
    this.sealUpTo(start);
    const tagStart = start + lengthFieldLength + packetLength;
    const sealed = cipher.sealApart?.(page, start, packetLength, this.sealingNumber) as Uint8Array;
    const clearEnd = tagStart - sealed.length;
    this.sealed = clearEnd;
    this.readyPage(clearEnd);
    this.addReady(sealed);
    page.copyWithin(clearEnd, tagStart, tagStart + cipher.tagLength);
    this.sealed = clearEnd + cipher.tagLength;
    this.finished = this.sealed;
  }

  /** Goes on in another page; what is finished in this one is ready. */
  private turnPage(page: Uint8Array): void {
    this.readyPage(this.finished);
    this.goOnIn(page, 0);
  }

  private goOnIn(page: Uint8Array, from: number): void {
    this.page = page;
    this.taken = from;
    this.sealed = from;
    this.finished = from;
  }
}

/** Writes a payload into a page; a payload that outgrows it moves to the start of a page of its own. */
class PageWriter extends WireWriter {
  /** Where the payload begins. */
  start = headerLength;
  private pageLength = 0;

  constructor() {
    super(emptyBytes);
  }

  beginAt(page: Uint8Array, start: number): this {
    this.start = start;
    return this.reset(page, start);
  }

  /** Larger than the last one, up to a bound; twice of what does not fit in that, as more may follow. */
  newPage(needed: number): Uint8Array {
    this.pageLength = Math.min(largestPage, Math.max(firstPage, growth * this.pageLength));
    return new Uint8Array(needed <= this.pageLength ? this.pageLength : 2 * needed);
  }

  /** Puts the compressed payload in place of the payload. */
  replace(deflater: Deflater): void {
    const piece = deflater.deflate(this.buffer, this.start, this.position);
    this.position = this.start;
    this.bytes(piece);
  }

  override reserve(length: number): void {
    const { buffer, start, position } = this;
    if (position + length <= buffer.length) return;
    const written = position - start;
    const page = this.newPage(headerLength + written + length);
    page.set(buffer.subarray(start, position), headerLength);
    this.beginAt(page, headerLength).position += written;
  }
}

function misuse(message: string): SshError {
  return new SshError('ERR_SSH_INTERNAL', message, { origin: 'local' });
}
