/** Pieces that a caller's iterable or stream gives. */
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { describe, expect, it } from 'vitest';
import { openPieces } from '../../src/endpoint/calls/callersPieces.ts';
import { rejectionOf } from '../../src/endpoint/calls/userCode.ts';

async function all(input: AsyncIterable<unknown> | Iterable<unknown>): Promise<unknown[]> {
  const pieces = await openPieces('input', input);
  const values: unknown[] = [];
  for (let step = await pieces.next(); !step.done; step = await pieces.next()) values.push(step.value);
  return values;
}

/** What a promise rejects with, as the caller gets it and as it is inside. */
async function faultOf(
  work: Promise<unknown>,
): Promise<{ readonly inside: Error; readonly thrown: unknown }> {
  const inside = await work.then(
    () => Promise.reject(new Error('it did not reject')),
    (error: Error) => error,
  );
  return { inside, thrown: rejectionOf(inside) };
}

describe('are read to their end', () => {
  it.each<[string, () => AsyncIterable<unknown> | Iterable<unknown>]>([
    ['from a list', () => ['a', 'b']],
    ['from a list of promises', () => [Promise.resolve('a'), 'b']],
    [
      'from a generator',
      function* () {
        yield* ['a', 'b'];
      },
    ],
    [
      'from an asynchronous generator',
      async function* () {
        yield* ['a', 'b'];
      },
    ],
    ['from a stream of Node', () => Readable.from(['a', 'b'])],
    ['from a stream of the Web', () => ReadableStream.from(['a', 'b'])],
    [
      'from an iterator whose steps have no more than a value',
      () => {
        const values = ['a', 'b'];
        return {
          [Symbol.asyncIterator]: () => ({
            next: async () => ({ value: values[0], done: values.shift() === undefined }),
          }),
        } as AsyncIterable<string>;
      },
    ],
  ])('%s', async (_, make) => {
    expect(await all(make())).toEqual(['a', 'b']);
  });
});

describe('that fail', () => {
  const fault = new Error('mine');

  it.each<[string, () => AsyncIterable<unknown> | Iterable<unknown>]>([
    [
      'as they are opened',
      () => ({
        [Symbol.iterator]: () => {
          throw fault;
        },
      }),
    ],
    [
      'at a step',
      () => ({
        [Symbol.iterator]: () => ({
          next: () => {
            throw fault;
          },
        }),
      }),
    ],
    [
      'at a step that is waited for',
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(fault) }) }),
    ],
    ['by the promise of a piece', () => [Promise.reject(fault)]],
    [
      'as a stream of Node',
      () =>
        new Readable({
          read() {
            this.destroy(fault);
          },
        }),
    ],
    ['as a stream of the Web', () => new ReadableStream({ start: (controller) => controller.error(fault) })],
  ])('%s, are the caller’s fault, which comes back as it was thrown', async (_, make) => {
    const { inside, thrown } = await faultOf(all(make()));
    expect(inside).toMatchObject({ code: 'ERR_SSH_CALLBACK', message: 'input failed: mine' });
    expect(thrown).toBe(fault);
  });

  it('by a step that is no object are a fault of the option', async () => {
    const input = { [Symbol.iterator]: () => ({ next: () => 7 }) } as unknown as Iterable<unknown>;
    await expect(all(input)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('the iterator of input must give objects with a value'),
    });
  });
});

describe('that are wanted no more', () => {
  it('are told so, and nothing that this throws matters', async () => {
    const told: string[] = [];
    const iterable = (answer: () => unknown): AsyncIterable<unknown> =>
      ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => {}),
          return: () => {
            told.push('return');
            return answer();
          },
        }),
      }) as unknown as AsyncIterable<unknown>;
    const answers = [
      () => undefined,
      () => Promise.reject(new Error('late')),
      () => {
        throw new Error('now');
      },
    ];
    for (const answer of answers) (await openPieces('input', iterable(answer))).stop();
    // An unhandled rejection fails the run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['return', 'return', 'return']);
  });

  it('without a return of their own are left alone', async () => {
    const pieces = await openPieces('input', {
      [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }),
    });
    pieces.stop();
    expect(await pieces.next()).toEqual({ done: false, value: 1 });
  });

  it('as a stream of Node are destroyed, though a read is pending', async () => {
    const stream = new Readable({ read() {} });
    const pieces = await openPieces('input', stream);
    const pending = pieces.next().catch(() => {});
    pieces.stop();
    expect(stream.destroyed).toBe(true);
    await pending;
  });

  it('as a stream of the Web are cancelled, though a read is pending', async () => {
    let cancelled = false;
    const stream = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    const pieces = await openPieces('input', stream);
    const pending = pieces.next();
    pieces.stop();
    expect([await pending, cancelled]).toEqual([{ done: true, value: undefined }, true]);
  });
});
