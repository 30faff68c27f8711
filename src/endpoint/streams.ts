/**
 * The seam to the platform's streams.
 *
 * Owns: what a stream is made from (a source, a sink) and who makes it.
 * Must not know: how a platform's streams work. The only import is of types:
 * the public API speaks of Node's streams, and Bun and Deno have the same.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

export type { Duplex, Readable, Writable };

/** Told by a source or a sink of what changed. */
export interface SourceListener {
  /** There is something to take. */
  readable(): void;
  /** Nothing will follow what is there. */
  ended(): void;
  /** The source broke; what is there may still be taken, and the error follows. */
  failed(error: Error): void;
  /** This side broke it off: the error comes now, and nothing is taken any more. */
  aborted(error: Error): void;
}

/** Bytes that come, taken as the consumer wants them; taking them opens the channel's window again. */
export interface ByteSource {
  listen(listener: SourceListener): void;
  /** The next bytes, owned by the caller; undefined when there are none at present. */
  take(): Uint8Array | undefined;
  /** The consumer wants no more. */
  cancel(): void;
}

/** Bytes that go. */
export interface ByteSink {
  /** Told when the sink broke while nothing was being written. */
  listen(failed: (error: Error) => void): void;
  /**
   * `done` once the bytes were handed on and their memory may change. Several
   * writes may be under way: they are handed on in their order, each is told of,
   * and the writer bounds them.
   */
  write(bytes: Uint8Array, done: (error?: Error) => void): void;
  /** No more will be written; `done` once the end was handed on, behind all that was written. */
  end(done: (error?: Error) => void): void;
  /** What was written and not sent may be dropped. */
  cancel(): void;
}

/** Makes streams of the platform. */
export interface StreamFactory {
  readable(source: ByteSource): Readable;
  writable(sink: ByteSink): Writable;
  duplex(source: ByteSource, sink: ByteSink): Duplex;
}
