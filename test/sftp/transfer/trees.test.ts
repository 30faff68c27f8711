/** Transfers of trees, and what a hostile server does to them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../../src/base/errors.ts';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import { posixNameProblem, windowsNameProblem } from '../../../src/node/files/localNames.ts';
import type { FileAttributes } from '../../../src/sftp/packet/attributes.ts';
import type { LocalFiles } from '../../../src/sftp/seam/localFiles.ts';
import { LocalFault } from '../../../src/sftp/seam/localFiles.ts';
import { staysInside } from '../../../src/sftp/transfer/links.ts';
import { partName } from '../../../src/sftp/transfer/partName.ts';
import { type MemoryOptions, type MemorySession, openMemory } from '../memory/channel.ts';
import type { MemoryFiles } from '../memory/files.ts';
import { bytes, text } from '../memory/server.ts';
import { statusOf } from '../support.ts';
import { failureOf, LocalFolder } from './support.ts';

/** A tree with all that is strange. */
const strange: Readonly<Record<string, string>> = {
  'a/b/c/deep': 'deep',
  'a/empty': '',
  'sp ace/quo"te\'s': 'q',
  'new\nline': 'n',
  'back\\slash': 'b',
  'ünï/cødé 😀': 'u',
  '-dash': 'd',
  '.hidden/.file': 'h',
  '*?[x]': 'g',
  ['long'.repeat(60)]: 'l',
};

const put = (files: MemoryFiles, root: string, tree: Readonly<Record<string, string>>): void => {
  for (const [path, content] of Object.entries(tree))
    files.file(`${root}/${Buffer.from(path).toString('latin1')}`, content);
};

const latin = (tree: Record<string, string>, prefix: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tree).map(([path, content]) => [
      Buffer.from(path.slice(prefix.length), 'latin1').toString(),
      content,
    ]),
  );

