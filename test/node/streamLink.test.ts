/** A link over a stream: what it reports and when, what it takes, and how it ends. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Link, LinkReceiver } from '../../src/io/link.ts';
import { canMarkPackets, localLink, streamLink, tcpLink } from '../../src/node/socketLink.ts';

/** Notes what a link reports, in words. */
function receiver() {
  const told: string[] = [];
  const chunks: Uint8Array[] = [];
  const noted: LinkReceiver = {
    connected: () => void told.push('connected'),
    received: (chunk) => {
      chunks.push(chunk);
      told.push(`received ${chunk.length}`);
    },
    lent: (chunk) => {
      chunks.push(chunk.slice());
      told.push(`lent ${chunk.length}`);
    },
    ended: (error) => void told.push(error === undefined ? 'ended' : `failed: ${error.message}`),
    written: () => void told.push('written'),
    closed: () => void told.push('closed'),
  };
  return { told, chunks, noted };
}

/** A stream whose writes are passed on when the test says so. */
class SlowStream extends Duplex {
  readonly passes: ((error?: Error | null) => void)[] = [];
  corks = 0;
  uncorks = 0;

  constructor() {
    super({ emitClose: false, autoDestroy: false });
  }

  override cork(): void {
    this.corks++;
    super.cork();
  }

  override uncork(): void {
    this.uncorks++;
    super.uncork();
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: (error?: Error | null) => void): void {
    this.passes.push(done);
  }
}

