/**
 * A file as a stream: what is behind a readable and a writable one.
 *
 * Owns: opening when the stream is first used, the order of data, back-pressure in both
 * directions, closing.
 * Must not know: streams of a platform.
 */
import { SshError } from '../../../base/errors.ts';
import type { CallSite } from '../../../endpoint/calls/callSite.ts';
import type { FileReader } from '../../data/reader.ts';
import type { FileWriter } from '../../data/writer.ts';
import { openFlags } from '../../packet/numbers.ts';
import type { FileSink, FileSource } from '../../seam/streams.ts';
import { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import type { RemotePath } from '../paths.ts';
import { type OpenFlag, parseFlag } from './flags.ts';
import { OpenFile } from './openFile.ts';
import { readerOf, sizeOf, writerOf } from './whole.ts';

/** What a reading stream is about. */
export interface ReadSpan {
  readonly path: RemotePath;
  readonly start: number;
  /** Exclusive; `Infinity` for all. */
  readonly end: number;
}

export class ReadSource implements FileSource {
  private readonly session: SftpSession;
  private readonly span: ReadSpan;
  private readonly site: CallSite;
  private readonly errand: Errand;
  private file: OpenFile | undefined;
  private reader: FileReader | undefined;
  private readonly pieces: Uint8Array[] = [];

  /** @param site where the stream was made */
  constructor(session: SftpSession, span: ReadSpan, site: CallSite) {
    this.session = session;
    this.span = span;
    this.site = site;
    this.errand = new Errand(session.link);
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      this.reader ??= await this.open();
      while (this.pieces.length === 0) {
        const answer = await this.reader.next();
        if (answer === undefined) return undefined;
        this.pieces.push(...answer.pieces);
      }
    } catch (error) {
      throw this.session.rejection(this.site, error);
    }
    return this.pieces.shift();
  }

  async close(): Promise<void> {
    this.errand.cancel(abandoned());
    this.reader?.abandon();
    this.pieces.length = 0;
    this.file?.closeQuietly();
  }

  private async open(): Promise<FileReader> {
    const { session, errand } = this;
    const { path, start, end } = this.span;
    const file = await OpenFile.openForCaller(session, path, openFlags.read, {}, errand);
    this.file = file;
    // Closed while it was opened.
    if (errand.cancelledBy !== undefined) file.closeQuietly();
    const { size } = await file.attributes(errand);
    return readerOf(file, start, end, sizeOf(size), errand);
  }
}

/** What a writing stream is about. */
export interface WriteSpan {
  readonly path: RemotePath;
  readonly flags: OpenFlag;
  readonly mode: number | undefined;
  /** Undefined for the beginning, or the end of the file where it is appended to. */
  readonly start: number | undefined;
}

export class WriteSink implements FileSink {
  private readonly session: SftpSession;
  private readonly span: WriteSpan;
  private readonly site: CallSite;
  private readonly errand: Errand;
  private file: OpenFile | undefined;
  private writer: FileWriter | undefined;

  /** @param site where the stream was made */
  constructor(session: SftpSession, span: WriteSpan, site: CallSite) {
    this.session = session;
    this.span = span;
    this.site = site;
    this.errand = new Errand(session.link);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.led(async () => {
      this.writer ??= await this.open();
      await this.writer.write(bytes);
    });
  }

  async finish(): Promise<void> {
    await this.led(async () => {
      this.writer ??= await this.open();
      await this.writer.flush();
      await this.file?.close();
    });
  }

  async abandon(): Promise<void> {
    this.errand.cancel(abandoned());
    this.file?.closeQuietly();
  }

  private async led(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw this.session.rejection(this.site, error);
    }
  }

  private async open(): Promise<FileWriter> {
    const { session, errand } = this;
    const { path, flags, mode, start } = this.span;
    const pflags = parseFlag(flags);
    const file = await OpenFile.openForCaller(
      session,
      path,
      pflags,
      mode === undefined ? {} : { permissions: mode },
      errand,
    );
    this.file = file;
    if (errand.cancelledBy !== undefined) file.closeQuietly();
    const appends = (pflags & openFlags.append) !== 0;
    const end = appends ? (sizeOf((await file.attributes(errand)).size) ?? 0) : 0;
    return writerOf(file, start ?? end, errand);
  }
}

function abandoned(): SshError {
  return new SshError('ERR_SSH_CLOSED', 'the stream of the file was destroyed', { origin: 'user' });
}
