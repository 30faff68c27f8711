/**
 * Where forwarded connections come from and go to.
 *
 * Owns: the places that a caller names, their checks, what an empty address and
 * `*` mean, and when two spellings can mean the same address.
 * Must not know: sockets, channels.
 * Sources: RFC 4254 §7.1 (addresses to bind), ssh(1) -L and -R.
 */
import { utf8Encode } from '../base/bytes.ts';
import {
  anyObject,
  port as anyPort,
  anyText,
  checkArgument,
  checkOptions,
  describeValue,
  flag,
  type OptionSet,
  type OptionTable,
  optionsError,
  someText,
  wholeNumber,
} from '../base/optionChecks.ts';

/** A TCP address to listen on. */
export interface ListenTcp {
  /**
   * An address or name. `localhost` is the loopback address of both families, `''` and `'*'`
   * are all addresses of the machine, `'0.0.0.0'` those of IPv4, and `'::'` those of IPv6, or
   * of both on systems that join them. Default: `127.0.0.1` here, `localhost` on a server.
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
  /** Permissions of the socket on this machine; a server chooses its own. Default: 0o600. */
  readonly mode?: number | undefined;
  /** Removes a socket that is in the way, but nothing else. Default: `false`. */
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

const listenTcp: OptionTable<Pick<ListenTcp, 'host' | 'port'>> = {
  host: anyText,
  port: wholeNumber(0, 65_535),
};

const listenPath: OptionTable<Pick<ListenPath, 'path' | 'mode' | 'unlink'>> = {
  path: someText,
  mode: wholeNumber(0, 0o777, 'a whole number from 0 to 0o777'),
  unlink: flag,
};

const targetTcp: OptionTable<Pick<TargetTcp, 'host' | 'port'>> = { host: someText, port: anyPort };

const targetPath: OptionTable<Pick<TargetPath, 'path'>> = { path: someText };

/**
 * Checks a place to listen on.
 *
 * @param what for messages: `from`
 * @param defaultHost where none is named
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkListen(what: string, place: unknown, defaultHost: string): ListenPlace {
  const fields = objectOf(what, place);
  const { path, mode, unlink, host, port } = fields as {
    path?: string;
    mode?: number;
    unlink?: boolean;
    host?: string;
    port?: number;
  };
  if (path !== undefined) {
    checkFields(what, fields, listenPath);
    return {
      path: checkedPath(what, path),
      ...(mode === undefined ? {} : { mode }),
      ...(unlink === undefined ? {} : { unlink }),
    };
  }
  checkFields(what, fields, listenTcp);
  checkArgument(`${what}.port`, port, listenTcp.port);
  return { host: checkedHost(what, host ?? defaultHost), port: port as number };
}

/**
 * Checks a place for a server to listen on.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkListenThere(what: string, place: unknown): ListenPlace {
  const checked = checkListen(what, place, remoteLoopback);
  const ofThisSide = checked.path === undefined ? undefined : socketOptions.find((name) => name in checked);
  if (ofThisSide === undefined) return checked;
  throw optionsError(
    `${what}.${ofThisSide} is for a socket of this machine; the server decides that about its own (sshd: StreamLocalBindMask, StreamLocalBindUnlink)`,
  );
}

/** What only who makes a socket can obey. */
const socketOptions = ['mode', 'unlink'] as const satisfies readonly (keyof ListenPath)[];

/**
 * Checks a place to connect to.
 *
 * @param what for messages: `to`
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkTarget(what: string, place: unknown): TargetPlace {
  const fields = objectOf(what, place);
  const { path, host, port } = fields as { path?: string; host?: string; port?: number };
  if (path !== undefined) {
    checkFields(what, fields, targetPath);
    return { path: checkedPath(what, path) };
  }
  checkFields(what, fields, targetTcp);
  checkArgument(`${what}.host`, host, targetTcp.host);
  checkArgument(`${what}.port`, port, targetTcp.port);
  return { host: checkedHost(what, host as string), port: port as number };
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

type Fields = Readonly<Record<string, unknown>>;

function objectOf(what: string, place: unknown): Fields {
  if (anyObject.accepts(place)) return place as Fields;
  throw optionsError(`${what} must be { host, port } or { path }, not ${describeValue(place)}`);
}

/** A field that is not given may be there as `undefined`, also one of the other kind of place. */
function checkFields(what: string, fields: Fields, table: OptionSet['table']): void {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  checkOptions(given, { of: what, table, prefix: `${what}.` });
}

function checkedPath(what: string, path: string): string {
  if (path.includes('\0')) throw optionsError(`${what}.path has a NUL character in it`);
  // The system counts bytes, and may cut off what is beyond.
  const { length } = utf8Encode(path);
  if (length <= longestPath) return path;
  throw optionsError(`${what}.path has ${length} bytes; a unix socket takes ${longestPath}`);
}

function checkedHost(what: string, host: string): string {
  if (host.length > longestHost) {
    throw optionsError(`${what}.host has ${host.length} characters; it may have ${longestHost}`);
  }
  if (/[\0-\x20\x7f]/.test(host)) {
    throw optionsError(`${what}.host has a space or a control character in it`);
  }
  // The brackets belong to the text of an address and a port, and people bring them along.
  return /^\[([^[\]]*:[^[\]]*)\]$/.exec(host)?.[1] ?? host;
}
