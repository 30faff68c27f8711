/** Bytes move at the pace of whoever takes them. */
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  BrokenPipe,
  CollectingSink,
  OutputGate,
  pumpInput,
  pumpOutput,
  streamSink,
} from '../../src/cli/terminal/pumps.ts';

/** Takes a chunk only when told to. */
class SlowSink extends Writable {
  taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 1024 });
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.waiting.push(() => {
      this.taken += chunk.length;
      done();
    });
  }

  /** Takes one chunk; false where none waits. */
  takeOne(): boolean {
    const take = this.waiting.shift();
    take?.();
    return take !== undefined;
  }
}

/** Gives chunks for as long as it is asked, and counts them. */
function counted(chunks: number, size: number): { readonly source: Readable; given: () => number } {
  let given = 0;
  const source = new Readable({
    highWaterMark: size,
    read() {
      this.push(given < chunks ? Buffer.alloc(size, given++) : null);
    },
  });
  return { source, given: () => given };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await turn();
};

describe('output', () => {
  it('is taken from the source no faster than the sink takes it', async () => {
    const { source, given } = counted(50, 1024);
    const sink = new SlowSink();
    const done = pumpOutput(source, streamSink(sink));
    await turns();
    expect(given()).toBeGreaterThan(0);
    do {
      await turns();
      expect(given() * 1024 - sink.taken).toBeLessThan(6 * 1024);
    } while (sink.takeOne());
    await done;
    expect(sink.taken).toBe(50 * 1024);
  });

  it('ends as a broken pipe where nobody reads any more', async () => {
    for (const code of ['EPIPE', 'EIO']) {
      const sink = new Writable({
        write: (_chunk, _encoding, done) => done(Object.assign(new Error(), { code })),
      });
      await expect(pumpOutput(Readable.from([Buffer.from('x')]), streamSink(sink))).rejects.toBeInstanceOf(
        BrokenPipe,
      );
    }
  });

  it('tells any other error of the sink', async () => {
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(full) });
    const failed = pumpOutput(Readable.from([Buffer.from('x')]), streamSink(sink));
    await expect(failed).rejects.toMatchObject({
      name: 'OutputFault',
      message: 'the output cannot be written: no space left',
      cause: full,
    });
  });

  it('tells the error of the source', async () => {
    const lost = new Error('the connection was lost');
    const source = new Readable({ read() {} });
    const done = pumpOutput(source, streamSink(new PassThrough()));
    source.destroy(lost);
    await expect(done).rejects.toBe(lost);
  });

  it('is kept up to a bound that both streams share', async () => {
    const budget = { left: 10 };
    const [out, err] = [new CollectingSink(budget), new CollectingSink(budget)];
    await pumpOutput(Readable.from([Buffer.from('12345'), Buffer.from('67')]), out);
    expect(Buffer.from(out.bytes).toString()).toBe('1234567');
    await expect(pumpOutput(Readable.from([Buffer.from('8901')]), err)).rejects.toMatchObject({
      code: 'ERR_SSH_MAX_BUFFER',
    });
  });
});

describe('input', () => {
  it('is taken from the source no faster than the process takes it', async () => {
    const { source, given } = counted(50, 1024);
    const sink = new SlowSink();
    pumpInput(source, sink, (chunk) => [chunk]);
    await turns();
    expect(given()).toBeGreaterThan(0);
    do {
      await turns();
      expect(given() * 1024 - sink.taken).toBeLessThan(6 * 1024);
    } while (sink.takeOne());
    expect(sink.taken).toBe(50 * 1024);
    expect(sink.writableEnded).toBe(true);
  });

  it('is what the filter leaves of it', async () => {
    const sink = new PassThrough();
    pumpInput(Readable.from([Buffer.from('ab'), Buffer.from('cd')]), sink, (chunk) => [
      chunk.subarray(1),
      Buffer.from('-'),
    ]);
    expect(Buffer.concat(await sink.toArray()).toString()).toBe('b-d-');
  });

  it('stops when told, and is not ended by that', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    const stop = pumpInput(source, sink, (chunk) => [chunk]);
    source.write('one');
    await turns();
    stop();
    source.write('two');
    await turns();
    expect(String(sink.read())).toBe('one');
    expect(sink.writableEnded).toBe(false);
    expect(source.listenerCount('data')).toBe(0);
  });

  it('is left alone once the process has closed its own', async () => {
    const source = new PassThrough();
    const sink = new PassThrough();
    pumpInput(source, sink, (chunk) => [chunk]);
    sink.destroy();
    await turns();
    source.write('late');
    await turns();
    expect(source.isPaused()).toBe(true);
    expect(source.listenerCount('end')).toBe(0);
  });
});

describe('output while a person types a line to this program', () => {
  it('waits, holds back who writes it, and then goes on in its order', async () => {
    const gate = new OutputGate();
    const out = new CollectingSink({ left: 1_000_000 });
    const { source, given } = counted(40, 10_000);
    gate.close();
    const moving = pumpOutput(source, gate.before(out));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([out.bytes.length, given() < 5]).toEqual([0, true]);
    gate.open();
    gate.close();
    gate.open();
    await moving;
    expect([out.bytes.length, given()]).toEqual([400_000, 40]);
  });
});
