/** Compression and decompression of payloads, each against zlib. */
import {
  constants,
  createDeflate,
  createInflate,
  type Deflate,
  deflateSync,
  type Inflate,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import { deflatedGrowth, pieceLength } from '../../src/packet/pieces.ts';
import { noise, sameBytes } from './support.ts';

const limit = 256 * 1024;
const flushes = {
  partial: constants.Z_PARTIAL_FLUSH,
  sync: constants.Z_SYNC_FLUSH,
  full: constants.Z_FULL_FLUSH,
};

/** zlib's stream, fed a piece at a time. */
class Zlib {
  private readonly stream: Deflate | Inflate;
  private readonly flush: number;
  private chunks: Buffer[] = [];

  constructor(stream: Deflate | Inflate, flush: number) {
    this.stream = stream;
    this.flush = flush;
    stream.on('data', (chunk: Buffer) => this.chunks.push(chunk));
  }

  async feed(bytes: Uint8Array): Promise<Uint8Array> {
    this.chunks = [];
    await new Promise<void>((resolve, reject) => {
      this.stream.once('error', reject);
      this.stream.write(bytes, () => this.stream.flush(this.flush, () => resolve()));
    });
    return new Uint8Array(Buffer.concat(this.chunks));
  }
}

const deflating = (flush: number, options: ZlibOptions = {}): Zlib => new Zlib(createDeflate(options), flush);
const inflating = (): Zlib => new Zlib(createInflate(), constants.Z_SYNC_FLUSH);

/** Text that repeats, bytes that do not, runs, and mixtures of them. */
const payload: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 400 }),
  fc.tuple(fc.integer(), fc.integer({ min: 1, max: 40_000 })).map(([seed, length]) => noise(length, seed)),
  fc
    .tuple(
      fc.constantFrom('abc', 'total 48\ndrwxr-xr-x 2 root root 4096 ', '\0'),
      fc.integer({ min: 1, max: 2000 }),
    )
    .map(([text, count]) => new Uint8Array(Buffer.from(text.repeat(count)))),
  fc
    .tuple(fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3000 }))
    .map(([digits]) => Uint8Array.from(digits, (digit) => 97 + digit)),
);
const payloads = fc.array(payload, { minLength: 1, maxLength: 8 });

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};
const inflateAll = (inflater: Inflater, pieces: readonly Uint8Array[]): Uint8Array[] =>
  pieces.map((piece) => inflater.inflate(piece, 0, piece.length));

