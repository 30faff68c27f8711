/**
 * Streams over sources: `end` means complete; a source that broke gives what is
 * there, then the error, however it is read.
 */
import { type Duplex, finished, type Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteSink, ByteSource, SourceListener } from '../../src/endpoint/streams.ts';
import { nodeStreams } from '../../src/node/streams.ts';
import { pattern } from '../sim/random.ts';

const broken = new Error('the connection was lost');

/** A source that a test feeds. */
class FedSource implements ByteSource {
  cancelled = 0;
  private listener: SourceListener | undefined;
  private readonly pieces: Uint8Array[] = [];

  listen(listener: SourceListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.pieces.shift();
  }

  cancel(): void {
    this.cancelled++;
  }

  feed(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.listener?.readable();
  }

  end(): void {
    this.listener?.ended();
  }

  fail(error: Error = broken): void {
    this.listener?.failed(error);
  }

  abort(error: Error = broken): void {
    this.pieces.length = 0;
    this.listener?.aborted(error);
  }
}

/** A sink that takes writes and never finishes them by itself. */
class StuckSink implements ByteSink {
  done: ((error?: Error) => void) | undefined;
  private failedListener: ((error: Error) => void) | undefined;

  listen(failed: (error: Error) => void): void {
    this.failedListener = failed;
  }

  write(_: Uint8Array, done: (error?: Error) => void): void {
    this.done = done;
  }

  end(done: (error?: Error) => void): void {
    done();
  }

  cancel(): void {
    this.done = undefined;
  }

  fail(error: Error = broken): void {
    const { done } = this;
    this.done = undefined;
    if (done === undefined) this.failedListener?.(error);
    else done(error);
  }
}

interface Read {
  readonly bytes: Buffer;
  readonly how: unknown;
}

/** Ways to read a stream to its end, whatever that is. */
const manners: Record<string, (stream: Readable) => Promise<Read>> = {
  'for await': async (stream) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of stream) pieces.push(piece as Buffer);
      return { bytes: Buffer.concat(pieces), how: 'end' };
    } catch (error) {
      return { bytes: Buffer.concat(pieces), how: error };
    }
  },
  data: (stream) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    return whenOver(stream, pieces);
  },
  'data, with pauses': (stream) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      stream.pause();
      setImmediate(() => stream.resume());
    });
    return whenOver(stream, pieces);
  },
  readable: (stream) => {
    const pieces: Buffer[] = [];
    stream.on('readable', () => {
      for (
        let piece = stream.read() as Buffer | null;
        piece !== null;
        piece = stream.read() as Buffer | null
      ) {
        pieces.push(piece);
      }
    });
    return whenOver(stream, pieces);
  },
  'pieces of ten bytes, then what is left': (stream) => {
    const pieces: Buffer[] = [];
    stream.on('readable', () => {
      for (
        let piece = stream.read(10) as Buffer | null;
        piece !== null;
        piece = stream.read(10) as Buffer | null
      ) {
        pieces.push(piece);
      }
    });
    return whenOver(stream, pieces);
  },
  pipe: async (stream) => {
    const pieces: Buffer[] = [];
    const slow = new Writable({
      highWaterMark: 100,
      write: (piece: Buffer, _, done) => {
        pieces.push(piece);
        setImmediate(done);
      },
    });
    stream.pipe(slow, { end: false });
    const { how } = await whenOver(stream, pieces);
    // `pipeline` would destroy what it pipes to, with all that this has still to write.
    await new Promise<void>((resolve) => slow.end(resolve));
    return { bytes: Buffer.concat(pieces), how };
  },
};

function whenOver(stream: Readable, pieces: Buffer[]): Promise<Read> {
  return new Promise((resolve) => {
    finished(stream, { writable: false }, (error) =>
      resolve({ bytes: Buffer.concat(pieces), how: error ?? 'end' }),
    );
  });
}

