/**
 * `deadline-ssh/wire`: the data types and messages of SSH, for fuzzers, proxies and tools.
 *
 * Owns: which names are public. Everything here is synchronous, runs on any
 * ECMAScript host and throws nothing but `SshError`.
 * Must not know: connections, state, cryptography.
 */

export { SshError, type SshErrorCode } from '../base/errors.ts';
export * from '../message/channel.ts';
export * from '../message/channelRequest.ts';
export { type Empty, type MessageCodec, message, type PayloadCodec, payload } from '../message/codec.ts';
export * from '../message/globalRequest.ts';
export * from '../message/kex.ts';
export { messageName, messageNumbers } from '../message/numbers.ts';
export {
  channelRequestTypes,
  channelTypes,
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  globalRequestNames,
  type MessageContext,
} from '../message/registry.ts';
export { type TerminalMode, terminalModeOpcodes, terminalModes } from '../message/terminalModes.ts';
export * from '../message/transport.ts';
export * from '../message/userauth.ts';
export {
  boolean,
  byte,
  bytes,
  type Codec,
  counted,
  mpint,
  name,
  nameList,
  repeated,
  rest,
  string,
  struct,
  text,
  uint32,
  uint64,
} from '../wire/codec.ts';
export { WireReader } from '../wire/reader.ts';
export { WireWriter } from '../wire/writer.ts';
