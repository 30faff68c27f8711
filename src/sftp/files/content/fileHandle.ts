/**
 * A file that is open on the server, as a user holds it.
 *
 * Owns: `SftpFile`, with the names of `FileHandle` of `node:fs/promises`; the position of
 * reads and writes that give none.
 * Must not know: how a file is found.
 */

import { optionsError } from '../../../base/optionChecks.ts';
import type { PublicFunction } from '../../../endpoint/calls/callSite.ts';
import { oneHandle } from '../../packet/extensions.ts';
import type { CallOptions } from '../../seam/channel.ts';
import type { Errand } from '../../session/errand.ts';
import { type FileTime, ownerAttributes, timeAttributes } from '../attributeCalls.ts';
import * as check from '../options.ts';
import { checkedPosition } from '../options.ts';
import { BigIntFileStats, FileStats } from '../stats.ts';
import type { OpenFile } from './openFile.ts';
import { checkContent, contentBytes, type FileContent } from './pieces.ts';
import { decodeText, type Encoding } from './text.ts';
import { readerOf, readToEnd, sizeOf, writeAll } from './whole.ts';

/** A place in a file; `null` for behind the last read or write that gave none. */
export type Position = number | bigint | null;

/** What `read` came to. */
export interface ReadResult<T extends Uint8Array> {
  /** 0 at the end of the file. */
  readonly bytesRead: number;
  /** What was given, with what was read in it. */
  readonly buffer: T;
}

/** What `write` came to. */
export interface WriteResult<T> {
  /** All that was given. */
  readonly bytesWritten: number;
  /** What was given. */
  readonly buffer: T;
}

/** A file that nobody can close any more is closed, some time: a server has a number of handles. */
const forgotten = new FinalizationRegistry<OpenFile>((file) => file.closeQuietly());

/**
 * An open file. Closing it is the caller's: with `close`, or by `await using`.
 *
 * @example
 * ```ts
 * import type { Sftp } from 'deadline-ssh';
 * async function firstBytes(sftp: Sftp, path: string): Promise<Uint8Array> {
 *   const file = await sftp.open(path);
 *   try {
 *     const { buffer, bytesRead } = await file.read(new Uint8Array(16), 0, 16, 0);
 *     return buffer.subarray(0, bytesRead);
 *   } finally {
 *     await file.close();
 *   }
 * }
 * ```
 */
export class SftpFile {
  private readonly file: OpenFile;
  /** Opened for appending: every write goes to the end. */
  private readonly appends: boolean;
  private position = 0;

  constructor(file: OpenFile, appends: boolean) {
    this.file = file;
    this.appends = appends;
    forgotten.register(this, file, file);
  }

  /** As it was given to `open`. */
  get path(): string {
    return this.file.path;
  }

  /** What the server calls the file, for the packets of `deadline-ssh/protocol`. */
  get handle(): Uint8Array {
    return this.file.handle;
  }

