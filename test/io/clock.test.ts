import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Agenda, type AgendaEntry } from '../../src/io/agenda.ts';
import { type Clock, createSystemClock, type Timer } from '../../src/io/clock.ts';
import { nodeClock } from '../../src/node/clock.ts';

describe('an agenda', () => {
  it('has first what is due first, whatever is put in and taken out in whatever order', () => {
    const operation = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ remove: fc.nat({ max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const agenda = new Agenda<AgendaEntry>();
        const entries: AgendaEntry[] = [];
        for (const step of operations) {
          if ('add' in step) {
            const entry = { at: step.add, place: -1 };
            entries.push(entry);
            agenda.add(entry);
          } else if (entries.length > 0) {
            const [removed] = entries.splice(step.remove % entries.length, 1);
            if (removed === undefined) continue;
            agenda.remove(removed);
            agenda.remove(removed);
          }
          expect(agenda.size).toBe(entries.length);
          const earliest = entries.length === 0 ? undefined : Math.min(...entries.map(({ at }) => at));
          expect(agenda.first?.at).toBe(earliest);
        }
      }),
    );
  });
});

describe('the clock of the process', () => {
  let clock: Clock;
  let told: string[];
  const sleep = (delay: number, name: string, then: () => void = () => {}): Timer =>
    clock.schedule(clock.now() + delay, {
      due: () => {
        told.push(name);
        then();
      },
    });

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    clock = createSystemClock();
    told = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells each sleeper once, the earliest first, and never too early', () => {
    sleep(30, 'late');
    sleep(10, 'early');
    sleep(20.5, 'between');
    vi.advanceTimersByTime(9);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual(['early']);
    vi.advanceTimersByTime(10);
    expect(told).toEqual(['early']);
    vi.advanceTimersByTime(1);
    expect(told).toEqual(['early', 'between']);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['early', 'between', 'late']);
  });

  it('sets one timer for all sleepers, and none when nobody sleeps', () => {
    const timers = Array.from({ length: 100 }, (_, i) => sleep(100 - i, 'never'));
    expect(vi.getTimerCount()).toBe(1);
    for (const timer of timers) timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
    sleep(10, 'told');
    vi.advanceTimersByTime(10);
    expect(told).toEqual(['told']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells those who still sleep when one is cancelled, whichever it is', () => {
    for (const cancelled of [0, 1, 2]) {
      told = [];
      const timers = [sleep(10, '0'), sleep(20, '1'), sleep(30, '2')];
      timers[cancelled]?.cancel();
      vi.advanceTimersByTime(50);
      expect(told).toEqual(['0', '1', '2'].filter((name) => name !== `${cancelled}`));
    }
  });

  it('asks the platform for no longer than it can sleep', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const timer = sleep(2 ** 33, 'never');
    expect(set.mock.calls.map(([, delay]) => delay)).toEqual([2 ** 31 - 1]);
    timer.cancel();
    set.mockRestore();
  });

  it('a timer that is cancelled by another sleeper of the same time is not told', () => {
    const other = sleep(11, 'cancelled');
    sleep(10, 'cancels', () => other.cancel());
    vi.advanceTimersByTime(50);
    expect(told).toEqual(['cancels']);
  });

  it('one who sleeps again at once keeps nobody from being told', () => {
    const again = (): void => void (told.length < 5 && sleep(-1, 'again', again));
    sleep(10, 'again', again);
    sleep(10, 'other');
    vi.advanceTimersByTime(1000);
    expect(told).toContain('other');
    expect(told.filter((name) => name === 'again').length).toBeGreaterThan(2);
  });

  it('what a sleeper throws reaches the caller of the timer and no other sleeper', () => {
    sleep(10, 'throws', () => {
      throw new Error('from a sleeper');
    });
    sleep(10, 'other');
    expect(() => vi.advanceTimersByTime(10)).toThrow('from a sleeper');
    vi.advanceTimersByTime(10);
    expect(told).toEqual(['throws', 'other']);
  });

  it('waits longer than a timer of the platform can', () => {
    const month = 31 * 24 * 3_600_000;
    sleep(month, 'told');
    vi.advanceTimersByTime(month - 1);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual(['told']);
  });
});

describe('the clock of Node', () => {
  it('keeps nothing of the caller who happened to schedule first', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen = new Promise((resolve) => {
      storage.run('a request', () =>
        nodeClock.schedule(nodeClock.now(), { due: () => resolve(storage.getStore()) }),
      );
    });
    expect(await seen).toBeUndefined();
  });
});
