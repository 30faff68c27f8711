/**
 * What an error says to a person who uses the command.
 *
 * Owns: that no message names a function or an option of the library, and what
 * the command has in its place.
 * Must not know: where it is printed.
 */
import { messageAlone } from '../base/addressed.ts';
import { SshError } from '../base/errors.ts';

/** The message of an error, with what the command can do about it where that is something. */
export function messageOf(error: unknown): string {
  if (!(error instanceof SshError)) return error instanceof Error ? error.message : String(error);
  const { hint } = error;
  // Anybody who typed the host knows it.
  const message = messageAlone(error);
  if (error.code === 'ERR_SSH_MAX_BUFFER') return message.replace('more than maxBuffer, ', 'more than ');
  if (hint === undefined || !message.endsWith(hint)) return message;
  const alone = message.slice(0, -hint.length).replace(/; $/, '');
  const own = ownHint(error, hint);
  return own === undefined ? alone : `${alone}; ${own}`;
}

function ownHint({ code }: SshError, hint: string): string | undefined {
  switch (code) {
    case 'ERR_SSH_NO_COMMON_ALGORITHM': {
      const preset = /'(compatible|legacy)'/.exec(hint)?.[1];
      return preset === undefined ? undefined : `try --algorithms ${preset}`;
    }
    case 'ERR_SSH_HOST_KEY_UNKNOWN':
      return 'or connect from a terminal, which shows the key and asks';
    default:
      return undefined;
  }
}
