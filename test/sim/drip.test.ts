/**
 * Law 2: deadlines are absolute. A byte now and then gains nothing, at any rate.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultDialTimeout, defaultTimeouts } from '../../src/base/timeouts.ts';
import { checkEnd } from './laws.ts';
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
