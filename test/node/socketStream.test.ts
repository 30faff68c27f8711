/** A stream that stands for a socket: what programs ask of one, and what they are told. */
import { type Duplex, Writable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ByteSink, ByteSource, SocketStream, SourceListener } from '../../src/endpoint/streams.ts';
import { nodeClock } from '../../src/node/clock.ts';
import { nodeStreams } from '../../src/node/streams.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Both ends of a stream, as the test has them. */
class Ends {
  readonly asked: string[] = [];
  private readonly pieces: Uint8Array[] = [];
  private listener: SourceListener | undefined;
  private failed: (error: Error) => void = () => {};
  /** Writes and ends wait until the test answers. */
  held: ((error?: Error) => void)[] | undefined;

  readonly source: ByteSource = {
    listen: (listener) => {
      this.listener = listener;
    },
    take: () => this.pieces.shift(),
    cancel: () => void this.asked.push('cancel source'),
  };

  readonly sink: ByteSink = {
    listen: (failed) => {
      this.failed = failed;
    },
    write: (bytes, done) => this.answer(`write ${Buffer.from(bytes)}`, done),
    end: (done) => this.answer('end', done),
    cancel: () => void this.asked.push('cancel sink'),
  };

  say(text: string): void {
    this.pieces.push(Buffer.from(text));
    this.listener?.readable();
  }

  end(): void {
    this.listener?.ended();
  }

  fail(error: Error): void {
    this.failed(error);
  }

  private answer(what: string, done: (error?: Error) => void): void {
    this.asked.push(what);
    if (this.held === undefined) done();
    else this.held.push(done);
  }
}

type Place = Parameters<typeof nodeStreams.socket>[2];
const place: Place = { host: '192.0.2.1', port: 22, path: undefined };

function open(given: Place = place): {
  readonly ends: Ends;
  readonly stream: SocketStream & Duplex;
  readonly seen: string[];
} {
  const ends = new Ends();
  const stream = nodeStreams.socket(ends.source, ends.sink, given) as SocketStream & Duplex;
  const seen: string[] = [];
  for (const name of ['connect', 'timeout', 'finish', 'end', 'close'] as const) {
    stream.on(name, () => seen.push(name));
  }
  stream.on('error', (error) => seen.push(`error ${error.message}`));
  return { ends, stream, seen };
}

afterEach(() => vi.restoreAllMocks());

describe('a stream that stands for a socket', () => {
  it.each<[Place, readonly unknown[]]>([
    [place, ['192.0.2.1', 22, 'IPv4']],
    [{ host: '2001:db8::1', port: 1, path: undefined }, ['2001:db8::1', 1, 'IPv6']],
    [{ host: 'host.example', port: 1, path: undefined }, ['host.example', 1, undefined]],
    [{ host: undefined, port: undefined, path: '/run/socket' }, ['/run/socket', undefined, undefined]],
  ])('says where it leads: %o', (given, expected) => {
    const { stream } = open(given);
    expect([stream.remoteAddress, stream.remotePort, stream.remoteFamily]).toEqual(expected);
    expect([stream.localAddress, stream.localPort, stream.address()]).toEqual([undefined, undefined, {}]);
    expect([stream.connecting, stream.pending]).toEqual([false, false]);
    expect(stream.setNoDelay().setKeepAlive().ref().unref()).toBe(stream);
  });

  it('counts what it reads and writes', async () => {
    const { ends, stream } = open();
    stream.resume();
    ends.say('abc');
    stream.write('de');
    stream.cork();
    stream.write('fgh');
    stream.write('i');
    stream.uncork();
    await turn();
    expect([stream.bytesRead, stream.bytesWritten]).toEqual([3, 6]);
    // Many small writes become one.
    expect(ends.asked).toEqual(['write de', 'write fghi']);
    ends.end();
    await turn();
    expect(stream.bytesRead).toBe(3);
  });

  it('has the state of its two directions', async () => {
    const states: string[] = [];
    for (const [reads, writes] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]) {
      const { ends, stream } = open();
      stream.resume();
      if (!reads) ends.end();
      if (!writes) stream.end();
      await turn();
      states.push(stream.readyState);
    }
    expect(states).toEqual(['open', 'readOnly', 'writeOnly', 'closed']);
    const { stream } = open();
    stream.destroy();
    expect(stream.readyState).toBe('closed');
  });

  it('is connected when somebody connects it, unless it is gone by then', async () => {
    const { stream, seen } = open();
    let called = 0;
    expect(stream.connect(1, 'h', () => called++)).toBe(stream);
    expect(called).toBe(0);
    await turn();
    expect([called, seen]).toEqual([1, ['connect']]);
    stream.connect();
    await turn();
    // The callback was for the one time.
    expect([called, seen]).toEqual([1, ['connect', 'connect']]);
    const other = open();
    other.stream.connect(() => called++);
    other.stream.destroy();
    await turn();
    expect([called, other.seen]).toEqual([1, ['close']]);
  });

  it('takes no write behind its end, and says so to the callback alone', async () => {
    const { ends, stream, seen } = open();
    stream.end('last');
    await turn();
    const told: unknown[] = [];
    expect(stream.write('late', (error) => told.push(error))).toBe(false);
    expect(stream.write('late', 'utf8', (error) => told.push(error))).toBe(false);
    expect(stream.write('nobody asks')).toBe(false);
    expect(told).toEqual([]);
    await turn();
    const expected = { code: 'ERR_SSH_CHANNEL_CLOSED', origin: 'user' };
    expect(told).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)]);
    expect([seen, ends.asked]).toEqual([['finish'], ['write last', 'end']]);
    // One that is destroyed says what any stream says.
    stream.destroy();
    expect(stream.write('later', () => told.push('destroyed'))).toBe(false);
    await turn();
    expect(told.at(-1)).toBe('destroyed');
  });

  it('is destroyed soon: once what was written and its end are out', async () => {
    const { ends, stream, seen } = open();
    ends.held = [];
    stream.write('text');
    stream.destroySoon();
    await turn();
    expect([seen, ends.asked, stream.destroyed]).toEqual([[], ['write text'], false]);
    ends.held.shift()?.();
    await turn();
    expect([ends.asked, stream.destroyed]).toEqual([['write text', 'end'], false]);
    ends.held.shift()?.();
    await turn();
    expect([seen, stream.destroyed]).toEqual([['finish', 'close'], true]);
    expect(ends.asked.slice(2).sort()).toEqual(['cancel sink', 'cancel source']);
  });

  it('is destroyed soon where it has ended, or is ending, without a second end', async () => {
    const ended = open();
    ended.stream.end();
    await turn();
    ended.stream.destroySoon();
    expect(ended.stream.destroyed).toBe(true);
    const ending = open();
    ending.ends.held = [];
    ending.stream.end();
    await turn();
    ending.stream.destroySoon();
    expect(ending.stream.destroyed).toBe(false);
    ending.ends.held.shift()?.();
    await turn();
    expect([ending.stream.destroyed, ending.seen]).toEqual([true, ['finish', 'close']]);
    for (const { ends, seen } of [ended, ending]) {
      expect(ends.asked.filter((what) => what === 'end')).toHaveLength(1);
      expect(seen.filter((what) => what.startsWith('error'))).toEqual([]);
    }
    const reset = open();
    expect(reset.stream.resetAndDestroy()).toBe(reset.stream);
    expect(reset.stream.destroyed).toBe(true);
  });

  it('breaks with what is left unread, and asks the source for nothing once it is destroyed', async () => {
    const { ends, stream, seen } = open();
    const { take } = ends.source;
    const taking = vi.spyOn(ends.source, 'take').mockImplementation(take);
    stream.resume();
    ends.say('a');
    await turn();
    stream.destroy();
    taking.mockClear();
    ends.say('b');
    ends.end();
    ends.fail(new Error('late'));
    await turn();
    expect(taking).not.toHaveBeenCalled();
    expect(seen).toEqual(['close']);
  });
});

