/**
 * The messages of the key exchange methods, which share the numbers 30 to 34.
 *
 * Owns: RFC 4253 §8 (Diffie-Hellman), RFC 5656 §4 and RFC 8731 §3 (elliptic
 * curves; hybrids with a post-quantum part use the same form), RFC 4419 §3
 * (group exchange).
 * Must not know: which method was negotiated, what the values are for.
 */
import { mpint, string, uint32 } from '../wire/codec.ts';
import { type MessageCodec, message } from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** RFC 4253 §8. */
export interface KexDhInit {
  /** Big-endian magnitude. */
  readonly e: Uint8Array;
}

/** Codec of SSH_MSG_KEXDH_INIT. */
export const kexDhInit: MessageCodec<KexDhInit> = message(
  messageNumbers.kexDhInit,
  { e: mpint },
  'SSH_MSG_KEXDH_INIT',
);

/** RFC 4253 §8. */
export interface KexDhReply {
  /** K_S: the public key blob, certificates included. */
  readonly hostKey: Uint8Array;
  /** Big-endian magnitude. */
  readonly f: Uint8Array;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Codec of SSH_MSG_KEXDH_REPLY. */
export const kexDhReply: MessageCodec<KexDhReply> = message(
  messageNumbers.kexDhReply,
  { hostKey: string, f: mpint, signature: string },
  'SSH_MSG_KEXDH_REPLY',
);

/** RFC 5656 §4. */
export interface KexEcdhInit {
  /** Q_C, or what stands in its place in a hybrid. */
  readonly clientPublicKey: Uint8Array;
}

/** Codec of SSH_MSG_KEX_ECDH_INIT. */
export const kexEcdhInit: MessageCodec<KexEcdhInit> = message(
  messageNumbers.kexEcdhInit,
  { clientPublicKey: string },
  'SSH_MSG_KEX_ECDH_INIT',
);

/** RFC 5656 §4. */
export interface KexEcdhReply {
  /** Public key blob of the server. */
  readonly hostKey: Uint8Array;
  /** Q_S, or what stands in its place in a hybrid. */
  readonly serverPublicKey: Uint8Array;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Codec of SSH_MSG_KEX_ECDH_REPLY. */
export const kexEcdhReply: MessageCodec<KexEcdhReply> = message(
  messageNumbers.kexEcdhReply,
  { hostKey: string, serverPublicKey: string, signature: string },
  'SSH_MSG_KEX_ECDH_REPLY',
);

/** RFC 4419 §3: the sizes in bits that the client takes and the one it wants. */
export interface KexDhGexRequest {
  /** Bits of the shortest group that is taken. */
  readonly min: number;
  /** Bits of the group that is wanted. */
  readonly n: number;
  /** Bits of the longest group that is taken. */
  readonly max: number;
}

/** Codec of SSH_MSG_KEX_DH_GEX_REQUEST. */
export const kexDhGexRequest: MessageCodec<KexDhGexRequest> = message(messageNumbers.kexDhGexRequest, {
  min: uint32,
  n: uint32,
  max: uint32,
});

/** RFC 4419 §5: the older request, which has a single size and shares number 30. */
export interface KexDhGexRequestOld {
  /** Bits of the group that is wanted. */
  readonly n: number;
}

/** Codec of SSH_MSG_KEX_DH_GEX_REQUEST_OLD. */
export const kexDhGexRequestOld: MessageCodec<KexDhGexRequestOld> = message(
  messageNumbers.kexDhGexRequestOld,
  { n: uint32 },
  'SSH_MSG_KEX_DH_GEX_REQUEST_OLD',
);

/** RFC 4419 §3. */
export interface KexDhGexGroup {
  /** The safe prime, big-endian magnitude. */
  readonly p: Uint8Array;
  /** The generator, big-endian magnitude. */
  readonly g: Uint8Array;
}

/** Codec of SSH_MSG_KEX_DH_GEX_GROUP. */
export const kexDhGexGroup: MessageCodec<KexDhGexGroup> = message(
  messageNumbers.kexDhGexGroup,
  { p: mpint, g: mpint },
  'SSH_MSG_KEX_DH_GEX_GROUP',
);

/** RFC 4419 §3. */
export interface KexDhGexInit {
  /** Public value of the client. */
  readonly e: Uint8Array;
}

/** Codec of SSH_MSG_KEX_DH_GEX_INIT. */
export const kexDhGexInit: MessageCodec<KexDhGexInit> = message(messageNumbers.kexDhGexInit, { e: mpint });

/** RFC 4419 §3. */
export interface KexDhGexReply {
  /** Public key blob of the server. */
  readonly hostKey: Uint8Array;
  /** Public value of the server. */
  readonly f: Uint8Array;
  /** Signature blob over the exchange hash. */
  readonly signature: Uint8Array;
}

/** Codec of SSH_MSG_KEX_DH_GEX_REPLY. */
export const kexDhGexReply: MessageCodec<KexDhGexReply> = message(messageNumbers.kexDhGexReply, {
  hostKey: string,
  f: mpint,
  signature: string,
});
