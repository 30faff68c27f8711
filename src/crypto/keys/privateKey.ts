/**
 * Private keys as values.
 *
 * Owns: the numbers a private key consists of, and the public key in it.
 * Must not know: file formats (`keys/`), arithmetic (the provider).
 */
import { wipe } from '../../base/bytes.ts';
import type {
  EcdsaPublicKey,
  Ed448PublicKey,
  Ed25519PublicKey,
  PublicKey,
  RsaPublicKey,
} from './publicKey.ts';

export interface Ed25519PrivateKey {
  readonly type: 'ssh-ed25519';
  readonly publicKey: Ed25519PublicKey;
  /** 32 bytes (RFC 8032 §5.1.5). */
  readonly seed: Uint8Array;
}

export interface Ed448PrivateKey {
  readonly type: 'ssh-ed448';
  readonly publicKey: Ed448PublicKey;
  /** 57 bytes (RFC 8032 §5.2.5). */
  readonly seed: Uint8Array;
}

export interface EcdsaPrivateKey {
  readonly type: EcdsaPublicKey['type'];
  readonly publicKey: EcdsaPublicKey;
  /** Big-endian, as long as the curve's order. */
  readonly scalar: Uint8Array;
}

/** Numbers as big-endian magnitudes (RFC 8017 §3.2). */
export interface RsaPrivateKey {
  readonly type: 'ssh-rsa';
  readonly publicKey: RsaPublicKey;
  readonly privateExponent: Uint8Array;
  readonly prime1: Uint8Array;
  readonly prime2: Uint8Array;
  /** q^-1 mod p. */
  readonly coefficient: Uint8Array;
}

export type PrivateKey = Ed25519PrivateKey | Ed448PrivateKey | EcdsaPrivateKey | RsaPrivateKey;

/** A private key as it came from a file. */
export interface PrivateKeyFile {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
  readonly comment: string;
}

/** Overwrites the secret numbers of a key. */
export function wipePrivateKey(key: PrivateKey): void {
  switch (key.type) {
    case 'ssh-ed25519':
    case 'ssh-ed448':
      wipe(key.seed);
      break;
    case 'ssh-rsa':
      wipe(key.privateExponent, key.prime1, key.prime2, key.coefficient);
      break;
    default:
      wipe(key.scalar);
  }
}
