/** Folders: listing, walking, patterns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirectoryEntry } from '../../src/sftp/files/entry.ts';
import { baseName, folderOf, isPossibleName, joinPath } from '../../src/sftp/files/paths.ts';
import { expandBraces, matchesSegment, parsePattern } from '../../src/sftp/files/tree/globPattern.ts';
import { FolderReader } from '../../src/sftp/files/tree/listing.ts';
import { type MemoryOptions, type MemorySession, openMemory } from './memory/channel.ts';
import { bytes, text } from './memory/server.ts';
import { statusOf } from './support.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const withMany = async (count: number, options: MemoryOptions = {}): Promise<MemorySession> => {
  const session = await openMemory(options);
  for (let i = 0; i < count; i++) session.files.file(`/many/f${i}`, 'x');
  return session;
};

describe('a listing', () => {
  it('has every entry once, whatever the batches and the order of answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 300 }),
        fc.integer({ min: 1, max: 120 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
        async (count, batch, cuts) => {
          let turn = 0;
          const { sftp, channel, server } = await withMany(count, {
            batch,
            cut: (length) => (turn++ > 2000 ? length : (cuts[turn % cuts.length] as number)),
          });
          if (count === 0) server.files.folder('/many');
          const names = await sftp.readdir('/many');
          expect(names.sort()).toEqual(Array.from({ length: count }, (_, i) => `f${i}`).sort());
          await channel.rest();
          expect(server.handles.size).toBe(0);
          expect(channel.waits.size).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is asked ahead no more than a slow reader needs', async () => {
    const { sftp, files, server, channel } = await openMemory({ batch: 10 });
    for (let i = 0; i < 300; i++) files.file(`/many/f${i}`, '');
    let taken = 0;
    let mostAhead = 0;
    for await (const _ of sftp.opendir('/many')) {
      // All that was asked for has come by the time that the next entry is taken.
      await channel.rest();
      mostAhead = Math.max(mostAhead, server.count('readdir') - Math.floor(taken++ / 10));
    }
    expect(taken).toBe(300);
    expect(mostAhead).toBeLessThanOrEqual(4);
  });

  it('is asked ahead by who is quicker than the server, so many entries at a time', async () => {
    for (const [batch, most] of [
      [10, 32],
      [200, 5],
      [3000, 1],
    ] as const) {
      const { sftp, files, server } = await openMemory({ batch });
      for (let i = 0; i < 6000; i++) files.file(`/many/f${i}`, '');
      let taken = 0;
      let mostAhead = 0;
      for await (const _ of sftp.opendir('/many')) {
        mostAhead = Math.max(mostAhead, server.count('readdir') - Math.floor(taken++ / batch));
      }
      expect(taken).toBe(6000);
      expect(mostAhead).toBeLessThanOrEqual(most + 1);
      expect(mostAhead).toBeGreaterThan(most / 2);
    }
  });

  it('is asked ahead, more and more', async () => {
    let most = 0;
    const { sftp } = await withMany(500, {
      batch: 10,
      pick: (waiting) => {
        most = Math.max(most, waiting);
        return 0;
      },
    });
    expect(await sftp.readdir('/many')).toHaveLength(500);
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(32);
  });

  it('is asked for as soon as the folder is open, before anybody takes an entry', async () => {
    const { sftp, server, channel } = await withMany(5);
    const reader = new FolderReader(Reflect.get(sftp, 'session'), '/many');
    reader.begin();
    await channel.rest();
    expect(server.count('readdir')).toBe(1);
    expect(await reader.next()).toHaveLength(7);
    reader.close();
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('that is closed before its folder is open asks for nothing, and closes it', async () => {
    const { sftp, server, channel } = await withMany(5);
    const reader = new FolderReader(Reflect.get(sftp, 'session'), '/many');
    reader.begin();
    reader.close();
    await channel.rest();
    expect([server.count('opendir'), server.count('readdir'), server.handles.size]).toEqual([1, 0, 0]);
    expect(await reader.next()).toBeUndefined();
  });

  it('of a consumer that stops is closed, and has not been read to its end', async () => {
    const { sftp, server, channel } = await withMany(10_000, { batch: 10 });
    let taken = 0;
    for await (const entry of sftp.opendir('/many')) {
      expect(entry.isFile()).toBe(true);
      if (++taken === 15) break;
    }
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(server.count('readdir')).toBeLessThan(40);
  });

  it('gives entries with attributes, which cost no request', async () => {
    const { sftp, files, server } = await openMemory();
    files.file('/d/f', 'abc', 0o600);
    files.folder('/d/in');
    files.link('/d/l', 'f');
    const entries = await sftp.readdir('/d', { withFileTypes: true });
    expect(
      entries.map((entry) => [
        entry.name,
        entry.path,
        entry.isFile(),
        entry.isDirectory(),
        entry.isSymbolicLink(),
      ]),
    ).toEqual([
      ['f', '/d/f', true, false, false],
      ['in', '/d/in', false, true, false],
      ['l', '/d/l', false, false, true],
    ]);
    expect(entries[0]?.stats()).toMatchObject({ size: 3, mode: 0o100600 });
    expect(entries[0]?.stats({ bigint: true }).size).toBe(3n);
    expect(entries[0]?.longname).toBe('-rw- f');
    expect(server.count('stat') + server.count('lstat')).toBe(0);
  });

  it.each([
    ['isFile', 0o100000],
    ['isDirectory', 0o040000],
    ['isSymbolicLink', 0o120000],
    ['isFIFO', 0o010000],
    ['isSocket', 0o140000],
    ['isBlockDevice', 0o060000],
    ['isCharacterDevice', 0o020000],
  ] as const)('has entries that answer %s', (question, type) => {
    const [filename, longname] = [bytes('n'), bytes('a line of n')];
    for (const other of [0o100000, 0o040000, 0o120000, 0o010000, 0o140000, 0o060000, 0o020000]) {
      const entry = new DirectoryEntry(
        { filename, longname, attrs: { permissions: other | 0o644 } },
        bytes('/d'),
      );
      expect(entry[question]()).toBe(other === type);
      expect([entry.parentPath, entry.path, entry.longname]).toEqual(['/d', '/d/n', 'a line of n']);
    }
    expect(new DirectoryEntry({ filename, longname, attrs: {} }, bytes('/d'))[question]()).toBe(false);
  });

  it('is read entry by entry as well', async () => {
    const { sftp } = await withMany(2);
    await using folder = sftp.opendir('/many');
    expect([
      (await folder.read())?.name,
      (await folder.read())?.name,
      await folder.read(),
      await folder.read(),
    ]).toEqual(['f0', 'f1', undefined, undefined]);
    expect(folder.path).toBe('/many');
  });

  it('CVE-2019-6111: names that no folder can have are left out, and the rest is there', async () => {
    const names = ['', '.', '..', 'a/b', '/etc/passwd', '../x', 'nul\0', 'fine', 'a\\b'];
    const { sftp } = await openMemory({
      answer: (request, server) => {
        if (request.kind === 'opendir') return server.newHandle(server.files.root, false);
        if (request.kind !== 'readdir' || server.count('readdir') > 1) return undefined;
        return {
          kind: 'name',
          names: names.map((name) => ({ filename: bytes(name), longname: bytes(''), attrs: {} })),
        };
      },
    });
    expect(await sftp.readdir('/d')).toEqual(['fine', 'a\\b']);
  });

  it('of what is not there, or no folder, is an error that names it', async () => {
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', 'x');
    await expect(sftp.readdir('/nope')).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
      path: '/nope',
    });
    await expect(all(sftp.opendir('/f'))).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE', path: '/f' });
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });
});

describe('a walk', () => {
  it('gives a folder before what is in it, and follows no link', async () => {
    const { sftp, files, channel, server } = await openMemory();
    files.file('/t/a/x', '1');
    files.file('/t/a/b/y', '2');
    files.file('/t/c', '3');
    files.folder('/t/empty');
    files.link('/t/circle', '/t');
    const paths = (await all(sftp.walk('/t'))).map(({ path }) => path);
    expect([...paths].sort()).toEqual([
      '/t/a',
      '/t/a/b',
      '/t/a/b/y',
      '/t/a/x',
      '/t/c',
      '/t/circle',
      '/t/empty',
    ]);
    for (const path of paths) {
      const above = path.slice(0, path.lastIndexOf('/'));
      if (above !== '/t') expect(paths.indexOf(above)).toBeLessThan(paths.indexOf(path));
    }
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('class: folders without end have an end at limits.sftpNesting', async () => {
    const listed = new Set<string>();
    const { sftp, channel, server } = await openMemory({
      limits: { sftpNesting: 8 },
      answer: (request, peer) => {
        if (request.kind === 'opendir') return peer.newHandle(peer.files.root, false);
        if (request.kind !== 'readdir') return undefined;
        const handle = text(request.handle);
        if (listed.has(handle)) return statusOf(1);
        listed.add(handle);
        const entry = { filename: bytes('in'), longname: bytes(''), attrs: { permissions: 0o040755 } };
        return { kind: 'name', names: [entry] };
      },
    });
    const paths: string[] = [];
    const walk = async (): Promise<void> => {
      for await (const { path } of sftp.walk('/t')) paths.push(path);
    };
    await expect(walk()).rejects.toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(paths.at(-1)).toBe(`/t${'/in'.repeat(9)}`);
    await channel.rest();
    expect(channel.waits.size).toBe(0);
    expect(server.handles.size).toBe(0);
  });

  it('goes on past a folder that cannot be listed, where it is told to', async () => {
    const open = (): Promise<MemorySession> =>
      openMemory({
        answer: (request) =>
          request.kind === 'opendir' && text(request.path) === '/t/secret' ? statusOf(3) : undefined,
      });
    const first = await open();
    const second = await open();
    for (const { files } of [first, second]) {
      files.folder('/t/secret');
      files.file('/t/z/f', '1');
    }
    const asked: string[] = [];
    const onError = (_: unknown, path: string): 'skip' => {
      asked.push(path);
      return 'skip';
    };
    const paths = (await all(first.sftp.walk('/t', { onError }))).map(({ path }) => path);
    expect(paths).toContain('/t/z/f');
    expect(asked).toEqual(['/t/secret']);
    await expect(all(second.sftp.walk('/t'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
      path: '/t/secret',
    });
  });

  it('on a server with one handle reads a folder at a time', async () => {
    const { sftp, files, server } = await openMemory({ handles: 1, batch: 3 });
    for (const path of ['/t/a/1', '/t/a/b/2', '/t/c/3', '/t/d/e/f/4']) files.file(path, 'x');
    for (let i = 0; i < 10; i++) files.file(`/t/x${i}`, 'x');
    const paths = (await all(sftp.walk('/t'))).map(({ path }) => path);
    expect(paths).toHaveLength(20);
    expect(server.mostHandles).toBe(1);
  });
});

describe('a pattern', () => {
  const names = (pattern: string, candidates: readonly string[], dot = false): string[] => {
    const [segment] = parsePattern(pattern);
    if (segment === undefined) throw new Error('no segment');
    return candidates.filter((name) => matchesSegment(segment, name, dot));
  };

  it('has the signs of a shell', () => {
    expect(names('*', ['a', '.a', ''])).toEqual(['a', '']);
    expect(names('*', ['a', '.a'], true)).toEqual(['a', '.a']);
    expect(names('.*', ['a', '.a'])).toEqual(['.a']);
    expect(names('a?c', ['abc', 'ac', 'abbc', 'a€c', 'a😀c'])).toEqual(['abc', 'a€c', 'a😀c']);
    expect(names('[a-c]x', ['ax', 'cx', 'dx'])).toEqual(['ax', 'cx']);
    expect(names('[!a-c]x', ['ax', 'dx'])).toEqual(['dx']);
    expect(names('[^a]x', ['ax', 'dx'])).toEqual(['dx']);
    expect(names('[]a]', [']', 'a', 'b'])).toEqual([']', 'a']);
    expect(names('[a-]', ['a', '-', 'b'])).toEqual(['a', '-']);
    expect(names('[a', ['[a', 'a'])).toEqual(['[a']);
    expect(names('\\*', ['*', 'a'])).toEqual(['*']);
    expect(names('a\\', ['a\\', 'a'])).toEqual(['a\\']);
    expect(names('*.tar.*', ['x.tar.gz', 'x.tar', 'tar.x.tar.bz'])).toEqual(['x.tar.gz', 'tar.x.tar.bz']);
    expect(names('a**b', ['ab', 'axxb'])).toEqual(['ab', 'axxb']);
  });

  it('with braces stands for several', () => {
    expect(expandBraces('a{b,c}d')).toEqual(['abd', 'acd']);
    expect(expandBraces('{a,b}{1,2}')).toEqual(['a1', 'a2', 'b1', 'b2']);
    expect(expandBraces('x{a,{b,c}}')).toEqual(['xa', 'xb', 'xc']);
    expect(expandBraces('{a}')).toEqual(['\\{a}']);
    expect(expandBraces('{a,b')).toEqual(['\\{a,b']);
    expect(expandBraces('\\{a,b}')).toEqual(['\\{a,b}']);
    expect(expandBraces('{,a}')).toEqual(['', 'a']);
    expect(() => expandBraces('{a,b}'.repeat(11))).toThrow('more than 1024');
    expect(() => expandBraces('')).toThrow('not empty');
    expect(() => expandBraces('x'.repeat(4097))).toThrow('at most 4096');
  });

  it('matches in steps that grow with the lengths, and not with their product', () => {
    const steps = (stars: number, length: number): number => {
      const [segment] = parsePattern(`${'*a'.repeat(stars)}b`);
      if (segment?.kind !== 'names') throw new Error('no pattern');
      let looks = 0;
      const tokens = new Proxy(segment.tokens, {
        get(target, key, receiver) {
          if (/^\d+$/.test(String(key))) looks++;
          return Reflect.get(target, key, receiver);
        },
      });
      expect(matchesSegment({ ...segment, tokens }, 'a'.repeat(length), false)).toBe(false);
      return looks;
    };
    // The name is too short for the pattern, or there is no b at its end: in both each sign is looked at a few times.
    for (const [stars, length] of [
      [200, 100],
      [200, 400],
      [2000, 4000],
      [1, 4000],
    ] as const) {
      const looks = steps(stars, length);
      expect(looks).toBeGreaterThan(length);
      expect(looks, `${stars} stars, ${length} characters`).toBeLessThan(3 * (2 * stars + length));
    }
  });

  it('without signs matches itself alone', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), fc.string({ maxLength: 20 }), (name, other) => {
        const quoted = name.replace(/[*?[\]{},\\/]/g, (sign) => (sign === '/' ? '-' : `\\${sign}`));
        const plain = name.replaceAll('/', '-');
        const [segment] = parsePattern(quoted);
        if (segment === undefined) throw new Error('no segment');
        expect(matchesSegment(segment, plain, true)).toBe(true);
        expect(matchesSegment(segment, other, true)).toBe(other === plain);
      }),
    );
  });

  it('finds files in folders that it can match in, and lists no others', async () => {
    const { sftp, files, server } = await openMemory();
    for (const path of [
      '/logs/a.gz',
      '/logs/b.gz',
      '/logs/c.txt',
      '/logs/.h.gz',
      '/other/d.gz',
      '/logs/in/e.gz',
      '/logs/in/deep/f.gz',
    ]) {
      files.file(path, 'x');
    }
    const find = async (pattern: string, options = {}): Promise<string[]> =>
      (await all(sftp.glob(pattern, options))).sort();
    expect(await find('/logs/*.gz')).toEqual(['/logs/a.gz', '/logs/b.gz']);
    expect(server.seen.filter(({ kind }) => kind === 'opendir')).toHaveLength(1);
    expect(await find('logs/*.gz')).toEqual(['logs/a.gz', 'logs/b.gz']);
    expect(await find('/logs/*.gz', { dot: true })).toContain('/logs/.h.gz');
    expect(await find('/logs/{a,c}.*')).toEqual(['/logs/a.gz', '/logs/c.txt']);
    expect(await find('/*/d.gz')).toEqual(['/other/d.gz']);
    expect(await find('/logs/**/*.gz')).toEqual([
      '/logs/a.gz',
      '/logs/b.gz',
      '/logs/in/deep/f.gz',
      '/logs/in/e.gz',
    ]);
    expect(await find('/logs/in/**')).toEqual(['/logs/in/deep', '/logs/in/deep/f.gz', '/logs/in/e.gz']);
    expect(await find('/logs/c.txt')).toEqual(['/logs/c.txt']);
    expect(await find('/nope/*')).toEqual([]);
    expect(await find('/logs/c.txt/*')).toEqual([]);
    expect(await find('{/logs,/logs}/a.gz')).toEqual(['/logs/a.gz']);
    // From where the session begins: as the pattern names it, and once.
    expect(await find('*')).toEqual(['logs', 'other']);
    expect(await find('{*,logs}')).toEqual(['logs', 'other']);
    expect(await find('**/d.gz')).toEqual(['other/d.gz']);
    expect(await find('./*')).toEqual(['./logs', './other']);
    const [top] = await all(sftp.glob('o*', { withFileTypes: true }));
    expect([top?.name, top?.path, top?.parentPath, text(top?.pathBytes ?? bytes(''))]).toEqual([
      'other',
      'other',
      '.',
      'other',
    ]);
    const [entry] = await all(sftp.glob('/logs/a.*', { withFileTypes: true }));
    expect(entry?.isFile()).toBe(true);
  });
});

