/**
 * Writes the few ASN.1 types that key files consist of.
 *
 * Owns: X.690 §8 and §10 (DER) for INTEGER, BIT STRING, OCTET STRING, NULL, OBJECT
 * IDENTIFIER, SEQUENCE and context tags.
 * Must not know: keys.
 */
import { concatBytes } from '../../base/bytes.ts';

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
