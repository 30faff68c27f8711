/**
 * The display that a command gets.
 *
 * Owns: which one it is and which cookie it wants, from the options or as the user has them.
 * Must not know: channels, how a display is spoken to.
 */
import { optionsError } from '../../base/optionChecks.ts';
import type { X11Options } from '../callOptions.ts';
import type { Platform } from '../platform.ts';
import { cookieFor, type Display, parseCookie, parseDisplay } from './display.ts';

export interface PreparedDisplay {
  readonly display: Display;
  readonly cookie: Uint8Array | undefined;
  readonly acceptFor: number | undefined;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** @throws SshError `ERR_SSH_OPTIONS` where there is no display, or what names it is none */
export async function prepareX11(
  platform: Pick<Platform, 'display' | 'displayCookies' | 'cryptoProvider'>,
  { display: given = platform.display(), cookie, acceptFor }: X11Options,
): Promise<PreparedDisplay> {
  if (given === undefined) throw optionsError('there is no display: DISPLAY is not set; give x11.display');
  const display = parseDisplay(given);
  const { randomBytes } = await platform.cryptoProvider('auto');
  const file = cookie === undefined ? await platform.displayCookies() : undefined;
  const known = file === undefined ? undefined : cookieFor(display, file);
  return {
    display,
    cookie: cookie === undefined ? known : parseCookie(cookie),
    acceptFor,
    randomBytes: (length) => randomBytes(length),
  };
}
