/**
 * Public keys as values, and the blobs that carry them and their signatures.
 *
 * Owns: the public key blob of RFC 4253 §6.6 (rsa), RFC 5656 §3.1 (ecdsa),
 * RFC 8709 §4 (ed25519, ed448), and the signature blob around an algorithm's own part.
 * Must not know: files, arithmetic. A point's being on its curve is the provider's to check.
 */
import { SshError } from '../base/errors.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';

/** By their names in RFC 5656 §10.1. */
export type CurveName = 'nistp256' | 'nistp384' | 'nistp521';

export interface Ed25519PublicKey {
  readonly type: 'ssh-ed25519';
  /** 32 bytes. */
  readonly point: Uint8Array;
}

export interface Ed448PublicKey {
  readonly type: 'ssh-ed448';
  /** 57 bytes. */
  readonly point: Uint8Array;
}

export interface EcdsaPublicKey {
  readonly type: 'ecdsa-sha2-nistp256' | 'ecdsa-sha2-nistp384' | 'ecdsa-sha2-nistp521';
  readonly curve: CurveName;
  /** Uncompressed: 04 ‖ x ‖ y. */
  readonly point: Uint8Array;
}

export interface RsaPublicKey {
  readonly type: 'ssh-rsa';
  /** Big-endian magnitudes. */
  readonly exponent: Uint8Array;
  readonly modulus: Uint8Array;
}

export type PublicKey = Ed25519PublicKey | Ed448PublicKey | EcdsaPublicKey | RsaPublicKey;

/** Bits of an RSA modulus that are taken; `limits` may narrow them. */
export interface RsaBounds {
  readonly rsaMinimumBits: number;
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
  const reader = new WireReader(blob);
  const type = reader.name();
  const key = decodeFields(type, reader, bounds);
  reader.end();
  return key;
}

function decodeFields(type: string, reader: WireReader, bounds: RsaBounds): PublicKey {
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
    default:
      throw new SshError('ERR_SSH_KEY_UNSUPPORTED', `public keys of type ${type} are not supported`);
  }
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
  const writer = new WireWriter().text(key.type);
  switch (key.type) {
    case 'ssh-ed25519':
    case 'ssh-ed448':
      return writer.string(key.point).copyWritten();
    case 'ssh-rsa':
      return writer.mpint(key.exponent).mpint(key.modulus).copyWritten();
    default:
      return writer.text(key.curve).string(key.point).copyWritten();
  }
}

/** Algorithm name and algorithm-specific part of a signature blob (RFC 4253 §6.6). Nothing may follow. */
export function decodeSignature(blob: Uint8Array): {
  readonly algorithm: string;
  readonly signature: Uint8Array;
} {
  const reader = new WireReader(blob);
  const algorithm = reader.name();
  const signature = reader.copyString();
  reader.end();
  return { algorithm, signature };
}

export function encodeSignature(algorithm: string, signature: Uint8Array): Uint8Array {
  return new WireWriter().text(algorithm).string(signature).copyWritten();
}

function malformed(what: string): SshError {
  return new SshError('ERR_SSH_DECODE', `malformed public key: ${what}`);
}
