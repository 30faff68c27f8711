/** A tunnel that stays up, in virtual time: lost connections, dials that fail, programs that come meanwhile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { TunnelEvent, TunnelOptions } from '../../src/client/tunnel/options.ts';
import { Backoff, defaultRetry } from '../../src/client/tunnel/retry.ts';
import type { Tunnel } from '../../src/client/tunnel/tunnel.ts';
import { failuresAreTyped, nothingIsLeft } from './laws.ts';
import type { SimProgram } from './localNetwork.ts';
import type { Host } from './network.ts';
import { seeded } from './random.ts';
import { World } from './world.ts';

const echo = { host: 'echo', port: 7 };

class Tunnelled {
  readonly world: World;
  readonly events: TunnelEvent[] = [];
  host: Host = { manner: 'serve', plan: {} };
  refusesLogin = false;

  constructor(seed = 1) {
    this.world = new World({
      seed,
      hostOf: () => this.host,
      server: { authentication: { publicKey: () => !this.refusesLogin }, failureDelay: 0 },
    });
  }

  /** The states it was in, in order. */
  get states(): string {
    return this.events.map(({ state }) => state).join(' ');
  }

  /** The server loses all of its connections, and answers from now on as the host says. */
  lose(host: Host = this.host): void {
    this.host = host;
    const lost = new SshError('ERR_SSH_LIMIT', 'the server was stopped', { origin: 'local' });
    for (const connection of this.world.server?.connections() ?? []) connection.drop(lost);
  }

  dial(tunnel: Tunnel): SimProgram {
    return this.world.network.local.dial(tunnel.address);
  }

  /** Whether a program that comes now has its bytes echoed. */
  async works(tunnel: Tunnel): Promise<boolean> {
    const program = this.dial(tunnel);
    void program.write(utf8Encode('hello'));
    program.end();
    for (let waited = 0; waited < 60_000 && !program.isOver; waited += 50) await this.world.sleep(50);
    return program.fault === undefined && utf8Decode(program.received) === 'hello';
  }

  async play(
    story: (tunnel: Tunnel) => Promise<void>,
    options: TunnelOptions = {},
    connect: ConnectOptions = {},
  ): Promise<void> {
    const faults: unknown[] = [];
    const { world } = this;
    const over = await world.play(async () => {
      await world.startServer();
      let tunnel: Tunnel | undefined;
      try {
        const onState = (event: TunnelEvent): void => void this.events.push(event);
        tunnel = await world.openTunnel({ port: 0 }, echo, { onState, ...options }, connect);
        await story(tunnel);
      } catch (error) {
        faults.push(error);
      } finally {
        await tunnel?.close();
      }
    });
    if (faults.length > 0) throw faults[0];
    nothingIsLeft(world, over);
    failuresAreTyped(world);
    expect([world.network.local.listening, world.network.local.open]).toEqual([[], 0]);
  }

  async failure(options: TunnelOptions = {}, connect: ConnectOptions = {}): Promise<SshError> {
    const error = await this.play(() => Promise.resolve(), options, connect).then(
      () => new Error('it opened'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof SshError)) throw new Error('no typed error', { cause: error });
    return error;
  }
}

const gone: Host = { manner: 'refuse' };
const there: Host = { manner: 'serve', plan: {} };

