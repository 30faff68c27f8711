/**
 * Listening on a server, and to whom a connection that it forwards belongs
 * (RFC 4254 §7.1, §7.2; OpenSSH PROTOCOL §2.4).
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ChannelAcceptor } from '../../src/endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { ForwardingHost } from '../../src/forwarding/host.ts';
import { type ArrivedConnection, RemoteListeners } from '../../src/forwarding/remoteListeners.ts';
import { forwardedStreamlocal, forwardedTcpip } from '../../src/message/channel.ts';
import {
  cancelStreamlocalForward,
  cancelTcpipForward,
  streamlocalForward,
  tcpipForward,
  tcpipForwardReply,
} from '../../src/message/globalRequest.ts';

/** A server that answers when it is told to, and the channels that it opens. */
class FakeServer {
  readonly asked: { readonly name: string; readonly payload: Uint8Array }[] = [];
  readonly answers: ((answer: Uint8Array | SshError | undefined) => void)[] = [];
  readonly said: string[] = [];
  private readonly acceptors = new Map<string, ChannelAcceptor>();

  get host(): ForwardingHost {
    return {
      isLive: true,
      acceptors: {
        onChannel: (type: string, acceptor: ChannelAcceptor) => {
          this.acceptors.set(type, acceptor);
          return () => this.acceptors.delete(type);
        },
      },
      globalRequest: (name: string, payload: Uint8Array) => {
        this.asked.push({ name, payload });
        return new Promise<Uint8Array | undefined>((resolve, reject) =>
          this.answers.push((answer) => (answer instanceof SshError ? reject(answer) : resolve(answer))),
        );
      },
      onEnd: () => () => {},
    } as unknown as ForwardingHost;
  }

  get types(): readonly string[] {
    return [...this.acceptors.keys()];
  }

  async answer(answer: Uint8Array | SshError | undefined): Promise<void> {
    this.answers.shift()?.(answer);
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }

  opens(addressThatWasConnected: string, portThatWasConnected: number): void {
    const data = forwardedTcpip.toBytes({
      addressThatWasConnected,
      portThatWasConnected,
      originatorIpAddress: '192.0.2.1',
      originatorPort: 4711,
    });
    this.open(forwardedTcpip.name, data, `${addressThatWasConnected}:${portThatWasConnected}`);
  }

  opensPath(socketPath: string): void {
    this.open(
      forwardedStreamlocal.name,
      forwardedStreamlocal.toBytes({ socketPath, reserved: '' }),
      socketPath,
    );
  }

  private open(type: string, data: Uint8Array, what: string): void {
    const refuse = (): void => void this.said.push(`${what} refused`);
    const acceptor = this.acceptors.get(type);
    if (acceptor === undefined) return refuse();
    acceptor({ type, data, isOpen: true, accept: () => ({ what }) as unknown as ChannelPort, refuse });
  }
}

const bound = (port: number): Uint8Array => tcpipForwardReply.toBytes({ portThatWasBound: port });
const granted = new Uint8Array(0);

/** A server with a listener on each of these places, granted in their order; port 0 becomes 4000 and on. */
async function standing(...places: readonly { readonly host?: string; readonly port: number }[]) {
  const server = new FakeServer();
  const listeners = new RemoteListeners(server.host);
  const came: string[] = [];
  const made = places.map((place, i) =>
    listeners.listen(place, ({ peer }: ArrivedConnection) =>
      came.push(`${i} from ${peer.address}:${peer.port}`),
    ),
  );
  for (const [i, { port }] of places.entries()) await server.answer(port === 0 ? bound(4000 + i) : granted);
  return { server, listeners, came, made: await Promise.all(made) };
}

