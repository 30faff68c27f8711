/**
 * Key files as text whose bytes are not lost.
 *
 * Owns: reading a file given as text or bytes into characters 0 to 255, one a
 * byte, and back; byte order marks; lines.
 * Must not know: any format. Characters are bytes here because some formats
 * authenticate the bytes of a comment, whatever encoding they are in.
 */
import { latin1Decode, latin1Encode, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { anyText, bytesOnly, checkArgument, eitherOf, secretly } from '../base/optionChecks.ts';
import { keyFormatError } from './errors.ts';

/** Longest file that is looked at: a key of 16,384 bits takes some 13 KiB. */
const fileLength = 1024 * 1024;

/**
 * One character for each byte of the file, without byte order mark.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` for a file that is empty, larger than any key, or UTF-16
 */
export function byteText(data: Uint8Array | string): string {
  const text = byteTextOrEmpty(data);
  if (trimBlanks(text) === '') throw keyFormatError('the key file is empty');
  return text;
}

/** Never shown: it may be a private key. */
const fileRule = secretly(eitherOf('the text or bytes of the file', anyText, bytesOnly));

/**
 * Checks the content of a file. What is neither text nor bytes would be read as an
 * empty file: a list of trust or of revocation that says nothing.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkFileContent(what: string, data: unknown): void {
  checkArgument(what, data, fileRule);
}

/** The same for a file that may be empty. */
export function byteTextOrEmpty(data: Uint8Array | string): string {
  checkFileContent('a key file', data);
  if (data.length > fileLength) {
    throw keyFormatError(`this is not a key file: it is longer than ${fileLength} bytes`);
  }
  const bytes = typeof data === 'string' ? utf8Encode(data) : data;
  if (
    bytes.length >= 2 &&
    ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
  ) {
    throw keyFormatError('the key file is in UTF-16; convert it to plain text (UTF-8)');
  }
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return latin1Decode(marked ? bytes.subarray(3) : bytes);
}

/** `latin1` text as what its bytes mean in UTF-8. */
export function latin1ToText(text: string): string {
  return utf8Decode(latin1Encode(text));
}

/** Lines without their ends, which may be LF, CR LF or CR. */
export function splitLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/);
}

/**
 * Without blanks and line ends around it. Where `trim` of the language would
 * also take U+00A0, which may be a byte of some other character here.
 */
export function trimBlanks(text: string): string {
  let start = 0;
  while (isBlank(text.charCodeAt(start))) start++;
  return trimBlanksEnd(text.slice(start));
}

/** Without blanks and line ends at its end. */
export function trimBlanksEnd(text: string): string {
  let end = text.length;
  while (isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
