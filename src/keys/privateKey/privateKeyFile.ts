/**
 * Private key files of every supported format.
 *
 * Owns: the choice of the format, the options all formats share, what a
 * file says in the clear.
 * Must not know: files on disk, who asks for the passphrase, clocks.
 */
import { utf8Encode, wipe } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { resolveLimits } from '../../base/limits.ts';
import {
  anyObject,
  anyText,
  bytesOnly,
  checkOptions,
  eitherOf,
  type OptionTable,
  secretly,
} from '../../base/optionChecks.ts';
import type { PrivateKey, PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { decodePublicKey } from '../../crypto/keys/publicKey.ts';
import type { KeyArithmetic } from '../arithmetic.ts';
import type { DerivationLimits } from '../derivation/derivationLimits.ts';
import { asKeyError, passphraseMissing } from '../errors.ts';
import type { ParseContext } from '../keyValues.ts';
import { type OpensshEnvelope, parsePlainOpensshKey, readOpensshEnvelope } from '../openssh/opensshKey.ts';
import { decodePem, isOldEncrypted, type PemBlock } from '../pem/pem.ts';
import { parsePkcs1, parsePkcs8, parseSec1 } from '../pem/pkcs.ts';
import { ppkPublicKey, readPpk } from '../putty/ppk.ts';
import { byteText } from '../textLines.ts';
import type { PrivateLabel } from './recognize.ts';
import { privateFormat } from './recognize.ts';
import { parseSshCom, readSshCom } from './sshComKey.ts';

/** Options of `parsePrivateKey`. */
export interface ParsePrivateKeyOptions {
  /** Text is taken as UTF-8. Not looked at when the key is not encrypted. */
  readonly passphrase?: string | Uint8Array | undefined;
  /** What the file may ask for; as `limits` of `connect`. */
  readonly limits?: Partial<DerivationLimits & Pick<Limits, 'rsaMinimumBits' | 'rsaMaximumBits'>> | undefined;
}

const optionTable: OptionTable<ParsePrivateKeyOptions> = {
  passphrase: secretly(eitherOf('a string or bytes', anyText, bytesOnly)),
  limits: anyObject,
};

/** What a private key file says without its passphrase. */
export interface PrivateKeyDescription {
  /** Which kind of file it is. */
  readonly format: 'openssh' | 'pkcs1' | 'sec1' | 'pkcs8' | 'putty-2' | 'putty-3' | 'ssh.com';
  /** Whether a passphrase is needed. */
  readonly encrypted: boolean;
  /** The public half where the file has it in the clear; what an agent or a server may be asked about beforehand. */
  readonly publicKey: PublicKey | undefined;
}

/** Readers of what is encrypted or has a MAC; they come with ciphers and key derivation. */
export interface ProtectedFormats {
  openssh(envelope: OpensshEnvelope, context: ParseContext): Generator<void, PrivateKeyFile>;
  putty(text: string, context: ParseContext): Generator<void, PrivateKeyFile>;
  /** The DER in an encrypted PKCS#8 file, or in a PEM file encrypted the old way; for the caller to wipe. */
  pkcs8(bytes: Uint8Array, passphrase: Uint8Array, limits: DerivationLimits): Generator<void, Uint8Array>;
  oldPem(block: PemBlock, passphrase: Uint8Array | undefined): Uint8Array;
}

/** The key takes `ProtectedFormats`, which were not given. */
export class FormatsMissingError extends Error {
  override readonly name: string = 'FormatsMissingError';
}

/** What reading a key takes; a caller with other arithmetic need not load the defaults. */
export interface KeyTools {
  readonly arithmetic: KeyArithmetic;
  /** Where they are left out and the key is protected, the steps end with `FormatsMissingError`. */
  readonly formats: ProtectedFormats | undefined;
}

/**
 * The key in a file, a few milliseconds of work at a time.
 *
 * @throws SshError as `parsePrivateKey`
 */
export function* privateKeySteps(
  data: Uint8Array | string,
  options: ParsePrivateKeyOptions,
  { arithmetic, formats }: KeyTools,
): Generator<void, PrivateKeyFile> {
  checkOptions(options, { of: 'parsePrivateKey', table: optionTable });
  const { passphrase } = options;
  const own = typeof passphrase === 'string' ? utf8Encode(passphrase) : undefined;
  const context = parseContext(options, own ?? (passphrase as Uint8Array | undefined), arithmetic);
  try {
    const text = byteText(data);
    const format = privateFormat(text);
    if (format === 'putty') return yield* needed(formats).putty(text, context);
    if (format === 'ssh.com') return parseSshCom(text, context);
    return yield* parsePem(text, format, context, formats);
  } catch (error) {
    throw asKeyError(error, 'private key');
  } finally {
    if (own !== undefined) wipe(own);
  }
}

function isEncrypted(envelope: OpensshEnvelope): boolean {
  return envelope.cipherName !== 'none';
}

function needed(formats: ProtectedFormats | undefined): ProtectedFormats {
  if (formats !== undefined) return formats;
  throw new FormatsMissingError('a protected private key without the readers for it');
}

/**
 * What the file is, whether it wants a passphrase, and its public half if that
 * is in the clear. Takes no time.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED` as `parsePrivateKey`
 */
export function describePrivateKey(data: Uint8Array | string): PrivateKeyDescription {
  const text = byteText(data);
  const format = privateFormat(text);
  if (format === 'putty') {
    const file = readPpk(text);
    return { format: `putty-${file.version}`, encrypted: file.encrypted, publicKey: ppkPublicKey(file) };
  }
  if (format === 'ssh.com') {
    readSshCom(text);
    return { format, encrypted: false, publicKey: undefined };
  }
  const block = decodePem(text, format);
  switch (format) {
    case 'OPENSSH PRIVATE KEY': {
      const envelope = readOpensshEnvelope(block.bytes);
      return {
        format: 'openssh',
        encrypted: isEncrypted(envelope),
        publicKey: publicKeyIn(envelope.publicBlob),
      };
    }
    case 'PRIVATE KEY':
      return { format: 'pkcs8', encrypted: false, publicKey: undefined };
    case 'ENCRYPTED PRIVATE KEY':
      return { format: 'pkcs8', encrypted: true, publicKey: undefined };
    case 'RSA PRIVATE KEY':
      return { format: 'pkcs1', encrypted: isOldEncrypted(block), publicKey: undefined };
    case 'EC PRIVATE KEY':
      return { format: 'sec1', encrypted: isOldEncrypted(block), publicKey: undefined };
  }
}

function parseContext(
  options: ParsePrivateKeyOptions,
  passphrase: Uint8Array | undefined,
  arithmetic: KeyArithmetic,
): ParseContext {
  const limits = resolveLimits(options.limits);
  return {
    passphrase,
    arithmetic,
    derivation: limits,
    rsaBounds: limits,
  };
}

function* parsePem(
  text: string,
  label: PrivateLabel,
  context: ParseContext,
  formats: ProtectedFormats | undefined,
): Generator<void, PrivateKeyFile> {
  const block = decodePem(text, label);
  if (label === 'OPENSSH PRIVATE KEY') {
    const envelope = readOpensshEnvelope(block.bytes);
    if (!isEncrypted(envelope)) return parsePlainOpensshKey(envelope, context);
    return yield* needed(formats).openssh(envelope, context);
  }
  if (label === 'ENCRYPTED PRIVATE KEY') {
    if (context.passphrase === undefined) throw passphraseMissing('the PKCS#8 private key');
    const bytes = yield* needed(formats).pkcs8(block.bytes, context.passphrase, context.derivation);
    return parseDer('PRIVATE KEY', bytes, context);
  }
  const bytes = isOldEncrypted(block) ? needed(formats).oldPem(block, context.passphrase) : block.bytes;
  return parseDer(label, bytes, context);
}

function parseDer(
  label: 'RSA PRIVATE KEY' | 'EC PRIVATE KEY' | 'PRIVATE KEY',
  bytes: Uint8Array,
  context: ParseContext,
): PrivateKeyFile {
  try {
    const privateKey = parseByLabel(label, bytes, context);
    return { privateKey, publicKey: privateKey.publicKey, comment: '' };
  } finally {
    wipe(bytes);
  }
}

function parseByLabel(
  label: 'RSA PRIVATE KEY' | 'EC PRIVATE KEY' | 'PRIVATE KEY',
  bytes: Uint8Array,
  context: ParseContext,
): PrivateKey {
  switch (label) {
    case 'RSA PRIVATE KEY':
      return parsePkcs1(bytes, context);
    case 'EC PRIVATE KEY':
      return parseSec1(bytes, context);
    case 'PRIVATE KEY':
      return parsePkcs8(bytes, context);
  }
}

/** Undefined for a type this library does not have: the description is worth giving without. */
function publicKeyIn(blob: Uint8Array): PublicKey | undefined {
  try {
    return decodePublicKey(blob);
  } catch (error) {
    if (error instanceof SshError && error.code === 'ERR_SSH_KEY_UNSUPPORTED') return undefined;
    throw asKeyError(error, 'public half of the private key');
  }
}
