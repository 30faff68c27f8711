/**
 * The laws over random wires and random interference: 500 lives of
 * each kind here, any number with `npm run sim -- --runs 100000`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { abortReason, playWith } from './interfere.ts';
import { checkEnd, deadlinesAreAbsolute, nobodyWaitedTooLong } from './laws.ts';
import {
  anyPlans,
  coarsePlans,
  harmlessPlans,
  type Interference,
  interferences,
  quickPlans,
} from './plans.ts';
import { patience, rekeyBy, rekeyPlans } from './rekeys.ts';
import type { LinkPlan } from './simLink.ts';
import { World } from './world.ts';

const numRuns = Number(process.env['SIM_RUNS'] ?? 500);
const timeout = Math.max(60_000, numRuns * 1000);
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

async function life(seed: number, plan: LinkPlan, given: readonly Interference[] = []): Promise<World> {
  const world = new World({ seed, plan });
  checkEnd(world, await playWith(world, given));
  return world;
}

const reference = await life(1, {});

/** Windows that are smaller than what goes through them. */
const narrowness = fc
  .oneof(
    fc.integer({ min: 1, max: 8 }),
    fc.integer({ min: 9, max: 1000 }),
    fc.integer({ min: 1000, max: 40_000 }),
  )
  .map((windowSize) => ({ windowSize, maximumWindowSize: windowSize }));

const references = new Map<string, Promise<World>>();

/** A life of that size with nothing in its way. */
function referenceOf(size: number, beside: number): Promise<World> {
  const key = `${size} ${beside}`;
  let known = references.get(key);
  if (known === undefined) {
    const world = new World({ seed: 1 });
    known = playWith(world, [], { size, beside }).then((over) => {
      checkEnd(world, over);
      return world;
    });
    references.set(key, known);
  }
  return known;
}

describe('any wire and any moment', () => {
  it('does not let chunking, delay or interleaving change what the user sees', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(seeds, harmlessPlans, async (seed, plan) => {
        const world = await life(seed, plan);
        expect(byName(world)).toEqual(byName(reference));
      }),
      { numRuns },
    );
  });

  it('leaves nothing behind, whatever the wire does', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(seeds, anyPlans, async (seed, plan) => {
        const world = await life(seed, plan);
        nobodyWaitedTooLong(world);
        deadlinesAreAbsolute(world);
      }),
      { numRuns },
    );
  });

  it('ends an aborted call with the reason and lets the others be', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(seeds, harmlessPlans, interferences, async (seed, plan, given) => {
        const world = await life(seed, plan, [given]);
        const { action } = given;
        if (typeof action === 'object' && action.abort !== 'connect') onlyThatCallEnded(world, action.abort);
      }),
      { numRuns },
    );
  });

  it('leaves nothing behind when wire, user and exchanges of keys interfere', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        anyPlans,
        fc.array(interferences, { maxLength: 4 }),
        fc.option(rekeyPlans, { nil: {} }),
        async (seed, plan, given, rekeys) => {
          const { stop } = rekeyBy(rekeys);
          try {
            await life(seed, plan, given);
          } finally {
            stop();
          }
        },
      ),
      { numRuns },
    );
  });

  it('does not let exchanges of keys at any message of either side change what the user sees', {
    timeout,
  }, async () => {
    let most = 0;
    await fc.assert(
      fc.asyncProperty(seeds, quickPlans, rekeyPlans, async (seed, plan, rekeys) => {
        const { stop, exchanges } = rekeyBy(rekeys);
        try {
          const world = new World({ seed, plan, server: { limits: patience } });
          checkEnd(world, await playWith(world, [], { connect: { limits: patience } }));
          expect(byName(world)).toEqual(byName(reference));
        } finally {
          stop();
        }
        most = Math.max(most, exchanges());
      }),
      { numRuns: Math.ceil(numRuns / 6) },
    );
    // Both sides count, and the first exchange too.
    expect(most).toBeGreaterThan(40);
  });

  it('does not let windows from a byte on, stories larger than them, and many calls at once change it either', {
    timeout,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        coarsePlans,
        fc.record({ client: narrowness, server: narrowness }),
        fc.integer({ min: 0, max: 12 }),
        async (seed, plan, { client, server }, beside) => {
          // Several times the narrower window, and no more packets than a test has time for.
          const narrowest = Math.min(client.windowSize, server.windowSize);
          const size = narrowest < 64 ? 180 : narrowest < 4096 ? 9_000 : 90_000;
          const world = new World({ seed, plan, server: { limits: server } });
          checkEnd(world, await playWith(world, [], { connect: { limits: client }, size, beside }));
          expect(byName(world)).toEqual(byName(await referenceOf(size, beside)));
        },
      ),
      { numRuns: Math.ceil(numRuns / 12) },
    );
  });

  it('is the same life again from the same seed', async () => {
    const plan: LinkPlan = { toClient: { cut: 50, jitter: 20 }, toServer: { cut: 30, delay: 3 } };
    const [one, two] = [await life(5, plan), await life(5, plan)];
    expect(two.clock.steps).toBe(one.clock.steps);
    expect(two.clock.now()).toBe(one.clock.now());
    expect(two.results()).toEqual(one.results());
  });
});

/** What came of each call, in an order that does not depend on time. */
function byName(world: World): unknown {
  return Object.fromEntries(world.calls.map(({ name }, index) => [name, world.results()[index]]));
}

/** Calls that go on with what the aborted one began. */
const after: Readonly<Record<string, readonly string[]>> = {
  forward: ['forward data'],
  exec: ['exec read', 'exec exit'],
};

function onlyThatCallEnded(world: World, aborted: string): void {
  const expected = byName(reference) as Record<string, unknown>;
  const results = byName(world) as Record<string, unknown>;
  for (const [name, result] of Object.entries(expected)) {
    if (name === aborted || after[aborted]?.includes(name)) continue;
    expect(results[name], name).toEqual(result);
  }
  const call = world.calls.find(({ name }) => name === aborted);
  if (call?.outcome !== 'rejected' || !(call.error instanceof SshError)) return;
  if (call.error.code === 'ERR_SSH_ABORTED') expect(call.error.cause).toBe(abortReason);
}