const kinds: Record<string, (source: ByteSource) => Readable> = {
  readable: (source) => nodeStreams.readable(source),
  duplex: (source) => nodeStreams.duplex(source, new StuckSink()),
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(Object.keys(kinds))('a %s', (kind) => {
  const make = (source: ByteSource): Readable => {
    const stream = kinds[kind]?.(source);
    if (stream === undefined) throw new Error('no such kind');
    return stream;
  };

  it.each(Object.keys(manners))('gives all bytes, and `end` only where they are all (%s)', async (manner) => {
    const read = manners[manner];
    if (read === undefined) throw new Error('no such manner');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 70_000 })), {
          maxLength: 6,
        }),
        fc.integer({ min: 0, max: 6 }),
        fc.constantFrom('end', 'fail'),
        fc.boolean(),
        async (lengths, readFrom, how, waits) => {
          const source = new FedSource();
          const stream = make(source);
          let reading: Promise<Read> | undefined;
          for (const [index, length] of lengths.entries()) {
            if (index === readFrom) reading = read(stream);
            source.feed(pattern(length, index));
            if (waits) await turn();
          }
          if (how === 'end') source.end();
          else source.fail();
          if (waits) await turn();
          reading ??= read(stream);
          const result = await reading;
          const all = Buffer.concat(lengths.map((length, index) => pattern(length, index)));
          expect(result.how).toBe(how === 'end' ? 'end' : broken);
          // Who asks for ten bytes is told of fewer by the end, or by the error: those are left.
          const isWhole = manner !== 'pieces of ten bytes, then what is left' || how === 'end';
          const expected = isWhole ? all : all.subarray(0, all.length - (all.length % 10));
          expect(result.bytes.equals(expected)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('that this side gave up tells so at once, whatever is unread', async () => {
    const source = new FedSource();
    const stream = make(source);
    stream.on('data', () => stream.pause());
    source.feed(pattern(100));
    await turn();
    source.feed(pattern(100));
    source.abort();
    expect(stream.destroyed).toBe(true);
    await turn();
    expect(stream.closed).toBe(true);
    expect(stream.errored).toBe(broken);
    expect(source.cancelled).toBe(1);
  });

  it('that nobody reads holds what is there until somebody does', async () => {
    const source = new FedSource();
    const stream = make(source);
    source.feed(pattern(1000));
    source.fail();
    await turn();
    expect(stream.destroyed).toBe(false);
    const { bytes, how } = await (manners['for await'] as (stream: Readable) => Promise<Read>)(stream);
    expect([bytes.length, how]).toEqual([1000, broken]);
  });
});

describe('a duplex whose writes fail', () => {
  const begin = (): { source: FedSource; sink: StuckSink; duplex: Duplex; written: Promise<unknown> } => {
    const [source, sink] = [new FedSource(), new StuckSink()];
    const duplex = nodeStreams.duplex(source, sink);
    const written = new Promise((resolve) => duplex.write('never taken', resolve));
    return { source, sink, duplex, written };
  };

  it('gives its reader what the peer said before, and then tells the writer', async () => {
    for (const how of ['end', 'fail'] as const) {
      const { source, sink, duplex, written } = begin();
      const pieces: Buffer[] = [];
      duplex.on('data', (piece: Buffer) => {
        pieces.push(piece);
        duplex.pause();
        setImmediate(() => duplex.resume());
      });
      for (let i = 0; i < 5; i++) source.feed(pattern(1000, i));
      source[how]();
      sink.fail();
      expect(await written).toBe(broken);
      expect(Buffer.concat(pieces)).toHaveLength(5000);
      await turn();
      expect(duplex.closed).toBe(true);
      expect(duplex.errored).toBe(broken);
    }
  });

  it('that nobody reads tells the writer at once', async () => {
    const { source, sink, duplex, written } = begin();
    source.feed(pattern(1000));
    source.fail();
    sink.fail();
    expect(await written).toBe(broken);
    expect(duplex.destroyed).toBe(true);
  });

  it('and that is destroyed meanwhile leaves no write behind', async () => {
    const { source, sink, duplex, written } = begin();
    duplex.on('data', () => duplex.pause());
    source.feed(pattern(1000));
    source.feed(pattern(1000));
    await turn();
    source.fail();
    sink.fail();
    await turn();
    duplex.destroy();
    expect(await written).toBe(broken);
  });
});
