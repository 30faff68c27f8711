/**
 * Encrypted PKCS#8 private keys.
 *
 * Owns: RFC 5958 §3 (EncryptedPrivateKeyInfo) with PBES2 of RFC 8018 §6.2:
 * PBKDF2 and scrypt (RFC 7914 §7), AES and Triple DES in CBC mode; the fields of
 * the schemes before it, whose arithmetic is in `oldPkcs8Encryption.ts`.
 * Must not know: armour, what the decrypted key looks like.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import { wipe } from '../../base/bytes.ts';
import { checkIterations, checkScrypt, type DerivationLimits } from '../derivation/derivationLimits.ts';
import { pbkdf2 } from '../derivation/pbkdf2.ts';
import { scrypt } from '../derivation/scrypt.ts';
import { keyFormatError, keyUnsupportedError, passphraseWrong } from '../errors.ts';
import type { SshFileCipherName } from '../openssh/sshCiphers.ts';
import { sshFileCiphers } from '../openssh/sshCiphers.ts';
import { addPadding, viewUnpadded } from '../padding.ts';
import { DerReader, isVersionedSequence } from './der.ts';
import {
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSmallInteger,
  derTags,
} from './derWriter.ts';
import { oldScheme } from './oldPkcs8Encryption.ts';

const fileName = 'the PKCS#8 private key';
const pbes2 = '1.2.840.113549.1.5.13';
const pbkdf2Identifier = '1.2.840.113549.1.5.12';
const scryptIdentifier = '1.3.6.1.4.1.11591.4.11';
const hmacWithSha256 = '1.2.840.113549.2.9';

const hashes: Readonly<Record<string, CHash>> = {
  '1.2.840.113549.2.7': sha1,
  '1.2.840.113549.2.8': sha224,
  [hmacWithSha256]: sha256,
  '1.2.840.113549.2.10': sha384,
  '1.2.840.113549.2.11': sha512,
};

const cipherIdentifiers: Readonly<Record<string, SshFileCipherName>> = {
  '2.16.840.1.101.3.4.1.2': 'aes128-cbc',
  '2.16.840.1.101.3.4.1.22': 'aes192-cbc',
  '2.16.840.1.101.3.4.1.42': 'aes256-cbc',
  '1.2.840.113549.3.7': '3des-cbc',
};

/**
 * The PKCS#8 key in an EncryptedPrivateKeyInfo, for the caller to wipe. Each
 * `next()` does some milliseconds of key derivation.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED`, `ERR_SSH_KEY_PASSPHRASE`
 */
export function* decryptPkcs8(
  bytes: Uint8Array,
  passphrase: Uint8Array,
  limits: DerivationLimits,
): Generator<void, Uint8Array> {
  const fields = new DerReader(bytes).sequence();
  const algorithm = fields.sequence();
  const sealed = fields.copyOctetString();
  fields.end();
  const scheme = algorithm.objectIdentifier();
  const parameters = algorithm.sequence();
  algorithm.end();
  const text =
    scheme === pbes2
      ? yield* openPbes2(parameters, sealed, passphrase, limits)
      : yield* openOldScheme(scheme, parameters, sealed, passphrase, limits);
  if (text === undefined || !isVersionedSequence(text)) throw passphraseWrong(fileName);
  return text;
}

/** Undefined where the padding is wrong. */
function* openPbes2(
  parameters: DerReader,
  sealed: Uint8Array,
  passphrase: Uint8Array,
  limits: DerivationLimits,
): Generator<void, Uint8Array | undefined> {
  const derivation = parameters.sequence();
  const { name, iv } = readCipher(parameters.sequence());
  parameters.end();
  const cipher = sshFileCiphers[name];
  checkBlocks(sealed, cipher.blockSize);
  if (iv.length !== cipher.ivLength) {
    throw keyFormatError(`${fileName} is damaged: its initialization vector has ${iv.length} bytes`);
  }
  const key = yield* derive(derivation, passphrase, cipher.keyLength, limits);
  const padded = cipher.decrypt(key, iv, sealed);
  wipe(key);
  return padded === undefined ? undefined : viewUnpadded(padded, cipher.blockSize);
}

/** RFC 8018 App. A.3 and RFC 7292 App. C have the same fields: salt and iterations. */
function* openOldScheme(
  identifier: string,
  parameters: DerReader,
  sealed: Uint8Array,
  passphrase: Uint8Array,
  limits: DerivationLimits,
): Generator<void, Uint8Array | undefined> {
  const scheme = oldScheme(identifier);
  if (scheme === undefined) {
    throw keyUnsupportedError(
      `${fileName} is encrypted by the scheme ${identifier}, which is not supported; encrypt it anew (openssl pkcs8 -topk8 -v2 aes256)`,
    );
  }
  const salt = parameters.copyOctetString();
  const iterations = parameters.smallInteger();
  parameters.end();
  if (iterations === 0) throw keyFormatError(`${fileName} is damaged: a key derived by 0 iterations`);
  checkIterations(fileName, iterations, 1, limits);
  checkBlocks(sealed, scheme.blockSize);
  const key = yield* scheme.derive({ passphrase, salt, iterations });
  const text = scheme.decrypt(key, sealed);
  wipe(key.key, key.iv);
  return text;
}

function checkBlocks(sealed: Uint8Array, blockSize: number): void {
  if (sealed.length > 0 && sealed.length % blockSize === 0) return;
  throw keyFormatError(`${fileName} is damaged: its ciphertext is not made of whole blocks`);
}

