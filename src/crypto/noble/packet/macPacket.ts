/**
 * Ciphers that have a MAC beside them: what is the same for all of them and under every provider.
 *
 * Owns: both orders of encryption and MAC, in both directions.
 * Must not know: framing rules, queues, who makes cipher and MAC.
 * Sources: RFC 4253 §6.3, §6.4, RFC 4344 §4; OpenSSH PROTOCOL §1.5 (encrypt-then-MAC).
 */
import { emptyBytes } from '../../../base/bytes.ts';
import { ciphers, type MacRow, macs } from '../../algorithms.ts';
import { readUint32, tagMatches } from '../../provider/packetFields.ts';
import type { MacParts, PacketMac, PacketStream } from '../../provider/packetStream.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../provider/provider.ts';

/** `checkDirectionKeys` has seen to it that there is one. */
export function macOf(keys: DirectionKeys): MacRow {
  return macs[keys.mac ?? 'hmac-sha2-256'];
}

/** Encrypt-then-MAC has its length in the clear; otherwise the first block is decrypted to read it. */
export class MacOpening implements OpeningCipher {
  readonly blockSize: number;
  readonly lengthIsAligned: boolean;
  readonly tagLength: number;
  readonly headerLength: number;
  readonly failsLate: boolean;
  readonly apartFrom: number | undefined;
  plaintext: Uint8Array = emptyBytes;
  plaintextOffset = 0;
  private readonly stream: PacketStream;
  private readonly mac: PacketMac;

  constructor(keys: DirectionKeys, parts: MacParts) {
    const row = macOf(keys);
    this.blockSize = ciphers[keys.cipher].blockSize;
    this.stream = parts.stream;
    this.mac = parts.mac;
    this.tagLength = row.tagLength;
    this.lengthIsAligned = !row.encryptThenMac;
    this.headerLength = this.lengthIsAligned ? this.blockSize : 4;
    this.failsLate = this.lengthIsAligned && keys.cipher.endsWith('-cbc');
    // A MAC over the plaintext wants it in one piece with the block decrypted before.
    this.apartFrom = this.lengthIsAligned ? undefined : parts.stream.apartFrom;
  }

  openLength(buffer: Uint8Array, offset: number): number {
    if (this.lengthIsAligned) this.stream.crypt(buffer, offset, offset + this.blockSize);
    return readUint32(buffer, offset);
  }

  open(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): boolean {
    const { stream, mac } = this;
    const start = offset + 4;
    const end = start + packetLength;
    if (this.lengthIsAligned) stream.crypt(buffer, offset + this.blockSize, end);
    if (!tagMatches(buffer, end, mac.compute(buffer, offset, end, sequenceNumber))) return false;
    this.plaintext = buffer;
    this.plaintextOffset = start;
    if (this.lengthIsAligned) return true;
    if (stream.cryptApart !== undefined && packetLength >= (this.apartFrom as number)) {
      this.plaintext = stream.cryptApart(buffer.subarray(start, end));
      this.plaintextOffset = 0;
    } else {
      stream.crypt(buffer, start, end);
    }
    return true;
  }
}

export class MacSealing implements SealingCipher {
  readonly blockSize: number;
  readonly lengthIsAligned: boolean;
  readonly tagLength: number;
  readonly apartFrom: number | undefined;
  private readonly stream: PacketStream;
  private readonly mac: PacketMac;

  constructor(keys: DirectionKeys, parts: MacParts) {
    const row = macOf(keys);
    this.blockSize = ciphers[keys.cipher].blockSize;
    this.stream = parts.stream;
    this.mac = parts.mac;
    this.tagLength = row.tagLength;
    this.lengthIsAligned = !row.encryptThenMac;
    this.apartFrom = parts.stream.apartFrom;
  }

  seal(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): void {
    const end = offset + 4 + packetLength;
    if (!this.lengthIsAligned) this.stream.crypt(buffer, offset + 4, end);
    buffer.set(this.mac.compute(buffer, offset, end, sequenceNumber), end);
    if (this.lengthIsAligned) this.stream.crypt(buffer, offset, end);
  }

  sealApart(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): Uint8Array {
    const { stream, mac } = this;
    const start = offset + 4;
    const end = start + packetLength;
    if (stream.cryptApart === undefined || mac.computeParts === undefined) {
      this.seal(buffer, offset, packetLength, sequenceNumber);
      return buffer.slice(this.lengthIsAligned ? offset : start, end);
    }
    if (this.lengthIsAligned) {
      buffer.set(mac.compute(buffer, offset, end, sequenceNumber), end);
      return stream.cryptApart(buffer.subarray(offset, end));
    }
    const sealed = stream.cryptApart(buffer.subarray(start, end));
    buffer.set(mac.computeParts(buffer.subarray(offset, start), sealed, sequenceNumber), end);
    return sealed;
  }
}
