/**
 * AES-GCM over packets: the part that is TypeScript under every provider.
 *
 * Owns: encryption in place, and the tag of one packet.
 * Must not know: framing rules, queues, how keystream is made ahead.
 * Sources: RFC 5647 §7; NIST SP 800-38D §7; OpenSSH PROTOCOL §1.6 (no MAC is negotiated).
 */
import { LastView, xorWords } from '../../provider/packetFields.ts';
import { encryptBlocks, expandAesKey } from './aesBlocks.ts';
import { blockLength, type GcmNonce, mostBlocks, scratch, writeCounters } from './gcmCounter.ts';
import { GhashKey } from './ghash.ts';
import { type BulkBlocks, KeystreamAhead } from './keystreamAhead.ts';

/** What is added to the hash of the packet at hand to make its tag; all connections share it. */
const tagMask: Int32Array = new Int32Array(4);

/** One direction: opens or seals packets in place, in order. */
export class GcmPackets {
  private readonly expandedKey: Int32Array;
  private readonly ghash: GhashKey;
  private readonly nonce: GcmNonce;
  /** Undefined where nobody offers to work in bulk. */
  private readonly ahead: KeystreamAhead | undefined;
  private readonly views: LastView = new LastView();
  /** Of the bytes being worked on. */
  private view: DataView = scratch;

  constructor(encryptionKey: Uint8Array, nonce: GcmNonce, bulk?: BulkBlocks) {
    this.nonce = nonce;
    this.expandedKey = expandAesKey(encryptionKey);
    for (let at = 0; at < blockLength; at += 4) scratch.setInt32(at, 0);
    encryptBlocks(this.expandedKey, scratch, 1);
    this.ghash = new GhashKey(scratch, 0);
    this.ahead = bulk && new KeystreamAhead(bulk, nonce, this.expandedKey, this.ghash);
  }

  /** Verifies and decrypts in place; where the tag is wrong nothing changes. */
  open(buffer: Uint8Array, offset: number, packetLength: number, available: number): boolean {
    this.view = this.views.of(buffer);
    const { ahead } = this;
    let ready = ahead?.has(packetLength) === true ? ahead : undefined;
    if (ready === undefined && ahead?.make(buffer, offset, packetLength, available) === true) {
      ahead.verify(buffer, this.view, offset, available);
      ready = ahead;
    }
    if (ready?.isVerified !== true && !this.isTagRight(offset, packetLength, ready)) return false;
    const start = offset + 4;
    if (ready === undefined) this.addOwnKeystream(start, start + packetLength);
    else {
      xorWords(this.view, start, start + packetLength, ready.keystream, ready.at + blockLength);
      ready.use(packetLength);
    }
    this.nonce.count();
    return true;
  }

  /** Encrypts in place and writes the tag. */
  seal(buffer: Uint8Array, offset: number, packetLength: number, available: number): void {
    this.view = this.views.of(buffer);
    const { ahead } = this;
    const isReady =
      ahead?.has(packetLength) === true || ahead?.make(buffer, offset, packetLength, available) === true;
    const ready = isReady ? ahead : undefined;
    this.makeTagMask(ready);
    const { view, ghash } = this;
    const { result } = ghash;
    const tagAt = offset + 4 + packetLength;
    if (ready === undefined) {
      this.addOwnKeystream(offset + 4, tagAt);
      ghash.hashPacket(view, offset, packetLength);
    } else {
      ghash.addKeystreamAndHash(view, offset, packetLength, ready.keystream, ready.at + blockLength);
      ready.use(packetLength);
    }
    this.nonce.count();
    for (let i = 0; i < 4; i++) {
      view.setInt32(tagAt + 4 * i, (result[i] as number) ^ (tagMask[i] as number));
    }
  }

  /** Whether this packet's keystream is there, made together with that of others. */
  isAhead(packetLength: number): boolean {
    return this.ahead?.has(packetLength) === true;
  }

  /** Drops what was made ahead: a packet went another way. */
  forget(): void {
    this.ahead?.forget();
  }

  private isTagRight(offset: number, packetLength: number, ready: KeystreamAhead | undefined): boolean {
    this.makeTagMask(ready);
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

  private makeTagMask(ready: KeystreamAhead | undefined): void {
    if (ready === undefined) {
      this.writeOwnCounters(1, 1);
      encryptBlocks(this.expandedKey, scratch, 1);
    }
    const source = ready === undefined ? scratch : ready.keystream;
    const start = ready === undefined ? 0 : ready.at;
    for (let i = 0; i < 4; i++) tagMask[i] = source.getInt32(start + 4 * i);
  }

  /** Counter blocks of the next packet. */
  private writeOwnCounters(first: number, count: number): void {
    const { fixed, high, low } = this.nonce;
    writeCounters(0, first, count, fixed, high, low);
  }

  /** Encrypts or decrypts `view[start…end)`, which is the next packet, with keystream made for it alone. */
  private addOwnKeystream(start: number, end: number): void {
    const run = blockLength * mostBlocks;
    // Block 1 was the tag's.
    let counter = 2;
    for (let at = start; at < end; at += run) {
      const upTo = Math.min(end, at + run);
      const count = (upTo - at) / blockLength;
      this.writeOwnCounters(counter, count);
      encryptBlocks(this.expandedKey, scratch, count);
      xorWords(this.view, at, upTo, scratch, 0);
      counter += count;
    }
  }
}
