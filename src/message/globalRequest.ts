/**
 * Global requests and their answers.
 *
 * Owns: RFC 4254 §4 (the three messages), §7.1 (tcpip-forward and its cancelling),
 * streamlocal forwarding (OpenSSH PROTOCOL §2.4), host key rotation (§2.5), the name
 * of the request for no more sessions (§2.2).
 * Must not know: which requests are granted, in what order answers belong to requests.
 */
import { boolean, name, repeated, rest, string, uint32 } from '../wire/codec.ts';
import { type MessageCodec, message, type PayloadCodec, payload, shortText } from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** RFC 4254 §4. */
export interface GlobalRequest {
  /** Such as `tcpip-forward`. */
  readonly requestName: string;
  /** Whether the recipient has to answer. */
  readonly wantReply: boolean;
  /** Fields of the request, as they came. */
  readonly requestData: Uint8Array;
}

/** Codec of SSH_MSG_GLOBAL_REQUEST. */
export const globalRequest: MessageCodec<GlobalRequest> = message(messageNumbers.globalRequest, {
  requestName: name,
  wantReply: boolean,
  requestData: rest,
});

/** RFC 4254 §4. */
export interface RequestSuccess {
  /** Fields that the request defines for its answer. */
  readonly responseData: Uint8Array;
}

/** Codec of SSH_MSG_REQUEST_SUCCESS. */
export const requestSuccess: MessageCodec<RequestSuccess> = message(messageNumbers.requestSuccess, {
  responseData: rest,
});

/** RFC 4254 §4. */
export type RequestFailure = Readonly<Record<string, never>>;

/** Codec of SSH_MSG_REQUEST_FAILURE. */
export const requestFailure: MessageCodec<RequestFailure> = message(messageNumbers.requestFailure, {});

/** The name of the request by which a client gives up opening sessions (OpenSSH PROTOCOL §2.2); it has no fields. */
export const noMoreSessions = 'no-more-sessions@openssh.com';

/** RFC 4254 §7.1: where the other side is to listen. */
export interface TcpipForward {
  /** `""` for all addresses, `localhost` for loopback (RFC 4254 §7.1). */
  readonly addressToBind: string;
  /** 0 asks for any free port. */
  readonly portNumberToBind: number;
}

/** Codec of the payload of `tcpip-forward` (RFC 4254 §7.1). */
export const tcpipForward: PayloadCodec<TcpipForward> = payload('tcpip-forward', {
  addressToBind: shortText,
  portNumberToBind: uint32,
});

/** RFC 4254 §7.1: the answer to a `TcpipForward` that asked for port 0. */
export interface TcpipForwardReply {
  /** The port that the server chose. */
  readonly portThatWasBound: number;
}

/** Codec of the answer to `tcpip-forward` with port 0. */
export const tcpipForwardReply: PayloadCodec<TcpipForwardReply> = payload('tcpip-forward reply', {
  portThatWasBound: uint32,
});

/** RFC 4254 §7.1: address as in the request, port as it was bound. */
export const cancelTcpipForward: PayloadCodec<TcpipForward> = payload('cancel-tcpip-forward', {
  addressToBind: shortText,
  portNumberToBind: uint32,
});

/** OpenSSH PROTOCOL §2.4. */
export interface StreamlocalForward {
  /** Path of the unix socket. */
  readonly socketPath: string;
}

/** Codec of the payload of `streamlocal-forward@openssh.com`. */
export const streamlocalForward: PayloadCodec<StreamlocalForward> = payload(
  'streamlocal-forward@openssh.com',
  { socketPath: shortText },
);

/** Codec of the payload of `cancel-streamlocal-forward@openssh.com`. */
export const cancelStreamlocalForward: PayloadCodec<StreamlocalForward> = payload(
  'cancel-streamlocal-forward@openssh.com',
  { socketPath: shortText },
);

/** OpenSSH PROTOCOL §2.5: public key blobs of all host keys of the server. */
export interface HostKeys {
  /** Public key blobs of the server. */
  readonly hostKeys: readonly Uint8Array[];
}

/** Codec of the payload of `hostkeys-00@openssh.com`. */
export const hostKeysAnnouncement: PayloadCodec<HostKeys> = payload('hostkeys-00@openssh.com', {
  hostKeys: repeated(string),
});

/** OpenSSH PROTOCOL §2.5: the keys whose possession the server is asked to prove. */
export const hostKeysProve: PayloadCodec<HostKeys> = payload('hostkeys-prove-00@openssh.com', {
  hostKeys: repeated(string),
});

/** OpenSSH PROTOCOL §2.5: one signature a key, in the order of the request. */
export interface HostKeysProof {
  /** One for each key that was asked about, in order. */
  readonly signatures: readonly Uint8Array[];
}

/** Codec of the answer to `hostkeys-prove-00@openssh.com`. */
export const hostKeysProof: PayloadCodec<HostKeysProof> = payload('hostkeys-prove-00@openssh.com reply', {
  signatures: repeated(string),
});

/** What a server signs for each key in `HostKeysProof`. */
export interface HostKeyProofData {
  /** `hostkeys-prove-00@openssh.com`. */
  readonly purpose: string;
  /** Hash of the first key exchange. */
  readonly sessionId: Uint8Array;
  /** Public key blob of the server. */
  readonly hostKey: Uint8Array;
}

/** `purpose` is `hostkeys-prove-00@openssh.com`. */
export const hostKeyProofData: PayloadCodec<HostKeyProofData> = payload('host key proof', {
  purpose: name,
  sessionId: string,
  hostKey: string,
});
