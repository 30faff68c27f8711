import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { systemChance, systemRandomBytes } from '../../src/node/crypto/random.ts';

describe("the system's randomness", () => {
  it('has the length that was asked for, from the stock and beyond it', () => {
    for (const length of [0, 1, 16, 255, 256, 257, 4096, 100_000]) {
      expect(systemRandomBytes(length)).toHaveLength(length);
    }
  });

  it('never hands out the same bytes twice, across many refills of the stock', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 5000; i++) seen.add(toHex(systemRandomBytes(16)));
    expect(seen.size).toBe(5000);
  });

  it('belongs to the caller: later calls do not change it, nor does it change them', () => {
    const first = systemRandomBytes(32);
    const copy = first.slice();
    const second = systemRandomBytes(32);
    expect(first).toEqual(copy);
    expect(first.buffer).not.toBe(second.buffer);
    expect(first.buffer.byteLength).toBe(32);
  });

  it('uses every value of a byte', () => {
    expect(new Set(systemRandomBytes(20_000)).size).toBe(256);
    const small = new Set<number>();
    for (let i = 0; i < 2000; i++) for (const byte of systemRandomBytes(8)) small.add(byte);
    expect(small.size).toBe(256);
  });

  it('is a number from 0 to 1 where one is wanted, of every part alike', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const at = systemChance();
      expect(at >= 0 && at < 1).toBe(true);
      tenths[Math.floor(at * 10)] = (tenths[Math.floor(at * 10)] ?? 0) + 1;
    }
    // Ten standard deviations.
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(300);
  });
});
