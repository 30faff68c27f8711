/**
 * aes128-ctr, aes192-ctr and aes256-ctr with an HMAC: what is the same under every provider.
 *
 * Owns: both orders of encryption and MAC, in both directions.
 * Must not know: framing rules, queues, who makes keystream and MAC.
 * Sources: RFC 4344 §4, RFC 4253 §6.4, RFC 6668; OpenSSH PROTOCOL §1.5 (encrypt-then-MAC).
 */
import { emptyBytes } from '../../base/bytes.ts';
import { type MacRow, macs } from '../algorithms.ts';
import { readUint32, tagMatches } from '../packetFields.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../provider.ts';
import { AesCtrStream } from './aesCtrStream.ts';
import { Sha256PacketMac } from './sha256Mac.ts';
import { Sha512PacketMac } from './sha512Mac.ts';

/** One endless keystream (RFC 4344 §4: the counter runs on across packets). */
export interface CounterStream {
  /** Adds keystream to `buffer[start…end)` in place, whole blocks. */
  crypt(buffer: Uint8Array, start: number, end: number): void;
  /** From that many bytes on `cryptApart` is the better way. Undefined: never. */
  readonly apartFrom?: number | undefined;
  /** The bytes with keystream added, in memory of their own. */
  cryptApart?(bytes: Uint8Array): Uint8Array;
}

/** The MAC over a sequence number and bytes (RFC 4253 §6.4). */
export interface PacketMac {
  /** The tag of `buffer[start…end)`, valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array;
  /** The same of two runs of bytes, one behind the other; there for a stream that has `cryptApart`. */
  computeParts?(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array;
}

/** Who makes keystream and MAC of one direction. */
export interface CtrParts {
  readonly stream: CounterStream;
  readonly mac: PacketMac;
}

/** Both in TypeScript. */
function typescriptParts(keys: DirectionKeys): CtrParts {
  return {
    stream: new AesCtrStream(keys.encryptionKey, keys.iv),
    mac: typescriptMac(macOf(keys), keys.integrityKey),
  };
}

function typescriptMac(row: MacRow, key: Uint8Array): PacketMac {
  return row.hash === 'sha256' ? new Sha256PacketMac(key) : new Sha512PacketMac(key);
}

/** `checkDirectionKeys` has seen to it that there is one. */
export function macOf(keys: DirectionKeys): MacRow {
  return macs[keys.mac ?? 'hmac-sha2-256'];
}

/** Encrypt-then-MAC has its length in the clear; otherwise the first block is decrypted to read it. */
export class AesCtrOpening implements OpeningCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned: boolean;
  readonly tagLength: number;
  readonly headerLength: number;
  readonly apartFrom: number | undefined;
  plaintext: Uint8Array = emptyBytes;
  plaintextOffset = 0;
  private readonly stream: CounterStream;
  private readonly mac: PacketMac;

  constructor(keys: DirectionKeys, parts: CtrParts = typescriptParts(keys)) {
    const row = macOf(keys);
    this.stream = parts.stream;
    this.mac = parts.mac;
    this.tagLength = row.tagLength;
    this.lengthIsAligned = !row.encryptThenMac;
    this.headerLength = this.lengthIsAligned ? 16 : 4;
    // A MAC over the plaintext wants it in one piece with the block decrypted before.
    this.apartFrom = this.lengthIsAligned ? undefined : parts.stream.apartFrom;
  }

  openLength(buffer: Uint8Array, offset: number): number {
    if (this.lengthIsAligned) this.stream.crypt(buffer, offset, offset + 16);
    return readUint32(buffer, offset);
  }

  open(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): boolean {
    const { stream, mac } = this;
    const start = offset + 4;
    const end = start + packetLength;
    if (this.lengthIsAligned) stream.crypt(buffer, offset + 16, end);
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

export class AesCtrSealing implements SealingCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned: boolean;
  readonly tagLength: number;
  readonly apartFrom: number | undefined;
  private readonly stream: CounterStream;
  private readonly mac: PacketMac;

  constructor(keys: DirectionKeys, parts: CtrParts = typescriptParts(keys)) {
    const row = macOf(keys);
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
