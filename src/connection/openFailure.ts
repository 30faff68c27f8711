/**
 * The error of a channel that was refused.
 *
 * Owns: RFC 4254 §5.1's reasons in words.
 * Must not know: channels.
 */
import { escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { channelOpenFailureReasons } from '../message/channel.ts';

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