describe('decompression', () => {
  const levels = fc.record({
    level: fc.constantFrom(0, 1, 6, 9),
    memLevel: fc.constantFrom(1, 8, 9),
    windowBits: fc.constantFrom(9, 12, 15),
    strategy: fc.constantFrom(
      constants.Z_DEFAULT_STRATEGY,
      constants.Z_FIXED,
      constants.Z_HUFFMAN_ONLY,
      constants.Z_RLE,
    ),
  });

  it.each(Object.entries(flushes))(
    'gives back what zlib compressed, piece by piece, with every kind of block: %s flush',
    async (_, flush) => {
      await fc.assert(
        fc.asyncProperty(payloads, levels, async (parts, options) => {
          const zlib = deflating(flush, options);
          const inflater = new Inflater(limit);
          for (const part of parts) {
            const piece = await zlib.feed(part);
            expect(sameBytes(inflateAll(inflater, [piece]), [part])).toBe(true);
          }
        }),
        { numRuns: 40 },
      );
    },
  );

  it('gives back what refers to 32 KiB before, however many packets came, in memory of one size', async () => {
    const zlib = deflating(flushes.partial, { level: 9 });
    const inflater = new Inflater(limit);
    // Bytes that come again only at the far end of the window.
    const far = noise(32 * 1024 - 300, 7);
    for (let at = 0, round = 0; round < 120; round++) {
      const part = new Uint8Array(1000 + 7 * (round % 90)).map((_, i) => far[(at + i) % far.length] ?? 0);
      at += part.length;
      const piece = await zlib.feed(part);
      expect(sameBytes(inflateAll(inflater, [piece]), [part])).toBe(true);
      // From the second time on, it is nothing but distances.
      if (at > 2 * far.length) expect(piece.length).toBeLessThan(part.length / 4);
      expect((Reflect.get(inflater, 'output') as Uint8Array).length).toBeLessThanOrEqual(64 * 1024);
    }
  });

  it('takes a packet that becomes as much as the limit, wherever its memory ends, and no byte more', () => {
    const piece = (bytes: Uint8Array, level: number): Uint8Array =>
      new Uint8Array(deflateSync(bytes, { level, finishFlush: constants.Z_SYNC_FLUSH }));
    for (const most of [1, 255, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 128 * 1024 + 1]) {
      for (const level of [0, 1, 9]) {
        const whole = noise(most, level);
        const right = piece(whole, level);
        expect(sameBytes(inflateAll(new Inflater(most), [right]), [whole])).toBe(true);
        const beyond = piece(noise(most + 1, level), level);
        expect(codeOf(() => inflateAll(new Inflater(most), [beyond]))).toBe('ERR_SSH_LIMIT');
      }
    }
  });

  it('takes what no stream can begin with as it is, before the stream begins', () => {
    const plain = [[], [0x78], [0x14, 0x9c], [0x78, 0x9d], [0x98, 0x9c, 1], [0x78, 0xbb]].map((bytes) =>
      Uint8Array.from(bytes),
    );
    const inflater = new Inflater(limit, true);
    expect(inflateAll(inflater, plain)).toEqual(plain);
    const whole = noise(100, 3);
    const piece = deflateSync(whole, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(sameBytes(inflateAll(inflater, [new Uint8Array(piece)]), [whole])).toBe(true);
    expect(inflater.hasBegun).toBe(true);
  });

  it('does not care where the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        payloads,
        levels,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        async (parts, options, cuts) => {
          const zlib = deflating(constants.Z_PARTIAL_FLUSH, options);
          const pieces: Uint8Array[] = [];
          for (const part of parts) pieces.push(await zlib.feed(part));
          const stream = concatBytes(...pieces);
          const inflater = new Inflater(limit);
          const out: Uint8Array[] = [];
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const length = cuts[cut % cuts.length] as number;
            out.push(inflater.inflate(stream, at, Math.min(stream.length, at + length)));
            at += length;
          }
          expect(sameBytes([concatBytes(...out)], [concatBytes(...parts)])).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('answers bytes of no meaning with a typed error, or with what zlib makes of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const stream = concatBytes(Uint8Array.of(0x78, 0x9c), bytes);
        let ours: Uint8Array | undefined;
        const code = codeOf(() => {
          ours = new Inflater(limit).inflate(stream, 0, stream.length);
        });
        expect(['ERR_SSH_PACKET', 'ERR_SSH_LIMIT', 'nothing thrown']).toContain(code);
        if (ours === undefined) return;
        const theirs = inflateSync(stream, { finishFlush: constants.Z_SYNC_FLUSH });
        expect(sameBytes([ours], [new Uint8Array(theirs)])).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('any flipped bit of a stream gives other bytes, fewer, or a typed error: never a crash', () => {
    const text = Buffer.from('the quick brown fox jumps over the lazy dog, the lazy dog does not '.repeat(9));
    const stream = deflateSync(text, { finishFlush: constants.Z_SYNC_FLUSH, level: 9 });
    for (let bit = 0; bit < 8 * stream.length; bit++) {
      const altered = new Uint8Array(stream);
      altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
      const code = codeOf(() => new Inflater(limit).inflate(altered, 0, altered.length));
      expect(['ERR_SSH_PACKET', 'ERR_SSH_LIMIT', 'nothing thrown']).toContain(code);
    }
  });

  it.each([
    ['a header of another format', '1f8b0800'],
    ['a header with a wrong check', '789d'],
    ['a preset dictionary', '78bb'],
    ['a block of the unknown type', '789c06'],
    ['a last block', '789c0100000000'],
    ['stored lengths that differ', '789c0001000000'],
    ['a distance to before the beginning', '789c1a030200'],
  ])('refuses %s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(codeOf(() => new Inflater(limit).inflate(bytes, 0, bytes.length))).toBe('ERR_SSH_PACKET');
  });
});

describe('compression', () => {
  it('is read by zlib and by this library, each piece whole as it comes', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, async (parts) => {
        const deflater = new Deflater();
        const zlib = inflating();
        const inflater = new Inflater(limit);
        for (const part of parts) {
          const framed = concatBytes(Uint8Array.of(1, 2, 3), part, Uint8Array.of(4));
          const piece = deflater.deflate(framed, 3, framed.length - 1).slice();
          expect(sameBytes(inflateAll(inflater, [piece]), [part])).toBe(true);
          expect(sameBytes([await zlib.feed(piece)], [part])).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('makes nothing longer by more than the header and 11 bytes', () => {
    for (const length of [1, 100, 32_768]) {
      const deflater = new Deflater();
      deflater.deflate(Uint8Array.of(0), 0, 1);
      const piece = deflater.deflate(noise(length, length), 0, length);
      expect(piece.length).toBeLessThanOrEqual(length + 11);
    }
  });

  it('makes text that repeats a fraction of its length, across packets too', () => {
    const deflater = new Deflater();
    const text = noise(2000, 1);
    deflater.deflate(text, 0, text.length);
    expect(deflater.deflate(text, 0, text.length).length).toBeLessThan(60);
  });

  it('goes on over far more than its window', () => {
    const deflater = new Deflater();
    const inflater = new Inflater(limit);
    for (let i = 0; i < 60; i++) {
      const part = concatBytes(noise(5_000 + 97 * i, i % 7), new Uint8Array(i));
      const piece = deflater.deflate(part, 0, part.length).slice();
      expect(sameBytes(inflateAll(inflater, [piece]), [part])).toBe(true);
    }
  });
});

describe('what a payload grows by', () => {
  it('is what deflatedGrowth says, at most, and that is little', () => {
    const lengths = [0, 1, 100, pieceLength - 1, pieceLength, pieceLength + 1, 3 * pieceLength, 200_000];
    for (const length of lengths) {
      // What cannot be compressed grows most.
      const grown = new Deflater().deflate(noise(length, length + 1), 0, length).length - length;
      expect(grown).toBeLessThanOrEqual(deflatedGrowth(length));
      expect(deflatedGrowth(length)).toBeLessThanOrEqual(24 + length / 1000);
    }
  });
});
