/**
 * All messages in one place, for those who meet one without knowing which it is.
 *
 * Owns: the choice of a codec by number and context, the tables of payloads by name.
 * Must not know: state. The protocol itself does not come this way; fuzzers and tools do.
 */

import { SshError } from '../base/errors.ts';
import {
  anyText,
  bytesOnly,
  callback,
  checkArgument,
  checkOptionsObject,
  objectWith,
} from '../base/optionChecks.ts';
import { WireReader } from '../wire/reader.ts';
import * as channel from './channel.ts';
import * as requests from './channelRequest.ts';
import { encoded, type MessageCodec, type PayloadCodec } from './codec.ts';
import * as global from './globalRequest.ts';
import * as kex from './kex.ts';
import { isKeyExchangeMethodNumber, messageName, messageNumbers } from './numbers.ts';
import * as transport from './transport.ts';
import * as userauth from './userauth.ts';

/** What a number alone does not say. */
export interface MessageContext {
  /** Whose numbers 30 to 34 are; `ecdh` unless told, which serves curves and hybrids. */
  readonly kex?: 'dh' | 'ecdh' | 'groupExchange';
  /** Whose number 60 is; `publickey` unless told. */
  readonly authenticationMethod?: 'publickey' | 'password' | 'keyboard-interactive';
}

/** A message whose type is known by its number only. */
export interface DecodedMessage {
  /** Number of the message. */
  readonly number: number;
  /** Name of the message. */
  readonly name: string;
  /** What the message says. */
  readonly value: object;
  /** The codec that read it and can write it again. */
  readonly codec: MessageCodec<object>;
}

/** Messages whose number has one meaning. */
const unambiguous: ReadonlyMap<number, MessageCodec<object>> = new Map(
  [
    transport.disconnect,
    transport.ignore,
    transport.unimplemented,
    transport.debug,
    transport.serviceRequest,
    transport.serviceAccept,
    transport.extInfo,
    transport.kexInit,
    transport.newKeys,
    transport.ping,
    transport.pong,
    userauth.userauthFailure,
    userauth.userauthSuccess,
    userauth.userauthBanner,
    userauth.userauthInfoResponse,
    global.globalRequest,
    global.requestSuccess,
    global.requestFailure,
    channel.channelOpen,
    channel.channelOpenConfirmation,
    channel.channelOpenFailure,
    channel.channelWindowAdjust,
    channel.channelData,
    channel.channelExtendedData,
    channel.channelEof,
    channel.channelClose,
    channel.channelSuccess,
    channel.channelFailure,
    requests.channelRequest,
  ].map((codec: MessageCodec<object>) => [codec.number, codec]),
);

const kexMessages: Readonly<Record<'dh' | 'ecdh' | 'groupExchange', readonly MessageCodec<object>[]>> = {
  dh: [kex.kexDhInit, kex.kexDhReply],
  ecdh: [kex.kexEcdhInit, kex.kexEcdhReply],
  groupExchange: [
    kex.kexDhGexRequestOld,
    kex.kexDhGexGroup,
    kex.kexDhGexInit,
    kex.kexDhGexReply,
    kex.kexDhGexRequest,
  ],
};

const methodMessages: Readonly<
  Record<'publickey' | 'password' | 'keyboard-interactive', MessageCodec<object>>
> = {
  publickey: userauth.userauthPkOk,
  password: userauth.userauthPasswdChangeReq,
  'keyboard-interactive': userauth.userauthInfoRequest,
};

/** Fields of the channel types known here, by the name of the type. */
export const channelTypes: ReadonlyMap<string, PayloadCodec<object>> = byName([
  channel.session,
  channel.directTcpip,
  channel.forwardedTcpip,
  channel.x11,
  channel.directStreamlocal,
  channel.forwardedStreamlocal,
  channel.authAgent,
]);

