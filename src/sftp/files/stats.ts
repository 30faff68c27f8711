/**
 * The attributes of a file as a user sees them.
 *
 * Owns: `FileStats` and its variant with bigints, in the shape of `fs.Stats`; what kind
 * of file a mode stands for.
 * Must not know: how attributes travel.
 */
import { type FileAttributes, fileTypes } from '../packet/attributes.ts';

/** What kind of file it is, by its mode. Where the server does not tell the mode, every question is answered no. */
abstract class FileKind {
  /** As the server told them: what it left out is undefined. */
  readonly attributes: FileAttributes;

  constructor(attributes: FileAttributes) {
    this.attributes = attributes;
  }

  /** Whether it is a regular file. */
  isFile(): boolean {
    return this.is(fileTypes.file);
  }

  /** Whether it is a folder. */
  isDirectory(): boolean {
    return this.is(fileTypes.folder);
  }

  /** Whether it is a link. */
  isSymbolicLink(): boolean {
    return this.is(fileTypes.link);
  }

  /** Whether it is a named pipe. */
  isFIFO(): boolean {
    return this.is(fileTypes.fifo);
  }

  /** Whether it is a unix socket. */
  isSocket(): boolean {
    return this.is(fileTypes.socket);
  }

  /** Whether it is a device that is read in blocks. */
  isBlockDevice(): boolean {
    return this.is(fileTypes.blockDevice);
  }

  /** Whether it is a device that is read as a stream. */
  isCharacterDevice(): boolean {
    return this.is(fileTypes.characterDevice);
  }

  private is(type: number): boolean {
    return isOfType(this.attributes, type);
  }
}

/**
 * Attributes in the shape of `fs.Stats`. SFTP tells no links, blocks or times of birth.
 * A number that the server does not tell is `NaN`.
 */
export class FileStats extends FileKind {
  /** Type and permissions. */
  readonly mode: number;
  /** Bytes; not exact beyond 2^53, where the `bigint` option is. */
  readonly size: number;
  /** Number of the owner. */
  readonly uid: number;
  /** Number of the group. */
  readonly gid: number;
  /** When it was read: milliseconds since 1970, in whole seconds. */
  readonly atimeMs: number;
  /** When it was changed: milliseconds since 1970, in whole seconds. */
  readonly mtimeMs: number;

  constructor(attributes: FileAttributes) {
    super(attributes);
    const { permissions, size, uid, gid, atime, mtime } = attributes;
    this.mode = permissions ?? Number.NaN;
    this.size = size === undefined ? Number.NaN : Number(size);
    this.uid = uid ?? Number.NaN;
    this.gid = gid ?? Number.NaN;
    this.atimeMs = atime === undefined ? Number.NaN : atime * 1000;
    this.mtimeMs = mtime === undefined ? Number.NaN : mtime * 1000;
  }

  /** When it was read, in whole seconds. */
  get atime(): Date {
    return new Date(this.atimeMs);
  }

  /** When it was changed, in whole seconds. */
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
}

/** As `FileStats`, with every number a bigint. What the server does not tell is `-1n`. */
export class BigIntFileStats extends FileKind {
  /** Type and permissions. */
  readonly mode: bigint;
  /** Bytes, exact. */
  readonly size: bigint;
  /** Number of the owner. */
  readonly uid: bigint;
  /** Number of the group. */
  readonly gid: bigint;
  /** When it was read: milliseconds since 1970, in whole seconds. */
  readonly atimeMs: bigint;
  /** When it was changed: milliseconds since 1970, in whole seconds. */
  readonly mtimeMs: bigint;
  /** When it was read: nanoseconds since 1970, in whole seconds. */
  readonly atimeNs: bigint;
  /** When it was changed: nanoseconds since 1970, in whole seconds. */
  readonly mtimeNs: bigint;

  constructor(attributes: FileAttributes) {
    super(attributes);
    const { permissions, size, uid, gid, atime, mtime } = attributes;
    this.mode = BigInt(permissions ?? -1);
    this.size = size ?? -1n;
    this.uid = BigInt(uid ?? -1);
    this.gid = BigInt(gid ?? -1);
    this.atimeMs = scaled(atime, 1000n);
    this.mtimeMs = scaled(mtime, 1000n);
    this.atimeNs = scaled(atime, 1_000_000_000n);
    this.mtimeNs = scaled(mtime, 1_000_000_000n);
  }

  /** When it was read, in whole seconds. */
  get atime(): Date {
    return new Date(this.attributes.atime === undefined ? Number.NaN : Number(this.atimeMs));
  }

  /** When it was changed, in whole seconds. */
  get mtime(): Date {
    return new Date(this.attributes.mtime === undefined ? Number.NaN : Number(this.mtimeMs));
  }
}

/** Whether the attributes are those of a file of a type; no where they do not tell. */
export function isOfType({ permissions }: FileAttributes, type: number): boolean {
  return permissions !== undefined && (permissions & fileTypes.mask) === type;
}

function scaled(seconds: number | undefined, by: bigint): bigint {
  return seconds === undefined ? -1n : BigInt(seconds) * by;
}
