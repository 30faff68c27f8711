/** Waits that belong to no connection. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitKeeper } from '../../src/io/waitKeeper.ts';
import { VirtualClock } from '../support/virtualClock.ts';

describe('a keeper of waits', () => {
  it('tells of each wait once, at its time, and has one timer for all of them', async () => {
    const step = fc.oneof(
      fc.record({ start: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ finish: fc.nat(9) }),
      fc.record({ pass: fc.integer({ min: 0, max: 20 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const clock = new VirtualClock();
        const keeper = new WaitKeeper(clock);
        const told: string[] = [];
        const expected: { readonly name: string; readonly at: number; isOpen: boolean }[] = [];
        const waits: ReturnType<WaitKeeper['start']>[] = [];
        for (const one of steps) {
          if ('start' in one) {
            const name = `${expected.length}`;
            const at = clock.now() + one.start;
            const entry = { name, at, isOpen: true };
            expected.push(entry);
            waits.push(
              keeper.start('queue', name, one.start, () => {
                expect(clock.now()).toBe(at);
                entry.isOpen = false;
                told.push(name);
              }),
            );
          } else if ('finish' in one) {
            keeper.finish(waits[one.finish]);
            const entry = expected[one.finish];
            if (entry !== undefined) entry.isOpen = false;
          } else {
            const until = clock.now() + one.pass;
            await clock.run({ until });
            clock.block(until - clock.now());
          }
          const open = expected.filter(({ isOpen }) => isOpen);
          expect(keeper.list()).toEqual(
            open.map(({ name, at }) => ({
              name: 'queue',
              waitingFor: name,
              elapsed: expect.any(Number),
              remaining: at - clock.now(),
            })),
          );
          expect(clock.liveTimers).toBe(open.length === 0 ? 0 : 1);
        }
        expect(new Set(told).size).toBe(told.length);
        keeper.clear();
        expect([keeper.list(), clock.liveTimers]).toEqual([[], 0]);
      }),
    );
  });

  it('does not tell of a wait that another one ended, and takes new ones meanwhile', async () => {
    const clock = new VirtualClock();
    const keeper = new WaitKeeper(clock);
    const told: string[] = [];
    keeper.start('queue', 'first', 10, () => {
      told.push('first');
      keeper.finish(second);
      keeper.start('queue', 'third', 5, () => void told.push(`third at ${clock.now()}`));
    });
    const second = keeper.start('queue', 'second', 10, () => void told.push('second'));
    keeper.start('queue', 'never', Number.POSITIVE_INFINITY, () => void told.push('never'));
    await clock.run();
    expect(told).toEqual(['first', 'third at 15']);
    expect(keeper.list().map(({ waitingFor }) => waitingFor)).toEqual(['never']);
    expect(clock.liveTimers).toBe(0);
  });
});
