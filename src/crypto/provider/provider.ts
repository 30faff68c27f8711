/**
 * The seam between the protocol and the arithmetic.
 *
 * Owns: the interfaces every crypto provider fulfils. `crypto/noble/` is the
 * reference; `node/` has one on OpenSSL. Everything above asks a provider only.
 * Must not know: which provider it is, sockets, clocks.
 */
import type { CipherName, MacName } from '../algorithms.ts';
import type { PrivateKey } from '../keys/privateKey.ts';
import type { CurveName, PublicKey } from '../keys/publicKey.ts';

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A running hash or MAC. */
export interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** A key pair made for one key agreement, by value so that a seeded provider replays it. */
export interface AgreementKeyPair {
  readonly secretKey: Uint8Array;
  /** As the wire carries it: an X25519 u-coordinate, an uncompressed EC point, a big-endian DH number. */
  readonly publicKey: Uint8Array;
}

/** One Diffie-Hellman function over one group or curve. */
export interface KeyAgreement {
  generate(): AgreementKeyPair;
  /**
   * The raw shared secret, big-endian.
   *
   * @throws SshError `ERR_SSH_KEY_EXCHANGE` for a public value that is out of range, off the curve or of small order.
   */
  sharedSecret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array;
}

/** A key encapsulation mechanism with fixed lengths (FIPS 203 and the like). */
export interface KeyEncapsulation {
  readonly publicKeyLength: number;
  readonly ciphertextLength: number;
  generate(): AgreementKeyPair;
  /** @throws SshError `ERR_SSH_KEY_EXCHANGE` for a public key of a wrong length or form. */
  encapsulate(publicKey: Uint8Array): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
  /** @throws SshError `ERR_SSH_KEY_EXCHANGE` for a ciphertext of a wrong length. */
  decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/** A group of RFC 2409 or RFC 3526 or one a server proposed (RFC 4419), big-endian. */
export interface DhGroup {
  readonly prime: Uint8Array;
  readonly generator: Uint8Array;
  /** Known to this library by its name, so that its prime may be shorter than one that a server proposes. */
  readonly isNamed?: boolean | undefined;
}

export type { CurveName } from '../keys/publicKey.ts';

/** Keys of one direction (RFC 4253 §7.2); empty where the algorithm has none. */
export interface DirectionKeys {
  /** Which cipher. */
  readonly cipher: CipherName;
  /** Undefined for ciphers that authenticate by themselves. */
  readonly mac: MacName | undefined;
  /** Its key. */
  readonly encryptionKey: Uint8Array;
  /** Its initial vector. */
  readonly iv: Uint8Array;
  /** Key of the MAC. */
  readonly integrityKey: Uint8Array;
}

/** What framing needs to know of a cipher with its MAC (RFC 4253 §6). */
export interface PacketCipherShape {
  /** max(8, cipher block): what packets are padded to. */
  readonly blockSize: number;
  /** Whether the length field counts in that multiple: not for AEAD and encrypt-then-MAC. */
  readonly lengthIsAligned: boolean;
  /** Bytes behind the padding: MAC or authentication tag. */
  readonly tagLength: number;
}

/** Takes the protection off packets, one after the other, in the direction from the peer. */
export interface OpeningCipher extends PacketCipherShape {
  /** Bytes from the packet's start that `openLength` needs: 4, or a block where the length is encrypted with it. */
  readonly headerLength: number;
  /**
   * The packet_length at `buffer[offset]`, not yet checked against anything.
   * Called once for each packet; may decrypt its first block in place.
   */
  openLength(buffer: Uint8Array, offset: number, sequenceNumber: number): number;
  /**
   * Verifies and decrypts the packet whose 4 + packetLength + tagLength bytes
   * start at `offset`. Afterwards `plaintext[plaintextOffset]` is its
   * padding_length byte and packetLength bytes are valid from there. The
   * plaintext may lie in `buffer` (decrypted in place) or elsewhere.
   *
   * `available` is a hint: that many bytes from `offset` on are the stream as it
   * came, so that a cipher can work ahead for the packets that follow.
   *
   * @returns false where the tag does not match (nothing is to be read then)
   */
  open(
    buffer: Uint8Array,
    offset: number,
    packetLength: number,
    sequenceNumber: number,
    available: number,
  ): boolean;
  /** Where the packet lies that was opened last. */
  plaintext: Uint8Array;
  /** Its padding_length byte in that. */
  plaintextOffset: number;
  /**
   * What is wrong with a packet is to be told only when as many bytes as the
   * longest packet has are read: which plaintext a length field had must not show
   * in when the connection ends.
   */
  readonly failsLate?: boolean | undefined;
  /**
   * From this packet_length on the plaintext lies in memory of its own and
   * `buffer` is left alone, so that it may be used again. Undefined: never.
   */
  readonly apartFrom?: number | undefined;
}

/** Puts the protection on packets, in the direction to the peer. */
export interface SealingCipher extends PacketCipherShape {
  /**
   * Encrypts in place the packet whose 4 + packetLength plaintext bytes (length
   * field included) start at `offset`, and writes the tag behind it.
   *
   * `available` is a hint: that many bytes from `offset` on are packets not yet
   * sealed, each with room for its tag, so that a cipher can work ahead.
   */
  seal(
    buffer: Uint8Array,
    offset: number,
    packetLength: number,
    sequenceNumber: number,
    available: number,
  ): void;
  /** From this packet_length on `sealApart` is the better way. Undefined: never. */
  readonly apartFrom?: number | undefined;
  /**
   * As `seal`, but the ciphertext is returned, in memory of its own. It stands for
   * the last bytes of the 4 + packetLength; what is in the clear before them and
   * the tag behind them are in `buffer`.
   */
  sealApart?(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): Uint8Array;
}

/** All the arithmetic and randomness a connection needs, synchronous. */
export interface CryptoProvider {
  /** 'noble' or 'openssl', or the name of a provider of your own. */
  readonly name: string;
  /** Random bytes from a cryptographic source. */
  randomBytes(length: number): Uint8Array;
  /** A running hash. */
  createHash(name: HashName): Digest;
  /** A running HMAC. */
  createHmac(name: HashName, key: Uint8Array): Digest;
  /** RFC 7748 §5. */
  readonly x25519: KeyAgreement;
  /** RFC 7748 §5. */
  readonly x448: KeyAgreement;
  /** Key agreement on a curve of NIST (RFC 5656 §4). */
  ecdh(curve: CurveName): KeyAgreement;
  /** Secret exponents are as short as the group's strength allows (RFC 4419 §6.2). Checks 1 < f < p-1 (RFC 8268 §4). */
  dh(group: DhGroup): KeyAgreement;
  /** FIPS 203. */
  readonly mlKem768: KeyEncapsulation;
  /** Streamlined NTRU Prime, as OpenSSH has it. */
  readonly sntrup761: KeyEncapsulation;
  /**
   * Whether `signature`, the algorithm-specific part of the signature blob, is
   * valid. False for anything malformed: fails closed, never throws over what a peer sent.
   *
   * @param algorithm signature algorithm such as `rsa-sha2-512`
   * @throws SshError `ERR_SSH_INTERNAL` where the algorithm's code was not loaded
   */
  verify(algorithm: string, key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;
  /**
   * The algorithm-specific part of the signature blob.
   *
   * Deterministic for every algorithm (RFC 6979 for ECDSA), and verified before it is returned.
   *
   * @throws SshError `ERR_SSH_CRYPTO` where key and algorithm do not fit, or the key's numbers each other
   */
  sign(algorithm: string, key: PrivateKey, data: Uint8Array): Uint8Array;
  /**
   * The key will sign often, as a server's host key does: what is made of it for
   * that may be kept for as long as the key itself is. Nothing is kept of others.
   */
  keep?(key: PrivateKey): void;
  /** Takes the protection off one direction. */
  createOpeningCipher(keys: DirectionKeys): OpeningCipher;
  /** Puts the protection on one direction. */
  createSealingCipher(keys: DirectionKeys): SealingCipher;
  /**
   * Algorithms whose code is not loaded yet have a loader; the connection awaits
   * it after negotiation and before first use. Undefined: ready.
   *
   * @param algorithm any name that is negotiated or signs: key exchange, host
   * key, certificate, public key authentication, cipher
   */
  loaderFor(algorithm: string): (() => Promise<void>) | undefined;
}
