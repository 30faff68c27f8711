/**
 * Law 4: a peer that keeps answering keep-alive but never a certain request.
 * That call ends by its deadline, and the connection goes on serving others.
 * Law 3: a peer that stops reading.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { Client } from '../../src/client/client.ts';
import type { Driver } from '../../src/io/driver.ts';
import type { RegisteredConnection } from '../../src/io/registry.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import type { ServerProtocol } from '../../src/protocol/server.ts';
import { checkEnd, clientCause } from './laws.ts';
import { World } from './world.ts';

/** The server's side says nothing of these kinds any more; all else goes on. */
function muteServer(world: World, numbers: readonly number[]): void {
  const { core } = world.connections.find(isServer) as unknown as Driver<ServerProtocol>;
  if (core === undefined) throw new Error('there is no server yet');
  const { transport } = core;
  const send = transport.send.bind(transport);
  transport.send = <T>(message: MessageCodec<T>, value: T): void => {
    if (!numbers.includes(message.number)) send(message, value);
  };
  if (numbers.includes(20)) transport.keyExchange.receiveKexInit = () => {};
}

function isServer(connection: RegisteredConnection): boolean {
  return connection.snapshot().role === 'server';
}

interface Case {
  readonly what: string;
  /** Messages that never come: their numbers. */
  readonly missing: readonly number[];
  readonly call: (client: Client) => Promise<unknown>;
  readonly waitingFor: string;
  readonly after: number;
  /** Whether others are still served. */
  readonly livesOn: boolean;
}

const cases: readonly Case[] = [
  {
    what: 'a channel open of a command',
    missing: [91, 92],
    call: (client) => client.run('both'),
    waitingFor: 'channelOpen',
    after: defaultTimeouts.channelOpen,
    livesOn: true,
  },
  {
    what: 'a forwarded connection',
    missing: [91, 92],
    call: (client) => client.openTcp('echo', 7),
    waitingFor: 'channelOpen',
    after: defaultTimeouts.channelOpen,
    livesOn: true,
  },
  {
    what: 'a connection to a local socket',
    missing: [91, 92],
    call: (client) => client.openUnix('/run/echo'),
    waitingFor: 'channelOpen',
    after: defaultTimeouts.channelOpen,
    livesOn: true,
  },
  {
    what: 'a request to listen',
    missing: [81, 82],
    call: (client) => client.forwardRemote({ port: 0 }, { host: 'db', port: 5432 }),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a request to listen on a unix socket',
    missing: [81, 82],
    call: (client) => client.forwardRemote({ path: '/run/s' }, { host: 'db', port: 5432 }),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a shell request',
    missing: [99, 100],
    call: (client) => client.shell(),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'an exec request',
    missing: [99, 100],
    call: (client) => client.run('wait'),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a terminal request',
    missing: [99, 100],
    call: (client) => client.exec('wait', { pty: true }),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a subsystem request',
    missing: [99, 100],
    call: (client) => client.subsystem('sftp'),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a global request',
    missing: [81, 82],
    call: (client) => client.ping(),
    waitingFor: 'request',
    after: defaultTimeouts.request,
    livesOn: true,
  },
  {
    what: 'a key exchange, which holds up all else',
    missing: [20],
    call: (client) => client.rekey(),
    waitingFor: 'keyExchange',
    after: defaultTimeouts.keyExchange,
    livesOn: false,
  },
];

