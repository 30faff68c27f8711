/**
 * The keys in PuTTY's private key files, versions 2 and 3.
 *
 * Owns: key derivation (Argon2, or SHA-1 in version 2), decryption, the MAC over
 * everything and the numbers of the private part (PuTTY's manual, appendix "PPK
 * file format").
 * Must not know: lines, other formats.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, emptyBytes, equalBytes, latin1Encode, utf8Encode, wipe } from '../../base/bytes.ts';
import type { PrivateKey, PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { decodePublicKey } from '../../crypto/keys/publicKey.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { argon2 } from '../derivation/argon2.ts';
import { checkArgon2 } from '../derivation/derivationLimits.ts';
import { asKeyError, keyFormatError, passphraseMissing, passphraseWrong } from '../errors.ts';
import type { ParseContext } from '../keyValues.ts';
import { copyMagnitude, ecdsaPrivateKey, ed25519PrivateKey, rsaPrivateKey } from '../keyValues.ts';
import { unsupportedType } from '../openssh/opensshKey.ts';
import { sshFileCiphers } from '../openssh/sshCiphers.ts';
import { latin1ToText } from '../textLines.ts';
import { ppkFileName as fileName, type PpkFile, readPpk } from './ppk.ts';

/** The key in the file. Each `next()` does some milliseconds of key derivation. */
export function* parsePpk(text: string, context: ParseContext): Generator<void, PrivateKeyFile> {
  const file = readPpk(text);
  const cipher = sshFileCiphers['aes256-cbc'];
  if (file.section.length === 0 || (file.encrypted && file.section.length % cipher.blockSize !== 0)) {
    throw keyFormatError(`${fileName} is damaged: its private part is not made of whole blocks`);
  }
  const passphrase = file.encrypted ? context.passphrase : emptyBytes;
  if (passphrase === undefined || (file.encrypted && passphrase.length === 0))
    throw passphraseMissing(fileName);
  const keys = file.version === 3 ? yield* deriveArgon(file, passphrase, context) : deriveSha1(passphrase);
  const section = file.encrypted ? cipher.decrypt(keys.cipherKey, keys.iv, file.section) : file.section;
  if (section === undefined || !equalBytes(macOf(file, keys.macKey, section), file.mac)) {
    throw file.encrypted
      ? passphraseWrong(fileName)
      : keyFormatError(`${fileName} is damaged: its MAC does not match`);
  }
  wipe(keys.cipherKey, keys.macKey);
  try {
    const privateKey = readPrivatePart(file, section, context);
    return { privateKey, publicKey: privateKey.publicKey, comment: latin1ToText(file.comment) };
  } catch (error) {
    throw asKeyError(error, fileName);
  } finally {
    wipe(section);
  }
}

interface PpkKeys {
  readonly cipherKey: Uint8Array;
  readonly iv: Uint8Array;
  readonly macKey: Uint8Array;
}

function* deriveArgon(
  file: PpkFile,
  passphrase: Uint8Array,
  context: ParseContext,
): Generator<void, PpkKeys> {
  const { derivation } = file;
  if (derivation === undefined) return { cipherKey: emptyBytes, iv: emptyBytes, macKey: emptyBytes };
  checkArgon2(fileName, derivation, context.derivation);
  const derived = yield* argon2(passphrase, derivation.salt, derivation, 80);
  return { cipherKey: derived.slice(0, 32), iv: derived.slice(32, 48), macKey: derived.slice(48) };
}

function deriveSha1(passphrase: Uint8Array): PpkKeys {
  const counted = (n: number): Uint8Array => sha1(concatBytes(Uint8Array.of(0, 0, 0, n), passphrase));
  return {
    cipherKey: concatBytes(counted(0), counted(1)).slice(0, 32),
    iv: new Uint8Array(16),
    macKey: sha1(concatBytes(utf8Encode('putty-private-key-file-mac-key'), passphrase)),
  };
}

function macOf(file: PpkFile, key: Uint8Array, section: Uint8Array): Uint8Array {
  const covered = new WireWriter()
    .text(file.type)
    .text(file.encrypted ? 'aes256-cbc' : 'none')
    .string(latin1Encode(file.comment))
    .string(file.publicBlob)
    .string(section);
  const mac = hmac(file.version === 3 ? sha256 : sha1, key, covered.viewWritten());
  wipe(covered.buffer);
  return mac;
}

function readPrivatePart(file: PpkFile, section: Uint8Array, context: ParseContext): PrivateKey {
  const type = new WireReader(file.publicBlob).name();
  if (type !== file.type)
    throw keyFormatError(`${fileName} is damaged: its first line and its public key disagree`);
  const publicKey = decodeSupported(file.publicBlob, type, context);
  const reader = new WireReader(section);
  switch (publicKey.type) {
    case 'ssh-ed25519':
      return ed25519PrivateKey(context, littleEndianSeed(reader.viewString()), publicKey.point);
    case 'ssh-rsa': {
      const privateExponent = copyMagnitude(reader);
      const prime1 = copyMagnitude(reader);
      const prime2 = copyMagnitude(reader);
      const coefficient = copyMagnitude(reader);
      const { modulus, exponent } = publicKey;
      return rsaPrivateKey(context, { modulus, exponent, privateExponent, prime1, prime2, coefficient });
    }
    case 'ssh-ed448':
    case 'sk-ssh-ed25519@openssh.com':
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      throw unsupportedType(type);
    default:
      return ecdsaPrivateKey(context, publicKey.curve, copyMagnitude(reader), publicKey.point);
  }
}

function decodeSupported(blob: Uint8Array, type: string, context: ParseContext): PublicKey {
  if (!/^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(256|384|521))$/.test(type)) throw unsupportedType(type);
  return decodePublicKey(blob, context.rsaBounds);
}

/** PuTTY writes the seed as a little-endian number, which loses zeros at its end. */
function littleEndianSeed(stored: Uint8Array): Uint8Array {
  if (stored.length > 32)
    throw keyFormatError(`${fileName} is damaged: an Ed25519 seed of ${stored.length} bytes`);
  const seed = new Uint8Array(32);
  seed.set(stored);
  return seed;
}
