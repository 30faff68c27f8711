/** A link over a channel of a hop: bytes in their order, one end, and what becomes of the hop. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import { channelLink } from '../../src/client/dial/channelLink.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { SourceListener } from '../../src/endpoint/streams.ts';
import type { Link } from '../../src/io/link.ts';

type Done = (error?: Error) => void;

/** A hop whose channels open and move when the test says so. */
class Hop {
  readonly heard: unknown[] = [];
  readonly link: Link;
  /** What was done to the client of the hop, and to the channel. */
  readonly done: string[] = [];
  readonly written: Uint8Array[] = [];
  readonly writing: Done[] = [];
  readonly came: Uint8Array[] = [];
  asked: unknown;
  signal: AbortSignal | undefined;
  source: SourceListener | undefined;
  sinkFailed: (error: Error) => void = () => {};
  private open: (port: ChannelPort) => void = () => {};
  private refuse: (error: unknown) => void = () => {};
  private channelClosed: () => void = () => {};
  private clientClosed: () => void = () => {};

  constructor(isOwned: boolean) {
    const client = {
      openPort: (place: unknown, { signal }: { readonly signal: AbortSignal }) => {
        this.asked = place;
        this.signal = signal;
        return new Promise<ChannelPort>((resolve, reject) => {
          this.open = resolve;
          this.refuse = reject;
        });
      },
      inspect: () => ({ target: 'bastion:22' }),
      close: async () => void this.done.push('client closed'),
      destroy: () => this.done.push('client destroyed'),
      closed: new Promise<void>((resolve) => {
        this.clientClosed = resolve;
      }),
    };
    const { heard } = this;
    this.link = channelLink(
      { client: client as unknown as Client, isOwned },
      'target',
      22,
    )({
      connected: () => heard.push('connected'),
      received: (bytes) => heard.push(bytes),
      lent: (bytes) => heard.push(['lent', bytes]),
      ended: (error) => heard.push(['ended', error]),
      written: () => heard.push('written'),
      closed: () => heard.push('closed'),
    });
  }

  async opens(): Promise<void> {
    const port = {
      channel: { pendingBytes: 77 },
      data: {
        take: () => this.came.shift(),
        listen: (listener: SourceListener) => {
          this.source = listener;
        },
      },
      extended: { cancel: () => this.done.push('errors cancelled') },
      outbound: {
        listen: (failed: (error: Error) => void) => {
          this.sinkFailed = failed;
        },
        write: (bytes: Uint8Array, done: Done) => {
          this.written.push(bytes);
          this.writing.push(done);
        },
        end: () => this.done.push('output ended'),
      },
      close: () => this.done.push('channel closed'),
      closed: new Promise<void>((resolve) => {
        this.channelClosed = resolve;
      }),
    };
    this.open(port as unknown as ChannelPort);
    await soon();
  }

  async refuses(error: unknown): Promise<void> {
    this.refuse(error);
    await soon();
  }

  async channelEnds(): Promise<void> {
    this.channelClosed();
    await soon();
  }

