/** Servers that have few handles: whose turn it is, what a call waits for, and which refusals have another reason. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { HandleLedger } from '../../src/sftp/session/handles.ts';
import type { Sftp } from '../../src/sftp/sftp.ts';
import { type MemoryOptions, type MemorySession, openMemory } from './memory/channel.ts';
import { text } from './memory/server.ts';
import { statusOf } from './support.ts';
import { LocalFolder } from './transfer/support.ts';

const awaited = 'a file of this session to be closed';

async function withFiles(options: MemoryOptions): Promise<MemorySession> {
  const session = await openMemory(options);
  session.files.file('/mine', 'mine');
  session.files.file('/f', 'content');
  session.files.file('/d/a/in', 'x');
  session.files.file('/d/b', 'y');
  return session;
}

async function listed(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of items) count++;
  return count;
}

async function streamed(sftp: Sftp, path: string): Promise<string> {
  let found = '';
  for await (const chunk of sftp.createReadStream(path)) found += String(chunk);
  return found;
}

/** Calls that need a handle. */
const calls: Readonly<Record<string, (session: MemorySession, here: LocalFolder) => Promise<unknown>>> = {
  readFile: ({ sftp }) => sftp.readFile('/f'),
  writeFile: ({ sftp }) => sftp.writeFile('/new', 'x'),
  appendFile: ({ sftp }) => sftp.appendFile('/f', 'x'),
  open: async ({ sftp }) => (await sftp.open('/f')).close(),
  createReadStream: ({ sftp }) => streamed(sftp, '/f'),
  createWriteStream: ({ sftp }) =>
    new Promise((resolve, reject) => {
      sftp.createWriteStream('/new').on('finish', resolve).on('error', reject).end('x');
    }),
  readdir: ({ sftp }) => sftp.readdir('/d'),
  opendir: ({ sftp }) => listed(sftp.opendir('/d')),
  walk: ({ sftp }) => listed(sftp.walk('/d')),
  glob: ({ sftp }) => listed(sftp.glob('/d/*/*')),
  rm: ({ sftp }) => sftp.rm('/d', { recursive: true }),
  get: ({ sftp }, here) => sftp.get('/f', here.at('f')),
  'get of a tree': ({ sftp }, here) => sftp.get('/d', here.at('d'), { recursive: true }),
  put: ({ sftp }, here) => sftp.put(here.file('s', 'x'), '/new'),
  'get with a hash': ({ sftp }, here) => sftp.get('/f', here.at('f'), { verify: 'sha256' }),
  'put with a hash': ({ sftp }, here) => sftp.put(here.file('s', 'x'), '/new', { verify: 'sha256' }),
};

interface Outcome {
  readonly error: SshError | undefined;
}

/** A call, and what came of it. */
function begin(call: Promise<unknown>): {
  readonly isDone: () => boolean;
  readonly outcome: Promise<Outcome>;
} {
  let isDone = false;
  const outcome = call
    .then(
      () => ({ error: undefined }),
      (error: SshError) => ({ error }),
    )
    .finally(() => {
      isDone = true;
    });
  return { isDone: () => isDone, outcome };
}

