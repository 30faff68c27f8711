/**
 * Reads the few ASN.1 types that key files consist of.
 *
 * Owns: X.690 §8 for INTEGER, BIT STRING, OCTET STRING, NULL, OBJECT IDENTIFIER,
 * SEQUENCE and context tags, in BER. Reading is as tolerant as OpenSSL, and with
 * it ssh-keygen: old tools and hardware write BER. What a key is must not depend
 * on its spelling; that its halves belong together is checked elsewhere.
 * Must not know: keys.
 */
import { wipe } from '../../base/bytes.ts';
import { keyFormatError } from '../errors.ts';
import { contextTag, derTags } from './derWriter.ts';
import { viewTrimmed } from './numbers.ts';

/** The bit of a tag that says that the content consists of values (X.690 §8.1.2.5). */
const constructed = 0x20;
const constructedOctetString = derTags.octetString | constructed;
/** Values inside values of indefinite length; a key file has five. */
const maximumNesting = 16;
/** More bytes of length than OpenSSL takes; those in front may be zeros. */
const maximumLengthBytes = 126;

/** Where a value's content is, and where what follows it begins. */
interface Extent {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/**
 * A cursor over BER. Values are windows into the given bytes.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` from every method, when the bytes end early or hold something else
 */
export class DerReader {
  private readonly bytes: Uint8Array;
  private position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The tag of the next value; undefined at the end. */
  get nextTag(): number | undefined {
    return this.bytes[this.position];
  }

  sequence(): DerReader {
    return new DerReader(this.viewValue(derTags.sequence, 'a SEQUENCE'));
  }

  /** What stands inside `[n]` of a constructed value; undefined when something else is next. */
  optionalContext(n: number): DerReader | undefined {
    if (this.nextTag !== contextTag(n)) return undefined;
    return new DerReader(this.viewValue(contextTag(n), `[${n}]`));
  }

  /** Content of `[n] IMPLICIT` over a primitive type; undefined when something else is next. */
  optionalImplicit(n: number): Uint8Array | undefined {
    return this.nextTag === (0x80 | n) ? this.viewValue(0x80 | n, `[${n}]`) : undefined;
  }

  /**
   * Magnitude of a non-negative INTEGER, without leading zeros; 0 is empty. Some
   * tools forget the zero in front of a number whose first bit is set, some write
   * several: what would be a negative number counts as the positive one.
   */
  viewInteger(): Uint8Array {
    const value = this.viewValue(derTags.integer, 'an INTEGER');
    if (value.length === 0) throw malformed('an empty INTEGER');
    return viewTrimmed(value);
  }

  /** An INTEGER from 0 to 2^31 - 1. */
  smallInteger(): number {
    const magnitude = this.viewInteger();
    if (magnitude.length > 4) throw malformed('an INTEGER out of range');
    let value = 0;
    for (const byte of magnitude) value = value * 256 + byte;
    if (value > 0x7fffffff) throw malformed('an INTEGER out of range');
    return value;
  }

  /** A copy, for the caller to wipe: BER may have it in pieces. */
  copyOctetString(): Uint8Array {
    const what = 'an OCTET STRING';
    if (this.nextTag !== constructedOctetString) return this.viewValue(derTags.octetString, what).slice();
    const content = this.viewValue(constructedOctetString, what);
    const joined = new Uint8Array(content.length);
    const copy = joined.slice(0, joinPieces(content, joined, 0, 0));
    wipe(joined);
    return copy;
  }

  /** A BIT STRING of whole bytes. */
  viewBitString(): Uint8Array {
    return wholeBytes(this.viewValue(derTags.bitString, 'a BIT STRING'));
  }

  /** In dotted form. */
  objectIdentifier(): string {
    return dotted(this.viewValue(derTags.objectIdentifier, 'an OBJECT IDENTIFIER'));
  }

  /** Passes over a NULL if one is next. */
  optionalNull(): void {
    if (this.nextTag !== derTags.nothing) return;
    if (this.viewValue(derTags.nothing, 'a NULL').length !== 0) throw malformed('a NULL with content');
  }

  /** Passes over the next value, whatever it is. */
  skip(): void {
    this.viewValue(this.nextTag ?? -1, 'a value');
  }

