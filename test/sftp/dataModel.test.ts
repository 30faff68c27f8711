/** Reading and writing a file with many requests on their way, against a model: any order of answers, any lengths, any failure. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { ByteBudget } from '../../src/sftp/data/budget.ts';
import { FileReader } from '../../src/sftp/data/reader.ts';
import { FileWriter } from '../../src/sftp/data/writer.ts';
import type { Answer } from '../../src/sftp/protocol/clientRequest.ts';
import type { SftpSession } from '../../src/sftp/session/session.ts';
import { statusOf } from './support.ts';

const kib = 1024;
const handle = Uint8Array.of(1, 2, 3);
const operation = { name: 'x', path: '/f' };
/** Bytes in flight before anything is known of the path. */
const firstWindow = 1024 * kib;

/** A request that was sent, until a test answers it. */
interface Sent {
  readonly offset: number;
  readonly length: number;
  /** Of a WRITE. */
  readonly data: Uint8Array;
  answer(answer: Answer): void;
  fail(error: Error): void;
}

interface Scene {
  readonly session: SftpSession;
  /** What has no answer yet. */
  readonly open: Sent[];
  /** All that was sent. */
  readonly all: Sent[];
  now: number;
}

interface SceneOptions {
  readonly blockLength?: number;
  readonly requests?: number;
  readonly bytes?: number;
}

/** A session that holds what is asked of it. */
function scene({ blockLength = 64 * kib, requests = 64, bytes = 8192 * kib }: SceneOptions = {}): Scene {
  const open: Sent[] = [];
  const all: Sent[] = [];
  const send = (offset: number, length: number, data: Uint8Array): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const done = (): void => void open.splice(open.indexOf(sent), 1);
      const sent: Sent = {
        offset,
        length,
        data,
        answer: (answer) => {
          done();
          resolve(answer);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      };
      open.push(sent);
      all.push(sent);
    });
  const header = 21 + handle.length + 4;
  const found: Scene = {
    open,
    all,
    now: 0,
    session: {
      channel: { now: () => found.now },
      capabilities: { limits: { readLength: blockLength, writeLength: blockLength } },
      link: {
        limits: { ...defaultLimits, sftpRequestsPerFile: requests, sftpBytesInFlight: bytes },
        read: (_handle: Uint8Array, offset: number, length: number) =>
          send(offset, length, new Uint8Array(0)),
        write: (_handle: Uint8Array, offset: number, memory: Uint8Array) =>
          send(offset, memory.length - header, memory.slice(header)),
      },
      statusError: (answer: { readonly errorCode: number }) =>
        new SshError('ERR_SSH_SFTP_FAILURE', `status ${answer.errorCode}`, { origin: 'peer' }),
    } as unknown as SftpSession,
  };
  return found;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ok = statusOf(0) as Answer;
const failed = statusOf(4) as Answer;
const eof = statusOf(1) as Answer;
const contentOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) ^ (i >> 8));
const sumOf = (list: readonly { readonly length: number }[]): number =>
  list.reduce((sum, { length }) => sum + length, 0);

/** A promise, looked at without waiting. */
function watched<T>(promise: Promise<T>): { state: 'waits' | 'done' | 'failed'; error: unknown } {
  const found: { state: 'waits' | 'done' | 'failed'; error: unknown } = { state: 'waits', error: undefined };
  promise.then(
    () => {
      found.state = 'done';
    },
    (error: unknown) => {
      found.state = 'failed';
      found.error = error;
    },
  );
  return found;
}

