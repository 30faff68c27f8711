/** A connection through servers that are dialled for it, in virtual time: `via` as a chain. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ConnectOptions, Hop } from '../../src/client/dial/options.ts';
import { liveConnections } from '../../src/io/registry.ts';
import type { OpenTcpRequest, ServerOptions } from '../../src/server/options.ts';
import { Tunnel } from '../support/tunnel.ts';
import { failuresAreTyped, nothingIsLeft } from './laws.ts';
import type { Host } from './network.ts';
import { toyKey } from './toyCrypto.ts';
import { patientServer, World } from './world.ts';

const chain: ConnectOptions = { host: 'target', via: ['bastion', 'ops@inner:2222'] };

/** A world in which every host is the same server, reached from outside or from itself. */
class Chained {
  readonly world: World;
  /** Whom a hop was asked to connect to, and who had logged in there. */
  readonly opened: string[] = [];
  readonly tunnels: Tunnel[] = [];

  constructor(options: { readonly server?: Partial<ServerOptions>; readonly bastion?: Host } = {}) {
    this.world = new World({
      seed: 3,
      server: { ...patientServer, openTcp: (request) => this.open(request), ...options.server },
      hostOf: () => options.bastion ?? { manner: 'serve', plan: {} },
    });
  }

  private open({ username, host, port }: OpenTcpRequest) {
    this.opened.push(`${username} to ${host}:${port}`);
    if (host === 'nowhere') return undefined;
    const tunnel = new Tunnel();
    this.tunnels.push(tunnel);
    if (host === 'silent') tunnel.freeze('swallows');
    tunnel.near.on('close', () => tunnel.far.destroy());
    tunnel.far.on('close', () => tunnel.near.destroy());
    this.world.server?.accept(tunnel.far);
    return tunnel.near;
  }