  /** Checks that nothing is left. */
  end(): void {
    if (this.position !== this.bytes.length) {
      throw malformed(`${this.bytes.length - this.position} bytes too many`);
    }
  }

  private viewValue(tag: number, what: string): Uint8Array {
    const found = this.nextTag;
    if (found === undefined) throw malformed(`${what} expected at the end of the data`);
    if (found !== tag)
      throw malformed(`${what} expected, tag 0x${found.toString(16).padStart(2, '0')} found`);
    const { start, end, next } = extentAt(this.bytes, this.position, 0);
    this.position = next;
    return this.bytes.subarray(start, end);
  }
}

/** The extent of the value whose tag is at `position`. */
function extentAt(bytes: Uint8Array, position: number, nesting: number): Extent {
  const tag = bytes[position];
  const first = bytes[position + 1];
  if (tag === undefined || first === undefined) throw malformed('a value expected at the end of the data');
  const start = position + 2;
  if (first === 0x80) return indefiniteExtent(bytes, tag, start, nesting);
  const count = first > 0x80 ? first & 0x7f : 0;
  const length = count === 0 ? first : longLength(bytes, start, count);
  const remaining = bytes.length - start - count;
  if (length > remaining) throw malformed(`a value of ${length} bytes where ${remaining} remain`);
  const end = start + count + length;
  return { start: start + count, end, next: end };
}

/** A length in its long form, however many zeros it begins with. */
function longLength(bytes: Uint8Array, position: number, count: number): number {
  if (count > maximumLengthBytes || position + count > bytes.length) {
    throw malformed('a length expected at the end of the data');
  }
  let length = 0;
  // Beyond the length of any file it need not be exact.
  for (let i = position; i < position + count; i++) length = length * 256 + (bytes[i] as number);
  return length;
}

/** The values up to two zeros (X.690 §8.1.3.6). */
function indefiniteExtent(bytes: Uint8Array, tag: number, start: number, nesting: number): Extent {
  if ((tag & constructed) === 0) throw malformed('an indefinite length of a value that has no parts');
  if (nesting === maximumNesting) throw malformed(`values nested more than ${maximumNesting} deep`);
  let at = start;
  while (bytes[at] !== 0 || bytes[at + 1] !== 0) at = extentAt(bytes, at, nesting + 1).next;
  return { start, end: at, next: at + 2 };
}

/**
 * Writes the OCTET STRINGs in the content of a constructed one behind each other
 * (X.690 §8.7.3), and returns where they end.
 */
function joinPieces(content: Uint8Array, out: Uint8Array, start: number, nesting: number): number {
  if (nesting === maximumNesting) throw malformed(`values nested more than ${maximumNesting} deep`);
  let at = start;
  for (let position = 0; position < content.length; ) {
    const piece = extentAt(content, position, nesting);
    const bytes = content.subarray(piece.start, piece.end);
    const tag = content[position];
    if (tag === constructedOctetString) at = joinPieces(bytes, out, at, nesting + 1);
    else if (tag !== derTags.octetString) throw malformed('an OCTET STRING with something else in it');
    else {
      out.set(bytes, at);
      at += bytes.length;
    }
    position = piece.next;
  }
  return at;
}

/**
 * Whether the bytes begin with a SEQUENCE that begins with a small INTEGER, as
 * every private key does: what tells a right passphrase where nothing else does.
 */
export function isVersionedSequence(bytes: Uint8Array): boolean {
  try {
    new DerReader(bytes).sequence().smallInteger();
    return true;
  } catch {
    return false;
  }
}

/** Content of a BIT STRING whose bits fill whole bytes, without the count of unused bits. */
export function wholeBytes(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw malformed('a BIT STRING that is not whole bytes');
  return content.subarray(1);
}

function dotted(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let digits = 0;
  for (const byte of content) {
    if (digits === 0 && byte === 0x80) throw malformed('an OBJECT IDENTIFIER with superfluous bytes');
    if (++digits > 6) throw malformed('an OBJECT IDENTIFIER with an enormous arc');
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
    digits = 0;
  }
  const head = arcs.shift();
  if (head === undefined || digits > 0) throw malformed('an OBJECT IDENTIFIER that is cut off');
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - 40 * first, ...arcs].join('.');
}

function malformed(what: string): Error {
  return keyFormatError(`malformed DER: ${what}`);
}
