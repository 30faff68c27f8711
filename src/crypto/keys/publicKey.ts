/**
 * Public keys as values, and the blobs that carry them and their signatures.
 *
 * Owns: the public key blob of RFC 4253 §6.6 (rsa), RFC 5656 §3.1 (ecdsa),
 * RFC 8709 §4 (ed25519, ed448), OpenSSH PROTOCOL.u2f (keys in security tokens), and
 * the signature blob around an algorithm's own part.
 * Must not know: files, arithmetic. A point's being on its curve is the provider's to check.
 */

import { copyOf, utf8Decode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import {
  anyText,
  bytesOnly,
  checkArgument,
  checkOptionsObject,
  isObject,
  type OptionRule,
  objectWith,
} from '../../base/optionChecks.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';

/** By their names in RFC 5656 §10.1. */
export type CurveName = 'nistp256' | 'nistp384' | 'nistp521';

/** A key on Ed25519 (RFC 8709). */
export interface Ed25519PublicKey {
  /** Type of the key. */
  readonly type: 'ssh-ed25519';
  /** 32 bytes. */
  readonly point: Uint8Array;
}

/** A key on Ed448 (RFC 8709). */
export interface Ed448PublicKey {
  /** Type of the key. */
  readonly type: 'ssh-ed448';
  /** 57 bytes. */
  readonly point: Uint8Array;
}

/** A key on a curve of NIST (RFC 5656). */
export interface EcdsaPublicKey {
  /** Type of the key; it names the curve. */
  readonly type: 'ecdsa-sha2-nistp256' | 'ecdsa-sha2-nistp384' | 'ecdsa-sha2-nistp521';
  /** The curve. */
  readonly curve: CurveName;
  /** Uncompressed: 04 ‖ x ‖ y. */
  readonly point: Uint8Array;
}

/** An RSA key (RFC 4253 §6.6). */
export interface RsaPublicKey {
  /** Type of the key, whatever its signatures are called. */
  readonly type: 'ssh-rsa';
  /** e, a big-endian magnitude as `modulus` is. */
  readonly exponent: Uint8Array;
  /** n; as long as the key is said to be. */
  readonly modulus: Uint8Array;
}

/** An Ed25519 key in a security token (OpenSSH PROTOCOL.u2f). */
export interface SkEd25519PublicKey {
  /** Type of the key. */
  readonly type: 'sk-ssh-ed25519@openssh.com';
  /** 32 bytes. */
  readonly point: Uint8Array;
  /** What the token made the key for, usually `ssh:`; its signatures cover the hash of it. */
  readonly application: string;
}

/** An ECDSA key in a security token (OpenSSH PROTOCOL.u2f). */
export interface SkEcdsaPublicKey {
  /** Type of the key. */
  readonly type: 'sk-ecdsa-sha2-nistp256@openssh.com';
  /** The curve. */
  readonly curve: 'nistp256';
  /** Uncompressed: 04 ‖ x ‖ y. */
  readonly point: Uint8Array;
  /** What the token made the key for, usually `ssh:`; its signatures cover the hash of it. */
  readonly application: string;
}

/** Keys whose private half a security token keeps. */
export type SecurityKeyPublicKey = SkEd25519PublicKey | SkEcdsaPublicKey;

/** A public key of any kind; `type` tells which. */
export type PublicKey =
  | Ed25519PublicKey
  | Ed448PublicKey
  | EcdsaPublicKey
  | RsaPublicKey
  | SecurityKeyPublicKey;

/** Bits of an RSA modulus that are taken; `limits` may narrow them. */
export interface RsaBounds {
  /** Shorter keys are refused. */
  readonly rsaMinimumBits: number;
  /** Longer keys are refused. */
  readonly rsaMaximumBits: number;
}

const pointLengths: { readonly [K in CurveName]: number } = { nistp256: 65, nistp384: 97, nistp521: 133 };

/**
 * The key in a public key blob. Lengths, form and the size of RSA numbers are
 * checked before any arithmetic.
 *
 * @throws SshError `ERR_SSH_DECODE` malformed, `ERR_SSH_KEY_UNSUPPORTED` of a type not known
 */
export function decodePublicKey(
  blob: Uint8Array,
  bounds: RsaBounds = { rsaMinimumBits: 2048, rsaMaximumBits: 16_384 },
): PublicKey {
  checkArgument('the blob for decodePublicKey', blob, bytesOnly);
  checkOptionsObject(bounds, 'decodePublicKey');
  const reader = new WireReader(blob);
  const type = reader.name();
  const key = decodePublicKeyFields(type, reader, bounds);
  reader.end();
  return key;
}

/** What stands behind the type of a key, in its blob and in a certificate for it. Errors as `decodePublicKey`. */
export function decodePublicKeyFields(type: string, reader: WireReader, bounds: RsaBounds): PublicKey {
  switch (type) {
    case 'ssh-ed25519':
    case 'ssh-ed448': {
      const point = reader.copyString();
      const length = type === 'ssh-ed25519' ? 32 : 57;
      if (point.length !== length) {
        throw malformed(`a key of type ${type} of ${point.length} bytes, ${length} expected`);
      }
      return { type, point };
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = type.slice('ecdsa-sha2-'.length) as CurveName;
      if (reader.name() !== curve) throw malformed(`a key of type ${type} that names another curve`);
      const point = reader.copyString();
      if (point.length !== pointLengths[curve] || point[0] !== 4) {
        throw malformed(`an EC point that is not uncompressed and ${pointLengths[curve]} bytes long`);
      }
      return { type, curve, point };
    }
    case 'ssh-rsa': {
      const exponent = reader.copyMpint();
      const modulus = reader.copyMpint();
      checkRsa(exponent, modulus, bounds);
      return { type, exponent, modulus };
    }
    case 'sk-ssh-ed25519@openssh.com': {
      const point = reader.copyString();
      if (point.length !== 32) throw malformed(`an Ed25519 key of ${point.length} bytes, 32 expected`);
      return { type, point, application: exactText(reader) };
    }
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const curve = 'nistp256';
      if (reader.name() !== curve) throw malformed(`a key of type ${type} that names another curve`);
      const point = reader.copyString();
      if (point.length !== pointLengths[curve] || point[0] !== 4) {
        throw malformed(`an EC point that is not uncompressed and ${pointLengths[curve]} bytes long`);
      }
      return { type, curve, point, application: exactText(reader) };
    }
    default:
      throw new SshError('ERR_SSH_KEY_UNSUPPORTED', `public keys of type ${type} are not supported`);
  }
}

