/** What opener and sealer do by themselves, whatever the cipher: one that only signs its calls. */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits, resolveLimits } from '../../src/base/limits.ts';
import type { OpeningCipher, SealingCipher } from '../../src/crypto/provider/provider.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import { bigEndian, noise, openAll, seededPadding, splitPackets, takeAll } from './support.ts';

/** Tags each packet with its sequence number and the bytes it could have worked ahead on. */
class SigningCipher implements SealingCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned = false;
  readonly tagLength = 8;
  readonly apartFrom: number | undefined;
  /** Offset, packet length, sequence number, bytes available. */
  readonly calls: number[][] = [];

  constructor(apartFrom?: number) {
    this.apartFrom = apartFrom;
  }

  seal(buffer: Uint8Array, offset: number, packetLength: number, number: number, available: number): void {
    this.calls.push([offset, packetLength, number, available]);
    this.sign(buffer, offset + 4 + packetLength, number);
  }

  sealApart(buffer: Uint8Array, offset: number, packetLength: number, number: number): Uint8Array {
    this.calls.push([offset, packetLength, number]);
    this.sign(buffer, offset + 4 + packetLength, number);
    return buffer.slice(offset + 4, offset + 4 + packetLength);
  }

  private sign(buffer: Uint8Array, at: number, number: number): void {
    buffer.set(bigEndian(0x5aa5), at);
    buffer.set(bigEndian(number), at + 4);
  }
}

/** The other end of it. */
class CheckingCipher implements OpeningCipher {
  readonly blockSize = 16;
  readonly lengthIsAligned = false;
  readonly tagLength = 8;
  readonly headerLength = 4;
  plaintext = new Uint8Array(0);
  plaintextOffset = 0;
  readonly failsLate: boolean;
  readonly calls: number[][] = [];

  constructor(failsLate = false) {
    this.failsLate = failsLate;
  }

  openLength(buffer: Uint8Array, offset: number): number {
    return new DataView(buffer.buffer, buffer.byteOffset).getUint32(offset);
  }

  open(buffer: Uint8Array, offset: number, packetLength: number, number: number, available: number): boolean {
    this.calls.push([packetLength, number, available]);
    const at = offset + 4 + packetLength;
    this.plaintext = buffer as Uint8Array<ArrayBuffer>;
    this.plaintextOffset = offset + 4;
    const expected = concatBytes(bigEndian(0x5aa5), bigEndian(number));
    return Buffer.compare(buffer.subarray(at, at + 8), expected) === 0;
  }
}

const internal: unknown = expect.objectContaining({ code: 'ERR_SSH_INTERNAL', origin: 'local' });

function newSealer(cipher?: SealingCipher): PacketSealer {
  const sealer = new PacketSealer({ randomBytes: seededPadding() });
  if (cipher !== undefined) sealer.use(cipher, { resetSequence: false });
  return sealer;
}

function newOpener(cipher: OpeningCipher, limits = defaultLimits): PacketOpener {
  const opener = new PacketOpener({ limits });
  opener.use(cipher, { resetSequence: false });
  return opener;
}

function put(sealer: PacketSealer, ...payloads: Uint8Array[]): void {
  for (const payload of payloads) {
    sealer.begin().bytes(payload);
    sealer.finish();
  }
}

describe('the sequence number (RFC 4253 §6.4)', () => {
  it('is a uint32 that wraps, on both ends and within a page', () => {
    const cipher = new SigningCipher();
    const sealer = newSealer(cipher);
    sealer.sequenceNumber = 0xfffffffe;
    const numbers = [1, 2, 3, 4].map((length) => {
      sealer.begin().bytes(noise(length, length));
      return sealer.finish();
    });
    expect(numbers).toEqual([0xfffffffe, 0xffffffff, 0, 1]);
    expect(sealer.sequenceNumber).toBe(2);
    const stream = takeAll(sealer);
    expect(cipher.calls.map(([, , number]) => number)).toEqual(numbers);
    const opener = newOpener(new CheckingCipher());
    opener.sequenceNumber = 0xfffffffe;
    expect(openAll(opener, stream)).toHaveLength(4);
    expect(opener.sequenceNumber).toBe(2);
  });

  it('of a packet begun and forgotten is that of the next', () => {
    const sealer = newSealer(new SigningCipher());
    sealer.begin().byte(1);
    put(sealer, noise(9, 1));
    expect(sealer.sequenceNumber).toBe(1);
  });
});

