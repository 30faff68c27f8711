/**
 * OpenSSH certificates as values.
 *
 * Owns: the form of a certificate blob, and the check of its authority's
 * signature over it.
 * Must not know: whom it is for, the time, which authorities are trusted.
 * Source: OpenSSH PROTOCOL.certkeys.
 */
import { copyOf, equalBytes, utf8Decode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { WireReader } from '../../wire/reader.ts';
import type { CryptoProvider } from '../provider/provider.ts';
import { certificateSuffix, isCertificateName } from '../specialAlgorithms.ts';
import {
  decodePublicKey,
  decodePublicKeyFields,
  decodeSignature,
  encodePublicKey,
  type PublicKey,
  type RsaBounds,
} from './publicKey.ts';

/** Principals and options a certificate may have; OpenSSH takes as many. */
export const maximumCertificatePrincipals = 256;
const maximumOptions = 256;

/** What an authority says of a key. */
export interface Certificate {
  /** Of the blob, such as `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  /** The whole certificate. */
  readonly blob: Uint8Array;
  /** The key it is for. */
  readonly publicKey: PublicKey;
  /** Number that the authority gave it; 0 where it numbers none. */
  readonly serial: bigint;
  /** Whom it is for. */
  readonly kind: 'user' | 'host';
  /** What the authority calls it; not escaped. */
  readonly keyId: string;
  /** Names of users or hosts it is for; not escaped. */
  readonly principals: readonly string[];
  /** Seconds since 1970; valid from then on … */
  readonly validAfter: bigint;
  /** … and before this second; 2^64 - 1 for ever. */
  readonly validBefore: bigint;
  /** Anybody who does not know one of these must refuse the certificate. */
  readonly criticalOptions: ReadonlyMap<string, Uint8Array>;
  /** What else it allows; a reader that does not know one may go on. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** The key that signed it. */
  readonly authority: PublicKey;
  /** Public key blob of the authority. */
  readonly authorityBlob: Uint8Array;
  /** Algorithm of the authority's signature. */
  readonly signatureAlgorithm: string;
}

/**
 * Reads a certificate. The signature on it is not checked.
 *
 * @throws SshError `ERR_SSH_DECODE` malformed, or signed by another certificate;
 *   `ERR_SSH_KEY_UNSUPPORTED` for a key of a type not known
 */
export function decodeCertificate(
  blob: Uint8Array,
  bounds: RsaBounds = { rsaMinimumBits: 2048, rsaMaximumBits: 16_384 },
): Certificate {
  return read(blob, bounds).certificate;
}

/** Whether a blob says that it is a certificate. */
export function isCertificateBlob(blob: Uint8Array): boolean {
  try {
    return isCertificateName(new WireReader(blob).name());
  } catch {
    return false;
  }
}

/**
 * Whether the authority named in the certificate signed it, with an algorithm
 * that does not rest on SHA-1. That the authority is trusted is another matter.
 */
export function verifyCertificate(
  provider: Pick<CryptoProvider, 'verify'>,
  blob: Uint8Array,
  bounds: RsaBounds = { rsaMinimumBits: 2048, rsaMaximumBits: 16_384 },
): boolean {
  const { certificate, signed, signature } = read(blob, bounds);
  const { authority, signatureAlgorithm } = certificate;
  return provider.verify(signatureAlgorithm, authority, signed, signature);
}

interface ReadCertificate {
  readonly certificate: Certificate;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

function read(blob: Uint8Array, bounds: RsaBounds): ReadCertificate {
  const reader = new WireReader(blob);
  const type = reader.name();
  if (!isCertificateName(type)) throw malformed(`its type is ${type}, which is not a certificate's`);
  reader.viewString(); // The nonce is there to be unpredictable and has no other meaning.
  const publicKey = decodePublicKeyFields(keyTypeIn(type), reader, bounds);
  const serial = reader.uint64();
  const kind = kindOf(reader.uint32());
  const keyId = reader.text();
  const principals = readPrincipals(reader.viewString());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = readOptions(reader.viewString());
  const extensions = readOptions(reader.viewString());
  reader.viewString(); // Reserved.
  const authorityBlob = reader.copyString();
  const authority = readAuthority(authorityBlob, bounds);
  const signed = copyOf(blob.subarray(0, blob.length - reader.remaining));
  const { algorithm, signature } = decodeSignature(reader.viewString());
  reader.end();
  // The algorithms that rest on SHA-1 bear the names of key types: RSA's and DSA's own.
  if (algorithm === 'ssh-rsa' || algorithm === 'ssh-dss') {
    throw malformed(
      `its signature is by ${algorithm}, which rests on SHA-1; the authority has to sign it anew`,
    );
  }
  const certificate: Certificate = {
    type,
    blob: copyOf(blob),
    publicKey,
    serial,
    kind,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    authority,
    authorityBlob,
    signatureAlgorithm: algorithm,
  };
  return { certificate, signed, signature };
}

/** Keys in tokens have their domain behind their own name; in a certificate's type it stands once, at the end. */
function keyTypeIn(type: string): string {
  const plain = type.slice(0, -certificateSuffix.length);
  return plain.startsWith('sk-') ? `${plain}@openssh.com` : plain;
}

function kindOf(number: number): Certificate['kind'] {
  if (number === 1) return 'user';
  if (number === 2) return 'host';
  throw malformed(`it is of kind ${number}; 1 is a user's and 2 a host's`);
}

function readPrincipals(bytes: Uint8Array): string[] {
  const reader = new WireReader(bytes);
  const principals: string[] = [];
  while (reader.remaining > 0) {
    if (principals.length === maximumCertificatePrincipals) {
      throw malformed(`it has more than ${maximumCertificatePrincipals} principals`);
    }
    principals.push(exactText(reader.viewString()));
  }
  return principals;
}

/** Names with values; each value is wrapped once more, which is left to those who know the option. */
function readOptions(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const reader = new WireReader(bytes);
  const options = new Map<string, Uint8Array>();
  while (reader.remaining > 0) {
    const name = exactText(reader.viewString());
    if (options.has(name)) throw malformed('an option stands in it twice');
    if (options.size === maximumOptions) throw malformed(`it has more than ${maximumOptions} options`);
    options.set(name, reader.copyString());
  }
  return options;
}

/** An authority is a plain key: chains of certificates do not exist. */
function readAuthority(blob: Uint8Array, bounds: RsaBounds): PublicKey {
  if (isCertificateBlob(blob)) throw malformed('it is signed by a certificate in place of a key');
  const authority = decodePublicKey(blob, bounds);
  if (!equalBytes(encodePublicKey(authority), blob))
    throw malformed("its authority's key is not in its own form");
  return authority;
}

/** Names are compared: replaced characters could make two of them one. */
function exactText(bytes: Uint8Array): string {
  const text = utf8Decode(bytes, true);
  if (text === undefined) throw malformed('a name in it is not UTF-8');
  return text;
}

function malformed(what: string): SshError {
  return new SshError('ERR_SSH_DECODE', `malformed certificate: ${what}`);
}
