/**
 * URIs that name a server: `ssh://[user@]host[:port]`.
 *
 * Owns: the parsing of them, and how one is shown without a password in it.
 * Must not know: options, defaults.
 * Sources: RFC 3986; draft-ietf-secsh-scp-sftp-ssh-uri; RFC 6874 (zones of IPv6
 * addresses). As with ssh, parameters behind the user are read over, and there
 * is no path.
 */
import { escapeText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';

export interface UriParts {
  readonly username: string | undefined;
  /** `host[:port]`, an IPv6 address in brackets. */
  readonly hostPort: string;
}

/** Whether a text begins as a URI does, of whatever scheme. */
export function isUri(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/**
 * Takes an `ssh://` URI apart.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseSshUri(text: string): UriParts {
  const uri = shownTarget(text);
  const [, scheme = '', userInfo, hostPort = '', path = ''] =
    /^([^:]*):\/\/(?:([^/?#]*)@)?([^/?#]*)(.*)$/s.exec(text) ?? [];
  if (!/^ssh$/i.test(scheme)) throw optionsError(`${uri} is not an ssh URI; write ssh://[user@]host[:port]`);
  if (path !== '' && path !== '/') {
    throw optionsError(`${uri} has more than a user, a host and a port; an ssh URI ends there`);
  }
  return {
    username: userInfo === undefined ? undefined : userOf(userInfo, uri),
    hostPort: hostPort.replace(/^(\[[^\]]*)%25/, '$1%'),
  };
}

/** A target for a message: quoted, escaped, and without the password that may stand behind the user. */
export function shownTarget(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const harmless = text.slice(scheme.length).replace(/^([^:@]*):.*@/s, '$1:…@');
  return `"${escapeText(scheme + harmless, 300)}"`;
}

function userOf(userInfo: string, uri: string): string {
  const [encoded = ''] = userInfo.split(';');
  if (encoded.includes(':')) {
    throw optionsError(
      `${uri} has a password in it, and that is no place for one: it is asked for, or use a key`,
    );
  }
  const username = percentDecoded(encoded);
  if (username === undefined || username === '' || escapeText(username, 300) !== username) {
    throw optionsError(`${uri} names no user before its @`);
  }
  return username;
}

/** Undefined for what is no percent-encoding of UTF-8. */
function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
