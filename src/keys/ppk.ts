/**
 * PuTTY's private key files, versions 2 and 3.
 *
 * Owns: the format of PuTTY's manual, appendix "PPK file format": its lines, its
 * key derivation (Argon2, or SHA-1 in version 2), its MAC over everything.
 * Must not know: other formats.
 */
import { argon2d, argon2i, argon2id } from '@noble/hashes/argon2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, emptyBytes, equalBytes, fromHex, utf8Encode, wipe } from '../base/bytes.ts';
import type { PrivateKey, PrivateKeyFile } from '../crypto/privateKey.ts';
import type { PublicKey } from '../crypto/publicKey.ts';
import { decodePublicKey } from '../crypto/publicKey.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { base64Decode } from './base64.ts';
import {
  asKeyError,
  keyFormatError,
  keyUnsupportedError,
  passphraseMissing,
  passphraseWrong,
  quoted,
} from './errors.ts';
import type { ParseContext } from './keyValues.ts';
import { ecdsaPrivateKey, ed25519PrivateKey, rsaPrivateKey } from './keyValues.ts';
import { unsupportedType } from './opensshKey.ts';
import { sshFileCiphers } from './sshCiphers.ts';
import { latin1Bytes, latin1ToText, splitLines } from './textLines.ts';

const fileName = 'the PuTTY private key';
const firstLine = /^PuTTY-User-Key-File-(\d+): (\S+)$/;

/** Beyond these a file asks for more memory or time than any tool writes; memory in KiB. */
const maximumArgonMemory = 512 * 1024;
const maximumArgonWork = 16 * 1024 * 1024;

type ArgonFlavour = 'Argon2id' | 'Argon2i' | 'Argon2d';

const argonFlavours: Readonly<Record<ArgonFlavour, typeof argon2id>> = {
  Argon2id: argon2id,
  Argon2i: argon2i,
  Argon2d: argon2d,
};

/** The lines of the file, as they are. */
export interface PpkFile {
  readonly version: 2 | 3;
  readonly type: string;
  readonly encrypted: boolean;
  /** One character a byte: the MAC covers the bytes. */
  readonly comment: string;
  readonly publicBlob: Uint8Array;
  readonly derivation: PpkDerivation | undefined;
  readonly section: Uint8Array;
  readonly mac: Uint8Array;
}

interface PpkDerivation {
  readonly flavour: ArgonFlavour;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
}

/** Whether a text is meant to be such a file. */
export function isPpk(text: string): boolean {
  return text.startsWith('PuTTY-User-Key-File-');
}

/** @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED` */
export function readPpk(text: string): PpkFile {
  const lines = new PpkLines(splitLines(text));
  const { version, type } = lines.header();
  const encryption = lines.field('Encryption');
  if (encryption !== 'none' && encryption !== 'aes256-cbc') {
    throw keyUnsupportedError(`${fileName} is encrypted with ${quoted(encryption)}; aes256-cbc is supported`);
  }
  const encrypted = encryption !== 'none';
  const comment = lines.field('Comment');
  const publicBlob = lines.base64('Public-Lines');
  const derivation = encrypted && version === 3 ? readDerivation(lines) : undefined;
  const section = lines.base64('Private-Lines');
  const mac = lines.hex('Private-MAC');
  lines.end();
  return { version, type, encrypted, comment, publicBlob, derivation, section, mac };
}

/** The public half, which is in the clear but not yet proven by the MAC. */
export function ppkPublicKey(file: PpkFile): PublicKey {
  try {
    return decodePublicKey(file.publicBlob);
  } catch (error) {
    throw asKeyError(error, fileName);
  }
}