  async clientEnds(): Promise<void> {
    this.clientClosed();
    await soon();
  }
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const some = (length: number): Uint8Array => new Uint8Array(length).fill(length & 255);

describe('bytes', () => {
  it('go in their order, one write at a time, those from before the channel was open first', async () => {
    const hop = new Hop(false);
    expect(hop.asked).toEqual({ host: 'target', port: 22 });
    const pieces = [some(1), some(2), some(3)];
    expect(pieces.slice(0, 2).map((bytes) => hop.link.write(bytes))).toEqual([true, true]);
    expect([hop.link.unsentBytes(), hop.link.writeBacklog(), hop.written]).toEqual([3, 3, []]);
    await hop.opens();
    hop.link.write(some(3));
    expect([hop.written.length, hop.link.writeBacklog()]).toEqual([1, 77]);
    hop.writing[0]?.();
    expect([hop.written.length, hop.link.unsentBytes()]).toEqual([2, 5]);
    hop.writing[1]?.();
    hop.writing[2]?.();
    expect([hop.written, hop.link.unsentBytes()]).toEqual([pieces, 0]);
    expect(hop.heard).toEqual(['connected', 'written', 'written', 'written']);
  });

  it('are as many as 256 KiB ahead of the channel, and the writer waits then', async () => {
    const hop = new Hop(false);
    await hop.opens();
    expect(hop.link.write(some(256 * 1024 - 1))).toBe(true);
    expect(hop.link.write(some(1))).toBe(false);
    hop.writing[0]?.();
    expect(hop.link.write(some(1))).toBe(true);
  });

  it('that come are handed on, with what came ahead of the end', async () => {
    const hop = new Hop(false);
    await hop.opens();
    expect(hop.done).toEqual(['errors cancelled']);
    hop.came.push(some(1), some(2));
    hop.source?.readable();
    hop.came.push(some(3));
    hop.source?.ended();
    expect(hop.heard).toEqual(['connected', some(1), some(2), some(3), ['ended', undefined]]);
    const faults = ['failed', 'aborted', 'sink'].map((name) => new Error(name)) as [Error, Error, Error];
    hop.source?.failed(faults[0]);
    hop.source?.aborted(faults[1]);
    hop.sinkFailed(faults[2]);
    expect(hop.heard.slice(5)).toEqual(faults.map((fault) => ['ended', fault]));
  });

  it('end behind what was written, and none follow', async () => {
    const hop = new Hop(false);
    await hop.opens();
    hop.link.write(some(1));
    hop.link.end();
    expect([hop.link.write(some(2)), hop.done.includes('output ended')]).toEqual([false, false]);
    hop.writing[0]?.();
    expect([hop.written.length, hop.done.includes('output ended')]).toEqual([1, true]);
  });

  it('are told of no more where their write failed, or the link is over', async () => {
    const hop = new Hop(false);
    await hop.opens();
    hop.link.write(some(1));
    hop.link.write(some(2));
    hop.writing[0]?.(new Error('broken'));
    expect([hop.written.length, hop.heard]).toEqual([1, ['connected']]);
    const over = new Hop(false);
    await over.opens();
    over.link.write(some(1));
    over.link.destroy();
    over.writing[0]?.();
    expect([over.link.write(some(1)), over.heard]).toEqual([false, ['connected']]);
  });
});

describe('the end of the link', () => {
  it('gives up a channel that is being opened, and closes one that opens all the same', async () => {
    const hop = new Hop(false);
    hop.link.destroy();
    expect(hop.signal?.aborted).toBe(true);
    expect(hop.signal?.reason).toMatchObject({ code: 'ERR_SSH_CLOSED', origin: 'user' });
    await hop.opens();
    expect([hop.done, hop.heard]).toEqual([['channel closed'], ['closed']]);
  });

  it('is told once, and never from within a call', async () => {
    const hop = new Hop(false);
    await hop.opens();
    hop.link.destroy();
    hop.link.destroy();
    expect(hop.heard).toEqual(['connected']);
    await hop.channelEnds();
    expect(hop.heard).toEqual(['connected', 'closed']);
    expect(hop.done.filter((what) => what.startsWith('client'))).toEqual([]);
  });

  it.each([
    [true, 'client closed'],
    [false, 'client destroyed'],
  ])(
    'takes a hop along that was dialled for it (ended in order: %s), and is over when that is',
    async (inOrder, what) => {
      const hop = new Hop(true);
      await hop.opens();
      if (inOrder) hop.link.end();
      await hop.channelEnds();
      expect(hop.done.filter((each) => each.startsWith('client'))).toEqual([what]);
      expect(hop.heard).toEqual(['connected']);
      await hop.clientEnds();
      expect(hop.heard).toEqual(['connected', 'closed']);
    },
  );

  it('comes with the hop’s error where no channel opens, in words that name the hop', async () => {
    const hop = new Hop(false);
    const refused = new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', 'it is refused', {
      origin: 'peer',
      channelOpenReason: 1,
    });
    await hop.refuses(refused);
    expect(hop.heard).toEqual([
      [
        'ended',
        expect.objectContaining({
          code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
          message: 'no connection through bastion:22: it is refused',
          phase: 'connect',
          origin: 'peer',
          channelOpenReason: 1,
        }),
      ],
      'closed',
    ]);
    // What a refused channel has to say is in the message.
    expect((hop.heard[0] as [string, Error])[1].cause).toBeUndefined();
    const late = new Hop(false);
    const cause = new SshError('ERR_SSH_TIMEOUT', 'too late', { waitingFor: 'channelOpen', deadline: 5 });
    await late.refuses(cause);
    expect(late.heard[0]).toEqual([
      'ended',
      expect.objectContaining({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'channelOpen', deadline: 5, cause }),
    ]);
    const own = new Hop(false);
    const fault = new TypeError('a fault');
    await own.refuses(fault);
    expect(own.heard[0]).toEqual(['ended', fault]);
    const odd = new Hop(false);
    await odd.refuses('a text');
    expect(odd.heard[0]).toEqual(['ended', new Error('a text')]);
  });
});

it('has the address that was asked for', () => {
  expect(new Hop(false).link.addresses()).toEqual({
    localAddress: undefined,
    localPort: undefined,
    remoteAddress: 'target',
    remotePort: 22,
  });
});
