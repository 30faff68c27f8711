/**
 * ChaCha20 and Poly1305 of OpenSSL for the long packets of chacha20-poly1305@openssh.com.
 *
 * Owns: a context for each packet, its nonce being new: worth it for long ones only.
 * Must not know: packets, how a tag of RFC 8439 becomes one of OpenSSH.
 * Sources: RFC 8439; OpenSSL's 16-byte IV is the block counter and the nonce, little-endian words.
 */
import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { BulkChacha } from '../../crypto/noble/chachaPolyPacket.ts';
import type { PacketCrossings } from './packetCrossings.ts';

const withTag = { authTagLength: 16 } as const;

export class OpensslChacha implements BulkChacha {
  readonly cryptFrom: number;
  readonly verifyFrom: number;
  readonly tagFrom: number;
  private readonly key: KeyObject;
  /** 64-bit block counter, little-endian, then the 64-bit nonce of OpenSSH, big-endian. */
  private readonly iv = new Uint8Array(16);
  private readonly ivView = new DataView(this.iv.buffer);
  /** The 96-bit nonce of RFC 8439 that gives the same stream: zeros before. */
  private readonly nonce = this.iv.subarray(4);

  constructor(key: Uint8Array, crossings: PacketCrossings) {
    this.cryptFrom = crossings.chachaCryptFrom;
    this.verifyFrom = crossings.chachaVerifyFrom;
    this.tagFrom = crossings.chachaTagFrom;
    this.key = createSecretKey(key);
    this.iv[0] = 1;
  }

  crypt(bytes: Uint8Array, sequenceNumber: number): Uint8Array {
    this.ivView.setUint32(12, sequenceNumber);
    const out = createCipheriv('chacha20', this.key, this.iv).update(bytes);
    // Not the Buffer itself: its slice() is a view, where the core means a copy.
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  }

  tag(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array {
    this.ivView.setUint32(12, sequenceNumber);
    const cipher = createCipheriv('chacha20-poly1305', this.key, this.nonce, withTag);
    // Two calls are one run of additional data; options are for CCM, whose type wants them.
    cipher.setAAD(first, { plaintextLength: 0 });
    cipher.setAAD(second, { plaintextLength: 0 });
    cipher.final();
    return cipher.getAuthTag();
  }
}