describe('a tree', () => {
  it('deeper than the limit is an error that says so, both ways', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({ limits: { sftpNesting: 3 } });
    here.file('t/1/2/3/f', 'as deep as may be');
    await sftp.put(here.at('t'), '/t', { recursive: true });
    await sftp.get('/t', here.at('back'), { recursive: true });
    expect(here.tree('back')).toEqual(here.tree('t'));
    here.file('t/1/2/3/4/f', 'deep');
    expect((await failureOf(sftp.put(here.at('t'), '/t', { recursive: true }))).message).toContain(
      'sftpNesting',
    );
    for (const path of ['/u', '/u/1', '/u/1/2', '/u/1/2/3', '/u/1/2/3/4', '/u/1/2/3/4/5']) files.folder(path);
    expect((await failureOf(sftp.get('/u', here.at('u'), { recursive: true }))).message).toContain(
      'sftpNesting',
    );
  });

  it('with strange names, empty files and folders comes as it is, and goes', async () => {
    const here = new LocalFolder();
    const { sftp, files, server, channel } = await openMemory();
    put(files, '/t', strange);
    files.folder('/t/empty folder');
    const got = await sftp.get('/t', here.at('t'), { recursive: true });
    const expected = latin(files.tree('/t'), '/t/');
    delete expected[''];
    expect(here.tree('t')).toEqual(expected);
    expect(got).toMatchObject({ files: 10, folders: 8, failedCount: 0, skippedCount: 0 });
    const sent = await sftp.put(here.at('t'), '/u', { recursive: true });
    const back = latin(files.tree('/u'), '/u/');
    delete back[''];
    expect(back).toEqual(expected);
    expect(sent).toMatchObject({ files: 10, folders: 8, failedCount: 0 });
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(channel.waits.size).toBe(0);
  });

  it('with a name that is no UTF-8 comes and goes by its bytes', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/t/\xff\xfe/\xfd', 'x');
    await sftp.get('/t', here.at('t'), { recursive: true });
    const [name] = readdirSync(Buffer.from(here.at('t')), { encoding: 'buffer' });
    expect(name).toEqual(Buffer.of(0xff, 0xfe));
    await sftp.put(here.at('t'), '/u', { recursive: true });
    expect(files.text('/u/\xff\xfe/\xfd')).toBe('x');
  });

  it('goes into a folder that is there, and replaces what has the same names', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    put(files, '/t', { a: 'new', 'd/b': 'new' });
    here.file('t/a', 'old');
    here.file('t/d/mine', 'mine');
    await sftp.get('/t', here.at('t'), { recursive: true });
    expect(here.tree('t')).toEqual({ a: 'new', 'd/': '', 'd/b': 'new', 'd/mine': 'mine' });
    put(files, '/u', { a: 'old', 'd/theirs': 'theirs' });
    await sftp.put(here.at('t'), '/u', { recursive: true });
    expect(files.tree('/u')).toEqual({
      '/u/': '',
      '/u/a': 'new',
      '/u/d/': '',
      '/u/d/b': 'new',
      '/u/d/mine': 'mine',
      '/u/d/theirs': 'theirs',
    });
  });

  it('goes into a folder named with a slash that is there, as with cp -r and scp -r, and becomes one that is not', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/t/f', '1');
    here.folder('in');
    await sftp.get('/t', `${here.at('in')}/`, { recursive: true });
    await sftp.get('/t/', `${here.at('new')}/`, { recursive: true });
    await sftp.get('/t/.', `${here.at('dot')}/`, { recursive: true });
    await sftp.get('/t/.', `${here.at('in')}/`, { recursive: true });
    await sftp.get('/t', here.at('in'), { recursive: true });
    expect(here.tree()).toEqual({
      'dot/': '',
      'dot/f': '1',
      'in/': '',
      'in/f': '1',
      'in/t/': '',
      'in/t/f': '1',
      'new/': '',
      'new/f': '1',
    });
    files.folder('/in');
    const source = here.at('new');
    await sftp.put(source, '/in/', { recursive: true });
    await sftp.put(`${source}/`, '/in/', { recursive: true });
    await sftp.put(`${source}/`, '/out/', { recursive: true });
    await sftp.put(`${source}/.`, '/dot/', { recursive: true });
    await sftp.put(`${source}/.`, '/dot/', { recursive: true });
    const there = Object.keys({ ...files.tree('/in'), ...files.tree('/out'), ...files.tree('/dot') }).sort();
    expect(there).toEqual(['/dot/', '/dot/f', '/in/', '/in/new/', '/in/new/f', '/out/', '/out/f']);
  });

  it('does not go into what a server lists under a slash as a name that leads out', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/a\\..\\b/f', '1');
    here.folder('in');
    const local = { ...nodeLocalFiles, nameProblem: windowsNameProblem };
    const other = await openMemory({ files, local });
    const failed = failureOf(other.sftp.get('/a\\..\\b', `${here.at('in')}/`, { recursive: true }));
    expect(await failed).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
    expect(here.tree()).toEqual({ 'in/': '' });
    await sftp.close();
  });

  it('asks for no attributes of files that were listed, and for several files at once', async () => {
    const here = new LocalFolder();
    let most = 0;
    const { sftp, files, server } = await openMemory({
      pick: (waiting) => {
        most = Math.max(most, waiting);
        return 0;
      },
    });
    for (let i = 0; i < 200; i++) files.file(`/t/f${i}`, 'x');
    await sftp.get('/t', here.at('t'), { recursive: true, concurrency: 16 });
    expect(server.count('fstat') + server.count('lstat')).toBe(0);
    expect(server.count('open')).toBe(200);
    expect(most).toBeGreaterThan(8);
    expect(server.mostHandles).toBeLessThanOrEqual(18);
  });

  it('has thirty-two files on their way where nothing else is said', async () => {
    const here = new LocalFolder();
    const { sftp, files, server } = await openMemory();
    for (let i = 0; i < 200; i++) files.file(`/t/f${i}`, 'x');
    await sftp.get('/t', here.at('t'), { recursive: true });
    // The folder is open as well.
    expect(server.mostHandles).toBeGreaterThan(20);
    expect(server.mostHandles).toBeLessThanOrEqual(34);
  });

  it('filter leaves out entries, and folders with all below them', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    put(files, '/t', { 'keep/a': '1', 'keep/b.tmp': '2', 'skip/c': '3' });
    const filter = (path: string, { kind, size }: { kind: string; size: number | undefined }): boolean => {
      if (kind === 'file') expect(size).toBe(1);
      return !path.endsWith('.tmp') && !path.endsWith('/skip');
    };
    const got = await sftp.get('/t', here.at('t'), { recursive: true, filter });
    expect(here.tree('t')).toEqual({ 'keep/': '', 'keep/a': '1' });
    expect(got.skipped.map(({ path }) => path).sort()).toEqual(['/t/keep/b.tmp', '/t/skip']);
    here.file('s/keep/a', '1');
    here.file('s/skip/c', '3');
    await sftp.put(here.at('s'), '/s', { recursive: true, filter });
    expect(files.tree('/s')).toEqual({ '/s/': '', '/s/keep/': '', '/s/keep/a': '1' });
  });

  it('keeps times and modes of folders as well, set when nothing more comes into them', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    const folder = files.folder('/t');
    files.file('/t/in/f', 'x');
    const inner = files.find('/t/in', true);
    Object.assign(inner, { mtime: 1_000_000, atime: 1_000_000, mode: 0o750 });
    Object.assign(folder, { mtime: 2_000_000 });
    await sftp.get('/t', here.at('t'), { recursive: true, preserve: true });
    const stat = statSync(here.at('t/in'));
    expect([stat.mtimeMs, stat.mode & 0o777]).toEqual([1_000_000_000, 0o750]);
    await sftp.put(here.at('t'), '/u', { recursive: true, preserve: true });
    expect(files.attributes(files.find('/u/in', true))).toMatchObject({
      mtime: 1_000_000,
      permissions: 0o040750,
    });
  });

  it('on a server with one handle is transferred all the same, and that is remembered', async () => {
    const here = new LocalFolder();
    const { sftp, files, server } = await openMemory({ handles: 1, batch: 5 });
    for (let i = 0; i < 30; i++) files.file(`/t/d${i % 3}/f${i}`, `${i}`);
    await sftp.get('/t', here.at('t'), { recursive: true });
    expect(Object.values(here.tree('t')).filter((content) => content !== '')).toHaveLength(30);
    const failed = server.seen.filter(({ kind }) => kind === 'open').length;
    await sftp.get('/t', here.at('again'), { recursive: true });
    expect(here.tree('again')).toEqual(here.tree('t'));
    // The second time nothing is tried that cannot be.
    expect(server.seen.filter(({ kind }) => kind === 'open').length - failed).toBe(30);
    await sftp.put(here.at('t'), '/u', { recursive: true });
    expect(Object.keys(files.tree('/u')).length).toBe(Object.keys(files.tree('/t')).length);
    expect(server.mostHandles).toBe(1);
  });
});

