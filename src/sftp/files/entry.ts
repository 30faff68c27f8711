/**
 * One entry of a folder.
 *
 * Owns: `DirectoryEntry`, in the shape of `fs.Dirent`.
 * Must not know: how folders are listed.
 */
import { utf8Decode } from '../../base/bytes.ts';
import { type FileAttributes, fileTypes } from '../packet/attributes.ts';
import type { NameEntry } from '../packet/responses.ts';
import { joinPath, pathText } from './paths.ts';
import { BigIntFileStats, FileStats, isOfType } from './stats.ts';

/** An entry of a folder on the server. Attributes come with the listing and cost no request. */
export class DirectoryEntry {
  /** As the server sent it; nothing says that it is UTF-8. */
  readonly nameBytes: Uint8Array;
  /** What the listing says of it; what the server left out is undefined. */
  readonly attributes: FileAttributes;
  /** The folder; empty for the one where the session begins, which a pattern does not name. */
  readonly parentBytes: Uint8Array;
  private readonly longnameBytes: Uint8Array;

  constructor(entry: NameEntry, parentBytes: Uint8Array) {
    this.nameBytes = entry.filename;
    this.attributes = entry.attrs;
    this.longnameBytes = entry.longname;
    this.parentBytes = parentBytes;
  }

  /** The name as text: what is not UTF-8 is replaced. Not escaped: a name may hold control characters. */
  get name(): string {
    return utf8Decode(this.nameBytes);
  }

  /** The folder, as text. */
  get parentPath(): string {
    return pathText(this.parentBytes) || '.';
  }

  /** The whole path, for other calls. */
  get pathBytes(): Uint8Array {
    return joinPath(this.parentBytes, this.nameBytes);
  }

  /** The whole path, as text; `pathBytes` is exact where a name is not UTF-8. */
  get path(): string {
    return pathText(this.pathBytes);
  }

  /** A line as `ls -l` has it, for people, as the server wrote it: not escaped. */
  get longname(): string {
    return utf8Decode(this.longnameBytes);
  }

  /** The attributes as those of `stat`. */
  stats(options: { readonly bigint: true }): BigIntFileStats;
  stats(options?: { readonly bigint?: false | undefined }): FileStats;
  stats(options: { readonly bigint?: boolean | undefined } = {}): FileStats | BigIntFileStats {
    return options.bigint === true ? new BigIntFileStats(this.attributes) : new FileStats(this.attributes);
  }

  /** Whether it is a regular file. */
  isFile(): boolean {
    return isOfType(this.attributes, fileTypes.file);
  }

  /** Whether it is a folder. */
  isDirectory(): boolean {
    return isOfType(this.attributes, fileTypes.folder);
  }

  /** Whether it is a link. */
  isSymbolicLink(): boolean {
    return isOfType(this.attributes, fileTypes.link);
  }

  /** Whether it is a named pipe. */
  isFIFO(): boolean {
    return isOfType(this.attributes, fileTypes.fifo);
  }

  /** Whether it is a unix socket. */
  isSocket(): boolean {
    return isOfType(this.attributes, fileTypes.socket);
  }

  /** Whether it is a device that is read in blocks. */
  isBlockDevice(): boolean {
    return isOfType(this.attributes, fileTypes.blockDevice);
  }

  /** Whether it is a device that is read as a stream. */
  isCharacterDevice(): boolean {
    return isOfType(this.attributes, fileTypes.characterDevice);
  }
}
