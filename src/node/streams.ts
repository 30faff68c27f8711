/**
 * Node streams over sources and sinks.
 *
 * Owns: the translation between Node's demand (`_read`, write callbacks) and the
 * channel's windows.
 * Must not know: channels, SSH.
 *
 * Node calls listeners of `data`, `readable` and `drain`, and the callbacks of
 * writes, while it is given bytes or told that they went. What these throw is the
 * user's own exception and none of the connection's.
 */
import { Duplex, Readable, Writable } from 'node:stream';
import type { ByteSink, ByteSource, StreamFactory } from '../endpoint/streams.ts';
import { amongListeners } from '../endpoint/userCode.ts';

/** Bytes a stream holds ahead of its consumer; what is beyond stays in the channel's window. */
const readAhead = 64 * 1024;
const writeAhead = 64 * 1024;

/** Moves bytes from a source into a stream while the stream wants them. */
class Pump {
  private readonly stream: Readable;
  private readonly source: ByteSource;
  private wanted = false;
  private over: 'no' | 'ended' | Error = 'no';

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
    });
  }

  /** The source ended in order, and its consumer has not seen that yet. */
  get hasMore(): boolean {
    return this.over === 'ended' && !this.stream.readableEnded && !this.stream.destroyed;
  }

  read(): void {
    this.wanted = true;
    this.move();
  }

  private move(): void {
    if (this.stream.destroyed) return;
    while (this.wanted) {
      const bytes = this.source.take();
      if (bytes === undefined) break;
      // A listener that throws has had its bytes; there is room for the next.
      this.wanted = amongListeners(() => this.stream.push(asBuffer(bytes))) ?? true;
    }
    const { over } = this;
    if (over === 'no' || !this.wanted) return;
    this.wanted = false;
    if (over === 'ended') amongListeners(() => this.stream.push(null));
    else this.stream.destroy(over);
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
    const stream: Readable = new Readable({
      highWaterMark: readAhead,
      read: () => pump.read(),
      destroy: (error, callback) => {
        source.cancel();
        callback(error);
      },
    });
    const pump = new Pump(stream, source);
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
    const parts = writableParts(sink);
    const stream: Duplex = new Duplex({
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
      },
    });
    const pump = new Pump(stream, source);
    sink.listen((error) => {
      // A peer that has said all it had and closed: that is the reader's, before the end is anybody's error.
      if (pump.hasMore) stream.once('end', () => stream.destroy());
      else stream.destroy(error);
    });
    ignoreUnheard(stream);
    return stream;
  },
};

type Done = (error?: Error | null) => void;

interface WritableParts {
  readonly write: (chunk: Uint8Array, encoding: BufferEncoding, done: Done) => void;
  readonly writev: (chunks: { chunk: Uint8Array; encoding: BufferEncoding }[], done: Done) => void;
  readonly final: (done: Done) => void;
  readonly destroy: (error: Error | null, done: Done) => void;
}

function writableParts(sink: ByteSink): WritableParts {
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
