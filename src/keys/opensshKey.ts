/**
 * Private keys in the format of OpenSSH, plain and encrypted.
 *
 * Owns: the layout of PROTOCOL.key (OpenSSH): envelope, key derivation options,
 * private section with its check numbers and padding.
 * Must not know: other formats, where randomness comes from.
 */
import { concatBytes, equalBytes, utf8Encode, wipe } from '../base/bytes.ts';
import type { PrivateKey, PrivateKeyFile } from '../crypto/privateKey.ts';
import { encodePublicKey } from '../crypto/publicKey.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { bcryptPbkdf } from './bcrypt.ts';
import {
  asKeyError,
  keyFormatError,
  keyUnsupportedError,
  passphraseMissing,
  passphraseWrong,
  quoted,
} from './errors.ts';
import type { ParseContext } from './keyValues.ts';
import { checkDeclaredBlob, ecdsaPrivateKey, ed25519PrivateKey, rsaPrivateKey } from './keyValues.ts';
import { encodePem } from './pem.ts';
import type { SshFileCipher, SshFileCipherName } from './sshCiphers.ts';
import { isSshFileCipher, sshFileCiphers } from './sshCiphers.ts';

export const opensshLabel = 'OPENSSH PRIVATE KEY';

const magic: Uint8Array = utf8Encode('openssh-key-v1\0');
const fileName = 'the OpenSSH private key';
/** What an unencrypted private section is padded to. */
const plainBlockSize = 8;
/** A salt longer than this is no salt; ssh-keygen writes 16 bytes. */
const saltLength = 1024;

/** What the file says in the clear. */
export interface OpensshEnvelope {
  readonly cipherName: string;
  readonly kdfName: string;
  readonly kdfOptions: Uint8Array;
  readonly publicBlob: Uint8Array;
  /** The private section, encrypted or not. */
  readonly section: Uint8Array;
  /** What stands behind it: the tag of an authenticating cipher. */
  readonly tag: Uint8Array;
}

/**
 * The envelope of the bytes inside the armour.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED`
 */
export function readOpensshEnvelope(bytes: Uint8Array): OpensshEnvelope {
  if (!equalBytes(bytes.subarray(0, magic.length), magic)) {
    throw keyFormatError(`${fileName} is damaged: it does not begin with openssh-key-v1`);
  }
  try {
    const reader = new WireReader(bytes, magic.length);
    const cipherName = reader.name();
    const kdfName = reader.name();
    const kdfOptions = reader.viewString();
    const count = reader.uint32();
    if (count !== 1)
      throw keyUnsupportedError(`${fileName} file holds ${count} keys; files of one key are taken`);
    const publicBlob = reader.viewString();
    const section = reader.viewString();
    return { cipherName, kdfName, kdfOptions, publicBlob, section, tag: reader.viewRest() };
  } catch (error) {
    throw asKeyError(error, fileName);
  }
}

/** The key in the bytes inside the armour. Each `next()` does some milliseconds of key derivation. */
export function* parseOpensshKey(bytes: Uint8Array, context: ParseContext): Generator<void, PrivateKeyFile> {
  const envelope = readOpensshEnvelope(bytes);
  if (envelope.cipherName === 'none') return parsePlain(envelope, context);
  const cipher = cipherOf(envelope);
  if (context.passphrase === undefined || context.passphrase.length === 0) throw passphraseMissing(fileName);
  const derived = yield* deriveKey(envelope, cipher, context.passphrase, context.bcryptRounds);
  const section = decryptSection(envelope, cipher, derived);
  wipe(derived);
  if (section === undefined) throw passphraseWrong(fileName);
  try {
    return parseSection(section, envelope, cipher.blockSize, context);
  } finally {
    wipe(section);
  }
}