describe('the sealer', () => {
  it('seals when output is taken, all packets of a page at once, and each once', () => {
    const cipher = new SigningCipher();
    const sealer = newSealer(cipher);
    put(sealer, noise(20, 1), noise(50, 2));
    expect(cipher.calls).toEqual([]);
    // 32 and 64 bytes of packet, with 4 of length and 8 of tag.
    const first = sealer.takeOutput();
    expect(cipher.calls).toEqual([
      [0, 32, 0, 120],
      [44, 64, 1, 76],
    ]);
    expect([first?.length, sealer.pending, sealer.takeOutput()]).toEqual([120, 0, undefined]);
    put(sealer, noise(5, 3));
    expect(sealer.takeOutput()).toHaveLength(28);
    expect(cipher.calls.slice(2)).toEqual([[120, 16, 2, 28]]);
  });

  it('seals with the old keys what was finished before the new ones', () => {
    const [old, next] = [new SigningCipher(), new SigningCipher()];
    const sealer = newSealer(old);
    put(sealer, noise(20, 1));
    sealer.use(next, { resetSequence: true });
    put(sealer, noise(20, 2));
    const output = takeAll(sealer);
    expect(output).toHaveLength(88);
    expect([old.calls.map(([, , number]) => number), next.calls.map(([, , number]) => number)]).toEqual([
      [0],
      [0],
    ]);
  });

  it('seals large packets apart, in order with those before and behind', () => {
    const cipher = new SigningCipher(1000);
    const sealer = newSealer(cipher);
    const payloads = [
      noise(20, 1),
      noise(5000, 2),
      noise(30, 3),
      noise(994, 4),
      noise(979, 5),
      noise(978, 6),
    ];
    put(sealer, ...payloads);
    const packets = sealer.packets;
    expect([packets, sealer.sequenceNumber, sealer.pending]).toEqual([6, 6, sealer.bytes]);
    const stream = takeAll(sealer);
    expect(sealer.pending).toBe(0);
    // Those sealed apart have no bytes to work ahead on.
    expect(cipher.calls.filter((call) => call.length === 3).map(([, length]) => length)).toEqual([
      5008, 1008,
    ]);
    expect(cipher.calls.map(([, , number]) => number)).toEqual([0, 1, 2, 3, 4, 5]);
    const opened = openAll(newOpener(new CheckingCipher()), stream);
    expect(opened.map((payload) => Buffer.compare(payload, payloads.shift() as Uint8Array))).toEqual(
      new Array(6).fill(0),
    );
  });

  it('seals no packet apart under a cipher that does not say from which length on', () => {
    const cipher = new SigningCipher();
    const sealer = newSealer(cipher);
    put(sealer, noise(30_000, 1));
    takeAll(sealer);
    expect(cipher.calls.map((call) => call.length)).toEqual([4]);
  });

  it('cannot begin to compress in the middle of a packet; it can between two', () => {
    const sealer = newSealer();
    sealer.begin().byte(2);
    expect(() => sealer.compressWith(new Deflater())).toThrow(internal);
    expect(() => sealer.use(new SigningCipher(), { resetSequence: false })).toThrow(internal);
    sealer.finish();
    sealer.compressWith(new Deflater());
    put(sealer, new Uint8Array(3000).fill(7));
    sealer.compressWith(undefined);
    put(sealer, new Uint8Array(100).fill(8));
    const packets = splitPackets(takeAll(sealer));
    expect(packets.map(({ length }) => length < 200)).toEqual([true, true, true]);
    const [, compressed, plain] = packets as [Uint8Array, Uint8Array, Uint8Array];
    const end = compressed.length - (compressed[4] as number);
    expect(new Inflater(5000).inflate(compressed, 5, end)).toEqual(new Uint8Array(3000).fill(7));
    expect(plain.subarray(5, 105)).toEqual(new Uint8Array(100).fill(8));
  });

  it('asks its random source for padding when the pool is used up, not before, and for no byte twice', () => {
    let given = 0;
    const asked: number[] = [];
    const sealer = new PacketSealer({
      randomBytes: (length) => {
        asked.push(length);
        return Uint8Array.from({ length }, () => given++ % 253);
      },
    });
    expect(asked).toEqual([]);
    // 8 bytes of padding each; pools of 256, 1024, and from then on 2048 bytes.
    const pools = [256, 1024, 2048, 2048];
    for (let i = 0; i < 32 + 128 + 256 + 1; i++) {
      put(sealer, Uint8Array.of(1, 2, 3));
      expect(asked).toEqual(pools.slice(0, i < 32 ? 1 : i < 160 ? 2 : i < 416 ? 3 : 4));
    }
    const padding = splitPackets(takeAll(sealer)).flatMap((packet) => [...packet.subarray(8)]);
    expect(padding).toEqual(Array.from({ length: 417 * 8 }, (_, i) => i % 253));
  });

  it('moves to another page where fewer than 512 bytes are left, and gives pages as they fill', () => {
    const sealer = newSealer();
    // 5 + 1015 + 4 bytes each: they fill pages of 4 and 16 KiB, and leave 1024 bytes in one of 64 KiB.
    for (let i = 0; i < 4 + 16 + 63; i++) put(sealer, noise(1015, i));
    put(sealer, noise(503, 1), noise(100, 2), noise(100, 3));
    const lengths = [4096, 16_384, 63 * 1024 + 512 + 112, 112];
    expect(sealer.pending).toBe(lengths.reduce((sum, length) => sum + length));
    expect(lengths.map(() => sealer.takeOutput()?.length)).toEqual(lengths);
  });
});

