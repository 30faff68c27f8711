/** What became of a user's calls when servers misbehaved, or tunnels: a whole client in a simulated network. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultKeepAlive, defaultTimeouts } from '../../src/base/timeouts.ts';
import type { Client } from '../../src/client/client.ts';
import type { RemoteProcess } from '../../src/client/command/remoteProcess.ts';
import { channelRequest } from '../../src/message/channelRequest.ts';
import { clientCause } from '../sim/laws.ts';
import { patientServer, World } from '../sim/world.ts';
import { objectsInUse } from '../support/heap.ts';
import { play, playIn } from '../support/scene.ts';
import { Tunnel } from '../support/tunnel.ts';

const none = new Uint8Array(0);
const MiB = 1024 * 1024;

/** Writes and resolves when it was sent, or rejects with the error of the stream. */
function written(process: RemoteProcess, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdin.on('error', () => {});
    process.stdin.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

describe('a server that holds things up', () => {
  it('CVE-2025-22869: writers feel a key exchange that is never finished, and end with it', async () => {
    let held = 0;
    let taken = 0;
    const world = await play(async ({ client, world, core }) => {
      const process = await client.exec('echo');
      process.stdout.resume();
      process.stdin.on('error', () => {});
      core.transport.keyExchange.receiveKexInit = () => {};
      const rekeyed = world.call('rekey', () => client.rekey());
      while (process.stdin.write(new Uint8Array(64 * 1024))) taken += 64 * 1024;
      await world.sleep(1000);
      held = process.stdin.writableLength + (core.connection.list()[0]?.pendingBytes ?? Number.NaN);
      expect(client.inspect().unsentBytes).toBeLessThan(64 * 1024);
      await rekeyed;
      await world.call('exit', () => process.exit);
    });
    expect(taken).toBeLessThan(256 * 1024);
    // All that was written waits where the writer feels it: the one that was not taken is counted as well.
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(taken + 64 * 1024);
    expect(world.calls.map(({ error }) => error)).toEqual([clientCause(world), clientCause(world)]);
    expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keyExchange' });
  });

  it('ssh2#1508, libssh2#232: writes to a window that never opens are rejected by a close, which has a deadline', async () => {
    await play(async ({ client, world, core }) => {
      const process = await client.exec('wait');
      core.connection.messages.sendClose = () => {};
      const write = world.call('write', () => written(process, new Uint8Array(3 * MiB)));
      await world.sleep(60_000);
      expect(world.calls[0]?.outcome).toBe('pending');
      const begun = world.clock.now();
      await world.call('close', () => process.close());
      expect(world.clock.now() - begun).toBe(defaultTimeouts.close);
      await write;
      expect(world.calls[0]?.error).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
      await world.call('ping', () => client.ping().then(() => undefined));
      expect(world.calls.at(-1)?.outcome).toBe('fulfilled');
    });
  });

  it('paramiko#1778: 10 MiB on stderr and stdout at once are both collected', async () => {
    const length = 10 * MiB;
    await play(
      async ({ client, world }) => {
        await world.call('run', async () => {
          const { stdout, stderr, code } = await client.run('flood', { encoding: 'buffer' });
          return [stdout.length, stderr.length, code];
        });
        expect(world.calls[0]?.value).toEqual([length, length, 0]);
      },
      {
        server: {
          exec: (process) => {
            process.stderr.write(new Uint8Array(length));
            process.stdout.write(new Uint8Array(length));
            return Promise.resolve(0);
          },
        },
      },
    );
  });

  it('go#80333: stderr that nobody reads stops at the window, and flows again once it is read', async () => {
    await play(
      async ({ client, world, core }) => {
        const process = await client.exec('flood');
        await world.sleep(10_000);
        const [channel] = client.inspect().channels;
        expect(channel).toMatchObject({ receiveWindow: 0 });
        expect(core.connection.list()[0]?.pendingBytes).toBeGreaterThan(MiB);
        process.stderr.resume();
        process.stdout.resume();
        await world.call('exit', () => process.exit);
        expect(world.calls[0]?.value).toMatchObject({ code: 4 });
      },
      {
        server: {
          exec: async (process) => {
            await new Promise((resolve) => process.stderr.write(new Uint8Array(5 * MiB), resolve));
            process.stdout.write('now this');
            return 4;
          },
        },
      },
    );
  });
});

describe('a server that says what nobody asked for', () => {
  it('a thousand channels of each type are refused one by one, and the client serves its user', async () => {
    const types = ['session', 'x11', 'auth-agent@openssh.com', 'forwarded-tcpip', 'what-is-this'];
    await play(async (scene) => {
      const { client, world, server } = scene;
      const failures = scene.watch('channelOpenFailed');
      const ask = async (times: number): Promise<number> => {
        for (const type of types) {
          for (let i = 0; i < times; i++) server.act((core) => core.connection.open(type, none));
          await world.sleep(100);
        }
        const { length } = failures;
        return length;
      };
      // What is loaded and made for the first of each stays.
      await ask(1);
      failures.length = 0;
      const before = objectsInUse();
      expect(await ask(1000)).toBe(5000);
      expect(new Set(failures.map(({ error }) => error.code))).toEqual(
        new Set(['ERR_SSH_CHANNEL_OPEN_FAILED']),
      );
      failures.length = 0;
      expect(client.inspect().channels).toEqual([]);
      // One object kept of each of the five thousand, or of each hundred, shows.
      expect(objectsInUse() - before).toBeLessThan(50);
      await world.call('run', () => client.run('both').then(({ code }) => code));
      expect(world.calls[0]?.value).toBe(3);
    });
  });

  it.each([
    ['exit-status', Uint8Array.of(0, 0, 1)],
    ['exit-status', Uint8Array.of(0, 0, 0, 0, 0)],
    ['exit-signal', Uint8Array.of(0, 0, 0, 4, 0x54, 0x45)],
    ['exit-signal', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ])('go 9beb694: a cut %s is a typed error and no exit', async (requestType, requestData) => {
    const world = await play(async (scene) => {
      const process = await scene.client.exec('wait');
      process.stdout.resume();
      process.stderr.resume();
      scene.say(channelRequest, { recipientChannel: 0, requestType, wantReply: false, requestData });
      await scene.world.call('exit', () => process.exit);
    });
    expect(world.calls[0]).toMatchObject({ outcome: 'rejected', error: { code: 'ERR_SSH_DECODE' } });
    expect(clientCause(world)).toBe(world.calls[0]?.error);
  });
});

describe('a connection that is lost while commands run', () => {
  it.each(['end', 'reset', 'goodbye'] as const)(
    'ssh2, node-ssh: every call rejects with the one cause and none looks like success (%s)',
    async (how) => {
      const world = await play(
        async (scene) => {
          const { client, world } = scene;
          const process = await client.exec('wait');
          const stream = await client.openTcp('echo', 7);
          stream.on('error', () => {});
          scene.mute(81, 82, 91, 92, 96, 97, 98, 99, 100);
          const read = async (source: AsyncIterable<unknown>): Promise<void> => {
            for await (const _ of source);
          };
          const calls = [
            world.call('run', () => client.run('wait')),
            world.call('exit', () => process.exit),
            world.call('read stdout', () => read(process.stdout)),
            world.call('read stderr', () => read(process.stderr)),
            world.call('read tunnel', () => read(stream)),
            world.call('write', () => written(process, new Uint8Array(3 * MiB))),
            world.call('exec', () => client.exec('wait').then(() => undefined)),
            world.call('ping', () => client.ping().then(() => undefined)),
          ];
          await world.sleep(1000);
          const wire = world.network.wires[0];
          if (how === 'end') wire?.client.finArrived();
          else if (how === 'reset') wire?.client.broken();
          else scene.server.destroy(new SshError('ERR_SSH_CLOSED', 'bye', { origin: 'user' }));
          await Promise.all(calls);
          await world.call('run afterwards', () => client.run('both'));
        },
        { server: patientServer },
      );
      const cause = clientCause(world);
      expect(cause?.code).toMatch(/ERR_SSH_(CONNECTION_LOST|DISCONNECTED)/);
      for (const { name, error } of world.calls) expect([name, error]).toEqual([name, cause]);
      expect(world.calls).toHaveLength(9);
    },
  );
});

describe('a tunnel with no deadlines of its own', () => {
  /** A client through a tunnel, given as a stream or reached by way of another client. */
  async function through(
    way: 'stream' | 'via',
    tunnel: Tunnel,
    story: (connect: () => Promise<Client>, world: World) => Promise<void>,
  ): Promise<World> {
    const world = new World({
      seed: 1,
      server: {
        ...patientServer,
        openTcp: () => {
          world.server?.accept(tunnel.far);
          return tunnel.near;
        },
      },
    });
    return playIn(world, async () => {
      const server = await world.startServer();
      if (way === 'stream') {
        server.accept(tunnel.far);
        return story(() => world.connect({ stream: tunnel.near }), world);
      }
      const outer = await world.connect();
      await story(() => world.connect({ via: outer, host: 'inner' }), world).finally(() => outer.close());
    });
  }

  const ways = ['stream', 'via'] as const;

  it.each(ways)('teleport#59967: carries a client like a socket does (%s)', async (way) => {
    const { calls } = await through(way, new Tunnel(), async (connect, world) => {
      const client = await connect();
      await world.call('run', () => client.run('both').then(({ code }) => code));
      await client.close();
    });
    expect(calls[0]?.value).toBe(3);
  });

  it.each(ways)(
    'teleport#59967: that never says a word ends the dial by the deadline of the identification (%s)',
    async (way) => {
      const tunnel = new Tunnel();
      tunnel.freeze('swallows');
      await through(way, tunnel, async (connect, world) => {
        const begun = world.clock.now();
        await world.call('connect', connect);
        expect(world.calls[0]?.error).toMatchObject({
          code: 'ERR_SSH_TIMEOUT',
          waitingFor: 'identification',
        });
        expect(world.clock.now() - begun).toBe(defaultTimeouts.identification);
      });
    },
  );

  it.each(ways)('teleport#59967: that falls silent ends the connection by keep-alive (%s)', async (way) => {
    const tunnel = new Tunnel();
    await through(way, tunnel, async (connect, world) => {
      const client = await connect();
      const running = world.call('run', () => client.run('wait'));
      await world.sleep(100);
      const begun = world.clock.now();
      tunnel.freeze('swallows');
      await running;
      expect(world.calls[0]?.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keepAlive' });
      const { interval, maxMissed } = defaultKeepAlive;
      expect(world.clock.now() - begun).toBeLessThanOrEqual(interval * (maxMissed + 1));
    });
  });

  it.each(ways)(
    'teleport#59967: that takes no bytes ends the connection by the write deadline or keep-alive (%s)',
    async (way) => {
      const tunnel = new Tunnel();
      await through(way, tunnel, async (connect, world) => {
        const client = await connect();
        const process = await client.exec('wait');
        tunnel.freeze('blocks');
        const begun = world.clock.now();
        const write = world.call('write', () => written(process, new Uint8Array(4 * MiB)));
        await world.call('exit', () => process.exit);
        await write;
        expect(world.calls[0]?.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
        expect(world.calls[1]?.error).toBe(world.calls[0]?.error);
        expect(world.clock.now() - begun).toBeLessThanOrEqual(60_000);
      });
    },
  );
});
