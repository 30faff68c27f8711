/** RFC 4253 §6: which lengths and paddings a packet may have, by themselves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import {
  checkPacketLength,
  checkPaddingLength,
  longestPayload,
  paddingFor,
} from '../../src/packet/framing.ts';
import { NoneOpeningCipher, NoneSealingCipher } from '../../src/packet/noneCipher.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import { uint32s } from '../message/support.ts';
import { seededPadding, splitPackets, takeAll } from './support.ts';

const shapes = fc.record({
  blockSize: fc.constantFrom(8, 16),
  lengthIsAligned: fc.boolean(),
  tagLength: fc.constantFrom(0, 16, 32, 64),
});

describe('a packet length', () => {
  /** By hand from RFC 4253 §6 and OpenSSH's PROTOCOL: the first legal lengths of each shape, and what lies between. */
  it.each([
    // The length is encrypted with the rest: 4 + packet_length is a multiple of the block, and 16 at least.
    [8, true, [12, 20, 28, 36, 44]],
    [16, true, [12, 28, 44]],
    // It stands outside (GCM, encrypt-then-MAC, chacha20-poly1305): packet_length itself is one, a block at least.
    [8, false, [8, 16, 24, 32, 40, 48]],
    [16, false, [16, 32, 48]],
  ] as const)(
    'below 50, with blocks of %i and the length aligned: %s, is one of %j',
    (blockSize, lengthIsAligned, legal) => {
      const shape = { blockSize, lengthIsAligned, tagLength: 16 };
      const isLegal = (packetLength: number, maximum: number): boolean => {
        try {
          checkPacketLength(packetLength, shape, maximum);
          return true;
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SSH_PACKET' });
          return false;
        }
      };
      const all = Array.from({ length: 50 }, (_, length) => length);
      expect(all.filter((length) => isLegal(length, 1000))).toEqual(legal);
      // The greatest is legal itself, and what is beyond it is not.
      for (const length of legal)
        expect([isLegal(length, length), isLegal(length, length - 1)]).toEqual([true, false]);
      expect(isLegal(0xffff_fffc, 1000)).toBe(false);
    },
  );

  it('is legal again a block further on, and nowhere between, up to the greatest', () => {
    fc.assert(
      fc.property(shapes, fc.nat({ max: 600 }), fc.nat({ max: 600 }), (shape, packetLength, maximum) => {
        const legal = (length: number): boolean => {
          try {
            checkPacketLength(length, shape, maximum);
            return true;
          } catch {
            return false;
          }
        };
        const window = Array.from({ length: shape.blockSize }, (_, i) => legal(packetLength + i));
        // One of as many as a block has bytes; none below the least and beyond the greatest.
        const [first, last] = [packetLength, packetLength + shape.blockSize - 1];
        if (first >= 16 && last <= maximum) expect(window.filter(Boolean)).toHaveLength(1);
        if (last < 8 || first > maximum) expect(window).not.toContain(true);
        if (legal(packetLength) && packetLength + shape.blockSize <= maximum) {
          expect(legal(packetLength + shape.blockSize)).toBe(true);
        }
      }),
    );
  });

  it('that is not says why', () => {
    const shape = { blockSize: 8, lengthIsAligned: true, tagLength: 0 };
    expect(() => checkPacketLength(108, shape, 100)).toThrow(/108 bytes, 100 are allowed/);
    expect(() => checkPacketLength(4, shape, 100)).toThrow(/4 bytes, too few/);
    expect(() => checkPacketLength(21, shape, 100)).toThrow(/21 bytes, not a multiple of the block size 8/);
  });

  it('is a uint32 in the clear before the first keys', () => {
    const cipher = new NoneOpeningCipher();
    fc.assert(
      fc.property(uint32s, fc.nat({ max: 9 }), (length, offset) => {
        const buffer = new Uint8Array(offset + 4);
        new DataView(buffer.buffer).setUint32(offset, length);
        expect(cipher.openLength(buffer, offset)).toBe(length);
      }),
    );
  });
});

