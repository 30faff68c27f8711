/**
 * The messages that carry data, written and read by hand.
 *
 * Owns: CHANNEL_DATA and CHANNEL_EXTENDED_DATA (RFC 4254 §5.2) without an object
 * and without a copy. A property test holds them equal to the codecs in `channel.ts`.
 * Must not know: channels, windows.
 *
 * Every reader takes `buffer`, `start` and `end`: the payload is
 * `buffer[start…end)` and its first byte is the message number.
 */
import { SshError } from '../base/errors.ts';
import { decodeError } from '../wire/reader.ts';
import type { WireWriter } from '../wire/writer.ts';
import { messageName, messageNumbers } from './numbers.ts';

/** Bytes of a CHANNEL_DATA before its data: number, recipient channel, length. */
export const channelDataHeaderLength = 9;
/** Bytes of a CHANNEL_EXTENDED_DATA before its data: those and the data type code. */
export const channelExtendedDataHeaderLength = 13;

/** Everything of a CHANNEL_DATA but the `length` bytes of data that the caller writes next. */
export function writeChannelDataHeader(writer: WireWriter, recipientChannel: number, length: number): void {
  writer.reserve(channelDataHeaderLength + length);
  writer.byte(messageNumbers.channelData).uint32(recipientChannel).uint32(length);
}

/** Everything of a CHANNEL_EXTENDED_DATA but the `length` bytes of data that the caller writes next. */
export function writeChannelExtendedDataHeader(
  writer: WireWriter,
  recipientChannel: number,
  dataTypeCode: number,
  length: number,
): void {
  writer.reserve(channelExtendedDataHeaderLength + length);
  writer
    .byte(messageNumbers.channelExtendedData)
    .uint32(recipientChannel)
    .uint32(dataTypeCode)
    .uint32(length);
}

/**
 * The uint32 at `offset`.
 *
 * @throws SshError `ERR_SSH_DECODE` unless its four bytes lie before `end`
 */
export function readUint32(buffer: Uint8Array, offset: number, end: number = buffer.length): number {
  if (offset < 0 || offset + 4 > end || end > buffer.length) {
    throw decodeError(`a uint32 expected, ${Math.max(0, end - offset)} bytes remain`);
  }
  return (
    (buffer[offset] as number) * 0x1000000 +
    (((buffer[offset + 1] as number) << 16) |
      ((buffer[offset + 2] as number) << 8) |
      (buffer[offset + 3] as number))
  );
}

/** The recipient channel of any message of a channel: it is the first field of all but CHANNEL_OPEN. */
export function readRecipientChannel(buffer: Uint8Array, start: number, end: number): number {
  return readUint32(buffer, start + 1, end);
}

/**
 * Where the data of a CHANNEL_DATA begins; it reaches to `end`.
 *
 * @throws SshError `ERR_SSH_DECODE` when the length in the message says otherwise
 */
export function channelDataStart(buffer: Uint8Array, start: number, end: number): number {
  return dataStart(buffer, start, end, channelDataHeaderLength);
}

/**
 * Where the data of a CHANNEL_EXTENDED_DATA begins; it reaches to `end`.
 *
 * @throws SshError `ERR_SSH_DECODE` when the length in the message says otherwise
 */
export function channelExtendedDataStart(buffer: Uint8Array, start: number, end: number): number {
  return dataStart(buffer, start, end, channelExtendedDataHeaderLength);
}

/** The data type code of a CHANNEL_EXTENDED_DATA. */
export function readDataTypeCode(buffer: Uint8Array, start: number, end: number): number {
  return readUint32(buffer, start + 5, end);
}

function dataStart(buffer: Uint8Array, start: number, end: number, headerLength: number): number {
  const data = start + headerLength;
  if (data > end) throw malformed(buffer, start, 'it ends before its data');
  const length = readUint32(buffer, data - 4, end);
  if (length !== end - data) {
    throw malformed(buffer, start, `${length} bytes of data claimed, ${end - data} are there`);
  }
  return data;
}

function malformed(buffer: Uint8Array, start: number, what: string): SshError {
  return new SshError('ERR_SSH_DECODE', `malformed ${messageName(buffer[start] ?? 0)}: ${what}`);
}
