/**
 * The errors of key files.
 *
 * Owns: how a failure of this layer looks: phase `options`, origin `user`, a
 * code that tells format, passphrase and unsupported kinds apart.
 * Must not know: any format.
 */
import { quotedText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';

const details = { phase: 'options', origin: 'user' } as const;

/** `ERR_SSH_KEY_FORMAT`: malformed, truncated, or no key file at all. */
export function keyFormatError(message: string, cause?: unknown): SshError {
  return new SshError('ERR_SSH_KEY_FORMAT', message, { ...details, cause });
}

/** `ERR_SSH_KEY_UNSUPPORTED`: well formed as far as read, but of a kind that is not taken. */
export function keyUnsupportedError(
  message: string,
  more: { readonly hint?: string; readonly cause?: unknown } = {},
): SshError {
  return new SshError('ERR_SSH_KEY_UNSUPPORTED', message, { ...details, ...more });
}

/** `ERR_SSH_KEY_PASSPHRASE` for a key that needs one when none was given. */
export function passphraseMissing(what: string): SshError {
  return new SshError('ERR_SSH_KEY_PASSPHRASE', `${what} is encrypted and no passphrase was given`, {
    ...details,
    hint: 'pass one as `passphrase`',
  });
}

/** `ERR_SSH_KEY_PASSPHRASE` for a passphrase that does not open the key. */
export function passphraseWrong(what: string): SshError {
  return new SshError(
    'ERR_SSH_KEY_PASSPHRASE',
    `the passphrase does not open ${what}: it is wrong, or the file is damaged`,
    details,
  );
}

/** `ERR_SSH_OPTIONS` for an argument of this layer's own functions. */
export function keyOptionsError(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, details);
}

/**
 * The error of this layer for whatever a lower one threw: malformed data
 * becomes `ERR_SSH_KEY_FORMAT`, the other codes stay, phase and origin are ours.
 */
export function asKeyError(error: unknown, what: string): unknown {
  if (!(error instanceof SshError) || error.phase === 'options') return error;
  if (error.code === 'ERR_SSH_DECODE') return keyFormatError(`${what}: ${error.message}`, error);
  return new SshError(error.code, `${what}: ${error.message}`, {
    ...details,
    hint: error.hint,
    cause: error,
  });
}

/** A name found in a file, fit for a message. */
export function quoted(name: string): string {
  return quotedText(name, 80);
}
