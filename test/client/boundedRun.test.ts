/** The ends of a run of bounded work: each comes once, and after all work. */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedRun, type BoundedRunOptions } from '../../src/client/fleet/boundedRun.ts';

type Options = BoundedRunOptions<number, string>;

/** A run whose work ends when it is told to, and what is under way. */
function held(
  source: Options['source'],
  more: Partial<Options> = {},
): {
  readonly run: BoundedRun<number, string>;
  readonly finish: Map<number, () => void>;
  readonly open: () => number;
} {
  const finish = new Map<number, () => void>();
  let begun = 0;
  const run = new BoundedRun<number, string>({
    source,
    concurrency: 2,
    signal: undefined,
    begin: () => {
      begun++;
      return () => begun--;
    },
    work: (item, _index, signal, deliver) =>
      new Promise((resolve) => {
        const end = (): void => {
          finish.delete(item);
          deliver(`result ${item}`);
          resolve();
        };
        finish.set(item, end);
        signal.addEventListener('abort', end, { once: true });
      }),
    ...more,
  });
  return { run, finish, open: () => begun + finish.size };
}

/** What the promise has come to by now. */
async function now<T>(promise: Promise<T>): Promise<T | 'pending'> {
  await new Promise((resolve) => setImmediate(resolve));
  return Promise.race([promise, Promise.resolve('pending' as const)]);
}

const done = { done: true, value: undefined };

describe('a run', () => {
  it('begins nothing before it is asked for a result', async () => {
    const { run, open } = held([1, 2, 3]);
    expect(await now(Promise.resolve(open()))).toBe(0);
    expect(await run.return()).toEqual(done);
    expect(await run.next()).toEqual(done);
  });

  it('answers several who ask at once, in their order', async () => {
    const { run, finish } = held([1, 2, 3]);
    const asked = [run.next(), run.next(), run.next(), run.next()];
    finish.get(2)?.();
    await now(Promise.resolve());
    finish.get(3)?.();
    finish.get(1)?.();
    expect(await Promise.all(asked)).toEqual([
      { done: false, value: 'result 2' },
      { done: false, value: 'result 3' },
      { done: false, value: 'result 1' },
      done,
    ]);
  });

  it('that is left ends those who wait, once all work has ended', async () => {
    const { run, open } = held([1, 2, 3]);
    const waiting = run.next();
    expect(open()).toBe(3);
    expect(await Promise.all([run.return(), waiting])).toEqual([done, done]);
    expect(open()).toBe(0);
  });

  it('that is disposed of is over', async () => {
    const { run, open } = held([1, 2, 3]);
    {
      await using running = run;
      void running.next();
      expect(open()).toBe(3);
    }
    expect(open()).toBe(0);
  });

  it('is not held up at its end by a source that never answers', async () => {
    const never: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => new Promise(() => {}),
      }),
    };
    const aborter = new AbortController();
    const { run } = held(never, { signal: aborter.signal });
    const waiting = run.next();
    expect(await now(waiting)).toBe('pending');
    aborter.abort(new Error('enough'));
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    const other = held(never).run;
    const pending = other.next();
    expect(await other.return()).toEqual(done);
    expect(await pending).toEqual(done);
  });

  it('rejects once where its signal was aborted before, and begins nothing', async () => {
    const { run, open } = held([1, 2], { signal: AbortSignal.abort() });
    await expect(run.next()).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    expect(await run.next()).toEqual(done);
    expect(open()).toBe(0);
  });

  it('hands out what was ready before an abort, and then rejects', async () => {
    const aborter = new AbortController();
    const { run, finish } = held([1, 2, 3, 4], { signal: aborter.signal });
    const first = run.next();
    finish.get(1)?.();
    await first;
    finish.get(2)?.();
    await now(Promise.resolve());
    aborter.abort();
    expect(await run.next()).toEqual({ done: false, value: 'result 2' });
    await expect(run.next()).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    expect(await run.next()).toEqual(done);
    expect(getEventListeners(aborter.signal, 'abort')).toEqual([]);
  });

  it('closes a source that it leaves, and no other', async () => {
    const closed: string[] = [];
    function* source(name: string): Generator<number> {
      try {
        yield 1;
        yield 2;
        yield 3;
      } finally {
        closed.push(name);
      }
    }
    const { run } = held(source('left'));
    void run.next();
    await run.return();
    expect(closed).toEqual(['left']);
  });

  it('has one result for each item in any order of things, within its bound', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.oneof(fc.nat(12), fc.integer({ min: 13, max: 60 })),
        fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 50 })),
        fc.boolean(),
        async (scheduler, count, concurrency, isAsync) => {
          let active = 0;
          let most = 0;
          const items = Array.from({ length: count }, (_, item) => item);
          async function* later(): AsyncGenerator<number> {
            for (const item of items) yield await scheduler.schedule(Promise.resolve(item));
          }
          const run = new BoundedRun<number, number>({
            source: isAsync ? later() : items,
            concurrency,
            signal: undefined,
            begin: () => () => {},
            work: async (item, index, _signal, deliver) => {
              expect(index).toBe(item);
              most = Math.max(most, ++active);
              await scheduler.schedule(Promise.resolve());
              deliver(item);
              await scheduler.schedule(Promise.resolve());
              active--;
            },
          });
          const results: number[] = [];
          const taking = (async () => {
            for await (const result of run) results.push(result);
          })();
          await scheduler.waitFor(taking);
          expect(results.sort((a, b) => a - b)).toEqual(items);
          expect(most).toBeLessThanOrEqual(concurrency);
          expect(active).toBe(0);
        },
      ),
    );
  });
});
