/**
 * Names of files as the file commands keep them.
 *
 * Owns: text in which each character stands for one byte, so that a name that is no UTF-8
 * comes through unharmed; how such a name is shown.
 * Must not know: where names come from.
 */
import { escapeText, latin1Decode, latin1Encode, utf8Decode, utf8Encode } from '../../base/bytes.ts';

/** Text whose characters are bytes, from 0 to 255. */
export type ByteText = string;

/** Characters of a name that are shown; no name that a file system takes is longer. */
const longestShown = 65_536;

/** The bytes of a text in UTF-8. */
export function fromText(text: string): ByteText {
  return latin1Decode(utf8Encode(text));
}

export function fromBytes(bytes: Uint8Array): ByteText {
  return latin1Decode(bytes);
}

export function toBytes(text: ByteText): Uint8Array {
  return latin1Encode(text);
}

/** What the bytes are as text; what is not UTF-8 is replaced. */
export function toText(text: ByteText): string {
  return utf8Decode(latin1Encode(text));
}

/** A local path for the calls of Node: text, or bytes where it is no UTF-8. */
export function toLocalPath(text: ByteText): string | Uint8Array {
  const bytes = latin1Encode(text);
  return utf8Decode(bytes, true) ?? bytes;
}

/**
 * A name as a terminal may show it: control characters and what reorders text are escaped, and so is
 * what is not UTF-8. A backslash stays as it is, as in the output of sftp, which scripts compare names with.
 */
export function shown(text: ByteText): string {
  const bytes = latin1Encode(text);
  const readable = utf8Decode(bytes, true);
  if (readable !== undefined) return escapedButBackslash(readable);
  return escapedButBackslash(text).replace(/[\x80-\xff]/g, hex);
}

/** Any text with the escapes of `shown`. */
export function escapedButBackslash(text: string): string {
  return text
    .split('\\')
    .map((part) => escapeText(part, longestShown))
    .join('\\');
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16)}`;
}

// Paths -------------------------------------------------------------------------------

/** `folder/name`, with one slash between them. */
export function joined(folder: ByteText, name: ByteText): ByteText {
  return folder === '' || folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** A path as seen from a folder. */
export function absolute(path: ByteText, folder: ByteText): ByteText {
  return path.startsWith('/') ? path : joined(folder, path);
}

/** The last name of a path; `.` of an empty one, `/` of the root. */
export function lastName(path: ByteText): ByteText {
  if (path === '') return '.';
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** The name that a copy of this path has in a folder: of `..` its contents are meant, and not its name. */
export function nameInFolder(path: ByteText): ByteText {
  const name = lastName(path);
  return name === '..' || name === '/' ? '.' : name;
}
