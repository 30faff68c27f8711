/**
 * The key file format of the other SSH implementations.
 *
 * Owns: RFC 4716 (lines of at most 72 bytes, headers with continuations) in
 * both directions, and the same lines around a private key.
 * Must not know: what kind of key is inside.
 */

import { latin1Decode, utf8Encode } from '../../base/bytes.ts';
import { keyFormatError } from '../errors.ts';
import { latin1ToText, splitLines, trimBlanks, trimBlanksEnd } from '../textLines.ts';
import { base64Decode, base64Lines } from './base64.ts';

/** What is between the lines that begin and end such a file. */
export type Ssh2Label = 'PUBLIC KEY' | 'ENCRYPTED PRIVATE KEY';

export interface Ssh2Block {
  readonly blob: Uint8Array;
  readonly comment: string;
}

const beginOf = (label: Ssh2Label): string => `---- BEGIN SSH2 ${label} ----`;
const endOf = (label: Ssh2Label): string => `---- END SSH2 ${label} ----`;

/** Whether a text has a line that begins such a block: the words may be the comment of a key in another format. */
export function hasSsh2Block(text: string, label: Ssh2Label): boolean {
  return splitLines(text).some((line) => trimBlanksEnd(line) === beginOf(label));
}

/** @param text in `latin1` characters */
export function decodeSsh2Block(text: string, label: Ssh2Label): Ssh2Block {
  const file = label === 'PUBLIC KEY' ? 'the public key file' : 'the private key file';
  const lines = splitLines(text).map(trimBlanksEnd);
  const first = lines.indexOf(beginOf(label));
  const last = lines.indexOf(endOf(label), first);
  if (first < 0 || last < 0) throw keyFormatError(`${file} is truncated: its END line is missing`);
  const { comment, body } = readHeaders(lines.slice(first + 1, last));
  const blob = base64Decode(body.join(''));
  if (blob === undefined || blob.length === 0) {
    throw keyFormatError(`${file} is damaged: its body is not base64`);
  }
  return { blob, comment };
}

/** The file, with the comment as a header where there is one. */
export function encodeRfc4716(blob: Uint8Array, comment: string): string {
  const header = comment === '' ? '' : foldHeader(`Comment: "${latin1Decode(utf8Encode(comment))}"`);
  return `${beginOf('PUBLIC KEY')}\n${latin1ToText(header)}${base64Lines(blob, 70)}${endOf('PUBLIC KEY')}\n`;
}

/** Broken after 71 bytes, a backslash marking each break (RFC 4716 §3.3). */
function foldHeader(header: string): string {
  let rest = header;
  let out = '';
  while (rest.length > 72) {
    // A break within a UTF-8 character would be mended by every reader that works on bytes, but shown by none.
    let cut = 71;
    while ((rest.charCodeAt(cut) & 0xc0) === 0x80) cut--;
    out += `${rest.slice(0, cut)}\\\n`;
    rest = rest.slice(cut);
  }
  return `${out}${rest}\n`;
}

function readHeaders(lines: readonly string[]): {
  readonly comment: string;
  readonly body: readonly string[];
} {
  let comment = '';
  let i = 0;
  while (i < lines.length && (lines[i] as string).includes(':')) {
    let header = lines[i++] as string;
    while (header.endsWith('\\') && i < lines.length) header = header.slice(0, -1) + lines[i++];
    const match = /^comment:[ \t]*(.*)$/i.exec(header);
    if (match !== null) comment = latin1ToText(unquote(trimBlanks(match[1] as string)));
  }
  return { comment, body: lines.slice(i) };
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
