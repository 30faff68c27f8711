/**
 * What a cipher with a MAC of its own is made from.
 *
 * Owns: the interfaces of the two parts.
 * Must not know: who computes them, in which order they are used (`noble/macPacket.ts`).
 */

/** One direction of a cipher that runs on across packets: keystream (RFC 4344 §4) or chained blocks (RFC 4253 §6.3). */
export interface PacketStream {
  /** Encrypts or decrypts `buffer[start…end)` in place, whole blocks. */
  crypt(buffer: Uint8Array, start: number, end: number): void;
  /** From that many bytes on `cryptApart` is the better way. Undefined: never. */
  readonly apartFrom?: number | undefined;
  /** The result in memory of its own. */
  cryptApart?(bytes: Uint8Array): Uint8Array;
}

/** The MAC over a sequence number and bytes (RFC 4253 §6.4). */
export interface PacketMac {
  /** The tag of `buffer[start…end)`, valid until the next call. */
  compute(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array;
  /** The same of two runs of bytes, one behind the other; there for a stream that has `cryptApart`. */
  computeParts?(first: Uint8Array, second: Uint8Array, sequenceNumber: number): Uint8Array;
}

/** Who makes the two of one direction. */
export interface MacParts {
  readonly stream: PacketStream;
  readonly mac: PacketMac;
}