describe('failures in a tree', () => {
  const withFailing = async (): Promise<MemorySession> => {
    const session = await openMemory({
      answer: (request) =>
        request.kind === 'open' && text(request.filename).includes('bad') ? statusOf(3) : undefined,
    });
    put(session.files, '/t', { a: '1', bad: '2', 'd/bad': '3', 'd/e': '4' });
    return session;
  };

  it('are those of their files: the others arrive, and the call rejects at its end', async () => {
    const here = new LocalFolder();
    const { sftp } = await withFailing();
    const error = await failureOf(sftp.get('/t', here.at('t'), { recursive: true }));
    expect(error).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      cause: { code: 'ERR_SSH_SFTP_PERMISSION_DENIED' },
    });
    expect(error.message).toContain('2 of 6 entries failed');
    expect(here.tree('t')).toEqual({ a: '1', 'd/': '', 'd/e': '4' });
  });

  it('are passed over where that is said, and are in the result', async () => {
    const here = new LocalFolder();
    const { sftp } = await withFailing();
    const asked: string[] = [];
    const { failed, failedCount } = await sftp.get('/t', here.at('t'), {
      recursive: true,
      onError: (_, path) => {
        asked.push(path);
        return 'skip';
      },
    });
    expect(asked.sort()).toEqual(['/t/bad', '/t/d/bad']);
    expect(failedCount).toBe(2);
    expect(failed.map(({ path }) => path).sort()).toEqual(asked);
  });

  it('stop the transfer where that is said, or where the function throws', async () => {
    for (const onError of [
      () => 'stop' as const,
      () => {
        throw new TypeError('mine');
      },
    ]) {
      const here = new LocalFolder();
      const { sftp, server, channel } = await withFailing();
      await expect(sftp.get('/t', here.at('t'), { recursive: true, onError })).rejects.toThrow(
        /permission denied|mine/,
      );
      await channel.rest();
      expect(server.handles.size).toBe(0);
    }
  });

  it('of the session end it at once, with that cause', async () => {
    const here = new LocalFolder();
    const session = await openMemory({
      answer: (request) => (request.kind === 'read' ? 'silence' : undefined),
    });
    for (let i = 0; i < 100; i++) session.files.file(`/t/f${i}`, 'x'.repeat(100));
    const outcome = failureOf(
      session.sftp.get('/t', here.at('t'), { recursive: true, onError: () => 'skip' }),
    );
    await session.channel.rest();
    const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' });
    session.channel.break(cause);
    expect(await outcome).toBe(cause);
    expect(session.channel.waits.size).toBe(0);
    expect(Object.keys(here.tree('t')).filter((name) => !name.endsWith('.deadline-part'))).toEqual([]);
  });

  it('an abort ends it, and leaves nothing open', async () => {
    const here = new LocalFolder();
    const { sftp, files, server, channel } = await openMemory();
    for (let i = 0; i < 300; i++) files.file(`/t/f${i}`, 'x'.repeat(10_000));
    const aborter = new AbortController();
    const transfer = sftp.get('/t', here.at('t'), {
      recursive: true,
      signal: aborter.signal,
      filter: (path) => {
        if (path.endsWith('f50')) aborter.abort();
        return true;
      },
    });
    expect(await failureOf(transfer)).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    await channel.rest();
    expect(server.handles.size).toBe(0);
    channel.pass(60_000);
    expect(channel.waits.size).toBe(0);
  });
});

