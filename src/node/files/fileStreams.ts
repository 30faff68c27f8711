/**
 * Node streams over files of a server.
 *
 * Owns: the translation between Node's demand (`_read`, write callbacks) and a file's
 * source or sink.
 * Must not know: SFTP.
 */
import { Readable, Writable } from 'node:stream';
import { SshError } from '../../base/errors.ts';
import type { FileStreams } from '../../sftp/seam/streams.ts';

export const nodeFileStreams: FileStreams = {
  readable(source, highWaterMark, signal) {
    const stream: Readable = new Readable({
      highWaterMark,
      read() {
        source.next().then(
          (bytes) => {
            if (stream.destroyed) return;
            stream.push(bytes === undefined ? null : asBuffer(bytes));
          },
          (error: Error) => stream.destroy(error),
        );
      },
      destroy(error, callback) {
        settle(source.close(), error, callback);
      },
    });
    return guarded(stream, signal);
  },

  writable(sink, highWaterMark, signal) {
    const stream: Writable = new Writable({
      highWaterMark,
      write(chunk: Uint8Array, _encoding, callback) {
        sink.write(chunk).then(() => callback(), callback);
      },
      final(callback) {
        sink.finish().then(() => callback(), callback);
      },
      destroy(error, callback) {
        settle(sink.abandon(), error, callback);
      },
    });
    return guarded(stream, signal);
  },
};

function settle(closed: Promise<void>, error: Error | null, callback: (error?: Error | null) => void): void {
  closed.then(
    () => callback(error),
    (fault: Error) => callback(error ?? fault),
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A stream whose errors nobody listens to must not end the process. */
function guarded<T extends Readable | Writable>(stream: T, signal: AbortSignal | undefined): T {
  stream.on('error', () => {});
  if (signal === undefined) return stream;
  const abort = (): void => {
    const { reason } = signal;
    stream.destroy(
      new SshError('ERR_SSH_ABORTED', 'aborted by the caller', { origin: 'user', cause: reason }),
    );
  };
  if (signal.aborted) abort();
  else {
    signal.addEventListener('abort', abort, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', abort));
  }
  return stream;
}
