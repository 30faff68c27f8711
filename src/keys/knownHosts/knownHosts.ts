/**
 * The host keys a user trusts, as text.
 *
 * Owns: what the lines of known_hosts say of a host and its key (sshd(8),
 * SSH_KNOWN_HOSTS FILE FORMAT).
 * Must not know: files on disk, connections, what is done about an unknown key.
 */

import { equalBytes, latin1Decode } from '../../base/bytes.ts';
import { anyText, checkArgument, type OptionRule } from '../../base/optionChecks.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { checkFileContent } from '../textLines.ts';
import { byteForm, hostSpelling } from './hostPattern.ts';
import { blobOf, type KnownHostsEntry } from './knownHostsLine.ts';
import { KnownHostsText, type LineKind, type MalformedLine } from './knownHostsText.ts';

export {
  type FormatKnownHostsOptions,
  formatKnownHostsLine,
  type KnownHostsEntry,
} from './knownHostsLine.ts';
export type { MalformedLine } from './knownHostsText.ts';

/**
 * What is known of a host's key.
 * - `trusted`: the key is there.
 * - `changed`: only other keys are there, of whatever type; `entries` are they.
 * - `revoked`: the key must not be used, whatever else the file says.
 * - `certAuthority`: no key of the host itself is there, but authorities whose certificates count are.
 * - `unknown`: nothing is there.
 */
