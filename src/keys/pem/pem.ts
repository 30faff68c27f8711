/**
 * The armour around key files.
 *
 * Owns: RFC 7468 (textual encodings) and the headers of RFC 1421 §4.6 that the
 * old encrypted private keys carry.
 * Must not know: what the bytes inside mean.
 */

import { keyFormatError, quoted } from '../errors.ts';
import { splitLines } from '../textLines.ts';
import { base64Decode, base64Lines } from './base64.ts';

/** One armoured block. */
export interface PemBlock {
  /** What stands behind BEGIN, such as `RSA PRIVATE KEY`. */
  readonly label: string;
  /** Lines `Name: value` before the body, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
}

const beginPattern = /^-----BEGIN ([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)-----[ \t]*$/;

/** Labels of the blocks that begin in a text, in their order; none for a text without armour. */
export function pemLabels(text: string): string[] {
  const labels: string[] = [];
  for (const line of splitLines(text)) {
    const label = beginPattern.exec(line)?.[1];
    if (label !== undefined) labels.push(label);
  }
  return labels;
}

/**
 * The first block with that label. Text before and behind it is ignored.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` for a block that is cut off or is not base64
 */
export function decodePem(text: string, label: string): PemBlock {
  const lines = splitLines(text);
  const begin = lines.findIndex((line) => beginPattern.exec(line)?.[1] === label);
  if (begin < 0) throw keyFormatError(`there is no block ${quoted(label)} in the file`);
  const end = lines.findIndex((line, i) => i > begin && line.startsWith('-----'));
  if (end < 0) {
    throw keyFormatError(`the key file is truncated: the line that ends its ${quoted(label)} is missing`);
  }
  if ((lines[end] as string).trimEnd() !== `-----END ${label}-----`) {
    throw keyFormatError(`the key file is damaged: ${quoted(label)} does not end with its own END line`);
  }
  const { headers, body } = splitHeaders(lines.slice(begin + 1, end));
  const bytes = base64Decode(body.map((line) => line.trim()).join(''));
  if (bytes === undefined || bytes.length === 0) {
    throw keyFormatError(`the key file is damaged: the body of ${quoted(label)} is not base64`);
  }
  return { label, headers, bytes };
}

/** The armour around bytes: lines of 64 characters (RFC 7468 §2), or 70 as OpenSSH writes. */
export function encodePem(
  label: string,
  bytes: Uint8Array,
  options: { readonly width?: number; readonly headers?: readonly (readonly [string, string])[] } = {},
): string {
  const headers = (options.headers ?? []).map(([name, value]) => `${name}: ${value}\n`).join('');
  const head = headers === '' ? '' : `${headers}\n`;
  return `-----BEGIN ${label}-----\n${head}${base64Lines(bytes, options.width ?? 64)}-----END ${label}-----\n`;
}

function splitHeaders(lines: readonly string[]): {
  readonly headers: Map<string, string>;
  readonly body: readonly string[];
} {
  const headers = new Map<string, string>();
  let i = 0;
  for (; i < lines.length; i++) {
    const match = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)$/.exec(lines[i] as string);
    if (match === null) break;
    headers.set((match[1] as string).toLowerCase(), (match[2] as string).trim());
  }
  return { headers, body: lines.slice(i) };
}

/** Whether a block is encrypted the old way, by its headers (RFC 1421 §4.6). */
export function isOldEncrypted(block: PemBlock): boolean {
  return block.headers.has('dek-info') || (block.headers.get('proc-type') ?? '').includes('ENCRYPTED');
}
