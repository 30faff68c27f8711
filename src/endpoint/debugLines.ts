/**
 * Lines that tell people what a connection does.
 *
 * Owns: their words.
 * Must not know: who reads them.
 */
import { escapeLines } from '../base/bytes.ts';
import type { TransportEvent } from '../transport/events.ts';

/** What a key exchange agreed on: never a secret. */
export function keysExchangedLine({
  negotiated,
  strict,
}: TransportEvent & { readonly type: 'keyExchanged' }): string {
  const { kex, hostKey, clientToServer, serverToClient } = negotiated;
  const ciphers = [clientToServer, serverToClient].map(({ cipher, mac }) =>
    mac === undefined ? cipher : `${cipher} ${mac}`,
  );
  return `keys exchanged: ${kex}, ${hostKey}, ${[...new Set(ciphers)].join(' / ')}${strict ? ', strict' : ''}, SSH2_MSG_NEWKEYS sent and received`;
}

/** What a server was asked for and what it chose, in the words of OpenSSH, which scripts look for; undefined where it chose nothing. */
export function chosenGroupLine({
  group,
}: TransportEvent & { readonly type: 'keyExchanged' }): string | undefined {
  if (group === undefined) return undefined;
  const { request, bits, bitsSet } = group;
  const { min, n, max } = request;
  return `SSH2_MSG_KEX_DH_GEX_REQUEST(${min}<${n}<${max}) sent, bits set: ${bitsSet}/${bits}`;
}

/** A banner for people. */
export function bannerText({
  message,
  isCut,
}: {
  readonly message: string;
  readonly isCut: boolean;
}): string {
  const text = escapeLines(message);
  return isCut ? `${text}\n[the banner is longer; the rest was cut off, see limits.bannerBytes]\n` : text;
}
