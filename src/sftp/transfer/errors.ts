/**
 * The errors of transfers.
 *
 * Owns: ERR_SSH_TRANSFER; a local file's error as one; which errors end a whole transfer and
 * which are one file's.
 * Must not know: how anything is transferred.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { LocalFault } from '../seam/localFiles.ts';

/** A transfer that did not arrive as it should. */
export function transferError(
  message: string,
  path: string,
  details: { readonly origin?: 'local' | 'peer' | 'user'; readonly cause?: unknown } = {},
): SshError {
  return new SshError('ERR_SSH_TRANSFER', message, {
    origin: details.origin ?? 'local',
    path: escapeText(path),
    cause: details.cause,
  });
}

/** Whatever went wrong with a file, as an error with its path. What the caller's own code threw stays as it is. */
export function asTransferError(error: unknown): unknown {
  if (error instanceof LocalFault) return transferError(error.message, error.path, { cause: error });
  return error;
}

/** The part that has arrived is of use: the transfer was cut off, and nothing is wrong with the file. */
export function isInterruption(error: unknown): boolean {
  if (!(error instanceof SshError)) return false;
  switch (error.code) {
    case 'ERR_SSH_TIMEOUT':
    case 'ERR_SSH_ABORTED':
    case 'ERR_SSH_CLOSED':
    case 'ERR_SSH_CONNECTION_LOST':
    case 'ERR_SSH_DISCONNECTED':
    case 'ERR_SSH_CHANNEL_CLOSED':
      return true;
    default:
      return false;
  }
}