/** The key in the file. Argon2 is done in one go: its time is what the file asks for. */
export function* parsePpk(text: string, context: ParseContext): Generator<void, PrivateKeyFile> {
  const file = readPpk(text);
  const cipher = sshFileCiphers['aes256-cbc'];
  if (file.section.length === 0 || (file.encrypted && file.section.length % cipher.blockSize !== 0)) {
    throw keyFormatError(`${fileName} is damaged: its private part is not made of whole blocks`);
  }
  const passphrase = file.encrypted ? context.passphrase : emptyBytes;
  if (passphrase === undefined || (file.encrypted && passphrase.length === 0))
    throw passphraseMissing(fileName);
  if (file.derivation !== undefined) yield;
  const keys = file.version === 3 ? deriveArgon(file, passphrase) : deriveSha1(passphrase);
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

function deriveArgon(file: PpkFile, passphrase: Uint8Array): PpkKeys {
  const { derivation } = file;
  if (derivation === undefined) return { cipherKey: emptyBytes, iv: emptyBytes, macKey: emptyBytes };
  const { memory, passes, parallelism, salt } = derivation;
  const derive = argonFlavours[derivation.flavour];
  const derived = derive(passphrase, salt, { m: memory, t: passes, p: parallelism, dkLen: 80 });
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
    .string(latin1Bytes(file.comment))
    .string(file.publicBlob)
    .string(section);
  const mac = hmac(file.version === 3 ? sha256 : sha1, key, covered.viewWritten());
  wipe(covered.buffer);
  return mac;
}

function readDerivation(lines: PpkLines): PpkDerivation {
  const flavour = lines.field('Key-Derivation');
  if (!Object.hasOwn(argonFlavours, flavour)) {
    throw keyUnsupportedError(`${fileName} uses the key derivation ${quoted(flavour)}; Argon2 is supported`);
  }
  const memory = lines.number('Argon2-Memory');
  const passes = lines.number('Argon2-Passes');
  const parallelism = lines.number('Argon2-Parallelism');
  const salt = lines.hex('Argon2-Salt');
  // RFC 9106 §3.1: at least 8 KiB a lane; a salt of 8 bytes or more.
  if (passes === 0 || parallelism === 0 || memory < 8 * parallelism || salt.length < 8) {
    throw keyFormatError(`${fileName} is damaged: its Argon2 parameters are out of range`);
  }
  if (memory > maximumArgonMemory || memory * passes > maximumArgonWork) {
    throw keyUnsupportedError(`${fileName} asks for more memory or time of Argon2 than is allowed`);
  }
  return { flavour: flavour as ArgonFlavour, memory, passes, parallelism, salt };
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
      const privateExponent = reader.copyMpint();
      const prime1 = reader.copyMpint();
      const prime2 = reader.copyMpint();
      const coefficient = reader.copyMpint();
      const { modulus, exponent } = publicKey;
      return rsaPrivateKey(context, { modulus, exponent, privateExponent, prime1, prime2, coefficient });
    }
    case 'ssh-ed448':
    case 'sk-ssh-ed25519@openssh.com':
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      throw unsupportedType(type);
    default:
      return ecdsaPrivateKey(context, publicKey.curve, reader.copyMpint(), publicKey.point);
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

/** The lines of a file, taken in the order the format prescribes. */
class PpkLines {
  private readonly lines: readonly string[];
  private next = 0;

  constructor(lines: readonly string[]) {
    this.lines = lines;
  }

  header(): { readonly version: 2 | 3; readonly type: string } {
    const match = firstLine.exec(this.line());
    if (match === null) throw keyFormatError(`${fileName} is damaged: its first line is malformed`);
    const version = Number(match[1]);
    if (version !== 2 && version !== 3) {
      throw keyUnsupportedError(
        `${fileName} is of version ${version}; 2 and 3 are supported (re-save it with puttygen)`,
      );
    }
    return { version, type: match[2] as string };
  }

  field(name: string): string {
    const line = this.line();
    if (!line.startsWith(`${name}: `)) {
      throw keyFormatError(`${fileName} is damaged: ${name} expected in line ${this.next}`);
    }
    return line.slice(name.length + 2);
  }

  number(name: string): number {
    const text = this.field(name);
    if (!/^(0|[1-9]\d{0,8})$/.test(text))
      throw keyFormatError(`${fileName} is damaged: ${name} is no number`);
    return Number(text);
  }

  hex(name: string): Uint8Array {
    const text = this.field(name);
    if (!/^([0-9a-f]{2}){1,128}$/i.test(text))
      throw keyFormatError(`${fileName} is damaged: ${name} is not hexadecimal`);
    return fromHex(text);
  }

  base64(name: string): Uint8Array {
    const count = this.number(name);
    if (count > this.lines.length - this.next) throw truncated();
    const body = this.lines.slice(this.next, this.next + count).join('');
    this.next += count;
    const bytes = base64Decode(body);
    if (bytes === undefined) throw keyFormatError(`${fileName} is damaged: its ${name} are not base64`);
    return bytes;
  }

  end(): void {
    if (this.lines.slice(this.next).some((line) => line.trim() !== '')) {
      throw keyFormatError(`${fileName} is damaged: there is text behind its last line`);
    }
  }

  private line(): string {
    const line = this.lines[this.next++];
    if (line === undefined) throw truncated();
    return line;
  }
}

function truncated(): Error {
  return keyFormatError(`${fileName} is truncated`);
}
