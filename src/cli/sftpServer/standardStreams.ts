/**
 * Standard input and output as the two halves of a channel.
 *
 * Owns: bytes in and out of this process.
 * Must not know: what they are.
 */
import type { Readable, Writable } from 'node:stream';
import type { ByteSink, ByteSource, SourceListener } from '../../endpoint/streams.ts';

export class StreamSource implements ByteSource {
  private readonly stream: Readable;

  constructor(stream: Readable) {
    this.stream = stream;
  }

  listen(listener: SourceListener): void {
    this.stream.on('readable', () => listener.readable());
    this.stream.on('end', () => listener.ended());
    this.stream.on('error', (error) => listener.failed(error));
  }

  take(): Uint8Array | undefined {
    const chunk: unknown = this.stream.read();
    return chunk instanceof Uint8Array ? chunk : undefined;
  }

  cancel(): void {
    this.stream.destroy();
  }
}

export class StreamSink implements ByteSink {
  private readonly stream: Writable;

  constructor(stream: Writable) {
    this.stream = stream;
  }

  listen(failed: (error: Error) => void): void {
    this.stream.on('error', failed);
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.stream.write(bytes, (error) => done(error ?? undefined));
  }

  end(done: (error?: Error) => void): void {
    this.stream.end(() => done());
  }

  cancel(): void {
    this.stream.destroy();
  }
}
