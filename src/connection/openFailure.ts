/**
 * Channels that are refused.
 *
 * Owns: RFC 4254 §5.1: the reasons in words, the refusal of the peer's.
 * Must not know: how channels are opened.
 */
import { escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { channelOpenFailure, channelOpenFailureReasons } from '../message/channel.ts';
import type { Transport } from '../transport/transport.ts';
import type { Channel } from './channel.ts';

/**
 * @param description the peer's, not escaped yet
 * @param channels those there are besides
 */
export function openFailureError(
  channelType: string,
  reasonCode: number,
  description: string,
  channels: readonly Channel[],
): SshError {
  const what = `the server refused a ${channelType} channel (${reasonName(reasonCode)})`;
  const words = description === '' ? '' : `: ${escapeText(description)}`;
  const hint = channelType === 'session' ? `; ${sessionHint(channels)}` : '';
  return new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', `${what}${words}${hint}`, {
    channelOpenReason: reasonCode,
  });
}

/** Servers do not say that there are too many: OpenSSH's refusal has the words `open failed`. */
function sessionHint(channels: readonly Channel[]): string {
  const openSessions = channels.filter(({ type, state }) => type === 'session' && state === 'open').length;
  if (openSessions === 0) {
    return 'no other is open on this connection, so it may allow this user none, or have no room for more at present';
  }
  const open = openSessions === 1 ? '1 is' : `${openSessions} are`;
  return (
    `${open} open on this connection, and servers allow a number of them (OpenSSH 10 by default, its MaxSessions): ` +
    'close some, let calls wait for their turn with maxChannels, or connect once more'
  );
}

function reasonName(reasonCode: number): string {
  const entry = Object.entries(channelOpenFailureReasons).find(([, code]) => code === reasonCode);
  return entry === undefined ? `reason ${reasonCode}` : entry[0];
}

/** Refuses a channel that the peer wants to open. */
export function sendOpenFailure(
  transport: Transport,
  recipientChannel: number,
  reasonCode: number,
  description: string,
): void {
  transport.send(channelOpenFailure, { recipientChannel, reasonCode, description, languageTag: '' });
}
