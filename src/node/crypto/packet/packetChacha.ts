/**
 * ChaCha20 and Poly1305 of OpenSSL for the long packets of chacha20-poly1305@openssh.com.
 *
 * Owns: a context for each packet, its nonce being new: worth it for long ones only,
 * and taken for all where every packet is to be OpenSSL's.
 * Also the trial whether the runtime has both: Bun has no plain ChaCha20.
 * Must not know: packets, how a tag of RFC 8439 becomes one of OpenSSH.
 * Sources: RFC 8439; OpenSSL's 16-byte IV is the block counter and the nonce, little-endian words.
 */
import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { markSole } from '../../../base/soleMemory.ts';
import type {
  BulkChacha,
  BulkChachaFactory,
  ChachaBeginnings,
} from '../../../crypto/handwritten/chacha/chachaPolyPacket.ts';
import { filledSlot, PreferredSlot, type Slot } from '../../../crypto/provider/slot.ts';
import { measuredCrossings, type PacketCrossings } from './packetCrossings.ts';

const withTag = { authTagLength: 16 } as const;

/**
 * Of the packet at hand, of whatever connection: the 64-bit block counter,
 * little-endian, which begins at 1, then the 64-bit nonce of OpenSSH, big-endian.
 */
const iv = new Uint8Array(16);
const ivView = new DataView(iv.buffer);
iv[0] = 1;
/** The 96-bit nonce of RFC 8439 that gives the same stream: zeros before. */
const nonce = iv.subarray(4);

/** The same with the block counter at 0. */
const firstIv = new Uint8Array(16);
const firstIvView = new DataView(firstIv.buffer);
const noBytes = new Uint8Array(32);

export class OpensslChacha implements BulkChacha {
  readonly cryptFrom: number;
  readonly verifyFrom: number;
  readonly tagFrom: number;
  private readonly key: KeyObject;

  constructor(key: Uint8Array, crossings: PacketCrossings) {
    this.cryptFrom = crossings.chachaCryptFrom;
    this.verifyFrom = crossings.chachaVerifyFrom;
    this.tagFrom = crossings.chachaTagFrom;
    this.key = createSecretKey(key);
  }

  crypt(bytes: Uint8Array, sequenceNumber: number): Uint8Array {
    ivView.setUint32(12, sequenceNumber);
    const out = createCipheriv('chacha20', this.key, iv).update(bytes);
    // Not the Buffer itself: its slice() is a view, where the core means a copy.
    const made = new Uint8Array(out.buffer, out.byteOffset, out.length);
    markSole(made);
    return made;
  }

  tag(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    ivView.setUint32(12, sequenceNumber);
    const cipher = createCipheriv('chacha20-poly1305', this.key, nonce, withTag);
    // Two calls are one run of additional data; options are for CCM, whose type wants them.
    cipher.setAAD(first, { plaintextLength: 0 });
    cipher.setAAD(second, { plaintextLength: 0 });
    cipher.final();
    return cipher.getAuthTag();
  }
}

/** As `OpensslChacha`, for packets of every length, and for the two single blocks each of them needs. */
export class EveryOpensslChacha extends OpensslChacha {
  readonly beginnings: ChachaBeginnings;

  constructor(payloadKey: Uint8Array, lengthKey: Uint8Array, crossings: PacketCrossings) {
    super(payloadKey, { ...crossings, chachaCryptFrom: 0 });
    const [payloads, lengths] = [createSecretKey(payloadKey), createSecretKey(lengthKey)];
    this.beginnings = {
      length: (sequenceNumber, block) => begin(lengths, sequenceNumber, block, 1),
      tagKey: (sequenceNumber, block) => begin(payloads, sequenceNumber, block, 8),
    };
  }
}

function begin(key: KeyObject, sequenceNumber: number, block: Int32Array, words: number): void {
  firstIvView.setUint32(12, sequenceNumber);
  const stream = createCipheriv('chacha20', key, firstIv).update(noBytes.subarray(0, 4 * words));
  for (let i = 0; i < words; i++) block[i] = stream.readInt32LE(4 * i);
}

/** Makes what serves long packets, or says that there is nothing. */
export type BulkChachaSource = (crossings: PacketCrossings) => BulkChachaFactory | undefined;

/** OpenSSL where the runtime has it, else nothing: then the TypeScript code serves packets of every length. */
export const bulkChachaSlot: Slot<BulkChachaSource> = new PreferredSlot<BulkChachaSource>(
  (crossings) => (key) => new OpensslChacha(key, crossings),
  () => bulkChachaWorks(new OpensslChacha(new Uint8Array(32), measuredCrossings)),
  filledSlot<BulkChachaSource>(() => undefined),
);

/** Whether the runtime takes both calls; what they give is compared by the tests. */
export function bulkChachaWorks(bulk: BulkChacha): boolean {
  const { length } = bulk.crypt(new Uint8Array(64), 0);
  return length === 64 && bulk.tag(new Uint8Array(4), new Uint8Array(60), 0).length === 16;
}
