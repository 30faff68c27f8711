/** What the opener lets in and what it refuses, under every cipher. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError, type SshErrorCode } from '../../src/base/errors.ts';
import { defaultLimits, resolveLimits } from '../../src/base/limits.ts';
import { ciphers } from '../../src/crypto/algorithms.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import {
  bigEndian,
  failsLate,
  filler,
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  providers,
  ReferenceSealing,
  sameBytes,
  sealAll,
  suites,
  takeAll,
} from './support.ts';

/** Runs the opener over the stream and tells how it ended. */
function verdict(opener: PacketOpener, stream: Uint8Array): SshErrorCode | 'waits' {
  const queue = new ByteQueue();
  queue.push(stream.slice());
  try {
    while (opener.next(queue)) {
      // The next one tells.
    }
    return 'waits';
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return error.code;
  }
}

/** A packet in the clear, as the wire carries it before the first NEWKEYS. */
function plainPacket(packetLength: number, paddingLength: number, bytes = packetLength - 1): Uint8Array {
  return concatBytes(
    bigEndian(packetLength),
    Uint8Array.of(paddingLength),
    new Uint8Array(Math.max(0, bytes)),
  );
}

describe('a packet_length (RFC 4253 §6; CVE-2024-43410)', () => {
  const impossible: readonly [number, string][] = [
    [0, 'nothing'],
    [1, 'less than padding'],
    [4, 'less than a block'],
    [11, 'not a multiple of 8 with its field'],
    [13, 'not a multiple of 8 with its field'],
    [0x7fffffff, 'two gigabytes'],
    [0xfffffffc, 'four gigabytes, a multiple of 8 with its field'],
    [0xffffffff, 'all ones'],
    [defaultLimits.packetLength + 4, 'just over the limit'],
  ];
  for (const [length, what] of impossible) {
    it(`of ${length}, ${what}, ends the connection on its four bytes alone`, () => {
      const opener = new PacketOpener({ limits: defaultLimits });
      const queue = new ByteQueue();
      queue.push(bigEndian(length));
      expect(() => opener.next(queue)).toThrow(expect.objectContaining({ code: 'ERR_SSH_PACKET' }));
    });
  }

  it('of the limit is waited for, and no byte more than it asks for', () => {
    const opener = new PacketOpener({ limits: resolveLimits({ packetLength: 40_004 }) });
    const queue = new ByteQueue();
    queue.push(bigEndian(40_004));
    expect(opener.next(queue)).toBe(false);
    expect(opener.readNeed).toBe(40_008);
  });

  it('of 35,000 bytes in all is taken (§6.1)', () => {
    expect(openAll(new PacketOpener({ limits: defaultLimits }), plainPacket(34_996, 4))).toHaveLength(1);
  });

  for (const [name, provider] of Object.entries(providers)) {
    for (const suite of suites) {
      it(`is refused under ${nameOf(suite)} by ${name} as well, before anything is buffered for it`, () => {
        for (const length of [0, 1, 7, 8, 15, 17, 20, 0x7ffffff0, 0xfffffff0, 0xffffffff]) {
          const reference = new ReferenceSealing(keysOf(suite));
          const head = reference.seal(
            concatBytes(
              bigEndian(length),
              new Uint8Array(28 + (suite.mac?.includes('etm') !== false ? 4 : 0)),
            ),
            0,
          );
          const opener = newOpener(provider, keysOf(suite));
          const queue = new ByteQueue();
          queue.push(head.slice(0, opener.readNeed));
          // With blocks of 8 bytes some of these can be: OpenSSH pads to 8 under chacha20-poly1305, the length outside.
          const legal = suite.mac?.includes('etm') === false ? 20 : 8;
          if (ciphers[suite.cipher].blockSize === 8 && length === legal) {
            expect(opener.next(queue)).toBe(false);
          } else {
            if (failsLate(suite)) {
              expect(opener.next(queue)).toBe(false);
              queue.push(filler);
            }
            expect(() => opener.next(queue)).toThrow(expect.objectContaining({ code: 'ERR_SSH_PACKET' }));
          }
          expect(opener.readNeed).toBeLessThanOrEqual(64);
        }
      });
    }
  }
});

describe('a padding_length (RFC 4253 §6; CVE-2026-46597 class)', () => {
  for (const padding of [0, 1, 3, 12, 11, 255]) {
    it(`of ${padding} in a packet of 12 bytes ends the connection`, () => {
      expect(verdict(new PacketOpener({ limits: defaultLimits }), plainPacket(12, padding))).toBe(
        'ERR_SSH_PACKET',
      );
    });
  }

  it('of 10 in a packet of 12 leaves a message of one byte', () => {
    const [payload] = openAll(new PacketOpener({ limits: defaultLimits }), plainPacket(12, 10));
    expect(payload).toEqual(new Uint8Array(1));
  });

  for (const [name, provider] of Object.entries(providers)) {
    for (const suite of suites) {
      it(`that is wrong under a right tag is refused under ${nameOf(suite)} by ${name}`, () => {
        const aligned = suite.mac !== undefined && !suite.mac.includes('etm');
        const length = aligned ? 28 : 32;
        for (const padding of [0, 3, length - 1, length, 255]) {
          const packet = concatBytes(bigEndian(length), Uint8Array.of(padding), noise(length - 1, 3));
          const sealed = new ReferenceSealing(keysOf(suite)).seal(packet, 0);
          expect(verdict(newOpener(provider, keysOf(suite)), sealed)).toBe('ERR_SSH_PACKET');
        }
      });
    }
  }
});

