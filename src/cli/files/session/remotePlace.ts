/**
 * Places on a server as people type them: `[user@]host:path`, and URIs with a path.
 *
 * Owns: the parsing of them, as sftp(1) and scp(1) have it.
 * Must not know: what is done with the place.
 * Sources: draft-ietf-secsh-scp-sftp-ssh-uri; RFC 3986.
 */
import { escapeText } from '../../../base/bytes.ts';
import { optionsError } from '../../../base/optionChecks.ts';
import { parsePort } from '../../../client/dial/target.ts';
import { type ByteText, fromText } from '../byteText.ts';
import type { ServerAddress } from './connectionWords.ts';

export interface RemotePlace {
  readonly server: ServerAddress;
  /** Empty where none is named: where the session begins. */
  readonly path: ByteText;
}

/**
 * Reads `[user@]host:path`, with an IPv6 address in brackets, or a URI of one of these schemes.
 *
 * @returns undefined for what is a local path: no colon, or a slash before it
 * @throws SshError `ERR_SSH_OPTIONS` for a URI that cannot be read, or a host that is none
 */
export function parseRemotePlace(text: string, schemes: readonly string[]): RemotePlace | undefined {
  const scheme = schemes.find((name) => text.toLowerCase().startsWith(`${name}://`));
  if (scheme !== undefined) return parseUri(text, scheme);
  const at = colonOf(text);
  if (at === undefined) return undefined;
  const account = text.slice(0, at);
  return { server: serverOf(account, text), path: fromText(text.slice(at + 1)) };
}

/** Reads `[user@]host`, without a path. @throws SshError `ERR_SSH_OPTIONS` */
export function parseServer(text: string): ServerAddress {
  return serverOf(text, text);
}

/** Where the colon is that ends a host. A path begins where a slash comes before it. */
function colonOf(text: string): number | undefined {
  const [bracketed] = /^(?:[^:/[\]]*@)?\[[^\]]*\]/.exec(text) ?? [];
  if (bracketed !== undefined) return text[bracketed.length] === ':' ? bracketed.length : undefined;
  const colon = text.indexOf(':');
  // As with scp, a name that begins with a colon is a local one.
  if (colon <= 0) return undefined;
  return text.slice(0, colon).includes('/') ? undefined : colon;
}

function serverOf(account: string, whole: string): ServerAddress {
  const at = account.lastIndexOf('@');
  const username = at < 0 ? undefined : account.slice(0, at);
  const host = account.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  return { ...checkedServer(username, host, whole), port: undefined };
}

function parseUri(text: string, scheme: string): RemotePlace {
  const [, userInfo, hostPort = '', path = ''] =
    /^(?:([^/?#@]*)@)?([^/?#]*)\/?(.*)$/s.exec(text.slice(scheme.length + 3)) ?? [];
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(hostPort) ?? [];
  // Parameters behind the user are read over, as ssh does.
  const username = userInfo === undefined ? undefined : decoded(userInfo.split(';')[0] ?? '', text);
  const host = (bracketed ?? plain ?? '').replace('%25', '%');
  return {
    server: {
      ...checkedServer(username, host, text),
      port: port === undefined || port === '' ? undefined : parsePort(port),
    },
    path: fromText(decoded(path, text)),
  };
}

function checkedServer(
  username: string | undefined,
  host: string,
  whole: string,
): { readonly host: string; readonly username: string | undefined } {
  const isOdd = (text: string): boolean => /\s/.test(text) || escapeText(text, 300) !== text;
  // What begins with a dash would be an option to a program that is given it.
  if (host === '' || host.startsWith('-') || isOdd(host) || host.includes('/')) {
    throw optionsError(`"${escapeText(withoutPassword(whole), 300)}" names no host`);
  }
  if (username !== undefined && (username === '' || username.startsWith('-') || isOdd(username))) {
    throw optionsError(`"${escapeText(withoutPassword(whole), 300)}" names no user before its @`);
  }
  if (username?.includes(':') === true) {
    throw optionsError('a password has no place in an address; it is asked for, or use a key');
  }
  return { host, username };
}

function withoutPassword(text: string): string {
  return text.replace(/^([a-z]+:\/\/)?([^:@/]*):[^@/]*@/i, '$1$2:…@');
}

function decoded(text: string, whole: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw optionsError(`"${escapeText(withoutPassword(whole), 300)}" has a % that is not a percent-encoding`);
  }
}