describe('a tunnel', () => {
  it('dials again when its connection is lost, and its listener stays', async () => {
    const scene = new Tunnelled();
    await scene.play(async (tunnel) => {
      const { address } = tunnel;
      for (let loss = 0; loss < 5; loss++) {
        expect(await scene.works(tunnel)).toBe(true);
        scene.lose();
        await scene.world.sleep(5_000);
        expect([tunnel.state, tunnel.address]).toEqual(['up', address]);
      }
      expect(tunnel.inspect()).toMatchObject({ state: 'up', dials: 6, failures: 0, waits: [] });
      expect(tunnel.counters).toMatchObject({ accepted: 5, refused: 0, failed: 0 });
    });
    expect(scene.states).toBe(`connecting up${' waiting connecting up'.repeat(5)} closed`);
    const lost = scene.events.filter(({ state }) => state === 'waiting');
    expect(lost.map(({ error }) => error?.code)).toEqual(lost.map(() => 'ERR_SSH_CONNECTION_LOST'));
  });

  it('serves a program that comes while it begins to listen', async () => {
    const scene = new Tunnelled();
    const { local } = scene.world.network;
    const listen = local.listen.bind(local);
    let early: SimProgram | undefined;
    local.listen = async (place, accepted) => {
      const listener = await listen(place, accepted);
      early = local.dial(listener.place);
      void early.write(utf8Encode('early'));
      early.end();
      await scene.world.sleep(5);
      return listener;
    };
    await scene.play(async (tunnel) => {
      for (let waited = 0; waited < 5_000 && early?.isOver === false; waited += 50)
        await scene.world.sleep(50);
      expect([early?.fault, utf8Decode(early?.received ?? new Uint8Array(0))]).toEqual([undefined, 'early']);
      expect(tunnel.counters).toMatchObject({ accepted: 1, failed: 0 });
    });
  });

  it('waits longer after each connection that does not last, and begins anew behind one that does', async () => {
    const scene = new Tunnelled();
    const delays = (): number[] => scene.events.flatMap(({ retryIn }) => retryIn ?? []);
    await scene.play(
      async (tunnel) => {
        for (let loss = 0; loss < 8; loss++) {
          while (tunnel.state !== 'up') await scene.world.sleep(10);
          scene.lose();
          while (tunnel.state === 'up') await scene.world.sleep(1);
        }
        for (const [index, delay] of delays().entries()) {
          expect(delay).toBeGreaterThanOrEqual((500 * 2 ** index) / 2);
        }
        while (tunnel.state !== 'up') await scene.world.sleep(10);
        await scene.world.sleep(2 * (delays().at(-1) ?? 0) + 1_000);
        scene.lose();
        while (tunnel.state === 'up') await scene.world.sleep(1);
        expect(delays().at(-1)).toBeLessThanOrEqual(500);
      },
      { retry: { delay: 500, maxDelay: 10_000_000 } },
    );
  });

  it('waits longer after each dial that fails, up to a bound', async () => {
    const scene = new Tunnelled();
    await scene.play(
      async (tunnel) => {
        scene.lose(gone);
        await scene.world.sleep(300_000);
        const delays = scene.events.flatMap(({ retryIn }) => (retryIn === undefined ? [] : [retryIn]));
        const longest = delays.map((_, index) => Math.min(16_000, 1_000 * 2 ** index));
        delays.forEach((delay, index) => {
          expect(delay).toBeGreaterThanOrEqual((longest[index] ?? 0) / 2);
          expect(delay).toBeLessThanOrEqual(longest[index] ?? 0);
        });
        expect(delays.length).toBeGreaterThan(15);
        expect(tunnel.inspect()).toMatchObject({ state: 'waiting', connection: undefined });
        expect(tunnel.inspect().waits).toMatchObject([
          { name: 'queue', waitingFor: 'the time of the next dial' },
        ]);
        scene.host = there;
        await scene.world.sleep(16_000);
        expect(await scene.works(tunnel)).toBe(true);
        // One success is a new beginning.
        await scene.world.sleep(60_000);
        scene.lose();
        await scene.world.sleep(1_000);
        expect(tunnel.state).toBe('up');
      },
      { retry: { delay: 1_000, maxDelay: 16_000 } },
    );
  });

  it('holds what comes meanwhile until it is up, or its time is over, and reads nothing of it', async () => {
    const scene = new Tunnelled();
    await scene.play(
      async (tunnel) => {
        scene.lose(gone);
        await scene.world.sleep(10);
        const [early, late] = [scene.dial(tunnel), scene.dial(tunnel)];
        void early.write(utf8Encode('early'));
        await scene.world.sleep(10);
        expect(tunnel.connections.map(({ state, bytesOut }) => [state, bytesOut])).toEqual([
          ['opening', 0],
          ['opening', 0],
        ]);
        expect(tunnel.inspect().waits.map(({ waitingFor }) => waitingFor)).toContain(
          'the tunnel to be up, for a connection that is held',
        );
        await scene.world.sleep(3_990);
        const third = scene.dial(tunnel);
        await scene.world.sleep(1_010);
        // Five seconds are over for the first two.
        expect([early.fault, late.fault].map((fault) => fault?.message)).toEqual([
          'read ECONNRESET',
          'read ECONNRESET',
        ]);
        expect(third.isOver).toBe(false);
        scene.host = there;
        await scene.world.sleep(2_000);
        void third.write(utf8Encode('third'));
        await scene.world.sleep(100);
        expect(utf8Decode(third.received)).toBe('third');
        expect(tunnel.counters).toMatchObject({ accepted: 3, failed: 2 });
      },
      { holdTimeout: 5_000, retry: { delay: 500, maxDelay: 1_000 } },
    );
  });

  it('refuses what comes meanwhile where it is to hold nothing, and what is beyond its bound', async () => {
    const scene = new Tunnelled();
    const ends: (Error | undefined)[] = [];
    await scene.play(
      async (tunnel) => {
        scene.lose(gone);
        await scene.world.sleep(10);
        const program = scene.dial(tunnel);
        await scene.world.sleep(1);
        expect(program.fault).toBeDefined();
        expect(ends[0]).toMatchObject({ code: 'ERR_SSH_FORWARD' });
        expect(ends[0]?.message).toMatch(/^the tunnel 127\.0\.0\.1:\d+ to echo:7 is not up: .*/);
      },
      { holdTimeout: 0, onConnectionEnd: (_connection, error) => ends.push(error) },
    );
    const bounded = new Tunnelled();
    await bounded.play(
      async (tunnel) => {
        bounded.lose(gone);
        await bounded.world.sleep(10);
        const programs = Array.from({ length: 40 }, () => bounded.dial(tunnel));
        await bounded.world.sleep(1);
        expect(programs.filter(({ fault }) => fault === undefined)).toHaveLength(8);
        expect(tunnel.counters).toMatchObject({ accepted: 40, refused: 32 });
      },
      { maxConnections: 8 },
    );
  });

  it('never dials again after a wrong key or a refused login, and ends with that', async () => {
    for (const [refusesLogin, code] of [
      [true, 'ERR_SSH_AUTHENTICATION_FAILED'],
      [false, 'ERR_SSH_HOST_KEY_REJECTED'],
    ] as const) {
      const scene = new Tunnelled();
      let asked = 0;
      await scene.play(
        async (tunnel) => {
          const held = scene.dial(tunnel);
          await scene.world.sleep(10);
          scene.refusesLogin = refusesLogin;
          scene.lose();
          expect((await tunnel.closed).code).toBe(code);
          expect(tunnel.state).toBe('closed');
          expect(held.isOver).toBe(true);
          expect(scene.world.network.local.listening).toEqual([]);
          const dials = scene.world.connections.length;
          await scene.world.sleep(600_000);
          expect(scene.world.connections.length).toBe(dials);
        },
        {},
        { verifyHostKey: () => refusesLogin || asked++ === 0 },
      );
      expect(scene.events.at(-1)).toMatchObject({ state: 'closed', error: { code } });
    }
  });

  it('ends with its connection where it is not to dial again, and after as many failures as it may have', async () => {
    const once = new Tunnelled();
    await once.play(
      async (tunnel) => {
        once.lose();
        expect(await tunnel.closed).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
      },
      { retry: false },
    );
    expect(once.states).toBe('connecting up closed');
    const thrice = new Tunnelled();
    await thrice.play(
      async (tunnel) => {
        thrice.lose(gone);
        expect(await tunnel.closed).toMatchObject({ code: 'ERR_SSH_CONNECT' });
      },
      { retry: { attempts: 3 } },
    );
    expect(thrice.states).toBe(
      'connecting up waiting connecting waiting connecting waiting connecting closed',
    );
  });

  it('finds a path that is dead by keep-alive', async () => {
    const scene = new Tunnelled();
    await scene.play(
      async (tunnel) => {
        for (const wire of scene.world.network.wires) wire.silence();
        scene.host = there;
        const began = scene.world.clock.now();
        while (scene.events.at(-1)?.state !== 'waiting') await scene.world.sleep(100);
        expect(scene.world.clock.now() - began).toBeLessThanOrEqual(3_100);
        expect(scene.events.at(-1)?.error).toMatchObject({
          code: 'ERR_SSH_TIMEOUT',
          waitingFor: 'keepAlive',
        });
        await scene.world.sleep(5_000);
        expect(await scene.works(tunnel)).toBe(true);
      },
      {},
      { keepAlive: { interval: 1_000, maxMissed: 2 } },
    );
  });

  it('that cannot be opened is an error, and leaves no listener', async () => {
    const down = new Tunnelled();
    down.host = gone;
    expect(await down.failure()).toMatchObject({ code: 'ERR_SSH_CONNECT', host: 'server', port: 22 });
    const aborted = new AbortController();
    aborted.abort();
    expect(await new Tunnelled().failure({ signal: aborted.signal })).toMatchObject({
      code: 'ERR_SSH_ABORTED',
    });
    const refused = async (options: object, connect: object = {}): Promise<string> =>
      (await new Tunnelled().failure(options, connect)).message;
    expect(await refused({ retry: { delay: 0 } })).toMatch(/^retry\.delay must be a positive number/);
    expect(await refused({ retry: { delays: 0 } })).toMatch(
      /there is no option "retry\.delays"; did you mean retry\.delay\?/,
    );
    expect(await refused({ holdTimeout: -1 })).toMatch(/^holdTimeout must be a number of milliseconds, or 0/);
    expect(await refused({ onStates: 1 })).toMatch(
      /there is no option "onStates" of openTunnel; did you mean onState\?/,
    );
  });

  it('is ended by its signal at whatever moment, and whatever its listeners throw changes nothing', async () => {
    const whole = new Tunnelled();
    await whole.play(async (tunnel) => {
      whole.lose();
      await whole.world.sleep(2_000);
      expect(await whole.works(tunnel)).toBe(true);
    });
    const { steps } = whole.world.clock;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: steps }), async (step) => {
        const scene = new Tunnelled();
        const abort = new AbortController();
        scene.world.clock.atStep(step, () => abort.abort(new Error('enough')));
        const opened = scene.play(
          async (tunnel) => {
            scene.lose();
            await scene.world.sleep(2_000);
            void scene.dial(tunnel);
            expect(await tunnel.closed).toMatchObject({
              ...{ code: 'ERR_SSH_ABORTED', host: 'server', port: 22 },
              message: expect.stringMatching(/^server:22: aborted by the caller: enough$/),
            });
          },
          {
            signal: abort.signal,
            onState: () => {
              throw new Error('a listener');
            },
            onConnection: () => Promise.reject(new Error('another')),
          },
        );
        await opened.catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', cause: abort.signal.reason });
          // Said once, however many parts of it are told.
          expect((error as Error).message.match(/aborted by the caller/g)).toHaveLength(1);
        });
      }),
      { numRuns: 25 },
    );
  });

  it('answers or refuses every program in its time, whatever happens to the server', async () => {
    const loss = fc.record({
      after: fc.integer({ min: 0, max: 4_000 }),
      down: fc.integer({ min: 0, max: 6_000 }),
    });
    const programs = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(loss, { maxLength: 6 }),
        programs,
        fc.nat(1000),
        async (losses, arrivals, seed) => {
          const scene = new Tunnelled(seed);
          const holdTimeout = 3_000;
          await scene.play(
            async (tunnel) => {
              const happenings = (async () => {
                for (const { after, down } of losses) {
                  await scene.world.sleep(after);
                  scene.lose(down === 0 ? there : gone);
                  await scene.world.sleep(down);
                  scene.host = there;
                }
              })();
              const served = arrivals.map(async (at) => {
                await scene.world.sleep(at);
                const program = scene.dial(tunnel);
                void program.write(utf8Encode('hello'));
                program.end();
                const began = scene.world.clock.now();
                while (!program.isOver) await scene.world.sleep(20);
                expect(scene.world.clock.now() - began).toBeLessThanOrEqual(holdTimeout + 20);
                if (program.fault === undefined) expect(utf8Decode(program.received)).toBe('hello');
              });
              await Promise.all([happenings, ...served]);
              await scene.world.sleep(5_000);
              expect(await scene.works(tunnel)).toBe(true);
              expect(tunnel.connections).toEqual([]);
            },
            { holdTimeout, retry: { delay: 200, maxDelay: 1_000 } },
          );
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('the back-off', () => {
  it('stays within its bounds, and begins anew only behind a connection that lasted', () => {
    const policies = fc.record({
      delay: fc.integer({ min: 1, max: 5_000 }),
      maxDelay: fc.integer({ min: 5_000, max: 60_000 }),
      attempts: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(policies, fc.nat(), (policy, seed) => {
        const backoff = new Backoff(policy, seeded(seed));
        const delays: number[] = [];
        for (let next = backoff.next(); next !== undefined; next = backoff.next()) delays.push(next);
        expect(delays).toHaveLength(policy.attempts);
        for (const [index, delay] of delays.entries()) {
          const longest = Math.min(policy.maxDelay, policy.delay * 2 ** index);
          expect(delay).toBeLessThanOrEqual(longest);
          expect(delay).toBeGreaterThanOrEqual(longest / 2);
        }
        backoff.stood(0);
        expect(backoff.next()).toBeUndefined();
        backoff.stood(3 * (delays.at(-1) ?? 0));
        expect(backoff.next()).toBeLessThanOrEqual(policy.delay);
      }),
    );
  });

  it('tells those who lost the same server apart', () => {
    const first = Array.from({ length: 50 }, (_, seed) => new Backoff(defaultRetry, seeded(seed)).next());
    expect(new Set(first).size).toBeGreaterThan(40);
  });
});
