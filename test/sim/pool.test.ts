/** Connections that are kept for their next use, and work on many hosts, in virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import type { RunOnAllOptions } from '../../src/client/fleet/options.ts';
import type { Pool, PoolOptions } from '../../src/client/fleet/pool.ts';
import { Tunnel } from '../support/tunnel.ts';
import { failuresAreTyped, nothingIsLeft } from './laws.ts';
import type { Host } from './network.ts';
import { World, type WorldOptions } from './world.ts';

type Hosts = (name: string) => Host;
const there: Host = { manner: 'serve', plan: {} };

/** Plays a story; nothing may be left of it. */
async function playIn(
  options: Partial<WorldOptions>,
  story: (world: World) => Promise<void>,
): Promise<World> {
  const world = new World({ seed: 1, ...options });
  const faults: unknown[] = [];
  const over = await world.play(async () => {
    await world.startServer();
    await story(world).catch((error: unknown) => faults.push(error));
  });
  if (faults.length > 0) throw faults[0];
  nothingIsLeft(world, over);
  failuresAreTyped(world);
  return world;
}

/** Plays with a pool, which is closed behind the story. */
function pooled(
  options: PoolOptions<string>,
  story: (pool: Pool<string>, world: World) => Promise<void>,
  hostOf: Hosts = () => there,
): Promise<World> {
  return playIn({ hostOf }, async (world) => {
    const pool = world.createPool<string>({ connect: (host) => world.options({ host }), ...options });
    try {
      await story(pool, world);
    } finally {
      await pool.close();
    }
  });
}

const dialled = (world: World): number =>
  world.connections.filter((each) => each.snapshot().role === 'client').length;