  /**
   * Reads up to `length` bytes into `buffer`. Fewer only at the end of the file.
   *
   * @throws SshError `ERR_SSH_SFTP_FAILURE`, `ERR_SSH_TIMEOUT`, `ERR_SSH_CLOSED` the file is closed, …
   */
  read<T extends Uint8Array>(
    buffer: T,
    offset: number = 0,
    length?: number,
    position: Position = null,
    options: CallOptions = {},
  ): Promise<ReadResult<T>> {
    return this.bounded('read', options, async (errand) => {
      const wanted = checkedLength(buffer, offset, length);
      const start = position === null ? this.position : checkedPosition(position);
      const reader = readerOf(this.file, start, start + wanted, start + wanted, errand);
      let bytesRead = 0;
      for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
        for (const piece of answer.pieces) {
          buffer.set(piece, offset + bytesRead);
          bytesRead += piece.length;
        }
      }
      if (position === null) this.position = start + bytesRead;
      return { bytesRead, buffer };
    });
  }

  /** Writes all of a text at `position`. Errors as `read`. */
  write(text: string, position?: Position, options?: CallOptions): Promise<WriteResult<string>>;
  /** Writes `length` bytes of `buffer`, all of them. Errors as `read`. */
  write<T extends Uint8Array>(
    buffer: T,
    offset?: number,
    length?: number,
    position?: Position,
    options?: CallOptions,
  ): Promise<WriteResult<T>>;
  write<T extends Uint8Array>(
    data: string | T,
    second?: number | bigint | null,
    third?: number | CallOptions,
    fourth?: Position,
    fifth?: CallOptions,
  ): Promise<WriteResult<string | T>> {
    const given = typeof data === 'string' ? third : fifth;
    const options = typeof given === 'object' ? given : {};
    return this.bounded('write', options, async (errand) => {
      if (typeof data === 'string') {
        return {
          bytesWritten: await this.writeBytes(contentBytes(data), second ?? null, errand),
          buffer: data,
        };
      }
      if (!(data instanceof Uint8Array)) throw optionsError('write takes a string or a Uint8Array');
      const offset = Number(second ?? 0);
      const length = checkedLength(data, offset, typeof third === 'object' ? undefined : third);
      const bytes = data.subarray(offset, offset + length);
      return { bytesWritten: await this.writeBytes(bytes, fourth ?? null, errand), buffer: data };
    });
  }

  /** All from the present position to the end. Errors as `read`. */
  readFile(options: CallOptions & { readonly encoding: Encoding }): Promise<string>;
  readFile(options?: CallOptions & { readonly encoding?: undefined }): Promise<Uint8Array>;
  readFile(
    options: CallOptions & { readonly encoding?: Encoding | undefined } = {},
  ): Promise<string | Uint8Array> {
    return this.bounded(
      'readFile',
      options,
      async (errand) => {
        const bytes = await readToEnd(this.file, this.position, errand);
        this.position += bytes.length;
        return options.encoding === undefined ? bytes : decodeText(bytes, options.encoding);
      },
      check.checkReadFile,
    );
  }

  /** Writes from the present position on; what is in the file behind that stays. Errors as `read`. */
  writeFile(content: FileContent, options: CallOptions = {}): Promise<void> {
    return this.bounded('writeFile', options, (errand) => this.writeOn(content, errand));
  }

  /** The same as `writeFile`, for a file opened to append. */
  appendFile(content: FileContent, options: CallOptions = {}): Promise<void> {
    return this.bounded('appendFile', options, (errand) => this.writeOn(content, errand));
  }

  /** The attributes of the file. */
  stat(options: CallOptions & { readonly bigint: true }): Promise<BigIntFileStats>;
  stat(options?: CallOptions & { readonly bigint?: false | undefined }): Promise<FileStats>;
  stat(
    options: CallOptions & { readonly bigint?: boolean | undefined } = {},
  ): Promise<FileStats | BigIntFileStats> {
    return this.bounded(
      'stat',
      options,
      async (errand) => {
        const found = await this.file.attributes(errand);
        return options.bigint === true ? new BigIntFileStats(found) : new FileStats(found);
      },
      check.checkStat,
    );
  }

  /** Cuts the file, or makes it longer with zeros. */
  truncate(length: number | bigint = 0, options: CallOptions = {}): Promise<void> {
    return this.bounded('truncate', options, (errand) => {
      const size = BigInt(checkedPosition(length));
      return this.file.setAttributes({ size }, 'truncate', errand);
    });
  }

  /** Sets its permissions. */
  chmod(mode: number, options: CallOptions = {}): Promise<void> {
    return this.bounded('chmod', options, (errand) => {
      const permissions = check.checkedPermissions(mode);
      return this.file.setAttributes({ permissions }, 'chmod', errand);
    });
  }

  /** Sets its owner and group by their numbers. */
  chown(uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.bounded('chown', options, (errand) =>
      this.file.setAttributes(ownerAttributes(uid, gid), 'chown', errand),
    );
  }

  /** Sets when it was read and when it was changed. */
  utimes(atime: FileTime, mtime: FileTime, options: CallOptions = {}): Promise<void> {
    return this.bounded('utimes', options, (errand) =>
      this.file.setAttributes(timeAttributes(atime, mtime), 'utimes', errand),
    );
  }

  /**
   * Makes the server bring the file to its disk (fsync@openssh.com).
   *
   * @throws SshError `ERR_SSH_SFTP_UNSUPPORTED` the server has no such extension
   */
  sync(options: CallOptions = {}): Promise<void> {
    return this.bounded('sync', options, (errand) => this.toDisk(errand));
  }

  /** The same as `sync`. */
  datasync(options: CallOptions = {}): Promise<void> {
    return this.bounded('datasync', options, (errand) => this.toDisk(errand));
  }

  /** Closes the file; a second time does nothing. @throws SshError what the server answers: it may tell of a failed write only now */
  close(): Promise<void> {
    return this.file.session.publicCall(SftpFile.prototype.close, () => {
      forgotten.unregister(this.file);
      return this.file.close();
    });
  }

  /** As `close`; where the session has ended there is nothing to close, and what ended it is the error of other calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      if (this.file.session.link.cause === undefined) throw error;
    }
  }

  private toDisk(errand: Errand | undefined): Promise<void> {
    const { file } = this;
    const payload = oneHandle.toBytes({ handle: file.handle });
    return file.session.extendedOk('fsync@openssh.com', payload, file.operation('sync'), errand);
  }

  private async writeOn(content: FileContent, errand: Errand | undefined): Promise<void> {
    checkContent(content);
    const start = await this.writeStart(null, errand);
    this.position = start + (await writeAll(this.file, start, content, errand));
  }

  private async writeBytes(
    bytes: Uint8Array,
    position: Position,
    errand: Errand | undefined,
  ): Promise<number> {
    const start = await this.writeStart(position, errand);
    const written = await writeAll(this.file, start, bytes, errand);
    if (position === null) this.position = start + written;
    return written;
  }

  /** Servers that do not know the flag for appending write where they are told. */
  private async writeStart(position: Position, errand: Errand | undefined): Promise<number> {
    if (!this.appends) return position === null ? this.position : checkedPosition(position);
    return sizeOf((await this.file.attributes(errand)).size) ?? 0;
  }

  /** A call of the public API. `name` is that of the method, which the caller's frames end at. */
  private bounded<T>(
    name: string,
    options: CallOptions,
    work: (errand: Errand | undefined) => Promise<T>,
    test: (given: CallOptions) => void = check.checkCall,
  ): Promise<T> {
    const { file } = this;
    const { session } = file;
    return session.publicCall(Reflect.get(this, name) as PublicFunction, async () => {
      test(options);
      file.check(name);
      return session.call(`${name} of an open file`, options, async (errand) => work(errand));
    });
  }
}

/** The length of a part of a buffer: all behind the offset where none is given. */
function checkedLength(buffer: unknown, offset: number, given: number | undefined): number {
  if (!(buffer instanceof Uint8Array)) throw optionsError('the buffer must be a Uint8Array');
  const length = given ?? buffer.length - offset;
  const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (fits && offset + length <= buffer.length) return length;
  throw optionsError(
    `offset ${offset} and length ${length} are not within the ${buffer.length} bytes of the buffer`,
  );
}