function parsePlain(envelope: OpensshEnvelope, context: ParseContext): PrivateKeyFile {
  if (envelope.kdfName !== 'none' || envelope.kdfOptions.length !== 0 || envelope.tag.length !== 0) {
    throw keyFormatError(`${fileName} is damaged: it is not encrypted, yet has a key derivation or a tag`);
  }
  return parseSection(envelope.section, envelope, plainBlockSize, context);
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
  maximumRounds: number,
): Generator<void, Uint8Array> {
  if (envelope.kdfName !== 'bcrypt') {
    throw keyUnsupportedError(
      `${fileName} uses the key derivation ${quoted(envelope.kdfName)}; bcrypt is supported`,
    );
  }
  const { salt, rounds } = readBcryptOptions(envelope.kdfOptions);
  if (rounds > maximumRounds) {
    throw keyUnsupportedError(
      `${fileName} asks for ${rounds} rounds of bcrypt; ${maximumRounds} are allowed (limits.bcryptRounds)`,
    );
  }
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

function parseSection(
  section: Uint8Array,
  envelope: OpensshEnvelope,
  blockSize: number,
  context: ParseContext,
): PrivateKeyFile {
  try {
    const reader = new WireReader(section);
    const check = reader.uint32();
    if (section.length % blockSize !== 0 || reader.uint32() !== check) {
      throw keyFormatError(`${fileName} is damaged: its private section is malformed`);
    }
    const privateKey = readPrivateKey(reader, context);
    const comment = reader.text();
    checkPadding(reader.viewRest(), blockSize);
    checkDeclaredBlob(privateKey, envelope.publicBlob);
    return { privateKey, publicKey: privateKey.publicKey, comment };
  } catch (error) {
    throw asKeyError(error, fileName);
  }
}

function readPrivateKey(reader: WireReader, context: ParseContext): PrivateKey {
  const type = reader.name();
  switch (type) {
    case 'ssh-ed25519': {
      const point = reader.viewString();
      const secret = reader.viewString();
      if (secret.length !== 64 || !equalBytes(secret.subarray(32), point)) {
        throw keyFormatError(`${fileName} is damaged: its Ed25519 key is malformed`);
      }
      return ed25519PrivateKey(context, secret.subarray(0, 32), point);
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = reader.name();
      const point = reader.viewString();
      const scalar = reader.copyMpint();
      const expected = type.slice('ecdsa-sha2-'.length) as 'nistp256' | 'nistp384' | 'nistp521';
      if (curve !== expected) throw keyFormatError(`${fileName} is damaged: its type and its curve disagree`);
      return ecdsaPrivateKey(context, expected, scalar, point);
    }
    case 'ssh-rsa': {
      const modulus = reader.copyMpint();
      const exponent = reader.copyMpint();
      const privateExponent = reader.copyMpint();
      const coefficient = reader.copyMpint();
      const prime1 = reader.copyMpint();
      const prime2 = reader.copyMpint();
      return rsaPrivateKey(context, { modulus, exponent, privateExponent, coefficient, prime1, prime2 });
    }
    default:
      throw unsupportedType(type);
  }
}

/** The error for a key type this library cannot sign with. */
export function unsupportedType(type: string): Error {
  if (type.startsWith('sk-')) {
    return keyUnsupportedError(
      `${quoted(type)} is a handle of a security key, whose secret is in the hardware; use it through an agent`,
    );
  }
  if (type === 'ssh-dss')
    return keyUnsupportedError('DSA keys are not supported: no current server takes them');
  return keyUnsupportedError(`private keys of type ${quoted(type)} are not supported`);
}

function checkPadding(padding: Uint8Array, blockSize: number): void {
  if (padding.length >= blockSize || padding.some((byte, i) => byte !== i + 1)) {
    throw keyFormatError(`${fileName} is damaged: its padding is wrong`);
  }
}

/** How to write a key in this format. */
export interface OpensshFormat {
  readonly comment: string;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Undefined: not encrypted. */
  readonly encryption:
    | { readonly passphrase: Uint8Array; readonly cipher: SshFileCipherName; readonly rounds: number }
    | undefined;
}

/** The armoured file. Each `next()` does some milliseconds of key derivation. */
export function* formatOpensshKey(key: PrivateKey, format: OpensshFormat): Generator<void, string> {
  const { encryption } = format;
  const cipher = encryption === undefined ? undefined : sshFileCiphers[encryption.cipher];
  const section = writeSection(key, format, cipher?.blockSize ?? plainBlockSize);
  const writer = new WireWriter().bytes(magic);
  if (encryption === undefined || cipher === undefined) {
    writer
      .text('none')
      .text('none')
      .text('')
      .uint32(1)
      .string(encodePublicKey(key.publicKey))
      .string(section);
    return encodePem(opensshLabel, writer.viewWritten(), { width: 70 });
  }
  const salt = format.randomBytes(16);
  const { passphrase, rounds } = encryption;
  const derived = yield* bcryptPbkdf(passphrase, salt, rounds, cipher.keyLength + cipher.ivLength);
  const sealed = cipher.encrypt(
    derived.subarray(0, cipher.keyLength),
    derived.subarray(cipher.keyLength),
    section,
  );
  wipe(derived, section);
  const tagStart = sealed.length - cipher.tagLength;
  writer.text(encryption.cipher).text('bcrypt');
  writer.string(new WireWriter().string(salt).uint32(rounds).viewWritten());
  writer.uint32(1).string(encodePublicKey(key.publicKey));
  writer.string(sealed.subarray(0, tagStart)).bytes(sealed.subarray(tagStart));
  return encodePem(opensshLabel, writer.viewWritten(), { width: 70 });
}

function writeSection(key: PrivateKey, format: OpensshFormat, blockSize: number): Uint8Array {
  const check = format.randomBytes(4);
  const writer = new WireWriter(new Uint8Array(4096)).bytes(check).bytes(check).text(key.type);
  writePrivateKey(writer, key);
  writer.text(format.comment);
  for (let i = 1; writer.position % blockSize !== 0; i++) writer.byte(i);
  const section = writer.copyWritten();
  wipe(writer.buffer);
  return section;
}

/** The numbers of a key, behind its type. */
export function writePrivateKey(writer: WireWriter, key: PrivateKey): void {
  switch (key.type) {
    case 'ssh-ed25519':
      writer.string(key.publicKey.point).string(concatBytes(key.seed, key.publicKey.point));
      return;
    case 'ssh-rsa':
      writer.mpint(key.publicKey.modulus).mpint(key.publicKey.exponent).mpint(key.privateExponent);
      writer.mpint(key.coefficient).mpint(key.prime1).mpint(key.prime2);
      return;
    case 'ssh-ed448':
      throw unsupportedType(key.type);
    default:
      writer.text(key.publicKey.curve).string(key.publicKey.point).mpint(key.scalar);
  }
}
