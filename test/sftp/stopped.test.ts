/** Iterations that end before their end: whoever stops one, and however, nothing of it stays open. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallOptions } from '../../src/sftp/seam/channel.ts';
import type { Sftp } from '../../src/sftp/sftp.ts';
import { type MemorySession, openMemory } from './memory/channel.ts';

type Begin = (sftp: Sftp, bounds: CallOptions) => AsyncIterable<unknown>;

const iterations: Readonly<Record<string, Begin>> = {
  walk: (sftp, bounds) => sftp.walk('/t', bounds),
  'walk that passes faults over': (sftp, bounds) => sftp.walk('/t', { ...bounds, onError: () => 'skip' }),
  'glob of a folder': (sftp, bounds) => sftp.glob('/t/*', bounds),
  'glob of folders in folders': (sftp, bounds) => sftp.glob('/t/*/*', bounds),
  'glob of everything': (sftp, bounds) => sftp.glob('/t/**', bounds),
  'glob of entries': (sftp, bounds) => sftp.glob('/t/**/[a-f]*', { ...bounds, withFileTypes: true }),
  'glob behind a name': (sftp, bounds) => sftp.glob('/t/d1/**/f*', bounds),
  opendir: (sftp) => sftp.opendir('/t'),
};

/** A tree whose folders come in several batches. */
async function withTree(handles: number | undefined): Promise<MemorySession> {
  const session = await openMemory({ handles, batch: 3, extensions: [] });
  for (let folder = 0; folder < 4; folder++) {
    for (let file = 0; file < 5; file++) {
      session.files.file(`/t/d${folder}/f${file}`, 'x');
      session.files.file(`/t/d${folder}/e/in/f${file}`, 'x');
    }
  }
  return session;
}

/** Nothing is open on the server, nothing is waited for, and the session counts nothing as open. */
async function expectNothing({ sftp, server, channel }: MemorySession): Promise<void> {
  await channel.rest();
  expect(server.handles.size).toBe(0);
  expect(channel.waits.list()).toEqual([]);
  const { handles } = Reflect.get(sftp, 'session');
  expect([handles.open, handles.held, handles.paths, handles.isAwaited]).toEqual([0, 0, [], false]);
}

const stops = ['break', 'throw', 'return', 'whole'] as const;

describe.each(Object.entries(iterations))('%s', (name, begin) => {
  it('leaves nothing open, wherever and however it is stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.constantFrom(...stops),
        fc.constantFrom(undefined, 1, 2, 30),
        fc.constantFrom({}, { timeout: 60_000 }, { signal: new AbortController().signal }),
        async (most, how, handles, bounds) => {
          const session = await withTree(handles);
          const fault = new Error('thrown by the consumer');
          let seen = 0;
          const consume = async (): Promise<void> => {
            const items = begin(session.sftp, bounds);
            if (how === 'return') {
              const steps = items[Symbol.asyncIterator]();
              while (seen < most && (await steps.next()).done !== true) seen++;
              expect(await steps.return?.(undefined)).toEqual({ done: true, value: undefined });
              // It has ended: there is no more of it.
              expect(await steps.next()).toEqual({ done: true, value: undefined });
              return;
            }
            for await (const _ of items) {
              seen++;
              if (how === 'whole' || seen <= most) continue;
              if (how === 'throw') throw fault;
              break;
            }
          };
          const error = await consume().then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error !== undefined) expect([how, error]).toEqual(['throw', fault]);
          if (how === 'whole') expect(seen).toBe(wholes[name]);
          await expectNothing(session);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('that nobody begins to read opens nothing', async () => {
    const session = await withTree(undefined);
    begin(session.sftp, {});
    await expectNothing(session);
    expect(session.server.count('opendir')).toBe(0);
  });
});

describe('options', () => {
  // `opendir` takes none.
  const { opendir: _, ...others } = iterations;
  it.each(Object.entries(others))('that nobody knows are refused: %s', async (_name, begin) => {
    const session = await withTree(undefined);
    const items = begin(session.sftp, { zebra: 1 } as CallOptions)[Symbol.asyncIterator]();
    await expect(items.next()).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('zebra'),
    });
    expect(session.server.count('opendir')).toBe(0);
  });
});

/** What each of them gives, where nobody stops it. */
const wholes: Readonly<Record<string, number>> = {
  walk: 4 * (1 + 5 + 2 + 5),
  'walk that passes faults over': 4 * (1 + 5 + 2 + 5),
  'glob of a folder': 4,
  'glob of folders in folders': 4 * 6,
  'glob of everything': 4 * (1 + 5 + 2 + 5),
  'glob of entries': 4 * (1 + 5 + 1 + 5),
  'glob behind a name': 10,
  opendir: 4,
};

describe('a session', () => {
  it('has no listener left of calls that are over, however they ended', async () => {
    const session = await withTree(undefined);
    const { sftp } = session;
    const { link } = Reflect.get(sftp, 'session');
    const listeners = (): number => Reflect.get(link, 'endListeners').size;
    const before = listeners();
    const aborter = new AbortController();
    const { signal } = aborter;
    const calls: readonly Promise<unknown>[] = [
      sftp.readFile('/t/d0/f0', { signal }),
      sftp.writeFile('/t/new', ['x', 'y'], { signal }),
      sftp.put(Buffer.from('x'), '/t/put', { signal }),
      sftp.readdir('/none', { timeout: 60_000 }),
    ];
    aborter.abort();
    await Promise.allSettled(calls);
    await sftp.writeFile('/t/new', ['x', 'y']);
    await sftp.put(Buffer.from('x'), '/t/put', { filter: () => true });
    const file = await sftp.open('/t/d0/f0');
    await Promise.all([file.read(), file.close()]);
    await session.channel.rest();
    expect(listeners()).toBe(before);
  });
});
