/**
 * Private keys as values.
 *
 * Owns: the numbers a private key consists of, and the public key in it.
 * Must not know: file formats (`keys/`), arithmetic (the provider).
 */

import { wipe } from '../../base/bytes.ts';
import { checkArgument, isObject, type OptionRule, secretly } from '../../base/optionChecks.ts';
import type {
  EcdsaPublicKey,
  Ed448PublicKey,
  Ed25519PublicKey,
  PublicKey,
  RsaPublicKey,
} from './publicKey.ts';

/** A key on Ed25519. */
export interface Ed25519PrivateKey {
  /** Type of the key. */
  readonly type: 'ssh-ed25519';
  /** The public half. */
  readonly publicKey: Ed25519PublicKey;
  /** 32 bytes (RFC 8032 §5.1.5). */
  readonly seed: Uint8Array;
}

/** A key on Ed448. */
export interface Ed448PrivateKey {
  /** Type of the key. */
  readonly type: 'ssh-ed448';
  /** The public half. */
  readonly publicKey: Ed448PublicKey;
  /** 57 bytes (RFC 8032 §5.2.5). */
  readonly seed: Uint8Array;
}

/** A key on a curve of NIST. */
export interface EcdsaPrivateKey {
  /** Type of the key; it names the curve. */
  readonly type: EcdsaPublicKey['type'];
  /** The public half. */
  readonly publicKey: EcdsaPublicKey;
  /** Big-endian, as long as the curve's order. */
  readonly scalar: Uint8Array;
}

/** Numbers as big-endian magnitudes (RFC 8017 §3.2). */
export interface RsaPrivateKey {
  /** Type of the key. */
  readonly type: 'ssh-rsa';
  /** The public half. */
  readonly publicKey: RsaPublicKey;
  /** d. */
  readonly privateExponent: Uint8Array;
  /** p. */
  readonly prime1: Uint8Array;
  /** q. */
  readonly prime2: Uint8Array;
  /** q^-1 mod p. */
  readonly coefficient: Uint8Array;
}

/** A private key of any kind; `type` tells which. */
export type PrivateKey = Ed25519PrivateKey | Ed448PrivateKey | EcdsaPrivateKey | RsaPrivateKey;

/** A private key as it came from a file. */
export interface PrivateKeyFile {
  /** The key. */
  readonly privateKey: PrivateKey;
  /** Its public half. */
  readonly publicKey: PublicKey;
  /** As the file has it; not escaped. */
  readonly comment: string;
}

/** What a caller gives as a private key. */
export const privateKeyRule: OptionRule = secretly({
  takes: 'a private key, such as parsePrivateKey(…).privateKey',
  accepts: (value) =>
    isObject(value) &&
    typeof value['type'] === 'string' &&
    isObject(value['publicKey']) &&
    ['seed', 'scalar', 'privateExponent'].some((secret) => value[secret] instanceof Uint8Array),
});

/** Overwrites the secret numbers of a key. */
export function wipePrivateKey(key: PrivateKey): void {
  checkArgument('the key for wipePrivateKey', key, privateKeyRule);
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
