/**
 * The error of a connection that ended without a goodbye.
 *
 * Owns: the difference between a peer that hung up, a network that broke and a
 * peer that is no SSH server.
 * Must not know: how the end was noticed.
 */
import { SshError, type SshErrorPhase } from '../base/errors.ts';

/** @param instead what came in place of an identification, escaped; undefined where the peer identified itself */
export function lostError(cause: unknown, phase: SshErrorPhase, instead: string | undefined): SshError {
  const reason = cause instanceof Error ? cause : undefined;
  if (instead === undefined) {
    const why = reason === undefined ? '' : `: ${reason.message}`;
    return new SshError('ERR_SSH_CONNECTION_LOST', `the connection was lost${why}`, {
      phase,
      origin: 'network',
      cause: reason,
    });
  }
  const isSilent = instead === '';
  // The link says itself why it leads nowhere.
  if (isSilent && reason instanceof SshError && reason.code === 'ERR_SSH_CONNECT') return reason;
  const what = isSilent ? 'without a word' : `after "${instead}"`;
  return new SshError(
    isSilent ? 'ERR_SSH_CONNECTION_LOST' : 'ERR_SSH_IDENTIFICATION',
    `the peer ended the connection ${what}, before it identified itself; is it an SSH server?`,
    { phase: 'identification', origin: isSilent ? 'network' : 'peer', cause: reason },
  );
}
