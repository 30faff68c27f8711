/** What all channels of a connection hold together is bounded, whoever opens them and whatever becomes of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits, leastWindow, resolveLimits } from '../../src/base/limits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { WindowBudget } from '../../src/connection/windowBudget.ts';
import { channelClose, channelData, channelOpen } from '../../src/message/channel.ts';
import { Lone } from './support.ts';

const MiB = 1024 * 1024;

/** A peer opens a channel; undefined where it is refused. */
function opened(lone: Lone): Channel | undefined {
  const before = lone.events.length;
  lone.say(channelOpen, {
    channelType: 'session',
    senderChannel: 7,
    initialWindowSize: 1000,
    maximumPacketSize: 1000,
    channelTypeData: new Uint8Array(0),
  });
  const event = lone.events[before];
  if (event?.type !== 'channelOpenRequested') return undefined;
  lone.connection.acceptOpen(event.channel);
  return event.channel;
}

function fill(lone: Lone, channel: Channel, bytes: number = channel.receiveWindow): void {
  for (let left = bytes; left > 0; ) {
    const length = Math.min(left, defaultLimits.maximumPacketSize);
    lone.say(channelData, { recipientChannel: channel.localId, data: new Uint8Array(length) });
    left -= length;
  }
}

describe('the budget of windows', () => {
  const limits = { ...defaultLimits, channels: 6 };

  it('gives away what there is and no more, and is whole again once all of it has come back', () => {
    const step = fc.oneof(
      fc.constant('open' as const),
      fc.constant('close' as const),
      fc.integer({ min: 1, max: 4 * MiB }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new WindowBudget(limits);
        const windows: number[] = [];
        let held = 0;
        for (const [at, what] of steps.entries()) {
          if (what === 'open') {
            if (windows.length < limits.channels && budget.hasRoom) windows.push(budget.open());
          } else if (what === 'close') {
            const size = windows.shift();
            if (size === undefined) continue;
            // Half of it is read later.
            const unread = at % 2 === 0 ? size >> 1 : 0;
            budget.close(size, unread);
            held += unread;
          } else if (windows.length > 0) {
            windows[0] = (windows[0] ?? 0) + budget.grow(what);
          }
          const given = windows.reduce((sum, size) => sum + size, held);
          expect(given).toBeLessThanOrEqual(limits.connectionWindow);
          expect(budget.isWhole).toBe(given === 0);
        }
        for (const size of windows) budget.close(size, 0);
        budget.release(held);
        expect(budget.isWhole).toBe(true);
      }),
    );
  });

  it('keeps the least for each channel that may still come, whatever those before take', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 6, maxLength: 6 }), (growths) => {
        const budget = new WindowBudget(limits);
        for (const times of growths) {
          expect(budget.hasRoom).toBe(true);
          expect(budget.open()).toBeGreaterThanOrEqual(leastWindow);
          for (let i = 0; i < times; i++) budget.grow(Number.MAX_SAFE_INTEGER);
        }
      }),
    );
  });

  it('leaves no more unused, once windows have grown, than is kept for others', () => {
    const budget = new WindowBudget(limits);
    let given = budget.open();
    for (let i = 0; i < 100; i++) given += budget.grow(Number.MAX_SAFE_INTEGER);
    // For five others, and the byte that is no half.
    expect(limits.connectionWindow - given - 5 * leastWindow).toBeLessThanOrEqual(1);
    expect(limits.connectionWindow - given - 5 * leastWindow).toBeGreaterThanOrEqual(0);
  });
});

