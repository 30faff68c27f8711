/**
 * The URL of a proxy: `socks5://[user:password@]host[:port]`, `http://…`.
 *
 * Owns: the reading of it, and how a proxy is named without its password.
 * Must not know: how a proxy is spoken to, links.
 * Sources: RFC 3986 §3.2; RFC 1929 §2 (lengths); RFC 7617 §2 (no colon in a user's name).
 */
import { escapeText, utf8Encode } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { type AsciiName, canonicalHost } from './hostName.ts';

/** Where a proxy is and how it is asked. */
export interface ProxyPlace {
  readonly kind: 'socks5' | 'http';
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** For messages: without user and password. */
  readonly shown: string;
}

const kinds: Readonly<Record<string, { readonly kind: ProxyPlace['kind']; readonly port: number }>> = {
  socks5: { kind: 'socks5', port: 1080 },
  // As curl calls the one where the proxy looks up the names, which this client always leaves to it.
  socks5h: { kind: 'socks5', port: 1080 },
  http: { kind: 'http', port: 80 },
};

/** Bytes of a user's name and of a password in SOCKS 5. */
const longestCredential = 255;

/**
 * @throws SshError `ERR_SSH_OPTIONS`, whose message repeats neither user nor password
 */
export function parseProxy(url: string, asciiName: AsciiName): ProxyPlace {
  const [, scheme = '', userInfo, bracketed, plain = '', port] =
    /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?(?:\[([^\]/?#@]*)\]|([^:/?#@[\]]*))(?::(\d{1,5}))?\/?$/i.exec(
      url,
    ) ?? [];
  const known = kindOf(scheme);
  const host = bracketed ?? plain;
  if (known === undefined || host === '') {
    const named = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(url)?.[0];
    const isOther = named !== undefined && kindOf(named) === undefined;
    const what = isOther ? `, not ${escapeText(named, 40)}://…` : '';
    throw optionsError(`proxy takes socks5://[user:password@]host[:port] or http://…${what}`);
  }
  const portNumber = port === undefined ? known.port : Number(port);
  if (portNumber < 1 || portNumber > 65_535)
    throw optionsError(`proxy has a port from 1 to 65535, not ${portNumber}`);
  const name = canonicalHost(host, asciiName);
  return {
    kind: known.kind,
    host: name,
    port: portNumber,
    credentials: userInfo === undefined ? undefined : credentialsOf(userInfo, known.kind),
    shown: `${scheme.toLowerCase()}://${name.includes(':') ? `[${name}]` : name}:${portNumber}`,
  };
}

function kindOf(scheme: string): { readonly kind: ProxyPlace['kind']; readonly port: number } | undefined {
  const name = scheme.toLowerCase();
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

function credentialsOf(userInfo: string, kind: ProxyPlace['kind']): { username: string; password: string } {
  const colon = userInfo.indexOf(':');
  const username = decoded(colon < 0 ? userInfo : userInfo.slice(0, colon));
  const password = decoded(colon < 0 ? '' : userInfo.slice(colon + 1));
  if (username === '') throw optionsError('proxy has an @ and no user before it');
  if (kind === 'http' && username.includes(':')) {
    throw optionsError('a web proxy takes no user whose name has a colon');
  }
  const longest = Math.max(utf8Encode(username).length, utf8Encode(password).length);
  if (kind === 'socks5' && longest > longestCredential) {
    throw optionsError(`a SOCKS proxy takes users and passwords of ${longestCredential} bytes at most`);
  }
  return { username, password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw optionsError('user and password of proxy are percent-encoded; write %25 for %');
  }
}
