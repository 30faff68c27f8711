/**
 * What is special about signatures of security tokens.
 *
 * Owns: the form of their algorithm-specific part, what a token signs, the
 * flags it sets.
 * Must not know: arithmetic, hashes, who wants which flag.
 * Source: OpenSSH PROTOCOL.u2f.
 */
import { concatBytes } from '../../base/bytes.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';

/** Flags of a token's signature. */
export const securityKeyFlags = {
  /** Somebody touched the token for this signature. */
  userPresent: 0x01,
  /** Somebody proved to the token who they are, with a PIN or a finger. */
  userVerified: 0x04,
} as const;

/** The parts of a token's signature. */
export interface SecurityKeySignature {
  /** As the same key without a token would make it. */
  readonly signature: Uint8Array;
  readonly flags: number;
  /** Counts the signatures of the token; some tokens leave it at 0. */
  readonly counter: number;
}

/** @throws SshError `ERR_SSH_DECODE` */
export function decodeSecurityKeySignature(part: Uint8Array): SecurityKeySignature {
  const reader = new WireReader(part);
  const signature = reader.copyString();
  const flags = reader.byte();
  const counter = reader.uint32();
  reader.end();
  return { signature, flags, counter };
}

export function encodeSecurityKeySignature({ signature, flags, counter }: SecurityKeySignature): Uint8Array {
  return new WireWriter().string(signature).byte(flags).uint32(counter).copyWritten();
}

/** What a token signs, given the SHA-256 hashes of the application and of the data. */
export function securityKeyData(
  applicationHash: Uint8Array,
  { flags, counter }: Pick<SecurityKeySignature, 'flags' | 'counter'>,
  dataHash: Uint8Array,
): Uint8Array {
  const between = new WireWriter().byte(flags).uint32(counter).copyWritten();
  return concatBytes(applicationHash, between, dataHash);
}

/** Whether somebody touched the token for this signature. @throws SshError `ERR_SSH_DECODE` */
export function isUserPresent(part: Uint8Array): boolean {
  return (decodeSecurityKeySignature(part).flags & securityKeyFlags.userPresent) !== 0;
}
