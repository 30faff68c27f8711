/**
 * HMAC of packets on OpenSSL.
 *
 * Owns: the crossings. An HMAC object costs 2 µs, a hash in one call half of it,
 * a block of SHA-256 in TypeScript a third of that call; the outer hash is one block.
 * Must not know: ciphers, where the tag goes.
 * Sources: RFC 2104, RFC 6668, RFC 4253 §6.4.
 */
import * as crypto from 'node:crypto';
import type { MacRow } from '../../crypto/algorithms.ts';
import { umacSlot } from '../../crypto/noble/rareSlots.ts';
import { Sha256PacketMac } from '../../crypto/noble/sha256Mac.ts';
import { writeUint32 } from '../../crypto/packetFields.ts';
import type { PacketMac } from '../../crypto/packetStream.ts';
import type { PacketCrossings } from './packetCrossings.ts';

const blockLength = 64;

/** The inner message of an HMAC (RFC 2104 §2) on its way: padded key, sequence number, packet. */
let message = new Uint8Array(blockLength + 4);

/** Came with Node 20.12; other runtimes may lack it. */
type HashInOneCall = (name: string, data: Uint8Array, encoding: 'buffer') => Uint8Array;
const hashInOneCall = (crypto as { readonly hash?: HashInOneCall }).hash;

export function opensslMac(row: MacRow, key: Uint8Array, crossings: PacketCrossings): PacketMac {
  switch (row.hash) {
    case 'sha256':
      return new OpensslSha256Mac(key, crossings);
    case 'sha1':
    case 'sha512':
      return new OpensslHmac(row.hash, key, row.tagLength);
    case 'umac': {
      const Umac = umacSlot.use();
      return new Umac(key, row.tagLength);
    }
    default:
      return row.hash satisfies never;
  }
}

/** Any HMAC, by an object of OpenSSL for each packet. */
class OpensslHmac implements PacketMac {
  private readonly hash: 'sha1' | 'sha512';
  private readonly tagLength: number;
  private readonly key: crypto.KeyObject;
  private readonly number = new Uint8Array(4);

  constructor(hash: 'sha1' | 'sha512', key: Uint8Array, tagLength: number) {
    this.hash = hash;
    this.tagLength = tagLength;
    this.key = crypto.createSecretKey(key);
  }

  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    return this.cut(this.begin(sequenceNumber).update(buffer.subarray(start, end)).digest());
  }

  computeParts(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    return this.cut(this.begin(sequenceNumber).update(first).update(second).digest());
  }

  private begin(sequenceNumber: number): crypto.Hmac {
    writeUint32(this.number, 0, sequenceNumber);
    return crypto.createHmac(this.hash, this.key).update(this.number);
  }

  private cut(digest: Uint8Array): Uint8Array {
    return digest.subarray(0, this.tagLength);
  }
}

/** The inner hash by OpenSSL unless it is short, the outer one by TypeScript. */
class OpensslSha256Mac implements PacketMac {
  private readonly typescript: Sha256PacketMac;
  private readonly typescriptUpTo: number;
  private readonly oneCallUpTo: number;
  /** The padded key, then the sequence number. */
  private readonly head = new Uint8Array(blockLength + 4).fill(0x36, 0, blockLength);

  constructor(key: Uint8Array, crossings: PacketCrossings) {
    this.typescriptUpTo = crossings.hmacTypescriptUpTo;
    this.oneCallUpTo = crossings.hmacOneCallUpTo;
    if (message.length < blockLength + 4 + this.oneCallUpTo) {
      message = new Uint8Array(blockLength + 4 + this.oneCallUpTo);
    }
    this.typescript = new Sha256PacketMac(key);
    for (let i = 0; i < key.length; i++) this.head[i] = 0x36 ^ (key[i] as number);
  }

  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    const { typescript, head } = this;
    const length = end - start;
    if (length <= this.typescriptUpTo) return typescript.compute(buffer, start, end, sequenceNumber);
    writeUint32(head, blockLength, sequenceNumber);
    const bytes = buffer.subarray(start, end);
    if (hashInOneCall === undefined || length > this.oneCallUpTo) {
      return typescript.computeOuter(crypto.createHash('sha256').update(head).update(bytes).digest());
    }
    message.set(head);
    message.set(bytes, head.length);
    return typescript.computeOuter(
      hashInOneCall('sha256', message.subarray(0, head.length + length), 'buffer'),
    );
  }

  computeParts(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    const { typescript, head } = this;
    writeUint32(head, blockLength, sequenceNumber);
    return typescript.computeOuter(
      crypto.createHash('sha256').update(head).update(first).update(second).digest(),
    );
  }
}
