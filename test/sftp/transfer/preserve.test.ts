/** What is kept of a file apart from its bytes: exactly what is asked for, both ways, of files and of folders. */
import { chmodSync, chownSync, statSync, utimesSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileAttributes } from '../../../src/sftp/packet/attributes.ts';
import type { Preserved } from '../../../src/sftp/transfer/options.ts';
import { openMemory } from '../memory/channel.ts';
import { text } from '../memory/server.ts';
import { statusOf } from '../support.ts';
import { failureOf, LocalFolder } from './support.ts';

const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const choices: fc.Arbitrary<boolean | Preserved | undefined> = fc.oneof(
  fc.constantFrom(true, false, undefined),
  fc.record(
    { times: fc.boolean(), mode: fc.boolean(), setuid: fc.boolean(), owner: fc.boolean() },
    { requiredKeys: [] },
  ),
);
/** As the documents say it. */
const kept = (choice: boolean | Preserved | undefined): Required<Preserved> | undefined => {
  if (choice === undefined || choice === false) return undefined;
  return {
    times: true,
    mode: true,
    setuid: false,
    owner: false,
    ...(choice === true ? {} : choice),
  } as Required<Preserved>;
};
const modes = fc.nat({ max: 0o7777 }).map((mode) => mode | 0o600);
const seconds = fc.integer({ min: 1, max: 2_000_000_000 });
const mask = 0o022;
const isRoot = process.getuid?.() === 0;

interface Told {
  readonly mode: number | undefined;
  readonly times: readonly [number, number] | undefined;
  readonly owner: readonly [number, number] | undefined;
}

const told: fc.Arbitrary<Told> = fc.record({
  mode: some(modes),
  times: some(fc.tuple(seconds, seconds)),
  owner: some(fc.tuple(fc.constantFrom(1234, 0, 65_534), fc.constantFrom(4321, 0))),
});

function attributesOf(type: number, { mode, times, owner }: Told, size?: bigint): FileAttributes {
  return {
    size,
    permissions: mode === undefined ? undefined : type | mode,
    atime: times?.[0],
    mtime: times?.[1],
    uid: owner?.[0],
    gid: owner?.[1],
  };
}

