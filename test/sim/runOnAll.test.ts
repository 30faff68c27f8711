/**
 * One command on many simulated hosts, of which some do anything but answer.
 */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { RunOnAllOptions } from '../../src/client/fleet/options.ts';
import type { FleetResult } from '../../src/client/fleet/runOnAll.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { abortReason } from './interfere.ts';
import { checkEnd, longestSilence } from './laws.ts';
import type { Host } from './network.ts';
import { anyPlans } from './plans.ts';
import { seeded } from './random.ts';
import { patientServer, World } from './world.ts';

const numRuns = Number(process.env['SIM_RUNS'] ?? 60);
const timeout = Math.max(60_000, numRuns * 1000);
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** A host of any manner, on any wire. */
const hosts: fc.Arbitrary<Host> = fc.oneof(
  {
    weight: 3,
    arbitrary: anyPlans.map((plan) => ({ manner: 'serve' as const, plan })),
  },
  { weight: 3, arbitrary: fc.constant({ manner: 'serve' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('silent', 'refuse', 'blackhole').map((manner) => ({ manner }) as const),
  },
);
const fleets = fc.array(hosts, { minLength: 0, maxLength: 40 });
/** Fewer than there are hosts, and more. */
const concurrencies = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 7, max: 64 }));

interface Fleet {
  readonly world: World;
  readonly names: readonly string[];
}

function fleetOf(seed: number, members: readonly Host[]): Fleet {
  const names = members.map((_, index) => `host-${index}`);
  const world = new World({
    seed,
    server: { ...patientServer, maxConnections: 100 },
    hostOf: (name) => members[Number(name.slice(5))] ?? { manner: 'refuse' },
  });
  return { world, names };
}

/** Client connections that live now. */
function clients(): number {
  return liveConnections().filter((connection) => connection.snapshot().role === 'client').length;
}

/** Plays a story; returns the most client connections there were after any step. */
async function play(world: World, story: () => Promise<void>): Promise<number> {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, clients());
    world.clock.atStep(world.clock.steps + 1, look);
  };
  look();
  const over = await world.play(async () => {
    await world.startServer();
    await story();
    await world.server?.close();
  });
  checkEnd(world, over);
  return most;
}

async function collect(
  { world, names }: Fleet,
  results: FleetResult<string>[],
  options: RunOnAllOptions = {},
): Promise<void> {
  for await (const result of world.runOnAll(names, 'both', options)) results.push(result);
}

