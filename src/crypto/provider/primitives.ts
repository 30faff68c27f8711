/**
 * The arithmetic that a provider is assembled from.
 *
 * Owns: the interfaces between raw functions (on @noble or OpenSSL) and the
 * rules of SSH around them, which `assemble.ts` states once for all providers.
 * Must not know: wire encodings, algorithm names.
 *
 * Functions that take a peer's bytes report refusal by `undefined` or `false`;
 * whatever they throw counts as refusal as well.
 */
import type { CbcName, CipherName } from '../algorithms.ts';
import type { RsaPrivateKey } from '../keys/privateKey.ts';
import type { RsaPublicKey } from '../keys/publicKey.ts';
import type { PacketStream } from './packetStream.ts';
import type {
  AgreementKeyPair,
  CurveName,
  DhGroup,
  Digest,
  DirectionKeys,
  HashName,
  KeyAgreement,
  OpeningCipher,
  SealingCipher,
} from './provider.ts';
import type { RandomBytes } from './random.ts';
import type { Loadable, Slot } from './slot.ts';

/** Hashes and HMACs by name. */
export interface Digests {
  createHash(name: HashName): Digest;
  createHmac(name: HashName, key: Uint8Array): Digest;
}

/** X25519 (RFC 7748 §5) and Ed25519 (RFC 8032 §5.1); all keys 32 bytes. */
export interface Curve25519 {
  x25519PublicKey(secretKey: Uint8Array): Uint8Array;
  x25519(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array;
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  ed25519Sign(seed: Uint8Array, data: Uint8Array): Uint8Array;
  ed25519Verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/** X448 (RFC 7748 §5), keys 56 bytes, and Ed448 (RFC 8032 §5.2) without context, keys 57 bytes and signatures 114. */
export interface Curve448 {
  x448PublicKey(secretKey: Uint8Array): Uint8Array;
  x448(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array;
  ed448PublicKey(seed: Uint8Array): Uint8Array;
  ed448Sign(seed: Uint8Array, data: Uint8Array): Uint8Array;
  ed448Verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * One of the NIST curves (SEC 1, FIPS 186-5) with the hash RFC 5656 §6.2.1
 * gives it. Scalars are as long as the order, points uncompressed, signatures
 * r ‖ s of fixed length.
 */
export interface NistCurve {
  publicKey(scalar: Uint8Array): Uint8Array;
  /** The x-coordinate; a point off the curve is refused. */
  sharedX(scalar: Uint8Array, peerPoint: Uint8Array): Uint8Array;
  /** Deterministic (RFC 6979); `s` is not normalised. */
  sign(scalar: Uint8Array, data: Uint8Array): Uint8Array;
  verify(point: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/** ML-KEM-768 (FIPS 203 §7), deterministic in the randomness it is given. */
export interface MlKem768 {
  /** @param seed d ‖ z, 64 bytes. The secret key's form is the implementation's own. */
  generate(seed: Uint8Array): AgreementKeyPair;
  /** @param publicKey 1,184 bytes whose coefficients are known to be below q; @param message m, 32 bytes */
  encapsulate(
    publicKey: Uint8Array,
    message: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
  decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/** Streamlined NTRU Prime with p = 761, q = 4591, w = 286; keys and ciphertexts of the lengths it has. */
export interface Sntrup761 {
  /** @param randomBytes asked for as often as the draw of a key needs */
  generate(randomBytes: RandomBytes): AgreementKeyPair;
  encapsulate(
    publicKey: Uint8Array,
    randomBytes: RandomBytes,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
  /** A ciphertext that was forged gives a secret that nobody else has. */
  decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2); signatures as long as the modulus. */
export interface Rsa {
  /** See `CryptoProvider.keep`. */
  keep?(key: RsaPrivateKey): void;
  sign(key: RsaPrivateKey, hash: HashName, data: Uint8Array): Uint8Array;
  verify(key: RsaPublicKey, hash: HashName, data: Uint8Array, signature: Uint8Array): boolean;
}

/** Cipher block chaining, one direction at a time. */
export interface CbcStreams {
  encrypting(cipher: CbcName, key: Uint8Array, iv: Uint8Array): PacketStream;
  decrypting(cipher: CbcName, key: Uint8Array, iv: Uint8Array): PacketStream;
}

/** See `OpeningCipher` and `SealingCipher`. */
export interface PacketCiphers {
  createOpeningCipher(keys: DirectionKeys): OpeningCipher;
  createSealingCipher(keys: DirectionKeys): SealingCipher;
}

/** By what it is for. */
export interface RareCode {
  readonly cbc: Loadable;
  readonly umac: Loadable;
}

/** Everything a provider consists of. Slots may be empty until their algorithm is negotiated. */
export interface Primitives {
  readonly name: string;
  readonly randomBytes: RandomBytes;
  createHash(name: HashName): Digest;
  createHmac(name: HashName, key: Uint8Array): Digest;
  readonly curve25519: Slot<Curve25519>;
  readonly curve448: Slot<Curve448>;
  readonly nistCurves: { readonly [C in CurveName]: Slot<NistCurve> };
  readonly mlKem768: Slot<MlKem768>;
  readonly sntrup761: Slot<Sntrup761>;
  readonly rsa: Rsa;
  /** Diffie-Hellman where it is faster than over bigint; undefined for groups where it is not. */
  readonly dh?: ((group: DhGroup) => KeyAgreement | undefined) | undefined;
  /** Those that hold the cipher: what hardly anybody negotiates is not to be loaded with the rest. */
  packetCiphers(cipher: CipherName): Slot<PacketCiphers>;
  /** Code that `packetCiphers` needs for names that hardly anybody negotiates. */
  readonly rareCode: RareCode;
}
