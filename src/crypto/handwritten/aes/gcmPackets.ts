/**
 * AES-GCM over packets: the part that is TypeScript under every provider.
 *
 * Owns: the nonce's invocation counter; keystream and tags of all packets of a
 * chunk worked out in one go, where somebody offers to; encryption in place.
 * Must not know: framing rules, queues, who works in bulk.
 * Sources: RFC 5647 §7; NIST SP 800-38D §7; OpenSSH PROTOCOL §1.6 (no MAC is negotiated).
 *
 * How many tags are verified at once. GHASH runs through blocks by
 * y = (y + block) · H. Let it run through a packet's blocks and then through the
 * value that the packet's tag claims for y: where the claim is true, y is 0 and
 * the next packet can follow in the same run. At the end y is 0 if every claim
 * was true. Otherwise y is a polynomial in H whose coefficients are the
 * differences made by whoever forged, each block and each claim at a power of its
 * own, so they cannot cancel but by a guess of H: the bound is that of one
 * message as long as the run. A run that fails is verified packet by packet.
 */
import { LastView, readUint32, xorWords } from '../../provider/packetFields.ts';
import { encryptBlocks, expandAesKey } from './aesBlocks.ts';
import { GhashKey } from './ghash.ts';

/** Works on many blocks in one call that is dear but fast by the block. */
export interface BulkBlocks {
  /** The first `count` blocks of `blocks` encrypted, in memory of their own. */
  encrypt(blocks: DataView, count: number): DataView;
  /** The tag of AES-GCM for a nonce of zeros and additional data alone. */
  tag(additionalData: Uint8Array): DataView;
  /** Up to that many blocks TypeScript encrypts faster. */
  readonly encryptFrom: number;
  /** Up to that many blocks TypeScript hashes faster. */
  readonly tagFrom: number;
  /** Longest packet_length that is worked on ahead. */
  readonly longest: number;
}

const blockLength = 16;
const tagLength = 16;
/** Blocks made ahead at most, and packets: what a hostile length can make this side compute for nothing. */
const blocksAhead = 1024;
const packetsAhead = 128;

/** Counter blocks on their way to become keystream; nothing stays here from call to call. */
const scratch: DataView = new DataView(new ArrayBuffer(blockLength * blocksAhead));
/** A run of packets on its way through GHASH: three more blocks a packet. Nothing stays here either. */
const run: Uint8Array = new Uint8Array(blockLength * (blocksAhead + 3 * packetsAhead));
const runView: DataView = new DataView(run.buffer);
/** From that many bytes on copying them in one call is faster than word by word. */
const bulkCopyFrom = 384;
/** What is added to the hash of the packet at hand to make its tag; all connections share it as well. */
const tagMask: Int32Array = new Int32Array(4);
const noLengths: readonly number[] = [];

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

/** One direction: opens or seals packets in place, in order. */
export class GcmPackets {
  private readonly bulk: BulkBlocks | undefined;
  private readonly expandedKey: Int32Array;
  private readonly ghash: GhashKey;
  private readonly nonce: GcmNonce;

  /** Keystream of the next packets: for each the block of the tag, then one for each of its own. */
  private keystream: DataView = scratch;
  private keystreamAt = 0;
  private lengths: readonly number[] = noLengths;
  private lengthsAt = 0;
  /** That many of `lengths` are verified. */
  private verified = 0;

  private readonly views: LastView = new LastView();
  /** Of the bytes being worked on. */
  private view: DataView = scratch;

  constructor(encryptionKey: Uint8Array, nonce: GcmNonce, bulk?: BulkBlocks) {
    this.bulk = bulk;
    this.nonce = nonce;
    this.expandedKey = expandAesKey(encryptionKey);
    for (let at = 0; at < blockLength; at += 4) scratch.setInt32(at, 0);
    encryptBlocks(this.expandedKey, scratch, 1);
    this.ghash = new GhashKey(scratch, 0);
  }

