/**
 * Whom to connect to, as a person types it: `[user@]host[:port]`, or an ssh URI.
 *
 * Owns: the parsing of it; IPv6 addresses stand in brackets where a port follows.
 * The hint for a `host` that is more than a host.
 * Must not know: defaults, the other options.
 */
import { escapeText, quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { isUri, parseSshUri, shownTarget } from './sshUri.ts';

export interface Target {
  readonly username: string | undefined;
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Reads `[user@]host[:port]` or `ssh://[user@]host[:port]`. The user ends at the
 * last `@`. What holds several colons and no brackets is an IPv6 address without
 * a port; a URI has it in brackets.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseTarget(text: string): Target {
  if (isUri(text)) {
    const { username, hostPort } = parseSshUri(text);
    return { username, ...parseHostPort(hostPort, text) };
  }
  const at = text.lastIndexOf('@');
  const username = at < 0 ? undefined : text.slice(0, at);
  if (username === '') throw optionsError(`there is no user before the @ of ${quotedText(text)}`);
  return { username, ...parseHostPort(text.slice(at + 1), text) };
}

/**
 * Refuses what is more than the name or the address of a host, and says what the options would be.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkHost(host: string): void {
  // Of the names of hosts, only an IPv6 address has colons, and it has several.
  const isMore = /[@/[\]]/.test(host) || /^[^:]*:[^:]*$/.test(host);
  if (!isMore) return;
  const refusal = `host must be the name or the address of a host alone, not ${shownTarget(host)}`;
  let target: Target;
  try {
    target = parseTarget(host);
  } catch {
    throw optionsError(refusal);
  }
  const { username, port } = target;
  // A password that came along is not repeated.
  if (username?.includes(':') === true) throw optionsError(refusal);
  const parts = [
    ...(username === undefined ? [] : [`username: ${quotedText(username)}`]),
    `host: ${quotedText(target.host)}`,
    ...(port === undefined ? [] : [`port: ${port}`]),
  ];
  throw optionsError(`${refusal}; you probably mean { ${parts.join(', ')} }`);
}

/**
 * A port as a person types it.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw optionsError(`${quotedText(text)} is not a port; ports are 1 to 65535`);
  return port;
}

function parseHostPort(rest: string, whole: string): { host: string; port: number | undefined } {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(rest);
  const plain = /^([^:[\]/]+)(?::([^:]*))?$/.exec(rest);
  const [, host, port] = bracketed ?? plain ?? ipv6Address(rest) ?? [];
  if (host === undefined || /\s/.test(host) || escapeText(host, 300) !== host) {
    throw optionsError(
      `${shownTarget(whole)} is no [user@]host[:port]; an IPv6 address with a port is [address]:port`,
    );
  }
  return { host, port: port === undefined ? undefined : parsePort(port) };
}

function ipv6Address(text: string): readonly string[] | undefined {
  return /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[\w.~-]+)?$/.test(text) ? [text, text] : undefined;
}
