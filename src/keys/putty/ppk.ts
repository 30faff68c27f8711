/**
 * The lines of PuTTY's private key files, versions 2 and 3.
 *
 * Owns: the format of PuTTY's manual, appendix "PPK file format", and what of it is in the clear.
 * Must not know: how the key in it is decrypted and proven.
 */
import { fromHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { decodePublicKey } from '../../crypto/keys/publicKey.ts';
import type { Argon2Parameters, Argon2Type } from '../derivation/argon2.ts';
import { asKeyError, keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
import { base64Decode } from '../pem/base64.ts';
import { splitLines } from '../textLines.ts';

export const ppkFileName = 'the PuTTY private key';
const firstLine = /^PuTTY-User-Key-File-(\d+): (\S+)$/;

const argonFlavours: readonly string[] = ['Argon2id', 'Argon2i', 'Argon2d'] satisfies Argon2Type[];

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

interface PpkDerivation extends Argon2Parameters {
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
    throw keyUnsupportedError(
      `${ppkFileName} is encrypted with ${quoted(encryption)}; aes256-cbc is supported`,
    );
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
    throw asKeyError(error, ppkFileName);
  }
}

function readDerivation(lines: PpkLines): PpkDerivation {
  const flavour = lines.field('Key-Derivation');
  if (!argonFlavours.includes(flavour)) {
    throw keyUnsupportedError(
      `${ppkFileName} uses the key derivation ${quoted(flavour)}; Argon2 is supported`,
    );
  }
  const memory = lines.number('Argon2-Memory');
  const passes = lines.number('Argon2-Passes');
  const parallelism = lines.number('Argon2-Parallelism');
  const salt = lines.hex('Argon2-Salt');
  // RFC 9106 §3.1: at least 8 KiB a lane; a salt of 8 bytes or more.
  if (passes === 0 || parallelism === 0 || memory < 8 * parallelism || salt.length < 8) {
    throw keyFormatError(`${ppkFileName} is damaged: its Argon2 parameters are out of range`);
  }
  return { type: flavour as Argon2Type, memory, passes, parallelism, salt };
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
    if (match === null) throw keyFormatError(`${ppkFileName} is damaged: its first line is malformed`);
    const version = Number(match[1]);
    if (version !== 2 && version !== 3) {
      throw keyUnsupportedError(
        `${ppkFileName} is of version ${version}; 2 and 3 are supported (re-save it with puttygen)`,
      );
    }
    return { version, type: match[2] as string };
  }

  field(name: string): string {
    const line = this.line();
    if (!line.startsWith(`${name}: `)) {
      throw keyFormatError(`${ppkFileName} is damaged: ${name} expected in line ${this.next}`);
    }
    return line.slice(name.length + 2);
  }

  number(name: string): number {
    const text = this.field(name);
    if (!/^(0|[1-9]\d{0,8})$/.test(text))
      throw keyFormatError(`${ppkFileName} is damaged: ${name} is not a number`);
    return Number(text);
  }

  hex(name: string): Uint8Array {
    const text = this.field(name);
    if (!/^([0-9a-f]{2}){1,128}$/i.test(text))
      throw keyFormatError(`${ppkFileName} is damaged: ${name} is not hexadecimal`);
    return fromHex(text);
  }

  base64(name: string): Uint8Array {
    const count = this.number(name);
    if (count > this.lines.length - this.next) throw truncated();
    const body = this.lines.slice(this.next, this.next + count).join('');
    this.next += count;
    const bytes = base64Decode(body);
    if (bytes === undefined) throw keyFormatError(`${ppkFileName} is damaged: its ${name} are not base64`);
    return bytes;
  }

  end(): void {
    if (this.lines.slice(this.next).some((line) => line.trim() !== '')) {
      throw keyFormatError(`${ppkFileName} is damaged: there is text behind its last line`);
    }
  }

  private line(): string {
    const line = this.lines[this.next++];
    if (line === undefined) throw truncated();
    return line;
  }
}

function truncated(): Error {
  return keyFormatError(`${ppkFileName} is truncated`);
}