describe('go#26643, ssh2#955: a peer that never answers', () => {
  for (const { what, missing, call, waitingFor, after, livesOn } of cases) {
    it(`${what} ends that call by its deadline`, async () => {
      const world = new World({ seed: 1 });
      const over = await world.play(async () => {
        await world.startServer();
        const client = await world.connect();
        muteServer(world, missing);
        await world.call('unanswered', () => call(client));
        muteServer(world, []);
        const [unanswered] = world.calls;
        expect(unanswered?.error).toBeInstanceOf(SshError);
        expect(unanswered?.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor, deadline: after });
        expect((unanswered?.endedAt ?? 0) - (unanswered?.startedAt ?? 0)).toBe(after);
        // A minute on, keep-alive answered all the while.
        await world.sleep(60_000);
        expect(client.inspect().phase).toBe(livesOn ? 'connection' : 'close');
        await world.call('close', () => client.close());
      });
      checkEnd(world, over);
      expect(clientCause(world)?.code).toBe(livesOn ? 'ERR_SSH_CLOSED' : 'ERR_SSH_TIMEOUT');
    });
  }

  it('the other calls that run at the same time are served', async () => {
    const world = new World({ seed: 1 });
    const over = await world.play(async () => {
      await world.startServer();
      const client = await world.connect();
      const running = await client.exec('echo');
      running.stdout.resume();
      muteServer(world, [91, 92]);
      const unanswered = world.call('unanswered', () => client.run('both'));
      await world.sleep(1000);
      running.stdin.end('x');
      await world.call('exit', () => running.exit);
      await unanswered;
      await world.call('ping', () => client.ping().then(() => undefined));
      await client.close();
    });
    checkEnd(world, over);
    expect(world.calls.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['unanswered', 'rejected'],
      ['exit', 'fulfilled'],
      ['ping', 'fulfilled'],
    ]);
  });

  it('a close of a channel does not hold up its process beyond the close deadline', async () => {
    const world = new World({ seed: 1 });
    const over = await world.play(async () => {
      await world.startServer();
      const client = await world.connect();
      const running = await client.exec('wait');
      const { core } = world.connections.find(isServer) as unknown as Driver<ServerProtocol>;
      if (core !== undefined) core.connection.messages.sendClose = () => {};
      const started = world.clock.now();
      await world.call('close of the process', () => running.close());
      expect(world.clock.now() - started).toBe(defaultTimeouts.close);
      await world.call('ping', () => client.ping().then(() => undefined));
      await client.close();
    });
    checkEnd(world, over);
  });
});

describe('a peer that stops reading', () => {
  it('is ended by the write deadline, with bounded memory, though it keeps talking', async () => {
    let most = 0;
    const capacity = 32 * 1024;
    const offset = 20_000;
    const world = new World({
      seed: 1,
      plan: { toServer: { capacity, fault: { offset, kind: 'stall' } } },
      // Signs of life that show nothing but that the server still sends.
      server: { keepAlive: { interval: 5_000, maxMissed: 1000 }, exec: chatter },
    });
    const over = await world.play(async () => {
      await world.startServer();
      const client = await world.connect();
      const running = await client.exec('chatter');
      running.stdout.resume();
      const piece = new Uint8Array(64 * 1024);
      for (let i = 0; i < 64 && !running.stdin.destroyed; i++) {
        const room = running.stdin.write(piece);
        most = Math.max(most, client.inspect().unsentBytes);
        if (!room) await drainOrClose(running.stdin);
      }
      await world.call('exit', () => running.exit);
    }, 600_000);
    expect(over).toBe(true);
    const cause = clientCause(world);
    expect(cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'write',
      deadline: defaultTimeouts.write,
    });
    expect(world.calls[0]?.error).toBe(cause);
    expect(most).toBeLessThan(1024 * 1024);
    await world.clock.run({ until: 3_600_000 });
    checkEnd(world, over);
  });
});

describe('a client that stops reading', () => {
  it('is ended by the server’s write deadline, with bounded memory', async () => {
    let most = 0;
    let written = 0;
    const world = new World({
      seed: 1,
      plan: { toClient: { capacity: 32 * 1024, fault: { offset: 20_000, kind: 'stall' } } },
      server: {
        exec: async (process) => {
          const piece = new Uint8Array(64 * 1024);
          for (let i = 0; i < 256 && !process.stdout.destroyed; i++) {
            written += piece.length;
            const room = process.stdout.write(piece);
            const [connection] = world.server?.connections() ?? [];
            most = Math.max(most, connection?.inspect().unsentBytes ?? 0);
            if (!room) await drainOrClose(process.stdout);
          }
          return 0;
        },
      },
    });
    const over = await world.play(async () => {
      await world.startServer();
      // It would notice the silence by itself, and sooner.
      const client = await world.connect({ keepAlive: { interval: 5_000, maxMissed: 1000 } });
      await world.call('run', () => client.run('flood'));
    });
    checkEnd(world, over);
    const served = world.ends.find(({ connection }) => isServer(connection));
    expect(served?.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'write',
      deadline: defaultTimeouts.write,
    });
    expect(most).toBeLessThan(1024 * 1024);
    expect(written).toBeLessThan(1024 * 1024);
  });
});

function chatter(process: { readonly stdout: { write(text: string): void } }): Promise<number> {
  process.stdout.write('still here\n');
  return new Promise(() => {});
}

function drainOrClose(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
