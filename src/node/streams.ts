/**
 * Node streams over sources and sinks.
 *
 * Owns: the translation between Node's demand (`_read`, write callbacks) and the
 * channel's windows; that a stream ends in order only where all of it was read, and
 * that a broken one gives what is there before its error.
 * Must not know: channels, SSH.
 *
 * Node calls listeners of `data`, `readable` and `drain`, and the callbacks of
 * writes, while it is given bytes or told that they went. What these throw is the
 * user's own exception and none of the connection's.
 */
import { isIP } from 'node:net';
import { Duplex, type DuplexOptions, Readable, Writable } from 'node:stream';
import { SshError } from '../base/errors.ts';
import { amongListeners } from '../endpoint/calls/userCode.ts';
import type { ByteSink, ByteSource, SocketStream, StreamFactory } from '../endpoint/streams.ts';
import type { Sleeper, Timer } from '../io/clock.ts';
import { nodeClock } from './clock.ts';

/** Bytes a stream holds ahead of its consumer; what is beyond stays in the channel's window. */
const readAhead = 64 * 1024;
const writeAhead = 64 * 1024;

/** Moves bytes from a source into a stream while the stream wants them. */
class Pump {
  private readonly stream: Readable;
  private readonly source: ByteSource;
  private wanted = false;
  private over: 'no' | 'ended' | Error = 'no';
  /** The source is dry, and what the stream holds of it comes before the error. */
  private breaks = false;
  /** What waits until the consumer has read the rest. */
  private later: (() => void)[] | undefined;

  constructor(stream: Readable, source: ByteSource) {
    this.stream = stream;
    this.source = source;
    source.listen({
      readable: () => this.move(),
      ended: () => {
        this.over = 'ended';
        this.move();
      },
      failed: (error) => {
        this.over = error;
        this.move();
      },
      aborted: (error) => this.stream.destroy(error),
    });
  }

  read(): void {
    this.wanted = true;
    this.move();
  }

  /**
   * The consumer took a piece, or asked in vain: what is there is less than it wants.
   *
   * @param size as it asked for; 0 is Node itself, which takes nothing
   */
  afterRead(size: number | undefined, piece: unknown): void {
    if (!this.breaks) return;
    if (this.stream.readableLength === 0 || (piece === null && size !== 0)) this.break();
  }

  /**
   * Takes a step that would end the stream, once the consumer has read what is
   * left for it. Where nobody ever read, nobody is waited for.
   */
  afterRest(step: () => void): void {
    const { stream } = this;
    const isOver = this.over === 'no' || stream.readableEnded || stream.destroyed;
    if (isOver || stream.readableFlowing === null) return step();
    if (this.later === undefined) {
      this.later = [];
      stream.once('end', () => this.release());
    }
    this.later.push(step);
  }

  /** The rest is read, or nobody will. */
  release(): void {
    const { later = [] } = this;
    this.later = undefined;
    for (const step of later) step();
  }

  private move(): void {
    const { stream, source } = this;
    if (stream.destroyed) return;
    while (this.wanted) {
      const bytes = source.take();
      if (bytes === undefined) break;
      // A listener that throws has had its bytes; there is room for the next.
      this.wanted = amongListeners(() => stream.push(asBuffer(bytes))) ?? true;
    }
    const { over } = this;
    if (over === 'no' || !this.wanted) return;
    this.wanted = false;
    if (over === 'ended') amongListeners(() => stream.push(null));
    else this.breakBehindRest();
  }

  private breakBehindRest(): void {
    const { stream } = this;
    this.breaks = true;
    if (stream.readableLength === 0) return this.break();
    // Who waits for more than is there would wait for ever.
    process.nextTick(() => {
      if (!stream.destroyed && stream.listenerCount('readable') > 0) stream.emit('readable');
    });
  }

  private break(): void {
    this.breaks = false;
    if (this.over instanceof Error) this.stream.destroy(this.over);
  }
}

class SourceReadable extends Readable {
  pump: Pump | undefined;

  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    this.pump?.afterRead(size, piece);
    return piece;
  }
}

class SourceDuplex extends Duplex {
  pump: Pump | undefined;

  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    this.pump?.afterRead(size, piece);
    return piece;
  }
}

/** What programs expect of a socket, on a stream that is connected and shares its connection with others. */
class SocketDuplex extends SourceDuplex implements SocketStream, Sleeper {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly localAddress: undefined = undefined;
  readonly localPort: undefined = undefined;
  readonly connecting = false;
  readonly pending = false;
  bytesRead = 0;
  bytesWritten = 0;
  private idleTime = 0;
  private idleSince = 0;
  private idleTimer: Timer | undefined;

