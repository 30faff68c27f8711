/**
 * Law 2: deadlines are absolute. A byte now and then gains nothing, at any rate.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultDialTimeout, defaultTimeouts } from '../../src/base/timeouts.ts';
import { checkEnd, deadlinesAreAbsolute } from './laws.ts';
import { wholeLife } from './stories.ts';
import { patientServer, World } from './world.ts';

/** When a dial ended to a server whose bytes come one at a time, with so many milliseconds between. */
async function dialled(gap: number): Promise<World> {
  const world = new World({ seed: 1, server: patientServer, plan: { toClient: { cut: 1, gap } } });
  const over = await world.play(async () => {
    await world.startServer();
    const client = await world.call('connect', () => world.connect());
    client?.destroy();
  });
  checkEnd(world, over);
  return world;
}

describe('a server that drips', () => {
  it('has until the identification deadline to identify itself', async () => {
    const world = await dialled(1000);
    const [call] = world.calls;
    expect(call?.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification' });
    expect(call?.endedAt).toBe(defaultTimeouts.identification);
  });

  it('has until the key exchange deadline to exchange keys', async () => {
    const world = await dialled(100);
    expect(world.calls[0]?.error).toMatchObject({
      waitingFor: 'keyExchange',
      elapsed: defaultTimeouts.keyExchange,
    });
  });

  it('has until the dial deadline for all of it, at any rate', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20_000 }), async (gap) => {
        const [call] = (await dialled(gap)).calls;
        expect(call?.endedAt).toBeLessThanOrEqual(defaultDialTimeout);
        // Between the two, which deadline comes first is a matter of bytes.
        if (gap <= 10) expect(call?.outcome).toBe('fulfilled');
        if (gap >= 100) expect(call?.outcome).toBe('rejected');
      }),
      { numRuns: 100 },
    );
  });
});

describe('a peer that begins to drip in the midst of a life', () => {
  async function live(way: 'toServer' | 'toClient', offset: number, gap: number): Promise<World> {
    const fault = { offset, gap, kind: 'drip' } as const;
    const world = new World({ seed: 1, server: patientServer, plan: { [way]: { fault } } });
    const over = await world.play(async () => {
      await world.startServer();
      await wholeLife(world);
    }, 40 * 3_600_000);
    checkEnd(world, over);
    deadlinesAreAbsolute(world);
    return world;
  }

  for (const way of ['toServer', 'toClient'] as const) {
    it(`gains no call more time than its own, ${way} from any byte on`, { timeout: 120_000 }, async () => {
      const { network } = await live(way, Number.MAX_SAFE_INTEGER, 1);
      const total = network.wires[0]?.arrived[way] ?? 0;
      expect(total).toBeGreaterThan(3000);
      const ends = new Set<unknown>();
      for (let offset = 0; offset < total; offset += 127) {
        for (const gap of [5, 500, 4_000]) {
          const world = await live(way, offset, gap);
          for (const { error } of world.calls) {
            if (error instanceof SshError) ends.add(error.waitingFor);
          }
        }
      }
      // Slow bytes run out of each of these somewhere.
      for (const wait of ['keyExchange', 'channelOpen', 'request']) expect([...ends]).toContain(wait);
    });
  }
});