describe('its time-out', () => {
  /** A clock that the test turns, in place of that of the process. */
  const withClock = (): VirtualClock => {
    const clock = new VirtualClock();
    vi.spyOn(nodeClock, 'now').mockImplementation(() => clock.now());
    vi.spyOn(nodeClock, 'schedule').mockImplementation((at, sleeper) => clock.schedule(at, sleeper));
    return clock;
  };
  const pass = (clock: VirtualClock, milliseconds: number): Promise<unknown> =>
    clock.run({ until: clock.now() + milliseconds });

  it('is told after so long without a byte, again and again, and ends nothing', async () => {
    const clock = withClock();
    const { ends, stream, seen } = open();
    let called = 0;
    expect(stream.setTimeout(100, () => called++)).toBe(stream);
    await pass(clock, 99);
    expect(seen).toEqual([]);
    await pass(clock, 1);
    expect([seen, called]).toEqual([['timeout'], 1]);
    await pass(clock, 100);
    // The callback was for the first.
    expect([seen, called]).toEqual([['timeout', 'timeout'], 1]);
    stream.resume();
    for (const step of [() => ends.say('x'), () => stream.write('y')]) {
      await pass(clock, 60);
      step();
      await pass(clock, 30);
    }
    // 180 after the last time, 30 after the last byte.
    await pass(clock, 69);
    expect(seen).toHaveLength(2);
    await pass(clock, 1);
    expect(seen).toHaveLength(3);
    expect(stream.destroyed).toBe(false);
  });

  it('is moved and taken away by another, and goes with the stream', async () => {
    const clock = withClock();
    const { stream, seen } = open();
    let called = 0;
    const callback = (): void => void called++;
    stream.setTimeout(100);
    await pass(clock, 50);
    stream.setTimeout(100, callback);
    await pass(clock, 99);
    expect(seen).toEqual([]);
    for (const off of [0, -1]) {
      stream.setTimeout(off, callback);
      await pass(clock, 500);
      expect([seen, called]).toEqual([[], 0]);
      stream.setTimeout(100);
    }
    stream.destroy();
    await pass(clock, 500);
    expect(seen).toEqual(['close']);
    stream.setTimeout(100);
    await pass(clock, 500);
    expect(seen).toEqual(['close']);
  });

  it('that is taken away by its own listener is not told again', async () => {
    const clock = withClock();
    const { stream, seen } = open();
    stream.setTimeout(100);
    stream.once('timeout', () => stream.setTimeout(0));
    await pass(clock, 1000);
    expect(seen).toEqual(['timeout']);
  });
});

describe('other streams', () => {
  it('are none of a socket: a write behind the end of a plain duplex is an error', async () => {
    const ends = new Ends();
    const stream = nodeStreams.duplex(ends.source, ends.sink);
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.end();
    stream.write('late');
    await turn();
    expect(errors.map((error) => Reflect.get(error, 'code'))).toEqual(['ERR_STREAM_WRITE_AFTER_END']);
  });

  it('that only write take bytes, and break with their sink', async () => {
    const ends = new Ends();
    const stream = nodeStreams.writable(ends.sink);
    const errors: string[] = [];
    stream.on('error', (error) => errors.push(error.message));
    expect(stream).toBeInstanceOf(Writable);
    stream.write('text');
    ends.fail(new Error('broken'));
    await turn();
    expect([ends.asked, errors, stream.destroyed]).toEqual([['write text', 'cancel sink'], ['broken'], true]);
  });
});
