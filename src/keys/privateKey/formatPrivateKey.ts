/**
 * Writing private key files.
 *
 * Owns: the choice of format and encryption, and the checks of what is asked for.
 * Must not know: files on disk, where randomness comes from.
 */
import { copyOf, utf8Encode, wipe } from '../../base/bytes.ts';
import {
  anyText,
  bytesOnly,
  callback,
  checkOptions,
  eitherOf,
  type OptionTable,
  oneOf,
  secretly,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import { runSteps } from '../derivation/steps.ts';
import { keyOptionsError, quoted } from '../errors.ts';
import { formatOpensshKey } from '../openssh/formatOpensshKey.ts';
import { unsupportedType } from '../openssh/opensshKey.ts';
import type { SshFileCipherName } from '../openssh/sshCiphers.ts';
import { isSshFileCipher } from '../openssh/sshCiphers.ts';
import { encryptOldPem } from '../pem/oldPemEncryption.ts';
import { encryptPkcs8 } from '../pem/pbes2.ts';
import { encodePem } from '../pem/pem.ts';
import { formatPkcs8, formatSec1 } from '../pem/pkcs.ts';
import { derRsaPrivateKey } from '../pem/rsaDer.ts';

/** How `formatPrivateKey` writes. */
export interface FormatPrivateKeyOptions {
  /**
   * `openssh` (the default), `pkcs8`, or `pem`: PKCS#1 for RSA, SEC 1 for ECDSA.
   * The encryption of `pem` is weak (one MD5 over the passphrase); it is there
   * for programs that read nothing else.
   */
  readonly format?: 'openssh' | 'pkcs8' | 'pem' | undefined;
  /** Kept in the format of OpenSSH only. */
  readonly comment?: string | undefined;
  /** Text is taken as UTF-8. Left out: the key is not encrypted. */
  readonly passphrase?: string | Uint8Array | undefined;
  /** `openssh`: any of `ssh-keygen -Z`, by default aes256-ctr; `pkcs8`: aes128-cbc, aes192-cbc, aes256-cbc (the default). */
  readonly cipher?: SshFileCipherName | undefined;
  /** `openssh`: rounds of bcrypt, by default 24; `pkcs8`: iterations of PBKDF2, by default 100,000. */
  readonly rounds?: number | undefined;
  /** Random bytes from a cryptographic source. */
  readonly randomBytes: (length: number) => Uint8Array;
}

const optionTable: OptionTable<FormatPrivateKeyOptions> = {
  format: oneOf('openssh', 'pkcs8', 'pem'),
  comment: anyText,
  passphrase: secretly(eitherOf('a string or bytes', anyText, bytesOnly)),
  cipher: anyText,
  rounds: wholeNumber(1, 10_000_000),
  randomBytes: callback,
};

const defaultBcryptRounds = 24;
const defaultIterations = 100_000;

/**
 * A private key as the text of a file. Encryption takes time by design; where an
 * event loop must not stand still, use `formatPrivateKeyInSteps`.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for options that contradict each other or the key
 */
export function formatPrivateKey(key: PrivateKey, options: FormatPrivateKeyOptions): string {
  return runSteps(formatPrivateKeyInSteps(key, options));
}

/** As `formatPrivateKey`, a few milliseconds of work at a time. */
export function* formatPrivateKeyInSteps(
  key: PrivateKey,
  options: FormatPrivateKeyOptions,
): Generator<void, string> {
  checkOptions(options, { of: 'formatPrivateKey', table: optionTable });
  const given = options.passphrase;
  const passphrase = typeof given === 'string' ? utf8Encode(given) : given && copyOf(given);
  if (passphrase?.length === 0) {
    throw keyOptionsError('the passphrase is empty; leave it out to write a key that is not encrypted');
  }
  try {
    return yield* formatSteps(key, passphrase, options);
  } finally {
    if (passphrase !== undefined) wipe(passphrase);
  }
}

function formatSteps(
  key: PrivateKey,
  passphrase: Uint8Array | undefined,
  options: FormatPrivateKeyOptions,
): Generator<void, string> {
  switch (options.format ?? 'openssh') {
    case 'openssh':
      return opensshSteps(key, passphrase, options);
    case 'pkcs8':
      return pkcs8Steps(key, passphrase, options);
    case 'pem':
      return pemSteps(key, passphrase, options);
  }
}

function opensshSteps(
  key: PrivateKey,
  passphrase: Uint8Array | undefined,
  options: FormatPrivateKeyOptions,
): Generator<void, string> {
  const cipher = options.cipher ?? 'aes256-ctr';
  if (!isSshFileCipher(cipher)) throw keyOptionsError(`${quoted(cipher)} is not a cipher for OpenSSH keys`);
  const comment = options.comment ?? '';
  const rounds = options.rounds ?? defaultBcryptRounds;
  const encryption = passphrase === undefined ? undefined : { passphrase, cipher, rounds };
  return formatOpensshKey(key, { comment, randomBytes: options.randomBytes, encryption });
}

function* pkcs8Steps(
  key: PrivateKey,
  passphrase: Uint8Array | undefined,
  options: FormatPrivateKeyOptions,
): Generator<void, string> {
  const cipher = options.cipher ?? 'aes256-cbc';
  if (cipher !== 'aes128-cbc' && cipher !== 'aes192-cbc' && cipher !== 'aes256-cbc') {
    throw keyOptionsError(`${quoted(cipher)} is not a cipher for PKCS#8 keys; aes256-cbc is`);
  }
  const text = formatPkcs8(key);
  if (passphrase === undefined) return encodePem('PRIVATE KEY', text);
  const iterations = options.rounds ?? defaultIterations;
  const sealed = yield* encryptPkcs8(text, {
    passphrase,
    cipher,
    iterations,
    randomBytes: options.randomBytes,
  });
  wipe(text);
  return encodePem('ENCRYPTED PRIVATE KEY', sealed);
}

function* pemSteps(
  key: PrivateKey,
  passphrase: Uint8Array | undefined,
  options: FormatPrivateKeyOptions,
): Generator<void, string> {
  if (options.cipher !== undefined || options.rounds !== undefined) {
    throw keyOptionsError('the format pem has one cipher and no rounds; use pkcs8 to choose them');
  }
  const { label, text } = traditional(key);
  if (passphrase === undefined) return encodePem(label, text);
  yield;
  const { headers, bytes } = encryptOldPem(text, passphrase, options.randomBytes);
  wipe(text);
  return encodePem(label, bytes, { headers });
}

function traditional(key: PrivateKey): { readonly label: string; readonly text: Uint8Array } {
  switch (key.type) {
    case 'ssh-rsa':
      return { label: 'RSA PRIVATE KEY', text: derRsaPrivateKey(key) };
    case 'ssh-ed25519':
      throw keyOptionsError('there is no PEM format of its own for Ed25519 keys; use openssh or pkcs8');
    case 'ssh-ed448':
      throw unsupportedType(key.type);
    default:
      return { label: 'EC PRIVATE KEY', text: formatSec1(key) };
  }
}
