/**
 * The attributes of a file as SFTP carries them.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §5 (ATTRS): flags say which fields are there.
 * The bits of `permissions` are those of POSIX.
 * Must not know: what a field is used for.
 */
import { type Codec, counted, string, struct } from '../../wire/codec.ts';
import type { WireReader } from '../../wire/reader.ts';
import type { WireWriter } from '../../wire/writer.ts';

/** Each field may be absent: a server that does not know it, or a request that leaves it as it is. */
export interface FileAttributes {
  /** Bytes; exact beyond 2^53. */
  readonly size?: bigint | undefined;
  /** Only together with `gid`. */
  readonly uid?: number | undefined;
  /** Number of the group. */
  readonly gid?: number | undefined;
  /** Type and permissions, as `st_mode`. */
  readonly permissions?: number | undefined;
  /** Seconds since 1970, as an unsigned number of 32 bits; only together with `mtime`. */
  readonly atime?: number | undefined;
  /** When it was changed, as `atime`. */
  readonly mtime?: number | undefined;
  /** Fields that only some servers know. */
  readonly extended?: readonly ExtendedAttribute[] | undefined;
}

/** A field that only some servers know. */
export interface ExtendedAttribute {
  /** Name of the field. */
  readonly type: Uint8Array;
  /** Its value. */
  readonly data: Uint8Array;
}

/** Flags: which fields follow. */
export const attributeFlags = {
  size: 0x1,
  uidgid: 0x2,
  permissions: 0x4,
  acmodtime: 0x8,
  extended: 0x80000000,
} as const;

/** The type of a file in `permissions`. */
export const fileTypes = {
  mask: 0o170000,
  socket: 0o140000,
  link: 0o120000,
  file: 0o100000,
  blockDevice: 0o060000,
  folder: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
} as const;

/** Two strings of at least a length field each. */
const extendedList = counted<ExtendedAttribute>(struct<ExtendedAttribute>({ type: string, data: string }), 8);

/**
 * Both directions of ATTRS. Flags that version 3 does not define are ignored, as
 * every server does: they announce no field of a known form.
 */
export const attributes: Codec<FileAttributes> = { decode, encode };

function decode(reader: WireReader): FileAttributes {
  const flags = reader.uint32();
  const found: { -readonly [K in keyof FileAttributes]: FileAttributes[K] } = {};
  if ((flags & attributeFlags.size) !== 0) found.size = reader.uint64();
  if ((flags & attributeFlags.uidgid) !== 0) {
    found.uid = reader.uint32();
    found.gid = reader.uint32();
  }
  if ((flags & attributeFlags.permissions) !== 0) found.permissions = reader.uint32();
  if ((flags & attributeFlags.acmodtime) !== 0) {
    found.atime = reader.uint32();
    found.mtime = reader.uint32();
  }
  if ((flags & attributeFlags.extended) !== 0) found.extended = extendedList.decode(reader);
  return found;
}

function encode(writer: WireWriter, value: FileAttributes): void {
  const { size, uid, gid, permissions, atime, mtime, extended } = value;
  const owned = uid !== undefined && gid !== undefined;
  const timed = atime !== undefined && mtime !== undefined;
  const flags =
    (size === undefined ? 0 : attributeFlags.size) |
    (owned ? attributeFlags.uidgid : 0) |
    (permissions === undefined ? 0 : attributeFlags.permissions) |
    (timed ? attributeFlags.acmodtime : 0) |
    (extended === undefined ? 0 : attributeFlags.extended);
  writer.uint32(flags);
  if (size !== undefined) writer.uint64(size);
  if (owned) writer.uint32(uid).uint32(gid);
  if (permissions !== undefined) writer.uint32(permissions);
  if (timed) writer.uint32(atime).uint32(mtime);
  if (extended !== undefined) extendedList.encode(writer, extended);
}
