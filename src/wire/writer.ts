/**
 * Writes the data types of SSH.
 *
 * Owns: RFC 4251 §5 (data types), in the encoding direction.
 * Must not know: messages, sockets.
 */
import { copyOf, quotedText, utf8Encode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';

/**
 * An append-only cursor over a buffer that grows as needed.
 *
 * @example
 * ```ts
 * import { WireWriter } from 'deadline-ssh/wire';
 * const bytes = new WireWriter().byte(5).text('ssh-userauth').copyWritten();
 * ```
 */
export class WireWriter {
  /** The buffer written to; replaced when it has to grow. */
  buffer: Uint8Array;
  /** Where the next byte goes. */
  position: number;
  private origin: number;

  constructor(buffer: Uint8Array = new Uint8Array(256), position: number = 0) {
    this.buffer = buffer;
    this.position = position;
    this.origin = position;
  }

  /** Goes on at `position` of another buffer, so that one object serves a whole connection. */
  reset(buffer: Uint8Array, position: number): this {
    this.buffer = buffer;
    this.position = position;
    this.origin = position;
    return this;
  }

  /** One byte. */
  byte(value: number): this {
    this.reserve(1);
    this.buffer[this.position++] = value;
    return this;
  }

  /** One byte, 0 or 1. */
  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** Four bytes, the most significant first. */
  uint32(value: number): this {
    this.reserve(4);
    const { buffer, position } = this;
    buffer[position] = value >>> 24;
    buffer[position + 1] = value >>> 16;
    buffer[position + 2] = value >>> 8;
    buffer[position + 3] = value;
    this.position = position + 4;
    return this;
  }

  /** Eight bytes, the most significant first. */
  uint64(value: bigint): this {
    return this.uint32(Number((value >> 32n) & 0xffffffffn)).uint32(Number(value & 0xffffffffn));
  }

  /** Bytes as they are. */
  bytes(value: Uint8Array): this {
    this.reserve(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
    return this;
  }

  /** A string (RFC 4251 §5): its length, and its bytes. */
  string(value: Uint8Array): this {
    return this.uint32(value.length).bytes(value);
  }

  /** A string that holds text in UTF-8. */
  text(value: string): this {
    return this.string(utf8Encode(value));
  }

  /** `magnitude` is big-endian and unsigned; leading zeros are dropped, a sign byte is added where needed. */
  mpint(magnitude: Uint8Array): this {
    let start = 0;
    while (start < magnitude.length && magnitude[start] === 0) start++;
    const length = magnitude.length - start;
    if (length === 0) return this.uint32(0);
    const sign = (magnitude[start] as number) & 0x80 ? 1 : 0;
    this.uint32(length + sign);
    if (sign === 1) this.byte(0);
    return this.bytes(magnitude.subarray(start));
  }

  /** Names, separated by commas. @throws SshError `ERR_SSH_OPTIONS` for a name that a list cannot hold */
  nameList(names: readonly string[]): this {
    let length = Math.max(0, names.length - 1);
    for (let i = 0; i < names.length; i++) length += listable(names[i] as string);
    // Room for all of it at once: a writer that runs out of room goes on in another place.
    this.reserve(4 + length);
    this.uint32(length);
    const { buffer } = this;
    let { position } = this;
    for (let i = 0; i < names.length; i++) {
      if (i > 0) buffer[position++] = comma;
      const name = names[i] as string;
      for (let k = 0; k < name.length; k++) buffer[position++] = name.charCodeAt(k);
    }
    this.position = position;
    return this;
  }

  /** Bytes written. */
  get writtenLength(): number {
    return this.position - this.origin;
  }

  /** What was written, as bytes of its own. */
  copyWritten(): Uint8Array {
    return copyOf(this.buffer.subarray(this.origin, this.position));
  }

  /** What was written, valid until the next write. */
  viewWritten(): Uint8Array {
    return this.buffer.subarray(this.origin, this.position);
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    const needed = this.position + length;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.buffer.length));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
  }
}

const comma = 0x2c;
/** Characters of a name (RFC 4251 §6). */
const longestName = 64;

/** Characters of a name that a list can have. */
function listable(name: string): number {
  const { length } = name;
  if (length === 0 || length > longestName) throw notListable(name);
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === comma) throw notListable(name);
  }
  return length;
}

function notListable(name: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', `${quotedText(name)} cannot be part of a name-list`, {
    phase: 'options',
    origin: 'user',
  });
}
