/**
 * Base64 as key files and known_hosts carry it.
 *
 * Owns: RFC 4648 §4 in both directions. Decoding is strict: no foreign
 * characters, padding where it belongs, unused bits zero, so that one value has
 * one spelling.
 * Must not know: what is encoded.
 */
import { FlatText } from '../../base/flatText.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const values: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;

/** With padding, without line breaks. */
export function base64Encode(bytes: Uint8Array): string {
  const out = new FlatText();
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const word = at(bytes, i, 16) | at(bytes, i + 1, 8) | at(bytes, i + 2, 0);
    for (let shift = 18; shift >= 0; shift -= 6) out.unit(digit(word >> shift));
  }
  if (i === bytes.length) return out.finish();
  const word = at(bytes, i, 16) | at(bytes, i + 1, 8);
  out.unit(digit(word >> 18));
  out.unit(digit(word >> 12));
  out.unit(i + 1 < bytes.length ? digit(word >> 6) : pad);
  out.unit(pad);
  return out.finish();
}

/** With padding, broken into lines of `width` characters, each ended by a line feed. */
export function base64Lines(bytes: Uint8Array, width: number): string {
  const text = base64Encode(bytes);
  const lines: string[] = [];
  for (let i = 0; i < text.length; i += width) lines.push(`${text.slice(i, i + width)}\n`);
  return lines.join('');
}

/** The bytes; undefined for anything that is not base64 with its padding. */
export function base64Decode(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const out = new Uint8Array((digits * 3) >> 2);
  let word = 0;
  let bits = 0;
  let length = 0;
  for (let i = 0; i < digits; i++) {
    const value = values[text.charCodeAt(i)] ?? -1;
    if (value < 0) return undefined;
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[length++] = word >> bits;
  }
  return (word & ((1 << bits) - 1)) === 0 ? out : undefined;
}

/**
 * Twenty bytes as five words, from 28 characters of a text: what hashed names of
 * known_hosts are made of; there may be thousands.
 *
 * @returns whether that is what stands there
 */
export function base64Words(text: string, start: number, target: Int32Array, targetAt: number): boolean {
  let word = 0;
  let room = 32;
  let next = targetAt;
  for (let i = start; i < start + 27; i++) {
    const value = values[text.charCodeAt(i)] ?? -1;
    if (value < 0) return false;
    room -= 6;
    if (room > 0) {
      word |= value << room;
    } else {
      target[next++] = word | (value >>> -room);
      // What is too much for the word is the beginning of the next one.
      word = room === 0 ? 0 : value << (32 + room);
      room += 32;
    }
  }
  return word === 0 && text[start + 27] === '=';
}

const pad = 0x3d;

/** The code of the last digit of a word. */
function digit(word: number): number {
  return alphabet.charCodeAt(word & 63);
}

function at(bytes: Uint8Array, index: number, shift: number): number {
  return (bytes[index] ?? 0) << shift;
}
