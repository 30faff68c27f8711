/**
 * Small operations on bytes and text that every layer needs.
 *
 * Owns: concatenation, comparison, hex, UTF-8, Latin-1, the escaping of a peer's text.
 * Must not know: SSH. Uses no host API (no TextEncoder, no Buffer), so that the
 * protocol core compiles with the ECMAScript library alone. Every string made here
 * is flat (`flatText.ts`).
 */
import { FlatText } from './flatText.ts';

export const emptyBytes: Uint8Array = new Uint8Array(0);

/**
 * The same bytes in memory of their own. `slice` would not do: on a Node Buffer
 * it returns a window into the same memory.
 */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** One new array holding all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/**
 * Whether two arrays hold the same bytes, in time that depends on their lengths
 * only. Serves secrets and public values alike, so that nobody has to choose.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Overwrites secrets with zeros. What JavaScript has copied elsewhere stays; see SECURITY.md. */
export function wipe(...arrays: readonly Uint8Array[]): void {
  for (const array of arrays) array.fill(0);
}

/** Of the digits. */
const [codeOf0, codeOfA]: readonly [number, number] = [0x30, 0x61];

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  const out = new FlatText();
  for (const byte of bytes) {
    out.unit(hexDigit(byte >> 4));
    out.unit(hexDigit(byte & 15));
  }
  return out.finish();
}

function hexDigit(value: number): number {
  return value < 10 ? codeOf0 + value : codeOfA + value - 10;
}

/** Bytes of a hex string; white space is allowed between bytes. Throws `SyntaxError` on anything else. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) {
    throw new SyntaxError('not a hex string');
  }
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** UTF-8 bytes of a string; a lone surrogate becomes U+FFFD, as in TextEncoder. */
export function utf8Encode(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      out[length++] = code;
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = code < 0xdc00 && i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x800) {
      out[length++] = 0xc0 | (code >> 6);
    } else {
      if (code < 0x10000) {
        out[length++] = 0xe0 | (code >> 12);
      } else {
        out[length++] = 0xf0 | (code >> 18);
        out[length++] = 0x80 | ((code >> 12) & 0x3f);
      }
      out[length++] = 0x80 | ((code >> 6) & 0x3f);
    }
    out[length++] = 0x80 | (code & 0x3f);
  }
  return out.slice(0, length);
}

/** Small letters for the capital ones of ASCII; other letters have no case where bytes are compared. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Each byte a character. */
export function latin1Decode(bytes: Uint8Array): string {
  if (bytes.length <= latin1Piece) return latin1Of(bytes);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += latin1Piece) {
    pieces.push(latin1Of(bytes.subarray(at, at + latin1Piece)));
  }
  return pieces.join('');
}

/** Arguments of one call. */
const latin1Piece = 4096;

function latin1Of(bytes: Uint8Array): string {
  // Spread would go through an iterator, byte by byte; apply takes what is like an array.
  const piece: ArrayLike<number> = bytes;
  return String.fromCharCode.apply(null, piece as number[]);
}

/** Bytes of a string whose characters are bytes: the inverse of `latin1Decode`. */
export function latin1Encode(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/**
 * String of UTF-8 bytes. With `fatal`, returns undefined for malformed input;
 * otherwise each malformed byte becomes U+FFFD.
 */
export function utf8Decode(bytes: Uint8Array, fatal: true): string | undefined;
export function utf8Decode(bytes: Uint8Array, fatal?: false): string;
export function utf8Decode(bytes: Uint8Array, fatal?: boolean): string | undefined {
  if (isAscii(bytes)) return latin1Decode(bytes);
  const out = new FlatText();
  let i = 0;
  while (i < bytes.length) {
    const lead = bytes[i++] as number;
    if (lead < 0x80) {
      out.unit(lead);
      continue;
    }
    const more =
      lead >= 0xc2 && lead <= 0xdf
        ? 1
        : lead >= 0xe0 && lead <= 0xef
          ? 2
          : lead >= 0xf0 && lead <= 0xf4
            ? 3
            : 0;
    let code = more === 0 ? -1 : lead & (0x3f >> more);
    let taken = 0;
    while (code >= 0 && taken < more) {
      const next = bytes[i + taken] ?? 0;
      const low = taken > 0 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const high = taken > 0 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (next < low || next > high) {
        code = -1;
        break;
      }
      code = (code << 6) | (next & 0x3f);
      taken++;
    }
    i += taken;
    if (code < 0 && fatal === true) return undefined;
    out.codePoint(code < 0 ? 0xfffd : code);
  }
  return out.finish();
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) >= 0x80) return false;
  return true;
}

/**
 * Text of a peer made safe for a terminal, a log or an error message: control
 * characters (C0, DEL, C1), line and paragraph separators, bidirectional
 * overrides and lone surrogates appear as `\xNN` or `\uNNNN`, a backslash as
 * `\\`, and what exceeds `maximum` characters is cut and marked.
 */
export function escapeText(text: string, maximum: number = 1024): string {
  // Most texts need nothing.
  if (text.length <= maximum && plainText.test(text)) return text;
  const out = new FlatText();
  for (let i = 0; i < text.length; i++) {
    if (out.length >= maximum) {
      out.text('…');
      break;
    }
    const code = text.codePointAt(i) as number;
    if (code === 0x5c) out.text('\\\\');
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
      out.text(`\\x${code.toString(16).padStart(2, '0')}`);
    else if (isInvisibleOrReordering(code)) out.text(`\\u${code.toString(16).padStart(4, '0')}`);
    else out.codePoint(code);
    if (code >= 0x10000) i++;
  }
  return out.finish();
}

/** A text that somebody gave, as messages show it: escaped, cut where it is long, in quotes. */
export function quotedText(text: string, maximum: number = 200): string {
  return `"${escapeText(text, maximum)}"`;
}

/** Printable ASCII but the backslash. */
const plainText = /^[ -[\]-~]*$/;

/** `escapeText` that keeps line ends and tabs, for texts that are printed as a block, such as banners. */
export function escapeLines(text: string, maximum?: number): string {
  return text
    .split(/\r?\n/)
    .map((line) =>
      line
        .split('\t')
        .map((part) => escapeText(part, maximum))
        .join('\t'),
    )
    .join('\n');
}

/** Bytes of a peer as escaped text, for error messages. */
export function escapeBytes(bytes: Uint8Array, maximum: number = 64): string {
  return (
    escapeText(latin1Decode(bytes.subarray(0, maximum)), 4 * maximum) + (bytes.length > maximum ? '…' : '')
  );
}

function isInvisibleOrReordering(code: number): boolean {
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0x061c ||
    code === 0xfeff ||
    (code >= 0xd800 && code <= 0xdfff)
  );
}
