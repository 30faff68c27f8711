/**
 * Names of hosts and users, ports, places to jump over.
 *
 * Owns: which names are refused because a shell would read more than a name in
 * them; `user@host:port`, `[address]:port` and `ssh://`.
 * Must not know: who is dialled.
 * Sources: ssh_config(5), ProxyJump; draft-ietf-secsh-scp-sftp-ssh-uri-04.
 */
import { wholeNumber } from './values.ts';

/** The port of a service by its name, of the machine's list. */
export type Services = (name: string) => number | undefined;

/** A number from 0 to 65535, or the name of a service. */
export function portNumber(text: string, services: Services): number | undefined {
  return wholeNumber(text, 0, 65_535) ?? services(text);
}

/** Whether a name can stand in a command line without being read as more. */
export function isHostName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name !== '' && !name.startsWith('-') && !/['`"$\\;&<>|(){},\s\x00-\x1f\x7f]/.test(name);
}

/** The same of the name of a user, which may have more in it. */
export function isUserName(name: string): boolean {
  if (name.startsWith('-') || name.endsWith('\\')) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/['`";&<>|(){}\x00-\x1f\x7f]/.test(name) && !/[ \t\n\v\f\r]-/.test(name);
}

/** Why a text is no domain name; undefined where it is one. */
export function domainFault(name: string): string | undefined {
  if (name === '') return 'the name of a domain is empty';
  if (!/^[a-z0-9_]/i.test(name)) return 'the name of a domain begins with a letter or a digit';
  if (name.includes('..')) return 'the name of a domain has two dots side by side';
  if (!/^[a-z0-9_.-]+$/i.test(name)) return 'the name of a domain has letters, digits, -, _ and dots only';
  return undefined;
}

/** A host on the way. */
export interface Place {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads `[user@]host[:port]` or `ssh://[user@]host[:port]`; undefined for what is neither. */
export function parsePlace(text: string, services: Services): Place | undefined {
  return text.startsWith('ssh://') ? parseUri(text.slice(6), services) : parseAccount(text, services);
}

function parseAccount(text: string, services: Services): Place | undefined {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user === '') return undefined;
  const [host, delimiter, behind] = hostAndRest(text.slice(at + 1)) ?? [];
  if (host === undefined || host === '' || delimiter === '/') return undefined;
  if (behind === undefined || behind === '') return { user, host: unbracketed(host), port: undefined };
  const port = portNumber(behind, services);
  return port === undefined || port === 0 ? undefined : { user, host: unbracketed(host), port };
}

function parseUri(text: string, services: Services): Place | undefined {
  const at = text.indexOf('@');
  const user = at < 0 ? undefined : urlDecoded(text.slice(0, at).replace(/;.*$/s, ''));
  if (at >= 0 && (user === undefined || user === '')) return undefined;
  const [written, delimiter, behind] = hostAndRest(text.slice(at + 1)) ?? [];
  if (written === undefined || written === '') return undefined;
  // A dot at its end is dropped, as from every domain.
  const host = unbracketed(written);
  if (domainFault(host) !== undefined) return undefined;
  const place = { user, host: host.replace(/\.$/, ''), port: undefined };
  if (behind === undefined || behind === '') return place;
  // A path has no meaning for a place.
  if (delimiter === '/') return undefined;
  const [portText = '', ...path] = behind.split('/');
  const port = portNumber(portText, services);
  if (port === undefined || port === 0 || path.join('/') !== '') return undefined;
  return { ...place, port };
}

/** A host, what ends it, and what is behind that. */
export function hostAndRest(
  text: string,
): readonly [host: string, delimiter: string, behind: string | undefined] | undefined {
  const close = text.startsWith('[') ? text.indexOf(']') : undefined;
  if (close === -1) return undefined;
  const found = close === undefined ? text.search(/[:/]/) : close + 1;
  const end = found < 0 ? text.length : found;
  const delimiter = text.charAt(end);
  if (delimiter === '') return [text, '', undefined];
  return delimiter === ':' || delimiter === '/'
    ? [text.slice(0, end), delimiter, text.slice(end + 1)]
    : undefined;
}

/** An address without its square brackets. */
export function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function urlDecoded(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})|%00/i.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

const numeric = /^[0-9.]*$/;

/** A host as a place writes it: an address in brackets. */
export function placeHost(host: string): string {
  return host.includes(':') || numeric.test(host) ? `[${host}]` : host;
}

/** Whether a name can only be an address, as its signs tell. */
export function looksLikeAddress(name: string): boolean {
  return name.includes('%') || name.includes(':') || numeric.test(name);
}
