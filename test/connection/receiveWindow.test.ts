import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveWindow } from '../../src/connection/receiveWindow.ts';

const MiB = 1024 * 1024;

describe('the receive window', () => {
  it('gives back half at a time, and in sum exactly what was consumed plus its growth', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ length: fc.integer({ min: 1, max: 60_000 }), step: fc.nat({ max: 500 }) }), {
          maxLength: 300,
        }),
        fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 200 })),
        (steps, roundTrip) => {
          const window = new ReceiveWindow(100_000, 800_000);
          let now = 0;
          let consumed = 0;
          let given = 0;
          for (const { length, step } of steps) {
            now += step;
            consumed += length;
            given += window.consumed(length, now, roundTrip);
            expect(given).toBeLessThanOrEqual(consumed + window.size - 100_000);
            expect(consumed - given + window.size - 100_000).toBeLessThan(window.size / 2 + 60_000);
            expect(window.size).toBeLessThanOrEqual(800_000);
          }
        },
      ),
    );
  });

  it('a path longer than the window doubles it up to the limit', () => {
    const window = new ReceiveWindow(2 * MiB, 16 * MiB);
    let now = 0;
    const sizes: number[] = [];
    for (let i = 0; i < 40; i++) {
      now += 25;
      window.consumed(MiB, now, 100);
      sizes.push(window.size / MiB);
    }
    expect([...new Set(sizes)]).toEqual([2, 4, 8, 16]);
  });

  it('grows to the limit exactly, and where it is larger from the start not at all', () => {
    for (const [size, maximum, expected] of [
      [3, 16, [3, 6, 12, 16]],
      [4, 2, [4]],
    ] as const) {
      const window = new ReceiveWindow(size * MiB, maximum * MiB);
      const sizes = new Set<number>();
      for (let now = 0; now < 800; now += 25) {
        window.consumed(2 * MiB, now, 1000);
        sizes.add(window.size / MiB);
      }
      expect([...sizes]).toEqual(expected);
    }
  });

  it('a slow consumer, or a path with no known round trip, never grows it', () => {
    const slow = new ReceiveWindow(2 * MiB, 16 * MiB);
    const unknown = new ReceiveWindow(2 * MiB, 16 * MiB);
    for (let i = 1; i <= 50; i++) {
      slow.consumed(MiB, i * 300, 100);
      unknown.consumed(MiB, i, Number.POSITIVE_INFINITY);
    }
    expect([slow.size, unknown.size]).toEqual([2 * MiB, 2 * MiB]);
  });
});
