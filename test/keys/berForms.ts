/**
 * DER written anew in the ways that BER allows (X.690 §8.1): what old tools,
 * libraries of other languages and hardware make of a key file.
 *
 * Owns: values as a tree, and their spellings.
 */
import { concatBytes } from '../../src/base/bytes.ts';

/** A value: its tag, and content or parts. */
export type BerValue =
  | { readonly tag: number; readonly content: Uint8Array }
  | { readonly tag: number; readonly parts: readonly BerValue[] };

/** How a value is spelled. */
export interface BerSpelling {
  /** Bytes of length behind the first; 0 for the short form where it fits, `indefinite` where there are parts. */
  readonly length: number | 'indefinite';
  /** Zeros in front of an INTEGER that is no version number. */
  readonly zeros: number;
  /** Whether an INTEGER goes without the zero that keeps it positive. */
  readonly unsigned: boolean;
  /** Pieces that an OCTET STRING is cut into; 0 for none. */
  readonly pieces: number;
}

export const der: BerSpelling = { length: 0, zeros: 0, unsigned: false, pieces: 0 };

const integer = 0x02;
const octetString = 0x04;

/** The value that begins at `start`. */
export function readDer(bytes: Uint8Array, start: number = 0): BerValue {
  return readAt(bytes, start).value;
}

function readAt(bytes: Uint8Array, start: number): { readonly value: BerValue; readonly next: number } {
  const tag = bytes[start] as number;
  const first = bytes[start + 1] as number;
  const count = first < 0x80 ? 0 : first & 0x7f;
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + 2 + i] as number);
  const begin = start + 2 + count;
  const next = begin + length;
  if ((tag & 0x20) === 0) return { value: { tag, content: bytes.slice(begin, next) }, next };
  const parts: BerValue[] = [];
  for (let at = begin; at < next; ) {
    const part = readAt(bytes, at);
    parts.push(part.value);
    at = part.next;
  }
  return { value: { tag, parts }, next };
}

/** The bytes of a value; each value in it asks for its spelling. */
export function writeBer(value: BerValue, spelling: () => BerSpelling): Uint8Array {
  const { length, zeros, unsigned, pieces } = spelling();
  if ('parts' in value) {
    const content = concatBytes(...value.parts.map((part) => writeBer(part, spelling)));
    if (length !== 'indefinite') return tagged(value.tag, content, length);
    return concatBytes(Uint8Array.of(value.tag, 0x80), content, new Uint8Array(2));
  }
  const { tag, content } = value;
  const bytes = length === 'indefinite' ? 0 : length;
  if (tag === integer && content.length > 1) {
    const magnitude = unsigned && content[0] === 0 ? content.subarray(1) : content;
    return tagged(tag, concatBytes(new Uint8Array(zeros), magnitude), bytes);
  }
  if (tag !== octetString || pieces === 0) return tagged(tag, content, bytes);
  const size = Math.max(1, Math.ceil(content.length / pieces));
  const cut: BerValue[] = [];
  for (let at = 0; at < content.length; at += size) cut.push({ tag, content: content.slice(at, at + size) });
  return writeBer({ tag: tag | 0x20, parts: cut }, () => ({ ...der, length }));
}

function tagged(tag: number, content: Uint8Array, lengthBytes: number): Uint8Array {
  const fewest = content.length < 0x80 ? 0 : content.length < 0x100 ? 1 : content.length < 0x10000 ? 2 : 3;
  const count = Math.max(lengthBytes, fewest);
  if (count === 0) return concatBytes(Uint8Array.of(tag, content.length), content);
  const length = new Uint8Array(count);
  for (let i = count - 1, left = content.length; i >= 0; i--, left = Math.floor(left / 256))
    length[i] = left & 0xff;
  return concatBytes(Uint8Array.of(tag, 0x80 | count), length, content);
}
