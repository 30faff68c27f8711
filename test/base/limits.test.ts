/** Limits that depend on each other; docs/limits.md has the bounds of each, which `docs/tables.test.ts` tries. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits, leastWindow, longestName, resolveLimits } from '../../src/base/limits.ts';

describe('limits', () => {
  it('are those of everybody where nothing is changed', () => {
    expect(resolveLimits()).toBe(defaultLimits);
    expect(resolveLimits({})).toBe(defaultLimits);
    expect(resolveLimits(defaultLimits)).toBe(defaultLimits);
    expect(resolveLimits({ channels: undefined as unknown as number })).toBe(defaultLimits);
  });

  it('are the defaults with the changes, and nothing else is another', () => {
    const changed = resolveLimits({
      channels: 5,
      sftpHandles: 7,
      bannerBytes: undefined as unknown as number,
    });
    expect(changed).toEqual({ ...defaultLimits, channels: 5, sftpHandles: 7 });
    expect(defaultLimits.channels).toBe(1024);
  });

  it('let a packet hold the channel data that is asked for, and its header', () => {
    for (const maximumPacketSize of [34_000, 100_000, 1_000_000]) {
      const packetLength = maximumPacketSize + 1024;
      expect(resolveLimits({ maximumPacketSize, packetLength })).toMatchObject({ packetLength });
      expect(() => resolveLimits({ maximumPacketSize, packetLength: packetLength - 1 })).toThrow(
        'limits.packetLength must exceed limits.maximumPacketSize by at least 1024',
      );
    }
  });

  it('let a connection hold two of the largest windows and a least window for each channel', () => {
    const size = fc.integer({ min: 1, max: 1024 ** 3 });
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 65_536 }),
        (windowSize, maximumWindowSize, channels) => {
          const { connectionWindow } = resolveLimits({ windowSize, maximumWindowSize, channels });
          // A window that grows becomes twice as large at least.
          const largest = windowSize > maximumWindowSize / 2 ? 2 * windowSize : maximumWindowSize;
          expect(connectionWindow).toBe(Math.max(64 * 1024 * 1024, largest + largest + channels * 32 * 1024));
        },
      ),
    );
    expect(resolveLimits({ windowSize: 1024 ** 3, connectionWindow: 5 })).toMatchObject({
      connectionWindow: 5,
    });
    expect([leastWindow, longestName]).toEqual([32_768, 1_024]);
  });
});
