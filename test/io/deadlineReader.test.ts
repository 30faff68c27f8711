import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock, Sleeper, Timer } from '../../src/io/clock.ts';
import { DeadlineReader } from '../../src/io/deadlineReader.ts';
import { VirtualClock } from '../support/virtualClock.ts';

interface Scheduled {
  readonly at: number;
  readonly sleeper: Sleeper;
}

/** A clock moved by hand, whose polls for I/O happen when the test says so. */
class HandClock implements Clock {
  time = 0;
  readonly timers = new Set<Scheduled>();
  readonly polls: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  schedule(at: number, sleeper: Sleeper): Timer {
    const timer = { at, sleeper };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  afterPoll(callback: () => void): Timer {
    this.polls.push(callback);
    return {
      cancel: () => {
        const index = this.polls.indexOf(callback);
        if (index >= 0) this.polls.splice(index, 1);
      },
    };
  }

  moveTo(time: number): void {
    this.time = time;
    for (const timer of [...this.timers]) {
      if (timer.at > time) continue;
      this.timers.delete(timer);
      timer.sleeper.due();
    }
  }

  poll(): void {
    for (const callback of this.polls.splice(0)) callback();
  }
}

/** The outcome of a wait if it has one by now. */
async function settled<T>(promise: Promise<T>): Promise<T | 'pending'> {
  return Promise.race([promise, Promise.resolve().then(() => Promise.resolve('pending' as const))]);
}

describe('the deadline reader', () => {
  it('hands on what came before it was asked', async () => {
    const reader = new DeadlineReader(new HandClock());
    reader.push(Uint8Array.of(1));
    expect(await reader.fill(10)).toBe('data');
    expect(reader.take()).toEqual([Uint8Array.of(1)]);
    expect(reader.take()).toEqual([]);
  });

  it('expires only after the event loop has polled once more', async () => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    const wait = reader.fill(10);
    clock.moveTo(10);
    expect(await settled(wait)).toBe('pending');
    clock.poll();
    expect(await wait).toBe('expired');
  });

  it('an answer that lies unread at the deadline comes before the verdict', async () => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    const wait = reader.fill(10);
    clock.moveTo(5_000);
    reader.push(Uint8Array.of(7));
    clock.poll();
    expect(await wait).toBe('data');
  });

  it('a flood of bytes cannot hold off the verdict for ever', async () => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    let rounds = 0;
    let outcome: string = 'data';
    while (outcome === 'data' && rounds < 1000) {
      const wait = reader.fill(10);
      rounds++;
      clock.moveTo(11 + rounds);
      if (clock.polls.length > 0) {
        reader.push(Uint8Array.of(1));
        clock.poll();
      }
      outcome = await wait;
      reader.take();
    }
    expect(outcome).toBe('expired');
    expect(rounds).toBeLessThan(100);
  });

  it('a drip gains nothing in an event loop that goes round slowly', async () => {
    const clock = new VirtualClock();
    const reader = new DeadlineReader(clock);
    const dripped = (): void => {
      reader.push(Uint8Array.of(1));
      clock.block(50);
      clock.ioAt(clock.now(), dripped);
    };
    clock.ioAt(900, dripped);
    let outcome: string = 'data';
    const waiting = async (): Promise<void> => {
      while (outcome === 'data') {
        outcome = await reader.fill(1_000);
        reader.take();
      }
    };
    const waited = waiting();
    await clock.run({ until: 60_000, done: () => outcome !== 'data' });
    await waited;
    expect(outcome).toBe('expired');
    expect(clock.now()).toBeLessThanOrEqual(1_250);
  });

  it.each([
    ['kept here', 'data', (reader: DeadlineReader, chunk: Uint8Array) => reader.push(chunk)],
    [
      'taken by somebody else at once',
      'woken',
      (reader: DeadlineReader, chunk: Uint8Array) => reader.passed(chunk.length),
    ],
  ])('all that lies in the kernel at the deadline comes before the verdict: %s', async (_, outcome, give) => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    // One read a poll is the least there is, 32 are usual.
    for (let reads = 96; reads > 0; reads--) {
      const wait = reader.fill(10);
      clock.moveTo(5_000);
      give(reader, new Uint8Array(64 * 1024));
      expect(await wait).toBe(outcome);
      reader.take();
      if (reads % 2 === 0) clock.poll();
    }
    const last = reader.fill(10);
    clock.poll();
    clock.poll();
    expect(await last).toBe('expired');
  });

  it('keeps one timer at most, however often it waits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ deadline: fc.integer({ min: 1, max: 1000 }), step: fc.nat({ max: 20 }) }), {
          maxLength: 40,
        }),
        async (waits) => {
          const clock = new HandClock();
          const reader = new DeadlineReader(clock);
          for (const { deadline, step } of waits) {
            const wait = reader.fill(clock.time + deadline);
            expect(clock.timers.size).toBeLessThanOrEqual(1);
            clock.moveTo(clock.time + step);
            reader.push(Uint8Array.of(1));
            await wait;
            reader.take();
            expect(clock.timers.size).toBeLessThanOrEqual(1);
          }
          reader.close();
          expect(clock.timers.size + clock.polls.length).toBe(0);
        },
      ),
    );
  });

  it('a deadline that moves earlier is kept, one that moves later is not missed', async () => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    const early = reader.fill(1000);
    reader.retime(10);
    clock.moveTo(10);
    clock.poll();
    expect(await early).toBe('expired');
    const late = reader.fill(20);
    reader.retime(50);
    clock.moveTo(20);
    clock.poll();
    expect(await settled(late)).toBe('pending');
    clock.moveTo(50);
    clock.poll();
    expect(await late).toBe('expired');
  });

  it('tells the end once, behind the bytes, and can wait on after it', async () => {
    const clock = new HandClock();
    const reader = new DeadlineReader(clock);
    reader.push(Uint8Array.of(1));
    reader.end(new Error('reset'));
    expect(await reader.fill(10)).toBe('data');
    reader.take();
    expect(await reader.fill(10)).toBe('ended');
    expect(reader.error?.message).toBe('reset');
    const wait = reader.fill(10);
    expect(await settled(wait)).toBe('pending');
    clock.moveTo(10);
    clock.poll();
    expect(await wait).toBe('expired');
  });

  it('is woken once for each time somebody asked, now or later', async () => {
    const reader = new DeadlineReader(new HandClock());
    reader.wake();
    expect(await reader.fill(Number.POSITIVE_INFINITY)).toBe('woken');
    const wait = reader.fill(Number.POSITIVE_INFINITY);
    reader.wake();
    expect(await wait).toBe('woken');
  });

  it('tells a listener once for each wait, and not before whoever brought bytes is done', async () => {
    const reader = new DeadlineReader(new HandClock());
    const told: string[] = [];
    const listener = { filled: (outcome: string) => void told.push(outcome) };
    reader.listen(listener, 10);
    reader.push(Uint8Array.of(1));
    reader.push(Uint8Array.of(2));
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(['data']);
    expect(reader.take()).toHaveLength(2);
    reader.wake();
    await Promise.resolve();
    expect(told).toEqual(['data']);
    reader.listen(listener, 10);
    await Promise.resolve();
    expect(told).toEqual(['data', 'woken']);
  });
});
