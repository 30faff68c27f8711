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

/**
 * A connection that a server made, as programs expect of a socket: drivers of databases
 * take it in place of one. Small writes go out at once, whatever `setNoDelay` says, and
 * keep-alive is the SSH connection's.
 */
export interface SocketStream extends Duplex {
  /** The host as it was asked for, or the path of a unix socket. */
  readonly remoteAddress: string | undefined;
  /** The port that was asked for; undefined for a unix socket. */
  readonly remotePort: number | undefined;
  /** `IPv4` or `IPv6` where the host is an address. */
  readonly remoteFamily: string | undefined;
  /** Always undefined: the server's side of it is not known. */
  readonly localAddress: string | undefined;
  /** Always undefined: the server's side of it is not known. */
  readonly localPort: number | undefined;
  /** Bytes that came. */
  readonly bytesRead: number;
  /** Bytes that were written. */
  readonly bytesWritten: number;
  /** Always false: it is connected. */
  readonly connecting: boolean;
  /** Always false: it is connected. */
  readonly pending: boolean;
  /** Which directions are open. */
  readonly readyState: 'open' | 'readOnly' | 'writeOnly' | 'closed';
  /** It is connected already: emits `connect`, for drivers that ask for it. */
  connect(...to: readonly unknown[]): this;
  /** An empty object: it has no address of this machine. */
  address(): object;
  /** Does nothing: the connection below has it set. */
  setNoDelay(noDelay?: boolean): this;
  /** Does nothing: the connection below has a keep-alive of its own. */
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  /** Emits `timeout` after so many milliseconds without a byte in either direction; 0 for never. Nothing is closed by it. */
  setTimeout(milliseconds: number, callback?: () => void): this;
  /** Does nothing: the connection below keeps the process alive. */
  ref(): this;
  /** Does nothing: the connection below keeps the process alive. */
  unref(): this;
  /** Ends it, and destroys it when what was written is sent. */
  destroySoon(): void;
  /** As a reset: the channel is closed at once. */
  resetAndDestroy(): this;
}

/** Makes streams of the platform. */
export interface StreamFactory {
  /** A duplex stream that looks like a socket. */
  socket(
    source: ByteSource,
    sink: ByteSink,
    place: {
      readonly host?: string | undefined;
      readonly port?: number | undefined;
      readonly path?: string | undefined;
    },
  ): SocketStream;
  readable(source: ByteSource): Readable;
  writable(sink: ByteSink): Writable;
  duplex(source: ByteSource, sink: ByteSink): Duplex;
}
