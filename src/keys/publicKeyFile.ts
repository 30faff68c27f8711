/**
 * Public key files.
 *
 * Owns: the one-line format of OpenSSH and of authorized_keys (sshd(8),
 * AUTHORIZED_KEYS FILE FORMAT), RFC 4716, SubjectPublicKeyInfo (RFC 5480, RFC
 * 8410) and the RSAPublicKey of RFC 8017 App. A.1.1, in both directions.
 * Must not know: private keys, certificates, files on disk.
 */
import { copyOf } from '../base/bytes.ts';
import { type Limits, resolveLimits } from '../base/limits.ts';
import {
  anyObject,
  anyText,
  checkArgument,
  checkOptions,
  type OptionTable,
  oneOf,
} from '../base/optionChecks.ts';
import type { PublicKey, RsaBounds } from '../crypto/keys/publicKey.ts';
import { decodePublicKey, encodePublicKey } from '../crypto/keys/publicKey.ts';
import { WireReader } from '../wire/reader.ts';
import { asKeyError, keyFormatError, keyOptionsError, keyUnsupportedError, quoted } from './errors.ts';
import { base64Decode, base64Encode } from './pem/base64.ts';
import { DerReader } from './pem/der.ts';
import { derBitString, derSequence } from './pem/derWriter.ts';
import { decodePem, encodePem } from './pem/pem.ts';
import type { KeyAlgorithm } from './pem/pkcs.ts';
import { algorithmOf, readAlgorithm, writeAlgorithm } from './pem/pkcs.ts';
import { decodeSsh2Block, encodeRfc4716 } from './pem/rfc4716.ts';
import { derRsaPublicKey } from './pem/rsaDer.ts';
import { publicFormat } from './privateKey/recognize.ts';
import { publicKeyRule } from './publicKeyRule.ts';
import { byteText, byteTextOrEmpty, latin1ToText, splitLines, trimBlanks } from './textLines.ts';

/** An option before a key in authorized_keys, such as `from="10.0.0.0/8"` or `restrict`. */
export interface KeyOption {
  /** In lower case. */
  readonly name: string;
  /** Without its quotes; undefined for an option that has none. */
  readonly value: string | undefined;
}

/** A public key as it came from a file. */
export interface PublicKeyFile {
  /** The key. */
  readonly publicKey: PublicKey;
  /** As the file has it; not escaped. */
  readonly comment: string;
  /** Options of a line of authorized_keys; elsewhere none. */
  readonly options: readonly KeyOption[];
}

/** The keys of an authorized_keys file, and which of its lines are none. */
export interface AuthorizedKeys {
  /** The keys, in the order of the file. */
  readonly entries: readonly AuthorizedKey[];
  /** Lines that are neither empty, nor comments, nor keys. */
  readonly malformed: readonly UnreadLine[];
}

/** A key of an authorized_keys file. */
export interface AuthorizedKey extends PublicKeyFile {
  /** From 1. */
  readonly line: number;
}