describe('the windows of a connection', () => {
  it('are whole where there are few, and the least where there are many; all channels there may be get one', () => {
    const budget = new WindowBudget(defaultLimits);
    const sizes = Array.from({ length: defaultLimits.channels }, () => budget.open());
    expect(sizes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => defaultLimits.windowSize));
    expect(sizes.at(-1)).toBe(leastWindow);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(defaultLimits.connectionWindow);
    for (const size of sizes) budget.close(size, 0);
    expect(budget.isWhole).toBe(true);
  });

  it('let one channel grow to what a long path needs, beside another', () => {
    const budget = new WindowBudget(defaultLimits);
    let size = budget.open();
    budget.open();
    while (size < defaultLimits.maximumWindowSize) {
      const grown = budget.grow(Math.min(size, defaultLimits.maximumWindowSize - size));
      expect(grown).toBeGreaterThan(0);
      size += grown;
    }
    expect(budget.grow(MiB)).toBeGreaterThan(0);
  });

  it('have room for larger ones where these are asked for', () => {
    expect(resolveLimits({ windowSize: 32 * MiB, maximumWindowSize: 64 * MiB }).connectionWindow).toBe(
      160 * MiB,
    );
    const limits = resolveLimits({ windowSize: 32 * MiB, maximumWindowSize: 64 * MiB });
    expect(new WindowBudget(limits).open()).toBe(32 * MiB);
    expect(resolveLimits({ channels: 10 }).connectionWindow).toBe(defaultLimits.connectionWindow);
    expect(resolveLimits({ connectionWindow: 4 * MiB, channels: 10 }).connectionWindow).toBe(4 * MiB);
  });

  it('are never more than the bound, whatever is opened, grown and closed', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('open', 'grow', 'close'), fc.nat({ max: 40 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (all, channels) => {
        const limits = resolveLimits({ channels, connectionWindow: 4 * MiB });
        const budget = new WindowBudget(limits);
        const sizes: number[] = [];
        for (const [step, which] of all) {
          if (step === 'open' && sizes.length < channels && budget.hasRoom) sizes.push(budget.open());
          if (step === 'grow' && sizes[which] !== undefined) {
            sizes[which] += budget.grow(sizes[which]);
          }
          if (step === 'close' && sizes[which] !== undefined)
            budget.close(...([...sizes.splice(which, 1), 0] as [number, number]));
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(limits.connectionWindow);
        }
        for (const size of sizes) budget.close(size, 0);
        expect(budget.isWhole).toBe(true);
      }),
    );
  });
});

describe('a peer that fills channels', () => {
  const limits = resolveLimits({ connectionWindow: 8 * MiB, channels: 64 });
  const held = (channels: readonly Channel[]): number =>
    channels.reduce((sum, { data, extended }) => sum + data.length + extended.length, 0);

  it('is held no more for than the bound, and the connection goes on', () => {
    for (const role of ['client', 'server'] as const) {
      const lone = new Lone(limits, role);
      const channels: Channel[] = [];
      for (let i = 0; i < 80; i++) {
        const channel = opened(lone);
        if (channel === undefined) continue;
        channels.push(channel);
        fill(lone, channel);
      }
      expect(channels).toHaveLength(64);
      expect(held(channels)).toBeLessThanOrEqual(limits.connectionWindow);
      expect(held(channels)).toBeGreaterThan(limits.connectionWindow / 2);
    }
  });

  it('one after the other, and closes each, fills a server no further either: what was read makes room', () => {
    const lone = new Lone(limits, 'server');
    const channels: Channel[] = [];
    for (let i = 0; i < 1000; i++) {
      const channel = opened(lone);
      if (channel === undefined) continue;
      channels.push(channel);
      fill(lone, channel);
      lone.say(channelClose, { recipientChannel: channel.localId });
    }
    expect(channels.length).toBeLessThan(1000);
    expect(held(channels)).toBeLessThanOrEqual(limits.connectionWindow);
    expect(opened(lone)).toBeUndefined();
    // Some are read after their end, others dropped.
    for (const [index, channel] of channels.entries()) {
      if (index % 2 === 0) while (channel.take('data') !== undefined);
      else channel.discard('data');
    }
    expect(opened(lone)?.receiveWindow).toBeGreaterThan(MiB);
  });

  it('costs a client whose user forgets its streams no channel and no window', () => {
    const lone = new Lone(limits, 'client');
    const windows = new Set<number>();
    let forgotten = 0;
    for (let i = 0; i < 200; i++) {
      const channel = opened(lone);
      if (channel === undefined) throw new Error(`channel ${i} is refused`);
      windows.add(channel.receiveWindow);
      fill(lone, channel);
      lone.say(channelClose, { recipientChannel: channel.localId });
      forgotten += held([channel]);
    }
    // Far more than the bound is forgotten, and the last channel is as good as the first.
    expect(forgotten).toBeGreaterThan(10 * limits.connectionWindow);
    expect([...windows]).toEqual([new WindowBudget(limits).open()]);
    expect(lone.takeSent().filter(([name]) => name === 'CHANNEL_OPEN_FAILURE')).toEqual([]);
  });
});
