/**
 * Codecs as values: a message is declared once and can be read and written.
 *
 * Owns: the `Codec` interface and its combinators over RFC 4251 §5.
 * Must not know: message numbers.
 */

import { copyOf } from '../base/bytes.ts';
import { anyObject, checkArgument } from '../base/optionChecks.ts';
import type { WireReader } from './reader.ts';
import { decodeError } from './reader.ts';
import type { WireWriter } from './writer.ts';

/**
 * Both directions of one data type. `decode` throws `ERR_SSH_DECODE`; bytes in
 * a decoded value are copies, so the value may be kept.
 */
export interface Codec<T> {
  /** Reads a value. */
  decode(reader: WireReader): T;
  /** Writes a value. */
  encode(writer: WireWriter, value: T): void;
}

/** A byte (RFC 4251 §5). */
export const byte: Codec<number> = {
  decode: (reader) => reader.byte(),
  encode: (writer, value) => void writer.byte(value),
};

/** 0 is false, any other byte true. */
export const boolean: Codec<boolean> = {
  decode: (reader) => reader.boolean(),
  encode: (writer, value) => void writer.boolean(value),
};

/** Four bytes, the most significant first. */
export const uint32: Codec<number> = {
  decode: (reader) => reader.uint32(),
  encode: (writer, value) => void writer.uint32(value),
};

/** Eight bytes, the most significant first; a bigint. */
export const uint64: Codec<bigint> = {
  decode: (reader) => reader.uint64(),
  encode: (writer, value) => void writer.uint64(value),
};

/** A string of arbitrary bytes. */
export const string: Codec<Uint8Array> = {
  decode: (reader) => reader.copyString(),
  encode: (writer, value) => void writer.string(value),
};

/** A string of human text in UTF-8. */
export const text: Codec<string> = {
  decode: (reader) => reader.text(),
  encode: (writer, value) => void writer.text(value),
};

/** A string that is a name: printable US-ASCII, no comma, 1 to 64 characters (RFC 4251 §6). */
export const name: Codec<string> = {
  decode: (reader) => reader.name(),
  encode: (writer, value) => void writer.text(value),
};

/** A non-negative mpint as its big-endian magnitude. */
export const mpint: Codec<Uint8Array> = {
  decode: (reader) => reader.copyMpint(),
  encode: (writer, value) => void writer.mpint(value),
};

/** Names, separated by commas. */
export const nameList: Codec<readonly string[]> = {
  decode: (reader) => reader.nameList(),
  encode: (writer, value) => void writer.nameList(value),
};

/** Exactly `length` bytes without a length field. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    decode: (reader) => reader.copyBytes(length),
    encode: (writer, value) => {
      if (value.length !== length) throw decodeError(`${length} bytes expected, ${value.length} given`);
      writer.bytes(value);
    },
  };
}

/** All bytes to the end. */
export const rest: Codec<Uint8Array> = {
  decode: (reader) => copyOf(reader.viewRest()),
  encode: (writer, value) => void writer.bytes(value),
};

/** Values up to the end of the message. Its items must take at least one byte each, so the bytes bound the count. */
export function repeated<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    decode: (reader) => {
      const items: T[] = [];
      while (reader.remaining > 0) items.push(item.decode(reader));
      return items;
    },
    encode: (writer, items) => {
      for (const value of items) item.encode(writer, value);
    },
  };
}

/** A uint32 count and as many values; the bytes that remain bound the count before anything is allocated. */
export function counted<T>(item: Codec<T>, minimumItemLength: number): Codec<readonly T[]> {
  return {
    decode: (reader) => {
      const count = reader.uint32();
      if (count * minimumItemLength > reader.remaining) {
        throw decodeError(`${count} entries claimed in ${reader.remaining} bytes`);
      }
      const items: T[] = [];
      for (let i = 0; i < count; i++) items.push(item.decode(reader));
      return items;
    },
    encode: (writer, items) => {
      writer.uint32(items.length);
      for (const value of items) item.encode(writer, value);
    },
  };
}

/** Fields one after the other, in the order in which they are declared. */
export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  checkArgument('the fields of a codec', fields, anyObject);
  const names = Object.keys(fields) as (keyof T)[];
  const codecs = names.map((field) => fields[field]);
  return {
    decode: (reader) => {
      const value: Partial<T> = {};
      for (let i = 0; i < names.length; i++) {
        value[names[i] as keyof T] = (codecs[i] as Codec<T[keyof T]>).decode(reader);
      }
      return value as T;
    },
    encode: (writer, value) => {
      for (let i = 0; i < names.length; i++) {
        (codecs[i] as Codec<T[keyof T]>).encode(writer, value[names[i] as keyof T]);
      }
    },
  };
}