/** A server that lists what it likes in `/t`, and has a file wherever it is asked for one. */
const listing = (entries: readonly (readonly [string, FileAttributes])[]): MemoryOptions => {
  const listed = new Set<string>();
  return {
    answer: (request, server) => {
      switch (request.kind) {
        case 'opendir':
          return text(request.path) === '/t'
            ? server.newHandle(server.files.root, false)
            : server.newHandle(server.files.folder('/x'), false);
        case 'readdir': {
          const handle = text(request.handle);
          if (server.handles.get(handle)?.node !== server.files.root) {
            if (listed.has(handle)) return statusOf(1);
            listed.add(handle);
            return { kind: 'name', names: [{ filename: bytes('inner'), longname: bytes(''), attrs: file }] };
          }
          if (listed.has(handle)) return statusOf(1);
          listed.add(handle);
          return {
            kind: 'name',
            names: entries.map(([name, attrs]) => ({ filename: bytes(name), longname: bytes(''), attrs })),
          };
        }
        case 'stat':
          return { kind: 'attrs', attrs: text(request.path) === '/t' ? folder : file };
        case 'open':
          return server.newHandle(server.files.file('/evil', 'evil'), false);
        case 'readlink':
          return { kind: 'name', names: [{ filename: bytes('/outside'), longname: bytes(''), attrs: {} }] };
        default:
          return undefined;
      }
    },
  };
};

const file: FileAttributes = { permissions: 0o100644, size: 4n };
const folder: FileAttributes = { permissions: 0o040755 };
const link: FileAttributes = { permissions: 0o120777 };

