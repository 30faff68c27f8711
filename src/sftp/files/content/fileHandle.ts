/**
 * A file that is open on the server, as a user holds it.
 *
 * Owns: `SftpFile`, with the names of `FileHandle` of `node:fs/promises`; the position of
 * reads and writes that give none.
 * Must not know: how a file is found.
 */

import type { PublicFunction } from '../../../endpoint/calls/callSite.ts';
import { oneHandle } from '../../packet/extensions.ts';
import type { CallOptions } from '../../seam/channel.ts';
import type { Errand } from '../../session/errand.ts';
import { type FileTime, ownerAttributes, timeAttributes } from '../attributeCalls.ts';
import * as check from '../options.ts';
import { checkedPosition, type Position, type ReadOptions, type SpanOptions } from '../options.ts';
import { BigIntFileStats, FileStats } from '../stats.ts';
import {
  checkedBuffers,
  readArguments,
  readPosition,
  type Span,
  writeArguments,
  writePosition,
} from './handleArguments.ts';
import type { OpenFile } from './openFile.ts';
import { checkContent, type FileContent } from './pieces.ts';
import { decodeText, type Encoding } from './text.ts';
import { readerOf, readToEnd, sizeOf, writeAll } from './whole.ts';

/** What `read` came to. */
export interface ReadResult<T extends ArrayBufferView> {
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

/** What `readv` came to. */
export interface ReadVectorResult<T extends readonly ArrayBufferView[]> {
  /** In all buffers together; 0 at the end of the file. */
  readonly bytesRead: number;
  /** What was given. */
  readonly buffers: T;
}

/** What `writev` came to. */
export interface WriteVectorResult<T extends readonly ArrayBufferView[]> {
  /** All that was given. */
  readonly bytesWritten: number;
  /** What was given. */
  readonly buffers: T;
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
  /** The calls that go on at the present position: each begins where the one before has ended. */
  private turn: Promise<void> = Promise.resolve();
  private callsInTurn = 0;
  private closing: Promise<void> | undefined;

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
   * Reads up to `length` bytes into `buffer`. Fewer only at the end of the file. Without a position, or with
   * -1, it goes on where the last call without one has ended, also if that still runs.
   *
   * @throws SshError `ERR_SSH_SFTP_FAILURE`, `ERR_SSH_TIMEOUT`, `ERR_SSH_CLOSED` the file is closed, …
   */
  read<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: Position,
    options?: CallOptions,
  ): Promise<ReadResult<T>>;
  /** The same with names. Errors as above. */
  read<T extends ArrayBufferView>(buffer: T, options?: SpanOptions): Promise<ReadResult<T>>;
  /** The same; without a buffer into one of 16 KiB. Errors as above. */
  read<T extends ArrayBufferView = Uint8Array>(options?: ReadOptions<T> | null): Promise<ReadResult<T>>;
  read<T extends ArrayBufferView>(
    first?: T | ReadOptions<T> | null,
    second?: number | SpanOptions | null,
    length?: number | null,
    position?: Position,
    options?: CallOptions,
  ): Promise<ReadResult<T>> {
    const given = (): Span<T> => readArguments(first, second, length, position, options);
    return this.spanCall('read', given, async ({ buffer, bytes, position: at }, errand) => {
      return { bytesRead: await this.readBytes([bytes], at, errand), buffer };
    });
  }

  /** Reads into one buffer after the other, until they are full or the file ends. Errors as `read`. */
  readv<T extends readonly ArrayBufferView[]>(
    buffers: T,
    position?: Position,
    options: CallOptions = {},
  ): Promise<ReadVectorResult<T>> {
    return this.bounded('readv', options, async (errand) => {
      const parts = checkedBuffers(buffers);
      return { bytesRead: await this.readBytes(parts, readPosition(position), errand), buffers };
    });
  }

  /** Writes all of a text at `position`. Errors as `read`. */
  write(
    text: string,
    position?: Position,
    encoding?: Encoding | null,
    options?: CallOptions,
  ): Promise<WriteResult<string>>;
  /** The same, in UTF-8. Errors as `read`. */
  write(text: string, position: Position | undefined, options: CallOptions): Promise<WriteResult<string>>;
  /** Writes `length` bytes of `buffer`, all of them. Errors as `read`. */
  write<T extends ArrayBufferView>(
    buffer: T,
    offset?: number | null,
    length?: number | null,
    position?: Position,
    options?: CallOptions,
  ): Promise<WriteResult<T>>;
  /** The same with names. Errors as `read`. */
  write<T extends ArrayBufferView>(buffer: T, options: SpanOptions): Promise<WriteResult<T>>;
  write<T extends ArrayBufferView>(
    data: string | T,
    second?: Position | SpanOptions,
    third?: number | Encoding | CallOptions | null,
    fourth?: Position | CallOptions,
    fifth?: CallOptions,
  ): Promise<WriteResult<string | T>> {
    const given = (): Span<string | T> => writeArguments(data, second, third, fourth, fifth);
    return this.spanCall('write', given, async ({ buffer, bytes, position }, errand) => {
      return { bytesWritten: await this.writeBytes([bytes], position, errand), buffer };
    });
  }