describe('a file that is written', () => {
  const writer = (
    made: Scene,
    more: { start?: number; longest?: number; budget?: ByteBudget } = {},
  ): FileWriter =>
    new FileWriter({ session: made.session, handle, operation, start: 0, errand: undefined, ...more });

  it('has every byte in its place, whatever the pieces, the blocks and the order of answers, and no more in flight than its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 3000 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 10_000 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 10 }),
        async (pieces, blockLength, requests, start, picks) => {
          const made = scene({ blockLength, requests });
          const file = writer(made, { start });
          const content = contentOf(pieces.reduce((sum, length) => sum + length, 0));
          let turns = 0;
          const answers = async (): Promise<void> => {
            expect(made.open.length).toBeLessThanOrEqual(requests);
            made.open[(picks[turns++ % picks.length] as number) % made.open.length]?.answer(ok);
            await turn();
          };
          const writing = (async () => {
            let at = 0;
            for (const length of pieces) {
              const piece = content.slice(at, at + length);
              await file.write(piece);
              // The memory is the giver's again.
              piece.fill(0xff);
              at += length;
            }
            await file.flush();
          })();
          const state = watched(writing);
          while (state.state === 'waits') await answers();
          await writing;
          expect([file.position, file.confirmed]).toEqual([start + content.length, start + content.length]);
          const found = new Uint8Array(content.length);
          for (const { offset, data, length } of made.all) {
            expect(length).toBeLessThanOrEqual(blockLength);
            found.set(data, offset - start);
          }
          expect(sumOf(made.all)).toBe(content.length);
          expect(Buffer.from(found).equals(content)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('knows how many bytes are there from the beginning without a gap', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7]),
        fc.nat({ max: 100 }),
        async (order, start) => {
          const made = scene({ blockLength: 10 });
          const file = writer(made, { start });
          await file.write(contentOf(80));
          const sent = [...made.open];
          const there = new Set<number>();
          for (const index of order) {
            sent[index]?.answer(ok);
            there.add(index);
            await turn();
            let whole = 0;
            while (there.has(whole)) whole++;
            expect(file.confirmed).toBe(start + 10 * whole);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('fails with the first WRITE that failed, in every call from then on, and sends no more', async () => {
    for (const how of ['status', 'lost'] as const) {
      const made = scene({ blockLength: 10, requests: 4 });
      const file = writer(made);
      const writing = watched(file.write(contentOf(100)));
      await turn();
      expect([made.open.length, writing.state]).toEqual([4, 'waits']);
      const lost = new SshError('ERR_SSH_CONNECTION_LOST', 'lost', { origin: 'network' });
      if (how === 'status') made.open[1]?.answer(failed);
      else made.open[1]?.fail(lost);
      await turn();
      made.open[0]?.answer(statusOf(3) as Answer);
      await turn();
      expect(writing.state).toBe('failed');
      if (how === 'lost') expect(writing.error).toBe(lost);
      else expect(writing.error).toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE', message: 'status 4' });
      for (const call of [() => file.write(contentOf(1)), () => file.room(), () => file.flush()]) {
        await expect(call()).rejects.toBe(writing.error);
      }
      expect(made.all).toHaveLength(4);
      expect(file.confirmed).toBe(0);
    }
  });

  it('sends the first bytes at once, and gathers those behind them while they are on their way', async () => {
    const made = scene({ blockLength: 100 });
    const file = writer(made);
    for (let i = 0; i < 5; i++) await file.write(Uint8Array.of(i));
    expect(made.all.map(({ length }) => length)).toEqual([1]);
    const flushing = watched(file.flush());
    await turn();
    expect(made.all.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 1],
      [1, 4],
    ]);
    expect(flushing.state).toBe('waits');
    made.open[1]?.answer(ok);
    await turn();
    expect(flushing.state).toBe('waits');
    made.open[0]?.answer(ok);
    await turn();
    expect(flushing.state).toBe('done');
  });

  it('has as many bytes in flight as its window, and one block where that is longer', async () => {
    for (const [bytes, blockLength, most] of [
      [200, 100, 2],
      [250, 100, 2],
      [50, 100, 1],
      [firstWindow, 256 * kib, 4],
      [2 * firstWindow, 256 * kib, 4],
    ] as const) {
      const made = scene({ bytes, blockLength });
      const file = writer(made);
      const writing = watched(file.write(new Uint8Array(10 * blockLength)));
      await turn();
      expect([made.open.length, writing.state], `${bytes}`).toEqual([most, 'waits']);
      made.open[0]?.answer(ok);
      await turn();
      expect(made.open.length).toBeGreaterThanOrEqual(most);
    }
  });

  it('shares a budget with others, and sends where it has nothing on its way', async () => {
    const budget = new ByteBudget(100);
    const [a, b] = [scene({ blockLength: 40 }), scene({ blockLength: 40 })];
    const first = writer(a, { budget });
    const second = writer(b, { budget });
    const one = watched(first.write(new Uint8Array(400)));
    await turn();
    expect([a.open.length, budget.available]).toEqual([2, 20]);
    const two = watched(second.write(new Uint8Array(80)));
    await turn();
    // Its first block, although the budget is used up.
    expect([b.open.length, budget.available]).toEqual([1, -20]);
    expect([one.state, two.state]).toEqual(['waits', 'waits']);
    b.open[0]?.answer(ok);
    await turn();
    expect([b.open.length, two.state]).toEqual([1, 'waits']);
    for (const made of [a, b])
      while (made.open.length > 0) {
        made.open[0]?.answer(ok);
        await turn();
      }
    for (let round = 0; round < 20; round++) {
      for (const made of [a, b]) made.open[0]?.answer(ok);
      await turn();
    }
    expect([one.state, two.state, budget.available]).toEqual(['done', 'done', 100]);
  });

  it('gives a budget back what failed', async () => {
    const budget = new ByteBudget(100);
    const made = scene({ blockLength: 40 });
    const file = writer(made, { budget });
    const writing = watched(file.write(new Uint8Array(80)));
    await turn();
    for (const sent of [...made.open]) sent.answer(failed);
    await turn();
    expect([writing.state, budget.available]).toEqual(['failed', 100]);
    await expect(file.flush()).rejects.toThrow('status 4');
  });

  it('leaves out a hole, which counts as there', async () => {
    const made = scene({ blockLength: 10 });
    const file = writer(made, { start: 5 });
    file.skip(20);
    expect([file.position, file.confirmed]).toEqual([25, 25]);
    await file.write(contentOf(10));
    file.skip(7);
    expect([made.open[0]?.offset, file.position, file.confirmed]).toEqual([25, 42, 25]);
    made.open[0]?.answer(ok);
    await turn();
    expect(file.confirmed).toBe(42);
    await file.flush();
    expect(made.all).toHaveLength(1);
  });

  it('uses the memory of whole blocks again, and keeps no more than it may', () => {
    const made = scene({ blockLength: 100 });
    const file = writer(made, { longest: 64 });
    expect(file.longest).toBe(64);
    const blocks = Array.from({ length: 40 }, () => file.takeBlock());
    for (const { memory, data } of blocks) {
      expect(data.length).toBe(64);
      expect(memory.length).toBe(64 + 28);
      expect(data.buffer).toBe(memory.buffer);
      // A copy of the system is quickest from there on.
      expect(data.byteOffset % 64).toBe(0);
    }
    expect(new Set(blocks.map(({ memory }) => memory.buffer)).size).toBe(40);
    for (const block of blocks) file.giveBack(block);
    const again = Array.from({ length: 40 }, () => file.takeBlock());
    const reused = again.filter((block) => blocks.includes(block));
    expect(reused).toHaveLength(32);
    expect(new Set(again).size).toBe(40);
    // A short one has its own length, and is not kept.
    const short = file.takeBlock(10);
    expect(short.data.length).toBe(10);
    file.giveBack(short);
    expect(file.takeBlock()).not.toBe(short);
  });

  it('aligns its data behind a header of any length', () => {
    for (const length of [1, 39, 40, 100, 256]) {
      const made = scene({ blockLength: 100 });
      const long = new Uint8Array(length);
      const file = new FileWriter({
        session: made.session,
        handle: long,
        operation,
        start: 0,
        errand: undefined,
      });
      const { memory, data } = file.takeBlock();
      expect([data.byteOffset % 64, memory.length - data.length]).toEqual([0, 25 + length]);
    }
  });

  it('gives a block back that was sent, once it is answered and not before', async () => {
    const made = scene({ blockLength: 8 });
    const file = writer(made);
    const block = file.takeBlock();
    file.send(block, 8);
    expect(file.takeBlock()).not.toBe(block);
    made.open[0]?.answer(ok);
    await turn();
    expect(file.takeBlock()).toBe(block);
    file.send(block, 3);
    expect(made.open[0]).toMatchObject({ offset: 8, length: 3 });
    expect(file.position).toBe(11);
  });

  it('has a window that grows with the path', async () => {
    const made = scene({ blockLength: 512 * kib, bytes: 4096 * kib });
    const file = writer(made);
    const writing = watched(file.write(new Uint8Array(32 * 512 * kib)));
    await turn();
    expect(made.open.length).toBe(2);
    // A round trip of 100, and all answers at once: the path has room for more.
    for (let round = 0; round < 3; round++) {
      made.now += 100;
      for (const sent of [...made.open]) sent.answer(ok);
      await turn();
    }
    expect(made.open.length).toBe(8);
    expect(writing.state).toBe('waits');
  });
});

describe('a file that is read', () => {
  interface More {
    readonly start?: number;
    readonly end?: number;
    readonly size?: number | undefined;
    readonly longest?: number;
    readonly budget?: ByteBudget;
  }
  const reader = (made: Scene, more: More = {}): FileReader =>
    new FileReader({
      session: made.session,
      handle,
      operation,
      start: 0,
      end: Number.POSITIVE_INFINITY,
      size: undefined,
      errand: undefined,
      ...more,
    });
  /** What a server that has these bytes answers, with so many of them. */
  const answerOf = (content: Uint8Array, { offset, length }: Sent, most: number = length): Answer => {
    const data = content.subarray(offset, offset + Math.min(length, Math.max(1, most)));
    return data.length === 0 ? eof : { kind: 'data', pieces: [data], length: data.length };
  };

  it('is what the server has, whatever the lengths and the order of answers, and no more is asked than the bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 6000 }),
        fc.record({
          start: fc.nat({ max: 3000 }),
          end: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat({ max: 7000 })),
          told: fc.constantFrom('right', 'none', 'zero', 'less', 'more'),
          blockLength: fc.integer({ min: 1, max: 900 }),
          requests: fc.integer({ min: 1, max: 8 }),
          bytes: fc.integer({ min: 1, max: 4000 }),
        }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        async (length, { start, end, told, blockLength, requests, bytes }, picks, lengths) => {
          const content = contentOf(length);
          const size = { right: length, none: undefined, zero: 0, less: length >> 1, more: length + 500 }[
            told
          ];
          const made = scene({ blockLength, requests, bytes });
          const budget = new ByteBudget(100_000);
          const file = reader(made, { start, end, size, budget });
          const found: Uint8Array[] = [];
          const reading = (async () => {
            for (let answer = await file.next(); answer !== undefined; answer = await file.next()) {
              found.push(...answer.pieces);
            }
          })();
          const state = watched(reading);
          let turns = 0;
          while (state.state === 'waits') {
            expect(made.open.length).toBeLessThanOrEqual(requests);
            const inFlight = sumOf(made.open);
            expect(inFlight <= bytes || made.open.length <= 1).toBe(true);
            const pick = made.open[(picks[turns % picks.length] as number) % made.open.length];
            if (pick !== undefined) pick.answer(answerOf(content, pick, lengths[turns % lengths.length]));
            turns++;
            await turn();
          }
          await reading;
          for (const { offset, length: asked } of made.all) {
            expect(asked).toBeGreaterThan(0);
            expect(asked).toBeLessThanOrEqual(blockLength);
            expect(offset + asked).toBeLessThanOrEqual(Math.max(end, start));
          }
          const expected = content.subarray(start, Math.max(start, Math.min(end, length)));
          expect(Buffer.concat(found).equals(expected)).toBe(true);
          expect(budget.available).toBe(100_000);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('asks for what is known to be there at once, and for one READ beyond it', async () => {
    const made = scene({ blockLength: 10 });
    const file = reader(made, { size: 35 });
    const next = file.next();
    expect(made.open.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 10],
      [10, 10],
      [20, 10],
      [30, 5],
      [35, 10],
    ]);
    for (const sent of [...made.open]) sent.answer(answerOf(contentOf(35), sent));
    expect((await next)?.length).toBe(10);
  });

  it('asks for nothing beyond its end', async () => {
    const made = scene({ blockLength: 10 });
    const file = reader(made, { start: 3, end: 12, size: 100 });
    void file.next();
    expect(made.open.map(({ offset, length }) => [offset, length])).toEqual([[3, 9]]);
    expect(await reader(scene(), { start: 5, end: 5, size: 9 }).next()).toBeUndefined();
    expect(await reader(scene(), { start: 6, end: 5, size: 9 }).next()).toBeUndefined();
  });

  it('asks for twice as many beyond what is known with each answer that brings something, up to 64', async () => {
    const made = scene({ blockLength: 1, requests: 1000 });
    const content = contentOf(100_000);
    const file = reader(made, { size: 0 });
    const counts: number[] = [];
    let next = watched(file.next());
    for (let round = 0; round < 9; round++) {
      counts.push(made.open.length);
      for (const sent of [...made.open]) sent.answer(answerOf(content, sent));
      await turn();
      // Everything that came is taken, and what is free is asked for.
      while (file.takeReady() !== undefined);
      if (next.state !== 'waits') next = watched(file.next());
      while (file.takeReady() !== undefined);
    }
    expect(counts[0]).toBe(1);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(Math.max(...counts)).toBe(64);
  });

  it('gives what is there without waiting, and only what comes next', async () => {
    const made = scene({ blockLength: 10 });
    const content = contentOf(40);
    const file = reader(made, { size: 40 });
    const first = file.next();
    const [a, b, c, d] = [...made.open];
    b?.answer(answerOf(content, b));
    await turn();
    expect(file.takeReady()).toBeUndefined();
    a?.answer(answerOf(content, a as Sent));
    expect((await first)?.length).toBe(10);
    expect(Buffer.from(file.takeReady()?.pieces[0] ?? []).equals(content.subarray(10, 20))).toBe(true);
    expect(file.takeReady()).toBeUndefined();
    c?.answer(failed);
    d?.answer(answerOf(content, d as Sent));
    await turn();
    // A failure is told by `next`, and what lies behind it is nobody's.
    expect(file.takeReady()).toBeUndefined();
    await expect(file.next()).rejects.toThrow('status 4');
    expect(await file.next()).toBeUndefined();
    expect(file.takeReady()).toBeUndefined();
  });

  it('asks again for what a short answer left out, in its place', async () => {
    const made = scene({ blockLength: 10 });
    const content = contentOf(20);
    const file = reader(made, { size: 20, end: 20 });
    const taken: number[] = [];
    const reading = (async () => {
      for (let answer = await file.next(); answer !== undefined; answer = await file.next())
        taken.push(answer.length);
    })();
    made.open[0]?.answer(answerOf(content, made.open[0], 4));
    await turn();
    expect(made.open.map(({ offset, length }) => [offset, length])).toEqual([
      [10, 10],
      [4, 6],
    ]);
    for (const sent of [...made.open]) sent.answer(answerOf(content, sent));
    await reading;
    expect(taken).toEqual([4, 6, 10]);
  });

  it('learns from two short answers of one length in the middle of a file, and from nothing else', async () => {
    /** How long READs are in the end, where those at some places were answered with so many bytes. */
    const lengthAfter = async (
      short: Readonly<Record<number, number>>,
      size: number,
    ): Promise<number | undefined> => {
      const made = scene({ blockLength: 10, requests: 6 });
      const content = contentOf(1000);
      const file = reader(made, { size });
      const reading = watched(
        (async () => {
          while ((await file.next()) !== undefined);
        })(),
      );
      const left = new Map(Object.entries(short).map(([place, count]) => [Number(place), count]));
      while (reading.state === 'waits') {
        const [sent] = made.open;
        const count = sent === undefined ? undefined : left.get(sent.offset);
        if (sent !== undefined) left.delete(sent.offset);
        if (count === 0) sent?.answer({ kind: 'data', pieces: [], length: 0 });
        else sent?.answer(answerOf(content, sent, count));
        await turn();
      }
      expect(left.size).toBe(0);
      return made.all.filter(({ offset }) => offset > 300 && offset < 900).at(-1)?.length;
    };
    expect(await lengthAfter({ 0: 4, 10: 4 }, 1000)).toBe(4);
    expect(await lengthAfter({ 100: 9, 110: 9 }, 1000)).toBe(9);
    expect(await lengthAfter({ 0: 4 }, 1000)).toBe(10);
    expect(await lengthAfter({ 0: 4, 10: 5 }, 1000)).toBe(10);
    expect(await lengthAfter({ 0: 4, 20: 4 }, 1000)).toBe(10);
    expect(await lengthAfter({ 0: 10, 10: 10 }, 1000)).toBe(10);
    expect(await lengthAfter({ 0: 0, 10: 0 }, 1000)).toBe(10);
    // At the end of what is known a short one is to be expected.
    expect(await lengthAfter({ 25: 4 }, 25)).toBe(10);
    expect(await lengthAfter({ 20: 4, 25: 4 }, 25)).toBe(10);
  });

  it('that nobody wants any more gives its budget back, and asks for nothing', async () => {
    const made = scene({ blockLength: 10 });
    const budget = new ByteBudget(1000);
    const file = reader(made, { size: 100, budget });
    const next = file.next();
    expect(budget.available).toBe(1000 - 110);
    file.abandon();
    expect(budget.available).toBe(1000);
    const asked = made.all.length;
    for (const sent of [...made.open]) sent.answer(answerOf(contentOf(100), sent));
    expect(await next).toBeUndefined();
    expect([await file.next(), file.takeReady(), made.all.length]).toEqual([undefined, undefined, asked]);
    file.abandon();
    expect(budget.available).toBe(1000);
  });

  it('shares a budget with others, and asks where it has nothing on its way', async () => {
    const budget = new ByteBudget(25);
    const [a, b] = [scene({ blockLength: 10 }), scene({ blockLength: 10 })];
    void reader(a, { size: 100, budget }).next();
    expect([a.open.length, budget.available]).toEqual([2, 5]);
    void reader(b, { size: 100, budget }).next();
    expect([b.open.length, budget.available]).toEqual([1, -5]);
  });

  it('is no longer than a READ may be, whatever the server takes', () => {
    const made = scene({ blockLength: 100 });
    void reader(made, { size: 300, longest: 30 }).next();
    expect(made.open.every(({ length }) => length <= 30)).toBe(true);
    expect(made.open[0]?.length).toBe(30);
  });
});
