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
  readonly attributes: FileAttributes;
  /** The folder. */
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

  get parentPath(): string {
    return pathText(this.parentBytes);
  }

  /** The whole path, for other calls. */
  get pathBytes(): Uint8Array {
    return joinPath(this.parentBytes, this.nameBytes);
  }

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

  isFile(): boolean {
    return isOfType(this.attributes, fileTypes.file);
  }

  isDirectory(): boolean {
    return isOfType(this.attributes, fileTypes.folder);
  }

  isSymbolicLink(): boolean {
    return isOfType(this.attributes, fileTypes.link);
  }

  isFIFO(): boolean {
    return isOfType(this.attributes, fileTypes.fifo);
  }

  isSocket(): boolean {
    return isOfType(this.attributes, fileTypes.socket);
  }

  isBlockDevice(): boolean {
    return isOfType(this.attributes, fileTypes.blockDevice);
  }

  isCharacterDevice(): boolean {
    return isOfType(this.attributes, fileTypes.characterDevice);
  }
}