describe('a pool', () => {
  it('gives one connection to many uses, and keeps it for the next', async () => {
    await pooled({}, async (pool, world) => {
      const run = (client: Client) => client.run('both').then(({ code }) => code);
      expect(await Promise.all(Array.from({ length: 8 }, () => pool.use('a', run)))).toEqual(
        Array(8).fill(3),
      );
      await world.sleep(1_000);
      expect(await pool.use('a', run)).toBe(3);
      expect(dialled(world)).toBe(1);
      expect(pool.inspect()).toMatchObject({
        connections: [{ target: 'a', state: 'idle', uses: 0, connection: { target: 'a:22' } }],
        waiting: 0,
        waits: [{ name: 'queue', waitingFor: 'the idle connection to a to be used again' }],
      });
    });
  });

  it('never has more connections, nor more uses of one, than it may, and serves everybody', async () => {
    const uses = fc.array(
      fc.record({ target: fc.constantFrom(...'abcdef'), at: fc.nat(3_000), takes: fc.nat(800) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        uses,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (all, maxConnections, maxChannels) => {
          let [mostConnections, mostUses, done] = [0, 0, 0];
          await pooled(
            { maxConnections, maxChannels, idleTimeout: 2_000, queueTimeout: 600_000 },
            async (pool, world) => {
              const running = all.map(async ({ target, at, takes }) => {
                await world.sleep(at);
                await pool.use(target, async (client) => {
                  expect(client.inspect().target).toBe(`${target}:22`);
                  const { connections } = pool.inspect();
                  mostConnections = Math.max(
                    mostConnections,
                    connections.length,
                    world.live().filter(({ role }) => role === 'client').length,
                  );
                  mostUses = Math.max(mostUses, ...connections.map(({ uses: count }) => count));
                  await world.sleep(takes);
                  done++;
                });
              });
              await Promise.all(running);
              await world.sleep(2_100);
              // Nobody used them for that long.
              expect(pool.inspect()).toEqual({ connections: [], waiting: 0, waits: [] });
            },
          );
          expect(done).toBe(all.length);
          expect(mostConnections).toBeLessThanOrEqual(maxConnections);
          expect(mostUses).toBeLessThanOrEqual(maxChannels);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('lets nobody wait for longer than it may, and nobody be overtaken', async () => {
    await pooled({ maxConnections: 1, maxChannels: 1, queueTimeout: 3_000 }, async (pool, world) => {
      const order: string[] = [];
      const hold = (name: string, takes: number) => () =>
        world.sleep(takes).then(() => void order.push(name));
      const first = pool.use('a', hold('first', 2_000));
      const second = pool.use('b', hold('second', 2_000));
      const third = pool.use('a', hold('third', 0)).catch((error: SshError) => error);
      await first;
      await second;
      expect(await third).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'queue', deadline: 3_000 });
      expect(order).toEqual(['first', 'second']);
      const whole = pool.use('a', () => world.sleep(9_000), { timeout: 1_000 });
      await expect(whole).rejects.toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'command',
        deadline: 1_000,
      });
    });
  });

  it('hears what becomes of work that ended its own use, though nobody waits for that', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await pooled({}, async (pool) => {
        const abort = new AbortController();
        const use = pool.use(
          'a',
          () => {
            abort.abort();
            return Promise.reject(new Error('heard by nobody'));
          },
          { signal: abort.signal },
        );
        await expect(use).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('dials again when a connection was lost, and tells the failure of a dial to all who waited for it', async () => {
    let host = there;
    await pooled(
      {},
      async (pool, world) => {
        await pool.use('a', (client) => client.run('both'));
        for (const server of world.server?.connections() ?? [])
          server.drop(new SshError('ERR_SSH_LIMIT', 'stopped', { origin: 'local' }));
        await world.sleep(100);
        expect((await pool.use('a', (client) => client.run('both'))).code).toBe(3);
        expect(dialled(world)).toBe(2);
        host = { manner: 'refuse' };
        const failed = await Promise.allSettled([1, 2, 3].map(() => pool.use('b', () => 1)));
        const codes = failed.map((each) => each.status === 'rejected' && (each.reason as SshError).code);
        expect(codes).toEqual(Array(3).fill('ERR_SSH_CONNECT'));
        host = there;
        expect(await pool.use('b', () => 1)).toBe(1);
      },
      () => host,
    );
  });

  it('that is closed ends what runs, what waits and what is dialled, at whatever moment', async () => {
    const story = async (pool: Pool<string>, world: World): Promise<void> => {
      const uses = [...'aabbc'].map((target, index) =>
        world.call(`use ${index}`, () =>
          pool.use(target, (client) => client.run('wait', { timeout: 400 }).catch(() => 'over')),
        ),
      );
      await Promise.all(uses);
    };
    const bounds = { maxConnections: 2, maxChannels: 1 };
    const { steps } = (await pooled(bounds, story)).clock;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: steps }), async (step) => {
        await pooled(bounds, async (pool, world) => {
          const closed = new Promise<void>((resolve) =>
            world.clock.atStep(step, () => resolve(pool.close())),
          );
          await story(pool, world);
          await Promise.race([closed, world.sleep(100_000)]);
          await pool.close();
          expect(pool.inspect()).toEqual({ connections: [], waiting: 0, waits: [] });
          await expect(pool.use('a', () => 1)).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
          for (const { error } of world.calls) {
            if (error !== undefined) expect(error).toMatchObject({ code: 'ERR_SSH_CLOSED' });
          }
        });
      }),
      { numRuns: 25 },
    );
  });

  it('gives back what the work throws as it is, and refuses what is no option', async () => {
    const thrown = { not: 'an error' };
    await pooled({}, async (pool, world) => {
      await expect(pool.use('a', () => Promise.reject(thrown))).rejects.toBe(thrown);
      const odd = world.createPool<string>({
        connect: () => {
          throw thrown;
        },
      });
      await expect(odd.use('a', () => 1)).rejects.toBe(thrown);
      await odd.close();
      expect(() => world.createPool({ maxConnections: 0 })).toThrow(
        'maxConnections must be a whole number from 1',
      );
      expect(() => world.createPool({ idle: 1 } as PoolOptions<string>)).toThrow(
        'there is no option "idle" of createPool',
      );
      await expect(pool.use('a', 'uptime' as never)).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    });
  });
});

describe('runOnAll', () => {
  const hosts = Array.from({ length: 12 }, (_, index) => `host${index}`);

  async function all(world: World, options: RunOnAllOptions = {}) {
    const work = async (client: Client, target: string) => `${target} ${(await client.run('both')).code}`;
    const results = [];
    for await (const result of world.workOnAll(hosts, work, options)) results.push(result);
    return results.sort((a, b) => a.index - b.index);
  }

  it('does work of a function on each target, and gives its value or its fault', async () => {
    await playIn({}, async (world) => {
      const results = await all(world, { concurrency: 3 });
      expect(results.map((each) => each.ok && each.value)).toEqual(hosts.map((host) => `${host} 3`));
      const failed = [];
      const work = (_client: Client, target: string) => {
        if (target === 'host1') throw new Error('its own');
        return target;
      };
      for await (const result of world.workOnAll(['host0', 'host1'], work)) failed.push(result);
      expect(failed.map((each) => (each.ok ? each.value : each.error.code)).sort()).toEqual([
        'ERR_SSH_CALLBACK',
        'host0',
      ]);
    });
  });

  it('dials again the targets whose dial failed, as often as it may', async () => {
    const dials = new Map<string, number>();
    const hostOf: Hosts = (name) => {
      const count = (dials.get(name) ?? 0) + 1;
      dials.set(name, count);
      // Its name is asked for before it is dialled as well.
      return name === 'host3' || (name === 'host5' && count <= 2) ? { manner: 'refuse' } : there;
    };
    await playIn({ hostOf }, async (world) => {
      const results = await all(world, { retry: { attempts: 3, delay: 100 } });
      expect(results.filter(({ ok }) => !ok).map(({ target }) => target)).toEqual(['host3']);
      const plain = await all(world);
      expect(plain.filter(({ ok }) => !ok).map(({ target }) => target)).toEqual(['host3']);
    });
    // Four dials in the first run and one in the second: each asks as often who the host is.
    expect((dials.get('host3') ?? 0) % 5).toBe(0);
  });

  it('dials the hops of via once for all targets, and ends them behind all', async () => {
    const opened: string[] = [];
    await playIn(
      {
        server: {
          openTcp: ({ host, port }) => {
            opened.push(`${host}:${port}`);
            const tunnel = new Tunnel();
            tunnel.near.on('close', () => tunnel.far.destroy());
            tunnel.far.on('close', () => tunnel.near.destroy());
            accept?.(tunnel);
            return tunnel.near;
          },
        },
      },
      async (world) => {
        accept = (tunnel) => void world.server?.accept(tunnel.far);
        const results = await all(world, { via: 'bastion', concurrency: 4 });
        expect(results.map(({ ok }) => ok)).toEqual(hosts.map(() => true));
        // The hop, and one connection for each target.
        expect(dialled(world)).toBe(1 + hosts.length);
        expect(opened.sort()).toEqual(hosts.map((host) => `${host}:22`).sort());
        expect(world.live().filter(({ role }) => role === 'client')).toEqual([]);
      },
    );
  });

  let accept: ((tunnel: Tunnel) => void) | undefined;

  it('takes connections from a pool, which keeps them', async () => {
    await pooled({ maxConnections: 5 }, async (pool, world) => {
      expect((await all(world, { pool })).map(({ ok }) => ok)).toEqual(hosts.map(() => true));
      expect(pool.inspect().connections).toHaveLength(5);
      expect(() => world.workOnAll(hosts, () => 1, { pool, username: 'x' })).toThrow(
        'username does not go with pool, which knows how to connect',
      );
    });
  });
});
