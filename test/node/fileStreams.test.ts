/** Streams of Node over files of a server, and streams of the caller that take a file. */
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { nodeFileStreams } from '../../src/node/files/fileStreams.ts';
import { sinkOfStream } from '../../src/node/files/streamSink.ts';

type FileSource = Parameters<typeof nodeFileStreams.readable>[0];
type FileSink = Parameters<typeof nodeFileStreams.writable>[0];
const fault = new Error('it broke');

/** A source of these pieces, and what became of it. */
function sourceOf(...pieces: readonly (Uint8Array | Error)[]) {
  const left = [...pieces];
  const seen = { asked: 0, closed: 0 };
  const source = {
    next: async () => {
      seen.asked++;
      const piece = left.shift();
      if (piece instanceof Error) throw piece;
      return piece;
    },
    close: async () => {
      seen.closed++;
    },
  } as unknown as FileSource;
  return { source, seen };
}

function sinkOf(failing: 'write' | 'finish' | 'abandon' | undefined = undefined) {
  const seen: string[] = [];
  const step = (name: string) => async (bytes?: Uint8Array) => {
    seen.push(bytes === undefined ? name : `${name} ${bytes.length}`);
    if (name === failing) throw fault;
  };
  const sink = {
    write: step('write'),
    finish: step('finish'),
    abandon: step('abandon'),
  } as unknown as FileSink;
  return { sink, seen };
}

const closed = (stream: NodeJS.EventEmitter): Promise<void> =>
  new Promise((resolve) => stream.once('close', resolve));

/** The error with which a stream closes, if it does with one. */
async function endOf(stream: NodeJS.EventEmitter): Promise<Error | undefined> {
  let error: Error | undefined;
  stream.on('error', (reason: Error) => {
    error = reason;
  });
  await closed(stream);
  return error;
}

describe('a file that is read as a stream', () => {
  it('brings all pieces as Buffers, and closes the source once', async () => {
    const { source, seen } = sourceOf(
      Uint8Array.of(1, 2),
      Buffer.from([3]),
      new Uint8Array([0, 4, 5]).subarray(1),
    );
    const stream = nodeFileStreams.readable(source, 5, undefined);
    expect(stream.readableHighWaterMark).toBe(5);
    const end = endOf(stream);
    const pieces: Buffer[] = [];
    for await (const piece of stream) {
      expect(Buffer.isBuffer(piece)).toBe(true);
      pieces.push(piece as Buffer);
    }
    expect([...Buffer.concat(pieces)]).toEqual([1, 2, 3, 4, 5]);
    expect([await end, seen.closed]).toEqual([undefined, 1]);
  });

  it('breaks where the source does, and where its closing fails', async () => {
    const broken = sourceOf(fault);
    const stream = nodeFileStreams.readable(broken.source, 5, undefined);
    stream.resume();
    expect([await endOf(stream), broken.seen.closed]).toEqual([fault, 1]);
    const { source } = sourceOf();
    const unclosed = { ...source, close: () => Promise.reject(fault) } as FileSource;
    const other = nodeFileStreams.readable(unclosed, 5, undefined);
    other.resume();
    expect(await endOf(other)).toBe(fault);
    // Of two errors the first is told.
    const first = new Error('first');
    const destroyed = nodeFileStreams.readable(unclosed, 5, undefined);
    destroyed.destroy(first);
    expect(await endOf(destroyed)).toBe(first);
  });

  it('takes nothing that comes after it was destroyed', async () => {
    let bring = (_bytes: Uint8Array): void => {};
    const source = {
      next: () =>
        new Promise<Uint8Array>((resolve) => {
          bring = resolve;
        }),
      close: async () => {},
    } as unknown as FileSource;
    const stream = nodeFileStreams.readable(source, 5, undefined);
    stream.resume();
    const end = endOf(stream);
    await Promise.resolve();
    stream.destroy();
    bring(Uint8Array.of(1));
    expect(await end).toBeUndefined();
  });
});