describe('row 57: a server that lists names which lead elsewhere', () => {
  const hostile = ['../out', '..', '/tmp/out', 'a/b', '', 'x\0y', '../../../../etc/out', './in'];

  it('CVE-2019-6111, CVE-2018-20685: nothing is written outside, those entries fail, the others arrive', async () => {
    const outer = new LocalFolder();
    const { sftp } = await openMemory(
      listing([
        ...hostile.map((name) => [name, file] as const),
        ...hostile.map((name) => [name, folder] as const),
        ['good', file],
        ['fine', folder],
      ]),
    );
    const { failed } = await sftp.get('/t', outer.at('in'), { recursive: true, onError: () => 'skip' });
    expect(outer.tree()).toEqual({ 'in/': '', 'in/fine/': '', 'in/fine/inner': 'evil', 'in/good': 'evil' });
    // `.` and `..` are in every listing.
    expect(failed).toHaveLength(2 * (hostile.length - 1));
    for (const { error } of failed) expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', origin: 'peer' });
  });

  it('CVE-2019-6111: without a function for errors the others arrive as well, and the call rejects', async () => {
    const outer = new LocalFolder();
    const { sftp } = await openMemory(
      listing([
        ['../out', file],
        ['good', file],
      ]),
    );
    const error = await failureOf(sftp.get('/t', outer.at('in'), { recursive: true }));
    expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
    expect(outer.tree()).toEqual({ 'in/': '', 'in/good': 'evil' });
  });

  it('CVE-2026-54591: names that lead elsewhere on Windows fail there', async () => {
    const outer = new LocalFolder();
    const windows: LocalFiles = { ...nodeLocalFiles, nameProblem: windowsNameProblem };
    const names = [
      'a\\b',
      'C:',
      'C:x',
      'file:stream',
      'CON',
      'nul.txt',
      'COM1',
      'lpt9.log',
      'dot.',
      'space ',
      'what?',
      'tab\t',
    ];
    const { sftp } = await openMemory({
      ...listing([...names.map((name) => [name, file] as const), ['console.txt', file]]),
      local: windows,
    });
    const { failed } = await sftp.get('/t', outer.at('in'), { recursive: true, onError: () => 'skip' });
    expect(outer.tree()).toEqual({ 'in/': '', 'in/console.txt': 'evil' });
    expect(failed.map(({ path }) => path)).toEqual(names.map((name) => `/t/${name}`));
  });

  it('names that are fine elsewhere are fine', () => {
    for (const name of ['a\\b', 'C:', 'CON', ' ', '...', '\x1b[31m'])
      expect(posixNameProblem(bytes(name)), name).toBeUndefined();
    for (const name of ['a', 'com', 'com10', 'nulls', 'aux-1', '.x', 'ünï']) {
      expect(windowsNameProblem(Buffer.from(name)), name).toBeUndefined();
    }
    expect(windowsNameProblem(Uint8Array.of(0xff))).toContain('not UTF-8');
  });
});

