/**
 * Reads the data types of SSH from bytes that are already there.
 *
 * Owns: RFC 4251 §5 (data types), in the decoding direction. Every length is
 * checked against the bytes that remain before anything is allocated.
 * Must not know: messages, sockets.
 */
import { copyOf, latin1Decode, utf8Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';

/** Names in one name-list and bytes in one name that `nameList` takes, unless told otherwise. */
const nameListEntries = 512;
const nameLength = 64;

/**
 * A cursor over `bytes[start…end)`. `view…` methods return windows into the
 * given bytes, `copy…` methods return bytes of their own.
 *
 * @throws SshError `ERR_SSH_DECODE` from every method, when the bytes end early or hold a malformed value.
 * @example
 * ```ts
 * import { WireReader } from 'deadline-ssh/wire';
 * const reader = new WireReader(Uint8Array.of(0, 0, 0, 2, 104, 105));
 * const text = reader.text(); // 'hi'
 * reader.end();
 * ```
 */
export class WireReader {
  private bytes: Uint8Array;
  private position: number;
  private limit: number;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.limit = end;
  }

  /** Points this reader at other bytes, so that one object serves a whole connection. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.position = start;
    this.limit = end;
    return this;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.limit - this.position;
  }

  /** The next byte. */
  byte(): number {
    if (this.position === this.limit) throw this.tooShort('a byte');
    return this.bytes[this.position++] as number;
  }

  /** Any value but 0 is true (RFC 4251 §5). */
  boolean(): boolean {
    return this.byte() !== 0;
  }

  /** Four bytes, the most significant first. */
  uint32(): number {
    if (this.limit - this.position < 4) throw this.tooShort('a uint32');
    const { bytes, position } = this;
    this.position = position + 4;
    return (
      (bytes[position] as number) * 0x1000000 +
      (((bytes[position + 1] as number) << 16) |
        ((bytes[position + 2] as number) << 8) |
        (bytes[position + 3] as number))
    );
  }

  /** Eight bytes, the most significant first. */
  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /** So many bytes; valid as long as the buffer is. */
  viewBytes(length: number): Uint8Array {
    if (length > this.limit - this.position) throw this.tooShort(`${length} bytes`);
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** So many bytes, in memory of their own. */
  copyBytes(length: number): Uint8Array {
    return copyOf(this.viewBytes(length));
  }

  /** A string (RFC 4251 §5); valid as long as the buffer is. */
  viewString(): Uint8Array {
    return this.viewBytes(this.stringLength());
  }

  /** A string (RFC 4251 §5), in memory of its own. */
  copyString(): Uint8Array {
    return copyOf(this.viewString());
  }

  /** All that is left; valid as long as the buffer is. */
  viewRest(): Uint8Array {
    return this.viewBytes(this.remaining);
  }

  /** A string of human text: UTF-8, malformed bytes become U+FFFD. Not escaped yet. */
  text(): string {
    return utf8Decode(this.viewString());
  }

  /** A string that must be printable US-ASCII without white space: the name of an algorithm, method, service. */
  name(): string {
    return asciiName(this.viewString());
  }

  /**
   * The magnitude of a non-negative mpint, big-endian without leading zeros;
   * zero is empty. Negative values and superfluous bytes are refused.
   */
  copyMpint(): Uint8Array {
    const view = this.viewString();
    if (view.length === 0) return copyOf(view);
    const first = view[0] as number;
    if (first & 0x80) throw decodeError('a negative mpint where none can be');
    if (first !== 0) return copyOf(view);
    if (view.length === 1 || ((view[1] as number) & 0x80) === 0) {
      throw decodeError('an mpint with superfluous leading bytes');
    }
    return copyOf(view.subarray(1));
  }

  /** Names, separated by commas. */
  nameList(maximumEntries: number = nameListEntries): string[] {
    return namesIn(this.viewString(), maximumEntries);
  }

  /** Checks that nothing is left. */
  end(): void {
    if (this.position !== this.limit) throw decodeError(`${this.remaining} bytes too many`);
  }

  private stringLength(): number {
    const length = this.uint32();
    if (length > this.remaining) {
      throw decodeError(`a string of ${length} bytes where ${this.remaining} remain`);
    }
    return length;
  }

  private tooShort(what: string): SshError {
    return decodeError(`${what} expected, ${this.remaining} bytes remain`);
  }
}

/** The error of every malformed value. */
export function decodeError(what: string): SshError {
  return new SshError('ERR_SSH_DECODE', `malformed data: ${what}`);
}

/** The names of a name-list (RFC 4251 §5), its length field aside. */
export function namesIn(view: Uint8Array, maximumEntries: number = nameListEntries): string[] {
  if (view.length === 0) return [];
  const names: string[] = [];
  let start = 0;
  let mark = 0;
  for (let i = 0; i <= view.length; i++) {
    const byte = i < view.length ? (view[i] as number) : comma;
    if (byte !== comma) {
      mark = marked(mark, byte);
      continue;
    }
    if (names.length === maximumEntries)
      throw decodeError(`a name-list of more than ${maximumEntries} names`);
    names.push(nameAt(view, start, i, mark));
    start = i + 1;
    mark = 0;
  }
  return names;
}

function asciiName(view: Uint8Array): string {
  let mark = 0;
  // The length is checked with the rest; what is too long is not looked at.
  const looked = Math.min(view.length, nameLength);
  for (let i = 0; i < looked; i++) {
    const byte = view[i] as number;
    mark = marked(mark, byte === comma ? 0 : byte);
  }
  return nameAt(view, 0, view.length, mark);
}

const comma = 0x2c;

/** What the bytes of a name are told apart by at first; negative where one of them cannot be in a name. */
function marked(mark: number, byte: number): number {
  return byte <= 0x20 || byte >= 0x7f || mark < 0 ? -1 : (Math.imul(mark, 31) + byte) & 0xffffff;
}

/**
 * Names that were read before, by their marks: peers offer the same ones again
 * and again, and a text that is there costs a quarter of a new one. No more than
 * that many are held.
 */
const places = 512;
const lastNames: string[] = new Array<string>(places).fill('');

function nameAt(bytes: Uint8Array, start: number, end: number, mark: number): string {
  const length = end - start;
  if (length === 0) throw decodeError('an empty name');
  if (length > nameLength) throw decodeError(`a name of ${length} characters; ${nameLength} are allowed`);
  if (mark < 0) throw decodeError('a name with a character that names cannot hold');
  const place = (mark ^ (mark >>> 9)) & (places - 1);
  const known = lastNames[place] as string;
  if (isSpelt(known, bytes, start, length)) return known;
  const name = latin1Decode(bytes.subarray(start, end));
  lastNames[place] = name;
  return name;
}

function isSpelt(name: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (name.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