  /** Verifies and decrypts in place; where the tag is wrong nothing changes. */
  open(buffer: Uint8Array, offset: number, packetLength: number, available: number): boolean {
    this.view = this.views.of(buffer);
    let isAhead = this.isAhead(packetLength);
    if (!isAhead && this.workAhead(buffer, offset, packetLength, available)) {
      isAhead = true;
      this.verifyAhead(buffer, offset, available);
    }
    if (!(isAhead && this.lengthsAt < this.verified) && !this.isTagRight(offset, packetLength, isAhead))
      return false;
    const start = offset + 4;
    if (isAhead) {
      xorWords(this.view, start, start + packetLength, this.keystream, this.keystreamAt + blockLength);
      this.useKeystream(packetLength);
    } else {
      this.addOwnKeystream(start, start + packetLength);
    }
    this.nonce.count();
    return true;
  }

  /** Encrypts in place and writes the tag. */
  seal(buffer: Uint8Array, offset: number, packetLength: number, available: number): void {
    this.view = this.views.of(buffer);
    const isAhead = this.isAhead(packetLength) || this.workAhead(buffer, offset, packetLength, available);
    this.makeTagMask(isAhead);
    const { view, ghash } = this;
    const { result } = ghash;
    const tagAt = offset + 4 + packetLength;
    if (isAhead) {
      ghash.addKeystreamAndHash(view, offset, packetLength, this.keystream, this.keystreamAt + blockLength);
      this.useKeystream(packetLength);
    } else {
      this.addOwnKeystream(offset + 4, tagAt);
      ghash.hashPacket(view, offset, packetLength);
    }
    this.nonce.count();
    for (let i = 0; i < 4; i++) {
      view.setInt32(tagAt + 4 * i, (result[i] as number) ^ (tagMask[i] as number));
    }
  }

  /** Whether this packet's keystream is there, made together with that of others. */
  isAhead(packetLength: number): boolean {
    return this.lengths[this.lengthsAt] === packetLength;
  }

  private isTagRight(offset: number, packetLength: number, isAhead: boolean): boolean {
    this.makeTagMask(isAhead);
    const { view, ghash } = this;
    const { result } = ghash;
    ghash.hashPacket(view, offset, packetLength);
    const tagAt = offset + 4 + packetLength;
    // All words before any verdict: the time tells nothing about where tags differ.
    let difference = 0;
    for (let i = 0; i < 4; i++) {
      difference |= (result[i] as number) ^ (tagMask[i] as number) ^ view.getInt32(tagAt + 4 * i);
    }
    return difference === 0;
  }

  /**
   * Makes the keystream of this packet and of those behind it, whose lengths are
   * in the clear. A length that was altered makes keystream that nobody uses:
   * that packet will not verify.
   */
  private workAhead(buffer: Uint8Array, offset: number, packetLength: number, available: number): boolean {
    const { bulk } = this;
    if (bulk === undefined || packetLength > bulk.longest) return false;
    const end = offset + available - 4;
    const lengths: number[] = [];
    let { high, low } = this.nonce;
    let length = packetLength;
    let blocks = 0;
    for (let at = offset; ; length = readUint32(buffer, at)) {
      const more = 1 + length / blockLength;
      const isLegal = length > 0 && length <= bulk.longest && length % blockLength === 0;
      if (!isLegal || blocks + more > blocksAhead) break;
      this.writeCounters(blocks, 1, more, high, low);
      lengths.push(length);
      blocks += more;
      low = (low + 1) | 0;
      if (low === 0) high = (high + 1) | 0;
      at += 4 + length + tagLength;
      if (at > end || lengths.length === packetsAhead) break;
    }
    this.forget();
    if (blocks < bulk.encryptFrom) return false;
    this.keystream = bulk.encrypt(scratch, blocks);
    this.keystreamAt = 0;
    this.lengths = lengths;
    return true;
  }

  /** Verifies all packets worked ahead for that are there to their end, if they are worth a call. */
  private verifyAhead(buffer: Uint8Array, offset: number, available: number): void {
    const bulk = this.bulk as BulkBlocks;
    const end = offset + available;
    let packets = 0;
    let at = offset;
    let runEnd = 0;
    let keystreamAt = 0;
    for (const length of this.lengths) {
      if (at + 4 + length + tagLength > end) break;
      runEnd = this.addToRun(buffer, at, length, keystreamAt, runEnd);
      keystreamAt += blockLength + length;
      at += 4 + length + tagLength;
      packets++;
    }
    if (runEnd >= blockLength * bulk.tagFrom && this.isRunRight(bulk, runEnd)) this.verified = packets;
  }