describe('a file that is written as a stream', () => {
  it('gets all pieces, and its end behind them', async () => {
    const { sink, seen } = sinkOf();
    const stream = nodeFileStreams.writable(sink, 7, undefined);
    expect(stream.writableHighWaterMark).toBe(7);
    const end = endOf(stream);
    stream.write(Uint8Array.of(1, 2));
    stream.end(Uint8Array.of(3));
    expect(await end).toBeUndefined();
    expect(seen).toEqual(['write 2', 'write 1', 'finish', 'abandon']);
  });

  it.each(['write', 'finish', 'abandon'] as const)('breaks where it fails to %s', async (failing) => {
    const { sink } = sinkOf(failing);
    const stream = nodeFileStreams.writable(sink, 7, undefined);
    const end = endOf(stream);
    stream.end(Uint8Array.of(3));
    expect(await end).toBe(fault);
  });
});

describe('a signal', () => {
  it('ends either stream, fired or to be fired, and nobody has to listen', async () => {
    const make = [
      (signal: AbortSignal) => nodeFileStreams.readable(sourceOf().source, 5, signal),
      (signal: AbortSignal) => nodeFileStreams.writable(sinkOf().sink, 5, signal),
    ];
    for (const stream of make) {
      const expected = {
        code: 'ERR_SSH_ABORTED',
        origin: 'user',
        message: 'aborted by the caller',
        cause: fault,
      };
      expect(await endOf(stream(AbortSignal.abort(fault)))).toMatchObject(expected);
      const controller = new AbortController();
      const later = stream(controller.signal);
      const end = endOf(later);
      controller.abort(fault);
      expect(await end).toMatchObject(expected);
      const alone = stream(AbortSignal.abort(fault));
      await closed(alone);
      expect(alone.destroyed).toBe(true);
    }
  });
});

describe('a stream of the caller that takes a file', () => {
  it('is one of Node, one of a package that is like it, or one of the web', () => {
    const like = { write: () => {}, end: () => {}, on: () => {}, destroy: () => {} };
    for (const stream of [new PassThrough(), like, new WritableStream()])
      expect(sinkOfStream(stream)).toBeDefined();
    for (const name of Object.keys(like)) expect(sinkOfStream({ ...like, [name]: 5 })).toBeUndefined();
    for (const value of [undefined, null, 5, 'path', {}, []]) expect(sinkOfStream(value)).toBeUndefined();
  });

  it.each(['node', 'web'] as const)('gets all of it, and then its end (%s)', async (kind) => {
    const got: number[] = [];
    let isEnded = false;
    const end = (): void => {
      isEnded = true;
    };
    const stream =
      kind === 'web'
        ? new WritableStream<Uint8Array>({ write: (bytes) => void got.push(...bytes), close: end })
        : new Writable({
            write: (bytes: Buffer, _encoding, done) => {
              got.push(...bytes);
              done();
            },
            final: (done) => {
              end();
              done();
            },
          });
    const sink = sinkOfStream(stream);
    await sink?.write(Uint8Array.of(1, 2));
    await sink?.write(Uint8Array.of(3));
    expect([got, isEnded]).toEqual([[1, 2, 3], false]);
    await sink?.finish();
    expect(isEnded).toBe(true);
  });

  it.each(['node', 'web'] as const)(
    'is destroyed with the reason where it is given up (%s)',
    async (kind) => {
      let reason: unknown;
      const stream =
        kind === 'web'
          ? new WritableStream({
              abort: (error) => {
                reason = error;
              },
            })
          : new Writable({
              destroy: (error, done) => {
                reason = error;
                done(null);
              },
            });
      sinkOfStream(stream)?.abandon(fault);
      await expect.poll(() => reason).toBe(fault);
    },
  );

  it('that breaks or closes fails the write under way and every later one, with its first reason', async () => {
    const broken = new Writable({ write: (_bytes, _encoding, done) => done(fault) });
    const sink = sinkOfStream(broken);
    await expect(sink?.write(Uint8Array.of(1))).rejects.toBe(fault);
    await expect(sink?.write(Uint8Array.of(1))).rejects.toBe(fault);
    await expect(sink?.finish()).rejects.toBe(fault);
    // It never calls back.
    const stuck = new Writable({ write: () => {} });
    const writing = sinkOfStream(stuck)?.write(Uint8Array.of(1));
    stuck.destroy();
    await expect(writing).rejects.toMatchObject({
      code: 'EPIPE',
      message: 'the stream was closed before it had taken all of the file',
    });
    const later = new Writable({ write: () => {} });
    const laterSink = sinkOfStream(later);
    const waiting = laterSink?.write(Uint8Array.of(1));
    later.destroy(fault);
    await expect(waiting).rejects.toBe(fault);
    await expect(laterSink?.finish()).rejects.toBe(fault);
  });
});
