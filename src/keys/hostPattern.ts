/**
 * Names of hosts in known_hosts.
 *
 * Owns: the spelling of host and port, patterns with `*`, `?` and `!`, hashed
 * names (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
 * Must not know: keys, lines.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { equalBytes, utf8Encode } from '../base/bytes.ts';
import { base64Decode, base64Encode } from './base64.ts';

/** Bytes of an SHA-1 hash, and of the salt beside it. */
export const hashedNameLength = 20;

/** How a host is spelt in the file: the name alone for port 22, else `[name]:port`. */
export function hostSpelling(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Decides whether a spelling as from `hostSpelling` is meant. */
export type HostMatcher = (spelling: string) => boolean;

/** The matcher of a line's first field; undefined for a hashed name that is malformed. */
export function hostMatcher(field: string): HostMatcher | undefined {
  if (field.startsWith('|')) return hashedMatcher(field);
  const patterns = field.toLowerCase().split(',');
  const refusing = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const accepting = patterns.filter((pattern) => pattern !== '' && !pattern.startsWith('!'));
  return (spelling) =>
    accepting.some((pattern) => matchesPattern(spelling, pattern)) &&
    !refusing.some((pattern) => matchesPattern(spelling, pattern));
}

/** The first field of a line that hides its host: `|1|salt|hash`, HMAC-SHA-1 of the spelling. */
export function hashSpelling(spelling: string, salt: Uint8Array): string {
  return `|1|${base64Encode(salt)}|${base64Encode(hmac(sha1, salt, utf8Encode(spelling)))}`;
}

/** `*` stands for any characters, `?` for one. Takes time in proportion to both lengths at worst. */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let inPattern = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (at < text.length) {
    const wanted = pattern[inPattern];
    if (wanted === '*') {
      starAt = inPattern++;
      resumeAt = at;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[at])) {
      at++;
      inPattern++;
    } else if (starAt >= 0) {
      inPattern = starAt + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
}

function hashedMatcher(field: string): HostMatcher | undefined {
  const [empty, magic, saltText = '', hashText = '', ...rest] = field.split('|');
  if (empty !== '' || magic !== '1' || rest.length > 0) return undefined;
  const salt = base64Decode(saltText);
  const hash = base64Decode(hashText);
  if (salt?.length !== hashedNameLength || hash?.length !== hashedNameLength) return undefined;
  return (spelling) => equalBytes(hmac(sha1, salt, utf8Encode(spelling)), hash);
}