describe('a file that is brought here', () => {
  it('has the mode, times and owner that are asked for, as far as the server tells them, and no others', async () => {
    process.umask(mask);
    await fc.assert(
      fc.asyncProperty(choices, told, async (preserve, given) => {
        const here = new LocalFolder();
        const { sftp, files } = await openMemory({
          answer: ({ kind }) =>
            kind === 'stat' || kind === 'fstat'
              ? { kind: 'attrs', attrs: attributesOf(0o100000, given, 3n) }
              : undefined,
        });
        files.file('/f', 'abc');
        const before = Math.floor(Date.now() / 1000) - 1;
        await sftp.get('/f', here.at('f'), { preserve });
        const found = statSync(here.at('f'));
        const keep = kept(preserve);
        const { mode, times, owner } = given;
        const plain = (mode ?? 0o666) & 0o777 & ~mask;
        const wanted = keep?.mode && mode !== undefined ? mode & (keep.setuid ? 0o7777 : 0o777) : plain;
        expect(found.mode & 0o7777).toBe(wanted);
        if (keep?.times && times !== undefined) {
          expect([found.atimeMs, found.mtimeMs]).toEqual([times[0] * 1000, times[1] * 1000]);
        } else expect(found.mtimeMs / 1000).toBeGreaterThanOrEqual(before);
        const mine = [process.getuid?.(), process.getgid?.()];
        if (isRoot) expect([found.uid, found.gid]).toEqual(keep?.owner && owner !== undefined ? owner : mine);
      }),
      { numRuns: 120 },
    );
  });

  it('within a tree has them from the listing, and so have its folders', async () => {
    process.umask(mask);
    await fc.assert(
      fc.asyncProperty(choices, told, told, async (preserve, ofFile, ofFolder) => {
        const here = new LocalFolder();
        const { sftp, files } = await openMemory({
          answer: (request, server) => {
            if (request.kind !== 'readdir') return undefined;
            const answer = server.usual(request);
            if (answer.kind !== 'name') return answer;
            const names = answer.names.map((entry) => {
              const name = text(entry.filename);
              if (name === 'd')
                return {
                  ...entry,
                  attrs: attributesOf(0o040000, { ...ofFolder, mode: ofFolder.mode ?? 0o755 }),
                };
              return name === 'f' ? { ...entry, attrs: attributesOf(0o100000, ofFile) } : entry;
            });
            return { kind: 'name', names };
          },
        });
        files.file('/t/d/f', 'abc');
        const before = Math.floor(Date.now() / 1000) - 1;
        const { files: count, bytes } = await sftp.get('/t', here.at('t'), { recursive: true, preserve });
        expect([count, bytes]).toEqual([1, 3]);
        const keep = kept(preserve);
        const folder = statSync(here.at('t/d'));
        const mode = ofFolder.mode ?? 0o755;
        // Its owner can fill it, whatever the mode says.
        const usual = ((mode & 0o777) | 0o700) & ~mask;
        expect(folder.mode & 0o7777).toBe(keep?.mode ? mode & (keep.setuid ? 0o7777 : 0o777) : usual);
        for (const [stat, { times }] of [
          [folder, ofFolder],
          [statSync(here.at('t/d/f')), ofFile],
        ] as const) {
          if (keep?.times && times !== undefined) {
            expect([stat.atimeMs, stat.mtimeMs]).toEqual([times[0] * 1000, times[1] * 1000]);
          } else expect(stat.mtimeMs / 1000).toBeGreaterThanOrEqual(before);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of whom a server tells a user alone, or one time alone, keeps neither', async () => {
    for (const attrs of [{ uid: 1234 }, { gid: 1234 }, { atime: 5 }, { mtime: 5 }]) {
      const here = new LocalFolder();
      const { sftp, files, server } = await openMemory();
      const attributes = { permissions: 0o100644, size: 1n, ...attrs };
      // Such attributes cannot be sent: they are what a machine of another version may give.
      files.file('/f', 'x');
      const session = Reflect.get(sftp, 'session');
      const { attributes: usual } = session;
      session.attributes = async (...given: never[]) => ({
        ...(await usual.apply(session, given)),
        ...attributes,
        ...missing(attrs),
      });
      await sftp.get('/f', here.at('f'), { preserve: { owner: true } });
      const { uid, gid, mtimeMs } = statSync(here.at('f'));
      const isHalf = 'uid' in attrs || 'gid' in attrs;
      if (isRoot) expect([uid, gid]).toEqual(isHalf ? [0, 0] : [1000, 1000]);
      if (!('uid' in attrs) && !('gid' in attrs)) expect(mtimeMs).toBeGreaterThan(1_000_000);
      expect(server.count('stat')).toBe(1);
    }
  });
});

/** The other half of a pair that is told together. */
function missing(attrs: FileAttributes): FileAttributes {
  if (attrs.uid !== undefined) return { gid: undefined };
  if (attrs.gid !== undefined) return { uid: undefined };
  return attrs.atime === undefined ? { atime: undefined } : { mtime: undefined };
}

describe('a file that is sent', () => {
  const local = fc.record({
    mode: modes,
    times: fc.tuple(seconds, seconds),
    owner: fc.tuple(fc.constantFrom(1234, 0), fc.constantFrom(4321, 0)),
  });

  it('has the mode, times and owner that are asked for, and no others; so have the folders of a tree', async () => {
    await fc.assert(
      fc.asyncProperty(choices, local, local, async (preserve, ofFile, ofFolder) => {
        const here = new LocalFolder();
        here.file('t/d/f', 'abc');
        const apply = (name: string, { mode, times, owner }: typeof ofFile): void => {
          if (isRoot) chownSync(here.at(name), ...(owner as [number, number]));
          chmodSync(here.at(name), mode);
          utimesSync(here.at(name), ...(times as [number, number]));
        };
        apply('t/d/f', ofFile);
        apply('t/d', { ...ofFolder, mode: ofFolder.mode | 0o700 });
        const { sftp, files } = await openMemory();
        const early = files.clock;
        await sftp.put(here.at('t'), '/t', { recursive: true, preserve });
        await sftp.put(here.at('t/d/f'), '/f', { preserve });
        const keep = kept(preserve);
        for (const [path, given, kind] of [
          ['/t/d/f', ofFile, 0o100000],
          ['/f', ofFile, 0o100000],
          ['/t/d', { ...ofFolder, mode: ofFolder.mode | 0o700 }, 0o040000],
        ] as const) {
          const found = files.attributes(files.find(path, true));
          const made = given.mode & 0o777 & ~0o022;
          const wanted = keep?.mode ? given.mode & (keep.setuid ? 0o7777 : 0o777) : made;
          expect(found.permissions, path).toBe(kind | wanted);
          if (keep?.times) {
            expect(found.mtime, path).toBe(given.times[1]);
            // The others have been read by now.
            if (path === '/t/d/f') expect(found.atime).toBe(given.times[0]);
          } else expect(found.mtime, path).toBeGreaterThan(early);
          const isGiven = keep?.owner === true && kind === 0o100000;
          const mine = isRoot ? given.owner : [process.getuid?.(), process.getgid?.()];
          expect([found.uid, found.gid], path).toEqual(isGiven ? mine : [1000, 1000]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('asks for nothing that is not kept', async () => {
    const here = new LocalFolder();
    here.file('f', 'x');
    const { sftp, server } = await openMemory();
    const sets = (): FileAttributes[] =>
      server.seen.flatMap((request) => (request.kind === 'fsetstat' ? [request.attrs] : []));
    await sftp.put(here.at('f'), '/f');
    expect(sets()).toEqual([]);
    await sftp.put(here.at('f'), '/g', { preserve: { times: false, mode: true } });
    await sftp.put(here.at('f'), '/h', { preserve: { times: true, mode: false } });
    expect(sets().map((attrs) => Object.keys(attrs).sort())).toEqual([['permissions'], ['atime', 'mtime']]);
  });

  it('that replaces another keeps the permissions of that one unless its own are asked for', async () => {
    const here = new LocalFolder();
    here.file('f', 'x', 0o644);
    const { sftp, files } = await openMemory();
    files.file('/a', 'old', 0o4711);
    files.file('/b', 'old', 0o4711);
    await sftp.put(here.at('f'), '/a');
    await sftp.put(here.at('f'), '/b', { preserve: true });
    expect(files.attributes(files.find('/a', true)).permissions).toBe(0o100711);
    expect(files.attributes(files.find('/b', true)).permissions).toBe(0o100644);
  });

  it('says that a time was out of range only where times are kept', async () => {
    const here = new LocalFolder();
    here.file('f', 'x');
    utimesSync(here.at('f'), new Date('2200-01-01'), new Date('2200-01-01'));
    const { sftp } = await openMemory();
    expect((await sftp.put(here.at('f'), '/f', { preserve: { times: false } })).warnings).toEqual([]);
    expect((await sftp.put(here.at('f'), '/f', { preserve: { times: true } })).warnings).toHaveLength(1);
  });

  it('is an error where a server refuses to keep what was asked for, and tells of a lost connection as such', async () => {
    const here = new LocalFolder();
    here.file('t/d/f', 'x');
    const refusing = await openMemory({
      answer: ({ kind }) => (kind === 'setstat' ? statusOf(3) : undefined),
    });
    const error = await failureOf(refusing.sftp.put(here.at('t'), '/t', { recursive: true, preserve: true }));
    expect(error).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      cause: { code: 'ERR_SSH_SFTP_PERMISSION_DENIED' },
    });
    expect(refusing.files.text('/t/d/f')).toBe('x');
  });
});

describe('the size of a file that was sent', () => {
  it.each([
    ['none', undefined],
    ['what there is', 3n],
  ])('that a server tells as %s is no fault', async (_, size) => {
    const here = new LocalFolder();
    here.file('f', 'abc');
    const { sftp, files } = await openMemory({
      answer: ({ kind }) => (kind === 'fstat' ? { kind: 'attrs', attrs: { size } } : undefined),
    });
    await sftp.put(here.at('f'), '/f');
    expect(files.text('/f')).toBe('abc');
  });

  it.each([{}, { sparse: true }, { resume: true }])(
    'that a server tells otherwise is an error that says both: %j',
    async (options) => {
      const here = new LocalFolder();
      here.file('f', 'abc');
      const { sftp, files } = await openMemory({
        answer: ({ kind }) => (kind === 'fstat' ? { kind: 'attrs', attrs: { size: 2n } } : undefined),
      });
      const error = await failureOf(sftp.put(here.at('f'), '/f', options));
      expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', origin: 'peer' });
      expect(error.message).toContain('2 bytes are there of 3 that were sent');
      expect(files.text('/f')).toBeUndefined();
    },
  );

  it('is made right where a part of an earlier transfer is longer, or a hole is at the end', async () => {
    const here = new LocalFolder();
    const content = Buffer.concat([Buffer.alloc(70_000, 1), Buffer.alloc(70_000)]);
    here.file('f', content);
    const { sftp, files } = await openMemory();
    await sftp.put(here.at('f'), '/f', { sparse: true });
    expect(files.bytes('/f')?.equals(content)).toBe(true);
    files.file('/.g.deadline-part', Buffer.alloc(200_000, 2));
    await sftp.put(here.at('f'), '/g', { resume: true });
    expect(files.bytes('/g')?.equals(content)).toBe(true);
  });
});

describe('the size of a file that was brought here', () => {
  const sizes = async (first: bigint, then: bigint, content: string): Promise<string> => {
    const here = new LocalFolder();
    let asked = 0;
    const { sftp, files } = await openMemory({
      answer: ({ kind }) =>
        kind === 'stat' || kind === 'fstat'
          ? { kind: 'attrs', attrs: { size: asked++ === 0 ? first : then, permissions: 0o100644 } }
          : undefined,
    });
    files.file('/f', content);
    try {
      const { warnings } = await sftp.get('/f', here.at('f'));
      expect(here.text('f')).toBe(content);
      return warnings.map(({ message }) => message).join();
    } catch (error) {
      expect(Object.keys(here.tree())).toEqual([]);
      return (error as Error).message;
    }
  };

  it('is that of the file, now or when it was opened, and what is between is said', async () => {
    expect(await sizes(3n, 3n, 'abc')).toBe('');
    expect(await sizes(0n, 0n, 'abc')).toBe('');
    expect(await sizes(2n, 3n, 'abc')).toBe('it grew while it was read');
    expect(await sizes(2n, 5n, 'abc')).toBe('it grew while it was read');
    expect(await sizes(5n, 3n, 'abc')).toBe('it changed its size while it was read');
    expect(await sizes(5n, 5n, 'abc')).toContain('3 bytes arrived of a file that has 5');
    expect(await sizes(5n, 4n, 'abc')).toContain('3 bytes arrived of a file that has 4');
    expect(await sizes(2n, 2n, 'abc')).toContain('3 bytes arrived of a file that has 2');
  });
});