function linked(stream: Duplex = new SlowStream()) {
  const { told, chunks, noted } = receiver();
  const link: Link = streamLink(stream)(noted);
  return { stream: stream as SlowStream, link, told, chunks };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = (length: number): Uint8Array => new Uint8Array(length);

describe('a link over a stream of the caller', () => {
  it('is up at once, and reports nothing from within a call', async () => {
    const { told, stream, link } = linked();
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(['connected']);
    stream.write = () => {
      throw new Error('not now');
    };
    link.write(bytes(1));
    expect(told).toEqual(['connected']);
    await turn();
    expect(told).toEqual(['connected', 'failed: not now']);
  });

  it('hands on what comes as plain bytes, its end and its faults', async () => {
    const { told, chunks, stream } = linked();
    stream.push(Buffer.from([1, 2, 3]));
    await turn();
    expect(told).toEqual(['connected', 'received 3']);
    expect([Buffer.isBuffer(chunks[0]), chunks[0]]).toEqual([false, Uint8Array.of(1, 2, 3)]);
    stream.push(null);
    await turn();
    expect(told.at(-1)).toBe('ended');
    stream.emit('error', new Error('broken'));
    expect(told.at(-1)).toBe('failed: broken');
    stream.emit('close');
    expect(told.at(-1)).toBe('closed');
    const { length } = told;
    // A stream may report more behind its end.
    stream.emit('close');
    stream.emit('error', new Error('again'));
    stream.emit('data', Buffer.from([1]));
    expect(told).toHaveLength(length);
  });

  it('counts what is not passed on, and asks to wait from 256 KiB on', async () => {
    const { told, stream, link } = linked();
    expect([link.write(bytes(256 * 1024 - 1)), link.unsentBytes()]).toEqual([true, 256 * 1024 - 1]);
    expect([link.write(bytes(1)), link.unsentBytes(), link.writeBacklog()]).toEqual([
      false,
      256 * 1024,
      256 * 1024,
    ]);
    await turn();
    stream.passes.shift()?.();
    await turn();
    expect([link.unsentBytes(), told.filter((what) => what === 'written')]).toEqual([1, ['written']]);
    stream.passes.shift()?.();
    await turn();
    expect(link.unsentBytes()).toBe(0);
  });

  it('gathers all writes of a turn', async () => {
    const { stream, link } = linked();
    link.write(bytes(1));
    link.write(bytes(1));
    expect([stream.corks, stream.uncorks, stream.passes.length]).toEqual([1, 0, 0]);
    await turn();
    expect([stream.corks, stream.uncorks, stream.passes.length]).toEqual([1, 1, 1]);
    link.write(bytes(1));
    expect(stream.corks).toBe(2);
  });

  it('takes nothing once it has ended, or is destroyed', async () => {
    const ended = linked();
    ended.link.end();
    ended.link.end();
    expect(ended.stream.writableEnded).toBe(true);
    expect([ended.link.write(bytes(1)), ended.link.unsentBytes()]).toEqual([false, 0]);
    const destroyed = linked();
    destroyed.link.destroy();
    expect([destroyed.link.write(bytes(1)), destroyed.link.unsentBytes()]).toEqual([false, 0]);
    await turn();
    expect(ended.told).not.toContain('failed: write after end');
  });

  it('says that it is closed once it is destroyed, though its stream does not', async () => {
    const { told, link, stream } = linked();
    await turn();
    link.destroy();
    expect([told, stream.destroyed]).toEqual([['connected'], true]);
    await turn();
    expect(told).toEqual(['connected', 'closed']);
    link.destroy();
    await turn();
    expect(told).toEqual(['connected', 'closed']);
  });

  it('lets go out what was written in the turn in which it is destroyed', () => {
    const { link, stream } = linked();
    link.write(bytes(1));
    link.destroy();
    expect(stream.uncorks).toBe(1);
    expect(stream.passes).toHaveLength(1);
  });

  it.each(['write', 'uncork', 'end', 'destroy'] as const)(
    'is broken where `%s` of its stream throws',
    async (name) => {
      for (const thrown of [new Error('not ours'), 'not ours']) {
        const { told, link, stream } = linked();
        await turn();
        Object.defineProperty(stream, name, {
          value: () => {
            throw thrown;
          },
        });
        if (name === 'write' || name === 'uncork') link.write(bytes(1));
        else link[name]();
        await turn();
        expect(told.slice(1, 2)).toEqual(['failed: not ours']);
      }
    },
  );

  it('has no addresses', () => {
    expect(linked().link.addresses()).toEqual({
      localAddress: undefined,
      localPort: undefined,
      remoteAddress: undefined,
      remotePort: undefined,
    });
  });
});

describe('a link over a socket', () => {
  let server: Server | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    server = undefined;
  });
  /** A server, and the socket of the next connection to it. */
  async function listening(): Promise<{ readonly port: number; readonly accepted: Promise<Socket> }> {
    const made = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    server = made;
    const accepted = once(made, 'connection').then(([socket]) => socket as Socket);
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    const address = made.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0, accepted };
  }

  it('that is still connecting is up when it is connected, and sends small packets at once', async () => {
    const { port } = await listening();
    const socket = dial({ host: '127.0.0.1', port });
    sockets.push(socket);
    const delays: unknown[] = [];
    socket.setNoDelay = (noDelay) => {
      delays.push(noDelay);
      return socket;
    };
    const { told, noted } = receiver();
    const link = streamLink(socket)(noted);
    await Promise.resolve();
    expect([told, delays]).toEqual([[], [true]]);
    await once(socket, 'connect');
    expect(told).toEqual(['connected']);
    const { localPort } = socket;
    const known = { localAddress: '127.0.0.1', localPort, remoteAddress: '127.0.0.1', remotePort: port };
    expect(link.addresses()).toEqual(known);
    link.destroy();
    await expect.poll(() => told.at(-1)).toBe('closed');
    // Where it led stays known.
    expect(link.addresses()).toEqual(known);
  });

  it('lends long reads and copies short ones', async () => {
    const { port, accepted } = await listening();
    const { told, chunks, noted } = receiver();
    let link: Link | undefined;
    const connected = (made?: Link): void => {
      link = made;
      told.push('connected');
    };
    tcpLink({ host: '127.0.0.1', port })({ ...noted, connected });
    const peer = await accepted;
    await expect.poll(() => told).toContain('connected');
    peer.write(Buffer.alloc(100, 7));
    await expect.poll(() => told).toContain('received 100');
    peer.write(Buffer.alloc(1024 * 1024, 8));
    await expect.poll(() => chunks.reduce((sum, { length }) => sum + length, 0)).toBe(1024 * 1024 + 100);
    for (const what of told) {
      const [kind, length] = what.split(' ');
      if (kind === 'lent') expect(Number(length)).toBeGreaterThanOrEqual(16 * 1024);
      if (kind === 'received') expect(Number(length)).toBeLessThan(16 * 1024);
    }
    expect(told.some((what) => what.startsWith('lent'))).toBe(true);
    expect(chunks.every((chunk) => chunk.every((byte) => byte === (chunk.length === 100 ? 7 : 8)))).toBe(
      true,
    );
    link?.destroy();
    await expect.poll(() => told.at(-1)).toBe('closed');
  });

  it('to a path that nobody listens at fails', async () => {
    const { told, noted } = receiver();
    localLink('/no/such/socket')(noted);
    await expect.poll(() => told.at(-1)).toBe('closed');
    expect(told[0]).toMatch(/^failed: .*ENOENT/);
    expect(told).not.toContain('connected');
  });
});

describe('a TCP target', () => {
  it('has a local address that is one, of the family that is asked for', () => {
    const open = (options: object): unknown =>
      tcpLink({ host: '127.0.0.1', port: 9, ...options })(receiver().noted);
    expect(() => open({ localAddress: 'here' })).toThrow('localAddress must be an address, not "here"');
    expect(() => open({ localAddress: '127.0.0.1', family: 6 })).toThrow(
      'localAddress 127.0.0.1 is an IPv4 address, and family asks for IPv6',
    );
    expect(() => open({ localAddress: '::1', family: 4 })).toThrow(
      'localAddress ::1 is an IPv6 address, and family asks for IPv4',
    );
  });

  it('can be marked where the runtime has it', () => {
    expect(canMarkPackets()).toBe('setTypeOfService' in Socket.prototype);
  });
});
