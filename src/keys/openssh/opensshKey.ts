/**
 * Private keys in the format of OpenSSH that are not encrypted.
 *
 * Owns: the layout of PROTOCOL.key (OpenSSH): envelope, private section with its
 * check numbers and padding.
 * Must not know: other formats, how a section is decrypted.
 */
import { concatBytes, equalBytes, utf8Encode } from '../../base/bytes.ts';
import type { PrivateKey, PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { WireReader } from '../../wire/reader.ts';
import type { WireWriter } from '../../wire/writer.ts';
import { asKeyError, keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
import type { KeyContext } from '../keyValues.ts';
import {
  checkDeclaredBlob,
  copyMagnitude,
  ecdsaPrivateKey,
  ed25519PrivateKey,
  rsaPrivateKey,
} from '../keyValues.ts';

export const opensshLabel = 'OPENSSH PRIVATE KEY';

export const opensshMagic: Uint8Array = utf8Encode('openssh-key-v1\0');
export const opensshFileName = 'the OpenSSH private key';
/** What an unencrypted private section is padded to. */
export const plainBlockSize = 8;

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
  if (!equalBytes(bytes.subarray(0, opensshMagic.length), opensshMagic)) {
    throw keyFormatError(`${opensshFileName} is damaged: it does not begin with openssh-key-v1`);
  }
  try {
    const reader = new WireReader(bytes, opensshMagic.length);
    const cipherName = reader.name();
    const kdfName = reader.name();
    const kdfOptions = reader.viewString();
    const count = reader.uint32();
    if (count !== 1)
      throw keyUnsupportedError(`${opensshFileName} file holds ${count} keys; files of one key are taken`);
    const publicBlob = reader.viewString();
    const section = reader.viewString();
    return { cipherName, kdfName, kdfOptions, publicBlob, section, tag: reader.viewRest() };
  } catch (error) {
    throw asKeyError(error, opensshFileName);
  }
}

/** The key of an envelope whose cipher is none. */
export function parsePlainOpensshKey(envelope: OpensshEnvelope, context: KeyContext): PrivateKeyFile {
  if (envelope.kdfName !== 'none' || envelope.kdfOptions.length !== 0 || envelope.tag.length !== 0) {
    throw keyFormatError(
      `${opensshFileName} is damaged: it is not encrypted, yet has a key derivation or a tag`,
    );
  }
  return parseSection(envelope.section, envelope, plainBlockSize, context);
}

/** The key in a private section that is in the clear. */
export function parseSection(
  section: Uint8Array,
  envelope: OpensshEnvelope,
  blockSize: number,
  context: KeyContext,
): PrivateKeyFile {
  try {
    const reader = new WireReader(section);
    const check = reader.uint32();
    if (section.length % blockSize !== 0 || reader.uint32() !== check) {
      throw keyFormatError(`${opensshFileName} is damaged: its private section is malformed`);
    }
    const privateKey = readPrivateKey(reader, context);
    const comment = reader.text();
    checkPadding(reader.viewRest());
    checkDeclaredBlob(privateKey, envelope.publicBlob);
    return { privateKey, publicKey: privateKey.publicKey, comment };
  } catch (error) {
    throw asKeyError(error, opensshFileName);
  }
}

function readPrivateKey(reader: WireReader, context: KeyContext): PrivateKey {
  const type = reader.name();
  switch (type) {
    case 'ssh-ed25519': {
      const point = reader.viewString();
      const secret = reader.viewString();
      if (secret.length !== 64 || !equalBytes(secret.subarray(32), point)) {
        throw keyFormatError(`${opensshFileName} is damaged: its Ed25519 key is malformed`);
      }
      return ed25519PrivateKey(context, secret.subarray(0, 32), point);
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = reader.name();
      const point = reader.viewString();
      const scalar = copyMagnitude(reader);
      const expected = type.slice('ecdsa-sha2-'.length) as 'nistp256' | 'nistp384' | 'nistp521';
      if (curve !== expected)
        throw keyFormatError(`${opensshFileName} is damaged: its type and its curve disagree`);
      return ecdsaPrivateKey(context, expected, scalar, point);
    }
    case 'ssh-rsa': {
      const modulus = copyMagnitude(reader);
      const exponent = copyMagnitude(reader);
      const privateExponent = copyMagnitude(reader);
      const coefficient = copyMagnitude(reader);
      const prime1 = copyMagnitude(reader);
      const prime2 = copyMagnitude(reader);
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

/** 1, 2, 3 and so on, however many: PuTTYgen fills up blocks of 16 bytes where ssh-keygen has 8. */
function checkPadding(padding: Uint8Array): void {
  if (padding.some((byte, i) => byte !== ((i + 1) & 0xff))) {
    throw keyFormatError(`${opensshFileName} is damaged: its padding is wrong`);
  }
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
