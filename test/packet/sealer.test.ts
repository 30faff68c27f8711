/** How packets are padded, queued and handed out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import {
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  providers,
  sameBytes,
  sealAll,
  seededPadding,
  splitPackets,
  suites,
  takeAll,
} from './support.ts';

const provider = providers['openssl'] as (typeof providers)[string];
const internal: unknown = expect.objectContaining({ code: 'ERR_SSH_INTERNAL' });

function clearSealer(): PacketSealer {
  return new PacketSealer({ randomBytes: seededPadding() });
}

describe('padding (RFC 4253 §6)', () => {
  it('is 4 to 255 bytes, makes a multiple of 8 and at least 16 bytes, in the clear', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 33_000 }), (length) => {
        const packet = sealAll(clearSealer(), [noise(length, 1)]);
        const padding = packet[4] as number;
        expect(packet.length % 8).toBe(0);
        expect(packet.length).toBeGreaterThanOrEqual(16);
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(packet.length).toBe(5 + length + padding);
      }),
    );
  });

  for (const suite of suites) {
    it(`makes a multiple of the block under ${nameOf(suite)}, the length counted only where it is encrypted with the rest`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 600 }), (length) => {
          const cipher = provider.createSealingCipher(keysOf(suite));
          const packet = sealAll(newSealer(provider, keysOf(suite)), [noise(length, 1)]);
          const packetLength = packet.length - cipher.tagLength - 4;
          expect((packetLength + (cipher.lengthIsAligned ? 4 : 0)) % cipher.blockSize).toBe(0);
          expect(4 + packetLength).toBeGreaterThanOrEqual(16);
          const padding = packetLength - 1 - length;
          expect(padding).toBeGreaterThanOrEqual(4);
          expect(padding).toBeLessThanOrEqual(255);
        }),
      );
    });
  }

  it('comes from the random source, a pool at a time, and no byte of it twice', () => {
    const pools: Uint8Array[] = [];
    const sealer = new PacketSealer({
      randomBytes: (length) => {
        const pool = noise(length, pools.length);
        pools.push(pool);
        return pool;
      },
    });
    const packets = splitPackets(
      sealAll(
        sealer,
        Array.from({ length: 400 }, () => Uint8Array.of(2)),
      ),
    );
    const supply = Buffer.concat(pools);
    let used = 0;
    for (const packet of packets) {
      const padding = packet.subarray(6);
      const at = supply.indexOf(padding, used);
      // What is left of a pool that does not suffice is not used.
      expect(at - used).toBeLessThan(padding.length);
      expect(at).toBeGreaterThanOrEqual(used);
      used = at + padding.length;
    }
    expect(pools.map(({ length }) => length)).toEqual([256, 1024, 2048, 2048]);
  });
});

describe('output', () => {
  it('is counted until it is taken, and undefined when there is none', () => {
    const sealer = clearSealer();
    expect(sealer.takeOutput()).toBeUndefined();
    sealer.begin().bytes(noise(20, 1));
    sealer.finish();
    expect(sealer.pending).toBe(32);
    expect(sealer.takeOutput()).toHaveLength(32);
    expect(sealer.pending).toBe(0);
    expect(sealer.takeOutput()).toBeUndefined();
  });

  for (const suite of suites) {
    it(`belongs to the taker: what follows changes none of it (${nameOf(suite)})`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 2, maxLength: 8 }),
          (lengths) => {
            const sealer = newSealer(provider, keysOf(suite));
            const taken: Uint8Array[] = [];
            const copies: Uint8Array[] = [];
            for (const length of lengths) {
              sealer.begin().bytes(noise(length, length));
              sealer.finish();
              for (let out = sealer.takeOutput(); out !== undefined; out = sealer.takeOutput()) {
                taken.push(out);
                copies.push(out.slice());
              }
            }
            expect(sameBytes(taken, copies)).toBe(true);
          },
        ),
        { numRuns: 10 },
      );
    });
  }

  // Of the longer ones the last of a page does not fit behind the others, and moves to the next.
  for (const [length, wire] of [
    [64, 100],
    [1024, 1060],
    [1500, 1540],
  ] as const) {
    it(`comes in bounded pieces, many packets of ${length} bytes to a piece`, () => {
      const sealer = newSealer(provider, keysOf(suites[0] as (typeof suites)[0]));
      const packets = Math.ceil(200_000 / wire);
      for (let i = 0; i < packets; i++) {
        sealer.begin().bytes(noise(length, i));
        sealer.finish();
      }
      const lengths: number[] = [];
      for (let out = sealer.takeOutput(); out !== undefined; out = sealer.takeOutput())
        lengths.push(out.length);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(65_536);
      expect(lengths.length).toBeLessThanOrEqual(6);
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(packets * wire);
    });
  }
});

describe('a packet', () => {
  it('that is begun and not finished is forgotten by the next', () => {
    const sealer = clearSealer();
    sealer.begin().bytes(noise(50, 1));
    sealer.begin().bytes(Uint8Array.of(9, 8, 7));
    sealer.finish();
    expect(splitPackets(takeAll(sealer)).map((packet) => packet.slice(5, 8))).toEqual([
      Uint8Array.of(9, 8, 7),
    ]);
  });

  it('that outgrows its page moves on, alone', () => {
    for (const suite of suites) {
      const payloads = [noise(60_000, 1), noise(7000, 2), noise(200_000, 3), noise(10, 4)];
      const sealer = newSealer(provider, keysOf(suite));
      for (const payload of payloads) {
        const writer = sealer.begin();
        for (let at = 0; at < payload.length; at += 1000) writer.bytes(payload.subarray(at, at + 1000));
        expect(writer.copyWritten()).toHaveLength(payload.length);
        sealer.finish();
      }
      expect(sameBytes(openAll(newOpener(provider, keysOf(suite)), takeAll(sealer)), payloads)).toBe(true);
    }
  });

  it('has every field whole, wherever in it the page ends', () => {
    const fields: readonly [string, (writer: WireWriter) => WireWriter][] = [
      ['a name-list', (writer) => writer.nameList(['hmac-sha2-256', 'hmac-sha2-512', 'a'])],
      ['an empty name-list', (writer) => writer.nameList([])],
      ['a text', (writer) => writer.text('a text that is longer than a number')],
      ['an mpint', (writer) => writer.mpint(Uint8Array.of(0, 0x80, 1, 2, 3, 4, 5))],
      ['a uint64', (writer) => writer.uint64(0x0102_0304_0506_0708n)],
      ['a string', (writer) => writer.string(noise(40, 5))],
    ];
    for (const [name, write] of fields) {
      const alone = write(new WireWriter()).copyWritten();
      // Many fields a packet, and packets of any length: the end of a page falls on each byte of a field.
      const fieldsEach = 40;
      const sealer = clearSealer();
      const wanted: Uint8Array[] = [];
      for (let length = 1; length < 400; length++) {
        const head = noise(length, length);
        const writer = sealer.begin().bytes(head);
        for (let i = 0; i < fieldsEach; i++) write(writer);
        wanted.push(Buffer.concat([head, ...new Array<Uint8Array>(fieldsEach).fill(alone)]));
        sealer.finish();
      }
      const payloads = splitPackets(takeAll(sealer)).map((packet) =>
        packet.slice(5, packet.length - (packet[4] as number)),
      );
      expect([name, sameBytes(payloads, wanted)]).toEqual([name, true]);
    }
  });

  it('without a message, or that was not begun, is a defect', () => {
    const sealer = clearSealer();
    expect(() => sealer.finish()).toThrow(internal);
    sealer.begin();
    expect(() => sealer.finish()).toThrow(internal);
    sealer.begin().byte(1);
    expect(() =>
      sealer.use(provider.createSealingCipher(keysOf(suites[0] as (typeof suites)[0])), {
        resetSequence: false,
      }),
    ).toThrow(internal);
  });
});