  /** Writes one buffer after the other, all of them. Errors as `read`. */
  writev<T extends readonly ArrayBufferView[]>(
    buffers: T,
    position?: Position,
    options: CallOptions = {},
  ): Promise<WriteVectorResult<T>> {
    return this.bounded('writev', options, async (errand) => {
      const parts = checkedBuffers(buffers);
      return { bytesWritten: await this.writeBytes(parts, writePosition(position), errand), buffers };
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
        const bytes = await this.inTurn('readFile', async () => {
          const found = await readToEnd(this.file, this.position, errand);
          this.position += found.length;
          return found;
        });
        return options.encoding === undefined ? bytes : decodeText(bytes, options.encoding);
      },
      check.checkReadFile,
    );
  }

  /** Writes from the present position on; what is in the file behind that stays. Errors as `read`. */
  writeFile(content: FileContent, options: CallOptions = {}): Promise<void> {
    return this.bounded('writeFile', options, (errand) => this.writeOn('writeFile', content, errand));
  }

  /** The same as `writeFile`, for a file opened to append. */
  appendFile(content: FileContent, options: CallOptions = {}): Promise<void> {
    return this.bounded('appendFile', options, (errand) => this.writeOn('appendFile', content, errand));
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

  /**
   * Closes the file, once the reads and writes that go on at the present position are done, or the `close`
   * time is over. A second time does nothing.
   *
   * @throws SshError what the server answers: it may tell of a failed write only now
   */
  close(): Promise<void> {
    return this.file.session.publicCall(SftpFile.prototype.close, () => {
      forgotten.unregister(this.file);
      this.closing ??= this.callsInTurn === 0 ? this.file.close() : this.closeInTurn();
      return this.closing;
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

  private async closeInTurn(): Promise<void> {
    await this.file.session.within(this.turn, 'reads and writes of an open file to end');
    await this.file.close();
  }

  private async writeOn(name: string, content: FileContent, errand: Errand | undefined): Promise<void> {
    checkContent(content);
    const write = async (): Promise<void> => {
      const start = await this.writeStart(undefined, errand);
      this.position = start + (await writeAll(this.file, start, content, errand));
    };
    // What the caller gives piece by piece may come from other calls on this file: these must not wait for it.
    const isWhole = typeof content === 'string' || ArrayBuffer.isView(content);
    await (isWhole ? this.inTurn(name, write) : write());
  }

  private readBytes(
    parts: readonly Uint8Array[],
    position: number | undefined,
    errand: Errand | undefined,
  ): Promise<number> {
    if (position !== undefined) return readParts(this.file, parts, position, errand);
    return this.inTurn('read', async () => {
      const count = await readParts(this.file, parts, this.position, errand);
      this.position += count;
      return count;
    });
  }

  private writeBytes(
    parts: readonly Uint8Array[],
    position: number | undefined,
    errand: Errand | undefined,
  ): Promise<number> {
    const write = async (): Promise<number> => {
      const start = await this.writeStart(position, errand);
      const [only] = parts;
      const content = parts.length === 1 && only !== undefined ? only : parts;
      const count = await writeAll(this.file, start, content, errand);
      if (position === undefined) this.position = start + count;
      return count;
    };
    return position === undefined || this.appends ? this.inTurn('write', write) : write();
  }

  /** Servers that do not know the flag for appending write where they are told. */
  private async writeStart(position: number | undefined, errand: Errand | undefined): Promise<number> {
    if (!this.appends) return position ?? this.position;
    return sizeOf((await this.file.attributes(errand)).size) ?? 0;
  }

  /** A step that begins where the one before it has ended. */
  private async inTurn<T>(name: string, step: () => Promise<T>): Promise<T> {
    const before = this.turn;
    let end: () => void = () => {};
    this.turn = new Promise((resolve) => {
      end = resolve;
    });
    this.callsInTurn++;
    try {
      await before;
      this.file.check(name);
      return await step();
    } finally {
      this.callsInTurn--;
      end();
    }
  }

  /** A call whose options are among its arguments. */
  private spanCall<S extends Span<unknown>, T>(
    name: 'read' | 'write',
    given: () => S,
    work: (span: S, errand: Errand | undefined) => Promise<T>,
  ): Promise<T> {
    const { session } = this.file;
    return session.publicCall(Reflect.get(this, name) as PublicFunction, async () => {
      const span = given();
      this.checkOpen(name);
      return session.call(`${name} of an open file`, span.options, async (errand) => work(span, errand));
    });
  }

  private checkOpen(name: string): void {
    if (this.closing !== undefined) throw this.file.closedError(name);
    this.file.check(name);
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
      this.checkOpen(name);
      return session.call(`${name} of an open file`, options, async (errand) => work(errand));
    });
  }
}

/** Reads into one part after the other. */
async function readParts(
  file: OpenFile,
  parts: readonly Uint8Array[],
  start: number,
  errand: Errand | undefined,
): Promise<number> {
  const end = parts.reduce((sum, { length }) => sum + length, start);
  const reader = readerOf(file, start, end, end, errand);
  const left = parts.filter(({ length }) => length > 0);
  let count = 0;
  let filled = 0;
  for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
    for (const piece of answer.pieces) {
      for (let at = 0; at < piece.length; ) {
        const part = left[0] as Uint8Array;
        const length = Math.min(piece.length - at, part.length - filled);
        part.set(piece.subarray(at, at + length), filled);
        at += length;
        filled += length;
        count += length;
        if (filled < part.length) continue;
        left.shift();
        filled = 0;
      }
    }
  }
  return count;
}