for (const [name, provider] of Object.entries(providers)) {
  describe(`altered packets, by ${name}`, () => {
    for (const suite of suites) {
      it(`${nameOf(suite)}: any flipped bit of a packet is refused`, () => {
        const sealed = sealAll(newSealer(provider, keysOf(suite)), [noise(20, 5)]);
        // What follows lets a length that grew be answered.
        const tail = new Uint8Array(defaultLimits.packetLength + 256);
        for (let bit = 0; bit < 8 * sealed.length; bit++) {
          const altered = concatBytes(sealed, tail);
          altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
          expect(['ERR_SSH_PACKET', 'ERR_SSH_MAC']).toContain(
            verdict(newOpener(provider, keysOf(suite)), altered),
          );
        }
      });

      it(`${nameOf(suite)}: in a run of packets those before the altered one are let in, it and no other is refused`, () => {
        fc.assert(
          fc.property(
            fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 30 }),
            fc.double({ min: 0, max: 0.999, noNaN: true }),
            fc.integer({ min: 0, max: 7 }),
            (lengths, where, bit) => {
              const payloads = lengths.map((length, index) => noise(length, index));
              const sealer = newSealer(provider, keysOf(suite));
              const ends: number[] = [];
              const parts = payloads.map((payload) => {
                sealer.begin().bytes(payload);
                sealer.finish();
                const part = takeAll(sealer);
                ends.push((ends.at(-1) ?? 0) + part.length);
                return part;
              });
              const stream = concatBytes(...parts);
              const at = Math.floor(where * stream.length);
              const hit = ends.findIndex((end) => at < end);
              const start = hit === 0 ? 0 : (ends[hit - 1] as number);
              // Length fields in the clear are another matter: a length that grows makes the opener wait.
              fc.pre(at >= start + 4);
              stream[at] = (stream[at] as number) ^ (1 << bit);
              const opener = newOpener(provider, keysOf(suite));
              const queue = new ByteQueue();
              queue.push(failsLate(suite) ? concatBytes(stream, filler) : stream);
              const opened: Uint8Array[] = [];
              let code: string | undefined;
              try {
                while (opener.next(queue))
                  opened.push(opener.payload.slice(opener.payloadStart, opener.payloadEnd));
              } catch (error) {
                code = (error as SshError).code;
              }
              // The first block of CBC holds the length.
              const codes = failsLate(suite) ? ['ERR_SSH_MAC', 'ERR_SSH_PACKET'] : ['ERR_SSH_MAC'];
              expect(codes).toContain(code);
              expect(sameBytes(opened, payloads.slice(0, hit))).toBe(true);
              expect(opener.sequenceNumber).toBe(hit);
            },
          ),
          { numRuns: 30 },
        );
      });

      it(`${nameOf(suite)}: bytes of no meaning are answered with a typed error or waited on`, () => {
        fc.assert(
          fc.property(fc.integer(), fc.integer({ min: 0, max: 3000 }), (seed, length) => {
            expect(['ERR_SSH_PACKET', 'ERR_SSH_MAC', 'waits']).toContain(
              verdict(newOpener(provider, keysOf(suite)), noise(length, seed)),
            );
          }),
          { numRuns: 40 },
        );
      });

      it(`${nameOf(suite)}: another key, number or order opens nothing`, () => {
        const payloads = [noise(40, 1), noise(41, 2)];
        const stream = sealAll(newSealer(provider, keysOf(suite)), payloads);
        const half = sealAll(newSealer(provider, keysOf(suite)), payloads.slice(0, 1)).length;
        const rest = failsLate(suite) ? filler : new Uint8Array(0);
        expect(verdict(newOpener(provider, keysOf(suite, 99)), concatBytes(stream, rest))).not.toBe('waits');
        const swapped = concatBytes(stream.subarray(half), stream.subarray(0, half), rest);
        expect(verdict(newOpener(provider, keysOf(suite)), swapped)).not.toBe('waits');
        // AES-GCM numbers packets by its own counter.
        if (suite.cipher.includes('gcm')) return;
        const opener = newOpener(provider, keysOf(suite));
        opener.sequenceNumber = 1;
        expect(verdict(opener, concatBytes(stream, rest))).not.toBe('waits');
      });
    }
  });
}

