/**
 * The public functions that read private keys.
 *
 * Owns: the choice of the default arithmetic, and the run in one go.
 * Must not know: formats.
 */
import type { PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { runSteps } from '../derivation/steps.ts';
import { nobleArithmetic } from '../nobleArithmetic.ts';
import type { ParsePrivateKeyOptions } from './privateKeyFile.ts';
import { privateKeySteps } from './privateKeyFile.ts';
import { protectedFormats } from './protectedFormats.ts';

/**
 * Reads a private key: OpenSSH format, PEM (PKCS#1, SEC 1, PKCS#8) and PuTTY 2
 * and 3, plain or encrypted, and RSA keys of ssh.com without a passphrase. That the private half makes the public half is
 * checked. Encrypted files take time by design, up to seconds; where an event
 * loop must not stand still, use `parsePrivateKeyInSteps`.
 *
 * @param data the content of the file, as text or bytes
 * @throws SshError `ERR_SSH_KEY_FORMAT` no private key, truncated or damaged;
 *   `ERR_SSH_KEY_PASSPHRASE` encrypted and the passphrase missing or wrong;
 *   `ERR_SSH_KEY_UNSUPPORTED` type, cipher, key derivation or size not supported
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { parsePrivateKey } from 'deadline-ssh/keys';
 * const read = (path: string, passphrase?: string) =>
 *   parsePrivateKey(readFileSync(path), { passphrase }).privateKey;
 * ```
 */
export function parsePrivateKey(
  data: Uint8Array | string,
  options: ParsePrivateKeyOptions = {},
): PrivateKeyFile {
  return runSteps(parsePrivateKeyInSteps(data, options));
}

/**
 * As `parsePrivateKey`, a few milliseconds of work at a time: call `next()`
 * until it is done, and let other things happen in between. Call `return()` to
 * give up: what was derived so far is overwritten.
 */
export function parsePrivateKeyInSteps(
  data: Uint8Array | string,
  options: ParsePrivateKeyOptions = {},
): Generator<void, PrivateKeyFile> {
  return privateKeySteps(data, options, { arithmetic: nobleArithmetic, formats: protectedFormats });
}
