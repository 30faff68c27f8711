/**
 * Encrypted private keys in the format of OpenSSH.
 *
 * Owns: the key derivation options of PROTOCOL.key (OpenSSH) and the decryption
 * of the private section.
 * Must not know: what is in the section, other formats.
 */
import { concatBytes, equalBytes, wipe } from '../../base/bytes.ts';
import type { PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { WireReader } from '../../wire/reader.ts';
import { bcryptPbkdf } from '../derivation/bcrypt.ts';
import { checkBcrypt, type DerivationLimits } from '../derivation/derivationLimits.ts';
import {
  asKeyError,
  keyFormatError,
  keyUnsupportedError,
  passphraseMissing,
  passphraseWrong,
  quoted,
} from '../errors.ts';
import type { ParseContext } from '../keyValues.ts';
import { opensshFileName as fileName, type OpensshEnvelope, parseSection } from './opensshKey.ts';
import type { SshFileCipher } from './sshCiphers.ts';
import { isSshFileCipher, sshFileCiphers } from './sshCiphers.ts';

/** A salt longer than this is no salt; ssh-keygen writes 16 bytes. */
const saltLength = 1024;

/** The key of an envelope whose cipher is not none. Each `next()` does some milliseconds of key derivation. */
export function* parseEncryptedOpensshKey(
  envelope: OpensshEnvelope,
  context: ParseContext,
): Generator<void, PrivateKeyFile> {
  const cipher = cipherOf(envelope);
  if (context.passphrase === undefined || context.passphrase.length === 0) throw passphraseMissing(fileName);
  const derived = yield* deriveKey(envelope, cipher, context.passphrase, context.derivation);
  const section = decryptSection(envelope, cipher, derived);
  wipe(derived);
  if (section === undefined) throw passphraseWrong(fileName);
  try {
    return parseSection(section, envelope, cipher.blockSize, context);
  } finally {
    wipe(section);
  }
}

function cipherOf(envelope: OpensshEnvelope): SshFileCipher {
  if (!isSshFileCipher(envelope.cipherName)) {
    throw keyUnsupportedError(
      `${fileName} is encrypted with ${quoted(envelope.cipherName)}, which is not supported`,
    );
  }
  const cipher = sshFileCiphers[envelope.cipherName];
  if (envelope.tag.length !== cipher.tagLength) {
    throw keyFormatError(
      `${fileName} is truncated or damaged: its tag has ${envelope.tag.length} bytes, not ${cipher.tagLength}`,
    );
  }
  if (envelope.section.length === 0 || envelope.section.length % cipher.blockSize !== 0) {
    throw keyFormatError(`${fileName} is damaged: its private section is not made of whole blocks`);
  }
  return cipher;
}

function* deriveKey(
  envelope: OpensshEnvelope,
  cipher: SshFileCipher,
  passphrase: Uint8Array,
  limits: DerivationLimits,
): Generator<void, Uint8Array> {
  if (envelope.kdfName !== 'bcrypt') {
    throw keyUnsupportedError(
      `${fileName} uses the key derivation ${quoted(envelope.kdfName)}; bcrypt is supported`,
    );
  }
  const { salt, rounds } = readBcryptOptions(envelope.kdfOptions);
  checkBcrypt(fileName, rounds, limits);
  return yield* bcryptPbkdf(passphrase, salt, rounds, cipher.keyLength + cipher.ivLength);
}

function readBcryptOptions(options: Uint8Array): { readonly salt: Uint8Array; readonly rounds: number } {
  try {
    const reader = new WireReader(options);
    const salt = reader.viewString();
    const rounds = reader.uint32();
    reader.end();
    if (salt.length === 0 || salt.length > saltLength || rounds === 0) {
      throw keyFormatError(`${fileName} is damaged: its bcrypt options are out of range`);
    }
    return { salt, rounds };
  } catch (error) {
    throw asKeyError(error, `${fileName}, bcrypt options`);
  }
}

function decryptSection(
  envelope: OpensshEnvelope,
  cipher: SshFileCipher,
  derived: Uint8Array,
): Uint8Array | undefined {
  const key = derived.subarray(0, cipher.keyLength);
  const iv = derived.subarray(cipher.keyLength);
  const section = cipher.decrypt(key, iv, concatBytes(envelope.section, envelope.tag));
  if (section === undefined) return undefined;
  // The same random number twice: what tells a right passphrase where the cipher cannot.
  return equalBytes(section.subarray(0, 4), section.subarray(4, 8)) ? section : undefined;
}
