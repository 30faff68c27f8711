/**
 * What an extension has behind its name, and what its answer holds.
 *
 * Owns: both directions of such a part, from and to bytes of its own.
 * Must not know: any particular extension.
 */
import { type Codec, struct } from '../../wire/codec.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { decodeWhole, named } from './codec.ts';

/** A part of a message, by itself. */
export interface MessagePart<T> extends Codec<T> {
  /** @throws SshError `ERR_SSH_DECODE`; its text names the part */
  fromBytes(bytes: Uint8Array): T;
  toBytes(value: T): Uint8Array;
}

/** The part with these fields, one after the other. */
export function part<T extends object>(
  name: string,
  fields: { readonly [K in keyof T]-?: Codec<T[K]> },
): MessagePart<T> {
  const body = struct<T>(fields);
  return {
    ...body,
    fromBytes: (bytes) => named(name, () => decodeWhole(body, new WireReader(bytes))),
    toBytes: (value) => {
      const writer = new WireWriter();
      body.encode(writer, value);
      return writer.copyWritten();
    },
  };
}
