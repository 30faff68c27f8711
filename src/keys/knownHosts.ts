/**
 * The host keys a user trusts, as text.
 *
 * Owns: the lines of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), what
 * they say of a host and its key, and the writing of a line.
 * Must not know: files on disk, connections, what is done about an unknown key.
 */
import { equalBytes, utf8Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { PublicKey } from '../crypto/publicKey.ts';
import { decodePublicKey, encodePublicKey } from '../crypto/publicKey.ts';
import { WireReader } from '../wire/reader.ts';
import { base64Decode, base64Encode } from './base64.ts';
import { keyOptionsError, quoted } from './errors.ts';
import type { HostMatcher } from './hostPattern.ts';
import { hashedNameLength, hashSpelling, hostMatcher, hostSpelling } from './hostPattern.ts';
import { splitLines } from './textLines.ts';

/** One line that says something of a host. */
export interface KnownHostsEntry {
  /** What `parse` was told of where the text is from. */
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
  readonly marker: 'revoked' | 'certAuthority' | undefined;
  /** The first field: patterns, or a hashed name. */
  readonly hosts: string;
  readonly keyType: string;
  /** The public key blob (RFC 4253 §6.6); may be of a type this library does not have. */
  readonly blob: Uint8Array;
  readonly comment: string;
}

/** A line that was passed over. */
export interface MalformedLine {
  readonly file: string | undefined;
  readonly line: number;
  readonly reason: string;
}

/**
 * What is known of a host's key.
 * - `trusted`: the key is there.
 * - `changed`: only other keys are there, of whatever type; `entries` are they.
 * - `revoked`: the key must not be used, whatever else the file says.
 * - `certAuthority`: no key of the host itself is there, but authorities whose certificates count are.
 * - `unknown`: nothing is there.
 */
export type KnownHostsResult =
  | { readonly result: 'trusted'; readonly entry: KnownHostsEntry }
  | { readonly result: 'changed'; readonly entries: readonly KnownHostsEntry[] }
  | { readonly result: 'revoked'; readonly entry: KnownHostsEntry }
  | { readonly result: 'certAuthority'; readonly entries: readonly KnownHostsEntry[] }
  | { readonly result: 'unknown' };

interface MatchedEntry {
  readonly entry: KnownHostsEntry;
  readonly matches: HostMatcher;
}

/**
 * The lines of one or several files. Hosts are looked up as OpenSSH does: by
 * `[host]:port` for a port other than 22, and, when nothing at all is known
 * under that, by the bare host, which can then only vouch for a key, not
 * contradict it. Stricter than OpenSSH in one point: a key revoked for the bare
 * host is revoked on all its ports.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { KnownHosts, parsePublicKey } from 'deadline-ssh/keys';
 * const hosts = KnownHosts.parse(readFileSync('known_hosts'));
 * const known = hosts.lookup('host.example', 22, parsePublicKey('ssh-ed25519 AAAA…').publicKey);
 * if (known.result === 'changed') console.log(`see line ${known.entries[0]?.line}`);
 * ```
 */
export class KnownHosts {
  readonly entries: readonly KnownHostsEntry[];
  readonly malformed: readonly MalformedLine[];
  private readonly lines: readonly MatchedEntry[];

  private constructor(lines: readonly MatchedEntry[], malformed: readonly MalformedLine[]) {
    this.lines = lines;
    this.entries = lines.map((line) => line.entry);
    this.malformed = malformed;
  }

  /** Reads a text; never throws for its content. Lines that cannot be read are in `malformed` and never match. */
  static parse(data: Uint8Array | string, file?: string): KnownHosts {
    const lines: MatchedEntry[] = [];
    const malformed: MalformedLine[] = [];
    const text = typeof data === 'string' ? data : utf8Decode(data);
    splitLines(text.replace(/^\ufeff/, '')).forEach((content, i) => {
      const line = i + 1;
      const parsed = parseLine(content);
      if (typeof parsed === 'string') malformed.push({ file, line, reason: parsed });
      else if (parsed !== undefined)
        lines.push({ entry: { file, line, ...parsed.fields }, matches: parsed.matches });
    });
    return new KnownHosts(lines, malformed);
  }

  /** Several files as one, so that what one of them revokes is revoked. */
  static merge(...all: readonly KnownHosts[]): KnownHosts {
    return new KnownHosts(
      all.flatMap((one) => one.lines),
      all.flatMap((one) => one.malformed),
    );
  }

  /**
   * What is known of this key of this host.
   *
   * @param host name or address, as the user gave it; case does not matter
   * @param key the key the host proved, or its blob. For a certificate, give the
   *   key inside it, and check `certAuthorities` and `revocation` of its signer.
   */
  lookup(host: string, port: number, key: PublicKey | Uint8Array): KnownHostsResult {
    const blob = blobOf(key);
    const named = this.named(host, port);
    const revoked = findKey(marked(named.all, 'revoked'), blob);
    if (revoked !== undefined) return { result: 'revoked', entry: revoked };
    const own = marked(named.own, undefined);
    const entry = findKey(own, blob);
    if (entry !== undefined) return { result: 'trusted', entry };
    if (own.length > 0) return { result: 'changed', entries: own };
    const bare = findKey(marked(named.all, undefined), blob);
    if (bare !== undefined) return { result: 'trusted', entry: bare };
    const authorities = usable(named.all, 'certAuthority');
    if (authorities.length > 0) return { result: 'certAuthority', entries: authorities };
    return { result: 'unknown' };
  }

  /** The line that revokes this key, a host's own or an authority's, for this host; undefined if none does. */
  revocation(host: string, port: number, key: PublicKey | Uint8Array): KnownHostsEntry | undefined {
    return findKey(marked(this.named(host, port).all, 'revoked'), blobOf(key));
  }

  /** The authorities whose certificates count for this host, except those whose own key is revoked. */
  certAuthorities(host: string, port: number): readonly KnownHostsEntry[] {
    return usable(this.named(host, port).all, 'certAuthority');
  }

  /**
   * Types of the keys that are known for this host and not revoked, in the order
   * of the file. A client that asks for these first is offered a key it can check.
   */
  keyTypesFor(host: string, port: number): string[] {
    const { own, all } = this.named(host, port);
    const known = marked(own, undefined).length > 0 ? own : all;
    const revoked = marked(all, 'revoked');
    const trusted = marked(known, undefined).filter((entry) => findKey(revoked, entry.blob) === undefined);
    return [...new Set(trusted.map((entry) => entry.keyType))];
  }

  /** Lines under the host's spelling with its port, and those together with the ones under the bare host. */
  private named(host: string, port: number): Named {
    const own = this.matching(hostSpelling(host, port));
    if (port === 22) return { own, all: own };
    return { own, all: [...new Set([...own, ...this.matching(hostSpelling(host, 22))])] };
  }

  private matching(spelling: string): KnownHostsEntry[] {
    return this.lines.filter((line) => line.matches(spelling)).map((line) => line.entry);
  }
}

interface Named {
  readonly own: readonly KnownHostsEntry[];
  readonly all: readonly KnownHostsEntry[];
}

function marked(entries: readonly KnownHostsEntry[], marker: KnownHostsEntry['marker']): KnownHostsEntry[] {
  return entries.filter((entry) => entry.marker === marker);
}

/** Entries with a marker whose key is not revoked. */
function usable(entries: readonly KnownHostsEntry[], marker: KnownHostsEntry['marker']): KnownHostsEntry[] {
  const revoked = marked(entries, 'revoked');
  return marked(entries, marker).filter((entry) => findKey(revoked, entry.blob) === undefined);
}

function findKey(entries: readonly KnownHostsEntry[], blob: Uint8Array): KnownHostsEntry | undefined {
  return entries.find((entry) => equalBytes(entry.blob, blob));
}

/** How `formatKnownHostsLine` writes. */
export interface FormatKnownHostsOptions {
  /** 20 random bytes: the host is hashed with them, so that the file does not tell it. */
  readonly salt?: Uint8Array | undefined;
  readonly comment?: string | undefined;
}

/**
 * The line that makes a key trusted for a host, ended by a line feed.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a host that cannot stand in a line, or a salt that is not of 20 bytes
 */
export function formatKnownHostsLine(
  host: string,
  port: number,
  key: PublicKey | Uint8Array,
  options: FormatKnownHostsOptions = {},
): string {
  const { salt, comment = '' } = options;
  if (!/^[^\s\0-\x20\x7f,*?!|#@[\]"]+$/.test(host)) {
    throw keyOptionsError(`${quoted(host)} cannot be written to known_hosts as a host`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw keyOptionsError(`${port} is no port`);
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

function blobOf(key: PublicKey | Uint8Array): Uint8Array {
  return key instanceof Uint8Array ? key : encodePublicKey(key);
}

interface ParsedLine {
  readonly fields: Omit<KnownHostsEntry, 'file' | 'line'>;
  readonly matches: HostMatcher;
}

const markers: Readonly<Record<string, KnownHostsEntry['marker']>> = {
  '@revoked': 'revoked',
  '@cert-authority': 'certAuthority',
};

/** Undefined for an empty line or a comment, the reason for a malformed one. */
function parseLine(content: string): ParsedLine | string | undefined {
  const fields = content.split(/[ \t]+/).filter((field) => field !== '');
  const first = fields[0];
  if (first === undefined || first.startsWith('#')) return undefined;
  const marked = first.startsWith('@');
  if (marked && !Object.hasOwn(markers, first)) return `the marker ${quoted(first)} is not known`;
  const marker = marked ? markers[first] : undefined;
  const [hosts, keyType, keyText, ...comment] = marked ? fields.slice(1) : fields;
  if (hosts === undefined || keyType === undefined || keyText === undefined) {
    return 'the line is cut off: hosts, type and key are wanted';
  }
  if (hosts.startsWith('@')) return 'two markers in one line';
  if (/^\d+$/.test(keyType)) return 'a key of version 1 of SSH';
  const matches = hostMatcher(hosts);
  if (matches === undefined) return 'the hashed host is malformed';
  const blob = base64Decode(keyText);
  if (blob === undefined) return 'the key is not base64';
  const fault = blobFault(blob, keyType);
  if (fault !== undefined) return fault;
  return { fields: { marker, hosts, keyType, blob, comment: comment.join(' ') }, matches };
}

/** Keys of types this library does not have are kept: that a host has one is worth knowing. */
function blobFault(blob: Uint8Array, keyType: string): string | undefined {
  try {
    const type = new WireReader(blob).name();
    if (type !== keyType) return `the key is of type ${quoted(type)}, the line says ${quoted(keyType)}`;
    decodePublicKey(blob, { rsaMinimumBits: 1, rsaMaximumBits: 16_384 });
    return undefined;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return error.code === 'ERR_SSH_KEY_UNSUPPORTED' ? undefined : error.message;
  }
}