describe('one command on a fleet', () => {
  it('has one result for each target, in no more connections than allowed', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fleets, concurrencies, async (seed, members, concurrency) => {
        const fleet = fleetOf(seed, members);
        const results: FleetResult<string>[] = [];
        const most = await play(fleet.world, () => collect(fleet, results, { concurrency }));
        expect(most).toBeLessThanOrEqual(concurrency);
        expect(results.map(({ target }) => target).sort()).toEqual([...fleet.names].sort());
        for (const result of results) {
          expect(result.target).toBe(`host-${result.index}`);
          expect(timeOf(result)).toBeLessThanOrEqual(result.elapsed + 0.001);
          if (result.ok) {
            expect(result.code).toBe(3);
            expect([result.stdout.length, result.stderr.length]).not.toContain(0);
          } else {
            expect(result.error).toBeInstanceOf(SshError);
            expect(result.error.code).not.toBe('ERR_SSH_INTERNAL');
          }
        }
      }),
      { numRuns },
    );
  });

  it('gives the good ones their result, whatever the others do', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fleets, async (seed, members) => {
        const fleet = fleetOf(seed, members);
        const results: FleetResult<string>[] = [];
        await play(fleet.world, () => collect(fleet, results, { concurrency: 3 }));
        const good = fleet.names.filter((_, index) => isGood(members[index]));
        const succeeded = results.filter(({ ok }) => ok).map(({ target }) => target);
        expect(succeeded).toEqual(expect.arrayContaining(good));
      }),
      { numRuns },
    );
  });

  it('rejects with the reason of an abort at any moment, and leaves nothing', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fleets,
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 1, max: 6 }),
        async (seed, members, step, concurrency) => {
          const fleet = fleetOf(seed, members);
          const aborter = new AbortController();
          let abortedAt: number | undefined;
          fleet.world.clock.atStep(step, () => {
            abortedAt = fleet.world.clock.now();
            aborter.abort(abortReason);
          });
          const results: FleetResult<string>[] = [];
          await play(fleet.world, async () => {
            const { signal } = aborter;
            try {
              await collect(fleet, results, { concurrency, signal });
              expect(results.length).toBe(members.length);
            } catch (error) {
              expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', cause: abortReason });
              // Destroyed, not said goodbye to: nothing of it waits for anybody.
              expect(fleet.world.clock.now() - (abortedAt ?? 0)).toBeLessThanOrEqual(1);
            }
            expect(clients()).toBe(0);
            expect(getEventListeners(signal, 'abort')).toEqual([]);
          });
          expect(new Set(results.map(({ target }) => target)).size).toBe(results.length);
        },
      ),
      { numRuns },
    );
  });

  it('ends with a loop that is left early, and leaves nothing', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fleets.filter(({ length }) => length > 0),
        fc.nat(11),
        async (seed, members, taken) => {
          const fleet = fleetOf(seed, members);
          await play(fleet.world, async () => {
            let count = 0;
            for await (const _ of fleet.world.runOnAll(fleet.names, 'both', { concurrency: 4 })) {
              if (count++ >= taken % members.length) break;
            }
            expect(clients()).toBe(0);
          });
        },
      ),
      { numRuns },
    );
  });

  it('holds the rest back while nobody takes results', async () => {
    const members = Array.from({ length: 20 }, (): Host => ({ manner: 'serve' }));
    const fleet = fleetOf(1, members);
    const { world } = fleet;
    await play(world, async () => {
      const results = world.runOnAll(fleet.names, 'both', { concurrency: 3 });
      await results.next();
      await world.sleep(600_000);
      // The one that was taken, and three that lie ready.
      expect(world.connections.filter((each) => each.snapshot().role === 'client').length).toBe(4);
      await results.return();
    });
  });

  it('asks a source that is asynchronous for the next target when there is room', async () => {
    const fleet = fleetOf(
      1,
      Array.from({ length: 6 }, (): Host => ({ manner: 'serve' })),
    );
    const { world, names } = fleet;
    const asked: number[] = [];
    let isClosed = false;
    async function* source(): AsyncGenerator<string> {
      try {
        for (const name of names) {
          asked.push(clients());
          yield name;
          await world.sleep(5);
        }
      } finally {
        isClosed = true;
      }
    }
    await play(world, async () => {
      let count = 0;
      for await (const { ok } of world.runOnAll(source(), 'both', { concurrency: 2 })) {
        expect(ok).toBe(true);
        if (++count === 4) break;
      }
    });
    expect(Math.max(...asked)).toBeLessThan(2);
    expect(isClosed).toBe(true);
  });

  it('says of a function that failed for a target that it did, and why', async () => {
    const fleet = fleetOf(1, [{ manner: 'serve' }]);
    await play(fleet.world, async () => {
      const fault = new Error('mine');
      for (const work of [() => Promise.reject(fault), () => thrown(fault)]) {
        const results: unknown[] = [];
        for await (const result of fleet.world.workOnAll(fleet.names, work)) results.push(result);
        expect(results).toMatchObject([
          {
            ok: false,
            error: {
              ...{ code: 'ERR_SSH_CALLBACK', host: 'host-0', cause: fault },
              message: 'host-0:22: the function of runOnAll failed: mine',
            },
          },
        ]);
      }
    });
  });

  it('rejects with the fault of its source once all that was begun has its result', async () => {
    const fleet = fleetOf(1, [{ manner: 'serve' }, { manner: 'silent' }]);
    const fault = new Error('the list is gone');
    function* source(): Generator<string> {
      yield* fleet.names;
      throw fault;
    }
    await play(fleet.world, async () => {
      const results: FleetResult<string>[] = [];
      const all = async (): Promise<void> => {
        for await (const result of fleet.world.runOnAll(source(), 'both')) results.push(result);
      };
      await expect(all()).rejects.toBe(fault);
      expect(results.map(({ target, ok }) => [target, ok])).toEqual([
        ['host-0', true],
        ['host-1', false],
      ]);
    });
  });
});

function thrown(fault: Error): never {
  throw fault;
}

