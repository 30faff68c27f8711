/**
 * The seam between transfers and the files of this machine.
 *
 * Owns: what a transfer asks of a local file system. Each call rejects with a
 * `LocalFault`, which says in words what the system said.
 * Must not know: any platform, SFTP.
 */

/** A local path: text, or bytes where a name is not UTF-8. */
export type LocalPath = string | Uint8Array;

/** What is at a path. */
export interface LocalStat {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  /** Permissions, without the type. */
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly uid: number;
  readonly gid: number;
  /** Names that the file has. */
  readonly links: number;
  /** The same file has the same, and keeps it. */
  readonly identity: string;
}

/** One entry of a local folder. */
export interface LocalEntry {
  readonly name: Uint8Array;
  readonly kind: LocalStat['kind'];
}

/** A local file that is read. */
export interface LocalReader {
  stat(): Promise<LocalStat>;
  /** Fills `into` from `position` on; fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** The same for several, one behind the other: the bytes of all. */
  readInto(several: readonly Uint8Array[], position: number): Promise<number>;
  close(): Promise<void>;
}

/** A local file that is written. */
export interface LocalWriter {
  stat(): Promise<LocalStat>;
  /** For the comparison of what is there. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all pieces from `position` on; their memory may change afterwards. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  utimes(atimeMs: number, mtimeMs: number): Promise<void>;
  close(): Promise<void>;
}

/** What went wrong with a local file. */
export class LocalFault extends Error {
  /** Such as `ENOSPC`. */
  readonly code: string;
  /** The file, as text. */
  readonly path: string;

  constructor(code: string, message: string, path: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'LocalFault';
    this.code = code;
    this.path = path;
  }
}

/** A stream of the caller's that takes bytes. */
export interface LocalSink {
  /** Resolves when it takes more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when it has taken everything. */
  finish(): Promise<void>;
  abandon(error: Error): void;
}

export interface LocalFiles {
  /** Why no local file may have this name, in words; undefined where one may. */
  nameProblem(name: Uint8Array): string | undefined;
  join(folder: LocalPath, name: Uint8Array): LocalPath;
  /** A name part that nobody else has. */
  unique(): string;
  /** The last name of a path, and the folder that it is in. */
  split(path: LocalPath): { readonly folder: LocalPath; readonly name: Uint8Array };
  /** Whether a path names a folder by its end. */
  endsInSeparator(path: string): boolean;
  /** For people; not escaped. */
  text(path: LocalPath): string;
  /** What a link leads to, or undefined where nothing is there. */
  stat(path: LocalPath): Promise<LocalStat | undefined>;
  /** Of a link itself. Its faults name `shownAs` where that is given. */
  lstat(path: LocalPath, shownAs?: LocalPath): Promise<LocalStat | undefined>;
  /** Without links in it. */
  realpath(path: LocalPath): Promise<LocalPath>;
  /** Whether the user may write what is there. */
  mayWrite(path: LocalPath): Promise<boolean>;
  /** Opens a file that is read; never waits for the other side of a FIFO. */
  openReader(path: LocalPath): Promise<LocalReader>;
  /**
   * Opens a file that is written. `new`: nothing may be there, no link either.
   * `there`: it must be there. Neither goes through a link, and neither empties it.
   * Its faults name `shownAs` where that is given.
   */
  openWriter(path: LocalPath, how: 'new' | 'there', mode: number, shownAs?: LocalPath): Promise<LocalWriter>;
  list(path: LocalPath): AsyncIterable<LocalEntry>;
  mkdir(path: LocalPath, mode: number): Promise<void>;
  rename(from: LocalPath, to: LocalPath): Promise<void>;
  unlink(path: LocalPath): Promise<void>;
  rmdir(path: LocalPath): Promise<void>;
  readlink(path: LocalPath): Promise<Uint8Array>;
  symlink(target: Uint8Array, path: LocalPath): Promise<void>;
  /** Of a folder, since files are changed while they are open. */
  chmod(path: LocalPath, mode: number): Promise<void>;
  utimes(path: LocalPath, atimeMs: number, mtimeMs: number): Promise<void>;
  /** SHA-256 of a file, in hex. Its faults name `shownAs` where that is given. */
  sha256(path: LocalPath, shownAs?: LocalPath): Promise<string>;
  /** A hash that is fed piece by piece. */
  createSha256(): { update(bytes: Uint8Array): void; hex(): string };
  /** Takes pieces that nobody reads any more: memory that is theirs alone may be freed at once. */
  giveBack(pieces: readonly Uint8Array[]): void;
  /** The user may give files to others. */
  readonly isPrivileged: boolean;
  /** A stream of the caller's as a sink; undefined where the value is no such stream. */
  sinkOf(value: unknown): LocalSink | undefined;
}

/** The part of a local file system's answer that everybody understands. */
export function isMissing(error: unknown): boolean {
  return error instanceof LocalFault && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
