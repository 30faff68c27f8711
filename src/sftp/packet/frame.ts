/**
 * What stands around the fields of a packet: length, type, id.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §3; whole packets to bytes and back; READ,
 * WRITE and DATA by hand, since a transfer consists of them.
 * Must not know: conversations, limits.
 */
import { SshError } from '../../base/errors.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import type { Packet, PacketCodec } from './codec.ts';
import { packetName, packetTypes } from './numbers.ts';
import { type Init, init, requestCodecs, type SftpRequest } from './requests.ts';
import { responseCodecs, type SftpResponse, type Version, version } from './responses.ts';

/** Bytes of the length field. */
export const lengthField = 4;
/** Bytes of a packet before its fields: length, type, id. */
export const headerLength = 9;
/** Bytes of a DATA before its data. */
export const dataHeaderLength: number = headerLength + 4;
/** What the length field counts at least: type and id, or type and version. */
export const shortestPacket = 5;

/** A packet with the id that its answer carries. */
export interface Numbered<T> {
  readonly id: number;
  readonly body: T;
}

/** Appends a whole packet. */
export function writePacket<T extends Packet>(
  writer: WireWriter,
  codec: PacketCodec<T>,
  id: number | undefined,
  body: T,
): void {
  const start = writer.position;
  writer.uint32(0).byte(codec.number);
  if (id !== undefined) writer.uint32(id);
  codec.encode(writer, body);
  writeLength(writer, start);
}

/** Appends a request. */
export function writeRequest(writer: WireWriter, id: number, body: SftpRequest): void {
  writePacket<SftpRequest>(writer, requestCodecs[body.kind] as PacketCodec<SftpRequest>, id, body);
}

/** Appends an answer. */
export function writeResponse(writer: WireWriter, id: number, body: SftpResponse): void {
  writePacket<SftpResponse>(writer, responseCodecs[body.kind] as PacketCodec<SftpResponse>, id, body);
}

/** A whole packet as bytes of its own. */
export function encodeRequest(id: number, body: SftpRequest): Uint8Array {
  return whole((writer) => writeRequest(writer, id, body));
}

export function encodeResponse(id: number, body: SftpResponse): Uint8Array {
  return whole((writer) => writeResponse(writer, id, body));
}

export function encodeInit(body: Omit<Init, 'kind'>): Uint8Array {
  return whole((writer) => writePacket(writer, init, undefined, { kind: 'init', ...body }));
}

export function encodeVersion(body: Omit<Version, 'kind'>): Uint8Array {
  return whole((writer) => writePacket(writer, version, undefined, { kind: 'version', ...body }));
}

/**
 * The request in `bytes[start…end)`, which begins at the type.
 *
 * @returns undefined for a type that is no request of version 3
 * @throws SshError `ERR_SSH_DECODE`
 */
export function decodeRequest(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Numbered<SftpRequest | undefined> {
  const reader = new WireReader(bytes, start, end);
  const codec = requestByNumber.get(reader.byte());
  const id = reader.uint32();
  return { id, body: codec?.decode(reader) };
}

/**
 * The answer in `bytes[start…end)`, which begins at the type.
 *
 * @throws SshError `ERR_SSH_DECODE`, also for a type that is no answer
 */
export function decodeResponse(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Numbered<SftpResponse> {
  const reader = new WireReader(bytes, start, end);
  const number = reader.byte();
  const codec = responseByNumber.get(number);
  if (codec === undefined) {
    throw new SshError('ERR_SSH_DECODE', `${packetName(number)} where an answer was expected`);
  }
  const id = reader.uint32();
  return { id, body: codec.decode(reader) };
}

const requestByNumber: ReadonlyMap<number, PacketCodec<SftpRequest>> = byNumber(requestCodecs);
const responseByNumber: ReadonlyMap<number, PacketCodec<SftpResponse>> = byNumber(responseCodecs);

// READ, WRITE and DATA by hand -------------------------------------------------------------

/** Appends a READ. `offset` is a safe integer. */
export function writeRead(
  writer: WireWriter,
  id: number,
  handle: Uint8Array,
  offset: number,
  length: number,
): void {
  writer.reserve(headerLength + 4 + handle.length + 12);
  writer.uint32(5 + 4 + handle.length + 12).byte(packetTypes.read);
  writer.uint32(id).string(handle);
  writeOffset(writer, offset);
  writer.uint32(length);
}

/** Bytes of a WRITE before its data. */
export function writeHeaderLength(handle: Uint8Array): number {
  return headerLength + 4 + handle.length + 8 + 4;
}

/** Appends everything of a WRITE but the `length` bytes of data that follow. `offset` is a safe integer. */
export function writeWriteHeader(
  writer: WireWriter,
  id: number,
  handle: Uint8Array,
  offset: number,
  length: number,
): void {
  writer.reserve(writeHeaderLength(handle));
  writer.uint32(writeHeaderLength(handle) - lengthField + length).byte(packetTypes.write);
  writer.uint32(id).string(handle);
  writeOffset(writer, offset);
  writer.uint32(length);
}

/** Appends everything of a DATA but the `length` bytes of data that follow. */
export function writeDataHeader(writer: WireWriter, id: number, length: number): void {
  writer.reserve(dataHeaderLength);
  writer.uint32(dataHeaderLength - lengthField + length).byte(packetTypes.data);
  writer.uint32(id).uint32(length);
}

function writeOffset(writer: WireWriter, offset: number): void {
  writer.uint32(Math.floor(offset / 0x1_0000_0000)).uint32(offset % 0x1_0000_0000);
}

function writeLength(writer: WireWriter, start: number): void {
  const { buffer, position } = writer;
  const length = position - start - lengthField;
  buffer[start] = length >>> 24;
  buffer[start + 1] = length >>> 16;
  buffer[start + 2] = length >>> 8;
  buffer[start + 3] = length;
}

function whole(step: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  step(writer);
  return writer.copyWritten();
}

function byNumber<T extends Packet>(
  codecs: Readonly<Record<string, { readonly number: number }>>,
): ReadonlyMap<number, PacketCodec<T>> {
  return new Map(Object.values(codecs).map((codec) => [codec.number, codec as PacketCodec<T>]));
}
