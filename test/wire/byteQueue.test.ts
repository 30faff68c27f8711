/** The queue between chunks and packets: where a chunk ends means nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../src/wire/byteQueue.ts';

/** Bytes that tell their place in the stream. */
const stream = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

/** Small chunks are gathered and large ones are not, so both kinds are drawn. */
const chunkLengths = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1000, max: 1050 }) },
    { weight: 1, arbitrary: fc.integer({ min: 3000, max: 6000 }) },
    { weight: 1, arbitrary: fc.constant(0) },
  ),
  { maxLength: 30 },
);

type Step =
  | { readonly kind: 'push'; readonly length: number }
  | { readonly kind: 'take' | 'move'; readonly length: number }
  | { readonly kind: 'clear' };
const lengths = fc.oneof(fc.nat({ max: 30 }), fc.integer({ min: 1000, max: 5000 }));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: lengths.map((length): Step => ({ kind: 'push', length })) },
    { weight: 4, arbitrary: lengths.map((length): Step => ({ kind: 'take', length })) },
    { weight: 3, arbitrary: lengths.map((length): Step => ({ kind: 'move', length })) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'clear' }) },
  ),
  { maxLength: 60 },
);

describe('a byte queue', () => {
  it('gives the same bytes however the stream was cut', () => {
    fc.assert(
      fc.property(chunkLengths, chunkLengths, (pushed, taken) => {
        const total = pushed.reduce((sum, length) => sum + length, 0);
        const all = stream(total);
        const queue = new ByteQueue();
        let at = 0;
        for (const length of pushed) {
          queue.push(all.slice(at, at + length));
          at += length;
        }
        expect(queue.length).toBe(total);
        let position = 0;
        for (const length of taken) {
          const there = queue.ensure(length);
          expect(there).toBe(position + length <= total);
          if (!there) continue;
          expect(queue.buffer.slice(queue.start, queue.start + length)).toEqual(
            all.slice(position, position + length),
          );
          queue.consume(length);
          position += length;
        }
        const left = total - position;
        expect(queue.length).toBe(left);
        expect(queue.ensure(left)).toBe(true);
        expect(queue.buffer.slice(queue.start, queue.start + left)).toEqual(all.slice(position));
      }),
    );
  });

  const all = stream(60 * 5000);

  it('agrees with one long array, whatever order pushes and takes come in', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new ByteQueue();
        let [head, tail] = [0, 0];
        for (const step of sequence) {
          if (step.kind === 'push') {
            queue.push(all.slice(tail, tail + step.length));
            tail += step.length;
          } else if (step.kind === 'clear') {
            queue.clear();
            head = tail;
          } else if (step.kind === 'move') {
            const length = Math.min(step.length, queue.length);
            const target = new Uint8Array(length + 1);
            queue.moveTo(target, length);
            expect(target.slice(0, length)).toEqual(all.slice(head, head + length));
            expect(target[length]).toBe(0);
            head += length;
          } else if (queue.ensure(step.length)) {
            expect(queue.buffer.slice(queue.start, queue.start + step.length)).toEqual(
              all.slice(head, head + step.length),
            );
            queue.consume(step.length);
            head += step.length;
            expect(head).toBeLessThanOrEqual(tail);
          } else {
            expect(head + step.length).toBeGreaterThan(tail);
          }
          expect(queue.length).toBe(tail - head);
          expect(queue.contiguous).toBeLessThanOrEqual(queue.length);
          // Whoever goes on by what is contiguous comes to the end.
          expect(queue.contiguous > 0).toBe(queue.length > 0);
        }
      }),
    );
  });

  it('keeps a rest of lent memory as it was, and what was taken of it too, whatever comes later', () => {
    const part = fc.integer({ min: 1, max: 60_000 });
    const long = stream(20 * 60_000);
    fc.assert(
      fc.property(
        fc.array(fc.record({ queue: fc.nat({ max: 1 }), pushed: part, moved: part, taken: part }), {
          maxLength: 20,
        }),
        (rounds) => {
          // Two queues share the memory that they are lent, as sockets do, and that of rests that are moved out.
          const lent = new Uint8Array(60_000);
          const queues = [0, 1].map(() => ({ queue: new ByteQueue(), pushed: 0, read: 0 }));
          const expected = (from: number, length: number): Uint8Array => long.subarray(from, from + length);
          const views: { readonly view: Uint8Array; readonly copy: Uint8Array }[] = [];
          for (const { queue: index, pushed, moved, taken } of rounds) {
            const state = queues[index] as (typeof queues)[number];
            const { queue } = state;
            lent.set(expected(state.pushed, pushed));
            state.pushed += pushed;
            queue.push(lent.subarray(0, pushed), true);
            if (queue.length >= moved) {
              const target = new Uint8Array(moved);
              queue.moveTo(target, moved);
              expect(Buffer.compare(target, expected(state.read, moved))).toBe(0);
              state.read += moved;
            }
            queue.keep();
            if (queue.ensure(taken)) {
              const view = queue.buffer.subarray(queue.start, queue.start + taken);
              expect(Buffer.compare(view, expected(state.read, taken))).toBe(0);
              views.push({ view, copy: view.slice() });
              queue.consume(taken);
              state.read += taken;
            }
            lent.fill(0xee);
          }
          // Nobody wrote into what lies in a consumer's hands.
          for (const { view, copy } of views) expect(Buffer.compare(view, copy)).toBe(0);
        },
      ),
    );
  });

  it('does not copy what lies in one chunk', () => {
    const queue = new ByteQueue();
    const chunk = stream(2000);
    queue.push(chunk);
    expect(queue.ensure(2000)).toBe(true);
    expect(queue.buffer).toBe(chunk);
    queue.consume(500);
    expect(queue.ensure(1500)).toBe(true);
    expect(queue.buffer).toBe(chunk);
    expect(queue.start).toBe(500);
  });

  it('ensure is a question: asked too much, or twice, it changes nothing', () => {
    const queue = new ByteQueue();
    queue.push(stream(10));
    expect(queue.ensure(11)).toBe(false);
    expect(queue.ensure(10)).toBe(true);
    expect(queue.ensure(10)).toBe(true);
    expect(queue.ensure(0)).toBe(true);
    expect(queue.length).toBe(10);
    expect(queue.start).toBe(0);
  });

  it('is empty at first and after everything was taken', () => {
    const queue = new ByteQueue();
    expect(queue.ensure(0)).toBe(true);
    expect(queue.ensure(1)).toBe(false);
    queue.clear();
    expect(queue.length).toBe(0);
    queue.push(new Uint8Array(0));
    expect(queue.length).toBe(0);
    queue.push(stream(3));
    queue.consume(3);
    expect(queue.ensure(1)).toBe(false);
    expect(queue.contiguous).toBe(0);
  });

  it('a drip of single bytes costs few objects', () => {
    const queue = new ByteQueue();
    const all = stream(10_000);
    for (let i = 0; i < all.length; i++) queue.push(all.slice(i, i + 1));
    let views = 0;
    let position = 0;
    while (queue.length > 0) {
      const { contiguous } = queue;
      expect(queue.buffer.slice(queue.start, queue.start + contiguous)).toEqual(
        all.slice(position, position + contiguous),
      );
      queue.consume(contiguous);
      position += contiguous;
      views++;
    }
    expect(position).toBe(all.length);
    expect(views).toBeLessThanOrEqual(4);
  });
});
