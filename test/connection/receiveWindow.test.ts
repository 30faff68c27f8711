import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveWindow } from '../../src/connection/receiveWindow.ts';

const MiB = 1024 * 1024;

/**
 * A path in virtual time, whose peer sends all it may: milliseconds a round trip, bytes a
 * millisecond. What comes is consumed at once, and each opening of the window reaches the
 * peer half a round trip later. Returns the sizes of the window; `told` is the round trip
 * that was measured.
 */
function flow(
  window: ReceiveWindow,
  roundTrip: number,
  rate: number,
  total: number,
  told = roundTrip,
): number[] {
  const sizes = [window.size];
  const piece = 32 * 1024;
  const openings: { readonly at: number; readonly bytes: number }[] = [];
  let [now, free, sent, received, allowed, left] = [0, 0, 0, 0, window.size, window.size];
  const arrivals: { readonly at: number; readonly length: number }[] = [];
  while (received < total) {
    const length = Math.min(piece, allowed - sent);
    const opening = openings[0];
    const arrival = arrivals[0];
    const sends = length > 0 ? Math.max(now, free) : Number.POSITIVE_INFINITY;
    now = Math.min(sends, opening?.at ?? sends, arrival?.at ?? sends);
    if (opening !== undefined && opening.at === now) {
      openings.shift();
      allowed += opening.bytes;
    } else if (arrival !== undefined && arrival.at === now) {
      arrivals.shift();
      received += arrival.length;
      left -= arrival.length;
      window.arrived(arrival.length, now);
      const bytes = window.consumed(arrival.length, left, now, told);
      if (window.size !== sizes.at(-1)) sizes.push(window.size);
      left += bytes;
      if (bytes > 0) openings.push({ at: now + roundTrip / 2, bytes });
    } else {
      free = now + length / rate;
      sent += length;
      arrivals.push({ at: free + roundTrip / 2, length });
    }
  }
  return sizes;
}

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
            window.arrived(length, now);
            const back = window.consumed(length, 0, now, roundTrip);
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
      // A path that is longer than the window: the peer stands still at each of its ends.
      { examples: [[Array.from({ length: 40 }, () => ({ length: 50_000, step: 1 })), 200]] },
    );
    expect(grown).toBe(true);
  });

  it.each([
    ['longer than the window by far', 100, 100, 400_000, [2, 4, 8, 16]],
    ['a little longer', 100, 100, 30_000, [2, 4, 8]],
    ['shorter', 100, 100, 9_000, [2]],
    ['of a machine with itself', 1, 1, 500_000, [2]],
    ['of a machine with itself that was busy when its round trip was measured', 1, 45, 500_000, [2]],
  ] as const)(
    'a path %s gets the window that fills it, and no more',
    (_, roundTrip, told, rate, expected) => {
      const window = new ReceiveWindow(2 * MiB, 16 * MiB);
      expect(flow(window, roundTrip, rate, 300 * MiB, told).map((size) => size / MiB)).toEqual(expected);
    },
  );

  it('grows to the limit exactly, and where it is larger from the start not at all', () => {
    for (const [size, maximum, expected] of [
      [3, 16, 16],
      [4, 2, 4],
    ] as const) {
      const window = new ReceiveWindow(size * MiB, maximum * MiB);
      flow(window, 1_000, 100_000, 200 * MiB);
      expect(window.size).toBe(expected * MiB);
    }
  });

  it('a slow consumer, or a path with no known round trip, never grows it', () => {
    const slow = new ReceiveWindow(2 * MiB, 16 * MiB);
    const unknown = new ReceiveWindow(2 * MiB, 16 * MiB);
    for (let i = 1; i <= 50; i++) {
      // The peer has sent all it may, and waits for the consumer.
      slow.arrived(MiB, i * 300 - 250);
      slow.consumed(MiB, 0, i * 300, 100);
      unknown.arrived(MiB, i + 0.5);
      unknown.consumed(MiB, 0, i + 0.75, Number.POSITIVE_INFINITY);
    }
    expect([slow.size, unknown.size]).toEqual([2 * MiB, 2 * MiB]);
  });

  it('one pause is chance, two near each other are not, and bytes without a stop forget them', () => {
    const sizeBehind = (pauses: readonly number[]): number => {
      const window = new ReceiveWindow(100, 800);
      let now = 0;
      const half = (pause: number): void => {
        // Up to the edge in 8 ms, and from there on behind the pause.
        window.arrived(1, now + pause);
        now += pause + 8;
        window.arrived(49, now);
        window.consumed(50, 50, now, 1_000);
      };
      half(0);
      for (const pause of pauses) half(pause);
      return window.size;
    };
    expect(sizeBehind([8, 5, 0, 5, 0])).toBe(200);
    expect(sizeBehind([8, 5, 5])).toBe(200);
    expect(sizeBehind([8, 5, 1, 1, 5, 0, 0, 5, 1, 0])).toBe(100);
  });

  it('a peer that goes on past what it could know of had not stood still', () => {
    const window = new ReceiveWindow(100, 800);
    for (let now = 0; now < 1_000; now += 10) {
      // Never a piece that ends where the window did.
      window.arrived(30, now);
      window.arrived(27, now + 5);
      window.consumed(57, 43, now + 5, 1_000);
    }
    expect(window.size).toBe(100);
  });
});
