/**
 * A stream of the caller's that takes a file.
 *
 * Owns: writing with back-pressure into a stream of Node or of the web.
 * Must not know: files, SFTP.
 */
import { Writable } from 'node:stream';
import type { LocalSink } from '../../sftp/seam/localFiles.ts';

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
  private error: Error | undefined;
  private readonly failed: Promise<never>;

  constructor(stream: Writable) {
    this.stream = stream;
    this.failed = new Promise((_resolve, reject) => {
      const fail = (error: Error): void => {
        this.error ??= error;
        reject(error);
      };
      stream.on('error', fail);
      stream.on('close', () => fail(new Error('the stream was closed before it had taken all')));
    });
    this.failed.catch(() => {});
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.error !== undefined) throw this.error;
    const taken = new Promise<void>((resolve) => {
      this.stream.write(bytes, () => resolve());
    });
    await Promise.race([taken, this.failed]);
  }

  finish(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.stream.end(() => resolve());
    });
    return Promise.race([ended, this.failed]);
  }

  abandon(error: Error): void {
    this.stream.destroy(error);
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