/** A line that cannot be read. */
export interface UnreadLine {
  /** From 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Options of `parsePublicKey`. */
export interface ParsePublicKeyOptions {
  /** For keys that are shown and not used: RSA of as few as 1,024 bits. */
  readonly limits?: Partial<Pick<Limits, 'rsaMinimumBits' | 'rsaMaximumBits'>> | undefined;
}

const parseTable: OptionTable<ParsePublicKeyOptions> = { limits: anyObject };

/**
 * Reads one public key in any supported format.
 *
 * @param data the content of the file, as text or bytes
 * @throws SshError `ERR_SSH_KEY_FORMAT` no public key or a damaged one,
 *   `ERR_SSH_KEY_UNSUPPORTED` of a type or size that is not supported
 * @example
 * ```ts
 * import { fingerprint, parsePublicKey } from 'deadline-ssh/keys';
 * const show = (line: string): string => fingerprint(parsePublicKey(line).publicKey, 'sha256');
 * ```
 */
export function parsePublicKey(
  data: Uint8Array | string,
  options: ParsePublicKeyOptions = {},
): PublicKeyFile {
  checkOptions(options, { of: 'parsePublicKey', table: parseTable });
  try {
    const bounds: RsaBounds = resolveLimits(options.limits);
    const text = byteText(data);
    const format = publicFormat(text);
    switch (format) {
      case 'PUBLIC KEY':
        return bare(parseSpki(decodePem(text, format).bytes, bounds), '');
      case 'RSA PUBLIC KEY':
        return bare(parsePkcs1Public(decodePem(text, format).bytes, bounds), '');
      case 'rfc4716': {
        const { blob, comment } = decodeSsh2Block(text, 'PUBLIC KEY');
        return bare(decodePublicKey(blob, bounds), comment);
      }
      case 'line':
        return parseOnlyLine(text, bounds);
    }
  } catch (error) {
    throw asKeyError(error, 'public key');
  }
}

/**
 * Reads a whole authorized_keys file. Lines that are no key of a supported type
 * are reported with their numbers, counted from 1, and do no harm to the others.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` for a file in UTF-16 or of more than 1 MiB
 */
export function parseAuthorizedKeys(data: Uint8Array | string): AuthorizedKeys {
  const entries: (PublicKeyFile & { readonly line: number })[] = [];
  const malformed: { readonly line: number; readonly reason: string }[] = [];
  splitLines(byteTextOrEmpty(data)).forEach((content, i) => {
    if (isBlank(content)) return;
    try {
      entries.push({ ...parseKeyLine(content, resolveLimits({})), line: i + 1 });
    } catch (error) {
      malformed.push({ line: i + 1, reason: reasonOf(asKeyError(error, 'public key')) });
    }
  });
  return { entries, malformed };
}

/** Those that would end the line, or make a reader take the file for a binary one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is about these characters
const controlCharacter = /[\0-\x08\x0a-\x1f\x7f]/;

/** How `formatPublicKey` writes. */
export interface FormatPublicKeyOptions {
  /** `openssh`: one line; `rfc4716`: as `ssh-keygen -e`; `pem`: SubjectPublicKeyInfo. */
  readonly format?: 'openssh' | 'rfc4716' | 'pem' | undefined;
  /** Behind the key, in the formats that have one. Empty where not given. */
  readonly comment?: string | undefined;
}

const optionTable: OptionTable<FormatPublicKeyOptions> = {
  format: oneOf('openssh', 'rfc4716', 'pem'),
  comment: anyText,
};

/**
 * A public key as the text of a file, ended by a line feed.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a comment that has a line break or another control character
 */
export function formatPublicKey(key: PublicKey, options: FormatPublicKeyOptions = {}): string {
  checkArgument('the key to write', key, publicKeyRule);
  checkOptions(options, { of: 'formatPublicKey', table: optionTable });
  const comment = options.comment ?? '';
  if (controlCharacter.test(comment)) {
    throw keyOptionsError('the comment of a key must be one line, without control characters');
  }
  switch (options.format ?? 'openssh') {
    case 'openssh': {
      const line = `${key.type} ${base64Encode(encodePublicKey(key))}`;
      return comment === '' ? `${line}\n` : `${line} ${comment}\n`;
    }
    case 'rfc4716':
      return encodeRfc4716(encodePublicKey(key), comment);
    case 'pem':
      return encodePem('PUBLIC KEY', formatSpki(key));
  }
}

function bare(publicKey: PublicKey, comment: string): PublicKeyFile {
  return { publicKey, comment, options: [] };
}

function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  throw error;
}

