/**
 * The few ASN.1 types that key files consist of, in DER.
 *
 * Owns: X.690 §8 and §10 for INTEGER, BIT STRING, OCTET STRING, NULL, OBJECT
 * IDENTIFIER, SEQUENCE and context tags, in both directions. Decoding is strict:
 * definite lengths in their shortest form, integers without superfluous bytes.
 * Must not know: keys.
 */
import { concatBytes } from '../base/bytes.ts';
import { keyFormatError } from './errors.ts';

export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  nothing: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const;

/** Tag of `[n]` around a constructed value. */
export function contextTag(n: number): number {
  return 0xa0 | n;
}

/**
 * A cursor over DER. Values are windows into the given bytes.
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

  /** Magnitude of a non-negative INTEGER, without leading zeros; 0 is empty. */
  viewInteger(): Uint8Array {
    const value = this.viewValue(derTags.integer, 'an INTEGER');
    const [first, second] = value;
    if (first === undefined) throw malformed('an empty INTEGER');
    if (first & 0x80) throw malformed('a negative INTEGER where none can be');
    if (first !== 0) return value;
    if (second !== undefined && (second & 0x80) === 0) throw malformed('an INTEGER with superfluous bytes');
    return value.subarray(1);
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

  viewOctetString(): Uint8Array {
    return this.viewValue(derTags.octetString, 'an OCTET STRING');
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
    this.position++;
    const length = this.length();
    if (length > this.bytes.length - this.position) {
      throw malformed(`${what} of ${length} bytes where ${this.bytes.length - this.position} remain`);
    }
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  private length(): number {
    const first = this.bytes[this.position++];
    if (first === undefined) throw malformed('a length expected at the end of the data');
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw malformed('a length that is indefinite or larger than any key');
    let length = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) throw malformed('a length expected at the end of the data');
      length = length * 256 + byte;
    }
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed('a length not in its shortest form');
    return length;
  }
}

/**
 * Whether the bytes are one SEQUENCE that begins with a small INTEGER, as every
 * private key is: what tells a right passphrase where nothing else does.
 */
export function isVersionedSequence(bytes: Uint8Array): boolean {
  try {
    const file = new DerReader(bytes);
    file.sequence().smallInteger();
    file.end();
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

/** A value with its tag and length. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  return concatBytes(Uint8Array.of(tag), lengthBytes(content.length), content);
}

export function derSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(derTags.sequence, ...parts);
}

/** An INTEGER from its magnitude, which may have leading zeros. */
export function derInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const trimmed = magnitude.subarray(start);
  const signed = trimmed.length === 0 || ((trimmed[0] as number) & 0x80) !== 0;
  return signed ? der(derTags.integer, Uint8Array.of(0), trimmed) : der(derTags.integer, trimmed);
}

/** An INTEGER from 0 to 2^31 - 1. */
export function derSmallInteger(value: number): Uint8Array {
  return derInteger(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

export function derOctetString(content: Uint8Array): Uint8Array {
  return der(derTags.octetString, content);
}

export function derBitString(content: Uint8Array): Uint8Array {
  return der(derTags.bitString, Uint8Array.of(0), content);
}

export function derNull(): Uint8Array {
  return der(derTags.nothing);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(identifier: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = identifier.split('.').map(Number);
  const content: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left & 0x7f) | 0x80);
    }
    content.push(...digits);
  }
  return der(derTags.objectIdentifier, Uint8Array.from(content));
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length);
  return Uint8Array.of(0x83, length >> 16, length >> 8, length);
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