describe('row 58: a server that lists links', () => {
  it('class: a name that is a link first and a folder then is never written through', async () => {
    for (const order of [
      [link, folder],
      [folder, link],
    ]) {
      const outer = new LocalFolder();
      outer.folder('outside');
      const options = listing(order.map((attrs) => ['a', attrs] as const));
      const { sftp } = await openMemory({
        ...options,
        answer: (request, server) => {
          if (request.kind !== 'readlink') return options.answer?.(request, server);
          return { kind: 'name', names: [{ filename: bytes('../outside'), longname: bytes(''), attrs: {} }] };
        },
      });
      const { failed } = await sftp.get('/t', outer.at('in'), {
        recursive: true,
        links: 'copy',
        onError: () => 'skip',
      });
      expect(outer.tree()).toEqual({ 'in/': '', 'in/a/': '', 'in/a/inner': 'evil', 'outside/': '' });
      expect(failed.length).toBeGreaterThan(0);
    }
  });

  it('class: a link where the next file goes is made after all files, and fails then', async () => {
    const outer = new LocalFolder();
    outer.file('victim', 'mine');
    const options = listing([
      ['f', link],
      ['f', file],
      ['f', link],
    ]);
    const { sftp } = await openMemory({
      ...options,
      answer: (request, server) => {
        if (request.kind !== 'readlink') return options.answer?.(request, server);
        return { kind: 'name', names: [{ filename: bytes('g'), longname: bytes(''), attrs: {} }] };
      },
    });
    await sftp.get('/t', outer.at('in'), { recursive: true, links: 'copy', onError: () => 'skip' });
    expect(outer.tree()).toEqual({ 'in/': '', 'in/f': 'evil', victim: 'mine' });
  });

  it('a link of the user’s own in the target is not gone through, for files and folders', async () => {
    const outer = new LocalFolder();
    outer.file('outside/f', 'mine');
    outer.link('in/f', '../outside/f');
    outer.link('in/d', '../outside');
    const { sftp } = await openMemory(
      listing([
        ['f', file],
        ['d', folder],
        ['g', file],
      ]),
    );
    const { failed } = await sftp.get('/t', outer.at('in'), { recursive: true, onError: () => 'skip' });
    expect(outer.tree()).toEqual({
      'in/': '',
      'in/d': '-> ../outside',
      'in/f': '-> ../outside/f',
      'in/g': 'evil',
      'outside/': '',
      'outside/f': 'mine',
    });
    expect(failed).toHaveLength(2);
  });

  it('links are followed to files, left out, or made anew unless they lead out', async () => {
    const open = async (): Promise<MemorySession> => {
      const session = await openMemory();
      put(session.files, '/t', { 'd/f': 'x' });
      session.files.file('/secret', 'y');
      session.files.link('/t/in', 'd/f');
      session.files.link('/t/d/up', '../d/f');
      session.files.link('/t/folder', 'd');
      session.files.link('/t/out', '../secret');
      session.files.link('/t/abs', '/t/d/f');
      session.files.link('/t/dangling', 'nowhere');
      return session;
    };
    const here = new LocalFolder();
    const follow = await (await open()).sftp.get('/t', here.at('follow'), {
      recursive: true,
      onError: () => 'skip',
    });
    expect(here.tree('follow')).toEqual({ abs: 'x', 'd/': '', 'd/f': 'x', 'd/up': 'x', in: 'x', out: 'y' });
    expect(follow.skipped).toEqual([{ path: '/t/folder', reason: 'it is a link to a folder' }]);
    expect(follow.failed.map(({ path }) => path)).toEqual(['/t/dangling']);
    const skip = await (await open()).sftp.get('/t', here.at('skip'), { recursive: true, links: 'skip' });
    expect(here.tree('skip')).toEqual({ 'd/': '', 'd/f': 'x' });
    expect(skip.skippedCount).toBe(6);
    const session = await open();
    const copy = await session.sftp.get('/t', here.at('copy'), {
      recursive: true,
      links: 'copy',
      onError: () => 'skip',
    });
    const copied = {
      'd/': '',
      'd/f': 'x',
      'd/up': '-> ../d/f',
      dangling: '-> nowhere',
      folder: '-> d',
      in: '-> d/f',
    };
    expect(here.tree('copy')).toEqual(copied);
    expect(copy.failed.map(({ path }) => path).sort()).toEqual(['/t/abs', '/t/out']);
    expect(copy.links).toBe(4);
    // A second time they are there already.
    const again = await session.sftp.get('/t', here.at('copy'), {
      recursive: true,
      links: 'copy',
      onError: () => 'skip',
    });
    expect(again).toMatchObject({ links: 4, failedCount: 2 });
    here.link('copy/leads-out', '/etc/passwd');
    const sent = await session.sftp.put(here.at('copy'), '/u', {
      recursive: true,
      links: 'copy',
      onError: () => 'skip',
    });
    expect(sent.failed.map(({ path }) => path)).toEqual([here.at('copy/leads-out')]);
    expect(latin(session.files.tree('/u'), '/u/')).toEqual({ '': '', ...copied });
    const followed = await session.sftp.put(here.at('copy'), '/v', {
      recursive: true,
      onError: () => 'skip',
    });
    expect(latin(session.files.tree('/v'), '/v/')).toMatchObject({ 'd/f': 'x', 'd/up': 'x', in: 'x' });
    expect(followed.skipped.map(({ reason }) => reason).sort()).toEqual([
      'it is a link to a folder',
      'it is a link to nothing',
    ]);
  });

  it('where a link stays in its tree is told by its text', () => {
    const stays = (target: string, depth: number): boolean => staysInside(bytes(target), depth);
    expect([stays('a', 0), stays('../a', 1), stays('a/../b', 0), stays('./a', 0), stays('a//b', 0)]).toEqual(
      Array(5).fill(true),
    );
    expect([
      stays('..', 0),
      stays('../a', 0),
      stays('a/../../b', 0),
      stays('/a', 5),
      stays('', 0),
      stays('..\\a', 0),
      stays('C:\\x', 3),
      stays('\\x', 3),
    ]).toEqual(Array(8).fill(false));
  });
});