/** Lets everything happen that needs no time on the clock of the session; local files take a turn or two. */
async function settled({ channel }: MemorySession, isDone: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !isDone(); round++) {
    await channel.rest();
    if (waitsFor(channel).includes(awaited)) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The same, where a wait for others may come and go. */
async function done({ channel }: MemorySession, isDone: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !isDone(); round++) {
    await channel.rest();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const waitsFor = ({ waits }: MemorySession['channel']): readonly string[] =>
  waits.list().map(({ detail }) => detail);

describe.each(Object.entries(calls))(
  '%s, where a server has one handle that the caller’s own code holds',
  (_name, call) => {
    it('waits under a name until that is closed, and is done then', async () => {
      const session = await withFiles({ handles: 1 });
      const mine = await session.sftp.open('/mine');
      const { isDone, outcome } = begin(call(session, new LocalFolder()));
      await settled(session, isDone);
      expect(isDone()).toBe(false);
      expect(waitsFor(session.channel)).toContain(awaited);
      await mine.close();
      expect((await outcome).error).toBeUndefined();
      await session.channel.rest();
      expect(session.server.mostHandles).toBe(1);
      expect(session.server.handles.size).toBe(0);
      expect(waitsFor(session.channel)).toEqual([]);
    });

    it('ends by the deadline of that wait, and says what is to be done', async () => {
      const session = await withFiles({ handles: 1 });
      const mine = await session.sftp.open('/mine');
      const { isDone, outcome } = begin(call(session, new LocalFolder()));
      for (let round = 0; round < 20 && !isDone(); round++) {
        await settled(session, isDone);
        session.channel.pass(15_000);
      }
      const { error } = await outcome;
      // Of several entries of a tree the first that failed is the cause.
      const cause = error?.code === 'ERR_SSH_TRANSFER' ? error.cause : error;
      expect(cause).toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE', status: { code: 4 } });
      expect(error).toMatchObject({ host: 'memory' });
      expect(error?.message).toContain('no handle left for this session: close the file that is open first');
      await mine.close();
      await session.channel.rest();
      expect(session.server.handles.size).toBe(0);
      expect(waitsFor(session.channel)).toEqual([]);
      // The session is of use.
      expect(await session.sftp.readFile('/mine', 'utf8')).toBe('mine');
    });

    it('ends at once with the session', async () => {
      const session = await withFiles({ handles: 1 });
      await session.sftp.open('/mine');
      const { isDone, outcome } = begin(call(session, new LocalFolder()));
      await settled(session, isDone);
      await session.sftp.close();
      expect((await outcome).error).toMatchObject({ code: 'ERR_SSH_CLOSED' });
      expect(waitsFor(session.channel)).toEqual([]);
    });
  },
);

describe('a call that waits for a handle', () => {
  it.each(['signal', 'timeout'] as const)(
    'ends at once by its %s, and nobody waits any more',
    async (bound) => {
      const session = await withFiles({ handles: 1 });
      await session.sftp.open('/mine');
      const aborter = new AbortController();
      const options = bound === 'signal' ? { signal: aborter.signal } : { timeout: 100 };
      const { isDone, outcome } = begin(session.sftp.readFile('/f', options));
      await settled(session, isDone);
      const { handles } = Reflect.get(session.sftp, 'session');
      expect(handles.isAwaited).toBe(true);
      aborter.abort();
      session.channel.pass(100);
      expect((await outcome).error?.code).toBe(bound === 'signal' ? 'ERR_SSH_ABORTED' : 'ERR_SSH_TIMEOUT');
      expect(handles.isAwaited).toBe(false);
      expect(waitsFor(session.channel)).toEqual([]);
    },
  );

  it('is awaited no more once its time is over', async () => {
    const session = await withFiles({ handles: 1 });
    await session.sftp.open('/mine');
    const { isDone, outcome } = begin(session.sftp.readFile('/f'));
    await settled(session, isDone);
    session.channel.pass(15_000);
    expect((await outcome).error?.code).toBe('ERR_SSH_SFTP_FAILURE');
    expect(Reflect.get(session.sftp, 'session').handles.isAwaited).toBe(false);
  });
});

describe('a refusal that has another reason', () => {
  const own: Readonly<Record<string, (session: MemorySession, here: LocalFolder) => Promise<unknown>>> = {
    'readFile of a folder': ({ sftp }) => sftp.readFile('/bad'),
    'a file that must not be there': ({ sftp }) => sftp.writeFile('/f', '', { flag: 'wx' }),
    open: ({ sftp }) => sftp.open('/bad'),
    readdir: ({ sftp }) => sftp.readdir('/f'),
    walk: ({ sftp }) => listed(sftp.walk('/f')),
    rm: ({ sftp }) => sftp.rm('/shut', { recursive: true }),
    copyFile: ({ sftp }) => sftp.copyFile('/f', '/bad'),
    get: ({ sftp }, here) => sftp.get('/bad', here.at('f')),
    'one of many in a tree': ({ sftp }, here) =>
      sftp.get('/many', here.at('many'), { recursive: true, onError: () => 'stop' }),
  };

  it.each(Object.entries(own))('is told at once: %s', async (_name, call) => {
    for (const held of [0, 1, 3]) {
      const session = await withFiles({
        answer: (request) => {
          const path =
            request.kind === 'open'
              ? request.filename
              : request.kind === 'opendir'
                ? request.path
                : undefined;
          return path !== undefined && /bad|shut/.test(text(path)) ? statusOf(4) : undefined;
        },
      });
      session.files.file('/bad', 'x');
      session.files.folder('/shut');
      for (const name of ['1', '2', 'bad', '3', '4']) session.files.file(`/many/${name}`, name);
      for (let i = 0; i < held; i++) await session.sftp.open('/mine');
      const { isDone, outcome } = begin(call(session, new LocalFolder()));
      await done(session, isDone);
      expect(isDone(), `${held} held`).toBe(true);
      const { error } = await outcome;
      expect(error).toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
      expect(error?.message).not.toContain('no handle left');
      expect(session.channel.time).toBe(0);
      await session.channel.rest();
      expect(session.server.handles.size).toBe(held);
      // Nothing was learnt of the server that is not so.
      expect(Reflect.get(session.sftp, 'session').handles.limit).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('is told at once where the folder of the session may not be listed either', async () => {
    const session = await withFiles({
      answer: (request) => {
        if (request.kind === 'opendir') return statusOf(3);
        return request.kind === 'open' && text(request.filename) === '/bad' ? statusOf(4) : undefined;
      },
    });
    await session.sftp.open('/mine');
    const { isDone, outcome } = begin(session.sftp.readFile('/bad'));
    await settled(session, isDone);
    expect((await outcome).error).toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE', path: '/bad' });
    expect(session.channel.time).toBe(0);
    expect(session.server.count('opendir')).toBe(2);
  });
});

describe('a refusal that comes once a handle is free', () => {
  it.each<[string, (session: MemorySession) => Promise<unknown>]>([
    ['readFile', ({ sftp }) => sftp.readFile('/bad')],
    ['readdir', ({ sftp }) => sftp.readdir('/bad')],
    ['walk', ({ sftp }) => listed(sftp.walk('/bad'))],
  ])('is about the file, and teaches nothing of the handles: %s', async (_name, call) => {
    const session = await withFiles({
      handles: 1,
      answer: (request) => {
        const path =
          request.kind === 'open' ? request.filename : request.kind === 'opendir' ? request.path : [];
        return text(Uint8Array.from(path)) === '/bad' ? statusOf(4, 'bad') : undefined;
      },
    });
    const mine = await session.sftp.open('/mine');
    const { isDone, outcome } = begin(call(session));
    await settled(session, isDone);
    expect(isDone()).toBe(false);
    await mine.close();
    expect((await outcome).error?.message).toContain('failure (bad)');
    expect(Reflect.get(session.sftp, 'session').handles.limit).toBe(Number.POSITIVE_INFINITY);
    expect(session.channel.time).toBe(0);
  });
});

describe('many calls at once on a server that does not tell how few handles it has', () => {
  it('are all done, whatever they are, each in its turn, in whatever order the server does and tells things', async () => {
    const kinds = fc.constantFrom(
      'readFile',
      'writeFile',
      'copyFile',
      'stream',
      'readdir',
      'open',
      'rm',
      'walk',
      'put',
      'refused',
      'refusedFolder',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(kinds, { minLength: 1, maxLength: 25 }),
        // Empty for a server that does everything in the order in which it is asked.
        fc.array(fc.nat(1000), { maxLength: 20 }),
        fc.boolean(),
        async (most, plan, picks, isLate) => {
          let turn = 0;
          const next = (count: number): number =>
            picks.length === 0 ? 0 : (picks[turn++ % picks.length] as number) % count;
          const session = await withFiles({
            handles: most,
            pick: next,
            late: isLate ? next : undefined,
            answer: (request) => {
              const path =
                request.kind === 'open' ? request.filename : request.kind === 'opendir' ? request.path : [];
              return text(Uint8Array.from(path)).endsWith('/bad') ? statusOf(4, 'bad') : undefined;
            },
          });
          const { sftp, files, server, channel } = session;
          for (const id of plan.keys()) files.file(`/t/d${id}/in/f`, `${id}`);
          const one = async (kind: string, id: number): Promise<unknown> => {
            const path = `/t/d${id}/in/f`;
            switch (kind) {
              case 'readFile':
                return expect(await sftp.readFile(path, 'utf8')).toBe(`${id}`);
              case 'writeFile':
                return sftp.writeFile(path, 'new');
              case 'copyFile':
                return sftp.copyFile(path, `/t/d${id}/copy`);
              case 'stream':
                return expect(await streamed(sftp, path)).toBe(`${id}`);
              case 'readdir':
                return expect(await sftp.readdir(`/t/d${id}`)).toEqual(['in']);
              case 'open':
                return (await sftp.open(path)).close();
              case 'rm':
                return sftp.rm(`/t/d${id}`, { recursive: true });
              case 'put':
                return sftp.put(Buffer.from('new'), `/t/d${id}/in/new`);
              case 'refused':
                return expect(sftp.readFile('/t/bad')).rejects.toThrow('failure (bad)');
              case 'refusedFolder':
                return expect(listed(sftp.walk('/t/bad'))).rejects.toThrow('failure (bad)');
              default:
                return expect(await listed(sftp.walk(`/t/d${id}`))).toBe(2);
            }
          };
          // With one handle a copy cannot be.
          const wanted = plan.map((kind) => (kind === 'copyFile' && most === 1 ? 'open' : kind));
          await Promise.all(wanted.map(one));
          await channel.rest();
          expect(server.mostHandles).toBeLessThanOrEqual(most);
          expect(server.handles.size).toBe(0);
          expect(channel.time).toBe(0);
          expect(waitsFor(channel)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('are so where the server tells its bound as well', async () => {
    const session = await withFiles({ handles: 3, server: { openHandles: 3 } });
    const { sftp, server, channel } = session;
    const copies = Array.from({ length: 20 }, (_, i) => sftp.copyFile('/f', `/c${i}`));
    const reads = Array.from({ length: 20 }, () => sftp.readFile('/mine'));
    await Promise.all([...copies, ...reads]);
    expect(server.mostHandles).toBe(3);
    expect(channel.time).toBe(0);
  });
});

describe('copyFile', () => {
  it.each([{ handles: 1 }, { handles: 1, server: { openHandles: 1 } }])(
    'on a server with one handle says at once that it needs two: %j',
    async (options) => {
      const session = await withFiles(options);
      const { isDone, outcome } = begin(session.sftp.copyFile('/f', '/g'));
      await settled(session, isDone);
      expect(isDone()).toBe(true);
      expect((await outcome).error?.message).toContain('this call needs 2 of them at once');
      await session.channel.rest();
      expect(session.server.handles.size).toBe(0);
      expect(session.files.text('/f')).toBe('content');
    },
  );
});

describe('folders on a server with one handle', () => {
  it('are gone through by patterns and removed, a folder at a time', async () => {
    const session = await withFiles({ handles: 1, batch: 2 });
    const { sftp, files, server } = session;
    for (const path of ['/t/a/1', '/t/a/b/2', '/t/c/3', '/t/d/e/f/4', '/t/5']) files.file(path, 'x');
    const find = async (pattern: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const path of sftp.glob(pattern)) found.push(path);
      return found.sort();
    };
    expect(await find('/t/*/*')).toEqual(['/t/a/1', '/t/a/b', '/t/c/3', '/t/d/e']);
    expect(await find('/t/**/[1-4]')).toEqual(['/t/a/1', '/t/a/b/2', '/t/c/3', '/t/d/e/f/4']);
    await sftp.rm('/t', { recursive: true });
    expect(files.tree('/t')).toEqual({});
    expect(server.mostHandles).toBe(1);
  });

  it('class: one whose listing breaks off while its handle is given back fails itself, and not the one below it', async () => {
    let listings = 0;
    const session = await openMemory({
      handles: 1,
      batch: 1,
      answer: (request) => (request.kind === 'readdir' && ++listings === 6 ? statusOf(3) : undefined),
    });
    const { sftp, files } = session;
    files.file('/t/a/in', 'x');
    for (let i = 0; i < 20; i++) files.file(`/t/f${i}`, 'x');
    const seen: string[] = [];
    const failed: string[] = [];
    for await (const { path } of sftp.walk('/t', {
      onError: (_, at) => {
        failed.push(at);
        return 'skip';
      },
    }))
      seen.push(path);
    expect(failed).toEqual(['/t']);
    expect(seen).toContain('/t/a/in');
  });
});

describe('the ledger of handles', () => {
  it('knows what is open and who has it', () => {
    const ledger = new HandleLedger();
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    ledger.asked();
    ledger.asked();
    ledger.opened(a, '/a', true);
    ledger.opened(b, '/b');
    expect([ledger.open, ledger.held, ledger.heldByCaller, ledger.paths]).toEqual([2, 2, 1, ['/a', '/b']]);
    expect(ledger.isFull).toBe(false);
    ledger.told = 2;
    expect(ledger.isFull).toBe(true);
    ledger.closed(a);
    expect([ledger.grants, ledger.heldByCaller]).toEqual([2, 0]);
    expect([ledger.open, ledger.held, ledger.isFull]).toEqual([1, 1, false]);
  });

  it('is never full of nothing, and its bound is the least of what is told, proven and suspected', () => {
    const ledger = new HandleLedger();
    ledger.told = 5;
    ledger.suspect(3);
    ledger.suspect(4);
    expect(ledger.limit).toBe(3);
    ledger.prove();
    ledger.acquit();
    expect(ledger.limit).toBe(3);
    ledger.suspect(0);
    expect([ledger.limit, ledger.isFull]).toEqual([0, false]);
    ledger.acquit();
    expect(ledger.limit).toBe(3);
    ledger.end();
    expect(ledger.limit).toBe(Number.POSITIVE_INFINITY);
  });
});
