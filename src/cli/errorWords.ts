/**
 * What an error says to a person who uses the command.
 *
 * Owns: that no message names a function or an option of the library, and what
 * the command has in its place.
 * Must not know: where it is printed.
 */
import { messageAlone } from '../base/addressed.ts';
import { SshError } from '../base/errors.ts';
import { nearest } from '../base/optionChecks.ts';

/** The message of an error, with what the command can do about it where that is something. */
export function messageOf(error: unknown): string {
  if (!(error instanceof SshError)) return error instanceof Error ? error.message : String(error);
  const { hint } = error;
  // Anybody who typed the host knows it.
  const message = messageAlone(error);
  if (error.code === 'ERR_SSH_OPTIONS')
    return message.replace(/^localAddress must/, 'the address to bind (-b, BindAddress) must');
  if (error.code === 'ERR_SSH_MAX_BUFFER') return message.replace('more than maxBuffer, ', 'more than ');
  const subcommand = misspelt(error);
  if (subcommand !== undefined) return `${message}; the subcommand ${subcommand} may be meant`;
  if (hint === undefined || !message.endsWith(hint)) return message;
  const alone = message.slice(0, -hint.length).replace(/; $/, '');
  const own = ownHint(error, hint);
  return own === undefined ? alone : `${alone}; ${own}`;
}

/** As the table of subcommands has them, whose files come here for their words. */
export const subcommandNames: readonly string[] = [
  'bench',
  'cp',
  'fleet',
  'keygen',
  'keyscan',
  'sftp-server',
  'sftp',
];

const systemFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'nothing can be written there',
  ENOSPC: 'there is no room left',
  ECONNREFUSED: 'nobody listens there',
};

/** What the system says of a file or a socket, without the name of the call. */
export function systemWords(error: unknown): string {
  const { code = '' } = (error ?? {}) as { readonly code?: string };
  return systemFaults[code] ?? messageOf(error);
}

/** The subcommand that a host which does not exist is nearly called. */
function misspelt({ code, host, message }: SshError): string | undefined {
  if (code !== 'ERR_SSH_CONNECT' || host === undefined || !message.includes('there is no such host')) {
    return undefined;
  }
  return nearest(host, subcommandNames);
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
