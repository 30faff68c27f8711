/**
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com in TypeScript.
 *
 * Owns: the two directions as ciphers of the packet layer.
 * Must not know: framing rules, queues.
 * Sources: RFC 5647 §7; OpenSSH PROTOCOL §1.6.
 */
import { emptyBytes } from '../../../base/bytes.ts';
import { GcmNonce } from '../../handwritten/aes/gcmCounter.ts';
import { GcmPackets } from '../../handwritten/aes/gcmPackets.ts';
import { readUint32 } from '../../provider/packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../provider/provider.ts';

export class AesGcmOpening implements OpeningCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned = false;
  readonly tagLength = 16;
  readonly headerLength = 4;
  plaintext: Uint8Array = emptyBytes;
  plaintextOffset = 0;
  private readonly packets: GcmPackets;

  constructor(keys: DirectionKeys) {
    this.packets = new GcmPackets(keys.encryptionKey, new GcmNonce(keys.iv));
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
    this.plaintext = buffer;
    this.plaintextOffset = offset + 4;
    return this.packets.open(buffer, offset, packetLength, available);
  }
}

export class AesGcmSealing implements SealingCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned = false;
  readonly tagLength = 16;
  private readonly packets: GcmPackets;

  constructor(keys: DirectionKeys) {
    this.packets = new GcmPackets(keys.encryptionKey, new GcmNonce(keys.iv));
  }

  seal(
    buffer: Uint8Array,
    offset: number,
    packetLength: number,
    _sequenceNumber: number,
    available: number,
  ): void {
    this.packets.seal(buffer, offset, packetLength, available);
  }
}