describe('a listener on a server', () => {
  it('RFC 4254 §7.1: for port 0 stands on the port of the answer, with its route there before the request goes out', async () => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const came: ArrivedConnection[] = [];
    const listening = listeners.listen({ host: 'localhost', port: 0 }, (arrived) => came.push(arrived));
    expect(server.types).toEqual([forwardedTcpip.name, forwardedStreamlocal.name]);
    expect(tcpipForward.fromBytes(server.asked[0]?.payload ?? granted)).toEqual({
      addressToBind: 'localhost',
      portNumberToBind: 0,
    });
    // The server listens before it answers: what comes meanwhile waits for the answer.
    server.opens('localhost', 40_001);
    expect([came.length, server.said]).toEqual([0, []]);
    await server.answer(bound(40_001));
    expect((await listening).place).toEqual({ host: 'localhost', port: 40_001 });
    expect(came.map(({ peer }) => peer)).toEqual([{ address: '192.0.2.1', port: 4711 }]);
  });

  it.each([
    ['*', ''],
    ['', ''],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['localhost', 'localhost'],
    ['192.0.2.7', '192.0.2.7'],
  ])('asks for %j as %j', async (host, addressToBind) => {
    const { server } = await standing({ host, port: 8080 });
    expect(tcpipForward.fromBytes(server.asked[0]?.payload ?? granted)).toEqual({
      addressToBind,
      portNumberToBind: 8080,
    });
  });

  it('that the server refuses is an error that names it, and leaves no route', async () => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const listening = listeners.listen({ host: 'localhost', port: 80 }, () => {});
    listening.catch(() => {});
    // What comes before the answer has one as well.
    server.opens('localhost', 80);
    expect(server.said).toEqual([]);
    await server.answer(undefined);
    await expect(listening).rejects.toMatchObject({
      code: 'ERR_SSH_FORWARD',
      message: expect.stringContaining('localhost:80'),
    });
    expect(server.said).toEqual(['localhost:80 refused']);
    server.opens('localhost', 80);
    expect(server.said).toEqual(['localhost:80 refused', 'localhost:80 refused']);
    expect(server.types).toEqual([]);
  });

  it('class: refuses what was never asked for, and what was cancelled', async () => {
    const { server, made, came } = await standing({ host: 'localhost', port: 8080 });
    server.opens('localhost', 8081);
    expect(server.said).toEqual(['localhost:8081 refused']);
    const cancelled = made[0]?.cancel();
    server.opens('localhost', 8080);
    expect(server.said).toEqual(['localhost:8081 refused', 'localhost:8080 refused']);
    expect(cancelTcpipForward.fromBytes(server.asked[1]?.payload ?? granted)).toEqual({
      addressToBind: 'localhost',
      portNumberToBind: 8080,
    });
    await server.answer(granted);
    await cancelled;
    expect([came, server.types]).toEqual([[], []]);
  });

  it.each([
    ['localhost', '127.0.0.1'],
    ['localhost', '::1'],
    ['127.0.0.1', 'localhost'],
    ['', '0.0.0.0'],
    ['*', '::'],
    ['::', ''],
    ['db.example', '192.0.2.9'],
  ])('ssh2#377, ssh2#470: one on %j takes what the server calls %j', async (host, told) => {
    const { server, came } = await standing({ host, port: 8080 });
    server.opens(told, 8080);
    expect([came, server.said]).toEqual([['0 from 192.0.2.1:4711'], []]);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['0', bound(0)],
    ['more than there are', bound(65_536)],
  ])('lsh: on port 0 is an error where the server says no port: %s', async (_what, answer) => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const listening = listeners.listen({ host: 'localhost', port: 0 }, () => {});
    listening.catch(() => {});
    await server.answer(answer);
    await expect(listening).rejects.toMatchObject({
      code: 'ERR_SSH_FORWARD',
      message: expect.stringContaining('ask for a port by its number'),
    });
    server.opens('localhost', 0);
    expect(server.said).toEqual(['localhost:0 refused']);
  });

  it('asyncssh 2.10: one on port 0 takes what the server says came to port 0, where that can mean no other', async () => {
    const { server, came } = await standing(
      { host: 'localhost', port: 0 },
      { host: 'localhost', port: 8080 },
    );
    server.opens('localhost', 0);
    server.opens('127.0.0.1', 0);
    server.opens('192.0.2.7', 0);
    server.opens('localhost', 4000);
    expect(came).toHaveLength(4);
    expect(came.every((line) => line.startsWith('0 '))).toBe(true);
    const two = await standing({ host: 'localhost', port: 0 }, { host: '192.0.2.7', port: 0 });
    two.server.opens('192.0.2.7', 0);
    two.server.opens('::1', 0);
    two.server.opens('192.0.2.8', 0);
    expect(two.came.map((line) => line[0])).toEqual(['1', '0']);
    expect(two.server.said).toEqual(['192.0.2.8:0 refused']);
    const same = await standing({ host: 'localhost', port: 0 }, { host: 'localhost', port: 0 });
    same.server.opens('localhost', 0);
    same.server.opens('localhost', 4001);
    expect([same.came.map((line) => line[0]), same.server.said]).toEqual([['1'], ['localhost:0 refused']]);
    const none = await standing({ host: 'localhost', port: 8080 });
    none.server.opens('localhost', 0);
    expect(none.server.said).toEqual(['localhost:0 refused']);
  });

  it('of two on one port gets what is meant for it', async () => {
    const { server, came } = await standing({ host: '192.0.2.1', port: 80 }, { host: '192.0.2.2', port: 80 });
    server.opens('192.0.2.2', 80);
    server.opens('192.0.2.1', 80);
    server.opens('192.0.2.3', 80);
    expect(came.map((line) => line[0])).toEqual(['1', '0']);
    expect(server.said).toEqual(['192.0.2.3:80 refused']);
  });

  it.each([
    [{ port: 1000 }, 'localhost'],
    [{ path: '/run/a' }, undefined],
  ])('asks and cancels by the same words, and says what is refused: %j', async (place, host) => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const refusedOne = listeners.listen(place, () => {});
    refusedOne.catch(() => {});
    await server.answer(undefined);
    await expect(refusedOne).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD', origin: 'peer' });
    const listening = listeners.listen(place, () => {});
    await server.answer(granted);
    const cancelled = (await listening).cancel();
    await server.answer(granted);
    await cancelled;
    const [, asked, taken] = server.asked;
    if (asked === undefined || taken === undefined) throw new Error('nothing was asked');
    if (host === undefined) {
      expect([asked.name, taken.name]).toEqual([streamlocalForward.name, cancelStreamlocalForward.name]);
      expect(streamlocalForward.fromBytes(asked.payload)).toEqual({ socketPath: '/run/a' });
      expect(cancelStreamlocalForward.fromBytes(taken.payload)).toEqual({ socketPath: '/run/a' });
    } else {
      const words = { addressToBind: host, portNumberToBind: 1000 };
      expect([asked.name, taken.name]).toEqual([tcpipForward.name, cancelTcpipForward.name]);
      expect(tcpipForward.fromBytes(asked.payload)).toEqual(words);
      expect(cancelTcpipForward.fromBytes(taken.payload)).toEqual(words);
    }
    expect(server.types).toEqual([]);
  });

  it('on a unix socket is found by its path', async () => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    let came = 0;
    const listening = listeners.listen({ path: '/run/a' }, () => came++);
    expect(streamlocalForward.fromBytes(server.asked[0]?.payload ?? granted)).toEqual({
      socketPath: '/run/a',
    });
    await server.answer(granted);
    await listening;
    server.opensPath('/run/a');
    server.opensPath('/run/b');
    expect([came, server.said]).toEqual([1, ['/run/b refused']]);
  });

  it.each([{ port: 0 }, { host: 'localhost', port: 1000 }, { path: '/run/a' }])(
    'that never gets an answer holds a bounded number of channels: %j',
    async (place) => {
      const server = new FakeServer();
      const listeners = new RemoteListeners(server.host);
      let came = 0;
      listeners.listen(place, () => came++).catch(() => {});
      for (let i = 0; i < 100; i++) {
        if ('path' in place) server.opensPath('/run/a');
        else server.opens('localhost', 1000);
      }
      expect([came, server.said.length]).toEqual([0, 36]);
      await server.answer(place.port === 0 ? bound(1000) : granted);
      expect([came, server.said.length]).toEqual([64, 36]);
    },
  );

  it('that is granted too late is taken back, where it is known which one that is', async () => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const late = new SshError('ERR_SSH_TIMEOUT', 'no answer', { origin: 'deadline' });
    for (const place of [{ host: '', port: 8080 }, { path: '/run/a' }, { port: 0 }]) {
      const listening = listeners.listen(place, () => {});
      listening.catch(() => {});
      await server.answer(late);
      await expect(listening).rejects.toBe(late);
      await server.answer(granted);
    }
    const cancelled = server.asked.filter(({ name }) => name.startsWith('cancel'));
    expect(cancelled.map(({ name }) => name)).toEqual([
      cancelTcpipForward.name,
      cancelStreamlocalForward.name,
    ]);
    expect(cancelTcpipForward.fromBytes(cancelled[0]?.payload ?? granted)).toEqual({
      addressToBind: '',
      portNumberToBind: 8080,
    });
    // A server that refuses has nothing to take back.
    const refused = listeners.listen({ port: 81 }, () => {});
    refused.catch(() => {});
    await server.answer(undefined);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    expect(server.asked.at(-1)?.name).toBe(tcpipForward.name);
  });

  it('that is being asked for takes nothing that is meant for one beside it', async () => {
    const server = new FakeServer();
    const listeners = new RemoteListeners(server.host);
    const came: number[] = [];
    for (const port of [8080, 8081]) {
      listeners.listen({ host: 'localhost', port }, () => came.push(port)).catch(() => {});
    }
    server.opens('localhost', 8081);
    server.opens('localhost', 8080);
    server.opens('localhost', 8082);
    await server.answer(granted);
    // The first stands; what is for the second waits on, and so does what may be for it.
    expect([came, server.said]).toEqual([[8080], []]);
    await server.answer(undefined);
    expect([came, server.said]).toEqual([[8080], ['localhost:8081 refused', 'localhost:8082 refused']]);
  });
});