/** Fields of the channel requests known here, by the name of the request. */
export const channelRequestTypes: ReadonlyMap<string, PayloadCodec<object>> = byName([
  requests.ptyReq,
  requests.x11Req,
  requests.env,
  requests.shell,
  requests.exec,
  requests.subsystem,
  requests.windowChange,
  requests.xonXoff,
  requests.signal,
  requests.exitStatus,
  requests.exitSignal,
  requests.breakRequest,
  requests.authAgentReq,
  requests.eow,
]);

/** Fields of the global requests known here, by the name of the request. */
export const globalRequestNames: ReadonlyMap<string, PayloadCodec<object>> = byName([
  global.tcpipForward,
  global.cancelTcpipForward,
  global.streamlocalForward,
  global.cancelStreamlocalForward,
  global.hostKeysAnnouncement,
  global.hostKeysProve,
]);

/**
 * The message in a payload, its number included.
 *
 * @throws SshError `ERR_SSH_DECODE` for a malformed message and for a number that has no meaning in this context
 * @example
 * ```ts
 * import { decodeMessage } from 'deadline-ssh/wire';
 * const { name } = decodeMessage(Uint8Array.of(21)); // 'SSH_MSG_NEWKEYS'
 * ```
 */
export function decodeMessage(payload: Uint8Array, context: MessageContext = {}): DecodedMessage {
  checkArgument('the payload for decodeMessage', payload, bytesOnly);
  checkOptionsObject(context, 'decodeMessage');
  const number = payload[0];
  if (number === undefined) throw new SshError('ERR_SSH_DECODE', 'malformed data: an empty payload');
  const codec = codecFor(number, payload, context);
  if (codec === undefined) {
    throw new SshError('ERR_SSH_DECODE', `malformed data: ${messageName(number)} has no meaning here`);
  }
  return { number, name: codec.name, value: codec.decode(new WireReader(payload, 1)), codec };
}

const codecRule = objectWith('a codec of a message, such as channelOpen', {
  encode: callback,
  name: anyText,
});

/** The payload of a message, its number included. */
export function encodeMessage<T>(codec: MessageCodec<T>, value: T): Uint8Array {
  checkArgument('the codec for encodeMessage', codec, codecRule);
  return encoded(codec.name, codec, value);
}

function codecFor(
  number: number,
  payload: Uint8Array,
  context: MessageContext,
): MessageCodec<object> | undefined {
  if (number === messageNumbers.userauthRequest) return requestCodec(payload);
  if (number === messageNumbers.userauthPkOk) {
    return methodMessages[context.authenticationMethod ?? 'publickey'];
  }
  if (isKeyExchangeMethodNumber(number)) {
    return kexMessages[context.kex ?? 'ecdh'].find((codec) => codec.number === number);
  }
  return unambiguous.get(number);
}

/** The typed codec of a request where its method is known, the one for any method otherwise. */
function requestCodec(payload: Uint8Array): MessageCodec<object> {
  const { methodName, methodFields } = userauth.userauthRequest.decode(new WireReader(payload, 1));
  const flag = methodFields[0] !== undefined && methodFields[0] !== 0;
  switch (methodName) {
    case 'none':
      return userauth.userauthNoneRequest;
    case 'password':
      return flag ? userauth.userauthPasswordChangeRequest : userauth.userauthPasswordRequest;
    case 'publickey':
      return flag ? userauth.userauthPublickeyRequest : userauth.userauthPublickeyQuery;
    case 'publickey-hostbound-v00@openssh.com':
      return flag ? userauth.userauthHostboundRequest : userauth.userauthRequest;
    case 'keyboard-interactive':
      return userauth.userauthKeyboardInteractiveRequest;
    default:
      return userauth.userauthRequest;
  }
}

function byName(codecs: readonly PayloadCodec<object>[]): ReadonlyMap<string, PayloadCodec<object>> {
  return new Map(codecs.map((codec) => [codec.name, codec]));
}
