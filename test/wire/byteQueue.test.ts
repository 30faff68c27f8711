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

  it('has nothing of what it was cleared of', () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 3; i++) queue.push(stream(2000));
    queue.clear();
    queue.push(stream(5));
    queue.consume(5);
    expect([queue.length, queue.contiguous]).toEqual([0, 0]);
    queue.push(stream(7));
    expect([queue.length, queue.contiguous]).toEqual([7, 7]);
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

describe('memory that a byte queue is lent', () => {
  const all = stream(200_000);

  it('may be written over once the queue was told to keep what is left of it', () => {
    const rounds = fc.array(
      fc.record({
        lent: fc.boolean(),
        asBuffer: fc.boolean(),
        length: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 900, max: 3000 })),
        taken: fc.integer({ min: 0, max: 3500 }),
        askedFor: fc.integer({ min: 0, max: 4000 }),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(rounds, (sequence) => {
        const queue = new ByteQueue();
        // One piece of memory for all that is lent, as a socket reads into.
        const memory = new Uint8Array(3000);
        let [head, tail] = [0, 0];
        for (const { lent, asBuffer, length, taken, askedFor } of sequence) {
          const bytes = all.subarray(tail, tail + length);
          tail += length;
          if (lent) {
            memory.set(bytes);
            queue.push(asBuffer ? Buffer.from(memory.buffer, 0, length) : memory.subarray(0, length), true);
          } else queue.push(bytes.slice());
          queue.ensure(askedFor);
          const target = new Uint8Array(Math.min(taken, queue.length));
          queue.moveTo(target, target.length);
          expect(target).toEqual(all.slice(head, head + target.length));
          head += target.length;
          if (!lent) continue;
          queue.keep();
          memory.fill(0xee);
        }
        const rest = new Uint8Array(queue.length);
        queue.moveTo(rest, rest.length);
        expect(rest).toEqual(all.slice(head, tail));
      }),
    );
  });

  it('is copied, and nothing else is', () => {
    const queue = new ByteQueue();
    const [own, later, lent] = [stream(2000), stream(3000), stream(1500)];
    queue.push(own);
    queue.push(later);
    queue.keep();
    expect(queue.buffer).toBe(own);
    queue.push(lent, true);
    queue.keep();
    expect(queue.buffer).toBe(own);
    queue.consume(2000);
    expect(queue.buffer).toBe(later);
    queue.keep();
    expect(queue.buffer).toBe(later);
    queue.consume(3000);
    expect(queue.buffer.buffer).not.toBe(lent.buffer);
    expect(queue.buffer).toEqual(lent);
  });
});
