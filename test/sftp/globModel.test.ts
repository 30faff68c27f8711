/** Patterns, walks and removals against a model that is written the plain way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandBraces, matchesSegment, parsePattern } from '../../src/sftp/files/tree/globPattern.ts';
import { openMemory } from './memory/channel.ts';
import { text } from './memory/server.ts';
import { statusOf } from './support.ts';

/** Whether a name matches a segment, tried every way there is. */
function matches(pattern: readonly string[], name: readonly string[]): boolean {
  const [sign, ...rest] = pattern;
  if (sign === undefined) return name.length === 0;
  if (sign === '*') return matches(rest, name) || (name.length > 0 && matches(pattern, name.slice(1)));
  const [character, ...others] = name;
  if (sign === '[') {
    const set = classOf(rest);
    if (set !== undefined) {
      return character !== undefined && set.has(character) && matches(rest.slice(set.length), others);
    }
  }
  if (character === undefined) return false;
  if (sign === '?') return matches(rest, others);
  if (sign === '\\' && rest.length > 0) return rest[0] === character && matches(rest.slice(1), others);
  return sign === character && matches(rest, others);
}

interface CharacterSet {
  has(character: string): boolean;
  /** Signs up to its end. */
  readonly length: number;
}

/** POSIX: a bracket expression; undefined where it does not end. */
function classOf(rest: readonly string[]): CharacterSet | undefined {
  const isNegated = rest[0] === '!' || rest[0] === '^';
  const start = isNegated ? 1 : 0;
  const end = rest.findIndex((sign, index) => sign === ']' && index > start);
  // A range may end at the bracket that would close it.
  if (end < 0) return undefined;
  const members = rest.slice(start, end);
  const has = (character: string): boolean => {
    for (let i = 0; i < members.length; i++) {
      const low = members[i] as string;
      const high = members[i + 2];
      if (members[i + 1] === '-' && high !== undefined) {
        if (low <= character && character <= high) return true;
        i += 2;
      } else if (low === character) return true;
    }
    return false;
  };
  return { has: (character) => has(character) !== isNegated, length: end + 1 };
}

const letters = ['a', 'b', 'c', 'd', '.', '😀'] as const;
const signs = fc.array(fc.constantFrom(...letters, '*', '?', '[', ']', '-', '!', '^', '\\'), {
  minLength: 1,
  maxLength: 8,
});
const someNames = fc.array(fc.constantFrom(...letters, '-', ']', '\\', '['), { minLength: 1, maxLength: 6 });

describe('a segment of a pattern', () => {
  it('matches what the plain way matches', () => {
    let count = 0;
    fc.assert(
      fc.property(signs, someNames, fc.boolean(), (pattern, name, dot) => {
        const source = pattern.join('');
        fc.pre(source !== '**');
        const [segment] = parsePattern(source);
        if (segment === undefined) throw new Error('no segment');
        // A dot at the beginning is matched by a dot alone.
        const isHidden =
          name[0] === '.' && !dot && pattern[0] !== '.' && !(pattern[0] === '\\' && pattern[1] === '.');
        const expected = !isHidden && matches(pattern, name);
        if (expected) count++;
        expect(matchesSegment(segment, name.join(''), dot), `${source} ${name.join('')}`).toBe(expected);
      }),
      { numRuns: 3000 },
    );
    expect(count).toBeGreaterThan(5);
  });

  it.each([
    ['[a-c]', 'abc', 'd-'],
    ['[a-c-e]', 'abc-e', 'd'],
    ['[-a]', '-a', 'b'],
    ['[!-a]', 'b', '-a'],
    ['[]-a]', ']^_`a', 'b'],
    ['[a\\]', 'a\\', 'b'],
    ['[!]]', 'a', ']'],
    ['[b-a]', '', 'ab'],
    ['[a-a]', 'a', 'b'],
  ])('%s is one of %s and none of %s', (pattern, yes, no) => {
    const [segment] = parsePattern(pattern);
    if (segment === undefined) throw new Error('no segment');
    for (const character of yes) expect(matchesSegment(segment, character, true), character).toBe(true);
    for (const character of no) expect(matchesSegment(segment, character, true), character).toBe(false);
    for (const longer of ['', `${yes[0]}${yes[0]}`])
      expect(matchesSegment(segment, longer, true)).toBe(false);
  });

  it('alone may be two stars, which match a folder of any name', () => {
    const [segment] = parsePattern('**');
    expect(segment).toEqual({ kind: 'folders' });
    if (segment === undefined) throw new Error('no segment');
    expect([
      matchesSegment(segment, 'a', false),
      matchesSegment(segment, '.a', false),
      matchesSegment(segment, '.a', true),
    ]).toEqual([true, false, true]);
    expect(parsePattern('/a//b/')).toEqual([
      { kind: 'literal', name: 'a' },
      { kind: 'literal', name: 'b' },
    ]);
  });
});

