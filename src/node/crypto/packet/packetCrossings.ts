/**
 * Where OpenSSL becomes faster than TypeScript, packet by packet.
 *
 * Owns: the lengths at which the packet ciphers change their way. Measured by
 * `npm run bench -- crossings`, which forces each way and prints both.
 * Must not know: what the ways are.
 */

/** Lengths in bytes, but for those in blocks of 16. */
export interface PacketCrossings {
  /** Whether AES-GCM is computed for many short packets at once, with GHASH in TypeScript. */
  readonly gcmWorksAhead: boolean;
  /** packet_length from which OpenSSL opens a whole AES-GCM packet: one that comes alone, one among others. */
  readonly gcmOpenAloneFrom: number;
  readonly gcmOpenFrom: number;
  /** packet_length from which OpenSSL seals a whole AES-GCM packet. */
  readonly gcmSealFrom: number;
  /** Blocks from which a call of OpenSSL makes AES-GCM keystream. */
  readonly gcmEncryptFrom: number;
  /** Blocks from which a call of OpenSSL verifies the tags of a run of packets. */
  readonly gcmTagFrom: number;
  /** packet_length from which OpenSSL encrypts with ChaCha20. */
  readonly chachaCryptFrom: number;
  /** packet_length from which a tag of OpenSSL's ChaCha20-Poly1305 verifies one of OpenSSH. */
  readonly chachaVerifyFrom: number;
  /** packet_length from which two such tags make one. */
  readonly chachaTagFrom: number;
  /** packet_length from which AES-CTR makes no keystream ahead. */
  readonly ctrApartFrom: number;
  /** Bytes up to which TypeScript computes HMAC-SHA-256. */
  readonly hmacTypescriptUpTo: number;
  /** Bytes up to which they are copied to be hashed in one call. */
  readonly hmacOneCallUpTo: number;
}

/** Zen 4, Node 20.20, OpenSSL 3.0; other machines differ little in the ratio of a call to a block. */
export const measuredCrossings: PacketCrossings = {
  gcmWorksAhead: true,
  gcmOpenAloneFrom: 1200,
  gcmOpenFrom: 4096,
  gcmSealFrom: 2200,
  gcmEncryptFrom: 12,
  gcmTagFrom: 200,
  chachaCryptFrom: 1400,
  chachaVerifyFrom: 3584,
  chachaTagFrom: 10_240,
  ctrApartFrom: 2048,
  hmacTypescriptUpTo: 115,
  hmacOneCallUpTo: 4096,
};
