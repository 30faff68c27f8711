/**
 * The messages of the transport layer.
 *
 * Owns: RFC 4253 §7.1 (KEXINIT), §7.3 (NEWKEYS), §10 (service), §11
 * (disconnect, ignore, debug, unimplemented), RFC 8308 §2.3 (EXT_INFO),
 * ping@openssh.com (OpenSSH PROTOCOL).
 * Must not know: when any of them may come, what follows from it.
 */
import {
  boolean,
  bytes,
  type Codec,
  counted,
  name,
  nameList,
  string,
  struct,
  text,
  uint32,
} from '../wire/codec.ts';
import { namesIn } from '../wire/reader.ts';
import { type Empty, type MessageCodec, message, shortText } from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** RFC 4253 §11.1. Reason codes are `disconnectReasons`. */
export interface Disconnect {
  /** Why; see `disconnectReasons`. */
  readonly reasonCode: number;
  /** For people, as the sender wrote it: not escaped. */
  readonly description: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/**
 * Text that may be missing at the end of a message. For SSH_MSG_DISCONNECT
 * alone: servers in use leave out the language tag or the description as well,
 * and refusing their last words would replace the reason by a complaint.
 */
const textIfAny: Codec<string> = {
  decode: (reader) => (reader.remaining === 0 ? '' : reader.text()),
  encode: (writer, value) => void writer.text(value),
};

/** Codec of SSH_MSG_DISCONNECT. */
export const disconnect: MessageCodec<Disconnect> = message(messageNumbers.disconnect, {
  reasonCode: uint32,
  description: textIfAny,
  languageTag: textIfAny,
});

/** RFC 4253 §11.2. */
export interface Ignore {
  /** The bytes. */
  readonly data: Uint8Array;
}

/** Codec of SSH_MSG_IGNORE. */
export const ignore: MessageCodec<Ignore> = message(messageNumbers.ignore, { data: string });

/** RFC 4253 §11.4. */
export interface Unimplemented {
  /** Of the packet that was not understood. */
  readonly packetSequenceNumber: number;
}

/** Codec of SSH_MSG_UNIMPLEMENTED. */
export const unimplemented: MessageCodec<Unimplemented> = message(messageNumbers.unimplemented, {
  packetSequenceNumber: uint32,
});

/** RFC 4253 §11.3. */
export interface Debug {
  /** Whether people should see it in any case. */
  readonly alwaysDisplay: boolean;
  /** For people, as the sender wrote it: not escaped. */
  readonly message: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/** Codec of SSH_MSG_DEBUG. */
export const debug: MessageCodec<Debug> = message(messageNumbers.debug, {
  alwaysDisplay: boolean,
  message: text,
  languageTag: shortText,
});

/** RFC 4253 §10. */
export interface ServiceRequest {
  /** Such as `ssh-userauth` or `ssh-connection`. */
  readonly serviceName: string;
}

/** Codec of SSH_MSG_SERVICE_REQUEST. */
export const serviceRequest: MessageCodec<ServiceRequest> = message(messageNumbers.serviceRequest, {
  serviceName: name,
});

/** RFC 4253 §10. */
export interface ServiceAccept {
  /** Such as `ssh-userauth` or `ssh-connection`. */
  readonly serviceName: string;
}

/** Codec of SSH_MSG_SERVICE_ACCEPT. */
export const serviceAccept: MessageCodec<ServiceAccept> = message(messageNumbers.serviceAccept, {
  serviceName: name,
});

/** One extension; the form of its value is its own (RFC 8308 §3). */
export interface Extension {
  /** Such as `server-sig-algs`. */
  readonly extensionName: string;
  /** Its form depends on the extension. */
  readonly extensionValue: Uint8Array;
}

/** RFC 8308 §2.3. */
export interface ExtInfo {
  /** In the order of the packet. */
  readonly extensions: readonly Extension[];
}

/** An extension with a name of one character and an empty value. */
const shortestExtension = 9;

/** Codec of SSH_MSG_EXT_INFO. */
export const extInfo: MessageCodec<ExtInfo> = message(messageNumbers.extInfo, {
  extensions: counted(struct<Extension>({ extensionName: name, extensionValue: string }), shortestExtension),
});

/** RFC 4253 §7.1. */
export interface KexInit {
  /** 16 random bytes. */
  readonly cookie: Uint8Array;
  /** Best first; markers such as `ext-info-c` among them. */
  readonly kexAlgorithms: readonly string[];
  /** Best first. */
  readonly serverHostKeyAlgorithms: readonly string[];
  /** Best first. */
  readonly encryptionAlgorithmsClientToServer: readonly string[];
  /** Best first. */
  readonly encryptionAlgorithmsServerToClient: readonly string[];
  /** Best first. */
  readonly macAlgorithmsClientToServer: readonly string[];
  /** Best first. */
  readonly macAlgorithmsServerToClient: readonly string[];
  /** Best first. */
  readonly compressionAlgorithmsClientToServer: readonly string[];
  /** Best first. */
  readonly compressionAlgorithmsServerToClient: readonly string[];
  /** Usually empty. */
  readonly languagesClientToServer: readonly string[];
  /** Usually empty. */
  readonly languagesServerToClient: readonly string[];
  /** Whether a guessed packet of the key exchange comes next (RFC 4253 §7). */
  readonly firstKexPacketFollows: boolean;
  /** 0; kept for future extension. */
  readonly reserved: number;
}

/**
 * A list of algorithms. A comma behind its last name is overlooked: the ciphers
 * that a server on libssh 0.10 offers when nobody chose them end with one,
 * whatever identification the program around it gives.
 */
const offeredNames: Codec<readonly string[]> = {
  decode: (reader) => {
    const view = reader.viewString();
    const comma = view.length > 1 && view[view.length - 1] === 0x2c;
    return namesIn(comma ? view.subarray(0, -1) : view);
  },
  encode: (writer, value) => void writer.nameList(value),
};

/** Codec of SSH_MSG_KEXINIT. */
export const kexInit: MessageCodec<KexInit> = message(messageNumbers.kexInit, {
  cookie: bytes(16),
  kexAlgorithms: offeredNames,
  serverHostKeyAlgorithms: offeredNames,
  encryptionAlgorithmsClientToServer: offeredNames,
  encryptionAlgorithmsServerToClient: offeredNames,
  macAlgorithmsClientToServer: offeredNames,
  macAlgorithmsServerToClient: offeredNames,
  compressionAlgorithmsClientToServer: offeredNames,
  compressionAlgorithmsServerToClient: offeredNames,
  languagesClientToServer: nameList,
  languagesServerToClient: nameList,
  firstKexPacketFollows: boolean,
  reserved: uint32,
});

/** RFC 4253 §7.3. */
export type NewKeys = Empty;

/** Codec of SSH_MSG_NEWKEYS. */
export const newKeys: MessageCodec<NewKeys> = message(messageNumbers.newKeys, {});

/** ping@openssh.com (OpenSSH PROTOCOL). */
export interface Ping {
  /** Comes back in the answer. */
  readonly data: Uint8Array;
}

/** Codec of SSH_MSG_PING. */
export const ping: MessageCodec<Ping> = message(messageNumbers.ping, { data: string });

/** The answer to `Ping`, with the same data. */
export interface Pong {
  /** The bytes. */
  readonly data: Uint8Array;
}

/** Codec of SSH_MSG_PONG. */
export const pong: MessageCodec<Pong> = message(messageNumbers.pong, { data: string });