/** Braces, tried from the left. */
function expanded(pattern: string): string[] {
  for (let open = 0; open < pattern.length; open++) {
    if (pattern[open] === '\\') open++;
    else if (pattern[open] === '{') {
      const parts: string[] = [''];
      let depth = 0;
      for (let at = open; at < pattern.length; at++) {
        const sign = pattern[at] as string;
        const isBorder =
          (sign === ',' && depth === 1) || (sign === '{' && depth === 0) || (sign === '}' && depth === 1);
        if (sign === '\\') parts[parts.length - 1] += sign + (pattern[++at] ?? '');
        else {
          if (sign === '{') depth++;
          if (sign === '}') depth--;
          if (sign === ',' && isBorder) parts.push('');
          else if (!isBorder) parts[parts.length - 1] += sign;
        }
        if (depth === 0) {
          if (parts.length < 2) break;
          const [head, tail] = [pattern.slice(0, open), pattern.slice(at + 1)];
          return parts.flatMap((part) => expanded(head + part + tail));
        }
      }
    }
  }
  return [pattern];
}

/** What a pattern without other signs means once its braces are worked off: a sign behind a backslash stands for itself. */
const meaningOf = (pattern: string): string => pattern.replace(/\\(.)/g, '$1');

describe('braces', () => {
  it('stand for what the plain way makes of them, each once', () => {
    const patterns = fc
      .array(fc.constantFrom('a', 'b', '{', '}', ',', '\\'), { minLength: 1, maxLength: 9 })
      .map((list) => list.join(''));
    fc.assert(
      fc.property(patterns, (pattern) => {
        const expected = [...new Set(expanded(pattern))].map(meaningOf).sort();
        const found = expandBraces(pattern);
        expect(new Set(found).size).toBe(found.length);
        expect([...new Set(found.map(meaningOf))].sort()).toEqual([...new Set(expected)].sort());
      }),
      { numRuns: 1500 },
    );
  });

  it('stand for 1,024 at most, of 4,096 characters at most', () => {
    expect(expandBraces('{a,b}'.repeat(10))).toHaveLength(1024);
    expect(() => expandBraces('{a,b}'.repeat(11))).toThrow('1024');
    expect(expandBraces('x'.repeat(4096))).toHaveLength(1);
    expect(() => expandBraces('x'.repeat(4097))).toThrow('4096');
    for (const none of ['', 5, undefined]) expect(() => expandBraces(none as never)).toThrow('not empty');
  });
});

