/**
 * Channels that are refused.
 *
 * Owns: RFC 4254 §5.1: the reasons in words, the refusal of the peer's.
 * Must not know: channels.
 */
import { escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { channelOpenFailure, channelOpenFailureReasons } from '../message/channel.ts';
import type { Transport } from '../transport/transport.ts';

/** `description` is the peer's and not escaped yet. */
export function openFailureError(channelType: string, reasonCode: number, description: string): SshError {
  return new SshError(
    'ERR_SSH_CHANNEL_OPEN_FAILED',
    `the server refused a ${channelType} channel (${reasonName(reasonCode)}): ${escapeText(description)}`,
    { channelOpenReason: reasonCode },
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
