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

  isFile(): boolean {
    return this.is(fileTypes.file);
  }

  isDirectory(): boolean {
    return this.is(fileTypes.folder);
  }

  isSymbolicLink(): boolean {
    return this.is(fileTypes.link);
  }

  isFIFO(): boolean {
    return this.is(fileTypes.fifo);
  }

  isSocket(): boolean {
    return this.is(fileTypes.socket);
  }

  isBlockDevice(): boolean {
    return this.is(fileTypes.blockDevice);
  }

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
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970, in whole seconds. */
  readonly atimeMs: number;
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

  get atime(): Date {
    return new Date(this.atimeMs);
  }

  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
}

/** As `FileStats`, with every number a bigint. What the server does not tell is `-1n`. */
export class BigIntFileStats extends FileKind {
  readonly mode: bigint;
  readonly size: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly atimeNs: bigint;
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

  get atime(): Date {
    return new Date(this.attributes.atime === undefined ? Number.NaN : Number(this.atimeMs));
  }

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
