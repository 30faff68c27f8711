/**
 * Keystream and tags of AES-GCM packets, worked out ahead of them.
 *
 * Owns: what was made ahead for the packets of one direction, and whether their
 * tags are verified already.
 * Must not know: framing rules, queues, who works in bulk; what is done with a
 * packet that nothing was made for.
 * Sources: RFC 5647 §7; NIST SP 800-38D §7.
 *
 * Why. A call of OpenSSL for each packet costs 2 to 4 µs before its first byte, ten
 * times the arithmetic of a short packet. A chunk holds many packets, whose lengths
 * are in the clear, and their nonces count up: so one call makes the keystream of
 * all of them, and another one hashes all of them.
 *
 * How many tags are verified at once. GHASH runs through blocks by
 * y = (y + block) · H. Let it run through a packet's blocks and then through the
 * value that the packet's tag claims for y: where the claim is true, y is 0 and
 * the next packet can follow in the same run. At the end y is 0 if every claim
 * was true. Otherwise y is a polynomial in H whose coefficients are the
 * differences that a forger made, each block and each claim at a power of its
 * own, so they cannot cancel but by a guess of H: the bound is that of one
 * message as long as the run. A run that fails is verified packet by packet.
 */
import { readUint32 } from '../../provider/packetFields.ts';
import { encryptBlocks } from './aesBlocks.ts';
import { blockLength, type GcmNonce, mostBlocks, scratch, writeCounters } from './gcmCounter.ts';
import type { GhashKey } from './ghash.ts';

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

const tagLength = 16;
/** Packets made ahead at most: with the blocks, what a hostile length can make this side compute for nothing. */
const mostPackets = 128;

/** A run of packets on its way through GHASH: three more blocks a packet. Nothing stays here from call to call. */
const run: Uint8Array = new Uint8Array(blockLength * (mostBlocks + 3 * mostPackets));
const runView: DataView = new DataView(run.buffer);
/** From that many bytes on copying them in one call is faster than word by word. */
const bulkCopyFrom = 384;
const noLengths: readonly number[] = [];

export class KeystreamAhead {
  /** Of the next packets: for each the block of the tag, then one for each of its own. */
  keystream: DataView = scratch;
  /** Where that of the next packet begins. */
  at = 0;
  private readonly bulk: BulkBlocks;
  private readonly nonce: GcmNonce;
  private readonly expandedKey: Int32Array;
  private readonly ghash: GhashKey;
  private lengths: readonly number[] = noLengths;
  private lengthsAt = 0;
  /** That many of `lengths` are verified. */
  private verified = 0;

  constructor(bulk: BulkBlocks, nonce: GcmNonce, expandedKey: Int32Array, ghash: GhashKey) {
    this.bulk = bulk;
    this.nonce = nonce;
    this.expandedKey = expandedKey;
    this.ghash = ghash;
  }

  /** Whether the next packet's keystream is there. */
  has(packetLength: number): boolean {
    return this.lengths[this.lengthsAt] === packetLength;
  }

  /** The next packet's tag was verified together with those of others. */
  get isVerified(): boolean {
    return this.lengthsAt < this.verified;
  }

  /**
   * Makes the keystream of this packet and of those behind it, whose lengths are
   * in the clear. A length that was altered makes keystream that nobody uses:
   * that packet will not verify.
   */
  make(buffer: Uint8Array, offset: number, packetLength: number, available: number): boolean {
    const { bulk, nonce } = this;
    if (packetLength > bulk.longest) return false;
    const end = offset + available - 4;
    const lengths: number[] = [];
    let { high, low } = nonce;
    let length = packetLength;
    let blocks = 0;
    for (let at = offset; ; length = readUint32(buffer, at)) {
      const more = 1 + length / blockLength;
      const isLegal = length > 0 && length <= bulk.longest && length % blockLength === 0;
      if (!isLegal || blocks + more > mostBlocks) break;
      writeCounters(blocks, 1, more, nonce.fixed, high, low);
      lengths.push(length);
      blocks += more;
      low = (low + 1) | 0;
      if (low === 0) high = (high + 1) | 0;
      at += 4 + length + tagLength;
      if (at > end || lengths.length === mostPackets) break;
    }
    this.forget();
    if (blocks < bulk.encryptFrom) return false;
    this.keystream = bulk.encrypt(scratch, blocks);
    this.at = 0;
    this.lengths = lengths;
    return true;
  }

  /** Verifies all packets it was made for that are there to their end, if they are worth a call. */
  verify(buffer: Uint8Array, view: DataView, offset: number, available: number): void {
    const { bulk } = this;
    const end = offset + available;
    let packets = 0;
    let at = offset;
    let runEnd = 0;
    let keystreamAt = 0;
    for (const length of this.lengths) {
      if (at + 4 + length + tagLength > end) break;
      runEnd = this.addToRun(buffer, view, at, length, keystreamAt, runEnd);
      keystreamAt += blockLength + length;
      at += 4 + length + tagLength;
      packets++;
    }
    if (runEnd >= blockLength * bulk.tagFrom && this.isRunRight(runEnd)) this.verified = packets;
  }

  /** Appends the packet's blocks as GHASH takes them, and what its tag claims of the result. */
  private addToRun(
    buffer: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    keystreamAt: number,
    start: number,
  ): number {
    const { keystream } = this;
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
  private isRunRight(length: number): boolean {
    const tag = this.bulk.tag(run.subarray(0, length));
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

  /** The next packet has used its own. */
  use(packetLength: number): void {
    this.at += blockLength + packetLength;
    this.lengthsAt++;
    if (this.lengthsAt === this.lengths.length) this.forget();
  }
}
