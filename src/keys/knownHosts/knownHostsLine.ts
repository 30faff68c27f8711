/**
 * One line of known_hosts.
 *
 * Owns: its fields (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), what is wrong with a
 * malformed one, and the writing of a line.
 * Must not know: other lines, which hosts it is for.
 */

import { SshError } from '../../base/errors.ts';
import {
  anyText,
  bytesOnly,
  checkArgument,
  checkOptions,
  type OptionTable,
  port as portRule,
} from '../../base/optionChecks.ts';
import { decodePublicKey, encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { WireReader } from '../../wire/reader.ts';
import { keyOptionsError, quoted } from '../errors.ts';
import { base64Decode, base64Encode } from '../pem/base64.ts';
import { latin1ToText } from '../textLines.ts';
import { hashedNameLength, hashSpelling, isHashedName } from './hashedNames.ts';
import { hostSpelling } from './hostPattern.ts';

/** One line that says something of a host. */
export interface KnownHostsEntry {
  /** What `parse` was told of where the text is from. */
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
  /** What the line says of the key; undefined where it trusts it. */
  readonly marker: 'revoked' | 'certAuthority' | undefined;
  /** The first field: patterns, or a hashed name. */
  readonly hosts: string;
  /** Such as `ssh-ed25519`. */
  readonly keyType: string;
  /** The public key blob (RFC 4253 §6.6); may be of a type this library does not have. */
  readonly blob: Uint8Array;
  /** What stands behind the key; not escaped. */
  readonly comment: string;
}

const markers: Readonly<Record<string, KnownHostsEntry['marker']>> = {
  '@revoked': 'revoked',
  '@cert-authority': 'certAuthority',
};

/** The beginning of a line, which tells for whom it is. */
export interface LineStart {
  /** With a marker the line says something of a key other than that it is trusted. */
  readonly isMarked: boolean;
  /** The first field, with a character for each byte. */
  readonly hosts: string;
}

/** Undefined for an empty line or a comment. What it says of a malformed line helps nobody and harms nothing. */
export function lineStart(content: string): LineStart | undefined {
  // Nearly all lines are of this kind, and a file has thousands.
  const [usual] = /^[^ \t#@][^ \t]*/.exec(content) ?? [];
  if (usual !== undefined) return { isMarked: false, hosts: usual };
  const [, first = '', second = ''] = /^[ \t]*([^ \t]+)[ \t]*([^ \t]*)/.exec(content) ?? [];
  if (first === '' || first.startsWith('#')) return undefined;
  return first.startsWith('@') ? { isMarked: true, hosts: second } : { isMarked: false, hosts: first };
}

/**
 * Reads a whole line, given with a character for each byte.
 *
 * @returns the reason for a line that is malformed
 */
export function parseLine(content: string, file: string | undefined, line: number): KnownHostsEntry | string {
  const fields = content.split(/[ \t]+/).filter((field) => field !== '');
  const first = fields[0] ?? '';
  const marked = first.startsWith('@');
  if (marked && !Object.hasOwn(markers, first))
    return `the marker ${quoted(latin1ToText(first))} is not known`;
  const marker = marked ? markers[first] : undefined;
  const [hosts, keyType, keyText, ...comment] = marked ? fields.slice(1) : fields;
  if (hosts === undefined || keyType === undefined || keyText === undefined) {
    return 'the line is cut off: hosts, type and key are wanted';
  }
  if (hosts.startsWith('@')) return 'two markers in one line';
  if (/^\d+$/.test(keyType)) return 'a key of version 1 of SSH';
  if (hosts.startsWith('|') && !isHashedName(hosts)) return 'the hashed host is malformed';
  const blob = base64Decode(keyText);
  if (blob === undefined) return 'the key is not base64';
  const fault = blobFault(blob, keyType);
  if (fault !== undefined) return fault;
  return {
    file,
    line,
    marker,
    hosts: latin1ToText(hosts),
    keyType,
    blob,
    comment: latin1ToText(comment.join(' ')),
  };
}

/** Keys of types this library does not have are kept: that a host has one is worth knowing. */
function blobFault(blob: Uint8Array, keyType: string): string | undefined {
  try {
    const type = new WireReader(blob).name();
    if (type !== keyType)
      return `the key is of type ${quoted(type)}, the line says ${quoted(latin1ToText(keyType))}`;
    decodePublicKey(blob, { rsaMinimumBits: 1, rsaMaximumBits: 16_384 });
    return undefined;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return error.code === 'ERR_SSH_KEY_UNSUPPORTED' ? undefined : error.message;
  }
}

/** How `formatKnownHostsLine` writes. */
export interface FormatKnownHostsOptions {
  /** 20 random bytes: the host is hashed with them, so that the file does not tell it. */
  readonly salt?: Uint8Array | undefined;
  /** Behind the key. None where not given. */
  readonly comment?: string | undefined;
}

const optionTable: OptionTable<FormatKnownHostsOptions> = { salt: bytesOnly, comment: anyText };

/** Characters of a host that a line can have: as many as a host that is dialled. */
const longestHost = 1024;

/**
 * The line that makes a key trusted for a host, ended by a line feed. It is for
 * that host and port and no other: what could be taken for a pattern, a list or
 * a marker is refused. It is to be written as UTF-8.
 *
 * @param host in ASCII; a name that is not has a form by IDNA, `domainToASCII` of `node:url`
 * @throws SshError `ERR_SSH_OPTIONS` for a host that cannot stand in a line, or a salt that is not of 20 bytes
 */
export function formatKnownHostsLine(
  host: string,
  port: number,
  key: PublicKey | Uint8Array,
  options: FormatKnownHostsOptions = {},
): string {
  checkOptions(options, { of: 'formatKnownHostsLine', table: optionTable });
  checkArgument('the host of a known host', host, anyText);
  checkArgument('the port of a known host', port, portRule);
  const { salt, comment = '' } = options;
  if (!/^[^,*?!|#@[\]"]+$/.test(host) || !/^[!-~]+$/.test(host) || host.length > longestHost) {
    const hint = /[\x80-\uffff]/.test(host) ? '; give it in ASCII, as IDNA spells it' : '';
    throw keyOptionsError(`${quoted(host)} cannot be written to known_hosts as a host${hint}`);
  }
  if (salt !== undefined && salt.length !== hashedNameLength) {
    throw keyOptionsError(`the salt of a hashed host has ${hashedNameLength} bytes, not ${salt.length}`);
  }
  if (/[\r\n\0]/.test(comment)) throw keyOptionsError('the comment of a known host must be one line');
  const blob = blobOf(key);
  const spelling = hostSpelling(host, port);
  const hosts = salt === undefined ? spelling : hashSpelling(spelling, salt);
  const line = `${hosts} ${new WireReader(blob).name()} ${base64Encode(blob)}`;
  return comment === '' ? `${line}\n` : `${line} ${comment}\n`;
}

/** The blob of a key. */
export function blobOf(key: PublicKey | Uint8Array): Uint8Array {
  return key instanceof Uint8Array ? key : encodePublicKey(key);
}