describe('a fault under CBC (RFC 4253 §6.3; CVE-2008-5161: the moment of the end told what a block was decrypted to)', () => {
  const late = suites.filter(failsLate);

  for (const [name, provider] of Object.entries(providers)) {
    it.each(late.map((suite) => [nameOf(suite), suite] as const))(
      `shows after as many bytes as the longest packet has, wherever it lies: %s by ${name}`,
      (_, suite) => {
        const sealed = sealAll(newSealer(provider, keysOf(suite)), [noise(100, 5)]);
        for (const [at, read] of [
          [0, 0],
          [20, sealed.length],
          [sealed.length - 1, sealed.length],
        ] as const) {
          const altered = sealed.slice();
          altered[at] = (altered[at] as number) ^ 0x80;
          const opener = newOpener(provider, keysOf(suite));
          const queue = new ByteQueue();
          queue.push(altered);
          expect(opener.next(queue)).toBe(false);
          // What came behind a bad length counts as well.
          const missing = defaultLimits.packetLength - (read === 0 ? sealed.length : read);
          for (let pushed = 0; pushed < missing - 1; pushed += 50_000) {
            queue.push(new Uint8Array(Math.min(50_000, missing - 1 - pushed)));
            expect(opener.next(queue)).toBe(false);
            expect(queue.length).toBe(0);
          }
          queue.push(Uint8Array.of(0));
          const code = at === 0 ? 'ERR_SSH_PACKET' : 'ERR_SSH_MAC';
          expect(() => opener.next(queue)).toThrow(expect.objectContaining({ code }));
          expect(() => opener.next(queue)).toThrow(expect.objectContaining({ code }));
        }
      },
    );
  }

  it('shows at once where the length is in the clear, and under every other cipher', () => {
    const early = suites.filter((candidate) => !failsLate(candidate));
    expect(early.length).toBeGreaterThan(5);
    for (const suite of early) {
      for (const provider of Object.values(providers)) {
        const sealed = sealAll(newSealer(provider, keysOf(suite)), [noise(100, 5)]);
        sealed[20] = (sealed[20] as number) ^ 1;
        expect(verdict(newOpener(provider, keysOf(suite)), sealed)).toBe('ERR_SSH_MAC');
      }
    }
  });
});

describe('a fault', () => {
  it('stays: nothing behind it is opened', () => {
    const opener = new PacketOpener({ limits: defaultLimits });
    const queue = new ByteQueue();
    queue.push(concatBytes(plainPacket(12, 3), plainPacket(12, 10)));
    expect(() => opener.next(queue)).toThrow(SshError);
    expect(() => opener.next(queue)).toThrow(SshError);
  });

  it('of the tag names the packet', () => {
    const suite = { cipher: 'aes128-gcm@openssh.com', mac: undefined } as const;
    const provider = providers['noble'] as (typeof providers)[string];
    const stream = sealAll(newSealer(provider, keysOf(suite)), [noise(9, 1), noise(9, 2), noise(9, 3)]);
    const last = stream.length - 1;
    stream[last] = (stream[last] as number) ^ 1;
    expect(() => openAll(newOpener(provider, keysOf(suite)), stream)).toThrow(
      /packet 2 failed its integrity check \(message authentication code incorrect\)/,
    );
  });
});

describe('keys', () => {
  it('cannot change in the middle of a packet', () => {
    const opener = new PacketOpener({ limits: defaultLimits });
    const queue = new ByteQueue();
    queue.push(plainPacket(12, 10).slice(0, 8));
    expect(opener.next(queue)).toBe(false);
    const suite = { cipher: 'aes128-gcm@openssh.com', mac: undefined } as const;
    const cipher = (providers['noble'] as (typeof providers)[string]).createOpeningCipher(keysOf(suite));
    expect(() => opener.use(cipher, { resetSequence: true })).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_INTERNAL' }),
    );
  });

  it('that follow each other take over between two packets of one chunk; the number restarts if told', () => {
    const [first, second] = [
      keysOf(suites[0] as (typeof suites)[0]),
      keysOf(suites[3] as (typeof suites)[0], 50),
    ];
    for (const resetSequence of [true, false]) {
      const [sealing, opening] = Object.values(providers) as [
        (typeof providers)[string],
        (typeof providers)[string],
      ];
      const sealer = newSealer(sealing, first);
      const opener = newOpener(opening, first);
      const queue = new ByteQueue();
      for (const payload of [noise(10, 1), noise(700, 2)]) {
        sealer.begin().bytes(payload);
        sealer.finish();
      }
      sealer.use(sealing.createSealingCipher(second), { resetSequence });
      sealer.begin().bytes(noise(30, 3));
      expect(sealer.finish()).toBe(resetSequence ? 0 : 2);
      queue.push(takeAll(sealer));
      expect([opener.next(queue), opener.next(queue)]).toEqual([true, true]);
      opener.use(opening.createOpeningCipher(second), { resetSequence });
      expect([opener.packets, opener.bytes, opener.blocks]).toEqual([0, 0, 0]);
      expect(opener.next(queue)).toBe(true);
      expect(opener.payload.slice(opener.payloadStart, opener.payloadEnd)).toEqual(noise(30, 3));
      expect(opener.sequenceNumber).toBe(resetSequence ? 1 : 3);
    }
  });
});
