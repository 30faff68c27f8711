/**
 * Packets as values: a kind, its number, and the fields behind the request's id.
 *
 * Owns: `PacketCodec`, the check that nothing follows the last field of an answer, errors that
 * name what was malformed; the strings that have a form of their own (handles, names).
 * Must not know: any particular packet, and the length and id around it (`frame.ts`).
 */
import { SshError } from '../../base/errors.ts';
import { type Codec, struct } from '../../wire/codec.ts';
import { decodeError, type WireReader } from '../../wire/reader.ts';

import { longestHandle, type PacketKind, packetName, packetTypes } from './numbers.ts';

/** A packet says what it is. */
export interface Packet {
  readonly kind: PacketKind;
}

/**
 * Both directions of the fields of one packet, its type and id aside.
 *
 * @throws SshError `ERR_SSH_DECODE` from `decode`; its text names the packet
 */
export interface PacketCodec<T extends Packet> extends Codec<T> {
  readonly kind: T['kind'];
  /** The byte behind the length. */
  readonly number: number;
  /** Such as `SSH_FXP_OPEN`. */
  readonly name: string;
}

/** The fields of a packet without its kind. */
export type FieldsOf<T extends Packet> = { readonly [K in Exclude<keyof T, 'kind'>]-?: Codec<T[K]> };

/** The codec of a packet whose fields stand one after the other. */
export function packet<T extends Packet>(kind: T['kind'], fields: FieldsOf<T>): PacketCodec<T> {
  return packetOf<T>(kind, struct<Omit<T, 'kind'>>(fields as never));
}

/**
 * As `packet`, for a request. What follows its last field is passed over, as every server does:
 * clients on Go's pkg/sftp, rclone among them, send the rest of a buffer behind the data of a WRITE.
 */
export function request<T extends Packet>(kind: T['kind'], fields: FieldsOf<T>): PacketCodec<T> {
  const body = struct<Omit<T, 'kind'>>(fields as never);
  const codec = packetOf<T>(kind, body);
  return { ...codec, decode: (reader) => named(codec.name, () => ({ kind, ...body.decode(reader) }) as T) };
}

/** The codec of a packet whose fields are read and written by `body`. */
export function packetOf<T extends Packet>(kind: T['kind'], body: Codec<Omit<T, 'kind'>>): PacketCodec<T> {
  const number = packetTypes[kind];
  const name = packetName(number);
  return {
    kind,
    number,
    name,
    decode: (reader) => named(name, () => ({ kind, ...decodeWhole(body, reader) }) as T),
    encode: (writer, value) => body.encode(writer, value),
  };
}

/** A handle: 1 to 256 bytes that mean something to the server alone. */
export const handle: Codec<Uint8Array> = {
  decode: (reader) => {
    const value = reader.copyString();
    if (value.length === 0 || value.length > longestHandle) {
      throw decodeError(`a handle of ${value.length} bytes; 1 to ${longestHandle} are allowed`);
    }
    return value;
  },
  encode: (writer, value) => void writer.string(value),
};

/** A string that is read as a window into the packet: the data of a WRITE is too much to be copied. */
export const windowed: Codec<Uint8Array> = {
  decode: (reader) => reader.viewString(),
  encode: (writer, value) => void writer.string(value),
};

/** What `decodeError` puts before the fault; the name of the packet takes its place. */
const unnamed = 'malformed data: ';

/** Runs a step of decoding; its error names the packet. */
export function named<T>(name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof SshError) || !error.message.startsWith(unnamed)) throw error;
    throw new SshError(error.code, `malformed ${name}: ${error.message.slice(unnamed.length)}`);
  }
}

/** A value that takes all bytes of the reader. */
export function decodeWhole<T>(body: Codec<T>, reader: WireReader): T {
  const value = body.decode(reader);
  reader.end();
  return value;
}
