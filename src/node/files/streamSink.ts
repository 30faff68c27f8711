/**
 * A stream of the caller's that takes a file.
 *
 * Owns: writing with back-pressure into a stream of Node or of the web.
 * Must not know: files, SFTP.
 */
import { Writable } from 'node:stream';
import { LocalFault, type LocalSink } from '../../sftp/seam/localFiles.ts';

/** The stream as a sink; undefined where the value is none. */
export function sinkOfStream(value: unknown): LocalSink | undefined {
  if (value instanceof WritableStream) return new WebSink(value);
  return isNodeWritable(value) ? new NodeSink(value) : undefined;
}

/** One of another copy of the streams, or of a package, does as well. */
function isNodeWritable(value: unknown): value is Writable {
  if (value instanceof Writable) return true;
  if (typeof value !== 'object' || value === null) return false;
  return ['write', 'end', 'on', 'destroy'].every((name) => typeof Reflect.get(value, name) === 'function');
}

class NodeSink implements LocalSink {
  private readonly stream: Writable;
  private failure: { readonly error: unknown } | undefined;
  private rejectStep: (error: unknown) => void = () => {};

  constructor(stream: Writable) {
    this.stream = stream;
    stream.on('error', (error: unknown) => this.failed(error));
    const message = 'the stream was closed before it had taken all of the file';
    stream.on('close', () => this.failed(new LocalFault('EPIPE', message, '')));
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.step((done) => this.stream.write(bytes, done));
  }

  finish(): Promise<void> {
    return this.step((done) => this.stream.end(done));
  }

  abandon(error: Error): void {
    this.stream.destroy(error);
  }

  /** Until the stream calls back, or breaks: which it may do without calling back. */
  private step(begin: (done: (error?: Error | null) => void) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure.error);
      this.rejectStep = reject;
      // An error of its own is told by an event as well, and by that alone from some streams.
      begin((error) => (error === null || error === undefined ? resolve() : this.failed(error)));
    });
  }

  private failed(error: unknown): void {
    this.failure ??= { error };
    this.rejectStep(this.failure.error);
  }
}

class WebSink implements LocalSink {
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: WritableStream<Uint8Array>) {
    this.writer = stream.getWriter();
    this.writer.closed.catch(() => {});
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.writer.write(bytes);
  }

  finish(): Promise<void> {
    return this.writer.close();
  }

  abandon(error: Error): void {
    this.writer.abort(error).catch(() => {});
  }
}
