/**
 * A display, as `DISPLAY` names it, and the cookie that is kept for it.
 *
 * Owns: the reading of both.
 * Must not know: channels, files.
 * Sources: X(7), "Display names"; Xsecurity(7) and Xau for the file.
 */
import { equalBytes, quotedText, utf8Encode } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { TargetPlace } from '../../forwarding/places.ts';
import { cookieProtocol } from './setup.ts';

export interface Display {
  readonly place: TargetPlace;
  /** Empty for the display of this machine. */
  readonly host: string;
  readonly number: number;
  readonly screen: number;
}

/** Where the first display listens for TCP. */
const firstPort = 6000;

/**
 * Reads `[host]:number[.screen]`, `unix:…` or the path of a socket.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseDisplay(text: string): Display {
  const [, before = '', digits, screen = '0'] = /^(.*):(\d{1,5})(?:\.(\d{1,5}))?$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits === undefined || number > 65_535 - firstPort) {
    throw optionsError(`${quotedText(text)} is not a display, such as :0 or host:10.0`);
  }
  if (before.startsWith('/')) {
    return { place: { path: `${before}:${digits}` }, host: '', number, screen: Number(screen) };
  }
  const isLocal = before === '' || before === 'unix';
  const host = isLocal ? '' : before.replace(/^\[(.*)\]$/, '$1');
  const place = isLocal ? { path: `/tmp/.X11-unix/X${number}` } : { host, port: firstPort + number };
  return { place, host, number, screen: Number(screen) };
}

/** Families of addresses in the file. */
const families = { local: 256, wild: 65_535 } as const;

/**
 * The cookie of a display in an authority file; undefined where it has none. The file is
 * the user's own: what is damaged in it is passed over with all that follows.
 */
export function cookieFor({ host, number }: Display, file: Uint8Array): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let at = 0;
  const part = (): Uint8Array | undefined => {
    if (at + 2 > file.length) return undefined;
    const length = view.getUint16(at);
    const start = at + 2;
    at = start + length;
    return at > file.length ? undefined : file.slice(start, at);
  };
  while (at + 2 <= file.length) {
    const family = view.getUint16(at);
    at += 2;
    const [address, own, name, data] = [part(), part(), part(), part()];
    if (address === undefined || own === undefined || name === undefined || data === undefined)
      return undefined;
    const isThere =
      host === ''
        ? family === families.local || family === families.wild
        : equalBytes(address, utf8Encode(host));
    const isIt = own.length === 0 || equalBytes(own, utf8Encode(String(number)));
    if ((isThere || family === families.wild) && isIt && equalBytes(name, utf8Encode(cookieProtocol)))
      return data;
  }
  return undefined;
}

/** A cookie as people write it: hexadecimal. @throws SshError `ERR_SSH_OPTIONS`, which does not repeat it */
export function parseCookie(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}){8,64}$/i.test(text))
    throw optionsError('x11.cookie must be hexadecimal, of 8 to 64 bytes');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
