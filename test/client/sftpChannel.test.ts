/** A channel as SFTP holds it: writes in parts, what the server says beside, and the end. */
import { describe, expect, it } from 'vitest';
import { utf8Decode } from '../../src/base/bytes.ts';
import { PortSftpChannel } from '../../src/client/files/sftpChannel.ts';
import type { Session } from '../../src/client/session.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { SourceListener } from '../../src/endpoint/streams.ts';

/** A stream that the test says something on. */
class Said {
  readonly pieces: Uint8Array[] = [];
  listener: SourceListener | undefined;

  listen(listener: SourceListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.pieces.shift();
  }

  say(text: string): void {
    this.pieces.push(Buffer.from(text));
    this.listener?.readable();
  }
}

function scene() {
  const [data, extended] = [new Said(), new Said()];
  const written: string[] = [];
  const pending: ((error?: Error) => void)[] = [];
  const terminated: unknown[] = [];
  let sinkFailed: (error: Error) => void = () => {};
  const port = {
    channel: { localId: 3 },
    data,
    extended,
    outbound: {
      write: (bytes: Uint8Array, done: (error?: Error) => void) => {
        written.push(utf8Decode(bytes));
        pending.push(done);
      },
      listen: (failed: (error: Error) => void) => {
        sinkFailed = failed;
      },
    },
    terminate: (by: unknown) => terminated.push(by),
    closed: Promise.resolve(undefined),
  };
  const waits: unknown[][] = [];
  const session = {
    isGivenUp: false,
    core: { transport: { remote: { text: 'SSH-2.0-x' } } },
    startWait: (...given: unknown[]) => void waits.push(given.slice(0, 3)),
    scope: (given: unknown) => given,
  };
  const channel = new PortSftpChannel({
    session: session as unknown as Session,
    port: port as unknown as ChannelPort,
    host: 'server',
    now: () => 5,
    pause: () => Promise.resolve(),
    timeouts: { request: 11, close: 22 },
  });
  return { channel, data, extended, written, pending, terminated, waits, fail: () => sinkFailed };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('what SFTP writes', () => {
  it('goes in its order, and is told of once, with its last part', () => {
    const { channel, written, pending } = scene();
    const told: unknown[] = [];
    channel.write([bytes('a'), bytes('b'), bytes('c')], (error) => told.push(error));
    expect(written).toEqual(['a', 'b', 'c']);
    pending[0]?.();
    pending[1]?.();
    expect(told).toEqual([]);
    const fault = new Error('broken');
    pending[2]?.(fault);
    expect(told).toEqual([fault]);
  });

  it('is done at once where it is nothing', () => {
    const { channel, written } = scene();
    const told: unknown[] = [];
    channel.write([], (error) => told.push(error));
    expect([written, told]).toEqual([[], [undefined]]);
  });
});

describe('what the server says', () => {
  it('beside its answers is kept up to 512 bytes, for an error', () => {
    const { channel, extended } = scene();
    expect(channel.errorOutput()).toHaveLength(0);
    extended.say('no such ');
    extended.say('program');
    expect(utf8Decode(channel.errorOutput())).toBe('no such program');
    for (const length of [490, 5, 5000, 1]) extended.say('x'.repeat(length));
    expect(channel.errorOutput()).toHaveLength(512);
    expect(utf8Decode(channel.errorOutput())).toBe(`no such program${'x'.repeat(497)}`);
    // All of it is taken: what nobody takes would fill the window.
    expect(extended.pieces).toEqual([]);
  });

  it('and every fault of either direction reaches its listener', () => {
    const { channel, data, fail } = scene();
    const heard: unknown[] = [];
    channel.listen({
      readable: () => heard.push('readable'),
      ended: () => heard.push('ended'),
      failed: (error) => heard.push(error),
    });
    data.say('answer');
    expect(utf8Decode(channel.take() ?? bytes(''))).toBe('answer');
    const faults = ['failed', 'aborted', 'sink'].map((name) => new Error(name)) as [Error, Error, Error];
    data.listener?.failed(faults[0]);
    data.listener?.aborted(faults[1]);
    fail()(faults[2]);
    data.listener?.ended();
    expect(heard).toEqual(['readable', ...faults, 'ended']);
  });
});

it('waits have the name of their channel and the time of their kind; a call is bounded by what it is given', () => {
  const { channel, waits, terminated } = scene();
  channel.startWait('an answer', () => {});
  channel.startCloseWait('the end', () => {});
  expect(waits).toEqual([
    ['request', 'an answer on channel 3', 11],
    ['close', 'the end on channel 3', 22],
  ]);
  const { signal } = new AbortController();
  expect(channel.bounds('a file', { signal })).toEqual({
    name: 'request',
    detail: 'a file',
    timeout: Number.POSITIVE_INFINITY,
    signal,
  });
  expect(channel.bounds('a file', { timeout: 3 })).toMatchObject({ timeout: 3 });
  expect(() => channel.bounds('a file', { timeout: 0 })).toThrow('timeout must be a positive number');
  channel.close();
  expect(terminated).toEqual(['end of input']);
});