describe('the opener', () => {
  it('hands the cipher what the stream has behind the packet', () => {
    const sealer = newSealer(new SigningCipher());
    put(sealer, noise(20, 1), noise(50, 2));
    const cipher = new CheckingCipher();
    openAll(newOpener(cipher), takeAll(sealer));
    expect(cipher.calls).toEqual([
      [32, 0, 120],
      [64, 1, 76],
    ]);
  });

  it('says how many bytes it needs: the length, then the packet with its tag', () => {
    const sealer = newSealer(new SigningCipher());
    put(sealer, noise(20, 1));
    const stream = takeAll(sealer);
    const opener = newOpener(new CheckingCipher());
    const queue = new ByteQueue();
    const step = (start: number, end: number): unknown[] => {
      queue.push(stream.slice(start, end));
      return [opener.next(queue), opener.readNeed];
    };
    expect(opener.readNeed).toBe(4);
    expect([step(0, 3), step(3, 4), step(4, 43), step(43, 44)]).toEqual([
      [false, 4],
      [false, 44],
      [false, 44],
      [true, 4],
    ]);
    expect([opener.packets, opener.bytes, opener.blocks]).toEqual([1, 44, 3]);
    expect(opener.payload.slice(opener.payloadStart, opener.payloadEnd)).toEqual(noise(20, 1));
  });

  it('keeps its fault, and lets nothing behind it in', () => {
    const sealer = newSealer(new SigningCipher());
    put(sealer, noise(20, 1), noise(20, 2));
    const stream = takeAll(sealer);
    stream[30] = (stream[30] as number) ^ 1;
    stream[43] = (stream[43] as number) ^ 1;
    const opener = newOpener(new CheckingCipher());
    const queue = new ByteQueue();
    queue.push(stream);
    const errors = [1, 2, 3].map(() => {
      try {
        return opener.next(queue);
      } catch (error) {
        return error;
      }
    });
    expect(errors[0]).toMatchObject({ code: 'ERR_SSH_MAC' });
    expect(errors[1]).toBe(errors[0]);
    expect(errors[2]).toBe(errors[0]);
    expect([opener.packets, opener.sequenceNumber]).toEqual([0, 0]);
  });

  it('that fails late drops as many bytes as the longest packet has, and asks for one at a time', () => {
    const limits = resolveLimits({ packetLength: 40_000 });
    const sealer = newSealer(new SigningCipher());
    put(sealer, noise(20, 1));
    const stream = takeAll(sealer);
    for (const [at, dropped] of [
      [43, 44],
      [0, 0],
    ] as const) {
      const altered = stream.slice();
      altered[at] = (altered[at] as number) ^ 0xff;
      const opener = newOpener(new CheckingCipher(true), limits);
      const queue = new ByteQueue();
      queue.push(altered);
      expect([opener.next(queue), opener.readNeed, queue.length]).toEqual([false, 1, 0]);
      const missing = 40_000 - (at === 0 ? 44 : dropped);
      queue.push(new Uint8Array(missing - 1));
      expect([opener.next(queue), queue.length]).toEqual([false, 0]);
      queue.push(new Uint8Array(5));
      const code = at === 0 ? 'ERR_SSH_PACKET' : 'ERR_SSH_MAC';
      expect(() => opener.next(queue)).toThrow(expect.objectContaining({ code }));
      expect(queue.length).toBe(4);
    }
  });

  it('decompresses from the next packet on, refuses one that becomes nothing, and keeps that fault', () => {
    const sealer = newSealer();
    const opener = new PacketOpener({ limits: defaultLimits });
    const deflater = new Deflater();
    put(sealer, noise(20, 1));
    sealer.compressWith(deflater);
    put(sealer, noise(3000, 2), noise(1, 3));
    sealer.compressWith(undefined);
    const nothing = deflater.deflate(new Uint8Array(0), 0, 0).slice();
    put(sealer, concatBytes(nothing, Uint8Array.of(0, 0, 0, 0xff, 0xff)), noise(5, 5));
    const queue = new ByteQueue();
    queue.push(takeAll(sealer));
    const next = (): Uint8Array => {
      expect(opener.next(queue)).toBe(true);
      return opener.payload.slice(opener.payloadStart, opener.payloadEnd);
    };
    expect(next()).toEqual(noise(20, 1));
    opener.decompressWith(new Inflater(5000));
    expect(Buffer.compare(next(), noise(3000, 2))).toBe(0);
    expect(next()).toEqual(noise(1, 3));
    for (let i = 0; i < 2; i++) {
      expect(() => opener.next(queue)).toThrow(
        expect.objectContaining({
          code: 'ERR_SSH_PACKET',
          message: expect.stringContaining('becomes nothing'),
        }),
      );
    }
  });

  it('keeps the fault of what does not decompress', () => {
    const sealer = newSealer();
    put(sealer, noise(20, 1), noise(20, 2));
    const opener = new PacketOpener({ limits: defaultLimits });
    opener.decompressWith(new Inflater(5000));
    const queue = new ByteQueue();
    queue.push(takeAll(sealer));
    for (let i = 0; i < 2; i++) expect(() => opener.next(queue)).toThrow(/its header is not that of zlib/);
  });

  it('cannot change keys in the middle of a packet; it can between two', () => {
    const sealer = newSealer();
    put(sealer, noise(20, 1));
    const stream = takeAll(sealer);
    const opener = new PacketOpener({ limits: defaultLimits });
    const queue = new ByteQueue();
    queue.push(stream.slice(0, 4));
    opener.next(queue);
    expect(() => opener.use(new CheckingCipher(), { resetSequence: true })).toThrow(internal);
    queue.push(stream.slice(4));
    expect(opener.next(queue)).toBe(true);
    opener.use(new CheckingCipher(), { resetSequence: true });
    expect([opener.sequenceNumber, opener.packets, opener.bytes, opener.blocks]).toEqual([0, 0, 0, 0]);
  });
});
