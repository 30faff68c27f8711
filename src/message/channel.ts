/**
 * The messages of channels, requests on them aside.
 *
 * Owns: RFC 4254 §5.1 (opening), §5.2 (data and windows), §5.3 (closing), §5.4
 * (answers to requests), and the fields of each type of channel: §6.1 session,
 * §6.3.2 x11, §7.2 TCP forwarding, streamlocal and agent (OpenSSH PROTOCOL §2.4, PROTOCOL.agent).
 * Must not know: which channels exist, how much window is left.
 */
import { name, rest, string, text, uint32 } from '../wire/codec.ts';
import { type Empty, type MessageCodec, message, type PayloadCodec, payload, shortText } from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** RFC 4254 §5.1. */
export interface ChannelOpen {
  /** Such as `session`. */
  readonly channelType: string;
  /** Number that the sender gives the channel. */
  readonly senderChannel: number;
  /** Bytes that the other side may send before it is given more. */
  readonly initialWindowSize: number;
  /** Bytes of data that one packet may have. */
  readonly maximumPacketSize: number;
  /** Fields of the channel type, as they came. */
  readonly channelTypeData: Uint8Array;
}

/** Codec of SSH_MSG_CHANNEL_OPEN. */
export const channelOpen: MessageCodec<ChannelOpen> = message(messageNumbers.channelOpen, {
  channelType: name,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  channelTypeData: rest,
});

/** RFC 4254 §5.1. */
export interface ChannelOpenConfirmation {
  /** Number of the side that asked. */
  readonly recipientChannel: number;
  /** Number of the side that answers. */
  readonly senderChannel: number;
  /** Bytes that the other side may send before it is given more. */
  readonly initialWindowSize: number;
  /** Bytes of data that one packet may have. */
  readonly maximumPacketSize: number;
  /** What the type of channel adds. */
  readonly channelTypeData: Uint8Array;
}

/** Codec of SSH_MSG_CHANNEL_OPEN_CONFIRMATION. */
export const channelOpenConfirmation: MessageCodec<ChannelOpenConfirmation> = message(
  messageNumbers.channelOpenConfirmation,
  {
    recipientChannel: uint32,
    senderChannel: uint32,
    initialWindowSize: uint32,
    maximumPacketSize: uint32,
    channelTypeData: rest,
  },
);

/** Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export const channelOpenFailureReasons = {
  /** The peer forbids it. */
  administrativelyProhibited: 1,
  /** The peer tried and failed. */
  connectFailed: 2,
  /** The peer does not know the type. */
  unknownChannelType: 3,
  /** The peer has too many already. */
  resourceShortage: 4,
} as const;

