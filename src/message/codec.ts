/**
 * Messages as values: a number, a name, and the fields behind the number.
 *
 * Owns: `MessageCodec` and `PayloadCodec`, the check that nothing follows the
 * last field, errors that name what was malformed.
 * Must not know: any particular message.
 * Source: RFC 4251 §5 and §7 (the first byte of a payload is the message number).
 */

import { escapeText, utf8Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { longestName } from '../base/limits.ts';
import { anyObject, bytesOnly, checkArgument, optionsError, wholeNumber } from '../base/optionChecks.ts';
import { type Codec, struct } from '../wire/codec.ts';
import { decodeError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { messageName } from './numbers.ts';

/**
 * Both directions of one message. `encode` writes the message number and the
 * fields; `decode` reads the fields behind the number and requires that the
 * bytes end there.
 *
 * @throws SshError `ERR_SSH_DECODE` from `decode`; its text names the message.
 */
export interface MessageCodec<T> extends Codec<T> {
  /** The first byte of the payload. */
  readonly number: number;
  /** Such as `SSH_MSG_KEXINIT`. */
  readonly name: string;
}

/** The codec of one message. `name` is for numbers that several messages share. */
export function message<T extends object>(
  number: number,
  fields: { readonly [K in keyof T]-?: Codec<T[K]> },
  name: string = messageName(number),
): MessageCodec<T> {
  checkArgument('the number of a message', number, wholeNumber(0, 255));
  const body = struct<T>(fields);
  return {
    number,
    name,
    decode: (reader) => decodeWhole(name, body, reader),
    encode: (writer, value) => {
      writer.byte(number);
      body.encode(writer, value);
    },
  };
}

/**
 * The part of a message whose form depends on a name in it: the fields of one
 * type of channel, channel request or global request.
 *
 * @example
 * ```ts
 * import { exec } from 'deadline-ssh/wire';
 * const bytes = exec.toBytes({ command: 'uname -a' });
 * const { command } = exec.fromBytes(bytes);
 * ```
 */
export interface PayloadCodec<T> extends Codec<T> {
  /** The name it goes by on the wire, such as `direct-tcpip`. */
  readonly name: string;
  /** @throws SshError `ERR_SSH_DECODE`; its text names the payload. */
  fromBytes(bytes: Uint8Array): T;
  /** The bytes of a value, in memory of their own. */
  toBytes(value: T): Uint8Array;
}

/** The codec of one named payload. */
export function payload<T extends object>(
  name: string,
  fields: { readonly [K in keyof T]-?: Codec<T[K]> },
): PayloadCodec<T> {
  const body = struct<T>(fields);
  return {
    name,
    decode: (reader) => decodeWhole(name, body, reader),
    encode: (writer, value) => body.encode(writer, value),
    fromBytes: (bytes) => {
      checkArgument(`the bytes of ${name}`, bytes, bytesOnly);
      return decodeWhole(name, body, new WireReader(bytes));
    },
    toBytes: (value) => encoded(name, body, value),
  };
}

/**
 * The bytes of a value, in memory of their own.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what is no such value
 */
export function encoded<T>(name: string, codec: Codec<T>, value: T): Uint8Array {
  checkArgument(`the fields of ${name}`, value, anyObject);
  const writer = new WireWriter();
  try {
    codec.encode(writer, value);
  } catch (error) {
    // Codecs trust the types; a value that does not keep them fails somewhere in its bytes.
    if (!(error instanceof TypeError)) throw error;
    throw optionsError(`the fields of ${name} are not complete, or one is of the wrong type`);
  }
  return writer.copyWritten();
}

/** A message or payload without fields. */
export type Empty = Readonly<Record<string, never>>;

/** A name that must be this one: the branch of a message that a typed codec stands for. */
export function literalName<T extends string>(expected: T): Codec<T> {
  return {
    decode: (reader) => {
      const found = reader.name();
      if (found !== expected) throw decodeError(`"${escapeText(found)}" where "${expected}" was expected`);
      return expected;
    },
    encode: (writer) => void writer.text(expected),
  };
}

/** A boolean that must have this value; read like any boolean, so every non-zero byte is true. */
export function literalBoolean<T extends boolean>(expected: T): Codec<T> {
  return {
    decode: (reader) => {
      if (reader.boolean() !== expected) throw decodeError(`a boolean that is not ${expected}`);
      return expected;
    },
    encode: (writer) => void writer.boolean(expected),
  };
}

/** Text that is compared, so that malformed UTF-8 is refused: replaced, two values could become one. */
export const exactText: Codec<string> = {
  decode: (reader) => exactly(reader.viewString()),
  encode: (writer, value) => void writer.text(value),
};

/** Text that names something: looked at, and held, only where it is as short as names are. */
export const shortText: Codec<string> = {
  decode: (reader) => utf8Decode(viewShort(reader)),
  encode: (writer, value) => void writer.text(value),
};

/** Both: the name of a user. */
export const shortExactText: Codec<string> = {
  decode: (reader) => exactly(viewShort(reader)),
  encode: (writer, value) => void writer.text(value),
};

function exactly(bytes: Uint8Array): string {
  const text = utf8Decode(bytes, true);
  if (text === undefined) throw decodeError('text that is not UTF-8');
  return text;
}

function viewShort(reader: WireReader): Uint8Array {
  const view = reader.viewString();
  if (view.length <= longestName) return view;
  throw decodeError(`a name of ${view.length} bytes; ${longestName} are allowed`);
}

/** What `decodeError` puts before the fault; the name of the message takes its place. */
const unnamed = 'malformed data: ';

function decodeWhole<T>(name: string, body: Codec<T>, reader: WireReader): T {
  try {
    const value = body.decode(reader);
    reader.end();
    return value;
  } catch (error) {
    if (!(error instanceof SshError) || !error.message.startsWith(unnamed)) throw error;
    throw new SshError(error.code, `malformed ${name}: ${error.message.slice(unnamed.length)}`);
  }
}
