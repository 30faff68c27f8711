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
  readonly channelType: string;
  readonly senderChannel: number;
  readonly initialWindowSize: number;
  readonly maximumPacketSize: number;
  /** Fields of the channel type, as they came. */
  readonly channelTypeData: Uint8Array;
}

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
  readonly initialWindowSize: number;
  readonly maximumPacketSize: number;
  readonly channelTypeData: Uint8Array;
}

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
  administrativelyProhibited: 1,
  connectFailed: 2,
  unknownChannelType: 3,
  resourceShortage: 4,
} as const;

/** RFC 4254 §5.1. */
export interface ChannelOpenFailure {
  readonly recipientChannel: number;
  /** One of `channelOpenFailureReasons`, or another. */
  readonly reasonCode: number;
  readonly description: string;
  readonly languageTag: string;
}

export const channelOpenFailure: MessageCodec<ChannelOpenFailure> = message(
  messageNumbers.channelOpenFailure,
  { recipientChannel: uint32, reasonCode: uint32, description: text, languageTag: shortText },
);

/** RFC 4254 §5.2. */
export interface ChannelWindowAdjust {
  readonly recipientChannel: number;
  readonly bytesToAdd: number;
}

export const channelWindowAdjust: MessageCodec<ChannelWindowAdjust> = message(
  messageNumbers.channelWindowAdjust,
  { recipientChannel: uint32, bytesToAdd: uint32 },
);

/** RFC 4254 §5.2. */
export interface ChannelData {
  readonly recipientChannel: number;
  readonly data: Uint8Array;
}

export const channelData: MessageCodec<ChannelData> = message(messageNumbers.channelData, {
  recipientChannel: uint32,
  data: string,
});

/** Values of `dataTypeCode` (RFC 4254 §5.2). */
export const extendedDataTypes = { stderr: 1 } as const;

/** RFC 4254 §5.2. */
export interface ChannelExtendedData {
  readonly recipientChannel: number;
  readonly dataTypeCode: number;
  readonly data: Uint8Array;
}

export const channelExtendedData: MessageCodec<ChannelExtendedData> = message(
  messageNumbers.channelExtendedData,
  { recipientChannel: uint32, dataTypeCode: uint32, data: string },
);

/** A message that says nothing but which channel it is for. */
interface OnChannel {
  readonly recipientChannel: number;
}

/** RFC 4254 §5.3. */
export interface ChannelEof extends OnChannel {}

export const channelEof: MessageCodec<ChannelEof> = message(messageNumbers.channelEof, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.3. */
export interface ChannelClose extends OnChannel {}

export const channelClose: MessageCodec<ChannelClose> = message(messageNumbers.channelClose, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.4. */
export interface ChannelSuccess extends OnChannel {}

export const channelSuccess: MessageCodec<ChannelSuccess> = message(messageNumbers.channelSuccess, {
  recipientChannel: uint32,
});

/** RFC 4254 §5.4. */
export interface ChannelFailure extends OnChannel {}

export const channelFailure: MessageCodec<ChannelFailure> = message(messageNumbers.channelFailure, {
  recipientChannel: uint32,
});

/** RFC 4254 §6.1: nothing beyond the common fields. */
export const session: PayloadCodec<Empty> = payload('session', {});

/** RFC 4254 §7.2: a connection the other side is asked to make. */
export interface DirectTcpip {
  readonly hostToConnect: string;
  readonly portToConnect: number;
  readonly originatorIpAddress: string;
  readonly originatorPort: number;
}

export const directTcpip: PayloadCodec<DirectTcpip> = payload('direct-tcpip', {
  hostToConnect: shortText,
  portToConnect: uint32,
  originatorIpAddress: shortText,
  originatorPort: uint32,
});

/** RFC 4254 §7.2: a connection that came to a forwarded port. */
export interface ForwardedTcpip {
  readonly addressThatWasConnected: string;
  readonly portThatWasConnected: number;
  readonly originatorIpAddress: string;
  readonly originatorPort: number;
}

export const forwardedTcpip: PayloadCodec<ForwardedTcpip> = payload('forwarded-tcpip', {
  addressThatWasConnected: shortText,
  portThatWasConnected: uint32,
  originatorIpAddress: shortText,
  originatorPort: uint32,
});

/** RFC 4254 §6.3.2. */
export interface X11 {
  readonly originatorAddress: string;
  readonly originatorPort: number;
}

export const x11: PayloadCodec<X11> = payload('x11', {
  originatorAddress: shortText,
  originatorPort: uint32,
});

/** OpenSSH PROTOCOL §2.4. */
export interface DirectStreamlocal {
  readonly socketPath: string;
  /** Empty and 0; in the places where `DirectTcpip` has the originator. */
  readonly reservedString: string;
  readonly reservedNumber: number;
}

export const directStreamlocal: PayloadCodec<DirectStreamlocal> = payload('direct-streamlocal@openssh.com', {
  socketPath: shortText,
  reservedString: shortText,
  reservedNumber: uint32,
});

/** OpenSSH PROTOCOL §2.4. */
export interface ForwardedStreamlocal {
  readonly socketPath: string;
  /** Empty. */
  readonly reserved: string;
}

export const forwardedStreamlocal: PayloadCodec<ForwardedStreamlocal> = payload(
  'forwarded-streamlocal@openssh.com',
  { socketPath: shortText, reserved: shortText },
);

/** A connection to the client's agent; nothing beyond the common fields. */
export const authAgent: PayloadCodec<Empty> = payload('auth-agent@openssh.com', {});
