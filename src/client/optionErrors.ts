/**
 * The helpers that every check of an option uses.
 *
 * Owns: the error of a bad option, text and bytes as one.
 * Must not know: any option.
 */
import { utf8Encode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';

/** The bytes of a text or of bytes. */
export function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? utf8Encode(value) : value;
}

/** The error of every bad option. */
export function optionsError(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user' });
}