describe('paths', () => {
  it.each([
    ['/', '', '/'],
    ['/a', 'a', '/'],
    ['a', 'a', '.'],
    ['a/b', 'b', 'a'],
    ['/a/b/', 'b', '/a'],
    ['//a//b//', 'b', '//a'],
    ['/a', 'a', '/'],
    ['//a', 'a', '/'],
  ])('%j has the name %j in the folder %j', (path, name, folder) => {
    expect(text(baseName(bytes(path)))).toBe(name);
    expect(text(folderOf(bytes(path)))).toBe(folder);
  });

  it('are joined by one slash', () => {
    const join = (a: string, b: string): string => text(joinPath(bytes(a), bytes(b)));
    expect([join('/', 'a'), join('/a', 'b'), join('', 'b'), join('a/', 'b')]).toEqual([
      '/a',
      '/a/b',
      'b',
      'a/b',
    ]);
  });

  it('names that a folder can have', () => {
    expect(['a', '...', '.a', ' ', '\\'].every((name) => isPossibleName(bytes(name)))).toBe(true);
    expect(['', '.', '..', 'a/b', '/', 'a\0'].some((name) => isPossibleName(bytes(name)))).toBe(false);
  });
});

describe('the removal of a tree', () => {
  it('asks for so many files at once, and no more until one of them is gone', async () => {
    const { sftp, server, channel } = await withMany(500, {
      answer: ({ kind }) => (kind === 'remove' ? 'silence' : undefined),
    });
    const removal = sftp.rm('/many', { recursive: true }).catch((error: unknown) => error);
    await channel.rest();
    expect(server.count('remove')).toBe(64);
    await sftp.close();
    expect(await removal).toBeInstanceOf(Error);
  });

  it('asks for each of them', async () => {
    const { sftp, server, files } = await withMany(500);
    await sftp.rm('/many', { recursive: true });
    expect(files.tree()).toEqual({});
    expect(server.count('remove')).toBe(500);
  });
});