/** RFC 4254 §5.1. */
export interface ChannelOpenFailure {
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
  /** One of `channelOpenFailureReasons`, or another. */
  readonly reasonCode: number;
  /** For people, as the sender wrote it: not escaped. */
  readonly description: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/** Codec of SSH_MSG_CHANNEL_OPEN_FAILURE. */
export const channelOpenFailure: MessageCodec<ChannelOpenFailure> = message(
  messageNumbers.channelOpenFailure,
  { recipientChannel: uint32, reasonCode: uint32, description: text, languageTag: shortText },
);

/** RFC 4254 §5.2. */
export interface ChannelWindowAdjust {
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
  /** Bytes that the recipient may send in addition. */
  readonly bytesToAdd: number;
}

/** Codec of SSH_MSG_CHANNEL_WINDOW_ADJUST. */
export const channelWindowAdjust: MessageCodec<ChannelWindowAdjust> = message(
  messageNumbers.channelWindowAdjust,
  { recipientChannel: uint32, bytesToAdd: uint32 },
);

/** RFC 4254 §5.2. */
export interface ChannelData {
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
  /** The bytes. */
  readonly data: Uint8Array;
}

/** Codec of SSH_MSG_CHANNEL_DATA. */
export const channelData: MessageCodec<ChannelData> = message(messageNumbers.channelData, {
  recipientChannel: uint32,
  data: string,
});

/** Values of `dataTypeCode` (RFC 4254 §5.2). */
export const extendedDataTypes = {
  /** SSH_EXTENDED_DATA_STDERR. */
  stderr: 1,
} as const;

/** RFC 4254 §5.2. */
export interface ChannelExtendedData {
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
  /** 1 for stderr; see `extendedDataTypes`. */
  readonly dataTypeCode: number;
  /** The bytes. */
  readonly data: Uint8Array;
}

/** Codec of SSH_MSG_CHANNEL_EXTENDED_DATA. */
export const channelExtendedData: MessageCodec<ChannelExtendedData> = message(
  messageNumbers.channelExtendedData,
  { recipientChannel: uint32, dataTypeCode: uint32, data: string },
);

/** A message that says nothing but which channel it is for. */
interface OnChannel {
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
}

/** RFC 4254 §5.3. */
export interface ChannelEof extends OnChannel {}

/** Codec of SSH_MSG_CHANNEL_EOF. */
export const channelEof: MessageCodec<ChannelEof> = message(messageNumbers.channelEof, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.3. */
export interface ChannelClose extends OnChannel {}

/** Codec of SSH_MSG_CHANNEL_CLOSE. */
export const channelClose: MessageCodec<ChannelClose> = message(messageNumbers.channelClose, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.4. */
export interface ChannelSuccess extends OnChannel {}

/** Codec of SSH_MSG_CHANNEL_SUCCESS. */
export const channelSuccess: MessageCodec<ChannelSuccess> = message(messageNumbers.channelSuccess, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.4. */
export interface ChannelFailure extends OnChannel {}

/** Codec of SSH_MSG_CHANNEL_FAILURE. */
export const channelFailure: MessageCodec<ChannelFailure> = message(messageNumbers.channelFailure, {
  recipientChannel: uint32,
});

/** RFC 4254 §6.1: nothing beyond the common fields. */
export const session: PayloadCodec<Empty> = payload('session', {});

/** RFC 4254 §7.2: a connection the other side is asked to make. */
export interface DirectTcpip {
  /** Name or address, as the client spelled it. */
  readonly hostToConnect: string;
  /** Port of the target. */
  readonly portToConnect: number;
  /** Where the connection comes from, as the sender says. */
  readonly originatorIpAddress: string;
  /** Port that the connection comes from. */
  readonly originatorPort: number;
}

/** Codec of the data of a `direct-tcpip` channel (RFC 4254 §7.2). */
export const directTcpip: PayloadCodec<DirectTcpip> = payload('direct-tcpip', {
  hostToConnect: shortText,
  portToConnect: uint32,
  originatorIpAddress: shortText,
  originatorPort: uint32,
});

/** RFC 4254 §7.2: a connection that came to a forwarded port. */
export interface ForwardedTcpip {
  /** The address that was asked for in the forward. */
  readonly addressThatWasConnected: string;
  /** The port that was bound. */
  readonly portThatWasConnected: number;
  /** Where the connection comes from, as the sender says. */
  readonly originatorIpAddress: string;
  /** Port that the connection comes from. */
  readonly originatorPort: number;
}

/** Codec of the data of a `forwarded-tcpip` channel (RFC 4254 §7.2). */
export const forwardedTcpip: PayloadCodec<ForwardedTcpip> = payload('forwarded-tcpip', {
  addressThatWasConnected: shortText,
  portThatWasConnected: uint32,
  originatorIpAddress: shortText,
  originatorPort: uint32,
});

/** RFC 4254 §6.3.2. */
export interface X11 {
  /** Where the connection comes from, as the sender says. */
  readonly originatorAddress: string;
  /** Port that the connection comes from. */
  readonly originatorPort: number;
}

/** Codec of the data of an `x11` channel (RFC 4254 §6.3.2). */
export const x11: PayloadCodec<X11> = payload('x11', {
  originatorAddress: shortText,
  originatorPort: uint32,
});

/** OpenSSH PROTOCOL §2.4. */
export interface DirectStreamlocal {
  /** Path of the unix socket. */
  readonly socketPath: string;
  /** Empty and 0; in the places where `DirectTcpip` has the originator. */
  readonly reservedString: string;
  /** 0. */
  readonly reservedNumber: number;
}

/** Codec of the data of a `direct-streamlocal@openssh.com` channel. */
export const directStreamlocal: PayloadCodec<DirectStreamlocal> = payload('direct-streamlocal@openssh.com', {
  socketPath: shortText,
  reservedString: shortText,
  reservedNumber: uint32,
});

/** OpenSSH PROTOCOL §2.4. */
export interface ForwardedStreamlocal {
  /** Path of the unix socket. */
  readonly socketPath: string;
  /** Empty. */
  readonly reserved: string;
}

/** Codec of the data of a `forwarded-streamlocal@openssh.com` channel. */
export const forwardedStreamlocal: PayloadCodec<ForwardedStreamlocal> = payload(
  'forwarded-streamlocal@openssh.com',
  { socketPath: shortText, reserved: shortText },
);

/** A connection to the client's agent; nothing beyond the common fields. */
export const authAgent: PayloadCodec<Empty> = payload('auth-agent@openssh.com', {});