  /** Appends the packet's blocks as GHASH takes them, and what its tag claims of the result. */
  private addToRun(
    buffer: Uint8Array,
    offset: number,
    length: number,
    keystreamAt: number,
    start: number,
  ): number {
    const { view, keystream } = this;
    runView.setInt32(start, length);
    runView.setInt32(start + 4, 0);
    runView.setInt32(start + 8, 0);
    runView.setInt32(start + 12, 0);
    const textAt = start + blockLength;
    if (length < bulkCopyFrom) {
      for (let i = 0; i < length; i += 4)
        runView.setInt32(textAt + i, view.getInt32(offset + 4 + i, true), true);
    } else {
      run.set(buffer.subarray(offset + 4, offset + 4 + length), textAt);
    }
    const lengthsAt = textAt + length;
    runView.setInt32(lengthsAt, 0);
    runView.setInt32(lengthsAt + 4, 32);
    runView.setInt32(lengthsAt + 8, 0);
    runView.setInt32(lengthsAt + 12, length << 3);
    const claimAt = lengthsAt + blockLength;
    const tagAt = offset + 4 + length;
    for (let i = 0; i < blockLength; i += 4) {
      const claim = view.getInt32(tagAt + i, true) ^ keystream.getInt32(keystreamAt + i, true);
      runView.setInt32(claimAt + i, claim, true);
    }
    return claimAt + blockLength;
  }

  /** Whether GHASH through the run ends at 0. */
  private isRunRight(bulk: BulkBlocks, length: number): boolean {
    const tag = bulk.tag(run.subarray(0, length));
    const { ghash } = this;
    ghash.hashLength(length);
    // What masks a tag made in bulk: E(nonce of zeros, counter 1).
    for (let at = 0; at < blockLength; at += 4) scratch.setInt32(at, at === 12 ? 1 : 0);
    encryptBlocks(this.expandedKey, scratch, 1);
    let difference = 0;
    for (let i = 0; i < 4; i++) {
      difference |= (ghash.result[i] as number) ^ scratch.getInt32(4 * i) ^ tag.getInt32(4 * i);
    }
    return difference === 0;
  }

  /** Drops what was made ahead: all of it is used up, or a packet went another way. */
  forget(): void {
    this.keystream = scratch;
    this.lengths = noLengths;
    this.lengthsAt = 0;
    this.verified = 0;
  }

  /** Counter blocks: the nonce and a 32-bit counter (NIST SP 800-38D §7.1). */
  private writeCounters(block: number, first: number, count: number, high: number, low: number): void {
    const { fixed } = this.nonce;
    for (let i = 0, at = blockLength * block; i < count; i++, at += blockLength) {
      scratch.setInt32(at, fixed);
      scratch.setInt32(at + 4, high);
      scratch.setInt32(at + 8, low);
      scratch.setInt32(at + 12, first + i);
    }
  }

  private makeTagMask(isAhead: boolean): void {
    if (!isAhead) {
      this.writeCounters(0, 1, 1, this.nonce.high, this.nonce.low);
      encryptBlocks(this.expandedKey, scratch, 1);
    }
    const source = isAhead ? this.keystream : scratch;
    const start = isAhead ? this.keystreamAt : 0;
    for (let i = 0; i < 4; i++) tagMask[i] = source.getInt32(start + 4 * i);
  }

  /** What was made ahead for the next packet is used. */
  private useKeystream(packetLength: number): void {
    this.keystreamAt += blockLength + packetLength;
    this.lengthsAt++;
    if (this.lengthsAt === this.lengths.length) this.forget();
  }

  /** Encrypts or decrypts `view[start…end)`, which is the next packet, with keystream made for it alone. */
  private addOwnKeystream(start: number, end: number): void {
    const run = blockLength * blocksAhead;
    // Block 1 was the tag's.
    let counter = 2;
    for (let at = start; at < end; at += run) {
      const upTo = Math.min(end, at + run);
      const count = (upTo - at) / blockLength;
      this.writeCounters(0, counter, count, this.nonce.high, this.nonce.low);
      encryptBlocks(this.expandedKey, scratch, count);
      xorWords(this.view, at, upTo, scratch, 0);
      counter += count;
    }
  }
}
