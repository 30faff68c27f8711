/**
 * Keys and certificates that must not be trusted, as a file lists them.
 *
 * Owns: the two forms of such a file (lines with a public key each, and a KRL),
 * and what a file says of a key or certificate.
 * Must not know: the sections of a KRL (`krl.ts`), files on disk, known_hosts.
 * Source: ssh_config(5), RevokedHostKeys; ssh-keygen(1), KEY REVOCATION LISTS.
 */
import { latin1Decode, utf8Encode } from '../../base/bytes.ts';
import { type Certificate, decodeCertificate } from '../../crypto/keys/certificate.ts';
import { encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { createNobleHash } from '../../crypto/noble/digests.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { isCertificateName } from '../../crypto/specialAlgorithms.ts';
import { WireReader } from '../../wire/reader.ts';
import { asKeyError, keyFormatError, quoted } from '../errors.ts';
import { base64Decode } from '../pem/base64.ts';
import { checkFileContent, latin1ToText, splitLines } from '../textLines.ts';
import { isKrl, type KeyHashes, Krl } from './krl.ts';

/** What of a key or certificate is revoked: the key itself, the authority that signed it, or the certificate. */
export type RevokedPart = 'key' | 'authority' | 'certificate';

/** Lines that are read in one step. */
const stepLines = 64;

/**
 * The keys that a file revokes: a KRL as `ssh-keygen -k` makes it, or a text with
 * a public key or certificate in each line, which revokes the key in it and, as
 * far as it is an authority's, all that it has signed.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { parsePublicKey, RevokedKeys } from 'deadline-ssh/keys';
 * const revoked = RevokedKeys.parse(readFileSync('revoked_keys'));
 * const isRevoked = (line: string): boolean => revoked.revocation(parsePublicKey(line).publicKey) !== undefined;
 * ```
 */
export class RevokedKeys {
  private readonly krl: Krl | undefined;
  private readonly keys: ReadonlySet<string>;

  private constructor(krl: Krl | undefined, keys: ReadonlySet<string>) {
    this.krl = krl;
    this.keys = keys;
  }

  /**
   * Reads a file. What cannot be read makes the whole of it unusable: anybody who
   * skips a line may trust a key that was meant to be revoked.
   *
   * @param data the content of the file, as text or bytes
   * @throws SshError `ERR_SSH_KEY_FORMAT` malformed, `ERR_SSH_KEY_UNSUPPORTED` a KRL of a version or with a critical
   *   extension that is not known
   */
  static parse(data: Uint8Array | string): RevokedKeys {
    const steps = RevokedKeys.parseInSteps(data);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  /** As `parse`, less than a millisecond of work at a time: call `next()` until it is done. */
  static *parseInSteps(data: Uint8Array | string): Generator<void, RevokedKeys> {
    checkFileContent('the file of revoked keys', data);
    try {
      const bytes = typeof data === 'string' ? utf8Encode(data) : data;
      if (isKrl(bytes)) return new RevokedKeys(yield* Krl.readInSteps(bytes), new Set());
      return new RevokedKeys(undefined, yield* readLines(latin1Decode(bytes)));
    } catch (error) {
      throw asKeyError(error, 'revoked keys');
    }
  }

  /** The version of a KRL; undefined for a text. */
  get version(): bigint | undefined {
    return this.krl?.version;
  }

  /**
   * What is revoked of a key, of its blob, or of a certificate; undefined where
   * nothing is. A certificate is revoked with its key, with its authority, and
   * by itself.
   */
  revocation(of: PublicKey | Uint8Array | Certificate): RevokedPart | undefined {
    if (of instanceof Uint8Array) return this.revokesKey(of) ? 'key' : undefined;
    if (!('authorityBlob' in of)) return this.revokesKey(encodePublicKey(of)) ? 'key' : undefined;
    if (this.revokesKey(encodePublicKey(of.publicKey))) return 'key';
    if (this.revokesKey(of.authorityBlob)) return 'authority';
    return this.krl?.revokesCertificate(of) === true ? 'certificate' : undefined;
  }

  private revokesKey(blob: Uint8Array): boolean {
    if (this.krl === undefined) return this.keys.has(latin1Decode(blob));
    return this.krl.revokesKey(blob, hashesOf(blob));
  }
}

function hashesOf(blob: Uint8Array): KeyHashes {
  const hash = (name: 'sha1' | 'sha256'): Uint8Array => {
    const running: ReturnType<CryptoProvider['createHash']> = createNobleHash(name);
    running.update(blob);
    return running.digest();
  };
  return { sha1: hash('sha1'), sha256: hash('sha256') };
}

/** The blobs of plain keys, with a character for each byte. */
function* readLines(text: string): Generator<void, Set<string>> {
  const keys = new Set<string>();
  let number = 0;
  for (const line of splitLines(text)) {
    if (++number % stepLines === 0) yield;
    if (/^[ \t]*(?:#|$)/.test(line)) continue;
    keys.add(latin1Decode(plainKey(line, number)));
  }
  return keys;
}

/** Any size is looked at: the key is not used. */
const anySize = { rsaMinimumBits: 1, rsaMaximumBits: 16_384 };

/** Of a certificate it is the key that is revoked, as with OpenSSH. Keys of types that this library lacks count too. */
function plainKey(line: string, number: number): Uint8Array {
  const [, type = '', text = ''] = /^[ \t]*([!-~]+)[ \t]+([!-~]+)/.exec(line) ?? [];
  const blob = base64Decode(text);
  if (blob === undefined || blob.length === 0) {
    throw keyFormatError(`line ${number} is not a public key: a type and base64 text are wanted`);
  }
  try {
    const named = new WireReader(blob).name();
    if (named !== type) {
      throw keyFormatError(
        `line ${number}: the key is of type ${quoted(named)}, and the line says ${quoted(latin1ToText(type))}`,
      );
    }
    return isCertificateName(type) ? encodePublicKey(decodeCertificate(blob, anySize).publicKey) : blob;
  } catch (error) {
    throw asKeyError(error, `line ${number}`);
  }
}