/** Signatures cover the application's bytes, so what cannot be written again as it came is refused. */
function exactText(reader: WireReader): string {
  const text = utf8Decode(reader.viewString(), true);
  if (text === undefined) throw malformed('an application that is not UTF-8');
  return text;
}

function checkRsa(exponent: Uint8Array, modulus: Uint8Array, bounds: RsaBounds): void {
  const bits = bitLength(modulus);
  if (bits < bounds.rsaMinimumBits || bits > bounds.rsaMaximumBits) {
    throw malformed(
      `an RSA modulus of ${bits} bits; ${bounds.rsaMinimumBits} to ${bounds.rsaMaximumBits} are allowed`,
    );
  }
  if (((modulus[modulus.length - 1] ?? 0) & 1) === 0) throw malformed('an even RSA modulus');
  // 64 bits hold every exponent in use; larger ones only serve to make verification slow.
  if (exponent.length > 8 || exponent.length === 0) throw malformed('an RSA exponent out of range');
  if (((exponent[exponent.length - 1] ?? 0) & 1) === 0) throw malformed('an even RSA exponent');
  if (exponent.length === 1 && (exponent[0] ?? 0) < 3) throw malformed('an RSA exponent below 3');
}

/** Bits of a big-endian magnitude without leading zeros. */
export function bitLength(magnitude: Uint8Array): number {
  const first = magnitude[0];
  return first === undefined ? 0 : (magnitude.length - 1) * 8 + (32 - Math.clz32(first));
}

/** The public key blob of a key. */
export function encodePublicKey(key: PublicKey): Uint8Array {
  checkArgument('the key for encodePublicKey', key, publicKeyShape);
  const writer = new WireWriter().text(key.type);
  switch (key.type) {
    case 'ssh-ed25519':
    case 'ssh-ed448':
      return writer.string(key.point).copyWritten();
    case 'ssh-rsa':
      return writer.mpint(key.exponent).mpint(key.modulus).copyWritten();
    case 'sk-ssh-ed25519@openssh.com':
      return writer.string(key.point).text(key.application).copyWritten();
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return writer.text(key.curve).string(key.point).text(key.application).copyWritten();
    default:
      return writer.text(key.curve).string(key.point).copyWritten();
  }
}

/**
 * Algorithm name and algorithm-specific part of a signature blob (RFC 4253 §6.6).
 * Nothing may follow, but for the flags and the counter of a security token
 * (OpenSSH PROTOCOL.u2f), whose part is all that stands behind the name.
 */
export function decodeSignature(blob: Uint8Array): {
  readonly algorithm: string;
  readonly signature: Uint8Array;
} {
  const reader = new WireReader(blob);
  const algorithm = reader.name();
  if (algorithm.startsWith('sk-')) return { algorithm, signature: copyOf(reader.viewRest()) };
  const signature = reader.copyString();
  reader.end();
  return { algorithm, signature };
}

/** The signature blob (RFC 4253 §6.6): the name of the algorithm, and its own part. */
export function encodeSignature(algorithm: string, signature: Uint8Array): Uint8Array {
  checkArgument('the algorithm for encodeSignature', algorithm, anyText);
  checkArgument('the signature for encodeSignature', signature, bytesOnly);
  const writer = new WireWriter().text(algorithm);
  if (algorithm.startsWith('sk-')) return writer.bytes(signature).copyWritten();
  return writer.string(signature).copyWritten();
}

const pointRules = { point: bytesOnly };
const shapes: Readonly<Record<string, OptionRule>> = {
  'ssh-rsa': objectWith('', { exponent: bytesOnly, modulus: bytesOnly }),
  'ssh-ed25519': objectWith('', pointRules),
  'ssh-ed448': objectWith('', pointRules),
  'sk-ssh-ed25519@openssh.com': objectWith('', { ...pointRules, application: anyText }),
  'sk-ecdsa-sha2-nistp256@openssh.com': objectWith('', {
    ...pointRules,
    curve: anyText,
    application: anyText,
  }),
};
const curveShape = objectWith('', { ...pointRules, curve: anyText });

const publicKeyShape: OptionRule = {
  takes: 'a public key, such as parsePublicKey(…).publicKey or the publicKey of a private key',
  accepts: (value) =>
    isObject(value) &&
    typeof value['type'] === 'string' &&
    (shapes[value['type']] ?? curveShape).accepts(value),
};

function malformed(what: string): SshError {
  return new SshError('ERR_SSH_DECODE', `malformed public key: ${what}`);
}
