/**
 * Many targets in virtual time: the case that started it all, and 20 minutes of
 * steady work; four hours with SIM_MINUTES=240, as `npm run sim` has it.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { objectsInUse } from '../support/heap.ts';
import { seeded } from './random.ts';
import { World } from './world.ts';

describe('targets that accept and never speak', () => {
  it('2,110 dialled at once all end by the identification deadline, with one timer each meanwhile', async () => {
    const count = 2110;
    const world = new World({
      seed: 1,
      hostOf: () => ({ manner: 'silent', plan: { toServer: { delay: 2 } } }),
    });
    const dials: Promise<unknown>[] = [];
    const over = await world.play(async () => {
      for (let i = 0; i < count; i++) {
        dials.push(world.call(`dial ${i}`, () => world.connect({ host: `host-${i}` })));
      }
      await world.sleep(5_000);
      expect(liveConnections().length).toBe(count);
      expect(world.clock.liveTimers).toBe(count);
      await Promise.all(dials);
    });
    expect(over).toBe(true);
    for (const { outcome, startedAt, endedAt = 0, error } of world.calls) {
      expect(outcome).toBe('rejected');
      expect(error).toBeInstanceOf(SshError);
      expect(error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'identification',
        phase: 'identification',
      });
      expect(endedAt - startedAt).toBe(2 + defaultTimeouts.identification);
    }
    expect(liveConnections()).toEqual([]);
    expect(world.clock.liveTimers).toBe(0);
    expect(world.network.wires.every(({ client }) => client.isGone)).toBe(true);
  });
});

describe('hours of 100 requests a minute', () => {
  const minutes = Number(process.env['SIM_MINUTES'] ?? 20);
  it('stay flat though 3 % of the targets are silent', { timeout: minutes * 15_000 }, async () => {
    const perMinute = 100;
    const random = seeded(3);
    const silent = new Set(Array.from({ length: 2000 }, (_, host) => host).filter(() => random() < 0.03));
    const world = new World({
      seed: 1,
      server: { maxConnections: 10_000 },
      hostOf: (name) => ({
        manner: silent.has(Number(name.slice(5))) ? 'silent' : 'serve',
        plan: { toServer: { delay: 5 }, toClient: { delay: 5 } },
      }),
    });
    const objects: number[] = [];
    const samples: { connections: number; timers: number }[] = [];
    const tally = { served: 0, silent: 0 };
    const request = async (host: number): Promise<void> => {
      try {
        const client = await world.connect({ host: `host-${host}` });
        const { code } = await client.run('both');
        expect(code).toBe(3);
        await client.close();
        tally.served++;
      } catch (error) {
        if (!silent.has(host)) throw error;
        expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
        tally.silent++;
      }
    };
    const over = await world.play(
      async () => {
        await world.startServer();
        for (let minute = 0; minute < minutes; minute++) {
          const requests: Promise<void>[] = [];
          for (let i = 0; i < perMinute; i++) {
            requests.push(request(Math.floor(random() * 2000)));
            await world.sleep(60_000 / perMinute);
          }
          samples.push({ connections: liveConnections().length, timers: world.clock.liveTimers });
          await Promise.all(requests);
          world.forget();
          if (minute % 5 === 4) objects.push(objectsInUse());
        }
      },
      (minutes + 60) * 60_000,
    );
    expect(over).toBe(true);
    expect(tally.served + tally.silent).toBe(minutes * perMinute);
    expect(tally.silent / (minutes * perMinute)).toBeGreaterThan(0.01);
    // At most what ten seconds of dials to silent targets leave waiting, at any time.
    for (const { connections, timers } of samples) {
      expect(connections).toBeLessThanOrEqual(20);
      expect(timers).toBeLessThanOrEqual(20);
    }
    expect(liveConnections()).toEqual([]);
    expect(world.clock.liveTimers).toBe(0);
    // What is under way at a minute's end differs by a few connections; one object kept of each request shows.
    const [, before = Number.NaN] = objects;
    expect((objects.at(-1) ?? Number.NaN) - before).toBeLessThan(perMinute);
  });
});
