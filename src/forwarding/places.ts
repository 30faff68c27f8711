/**
 * Where forwarded connections come from and go to.
 *
 * Owns: the places that a caller names, their checks, what an empty address and
 * `*` mean, and when two spellings can mean the same address.
 * Must not know: sockets, channels.
 * Sources: RFC 4254 §7.1 (addresses to bind), ssh(1) -L and -R.
 */
import { SshError } from '../base/errors.ts';

/** A TCP address to listen on. */
export interface ListenTcp {
  /**
   * An address or name; by default `127.0.0.1` here, and `localhost` on a server. `''`, `'*'` and `'0.0.0.0'` are
   * all addresses of the machine, `'::'` those of IPv6.
   */
  readonly host?: string | undefined;
  /** 0 for any free port. */
  readonly port: number;
  /** Tells the two places apart. */
  readonly path?: undefined;
}

/** A unix socket to listen on. */
export interface ListenPath {
  /** At most 107 bytes. */
  readonly path: string;
  /** Permissions of the socket; 0o600 by default. A server has its own. */
  readonly mode?: number | undefined;
  /** Removes a socket that lies there. Anything else that lies there is left alone. `false` */
  readonly unlink?: boolean | undefined;
  /** Tells the two places apart. */
  readonly host?: undefined;
  /** Tells the two places apart. */
  readonly port?: undefined;
}

/** Where to listen. */
export type ListenPlace = ListenTcp | ListenPath;

/** A TCP address to connect to. */
export interface TargetTcp {
  /** A name or an address; the side that connects looks it up. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** Tells the two places apart. */
  readonly path?: undefined;
}

/** A unix socket to connect to. */
export interface TargetPath {
  /** At most 107 bytes. */
  readonly path: string;
  /** Tells the two places apart. */
  readonly host?: undefined;
  /** Tells the two places apart. */
  readonly port?: undefined;
}

/** Where to connect to. */
export type TargetPlace = TargetTcp | TargetPath;

/** Bytes that the path of a unix socket has room for (unix(7)), its zero not counted. */
const longestPath = 107;
const longestHost = 1024;

/** The address that is bound here where none is named. */
export const loopback = '127.0.0.1';

/** The address that a server is asked to bind where none is named: the loopback addresses it has (RFC 4254 §7.1). */
export const remoteLoopback = 'localhost';

/**
 * Checks a place to listen on.
 *
 * @param defaultHost where none is named
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkListen(what: string, place: unknown, defaultHost: string): ListenPlace {
  const fields = objectOf(what, place);
  if (fields['path'] !== undefined) {
    const { path, mode, unlink } = fields;
    refuseOthers(what, fields, ['path', 'mode', 'unlink']);
    if (mode !== undefined && !(Number.isInteger(mode) && Number(mode) >= 0 && Number(mode) <= 0o777)) {
      throw wrong(`${what}.mode must be a number from 0 to 0o777, not ${typeName(mode)}`);
    }
    if (unlink !== undefined && typeof unlink !== 'boolean') {
      throw wrong(`${what}.unlink must be true or false, not ${typeName(unlink)}`);
    }
    return {
      path: checkPath(what, path),
      ...(mode === undefined ? {} : { mode: Number(mode) }),
      ...(unlink === undefined ? {} : { unlink }),
    };
  }
  refuseOthers(what, fields, ['host', 'port']);
  const { host = defaultHost, port } = fields;
  if (typeof host !== 'string') throw wrong(`${what}.host must be text, not ${typeName(host)}`);
  checkHostText(what, host);
  return { host, port: checkPort(what, port, 0) };
}

/**
 * Checks a place to connect to.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkTarget(what: string, place: unknown): TargetPlace {
  const fields = objectOf(what, place);
  if (fields['path'] !== undefined) {
    refuseOthers(what, fields, ['path']);
    return { path: checkPath(what, fields['path']) };
  }
  refuseOthers(what, fields, ['host', 'port']);
  const { host, port } = fields;
  if (typeof host !== 'string' || host === '') {
    throw wrong(`${what}.host must be a name or an address, not ${host === '' ? 'empty' : typeName(host)}`);
  }
  checkHostText(what, host);
  return { host, port: checkPort(what, port, 1) };
}

/** A place as people write it: `host:port`, `[v6]:port`, or a path. */
export function placeText(place: ListenPlace | TargetPlace): string {
  if (place.path !== undefined) return place.path;
  const host = place.host ?? loopback;
  const shown = host === '' ? '*' : host.includes(':') ? `[${host}]` : host;
  return `${shown}:${place.port}`;
}

/**
 * The address that is asked of a server. RFC 4254 §7.1 has an empty address for
 * all, and `localhost` for the loopback addresses of both families.
 */
export function addressToBind(host: string): string {
  if (host === '*') return '';
  return host;
}

/** Whether a server that names `told` can mean the address that was asked for. */
export function canMean(asked: string, told: string): boolean {
  return asked === told || kindOf(asked) === kindOf(told);
}

function kindOf(host: string): string {
  switch (host.toLowerCase()) {
    case '':
    case '*':
    case '0.0.0.0':
    case '::':
      return 'all addresses';
    case 'localhost':
    case '127.0.0.1':
    case '::1':
      return 'loopback';
    default:
      return host.toLowerCase();
  }
}

function objectOf(what: string, place: unknown): Readonly<Record<string, unknown>> {
  if (typeof place === 'object' && place !== null) return place as Record<string, unknown>;
  throw wrong(`${what} must be { host, port } or { path }, not ${typeName(place)}`);
}

function refuseOthers(
  what: string,
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || known.includes(name)) continue;
    throw wrong(`${what} has no option ${JSON.stringify(name)}; it takes ${known.join(', ')}`);
  }
}

function checkPort(what: string, port: unknown, lowest: number): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= lowest && port <= 65_535) return port;
  const got = typeof port === 'number' ? String(port) : typeName(port);
  throw wrong(`${what}.port must be a number from ${lowest} to 65535, not ${got}`);
}

function checkPath(what: string, path: unknown): string {
  if (typeof path !== 'string' || path === '') {
    throw wrong(
      `${what}.path must be the path of a unix socket, not ${path === '' ? 'empty' : typeName(path)}`,
    );
  }
  if (path.includes('\0')) throw wrong(`${what}.path must not contain a zero byte`);
  if (path.length > longestPath) {
    throw wrong(`${what}.path has ${path.length} characters; a unix socket takes ${longestPath}`);
  }
  return path;
}

function checkHostText(what: string, host: string): void {
  if (host.length > longestHost)
    throw wrong(`${what}.host has ${host.length} characters; at most ${longestHost}`);
  if (/[\0-\x20\x7f]/.test(host)) throw wrong(`${what}.host contains a space or a control character`);
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'undefined' ? 'undefined' : `a value of type ${typeof value}`;
}

function wrong(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user' });
}
