/**
 * Encrypted PKCS#8 private keys.
 *
 * Owns: RFC 5958 §3 (EncryptedPrivateKeyInfo) with PBES2 of RFC 8018 §6.2:
 * PBKDF2 and scrypt (RFC 7914 §7), AES and Triple DES in CBC mode.
 * Must not know: armour, what the decrypted key looks like.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import { wipe } from '../base/bytes.ts';
import {
  DerReader,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSmallInteger,
  derTags,
  isVersionedSequence,
} from './der.ts';
import { keyFormatError, keyUnsupportedError, passphraseWrong } from './errors.ts';
import { addPadding, viewUnpadded } from './padding.ts';
import { pbkdf2 } from './pbkdf2.ts';
import type { SshFileCipherName } from './sshCiphers.ts';
import { sshFileCiphers } from './sshCiphers.ts';

const fileName = 'the PKCS#8 private key';
const pbes2 = '1.2.840.113549.1.5.13';
const pbkdf2Identifier = '1.2.840.113549.1.5.12';
const scryptIdentifier = '1.3.6.1.4.1.11591.4.11';
const hmacWithSha256 = '1.2.840.113549.2.9';

/** Beyond these a file asks for more time or memory than any tool writes. */
const maximumIterations = 10_000_000;
const maximumScryptMemory = 256 * 1024 * 1024;
const maximumScryptWork = 4 * maximumScryptMemory;

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
 * `next()` does some milliseconds of PBKDF2; scrypt is done in one go.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED`, `ERR_SSH_KEY_PASSPHRASE`
 */
export function* decryptPkcs8(bytes: Uint8Array, passphrase: Uint8Array): Generator<void, Uint8Array> {
  const fields = new DerReader(bytes).sequence();
  const algorithm = fields.sequence();
  const sealed = fields.copyOctetString();
  fields.end();
  const scheme = algorithm.objectIdentifier();
  if (scheme !== pbes2) {
    throw keyUnsupportedError(
      `${fileName} is encrypted by the old scheme ${scheme}; re-encrypt it (openssl pkcs8 -topk8 -v2 aes256)`,
    );
  }
  const parameters = algorithm.sequence();
  algorithm.end();
  const derivation = parameters.sequence();
  const { name, iv } = readCipher(parameters.sequence());
  parameters.end();
  const cipher = sshFileCiphers[name];
  if (iv.length !== cipher.ivLength || sealed.length === 0 || sealed.length % cipher.blockSize !== 0) {
    throw keyFormatError(`${fileName} is damaged: its ciphertext is not made of whole blocks`);
  }
  const key = yield* derive(derivation, passphrase, cipher.keyLength);
  const padded = cipher.decrypt(key, iv, sealed);
  wipe(key);
  const text = padded === undefined ? undefined : viewUnpadded(padded, cipher.blockSize);
  if (text === undefined || !isVersionedSequence(text)) throw passphraseWrong(fileName);
  return text;
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

function* derive(fields: DerReader, passphrase: Uint8Array, keyLength: number): Generator<void, Uint8Array> {
  const identifier = fields.objectIdentifier();
  const parameters = fields.sequence();
  fields.end();
  switch (identifier) {
    case pbkdf2Identifier:
      return yield* derivePbkdf2(parameters, passphrase, keyLength);
    case scryptIdentifier:
      yield;
      return deriveScrypt(parameters, passphrase, keyLength);
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
): Generator<void, Uint8Array> {
  const salt = fields.copyOctetString();
  const iterations = fields.smallInteger();
  checkKeyLength(fields, keyLength);
  const hash = fields.nextTag === undefined ? sha1 : readPrf(fields.sequence());
  fields.end();
  if (iterations === 0) throw keyFormatError(`${fileName} is damaged: PBKDF2 of 0 iterations`);
  if (iterations > maximumIterations) {
    throw keyUnsupportedError(
      `${fileName} asks for ${iterations} iterations of PBKDF2; ${maximumIterations} are allowed`,
    );
  }
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

function deriveScrypt(fields: DerReader, passphrase: Uint8Array, keyLength: number): Uint8Array {
  const salt = fields.copyOctetString();
  const cost = fields.smallInteger();
  const blockSize = fields.smallInteger();
  const parallelization = fields.smallInteger();
  checkKeyLength(fields, keyLength);
  fields.end();
  if (cost < 2 || (cost & (cost - 1)) !== 0 || blockSize === 0 || parallelization === 0) {
    throw keyFormatError(`${fileName} is damaged: its scrypt parameters are out of range`);
  }
  const memory = 128 * blockSize * (cost + parallelization + 1);
  if (memory > maximumScryptMemory || 128 * blockSize * cost * parallelization > maximumScryptWork) {
    throw keyUnsupportedError(`${fileName} asks for more memory or time of scrypt than is allowed`);
  }
  return scrypt(passphrase, salt, {
    N: cost,
    r: blockSize,
    p: parallelization,
    dkLen: keyLength,
    maxmem: maximumScryptMemory,
  });
}

/** Passes over the optional keyLength, which must then be the cipher's. */
function checkKeyLength(fields: DerReader, keyLength: number): void {
  if (fields.nextTag !== derTags.integer) return;
  if (fields.smallInteger() !== keyLength)
    throw keyFormatError(`${fileName} is damaged: its key length is not its cipher's`);
}
