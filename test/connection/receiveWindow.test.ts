import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveWindow } from '../../src/connection/receiveWindow.ts';

const MiB = 1024 * 1024;

describe('the receive window', () => {
  it('gives back half at a time, and in sum exactly what was consumed plus its growth', () => {
    let grown = false;
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
            const before = window.size;
            const owed = consumed - given + before - 100_000;
            const back = window.consumed(length, now, roundTrip);
            given += back;
            // Nothing below half a window; then all that was consumed, and the growth.
            expect(back).toBe(owed < before / 2 ? 0 : owed + window.size - before);
            if (back === 0) expect(window.size).toBe(before);
            else expect(given).toBe(consumed + window.size - 100_000);
            expect(window.size).toBeLessThanOrEqual(800_000);
            grown ||= window.size > 100_000;
          }
        },
      ),
    );
    // Some of the paths were longer than the window.
    expect(grown).toBe(true);
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
