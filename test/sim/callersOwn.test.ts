/** Promises that nobody looks at, and what ends them: a whole client in a simulated network. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { play, playIn, type Scene } from '../support/scene.ts';
import { Tunnel } from '../support/tunnel.ts';
import { uncaughtIn } from '../support/uncaught.ts';
import { World } from './world.ts';

/** Calls that are under way for as long as the server does not answer. */
const calls: Readonly<Record<string, (client: Client, signal: AbortSignal) => Promise<unknown>>> = {
  run: (client, signal) => client.run('wait', { signal }),
  'run with input': (client, signal) => client.run('wait', { signal, input: new Uint8Array(5_000_000) }),
  exec: (client, signal) => client.exec('wait', { signal, pty: true, env: { A: 'b' } }),
  shell: (client, signal) => client.shell({ signal }),
  subsystem: (client, signal) => client.subsystem('sftp', { signal }),
  openTcp: (client, signal) => client.openTcp('host', 7, { signal }),
  openUnix: (client, signal) => client.openUnix('/tmp/socket', { signal }),
  ping: (client, signal) => client.ping({ signal }),
  rekey: (client, signal) => client.rekey({ signal }),
};

const ends: Readonly<Record<string, (client: Client, controller: AbortController) => unknown>> = {
  close: (client) => client.close(),
  destroy: (client) => client.destroy(),
  abort: (_client, controller) => controller.abort(),
};

/** A server that answers no call any more. */
function deafen({ core }: Scene): void {
  const { transport } = core;
  transport.send = () => undefined;
  core.connection.acceptOpen = () => {};
  core.transport.keyExchange.receiveKexInit = () => {};
}

describe.each(Object.entries(calls))('a promise of %s that nobody looks at', (_name, call) => {
  it.each(Object.entries(ends))('counts as handled after %s by the caller', async (_end, end) => {
    const controller = new AbortController();
    let outcome: Promise<unknown> | undefined;
    const uncaught = await uncaughtIn(async () => {
      await play(async (scene) => {
        deafen(scene);
        outcome = call(scene.client, controller.signal);
        await scene.world.sleep(1);
        await end(scene.client, controller);
        await scene.world.sleep(1);
      });
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    await expect(outcome).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|ABORTED/) });
  });

  it('is an unhandled rejection where the connection was lost', async () => {
    const uncaught = await uncaughtIn(async () => {
      await play(async (scene) => {
        deafen(scene);
        void call(scene.client, new AbortController().signal);
        await scene.world.sleep(1);
        scene.world.network.wires.at(-1)?.server.destroy();
        await scene.client.closed;
      });
    });
    expect(uncaught.exceptions).toEqual([]);
    expect(uncaught.rejections).toMatchObject([{ code: 'ERR_SSH_CONNECTION_LOST' }]);
  });
});

describe('the ways in which programs end', () => {
  const endings: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
    'return in try, close in finally': async (client) => {
      try {
        return client.run('wait');
      } finally {
        await client.close();
      }
    },
    'return with await using': async (client) => {
      await using closing = client;
      return closing.run('wait');
    },
    'destroy in finally': async (client) => {
      try {
        return client.exec('wait');
      } finally {
        client.destroy();
        await client.closed;
      }
    },
    'a call on a client that is closed already': async (client) => {
      await client.close();
      const late = client.run('echo');
      await client.closed;
      return late;
    },
  };
  it.each(Object.entries(endings))(
    '%s: the block rejects, and nothing is unhandled',
    async (_name, ending) => {
      const uncaught = await uncaughtIn(async () => {
        await play(async ({ client }) => {
          await expect(ending(client)).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
        });
      });
      expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    },
  );

  const slowly = { plan: { toServer: { bytesPerMillisecond: 100, capacity: 1000 } } };
  it('a call counts as handled where the connection is lost while the caller closes it', async () => {
    let outcome: Promise<unknown> | undefined;
    const uncaught = await uncaughtIn(async () => {
      await play(async ({ client, world }) => {
        outcome = client.run('wait', { input: new Uint8Array(5_000_000) });
        await world.sleep(1000);
        const closed = client.close();
        await world.sleep(1);
        // What was written is still on its way.
        expect(client.inspect().waits.map(({ name }) => name)).toContain('close');
        world.network.wires.at(-1)?.server.destroy();
        // It was written and is lost: the close says so.
        await expect(closed).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
      }, slowly);
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
  });

  it('a call through a connection that the caller closes counts as handled too', async () => {
    const world = new World({ seed: 1 });
    const tunnel = new Tunnel();
    let outcome: Promise<unknown> | undefined;
    const uncaught = await uncaughtIn(async () => {
      await playIn(world, async () => {
        const server = await world.startServer({
          openTcp: () => {
            server.accept(tunnel.far);
            return tunnel.near;
          },
        });
        const bastion = await world.connect();
        const inner = await world.connect({ host: 'inner', via: bastion });
        outcome = inner.run('wait');
        await world.sleep(1);
        await bastion.close();
        await inner.closed;
        tunnel.far.destroy();
      });
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST', host: 'inner' });
  });

  it.each(['before it begins', 'in its midst'])(
    'a dial that is aborted %s counts as handled',
    async (when) => {
      const plan = { toServer: { delay: 5 }, toClient: { delay: 5 } };
      const world = new World({ seed: 1, plan });
      const controller = new AbortController();
      let outcome: Promise<unknown> | undefined;
      const uncaught = await uncaughtIn(async () => {
        await playIn(world, async () => {
          await world.startServer();
          if (when === 'before it begins') controller.abort();
          outcome = world.connect({ signal: controller.signal });
          await world.sleep(1);
          controller.abort();
          await world.sleep(1);
        });
      });
      expect(uncaught).toEqual({ exceptions: [], rejections: [] });
      await expect(outcome).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    },
  );

  it('a step of a fleet that is aborted counts as handled', async () => {
    const world = new World({ seed: 1 });
    const controller = new AbortController();
    let step: Promise<unknown> | undefined;
    const uncaught = await uncaughtIn(async () => {
      await playIn(world, async () => {
        await world.startServer();
        step = world.runOnAll(['server'], 'wait', { signal: controller.signal }).next();
        await world.sleep(1000);
        controller.abort();
        await world.sleep(1000);
      });
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    await expect(step).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
  });
});