const treePaths = fc.uniqueArray(
  fc
    .array(fc.constantFrom('a', 'b', '.h', 'ab'), { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`),
  { maxLength: 12 },
);

/** The tree with files at some of these paths: those that are no folder of another. */
async function treeOf(paths: readonly string[], options: Parameters<typeof openMemory>[0] = {}) {
  const session = await openMemory(options);
  const files = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`)));
  for (const path of files) session.files.file(path, 'x');
  const all = new Set<string>();
  for (const path of files) {
    const parts = path.split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) all.add(`/${parts.slice(0, i).join('/')}`);
  }
  return { ...session, all: [...all].sort(), fileNames: files };
}

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('a pattern on a tree', () => {
  it('finds every path that it matches, each once, by the plain way', async () => {
    const parts = fc.constantFrom('*', '**', 'a', '?', '.h', '[ab]*', 'a*', '.*', '{a,b}');
    const matchesPath = (
      pattern: readonly string[],
      path: readonly string[],
      dot: boolean,
      isFolder: (depth: number) => boolean,
      depth = 0,
    ): boolean => {
      const [sign, ...rest] = pattern;
      if (sign === undefined) return path.length === 0;
      const [name, ...others] = path;
      if (sign === '**') {
        if (rest.length > 0 && matchesPath(rest, path, dot, isFolder, depth)) return true;
        if (name === undefined || (name.startsWith('.') && !dot)) return false;
        if (rest.length === 0 && others.length === 0) return true;
        return isFolder(depth) && matchesPath(pattern, others, dot, isFolder, depth + 1);
      }
      if (name === undefined) return false;
      if (name.startsWith('.') && !dot && !sign.startsWith('.')) return false;
      return matches([...sign], [...name]) && matchesPath(rest, others, dot, isFolder, depth + 1);
    };
    await fc.assert(
      fc.asyncProperty(
        treePaths,
        fc.array(parts, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        async (paths, pattern, dot, isRelative) => {
          const { sftp, all, channel, server, fileNames } = await treeOf(paths);
          const source = `${isRelative ? '' : '/'}${pattern.join('/')}`;
          const found = await listed(sftp.glob(source, { dot }));
          const patterns = expanded(source).map((one) => one.split('/').filter((part) => part !== ''));
          const expected = all.filter((path) => {
            const names = path.split('/').slice(1);
            const isFolder = (depth: number): boolean =>
              !fileNames.includes(`/${names.slice(0, depth + 1).join('/')}`);
            return patterns.some((one) => matchesPath(one, names, dot, isFolder));
          });
          expect([...found].sort()).toEqual(
            expected.map((path) => (isRelative ? path.slice(1) : path)).sort(),
          );
          await channel.rest();
          expect(server.handles.size).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('class: goes down no further than limits.sftpNesting, where folders have no end', async () => {
    for (const pattern of ['/t/**', '/t/**/x', `/t/${'*/'.repeat(9)}x`, `/t/${'in/'.repeat(9)}x`]) {
      const listedHandles = new Set<string>();
      const opened: string[] = [];
      const { sftp } = await openMemory({
        limits: { sftpNesting: 5 },
        answer: (request, server) => {
          if (request.kind === 'opendir') {
            opened.push(text(request.path));
            return server.newHandle(server.files.root, false);
          }
          if (request.kind !== 'readdir') return undefined;
          const handle = text(request.handle);
          if (listedHandles.has(handle)) return statusOf(1);
          listedHandles.add(handle);
          const entry = {
            filename: Buffer.from('in'),
            longname: Buffer.from(''),
            attrs: { permissions: 0o040755 },
          };
          return { kind: 'name', names: [entry] };
        },
      });
      await expect(listed(sftp.glob(pattern))).rejects.toMatchObject({ code: 'ERR_SSH_LIMIT' });
      for (const path of opened) expect(path.split('/').length - 1).toBeLessThanOrEqual(6);
    }
  });

  it('goes as deep as limits.sftpNesting allows', async () => {
    const { sftp, files } = await openMemory({ limits: { sftpNesting: 3 } });
    files.file('/a/b/c/d', 'x');
    expect(await listed(sftp.glob('/*/*/*/*'))).toEqual(['/a/b/c/d']);
    expect(await listed(sftp.glob('/a/b/c/d'))).toEqual(['/a/b/c/d']);
    files.file('/a/b/c/e/f', 'x');
    await expect(listed(sftp.glob('/*/*/*/*/*'))).rejects.toMatchObject({ code: 'ERR_SSH_LIMIT' });
    await expect(listed(sftp.glob('/a/b/c/e/f'))).rejects.toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });

  it('fails where a folder that it can match in may not be listed, and passes over what is no folder', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'opendir' && text(request.path) === '/t/shut' ? statusOf(3) : undefined,
    });
    files.file('/t/f', 'x');
    files.link('/t/l', 'f');
    files.link('/t/to', 'd');
    files.file('/t/d/x', 'x');
    expect((await listed(sftp.glob('/t/*/*'))).sort()).toEqual(['/t/d/x', '/t/to/x']);
    files.folder('/t/shut');
    await expect(listed(sftp.glob('/t/*/*'))).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
      path: '/t/shut',
    });
  });
});

describe('a walk', () => {
  it('gives all that is below a folder, each folder before what is in it, whatever is passed over', async () => {
    await fc.assert(
      fc.asyncProperty(treePaths, fc.integer({ min: 1, max: 5 }), async (paths, batch) => {
        const { sftp, all, channel, server } = await treeOf(paths, { batch });
        const found = (await listed(sftp.walk('/'))).map(({ path }) => path);
        expect([...found].sort()).toEqual(all);
        for (const path of found) {
          const above = path.slice(0, path.lastIndexOf('/'));
          if (above !== '') expect(found.indexOf(above)).toBeLessThan(found.indexOf(path));
        }
        await channel.rest();
        expect(server.handles.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('goes as deep as limits.sftpNesting allows, asks about the next, and lists folders ahead', async () => {
    const { sftp, files } = await openMemory({ limits: { sftpNesting: 2 } });
    files.file('/t/a/b/c/d', 'x');
    files.file('/t/z', 'x');
    const failed: string[] = [];
    const found = await listed(
      sftp.walk('/t', {
        onError: (_, path) => {
          failed.push(path);
          return 'skip';
        },
      }),
    );
    expect(found.map(({ path }) => path).sort()).toEqual(['/t/a', '/t/a/b', '/t/a/b/c', '/t/z']);
    expect(failed).toEqual(['/t/a/b/c']);
    await expect(listed(sftp.walk('/t', { onError: () => 'stop' }))).rejects.toMatchObject({
      code: 'ERR_SSH_LIMIT',
    });
  });

  it('has eight folders open ahead of its own, and none where a server has few handles', async () => {
    for (const [told, most] of [
      [undefined, 9],
      [32, 9],
      [31, 2],
    ] as const) {
      const { sftp, files, server, channel } = await openMemory({ server: { openHandles: told } });
      for (let i = 0; i < 40; i++) files.file(`/t/d${i}/f`, 'x');
      let ahead = 0;
      for await (const entry of sftp.walk('/t')) {
        await channel.rest();
        if (entry.isDirectory()) ahead = Math.max(ahead, server.handles.size);
      }
      expect(server.mostHandles).toBeLessThanOrEqual(most + 1);
      expect(ahead).toBeGreaterThanOrEqual(most - 1);
    }
  });

  it('does not read ahead of an entry that is passed over', async () => {
    const { sftp, files, server, channel } = await openMemory();
    for (let i = 0; i < 3; i++) files.file(`/t/d${i}/f`, 'x');
    let seen = 0;
    for await (const _ of sftp.walk('/t')) if (++seen === 2) break;
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(channel.waits.list()).toEqual([]);
  });
});

describe('a removal', () => {
  it('removes all that is below a folder, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(treePaths, fc.constantFrom('/a', '/b', '/ab', '/.h'), async (paths, root) => {
        const { sftp, files, all } = await treeOf(paths);
        files.link('/link', root);
        await sftp.rm(root, { recursive: true, force: true });
        const left = all.filter((path) => path !== root && !path.startsWith(`${root}/`));
        expect(
          Object.keys(files.tree())
            .map((path) => path.replace(/\/$/, ''))
            .sort(),
        ).toEqual([...left, '/link'].sort());
      }),
      { numRuns: 60 },
    );
  });

  it('that a file withstands fails with that, and leaves its folder', async () => {
    const { sftp, files, server } = await openMemory({
      answer: (request) =>
        request.kind === 'remove' && text(request.filename) === '/t/d/held' ? statusOf(3) : undefined,
    });
    files.file('/t/d/held', 'x');
    files.file('/t/d/other', 'x');
    await expect(sftp.rm('/t', { recursive: true })).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
      path: '/t/d/held',
    });
    expect(files.tree()['/t/d/held']).toBe('x');
    expect(server.count('rmdir')).toBe(0);
  });

  it('takes what is gone meanwhile for removed, files and folders', async () => {
    const { sftp, files } = await openMemory({
      answer: (request, server) => {
        // Somebody else was quicker.
        if (request.kind === 'remove' || request.kind === 'rmdir') server.usual(request);
        return request.kind === 'remove' || request.kind === 'rmdir' ? statusOf(2) : undefined;
      },
    });
    files.file('/t/d/f', 'x');
    await sftp.rm('/t', { recursive: true });
    expect(files.tree()).toEqual({});
  });

  it('goes as deep as limits.sftpNesting allows, and removes nothing above what lies deeper', async () => {
    const { sftp, files } = await openMemory({ limits: { sftpNesting: 2 } });
    files.file('/t/a/f', 'x');
    await sftp.rm('/t', { recursive: true });
    expect(files.tree()).toEqual({});
    files.file('/t/a/b/f', 'x');
    await expect(sftp.rm('/t', { recursive: true })).rejects.toMatchObject({
      code: 'ERR_SSH_LIMIT',
      path: '/t/a/b',
    });
    expect(files.tree()['/t/a/b/f']).toBe('x');
  });

  it('never removes by a name that no folder has', async () => {
    const { sftp, server, files } = await openMemory({
      answer: (request, peer) => {
        if (request.kind !== 'readdir' || peer.count('readdir') > 1) return undefined;
        const names = ['../outside', '/outside', '', 'fine'].map((name) => ({
          filename: Buffer.from(name),
          longname: Buffer.from(''),
          attrs: { permissions: 0o100644 },
        }));
        return { kind: 'name', names };
      },
    });
    files.file('/t/fine', 'x');
    files.file('/outside', 'x');
    await sftp.rm('/t', { recursive: true });
    const removed = server.seen.flatMap((request) =>
      request.kind === 'remove' ? [text(request.filename)] : [],
    );
    expect(new Set(removed)).toEqual(new Set(['/t/fine']));
    expect(files.tree()).toEqual({ '/outside': 'x' });
  });
});
