/**
 * The seam between SFTP and the platform's streams.
 *
 * Owns: what a stream of a file is made from, and who makes it.
 * Must not know: how a platform's streams work.
 */
import type { Readable, Writable } from '../../endpoint/streams.ts';

export type { Readable, Writable };

/** A file that is read, as a stream's other side. */
export interface FileSource {
  /** The next bytes; undefined at the end. One call at a time. */
  next(): Promise<Uint8Array | undefined>;
  /** Nobody wants more, or the stream broke. Resolves when nothing is left open. */
  close(): Promise<void>;
}

/** A file that is written. */
export interface FileSink {
  /** Resolves when more can be written. One call at a time; the memory may change afterwards. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything has been written and the file is closed. */
  finish(): Promise<void>;
  /** The stream broke. Resolves when nothing is left open. */
  abandon(): Promise<void>;
}

/** Makes streams of the platform. */
export interface FileStreams {
  /** @param signal destroys the stream, with `ERR_SSH_ABORTED` */
  readable(source: FileSource, highWaterMark: number, signal: AbortSignal | undefined): Readable;
  writable(sink: FileSink, highWaterMark: number, signal: AbortSignal | undefined): Writable;
}
