/** What sealers of several connections share: pages and padding. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import type { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { SealerSupplies } from '../../src/packet/supplies.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import { keysOf, newOpener, noise, providers, seededPadding, suites } from './support.ts';

/** One connection: what was put into its sealer, and what its peer makes of what comes out. */
class End {
  readonly sealer: PacketSealer;
  private readonly opener: PacketOpener;
  private readonly queue = new ByteQueue();
  private readonly put: Uint8Array[] = [];
  private readonly came: Uint8Array[] = [];
  /** As a socket has them that has not written yet. */
  private readonly waiting: Uint8Array[] = [];

  constructor(source: { randomBytes(length: number): Uint8Array }, index: number) {
    const keys = keysOf(suites[index % suites.length] as (typeof suites)[number], index);
    const provider = Object.values(providers)[index % 2] as (typeof providers)[string];
    this.sealer = new PacketSealer(source);
    this.sealer.use(provider.createSealingCipher(keys), { resetSequence: false });
    this.opener = newOpener(provider, keys);
  }

  seal(length: number): void {
    const payload = noise(length, this.put.length + 1);
    this.put.push(payload);
    this.sealer.begin().bytes(payload);
    this.sealer.finish();
  }

  take(): void {
    const { sealer } = this;
    for (let out = sealer.takeOutput(); out !== undefined; out = sealer.takeOutput()) this.waiting.push(out);
  }

  /** The socket writes at last: the memory has to be as it was. */
  write(): void {
    for (const bytes of this.waiting.splice(0)) this.queue.push(Uint8Array.from(bytes));
    while (this.opener.next(this.queue)) {
      this.came.push(this.opener.payload.slice(this.opener.payloadStart, this.opener.payloadEnd));
    }
  }

  check(): void {
    this.take();
    this.write();
    expect(this.came).toHaveLength(this.put.length);
    expect(this.came.every((payload, i) => equalBytes(payload, this.put[i] as Uint8Array))).toBe(true);
  }
}

const step = fc.record({
  end: fc.nat(4),
  what: fc.constantFrom('seal', 'seal', 'begin', 'take', 'write'),
  length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40_000 })),
});

describe('sealers with one source of randomness', () => {
  it('share pages and never disturb each other, however their packets interleave', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(40), (steps, offset) => {
        const source = { randomBytes: seededPadding() };
        const ends = Array.from({ length: 5 }, (_, i) => new End(source, i + offset));
        for (const { end, what, length } of steps) {
          const one = ends[end] as End;
          if (what === 'seal') one.seal(length);
          else if (what === 'begin') one.sealer.begin().bytes(noise(length, 3));
          else one[what]();
        }
        for (const one of ends) one.check();
      }),
    );
  });

  it('hold no page while they have nothing to send', () => {
    const source = { randomBytes: seededPadding() };
    const [a, b] = [new PacketSealer(source), new PacketSealer(source)];
    const memoryOf = (sealer: PacketSealer): ArrayBufferLike | undefined => {
      sealer.begin().byte(2);
      sealer.finish();
      const memory = sealer.takeOutput()?.buffer;
      expect(sealer.takeOutput()).toBeUndefined();
      return memory;
    };
    const first = memoryOf(a);
    expect(first).toBeInstanceOf(ArrayBuffer);
    expect(memoryOf(b)).toBe(first);
    expect(memoryOf(a)).toBe(first);
    // While one has something that waits, the other builds elsewhere.
    a.begin().byte(2);
    a.finish();
    expect(memoryOf(b)).not.toBe(first);
  });

  it('keep no page that a long message has made', () => {
    const source = { randomBytes: seededPadding() };
    const sealer = new PacketSealer(source);
    sealer.begin().bytes(noise(40_000, 1));
    sealer.finish();
    expect(sealer.takeOutput()?.buffer.byteLength).toBeGreaterThan(65_536);
    expect(sealer.takeOutput()).toBeUndefined();
    expect(SealerSupplies.of(source).sparePage).toHaveLength(0);
  });

  it('keep the page with more room left', () => {
    const supplies = SealerSupplies.of({ randomBytes: seededPadding() });
    const [small, large] = [new Uint8Array(1000), new Uint8Array(4000)];
    supplies.keep(small, 100);
    expect([supplies.sparePage, supplies.spareFrom]).toEqual([small, 100]);
    // 899 bytes, and then 901.
    supplies.keep(large, 3101);
    expect(supplies.sparePage).toBe(small);
    supplies.keep(large, 3099);
    expect([supplies.sparePage, supplies.spareFrom]).toEqual([large, 3099]);
    supplies.keep(small, 100);
    expect(supplies.sparePage).toBe(large);
  });

  it('give no byte of padding twice, and no more than was asked for', () => {
    const drawn: number[] = [];
    const supplies = SealerSupplies.of({
      randomBytes: (length) => {
        drawn.push(length);
        return Uint8Array.from({ length }, (_, i) => i % 251);
      },
    });
    const target = new Uint8Array(4);
    for (let i = 0; i < 64; i++) {
      supplies.pad(target, 0, 4);
      expect([...target]).toEqual([0, 1, 2, 3].map((byte) => (4 * i + byte) % 251));
    }
    expect(drawn).toEqual([256]);
    supplies.pad(target, 1, 2);
    expect([...target]).toEqual([1, 0, 1, 4]);
    expect(drawn).toEqual([256, 1024]);
  });
});
