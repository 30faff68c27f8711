/**
 * Whom to connect to, as a person types it: `[user@]host[:port]`.
 *
 * Owns: the parsing of it; IPv6 addresses stand in brackets where a port follows.
 * Must not know: options, defaults.
 */
import { escapeText } from '../base/bytes.ts';
import { optionsError } from './optionErrors.ts';

export interface Target {
  readonly username: string | undefined;
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Reads `[user@]host[:port]`. The user ends at the last `@`. What holds several
 * colons and no brackets is an IPv6 address without a port.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseTarget(text: string): Target {
  const at = text.lastIndexOf('@');
  const username = at < 0 ? undefined : text.slice(0, at);
  if (username === '') throw optionsError(`there is no user before the @ of ${shown(text)}`);
  return { username, ...parseHostPort(text.slice(at + 1), text) };
}

/**
 * A port as a person types it.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw optionsError(`${shown(text)} is no port; ports are 1 to 65535`);
  return port;
}

function parseHostPort(rest: string, whole: string): { host: string; port: number | undefined } {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(rest);
  const plain = /^([^:[\]]+)(?::([^:]*))?$/.exec(rest);
  const [, host, port] = bracketed ?? plain ?? ipv6Address(rest) ?? [];
  if (host === undefined || /\s/.test(host) || escapeText(host, 300) !== host) {
    throw optionsError(
      `${shown(whole)} is no [user@]host[:port]; an IPv6 address with a port is [address]:port`,
    );
  }
  return { host, port: port === undefined ? undefined : parsePort(port) };
}

function ipv6Address(text: string): readonly string[] | undefined {
  return /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[\w.-]+)?$/.test(text) ? [text, text] : undefined;
}

function shown(text: string): string {
  return JSON.stringify(text);
}