  /** Plays a story; nothing may be left of it. */
  async play(story: (world: World) => Promise<void>): Promise<World> {
    const { world } = this;
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

  /** What a dial that fails comes to. */
  async failure(options: ConnectOptions): Promise<SshError> {
    let failed: unknown;
    await this.play(async (world) => {
      failed = await world.connect(options).then(
        (client) => client.close(),
        (error: unknown) => error,
      );
    });
    if (!(failed instanceof SshError)) throw new Error('it did not fail', { cause: failed });
    return failed;
  }
}

describe('via', () => {
  it('dials each hop through the one before, and all end with the connection', async () => {
    const chained = new Chained();
    await chained.play(async (world) => {
      const client = await world.connect(chain);
      expect((await client.run('both')).code).toBe(3);
      expect(liveConnections().filter(({ role }) => role === 'client')).toHaveLength(3);
      await client.close();
      expect(liveConnections().filter(({ role }) => role === 'client')).toEqual([]);
    });
    expect(chained.opened).toEqual(['user to inner:2222', 'ops to target:22']);
  });

  it('takes one hop, options of its own, a client, and hops that have a way of their own', async () => {
    const ways: [Hop | readonly Hop[], string[]][] = [
      ['me@bastion:2222', ['me to target:22']],
      [{ host: 'bastion', username: 'me' }, ['me to target:22']],
      [[], []],
      [
        [{ host: 'c', via: [{ host: 'b', via: 'one@a' }] }, 'd'],
        ['one to b:22', 'user to c:22', 'user to d:22', 'user to target:22'],
      ],
    ];
    for (const [via, opened] of ways) {
      const chained = new Chained();
      await chained.play(async (world) => {
        const client = await world.connect({ host: 'target', via });
        expect((await client.run('both')).code).toBe(3);
        await client.close();
      });
      expect(chained.opened).toEqual(opened);
    }
    const chained = new Chained();
    await chained.play(async (world) => {
      const own = await world.connect({ host: 'bastion' });
      const client = await world.connect({ host: 'target', via: [own, 'inner'] });
      await client.close();
      // What was not dialled for the connection does not end with it.
      expect((await own.run('both')).code).toBe(3);
      await own.close();
    });
    expect(chained.opened).toEqual(['user to inner:22', 'user to target:22']);
  });

  it('has each hop checked by its own verifier, with its own name', async () => {
    const asked: string[] = [];
    const say = (who: string) => (info: { readonly host: string; readonly port: number }) => {
      asked.push(`${who}: ${info.host}:${info.port}`);
      return true;
    };
    await new Chained().play(async (world) => {
      const via = ['bastion', { host: 'inner', port: 23, verifyHostKey: say('its own') }];
      const client = await world.connect({ host: 'target', via, verifyHostKey: say('all') });
      await client.close();
    });
    expect(asked).toEqual(['all: bastion:22', 'its own: inner:23', 'all: target:22']);
  });

  it('gives a hop the keys of the target, and no password', async () => {
    const seen: string[] = [];
    const chained = new Chained({
      server: {
        authentication: {
          publicKey: (username) => {
            seen.push(`key of ${username}`);
            return username === 'user';
          },
          password: (username, password) => {
            seen.push(`${password} of ${username}`);
            return password === 'of bastion' || password === 'of target';
          },
        },
        failureDelay: 0,
      },
    });
    const key = toyKey(new Uint8Array(32).fill(7));
    const password = 'of target';
    const failed = await chained.failure({ host: 'target', via: 'ops@bastion', privateKey: key, password });
    expect(failed).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED', host: 'bastion', port: 22 });
    expect(seen.filter((line) => line.includes('target'))).toEqual([]);
    const auth = [
      { method: 'password', password },
      { method: 'publickey', privateKey: key },
    ] as const;
    for (const [hop, opened] of [
      ['bastion', 'user to target:22'],
      [{ host: 'bastion', username: 'ops', password: 'of bastion' }, 'ops to target:22'],
    ] as const) {
      const again = new Chained({ server: { failureDelay: 0 } });
      await again.play(async (world) => {
        const client = await world.connect({ host: 'target', via: hop, auth });
        await client.close();
      });
      expect(again.opened).toEqual([opened]);
    }
    expect(seen.filter((line) => line.includes('of target of ops'))).toEqual([]);
  });

  it('fails by the error of a hop, which names it and its place on the way', async () => {
    const refused = await new Chained().failure({
      ...chain,
      via: ['bastion', { host: 'inner', verifyHostKey: () => false }],
    });
    expect(refused).toMatchObject({ code: 'ERR_SSH_HOST_KEY_REJECTED', host: 'inner', port: 22 });
    expect(refused.message).toMatch(/inner.*; this is hop 2 of 2 on the way to target:22$/s);
    const closed = await new Chained().failure({ ...chain, via: ['bastion', 'nowhere:23'] });
    expect(closed).toMatchObject({ code: 'ERR_SSH_CHANNEL_OPEN_FAILED', host: 'nowhere', port: 23 });
    expect(closed.message).toMatch(/^nowhere:23: no connection through bastion:22: .*; this is hop 2 of 2/);
    const last = await new Chained().failure({ host: 'nowhere', via: 'bastion' });
    expect(last).toMatchObject({ code: 'ERR_SSH_CHANNEL_OPEN_FAILED', host: 'nowhere' });
    expect(last.message).toBe(
      `nowhere:22: no connection through bastion:22: ${last.message.split(': ').slice(2).join(': ')}`,
    );
    const down = await new Chained({ bastion: { manner: 'refuse' } }).failure(chain);
    expect(down).toMatchObject({ code: 'ERR_SSH_CONNECT', host: 'bastion', port: 22 });
    expect(down.message).toMatch(/; this is hop 1 of 2 on the way to target:22$/);
  });

  it('has one deadline for the whole dial, whichever hop is silent', async () => {
    // A hop whose name is silent is reached, and says nothing.
    for (const via of [
      ['bastion', 'silent', 'inner'],
      ['bastion', 'silent'],
      ['bastion', 'inner', 'silent'],
    ]) {
      const failed = await new Chained().failure({ host: 'target', via, timeout: 4_000 });
      expect(failed).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification', host: 'silent' });
      expect(failed.elapsed).toBeLessThanOrEqual(4_000);
    }
    const slow = new Chained({
      bastion: { manner: 'serve', plan: { toClient: { delay: 300 }, toServer: { delay: 300 } } },
    });
    const failed = await slow.failure({ host: 'silent', via: 'bastion', timeout: 5_000 });
    // The time of the hop is a part of the dial's.
    expect(failed).toMatchObject({ code: 'ERR_SSH_TIMEOUT', host: 'silent', deadline: 5_000 });
    expect(failed.elapsed).toBeGreaterThanOrEqual(5_000);
    expect(failed.elapsed).toBeLessThan(5_001);
  });

  it('ends as a whole when any of its connections does', async () => {
    for (const which of [0, 1, 2]) {
      let cause: SshError | undefined;
      await new Chained().play(async (world) => {
        const client = await world.connect(chain);
        const running = world.call('run', () => client.run('wait'));
        const servers = world.server?.connections() ?? [];
        servers[which]?.drop(new SshError('ERR_SSH_LIMIT', 'pulled', { origin: 'local' }));
        cause = await client.closed;
        await running;
      });
      expect(cause?.host).toBe('target');
      const through = cause?.cause as SshError | undefined;
      if (which < 2) {
        expect(cause).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
        const named = [through, through?.cause as SshError | undefined].map((each) => each?.host);
        expect(named).toContain(['bastion', 'inner'][which]);
      }
    }
  });

  it('leaves nothing behind, at whatever moment the dial is aborted', async () => {
    const steps = await new Chained().play(async (world) => {
      const client = await world.connect(chain);
      await client.close();
    });
    const { steps: length } = steps.clock;
    const moments = fc.integer({ min: 1, max: length });
    await fc.assert(
      fc.asyncProperty(moments, async (step) => {
        const abort = new AbortController();
        await new Chained().play(async (world) => {
          world.clock.atStep(step, () => abort.abort());
          const client = await world.call('connect', () => world.connect({ ...chain, signal: abort.signal }));
          await client?.close();
        });
      }),
      { numRuns: 60 },
    );
  });

  it('leaves nothing behind, at whatever byte the way falls silent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12_000 }),
        fc.constantFrom('toClient', 'toServer'),
        fc.constantFrom('stall', 'end', 'reset', 'drip'),
        async (offset, direction, kind) => {
          const plan = { [direction]: { fault: { offset, kind } } };
          const chained = new Chained({ bastion: { manner: 'serve', plan } });
          await chained.play(async (world) => {
            const client = await world.call('connect', () => world.connect({ ...chain }));
            if (client === undefined) return;
            await world.call('run', () => client.run('both'));
            client.destroy();
            await client.closed;
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused where it leads in a circle, or says what only the first hop can', async () => {
    const world = new World({ seed: 1 });
    const refusal = (options: ConnectOptions) =>
      world.connect(options).then(
        () => 'connected',
        (error: SshError) => `${error.code}: ${error.message}`,
      );
    const self: { host: string; via: Hop[] } = { host: 'a', via: [] };
    self.via.push(self);
    expect(await refusal({ via: self })).toMatch(
      /^ERR_SSH_OPTIONS: .*leads in a circle, or through more than 16/,
    );
    expect(await refusal({ via: ['b', 'a', 'user@A:22'] })).toBe(
      'ERR_SSH_OPTIONS: via leads from user@a:22 to itself; leave one of the two out',
    );
    expect(await refusal({ host: 'a', via: ['b', 'a'] })).toMatch(/to itself/);
    // Nothing is dialled: the hop behind them is what is wrong.
    const wrong = { host: 'z', hots: 1 } as Hop;
    for (const further of [
      ['a', 'b', 'a'],
      ['a', 'other@a'],
      ['a', 'a:2222'],
      // Two machines of one address, each in its own network.
      ['a', { host: 'a', verifyHostKey: () => true }],
    ]) {
      expect(await refusal({ via: [...further, wrong] })).toMatch(/there is no option "hots"/);
    }
    expect(await refusal({ via: Array.from({ length: 17 }, (_, i) => `h${i}`) })).toMatch(
      /more than 16 hops/,
    );
    expect(await refusal({ via: ['a', { host: 'b', proxy: 'socks5://p' }] })).toBe(
      'ERR_SSH_OPTIONS: via[1]: proxy is an option of the first hop; this one is reached through those before it',
    );
    expect(await refusal({ via: [{ host: 'a', hots: 1 } as Hop] })).toMatch(
      /^ERR_SSH_OPTIONS: via, hop 1: there is no option "hots"/,
    );
    expect(await refusal({ via: [{ host: 'a', signal: AbortSignal.abort() } as Hop] })).toMatch(
      /^ERR_SSH_OPTIONS: via\[0\]: there is no option "signal" of a hop/,
    );
    expect(await refusal({ via: ['a:99999'] })).toMatch(/^ERR_SSH_OPTIONS: via\[0\]: "99999" is not a port/);
    expect(await refusal({ via: [7 as unknown as Hop] })).toMatch(/^ERR_SSH_OPTIONS: via must be a client/);
    expect(await refusal({ via: ['a', {} as Hop] })).toMatch(/^ERR_SSH_OPTIONS: via, hop 2: host is missing/);
  });
});