describe('row 65: a server whose folders have no end', () => {
  it('teleport#23919: folders within folders end at limits.sftpNesting, and the rest arrives', async () => {
    const outer = new LocalFolder();
    const listed = new Set<string>();
    const { sftp, server, channel } = await openMemory({
      limits: { sftpNesting: 5 },
      answer: (request, peer) => {
        if (request.kind === 'stat') return { kind: 'attrs', attrs: folder };
        if (request.kind === 'opendir') return peer.newHandle(peer.files.root, false);
        if (request.kind === 'open') return peer.newHandle(peer.files.file('/evil', 'evil'), false);
        if (request.kind !== 'readdir') return undefined;
        const handle = text(request.handle);
        if (listed.has(handle)) return statusOf(1);
        listed.add(handle);
        return {
          kind: 'name',
          names: [
            { filename: bytes('in'), longname: bytes(''), attrs: folder },
            { filename: bytes('f'), longname: bytes(''), attrs: file },
          ],
        };
      },
    });
    const { failed, files } = await sftp.get('/t', outer.at('t'), { recursive: true, onError: () => 'skip' });
    expect(files).toBe(6);
    expect(failed).toMatchObject([{ error: { code: 'ERR_SSH_LIMIT' } }]);
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('class: links in a circle come to an end', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    put(files, '/t', { 'd/f': 'x' });
    files.link('/t/d/circle', '..');
    files.link('/t/self', 'self');
    await sftp.get('/t', here.at('t'), { recursive: true, onError: () => 'skip' });
    expect(here.tree('t')).toEqual({ 'd/': '', 'd/f': 'x' });
    here.link('t/d/circle', '..');
    await sftp.put(here.at('t'), '/u', { recursive: true });
    expect(files.tree('/u')).toEqual({ '/u/': '', '/u/d/': '', '/u/d/f': 'x' });
  });
});

describe('row 68: this machine', () => {
  it('class: a full disk is a typed error, the file on the server is closed, and nothing has the final name', async () => {
    const here = new LocalFolder();
    const full: LocalFiles = {
      ...nodeLocalFiles,
      openWriter: async (...given) => {
        const writer = await nodeLocalFiles.openWriter(...given);
        writer.write = async () => {
          throw new LocalFault('ENOSPC', 'cannot write "x": no space left on device (ENOSPC)', 'x');
        };
        return writer;
      },
    };
    const { sftp, files, server, channel } = await openMemory({ local: full });
    files.file('/f', 'x'.repeat(3_000_000));
    expect(await failureOf(sftp.get('/f', here.at('f')))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      origin: 'local',
      message: expect.stringContaining('no space left on device'),
    });
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(here.tree()).toEqual({});
  });

  it('class: a real disk that is full', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'deadline-ssh-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    try {
      const { sftp, files, server, channel } = await openMemory();
      files.file('/f', 'x'.repeat(3_000_000));
      const error = await failureOf(sftp.get('/f', join(mount, 'f')));
      expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', cause: { code: 'ENOSPC' } });
      expect(readdirSync(mount)).toEqual([]);
      await channel.rest();
      expect(server.handles.size).toBe(0);
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });

  it('a tree whose root cannot be made is an error', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/t/f', 'x');
    here.file('there', 'a file');
    for (const target of ['there', 'no/such/folder']) {
      expect(await failureOf(sftp.get('/t', here.at(target), { recursive: true }))).toMatchObject({
        code: 'ERR_SSH_TRANSFER',
      });
    }
    expect(here.tree()).toEqual({ there: 'a file' });
  });
});

describe('the name of a part', () => {
  it('is hidden, beside the target, and no longer than a name may be', () => {
    expect(text(partName(bytes('f')))).toBe('.f.deadline-part');
    expect(text(partName(bytes('f'), 'a1'))).toBe('.f.a1.deadline-part');
    const long = partName(bytes('x'.repeat(255)), 'abcdef012345');
    expect(long.length).toBe(255);
    expect(text(long).endsWith('.abcdef012345.deadline-part')).toBe(true);
  });
});