describe('a padding length', () => {
  it('is legal from 4 up to what leaves one byte for a message', () => {
    const wrong: string[] = [];
    // Those with little room, and those that have room for every padding there is.
    for (const packetLength of [12, 13, 20, 28, 100, 255, 256, 257, 258, 300]) {
      for (let padding = 0; padding < 256; padding++) {
        let verdict = 'legal';
        try {
          checkPaddingLength(padding, packetLength);
        } catch (error) {
          verdict = String(error);
        }
        const expected =
          padding < 4 ? /at least 4 are required/ : padding > packetLength - 2 ? /leaves no room/ : /^legal$/;
        if (!expected.test(verdict)) wrong.push(`${padding} of ${packetLength}: ${verdict}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    // payload, block, length aligned, padding: worked out on paper
    [1, 8, true, 10],
    [1, 16, true, 10],
    [1, 8, false, 14],
    [1, 16, false, 14],
    [7, 8, true, 4],
    [8, 8, true, 11],
    [11, 8, true, 8],
    [12, 8, true, 7],
    [11, 16, true, 16],
    [11, 16, false, 4],
    [12, 16, false, 19],
    [27, 16, false, 4],
    [23, 16, true, 4],
    [24, 16, true, 19],
    [100, 8, true, 7],
  ] as const)(
    'of %i bytes with blocks of %i and the length aligned: %s, is %i',
    (payload, blockSize, lengthIsAligned, padding) => {
      expect(paddingFor(payload, { blockSize, lengthIsAligned, tagLength: 0 })).toBe(padding);
    },
  );

  it('is the least that makes a legal packet', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 500 }), (shape, payloadLength) => {
        const padding = paddingFor(payloadLength, shape);
        const packetLength = 1 + payloadLength + padding;
        checkPacketLength(packetLength, shape, 1000);
        checkPaddingLength(padding, packetLength);
        expect(4 + packetLength).toBeGreaterThanOrEqual(16);
        const fewer = padding - shape.blockSize;
        expect(fewer < 4 || 4 + packetLength - shape.blockSize < 16).toBe(true);
      }),
    );
  });
});

describe('the longest payload', () => {
  it('is within the limit under every cipher, and one byte more is not under some', () => {
    const everyShape = [8, 16].flatMap((blockSize) =>
      [true, false].map((lengthIsAligned) => ({ blockSize, lengthIsAligned, tagLength: 0 })),
    );
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 300_000 }), (limit) => {
        const longest = longestPayload(limit);
        const lengthOf = (payload: number) =>
          everyShape.map((shape) => 1 + payload + paddingFor(payload, shape));
        expect(Math.max(...lengthOf(longest))).toBeLessThanOrEqual(limit);
        expect(Math.max(...lengthOf(longest + 1))).toBeGreaterThan(limit);
      }),
    );
  });
});

describe('the counters of a direction', () => {
  it('begin at 0 and count packets, bytes and blocks of 8, the same on both ends', () => {
    const sealer = new PacketSealer({ randomBytes: seededPadding() });
    const opener = new PacketOpener({ limits: defaultLimits });
    for (const { packets, bytes, blocks, sequenceNumber } of [sealer, opener]) {
      expect([packets, bytes, blocks, sequenceNumber]).toEqual([0, 0, 0, 0]);
    }
    expect([sealer.pending, opener.readNeed, opener.payloadStart, opener.payloadEnd]).toEqual([0, 4, 0, 0]);
    for (const length of [1, 11, 12, 300]) {
      sealer.begin().bytes(new Uint8Array(length).fill(90));
      sealer.finish();
    }
    const stream = takeAll(sealer);
    const queue = new ByteQueue();
    queue.push(stream.slice());
    while (opener.next(queue));
    for (const { packets, bytes, blocks, sequenceNumber } of [sealer, opener]) {
      expect([packets, bytes, blocks, sequenceNumber]).toEqual([4, stream.length, stream.length / 8, 4]);
    }
    expect([opener.readNeed, sealer.pending]).toEqual([4, 0]);
  });

  it('begin anew with each key; the number only where it is told to', () => {
    for (const resetSequence of [false, true]) {
      const sealer = new PacketSealer({ randomBytes: seededPadding() });
      const opener = new PacketOpener({ limits: defaultLimits });
      sealer.begin().byte(21);
      sealer.finish();
      const queue = new ByteQueue();
      queue.push(takeAll(sealer).slice());
      expect(opener.next(queue)).toBe(true);
      sealer.use(new NoneSealingCipher(), { resetSequence });
      opener.use(new NoneOpeningCipher(), { resetSequence });
      for (const { packets, bytes, blocks, sequenceNumber } of [sealer, opener]) {
        expect([packets, bytes, blocks, sequenceNumber]).toEqual([0, 0, 0, resetSequence ? 0 : 1]);
      }
    }
  });
});

describe('padding', () => {
  it('is of the random source in every packet, however many there are', () => {
    const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xab);
    const sealer = new PacketSealer({ randomBytes });
    for (let i = 0; i < 2000; i++) {
      sealer.begin().bytes(new Uint8Array(1 + (i % 40)).fill(1));
      sealer.finish();
    }
    const packets = splitPackets(takeAll(sealer));
    expect(packets).toHaveLength(2000);
    for (const packet of packets) {
      expect(packet[4]).toBeGreaterThanOrEqual(4);
      const padding = packet.subarray(packet.length - (packet[4] ?? 0));
      expect(padding.every((byte) => byte === 0xab)).toBe(true);
    }
  });
});