function isBlank(line: string): boolean {
  return /^[ \t]*(#|$)/.test(line);
}

function parseOnlyLine(text: string, bounds: RsaBounds): PublicKeyFile {
  const lines = splitLines(text).filter((line) => !isBlank(line));
  const [line] = lines;
  if (line === undefined)
    throw keyFormatError('this is not a public key: the file holds nothing but comments');
  const key = parseKeyLine(line, bounds);
  if (lines.length > 1) {
    throw keyFormatError(`the file holds ${lines.length} lines, where one public key is wanted`);
  }
  return key;
}

const keyPattern = /^([!-~]+)[ \t]+([!-~]+)(?:[ \t]+(.*))?$/;

/** A line that is not blank, in `latin1` characters. */
function parseKeyLine(line: string, bounds: RsaBounds): PublicKeyFile {
  const start = line.replace(/^[ \t]+/, '');
  const direct = keyFields(start, bounds);
  if (direct !== undefined) return { ...direct, options: [] };
  const { options, rest } = readOptions(start);
  const behind = keyFields(rest, bounds);
  if (behind === undefined) {
    throw keyFormatError('this is not a public key: no type and base64 key where they should stand');
  }
  return { ...behind, options };
}

/** Type, key and comment; undefined where no key begins. */
function keyFields(
  text: string,
  bounds: RsaBounds,
): { readonly publicKey: PublicKey; readonly comment: string } | undefined {
  const match = keyPattern.exec(text);
  const type = match?.[1] ?? '';
  if (match === null || !/^[a-z0-9@.-]+$/.test(type) || !match[2]?.startsWith('AAAA')) return undefined;
  if (/-cert-v\d\d@openssh\.com$/.test(type)) {
    throw keyUnsupportedError(`this is a certificate (${type}), where a public key is wanted`, {
      hint: 'parseCertificate reads it',
    });
  }
  const blob = base64Decode(match[2]);
  if (blob === undefined) throw keyFormatError('the public key is damaged: it is not base64');
  const inner = new WireReader(blob).name();
  if (inner !== type) {
    throw keyFormatError(
      `the public key is damaged: it says ${quoted(type)} and is of type ${quoted(inner)}`,
    );
  }
  return { publicKey: decodePublicKey(blob, bounds), comment: latin1ToText(trimBlanks(match[3] ?? '')) };
}

/**
 * Options up to the first space outside quotes, in `latin1` characters; a quote within
 * quotes is written `\"`. Both are empty where no options stand.
 */
export function readOptions(text: string): { readonly options: readonly KeyOption[]; readonly rest: string } {
  const options: KeyOption[] = [];
  const pattern = /([A-Za-z0-9@.-]+)(?:="((?:[^"\\]|\\.)*)")?(,|[ \t]+)/y;
  for (;;) {
    const match = pattern.exec(text);
    if (match === null) return { options: [], rest: '' };
    const value = match[2]?.replaceAll('\\"', '"');
    options.push({
      name: (match[1] as string).toLowerCase(),
      value: value === undefined ? undefined : latin1ToText(value),
    });
    if (match[3] !== ',') return { options, rest: text.slice(pattern.lastIndex) };
  }
}

function parseSpki(bytes: Uint8Array, bounds: RsaBounds): PublicKey {
  const fields = new DerReader(bytes).sequence();
  const algorithm = readAlgorithm(fields.sequence());
  const bits = fields.viewBitString();
  fields.end();
  return publicKeyFrom(algorithm, bits, bounds);
}

function publicKeyFrom(algorithm: KeyAlgorithm, bits: Uint8Array, bounds: RsaBounds): PublicKey {
  switch (algorithm.kind) {
    case 'rsa':
      return parsePkcs1Public(bits, bounds);
    case 'ed25519':
      return checked({ type: 'ssh-ed25519', point: copyOf(bits) }, bounds);
    case 'ec': {
      const { curve } = algorithm;
      return checked({ type: `ecdsa-sha2-${curve}`, curve, point: copyOf(bits) }, bounds);
    }
  }
}

function parsePkcs1Public(bytes: Uint8Array, bounds: RsaBounds): PublicKey {
  const fields = new DerReader(bytes).sequence();
  const modulus = copyOf(fields.viewInteger());
  const exponent = copyOf(fields.viewInteger());
  fields.end();
  return checked({ type: 'ssh-rsa', exponent, modulus }, bounds);
}

/** Through the one place that checks lengths and sizes. */
function checked(key: PublicKey, bounds: RsaBounds): PublicKey {
  return decodePublicKey(encodePublicKey(key), bounds);
}

function formatSpki(key: PublicKey): Uint8Array {
  if (key.type === 'sk-ssh-ed25519@openssh.com' || key.type === 'sk-ecdsa-sha2-nistp256@openssh.com') {
    throw keyUnsupportedError(`a key of type ${key.type} has no form as PEM; write it as OpenSSH does`);
  }
  const bits = key.type === 'ssh-rsa' ? derRsaPublicKey(key) : key.point;
  return derSequence(writeAlgorithm(algorithmOf(key)), derBitString(bits));
}
