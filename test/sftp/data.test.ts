/** Reading and writing with many requests on their way. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ByteBudget } from '../../src/sftp/data/budget.ts';
import { Pace } from '../../src/sftp/session/pace.ts';
import type { TransferProgress } from '../../src/sftp/transfer/options.ts';
import { RateLimiter } from '../../src/sftp/transfer/pacing/limiter.ts';
import { Pool } from '../../src/sftp/transfer/pacing/pool.ts';
import { ProgressMeter } from '../../src/sftp/transfer/pacing/progress.ts';
import { isZero } from '../../src/sftp/transfer/zeros.ts';
import { openMemory } from './memory/channel.ts';
import { bytes } from './memory/server.ts';
import { statusOf } from './support.ts';
import { LocalFolder } from './transfer/support.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('the bytes on their way', () => {
  it('grow while the path carries all of them in less than two round trips', () => {
    const pace = new Pace(100, 1000);
    // A round trip of 10; all 100 within it.
    pace.answered(50, 0, 10);
    expect(pace.window).toBe(100);
    pace.answered(50, 0, 11);
    expect(pace.window).toBe(200);
    // 200 in 21, which is more than two round trips.
    pace.answered(200, 20, 32);
    expect(pace.window).toBe(200);
    for (let i = 0; i < 10; i++) pace.answered(pace.window, 100 + i, 101 + i);
    expect(pace.window).toBe(1000);
  });

  it('never shrink, and never exceed their limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 100 }), fc.nat({ max: 100 }))),
        (answers) => {
          const pace = new Pace(1000, 8000);
          let now = 0;
          let before = pace.window;
          for (const [length, wait, gap] of answers) {
            now += gap;
            pace.answered(length, now - wait, now);
            expect(pace.window).toBeGreaterThanOrEqual(before);
            expect(pace.window).toBeLessThanOrEqual(8000);
            before = pace.window;
          }
        },
      ),
    );
  });

  it('of all files of a transfer are within one budget, and each file has its first', async () => {
    const here = new LocalFolder();
    const budget = 300_000;
    const { sftp, files, server, channel } = await openMemory({
      limits: { sftpBytesInFlight: budget },
      answer: (request) => (request.kind === 'read' ? 'silence' : undefined),
    });
    for (let i = 0; i < 8; i++) files.file(`/t/f${i}`, Buffer.alloc(1_000_000));
    const transfer = sftp.get('/t', here.at('t'), { recursive: true }).catch(() => {});
    const reads = () => server.seen.flatMap((request) => (request.kind === 'read' ? [request] : []));
    await vi.waitUntil(() => new Set(reads().map(({ handle }) => String(handle))).size === 8);
    await turns(100);
    const asked = reads();
    const sum = asked.reduce((total, { length }) => total + length, 0);
    expect(sum).toBeLessThanOrEqual(budget + 8 * 65_536);
    channel.pass(15_000);
    await transfer;
  });

  it('of one file are as many as its window, and the requests as many as their limit', async () => {
    const { sftp, files, server, channel } = await openMemory({
      limits: { sftpRequestsPerFile: 5 },
      answer: (request) => (request.kind === 'read' ? 'silence' : undefined),
    });
    files.file('/f', Buffer.alloc(10_000_000));
    const reading = sftp.readFile('/f').catch(() => {});
    await turns(100);
    expect(server.count('read')).toBe(5);
    channel.pass(15_000);
    await reading;
  });

  it('a budget is taken and given', () => {
    const budget = new ByteBudget(100);
    budget.take(130);
    expect(budget.available).toBe(-30);
    budget.give(130);
    expect(budget.available).toBe(100);
  });
});

describe('reading', () => {
  it('a file of an unknown size begins with one READ, and asks for more as it goes on', async () => {
    const asked: number[] = [];
    const { sftp, files, server } = await openMemory({
      answer: (request) => {
        if (request.kind === 'fstat') return { kind: 'attrs', attrs: {} };
        if (request.kind === 'read') asked.push(server.count('read'));
        return undefined;
      },
    });
    files.file('/f', Buffer.alloc(3_000_000, 7));
    expect((await sftp.readFile('/f')).length).toBe(3_000_000);
    expect(asked[0]).toBe(1);
    expect(Math.max(...asked.map((count, index) => count - index))).toBeGreaterThan(8);
  });

  it('asks once beyond the end of a file whose size is known', async () => {
    const { sftp, files, server } = await openMemory();
    files.file('/f', Buffer.alloc(100));
    await sftp.readFile('/f');
    const offsets = server.seen.flatMap((request) =>
      request.kind === 'read' ? [Number(request.offset)] : [],
    );
    expect(offsets).toEqual([0, 100]);
  });

  it('asks for nothing more once the file has ended, or an answer was an error', async () => {
    for (const answer of [statusOf(1), statusOf(4)]) {
      let reads = 0;
      const { sftp, files, server, channel } = await openMemory({
        answer: (request) => (request.kind === 'read' && ++reads >= 3 ? answer : undefined),
      });
      files.file('/f', Buffer.alloc(50_000_000));
      const file = await sftp.open('/f');
      const outcome = await file.readFile().then(
        ({ length }) => length,
        () => 'failed',
      );
      expect(outcome).toBe(
        answer === undefined ? 0 : 'errorCode' in answer && answer.errorCode === 1 ? 131_072 : 'failed',
      );
      // What was on its way already.
      await channel.rest();
      expect(server.count('read')).toBeLessThan(40);
      await file.close();
    }
  });

  it('learns how long READs are that a server answers whole', async () => {
    const { sftp, files, server } = await openMemory({ readLength: (asked) => Math.min(asked, 10_000) });
    files.file('/f', Buffer.alloc(2_000_000));
    await sftp.readFile('/f');
    const lengths = server.seen.flatMap((request) => (request.kind === 'read' ? [request.length] : []));
    expect(lengths[0]).toBe(65_536);
    expect(lengths.at(-3)).toBeLessThanOrEqual(65_536);
    expect(lengths.filter((length) => length === 10_000).length).toBeGreaterThan(50);
  });
});

describe('a rate', () => {
  it('is kept over time, with what a stall left caught up in a burst', async () => {
    let now = 0;
    const limiter = new RateLimiter(
      1000,
      () => now,
      async (milliseconds) => {
        now += milliseconds;
      },
    );
    for (let i = 0; i < 10; i++) await limiter.take(100);
    expect(now).toBe(1000);
    now += 10_000;
    await limiter.take(250);
    expect(now).toBe(11_000);
    await limiter.take(100);
    expect(now).toBe(11_100);
    expect(limiter.burstLength).toBe(250);
  });

  it('without a bound waits for nothing', async () => {
    const limiter = new RateLimiter(
      Number.POSITIVE_INFINITY,
      () => 0,
      () => Promise.reject(new Error('waited')),
    );
    await limiter.take(1e12);
  });
});

describe('a pool', () => {
  it('runs so much at once, holds so much back, and is idle in the end', async () => {
    let running = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    const pool = new Pool(3, () => 5);
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running--;
    };
    let added = 0;
    const adding = (async () => {
      for (let i = 0; i < 20; i++) {
        await pool.add(work);
        added++;
      }
    })();
    await turns(3);
    // Three run, and the fifth that waits holds the giver back.
    expect([running, added]).toEqual([3, 7]);
    while (added < 20 || releases.length > 0) {
      releases.shift()?.();
      await turns(1);
    }
    await adding;
    await pool.idle();
    expect([most, running]).toEqual([3, 0]);
  });

  it('drops what has not begun', async () => {
    let begun = 0;
    let release = (): void => {};
    const pool = new Pool(1, () => 100);
    await pool.add(() => {
      begun++;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    for (let i = 0; i < 5; i++) await pool.add(async () => void begun++);
    expect(pool.clear()).toBe(5);
    release();
    await pool.idle();
    expect(begun).toBe(1);
  });
});

describe('progress', () => {
  it('is told ten times a second at most, with the rate of the last seconds and the time left', () => {
    let now = 0;
    const told: TransferProgress[] = [];
    const meter = new ProgressMeter(
      (progress) => told.push(progress),
      () => now,
    );
    meter.found(100_000);
    for (let i = 0; i < 100; i++) {
      now += 10;
      meter.moved('/f', 100);
    }
    expect(told.length).toBeLessThanOrEqual(11);
    expect(told.at(-1)?.rate).toBeCloseTo(10_000, -3);
    expect(told.at(-1)?.timeLeft).toBeCloseTo(9000, -3);
    now += 60_000;
    meter.moved('/f', 0);
    now += 60_000;
    meter.moved('/f', 0);
    expect(told.at(-1)?.rate).toBeLessThan(200);
    meter.fileDone('/f');
    meter.corrected(-50_000);
    meter.end();
    expect(told.at(-1)).toMatchObject({
      path: '/f',
      transferred: 10_000,
      total: 50_000,
      files: 1,
      filesDone: 1,
    });
  });
});

describe('zeros', () => {
  it('are told in blocks of 4 KiB and more, wherever they lie in memory', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 9 }),
        fc.integer({ min: 4096, max: 5000 }),
        fc.option(fc.nat()),
        (start, length, place) => {
          const memory = new Uint8Array(start + length).fill(9, 0, start);
          const block = memory.subarray(start);
          if (place !== null) block[place % length] = 1;
          expect(isZero(block)).toBe(place === null);
        },
      ),
    );
    expect(isZero(new Uint8Array(4095))).toBe(false);
  });

  it('are left out of a sparse file, and nothing else', async () => {
    const here = new LocalFolder();
    const content = Buffer.alloc(700_000);
    content[65_536] = 1;
    content[400_000] = 2;
    const { sftp, files, server } = await openMemory();
    here.file('f', content);
    await sftp.put(here.at('f'), '/f', { sparse: true });
    expect(files.bytes('/f')?.equals(content)).toBe(true);
    expect(server.count('write')).toBe(2);
    await sftp.get('/f', here.at('g'), { sparse: true });
    expect(here.text('g')).toBe(content.toString('latin1'));
  });
});

describe('a server', () => {
  it('whose limits cannot be read breaks the rules', async () => {
    const opening = openMemory({
      answer: (request) =>
        request.kind === 'extended' ? { kind: 'extendedReply', payload: bytes('short') } : undefined,
    });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
  });

  it('that announces its limits and refuses to tell them has none', async () => {
    const { sftp } = await openMemory({
      answer: (request) => (request.kind === 'extended' ? statusOf(8) : undefined),
    });
    expect(sftp.limits.readLength).toBe(32_768);
  });

  it('may be told to have few handles, and which path of a link comes first', async () => {
    const here = new LocalFolder();
    const { sftp, files, server } = await openMemory({
      server: { openHandles: 2, symlinkOrder: 'link' },
      symlinkOrder: 'link',
    });
    for (let i = 0; i < 20; i++) files.file(`/t/f${i}`, 'x');
    await sftp.get('/t', here.at('t'), { recursive: true });
    expect(server.mostHandles).toBe(2);
    await sftp.symlink('target', '/l');
    expect(await sftp.readlink('/l')).toBe('target');
  });
});
