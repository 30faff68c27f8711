/**
 * What can be wrong with a message as such.
 *
 * Owns: these errors and their texts.
 * Must not know: when they arise.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { messageName } from '../../message/numbers.ts';
import { disconnect } from '../../message/transport.ts';
import type { WireReader } from '../../wire/reader.ts';
import { keyExchangeError } from '../kex/kexMessages.ts';

/** @param where the state of the connection, for people */
export function unexpectedMessage(number: number, where: string): SshError {
  return new SshError('ERR_SSH_UNEXPECTED_MESSAGE', `${messageName(number)} is not legal now (${where})`);
}

/** The peer said goodbye; `reader` stands behind the message number. */
export function disconnected(reader: WireReader): SshError {
  const { reasonCode, description } = disconnect.decode(reader);
  const words = description === '' ? '' : `: ${escapeText(description)}`;
  return new SshError('ERR_SSH_DISCONNECTED', `the peer disconnected (reason ${reasonCode})${words}`, {
    origin: 'peer',
    disconnectReason: reasonCode,
  });
}

/** Strict key exchange would not notice what was dropped (draft-miller-sshm-strict-kex §3.2). */
export function sequenceWrapped(): SshError {
  return keyExchangeError('the sequence number wrapped in the first key exchange');
}

export function notStrict(): SshError {
  return keyExchangeError('the peer does not offer strict key exchange, which the options demand');
}