describe('2,110 targets that accept and never speak', () => {
  it('are all told of by the identification deadline', { timeout: 60_000 }, async () => {
    const count = 2110;
    const fleet = fleetOf(
      1,
      Array.from({ length: count }, (): Host => ({ manner: 'silent' })),
    );
    const results: FleetResult<string>[] = [];
    const over = await fleet.world.play(() => collect(fleet, results, { concurrency: count }));
    checkEnd(fleet.world, over);
    expect(results.length).toBe(count);
    expect(new Set(results.map(({ target }) => target)).size).toBe(count);
    for (const result of results) {
      expect(result).toMatchObject({
        ok: false,
        error: { code: 'ERR_SSH_TIMEOUT', phase: 'identification' },
        elapsed: defaultTimeouts.identification,
      });
    }
  });
});

describe('a stream of targets, 100 a minute', () => {
  it('stays flat though 3 % are silent', { timeout: 300_000 }, async () => {
    const minutes = Number(process.env['SIM_MINUTES'] ?? 3);
    const gap = 600;
    const random = seeded(5);
    const silent = new Set(Array.from({ length: 2000 }, (_, host) => host).filter(() => random() < 0.03));
    const world = new World({
      seed: 1,
      hostOf: (name) => ({ manner: silent.has(Number(name.slice(5))) ? 'silent' : 'serve' }),
    });
    let most = 0;
    async function* source(): AsyncGenerator<string> {
      for (let request = 0; request < minutes * 100; request++) {
        yield `host-${Math.floor(random() * 2000)}`;
        await world.sleep(gap);
        most = Math.max(most, clients(), world.clock.liveTimers);
        world.forget();
      }
    }
    const tally = { served: 0, silent: 0 };
    const over = await world.play(
      async () => {
        await world.startServer();
        for await (const { ok, target } of world.runOnAll(source(), 'both', { concurrency: 50 })) {
          expect(ok).toBe(!silent.has(Number(target.slice(5))));
          tally[ok ? 'served' : 'silent']++;
        }
        await world.server?.close();
      },
      (minutes + 60) * 60_000,
    );
    expect(over).toBe(true);
    expect(tally.served + tally.silent).toBe(minutes * 100);
    expect(tally.silent).toBeGreaterThan(minutes);
    // What the silent ones among the dials of one deadline leave waiting, at any time.
    expect(most).toBeLessThan(defaultTimeouts.identification / gap);
    expect(clients() + world.clock.liveTimers).toBe(0);
  });
});

describe('the result of a target', () => {
  const plan = { toServer: { delay: 10 }, toClient: { delay: 10 } };

  async function only(host: Host, options: RunOnAllOptions = {}): Promise<FleetResult<string>> {
    const fleet = fleetOf(1, [host]);
    const results: FleetResult<string>[] = [];
    await play(fleet.world, () => collect(fleet, results, options));
    const [result] = results;
    if (result === undefined) throw new Error('there is no result');
    return result;
  }

  it('tells how long each phase took', async () => {
    const result = await only({ manner: 'serve', plan });
    expect(result.ok).toBe(true);
    expect(Object.keys(result.timings)).toEqual([
      'connect',
      'identification',
      'keyExchange',
      'authentication',
      'command',
    ]);
    expect(result.timings.connect).toBe(20);
    expect(timeOf(result)).toBeCloseTo(result.elapsed, 6);
  });

  it('tells in which phase it failed, and when', async () => {
    const result = await only({ manner: 'silent', plan });
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'ERR_SSH_TIMEOUT', phase: 'identification', waitingFor: 'identification' },
      timings: { connect: 20 },
      elapsed: 20 + defaultTimeouts.identification,
    });
  });

  it('is the timeout of a command that takes too long', async () => {
    const fleet = fleetOf(1, [{ manner: 'serve', plan }]);
    const results: FleetResult<string>[] = [];
    await play(fleet.world, async () => {
      const options = { run: { timeout: 3_000 } };
      for await (const result of fleet.world.runOnAll(fleet.names, 'wait', options)) results.push(result);
    });
    expect(results).toMatchObject([
      { ok: false, error: { code: 'ERR_SSH_TIMEOUT', waitingFor: 'command', deadline: 3_000 } },
    ]);
    expect(results[0]?.elapsed).toBeLessThan(longestSilence);
  });
});

function isGood(host: Host | undefined): boolean {
  return host?.manner === 'serve' && host.plan === undefined;
}

function timeOf({ timings }: FleetResult<string>): number {
  return Object.values(timings).reduce((sum, time) => sum + time, 0);
}
