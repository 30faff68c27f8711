/**
 * Names of hosts in known_hosts.
 *
 * Owns: the spelling of host and port, which hosts a list of patterns means
 * (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
 * Must not know: keys, lines, names that are hidden.
 *
 * Spellings and patterns have a character for each byte, as OpenSSH sees them:
 * `?` stands for one byte, and only the letters of ASCII have case.
 */

import { canonicalAddress } from '../../base/addresses.ts';
import { asciiLowerCase, latin1Decode, utf8Encode } from '../../base/bytes.ts';
import { port as anyPort, anyText, checkArgument } from '../../base/optionChecks.ts';
import { matchesPattern } from '../../base/wildcards.ts';

/**
 * How a host is spelt in the file: the name alone for port 22, else
 * `[name]:port`, with a numeric address in its one form. No two hosts, and no two
 * ports of one, have the same spelling.
 */
export function hostSpelling(host: string, port: number): string {
  checkArgument('the host to look up', host, anyText);
  checkArgument('the port to look up', port, anyPort);
  const name = asciiLowerCase(byteForm(canonicalAddress(host) ?? host));
  // What has brackets itself would otherwise look like a host with a port.
  return port === 22 && !/[[\]]/.test(name) ? name : `[${name}]:${port}`;
}

/** A text with a character for each byte of its UTF-8. */
export function byteForm(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : latin1Decode(utf8Encode(text));
}

/** Decides whether a spelling as from `hostSpelling` is meant. */
export type HostMatcher = (spelling: string) => boolean;

/** The names of a first field without patterns; undefined where one of them is a pattern or excludes hosts. */
export function plainNames(field: string): readonly string[] | undefined {
  if (/^[^*?!,A-Z]+$/.test(field)) return [field];
  if (/[*?!]/.test(field)) return undefined;
  return asciiLowerCase(field)
    .split(',')
    .filter((name) => name !== '');
}

/** The matcher of a first field that does not hide its host. */
export function hostMatcher(field: string): HostMatcher {
  const patterns = asciiLowerCase(field).split(',');
  const refusing = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const accepting = patterns.filter((pattern) => pattern !== '' && !pattern.startsWith('!'));
  return (spelling) =>
    accepting.some((pattern) => matchesPattern(spelling, pattern)) &&
    !refusing.some((pattern) => matchesPattern(spelling, pattern));
}
