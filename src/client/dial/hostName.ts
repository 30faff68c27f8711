/**
 * The name of a host, in one spelling.
 *
 * Owns: what counts as the name of a host, and the spelling under which
 * everything else sees it: the dial, known_hosts, certificates, reports. So a
 * name that is not ASCII has gone through IDNA before anybody writes it down,
 * and no name can carry anything that a terminal would obey.
 * Must not know: how IDNA is done (the platform does it), who looks a host up.
 */
import { canonicalAddress } from '../../base/addresses.ts';
import { escapeText, quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';

/** Characters of a name. DNS ends at 255; names of other kinds get as many as names of users. */
const longestName = 1024;

/** A name in ASCII by IDNA (UTS #46), as browsers do it; an empty text where there is none. */
export type AsciiName = (name: string) => string;

/**
 * The spelling of a host under which it is dialled and looked up: a name in
 * ASCII, a numeric address in its one form. Case stays.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what can be the name of no host
 */
export function canonicalHost(host: string, asciiName: AsciiName): string {
  if (host.length > longestName) throw noName(host, `it is longer than ${longestName} characters`);
  const ascii = /^[\0-\x7f]*$/.test(host) ? host : byIdna(host, asciiName);
  if (!/^[!-~]+$/.test(ascii)) throw noName(host, 'it has white space or control characters');
  return canonicalAddress(ascii) ?? ascii;
}

/**
 * What is not a letter, digit, `-`, `_` or `.` is refused before and after: IDNA
 * as browsers do it stops at some signs without a word, decodes `%`, and makes
 * signs such as `*` of characters that look like them.
 */
function byIdna(host: string, asciiName: AsciiName): string {
  const isName = /^[^\0-,/:-@[-^`{-\x7f]+$/.test(host);
  const ascii = isName ? asciiName(host) : '';
  if (!/^(?!\.)[\w.-]{1,255}$/.test(ascii))
    throw noName(host, 'it is not ASCII, and IDNA has no form for it');
  return ascii;
}

/** A host as messages about its key name it, as known_hosts spells it: `[host]:port` for a port other than 22. Escaped. */
export function shownHost({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = escapeText(host, 300);
  return port === 22 ? name : `[${name}]:${port}`;
}

function noName(host: string, why: string): Error {
  return optionsError(`${quotedText(host)} cannot be the name of a host: ${why}`);
}