/** How to encrypt. */
export interface Pkcs8Encryption {
  readonly passphrase: Uint8Array;
  readonly cipher: 'aes128-cbc' | 'aes192-cbc' | 'aes256-cbc';
  /** Of PBKDF2 with HMAC-SHA-256. */
  readonly iterations: number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** An EncryptedPrivateKeyInfo around a PKCS#8 key. */
export function* encryptPkcs8(text: Uint8Array, encryption: Pkcs8Encryption): Generator<void, Uint8Array> {
  const cipher = sshFileCiphers[encryption.cipher];
  const salt = encryption.randomBytes(16);
  const iv = encryption.randomBytes(cipher.ivLength);
  const key = yield* pbkdf2(sha256, encryption.passphrase, salt, encryption.iterations, cipher.keyLength);
  const sealed = cipher.encrypt(key, iv, addPadding(text, cipher.blockSize));
  wipe(key);
  const prf = derSequence(derObjectIdentifier(hmacWithSha256), derNull());
  const kdf = derSequence(
    derObjectIdentifier(pbkdf2Identifier),
    derSequence(derOctetString(salt), derSmallInteger(encryption.iterations), prf),
  );
  const scheme = derSequence(derObjectIdentifier(cipherIdentifier(encryption.cipher)), derOctetString(iv));
  return derSequence(
    derSequence(derObjectIdentifier(pbes2), derSequence(kdf, scheme)),
    derOctetString(sealed),
  );
}

function cipherIdentifier(name: SshFileCipherName): string {
  const row = Object.entries(cipherIdentifiers).find(([, cipher]) => cipher === name);
  if (row === undefined) throw keyUnsupportedError(`PKCS#8 keys cannot be encrypted with ${name}`);
  return row[0];
}

function readCipher(fields: DerReader): { readonly name: SshFileCipherName; readonly iv: Uint8Array } {
  const identifier = fields.objectIdentifier();
  const name = cipherIdentifiers[identifier];
  if (name === undefined) {
    throw keyUnsupportedError(
      `${fileName} is encrypted with the cipher ${identifier}; AES-CBC and 3DES-CBC are supported`,
    );
  }
  const iv = fields.copyOctetString();
  fields.end();
  return { name, iv };
}

function* derive(
  fields: DerReader,
  passphrase: Uint8Array,
  keyLength: number,
  limits: DerivationLimits,
): Generator<void, Uint8Array> {
  const identifier = fields.objectIdentifier();
  const parameters = fields.sequence();
  fields.end();
  switch (identifier) {
    case pbkdf2Identifier:
      return yield* derivePbkdf2(parameters, passphrase, keyLength, limits);
    case scryptIdentifier:
      return yield* deriveScrypt(parameters, passphrase, keyLength, limits);
    default:
      throw keyUnsupportedError(
        `${fileName} uses the key derivation ${identifier}; PBKDF2 and scrypt are supported`,
      );
  }
}

function derivePbkdf2(
  fields: DerReader,
  passphrase: Uint8Array,
  keyLength: number,
  limits: DerivationLimits,
): Generator<void, Uint8Array> {
  const salt = fields.copyOctetString();
  const iterations = fields.smallInteger();
  checkKeyLength(fields, keyLength);
  const hash = fields.nextTag === undefined ? sha1 : readPrf(fields.sequence());
  fields.end();
  if (iterations === 0) throw keyFormatError(`${fileName} is damaged: PBKDF2 of 0 iterations`);
  // In TypeScript, whose numbers have 32 bits where it matters, the long hashes take twice the time.
  const cost = Math.ceil(keyLength / hash.outputLen) * (hash.blockLen > 64 ? 2 : 1);
  checkIterations(fileName, iterations, cost, limits);
  return pbkdf2(hash, passphrase, salt, iterations, keyLength);
}

function readPrf(fields: DerReader): CHash {
  const identifier = fields.objectIdentifier();
  fields.optionalNull();
  fields.end();
  const hash = hashes[identifier];
  if (hash === undefined)
    throw keyUnsupportedError(`${fileName} uses PBKDF2 with ${identifier}; HMAC-SHA-1 and -2 are supported`);
  return hash;
}

function deriveScrypt(
  fields: DerReader,
  passphrase: Uint8Array,
  keyLength: number,
  limits: DerivationLimits,
): Generator<void, Uint8Array> {
  const salt = fields.copyOctetString();
  const cost = fields.smallInteger();
  const blockSize = fields.smallInteger();
  const parallelization = fields.smallInteger();
  checkKeyLength(fields, keyLength);
  fields.end();
  if (cost < 2 || (cost & (cost - 1)) !== 0 || blockSize === 0 || parallelization === 0) {
    throw keyFormatError(`${fileName} is damaged: its scrypt parameters are out of range`);
  }
  const parameters = { cost, blockSize, parallelization };
  checkScrypt(fileName, parameters, limits);
  return scrypt(passphrase, salt, parameters, keyLength);
}

/** Passes over the optional keyLength, which must then be the cipher's. */
function checkKeyLength(fields: DerReader, keyLength: number): void {
  if (fields.nextTag !== derTags.integer) return;
  if (fields.smallInteger() !== keyLength)
    throw keyFormatError(`${fileName} is damaged: its key length is not its cipher's`);
}