export type KnownHostsResult =
  | {
      /** The key is known for this host. */
      readonly result: 'trusted';
      /** The line that says so. */
      readonly entry: KnownHostsEntry;
    }
  | {
      /** Other keys are known for this host, and this one is not. */
      readonly result: 'changed';
      /** The lines with the other keys. */
      readonly entries: readonly KnownHostsEntry[];
    }
  | {
      /** The key must not be trusted. */
      readonly result: 'revoked';
      /** The line that says so. */
      readonly entry: KnownHostsEntry;
    }
  | {
      /** No key is known, but authorities that may sign one. */
      readonly result: 'certAuthority';
      /** The lines with the authorities. */
      readonly entries: readonly KnownHostsEntry[];
    }
  | {
      /** Nothing is known of this host. */
      readonly result: 'unknown';
    };

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
  private readonly texts: readonly KnownHostsText[];

  private constructor(texts: readonly KnownHostsText[]) {
    this.texts = texts;
  }

  /** Reads a text; never throws for its content. Lines that cannot be read are in `malformed` and never match. */
  static parse(data: Uint8Array | string, file?: string): KnownHosts {
    return finished(KnownHosts.parseInSteps(data, file));
  }

  /** As `parse`, less than a millisecond of work at a time once the bytes are a text: call `next()` until it is done. */
  static parseInSteps(data: Uint8Array | string, file?: string): Generator<void, KnownHosts> {
    checkFileContent('the file of known hosts', data);
    return KnownHosts.readInSteps(typeof data === 'string' ? byteForm(data) : latin1Decode(data), file);
  }

  /** As `parseInSteps`, for a text that has a character for each byte of the file. */
  static *readInSteps(text: string, file?: string): Generator<void, KnownHosts> {
    checkArgument('the text for KnownHosts.readInSteps', text, anyText);
    return new KnownHosts([yield* KnownHostsText.readInSteps(text, file)]);
  }

  /** Several files as one, so that what one of them revokes is revoked. */
  static merge(...all: readonly KnownHosts[]): KnownHosts {
    for (const one of all) checkArgument('each argument of KnownHosts.merge', one, knownHostsRule);
    return new KnownHosts(all.flatMap((one) => one.texts));
  }

  /** All lines that say something of a host. */
  get entries(): readonly KnownHostsEntry[] {
    return this.texts.flatMap((text) => text.entries());
  }

  /** Lines that cannot be read. */
  get malformed(): readonly MalformedLine[] {
    return this.texts.flatMap((text) => text.malformed());
  }

  /**
   * What is known of this key of this host.
   *
   * @param host name or address in any spelling; the case of ASCII does not matter. A name that is not ASCII is
   *   compared byte by byte: give it as IDNA spells it, `domainToASCII` of `node:url`
   * @param key the key the host proved, or its blob. For a certificate, give the
   *   key inside it, and check `certAuthorities` and `revocation` of its signer.
   */
  lookup(host: string, port: number, key: PublicKey | Uint8Array): KnownHostsResult {
    const blob = blobOf(key);
    const revoked = this.revocation(host, port, blob);
    if (revoked !== undefined) return { result: 'revoked', entry: revoked };
    const own = this.ownKeys(host, port);
    const entry = findKey(own, blob);
    if (entry !== undefined) return { result: 'trusted', entry };
    if (own.length > 0) return { result: 'changed', entries: own };
    const bare = findKey(this.matching(hostSpelling(host, 22), 'keys'), blob);
    if (bare !== undefined) return { result: 'trusted', entry: bare };
    const authorities = this.certAuthorities(host, port);
    if (authorities.length > 0) return { result: 'certAuthority', entries: authorities };
    return { result: 'unknown' };
  }

  /**
   * The lines that trust a key of this host under its own spelling: with its port
   * where that is not 22. The keys of the bare host are not among them then.
   */
  ownKeys(host: string, port: number): readonly KnownHostsEntry[] {
    return this.matching(hostSpelling(host, port), 'keys');
  }

  /** The line that revokes this key, a host's own or an authority's, for this host; undefined if none does. */
  revocation(host: string, port: number, key: PublicKey | Uint8Array): KnownHostsEntry | undefined {
    return findKey(this.marked(host, port, 'revoked'), blobOf(key));
  }

  /** The authorities whose certificates count for this host, except those whose own key is revoked. */
  certAuthorities(host: string, port: number): readonly KnownHostsEntry[] {
    return this.notRevoked(host, port, this.marked(host, port, 'certAuthority'));
  }

  /**
   * Types of the keys that are known for this host and not revoked, in the order
   * of the file. A client that asks for these first is offered a key it can check.
   */
  keyTypesFor(host: string, port: number): string[] {
    const own = this.ownKeys(host, port);
    const known = own.length > 0 ? own : this.matching(hostSpelling(host, 22), 'keys');
    return [...new Set(this.notRevoked(host, port, known).map((entry) => entry.keyType))];
  }

  /**
   * The work that look-ups of this host need, less than a millisecond at a time:
   * call `next()` until it is done. Where thousands of names are hidden, a look-up
   * before that does it all at once.
   */
  *searchInSteps(host: string, port: number): Generator<void, void> {
    const own = hostSpelling(host, port);
    const bare = hostSpelling(host, 22);
    for (const spelling of new Set([own, bare])) {
      for (const text of this.texts) yield* text.searchInSteps(spelling, 'marked');
    }
    for (const text of this.texts) yield* text.searchInSteps(own, 'keys');
    // As in `lookup`: the bare host is asked only where nothing is known of the host with its port.
    if (bare === own || this.ownKeys(host, port).length > 0) return;
    for (const text of this.texts) yield* text.searchInSteps(bare, 'keys');
  }

  /** Lines with this marker under the host's spelling with its port and under the bare host. */
  private marked(host: string, port: number, marker: KnownHostsEntry['marker']): KnownHostsEntry[] {
    const spellings = new Set([hostSpelling(host, port), hostSpelling(host, 22)]);
    const all = [...spellings].flatMap((spelling) => this.matching(spelling, 'marked'));
    return [...new Set(all)].filter((entry) => entry.marker === marker);
  }

  private notRevoked(host: string, port: number, entries: readonly KnownHostsEntry[]): KnownHostsEntry[] {
    const revoked = this.marked(host, port, 'revoked');
    return entries.filter((entry) => findKey(revoked, entry.blob) === undefined);
  }

  private matching(spelling: string, kind: LineKind): KnownHostsEntry[] {
    return this.texts.flatMap((text) => text.matching(spelling, kind));
  }
}

function findKey(entries: readonly KnownHostsEntry[], blob: Uint8Array): KnownHostsEntry | undefined {
  return entries.find((entry) => equalBytes(entry.blob, blob));
}

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

const knownHostsRule: OptionRule = {
  takes: 'a KnownHosts',
  accepts: (value) => value instanceof KnownHosts,
};
