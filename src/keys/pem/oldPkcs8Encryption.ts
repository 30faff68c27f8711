/**
 * The old schemes of encrypted PKCS#8 keys, which `openssl pkcs8 -v1` writes.
 *
 * Owns: PBES1 (RFC 8018 §6.1) and the schemes of PKCS#12 (RFC 7292 App. C): the
 * key derivation, the cipher and the padding of each. They are weak, and are only
 * read. Those with MD2 are not: OpenSSL has not had it for years either.
 * Must not know: the fields around them, what the decrypted key looks like.
 */
import { md5, sha1 } from '@noble/hashes/legacy.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concatBytes, wipe } from '../../base/bytes.ts';
import { tripleDesCbcDecrypt } from '../../crypto/handwritten/des.ts';
import { pkcs12Kdf, pkcs12Purposes } from '../derivation/pkcs12Kdf.ts';
import { viewUnpadded } from '../padding.ts';
import { rc2CbcDecrypt } from './rc2.ts';
import { rc4 } from './rc4.ts';

/** Key and initialization vector; the latter is empty for a stream cipher. */
interface CipherKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

interface Derivation {
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export interface OldScheme {
  /** What the ciphertext is made of; 1 for a stream cipher. */
  readonly blockSize: number;
  derive(from: Derivation): Generator<void, CipherKey>;
  /** The text; undefined where its padding is wrong. */
  decrypt(key: CipherKey, sealed: Uint8Array): Uint8Array | undefined;
}

/** Iterations of PBKDF1 between two interruptions, some 2 ms of work. */
const stepIterations = 2048;
const blockSize = 8;

/** By the object identifier of the scheme. */
const schemes: Readonly<Record<string, OldScheme>> = {
  '1.2.840.113549.1.5.3': pbes1(md5, desCbc),
  '1.2.840.113549.1.5.6': pbes1(md5, rc2CbcDecrypt),
  '1.2.840.113549.1.5.10': pbes1(sha1, desCbc),
  '1.2.840.113549.1.5.11': pbes1(sha1, rc2CbcDecrypt),
  '1.2.840.113549.1.12.1.1': pkcs12Stream(16),
  '1.2.840.113549.1.12.1.2': pkcs12Stream(5),
  '1.2.840.113549.1.12.1.3': pkcs12Blocks(24, tripleDesCbcDecrypt),
  '1.2.840.113549.1.12.1.4': pkcs12Blocks(16, twoKeyDesCbc),
  '1.2.840.113549.1.12.1.5': pkcs12Blocks(16, rc2CbcDecrypt),
  '1.2.840.113549.1.12.1.6': pkcs12Blocks(5, rc2CbcDecrypt),
};

/** Undefined for one that is not known. */
export function oldScheme(identifier: string): OldScheme | undefined {
  return Object.hasOwn(schemes, identifier) ? schemes[identifier] : undefined;
}

type BlockDecryption = (key: Uint8Array, iv: Uint8Array, sealed: Uint8Array) => Uint8Array;

function pbes1(hash: CHash, decrypt: BlockDecryption): OldScheme {
  return { blockSize, derive: (from) => pbkdf1(hash, from), decrypt: blocks(decrypt) };
}

/** RFC 8018 §5.1 and §6.1.1: eight bytes of key, eight of initialization vector. */
function* pbkdf1(hash: CHash, { passphrase, salt, iterations }: Derivation): Generator<void, CipherKey> {
  let derived = hash(concatBytes(passphrase, salt));
  for (let i = 1; i < iterations; i++) {
    if (i % stepIterations === 0) yield;
    derived = hash(derived);
  }
  return { key: derived.slice(0, 8), iv: derived.slice(8, 16) };
}

function pkcs12Blocks(keyLength: number, decrypt: BlockDecryption): OldScheme {
  return { blockSize, derive: (from) => pkcs12Key(from, keyLength, blockSize), decrypt: blocks(decrypt) };
}

function pkcs12Stream(keyLength: number): OldScheme {
  return {
    blockSize: 1,
    derive: (from) => pkcs12Key(from, keyLength, 0),
    decrypt: ({ key }, sealed) => rc4(key, sealed),
  };
}

function* pkcs12Key(
  { passphrase, salt, iterations }: Derivation,
  keyLength: number,
  ivLength: number,
): Generator<void, CipherKey> {
  const key = yield* pkcs12Kdf(pkcs12Purposes.key, passphrase, salt, iterations, keyLength);
  const iv = yield* pkcs12Kdf(pkcs12Purposes.iv, passphrase, salt, iterations, ivLength);
  return { key, iv };
}

function blocks(decrypt: BlockDecryption): OldScheme['decrypt'] {
  return ({ key, iv }, sealed) => viewUnpadded(decrypt(key, iv, sealed), blockSize);
}

/** Single DES is Triple DES with one key thrice. */
function desCbc(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  return withKey(concatBytes(key, key, key), iv, sealed);
}

/** Triple DES with two keys is the one with the first of them again at the end. */
function twoKeyDesCbc(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  return withKey(concatBytes(key, key.subarray(0, 8)), iv, sealed);
}

function withKey(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  const text = tripleDesCbcDecrypt(key, iv, sealed);
  wipe(key);
  return text;
}
