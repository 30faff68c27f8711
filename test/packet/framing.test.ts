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
  it('is legal from the least to the greatest in steps of the block, and nowhere else', () => {
    fc.assert(
      fc.property(shapes, fc.nat({ max: 600 }), fc.nat({ max: 600 }), (shape, packetLength, maximum) => {
        const aligned = packetLength + (shape.lengthIsAligned ? 4 : 0);
        const least = shape.lengthIsAligned ? 16 : shape.blockSize;
        const isLegal = packetLength <= maximum && aligned >= least && aligned % shape.blockSize === 0;
        const check = (): void => checkPacketLength(packetLength, shape, maximum);
        if (isLegal) expect(check).not.toThrow();
        else expect(check).toThrow(expect.objectContaining({ code: 'ERR_SSH_PACKET' }));
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
    for (let packetLength = 12; packetLength < 300; packetLength++) {
      for (let padding = 0; padding < 256; padding++) {
        const check = (): void => checkPaddingLength(padding, packetLength);
        if (padding >= 4 && padding <= packetLength - 2) check();
        else expect(check).toThrow(padding < 4 ? /at least 4 are required/ : /leaves no room/);
      }
    }
  });

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
    for (const packet of splitPackets(takeAll(sealer))) {
      const padding = packet.subarray(packet.length - (packet[4] ?? 0));
      expect(padding.every((byte) => byte === 0xab)).toBe(true);
    }
  });
});