  constructor(options: DuplexOptions, { host, port, path }: Parameters<StreamFactory['socket']>[2]) {
    const { write, writev } = options;
    super({
      ...options,
      // Called as methods of the stream.
      write(this: SocketDuplex, chunk: Uint8Array, encoding, done) {
        this.passed(chunk.length);
        write?.call(this, chunk, encoding, done);
      },
      writev(this: SocketDuplex, chunks: Chunks, done) {
        this.passed(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
        writev?.call(this, chunks, done);
      },
    } as DuplexOptions);
    this.remoteAddress = host ?? path;
    this.remotePort = port;
    const family = isIP(host ?? '');
    this.remoteFamily = family === 0 ? undefined : `IPv${family}`;
    this.once('close', () => this.idleTimer?.cancel());
  }

  get readyState(): SocketStream['readyState'] {
    if (this.destroyed) return 'closed';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    this.bytesRead += chunk instanceof Uint8Array ? chunk.length : 0;
    this.active();
    return super.push(chunk, encoding);
  }

  /**
   * Behind its end a write fails by its callback alone. TLS says goodbye on a stream that
   * its driver has ended, and that must neither cut what is still on its way nor become an
   * error that the driver tells its user of.
   */
  override write(chunk: unknown, ...rest: readonly unknown[]): boolean {
    if (!this.writableEnded || this.destroyed) {
      return super.write(chunk, ...(rest as [BufferEncoding, (error?: Error | null) => void]));
    }
    const done = rest.at(-1);
    if (typeof done === 'function') {
      const error = new SshError('ERR_SSH_CHANNEL_CLOSED', 'this side has ended the connection', {
        origin: 'user',
      });
      process.nextTick(() => done(error));
    }
    return false;
  }

  private passed(length: number): void {
    this.bytesWritten += length;
    this.active();
  }

  connect(...to: readonly unknown[]): this {
    const callback = to.at(-1);
    if (typeof callback === 'function') this.once('connect', () => callback());
    process.nextTick(() => {
      if (!this.destroyed) this.emit('connect');
    });
    return this;
  }

  address(): object {
    return {};
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.idleTimer?.cancel();
    this.idleTimer = undefined;
    this.idleTime = milliseconds > 0 ? milliseconds : 0;
    if (callback !== undefined) {
      if (this.idleTime === 0) this.off('timeout', callback);
      else this.once('timeout', callback);
    }
    this.active();
    this.rest();
    return this;
  }

  /** The connection that it shares with others keeps the process alive, or does not. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  due(): void {
    this.idleTimer = undefined;
    if (this.destroyed || this.idleTime === 0) return;
    if (nodeClock.now() >= this.idleSince + this.idleTime) {
      this.active();
      amongListeners(() => this.emit('timeout'));
    }
    this.rest();
  }

  private active(): void {
    if (this.idleTime > 0) this.idleSince = nodeClock.now();
  }

  private rest(): void {
    if (this.idleTime === 0 || this.destroyed || this.idleTimer !== undefined) return;
    this.idleTimer = nodeClock.schedule(this.idleSince + this.idleTime, this);
  }
}

/** The same memory as a Buffer, which is what users of Node streams expect. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function ignoreUnheard(stream: Readable | Writable): void {
  // A broken connection is told by promises; a stream nobody listens to must not end the process.
  stream.on('error', () => {});
}

export const nodeStreams: StreamFactory = {
  readable(source) {
    const stream: SourceReadable = new SourceReadable({
      highWaterMark: readAhead,
      read: () => pump.read(),
      destroy: (error, callback) => {
        source.cancel();
        callback(error);
      },
    });
    const pump = new Pump(stream, source);
    stream.pump = pump;
    ignoreUnheard(stream);
    return stream;
  },

  writable(sink) {
    const stream: Writable = new Writable({ highWaterMark: writeAhead, ...writableParts(sink) });
    sink.listen((error) => stream.destroy(error));
    ignoreUnheard(stream);
    return stream;
  },

  duplex(source, sink) {
    return duplexOver(source, sink, (options) => new SourceDuplex(options));
  },

  socket(source, sink, place) {
    return duplexOver(source, sink, (options) => new SocketDuplex(options, place));
  },
};

/** A duplex stream of the kind that `make` makes. */
function duplexOver<S extends SourceDuplex>(
  source: ByteSource,
  sink: ByteSink,
  make: (options: DuplexOptions) => S,
): S {
  const parts = writableParts({
    ...sinkCalls(sink),
    // A write that fails ends the whole stream: what the peer said before is the reader's.
    write: (bytes, done) =>
      sink.write(bytes, (error) => (error === undefined ? done() : pump.afterRest(() => done(error)))),
  });
  const stream = make({
    readableHighWaterMark: readAhead,
    writableHighWaterMark: writeAhead,
    allowHalfOpen: true,
    read: () => pump.read(),
    write: parts.write,
    writev: parts.writev,
    final: parts.final,
    destroy: (error, callback) => {
      sink.cancel();
      source.cancel();
      callback(error);
      pump.release();
    },
  });
  const pump = new Pump(stream, source);
  stream.pump = pump;
  sink.listen((error) => pump.afterRest(() => stream.destroy(error)));
  ignoreUnheard(stream);
  return stream;
}

type Done = (error?: Error | null) => void;

type Chunks = { chunk: Uint8Array; encoding: BufferEncoding }[];

interface WritableParts {
  readonly write: (chunk: Uint8Array, encoding: BufferEncoding, done: Done) => void;
  readonly writev: (chunks: { chunk: Uint8Array; encoding: BufferEncoding }[], done: Done) => void;
  readonly final: (done: Done) => void;
  readonly destroy: (error: Error | null, done: Done) => void;
}

type SinkCalls = Pick<ByteSink, 'write' | 'end' | 'cancel'>;

function sinkCalls(sink: ByteSink): SinkCalls {
  return {
    write: (bytes, done) => sink.write(bytes, done),
    end: (done) => sink.end(done),
    cancel: () => sink.cancel(),
  };
}

function writableParts(sink: SinkCalls): WritableParts {
  const write = (bytes: Uint8Array, done: Done): void =>
    sink.write(bytes, (error) => void amongListeners(() => done(error)));
  return {
    write: (chunk, _encoding, done) => write(chunk, done),
    // Many small writes become few packets.
    writev: (chunks, done) => write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
    final: (done) => sink.end((error) => void amongListeners(() => done(error))),
    destroy: (error, done) => {
      sink.cancel();
      done(error);
    },
  };
}
