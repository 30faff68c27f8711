/**
 * HMAC of packets on OpenSSL.
 *
 * Owns: the crossings. A hash object costs 1.3 µs, a hash in one call half of it,
 * a block of SHA-256 in TypeScript a third of that call; the outer hash is one block.
 * Digests come as strings, a character for a byte: a Buffer for each would cost more
 * than the hash, as its memory is a matter of the collector's.
 * Must not know: ciphers, where the tag goes.
 * Sources: RFC 2104, RFC 6668, RFC 4253 §6.4.
 */
import * as crypto from 'node:crypto';
import type { MacRow } from '../../../crypto/algorithms.ts';
import { Sha256PacketMac } from '../../../crypto/handwritten/sha256Mac.ts';
import type { EncryptBlocks } from '../../../crypto/handwritten/umac.ts';
import { umacSlot } from '../../../crypto/noble/packet/rareSlots.ts';
import { writeUint32 } from '../../../crypto/provider/packetFields.ts';
import type { PacketMac } from '../../../crypto/provider/packetStream.ts';
import type { PacketCrossings } from './packetCrossings.ts';

const blockLength = 64;

/** The inner message of an HMAC (RFC 2104 §2) on its way: padded key, sequence number, packet. */
let message = new Uint8Array(blockLength + 4);

/** Came with Node 20.12; other runtimes may lack it. */
type HashInOneCall = (name: string, data: Uint8Array, encoding: 'binary') => string;
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

/** HMAC by OpenSSL alone, whatever the length; of UMAC, which it lacks, the part that is AES. */
export function wholeOpensslMac(row: MacRow, key: Uint8Array): PacketMac {
  if (row.hash !== 'umac') return new OpensslHmac(row.hash, key, row.tagLength);
  const Umac = umacSlot.use();
  return new Umac(key, row.tagLength, opensslAes);
}

/** AES of single blocks, on a context that is kept. */
function opensslAes(key: Uint8Array): EncryptBlocks {
  const context = crypto.createCipheriv(`aes-${8 * key.length}-ecb`, key, null);
  context.setAutoPadding(false);
  return (blocks, count) => {
    const bytes = new Uint8Array(blocks.buffer, blocks.byteOffset, 16 * count);
    bytes.set(context.update(bytes));
  };
}

/** Any HMAC, by an object of OpenSSL for each packet. */
class OpensslHmac implements PacketMac {
  private readonly hash: 'sha1' | 'sha256' | 'sha512';
  private readonly key: crypto.KeyObject;
  private readonly number = new Uint8Array(4);
  private readonly tag: Uint8Array;

  constructor(hash: 'sha1' | 'sha256' | 'sha512', key: Uint8Array, tagLength: number) {
    this.hash = hash;
    this.key = crypto.createSecretKey(key);
    this.tag = new Uint8Array(tagLength);
  }

  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    return this.finish(this.begin(sequenceNumber).update(buffer.subarray(start, end)));
  }

  computeParts(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    return this.finish(this.begin(sequenceNumber).update(first).update(second));
  }

  private begin(sequenceNumber: number): crypto.Hmac {
    writeUint32(this.number, 0, sequenceNumber);
    return crypto.createHmac(this.hash, this.key).update(this.number);
  }

  private finish(hmac: crypto.Hmac): Uint8Array {
    const { tag } = this;
    const digest = hmac.digest('binary');
    for (let i = 0; i < tag.length; i++) tag[i] = digest.charCodeAt(i);
    return tag;
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
      return typescript.computeOuter(crypto.createHash('sha256').update(head).update(bytes).digest('binary'));
    }
    message.set(head);
    message.set(bytes, head.length);
    return typescript.computeOuter(
      hashInOneCall('sha256', message.subarray(0, head.length + length), 'binary'),
    );
  }

  computeParts(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    const { typescript, head } = this;
    writeUint32(head, blockLength, sequenceNumber);
    return typescript.computeOuter(
      crypto.createHash('sha256').update(head).update(first).update(second).digest('binary'),
    );
  }
}
