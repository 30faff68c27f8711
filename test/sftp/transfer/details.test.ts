/** What transfers do where a server or this machine is not as usual, and what is told of them. */
import { existsSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { SshError } from '../../../src/base/errors.ts';
import type { EndedTransfer } from '../../../src/io/registry.ts';
import type { SftpSnapshot, TransferKind } from '../../../src/io/snapshots.ts';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import { LocalFault, type LocalFiles } from '../../../src/sftp/seam/localFiles.ts';
import type { SftpPlatform } from '../../../src/sftp/seam/platform.ts';
import type { SftpSession } from '../../../src/sftp/session/session.ts';
import { isInterruption } from '../../../src/sftp/transfer/errors.ts';
import { resolveTransfer, type TransferProgress } from '../../../src/sftp/transfer/options.ts';
import { RateLimiter } from '../../../src/sftp/transfer/pacing/limiter.ts';
import { Transfer } from '../../../src/sftp/transfer/transfer.ts';
import { MemoryChannel, type MemoryOptions, type MemorySession, openMemory } from '../memory/channel.ts';
import { bytes, text } from '../memory/server.ts';
import { statusOf } from '../support.ts';
import { failureOf, LocalFolder } from './support.ts';

const sum = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/** A listing that tells of each file what a test likes. */
const telling = (attrsOf: (name: string) => object | undefined): MemoryOptions => ({
  answer: (request, server) => {
    if (request.kind !== 'readdir') return undefined;
    const answer = server.usual(request);
    if (answer.kind !== 'name') return answer;
    const names = answer.names.map((entry) => ({
      ...entry,
      attrs: attrsOf(text(entry.filename)) ?? entry.attrs,
    }));
    return { kind: 'name', names };
  },
});

describe('a tree of a server', () => {
  it('that tells no sizes comes whole, and its progress is a number', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory(
      telling((name) => (name.startsWith('f') ? { permissions: 0o100644 } : undefined)),
    );
    files.file('/t/f1', 'abc');
    files.file('/t/f2', 'defg');
    const told: TransferProgress[] = [];
    const { files: count, bytes: moved } = await sftp.get('/t', here.at('t'), {
      recursive: true,
      onProgress: (at) => told.push(at),
    });
    expect([count, moved, here.tree('t')]).toEqual([2, 7, { f1: 'abc', f2: 'defg' }]);
    expect(told.at(-1)).toMatchObject({ transferred: 7, files: 2, filesDone: 2 });
    expect(told.every(({ total }) => Number.isFinite(total))).toBe(true);
  });

  it('that tells sizes has them in its total before the files come', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/t/f1', 'abc');
    files.file('/t/f2', 'defg');
    files.link('/t/l', 'f2');
    const told: TransferProgress[] = [];
    await sftp.get('/t', here.at('t'), { recursive: true, onProgress: (at) => told.push(at) });
    expect(told.at(-1)).toMatchObject({ total: 11, transferred: 11, files: 3 });
  });

  it('that tells no types takes everything for files, and leaves out what is neither file, folder nor link', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory(
      telling((name) =>
        name === 'plain' ? { size: 1n } : name === 'socket' ? { permissions: 0o140644 } : undefined,
      ),
    );
    files.file('/t/plain', 'p');
    files.file('/t/socket', 's');
    const kinds: string[] = [];
    const { skipped } = await sftp.get('/t', here.at('t'), {
      recursive: true,
      filter: (_, { kind }) => kinds.push(kind) > 0,
    });
    expect(here.tree('t')).toEqual({ plain: 'p' });
    expect(kinds.sort()).toEqual(['file', 'other']);
    expect(skipped).toEqual([{ path: '/t/socket', reason: 'it is not a file, folder or link' }]);
  });

  it('goes through a link that the caller named, and through none within it', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/t/d/f', 'new');
    here.folder('real');
    here.link('to', 'real');
    await sftp.get('/t', here.at('to'), { recursive: true });
    expect(here.tree()).toEqual({ 'real/': '', 'real/d/': '', 'real/d/f': 'new', to: '-> real' });
    here.folder('u');
    here.link('u/d', '../real');
    const linked = await failureOf(sftp.get('/t', here.at('u'), { recursive: true }));
    expect(linked.message).toContain('is a link, which is not gone through');
    here.file('v/d', 'a file');
    const taken = await failureOf(sftp.get('/t', here.at('v'), { recursive: true }));
    expect(taken.message).toContain('is there already, where a folder was to be made');
    // What cannot be made for another reason is told as the system says it.
    const local: LocalFiles = {
      ...nodeLocalFiles,
      mkdir: async (path, mode) => {
        if (String(path).endsWith('/d')) throw new LocalFault('EACCES', 'no way (EACCES)', String(path));
        return nodeLocalFiles.mkdir(path, mode);
      },
    };
    const other = await openMemory({ files, local });
    expect((await failureOf(other.sftp.get('/t', here.at('w'), { recursive: true }))).message).toContain(
      'no way',
    );
  });
});

describe('a folder of this machine', () => {
  it('has what is neither file, folder nor link left out, and links where that is asked for', async () => {
    const here = new LocalFolder();
    here.file('t/f', 'x');
    here.link('t/l', 'f');
    here.link('t/dangling', 'none');
    here.link('t/up', '.');
    const { sftp, files } = await openMemory();
    const skip = await sftp.put(here.at('t'), '/a', { recursive: true, links: 'skip' });
    expect(skip.skipped.map(({ reason }) => reason)).toEqual(Array(3).fill('it is a link'));
    const follow = await sftp.put(here.at('t'), '/b', { recursive: true });
    expect(
      follow.skipped.map(({ path, reason }) => [path.slice(here.path.length + 3), reason]).sort(),
    ).toEqual([
      ['dangling', 'it is a link to nothing'],
      ['up', 'it is a link to a folder'],
    ]);
    const copied = await sftp.put(here.at('t'), '/c', { recursive: true, links: 'copy' });
    expect([copied.links, copied.files]).toEqual([3, 1]);
    expect(files.tree('/c')).toEqual({
      '/c/': '',
      '/c/dangling': '-> none',
      '/c/f': 'x',
      '/c/l': '-> f',
      '/c/up': '-> .',
    });
    // A second time they are there; one that leads elsewhere is an error.
    expect((await sftp.put(here.at('t'), '/c', { recursive: true, links: 'copy' })).links).toBe(3);
    files.remove('/c/l');
    files.link('/c/l', 'elsewhere');
    expect((await failureOf(sftp.put(here.at('t'), '/c', { recursive: true, links: 'copy' }))).code).toBe(
      'ERR_SSH_TRANSFER',
    );
  });

  it('tells a filter sizes of files alone', async () => {
    const here = new LocalFolder();
    here.file('t/d/f', 'abc');
    here.link('t/l', 'd/f');
    const { sftp } = await openMemory();
    const told: unknown[] = [];
    await sftp.put(here.at('t'), '/t', {
      recursive: true,
      filter: (path, entry) => told.push([path.slice(here.path.length), entry]) > 0,
    });
    expect(told).toHaveLength(3);
    expect(told).toContainEqual(['/t/d/f', { kind: 'file', size: 3 }]);
    expect(told).toContainEqual(['/t/d', { kind: 'folder', size: undefined }]);
    expect(told).toContainEqual(['/t/l', { kind: 'link', size: undefined }]);
  });

  it('has modes from the beginning with which nobody sees more than here', async () => {
    const here = new LocalFolder();
    here.file('t/d/f', 'x');
    const { chmodSync } = await import('node:fs');
    chmodSync(here.at('t'), 0o550);
    chmodSync(here.at('t/d'), 0o711);
    const { sftp, server } = await openMemory();
    await sftp.put(here.at('t'), '/t', { recursive: true });
    const modes = server.seen.flatMap((request) =>
      request.kind === 'mkdir' ? [request.attrs.permissions] : [],
    );
    expect(modes).toEqual([0o750, 0o711]);
    chmodSync(here.at('t'), 0o755);
  });
});

describe('SHA-256 by a command', () => {
  it.each([`${sum}  -\n`, `\\${sum.toUpperCase()} *-`, `${sum}\n`])('is read from %j', async (stdout) => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({ run: async () => ({ code: 0, stdout }) });
    files.file('/f', 'abc');
    expect((await sftp.get('/f', here.at('f'), { verify: 'sha256' })).warnings).toEqual([]);
  });

  it.each([`${sum}0`, `x${sum}`, sum.slice(1), 'sh: no such command'])(
    'is not read from %j, and no command is asked a second time',
    async (stdout) => {
      const here = new LocalFolder();
      let asked = 0;
      const { sftp, files } = await openMemory({
        run: async () => {
          asked++;
          return { code: 0, stdout };
        },
      });
      files.file('/f', 'abc');
      for (const name of ['f', 'g']) {
        const { warnings } = await sftp.get('/f', here.at(name), { verify: 'sha256' });
        expect(warnings).toEqual([
          { path: '/f', message: expect.stringContaining('the file was read again') },
        ]);
      }
      expect(asked).toBe(1);
    },
  );

  it('that cannot run is none, and a path that is no text is not put into one', async () => {
    const here = new LocalFolder();
    let asked = 0;
    const { sftp, files } = await openMemory({
      run: () => {
        asked++;
        return Promise.reject(new SshError('ERR_SSH_CHANNEL_CLOSED', 'no exec', { origin: 'peer' }));
      },
    });
    files.file('/\xff', 'abc');
    files.file('/f', 'abc');
    expect(
      (await sftp.get(Uint8Array.of(0x2f, 0xff), here.at('a'), { verify: 'sha256' })).warnings,
    ).toHaveLength(1);
    expect(asked).toBe(0);
    for (const name of ['b', 'c']) await sftp.get('/f', here.at(name), { verify: 'sha256' });
    expect(asked).toBe(1);
  });

  it('is given up with the transfer', async () => {
    const here = new LocalFolder();
    const aborter = new AbortController();
    let own: AbortSignal | undefined;
    const { sftp, files } = await openMemory({
      run: (_, signal) => {
        own = signal;
        setImmediate(() => aborter.abort());
        return new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    });
    files.file('/f', 'abc');
    const error = await failureOf(sftp.get('/f', here.at('f'), { verify: 'sha256', signal: aborter.signal }));
    expect([error.code, own?.aborted]).toEqual(['ERR_SSH_ABORTED', true]);
    expect(existsSync(here.at('f'))).toBe(false);
  });
});

describe('a server that refuses a step', () => {
  const renames = (status: number): MemoryOptions => ({
    answer: (request) => {
      const isRename =
        request.kind === 'rename' ||
        (request.kind === 'extended' && request.extendedRequest.startsWith('posix-rename'));
      return isRename ? statusOf(status) : undefined;
    },
  });

  it.each([3, 8])(
    'a rename with status %d where nothing is in the way has the file written in place, and that is remembered',
    async (status) => {
      const { sftp, files } = await openMemory(renames(status));
      const first = await sftp.put(bytes('one'), '/t');
      const second = await sftp.put(bytes('two'), '/u');
      expect(files.tree()).toEqual({ '/t': 'one', '/u': 'two' });
      expect([first, second].map(({ warnings }) => warnings.map(({ message }) => message))).toEqual([
        ['the server renames nothing, so that it was written in place'],
        ['the server renames nothing, so that it was written in place'],
      ]);
    },
  );

  it('a rename with a failure of its own is an error, and the part is gone', async () => {
    const { sftp, files } = await openMemory(renames(4));
    expect(await failureOf(sftp.put(bytes('one'), '/t'))).toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
    expect(files.tree()).toEqual({});
  });

  it('a rename over a file that is there is an error, and that file stays', async () => {
    const { sftp, files } = await openMemory(renames(3));
    files.file('/t', 'old');
    expect(await failureOf(sftp.put(bytes('one'), '/t'))).toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
    });
    expect(files.tree()).toEqual({ '/t': 'old' });
  });

  it('another file in the folder is an error where the target is not there', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'open' && text(request.filename).includes('part') ? statusOf(3) : undefined,
    });
    expect(await failureOf(sftp.put(bytes('one'), '/t'))).toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
    });
    files.file('/t', 'old');
    const { warnings } = await sftp.put(bytes('one'), '/t');
    expect([files.tree(), warnings]).toEqual([
      { '/t': 'one' },
      [{ path: '/t', message: expect.stringContaining('its folder takes no other file') }],
    ]);
  });

  it('a name alone has its part beside it', async () => {
    const { sftp, server, files } = await openMemory();
    await sftp.put(bytes('one'), 't');
    const opened = server.seen.flatMap((request) =>
      request.kind === 'open' ? [text(request.filename)] : [],
    );
    expect(opened).toEqual(['.t.deadline-part']);
    expect(files.tree()).toEqual({ '/t': 'one' });
  });
});

describe('a target that no file can have', () => {
  it('of a get is refused in words, and nothing is read', async () => {
    const here = new LocalFolder();
    here.folder('d');
    here.link('l', 'nowhere');
    const { sftp, files, server } = await openMemory();
    files.file('/f', 'content');
    for (const [name, what] of [
      ['d', 'is a folder, where a file was to be written'],
      ['l', 'is a link that leads nowhere'],
    ] as const) {
      const error = await failureOf(sftp.get('/f', here.at(name)));
      expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', path: here.at(name) });
      expect(error.message).toContain(`"${here.at(name)}" ${what}`);
    }
    expect(server.count('read')).toBe(0);
    expect(here.tree()).toEqual({ 'd/': '', l: '-> nowhere' });
  });
});

describe('a target that no folder can have', () => {
  it('of a put is refused in words, alone and within a tree whose other files arrive', async () => {
    const here = new LocalFolder();
    here.file('d/f', 'new');
    here.file('d/in/f', 'new');
    const { sftp, files } = await openMemory();
    files.file('/file', 'file');
    files.file('/t/in', 'file');
    const what = 'is no folder on the server, where a folder was to be made';
    expect(await failureOf(sftp.put(here.at('d'), '/file', { recursive: true }))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path: '/file',
      message: expect.stringContaining(`"/file" ${what}`),
    });
    const { failed } = await sftp.put(here.at('d'), '/t', { recursive: true, onError: () => 'skip' });
    for (const { error } of failed) {
      expect(error).toMatchObject({ message: expect.stringContaining(`"/t/in" ${what}`) });
    }
    expect(failed.length).toBeGreaterThan(0);
    expect(files.tree()).toEqual({ '/file': 'file', '/t/': '', '/t/f': 'new', '/t/in': 'file' });
  });

  it('by another server fails as that says where nothing is there', async () => {
    const here = new LocalFolder();
    here.folder('d');
    const { sftp } = await openMemory({ answer: ({ kind }) => (kind === 'mkdir' ? statusOf(4) : undefined) });
    expect(await failureOf(sftp.put(here.at('d'), '/t', { recursive: true }))).toMatchObject({
      code: 'ERR_SSH_SFTP_FAILURE',
      path: '/t',
    });
  });
});

describe('two uploads to one file', () => {
  it.each(['/d/t', '/d/./t', '//d//t', '/./d/t'])(
    'are told apart, however the second names it: %s',
    async (second) => {
      const { sftp, files } = await openMemory();
      files.folder('/d');
      const [one, two] = await Promise.allSettled([
        sftp.put(bytes('one'), '/d/t'),
        sftp.put(bytes('two'), second),
      ]);
      expect(one?.status).toBe('fulfilled');
      expect(two).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'ERR_SSH_TRANSFER',
          message: expect.stringContaining('is the target of another transfer'),
        },
      });
      expect(files.text('/d/t')).toBe('one');
      await sftp.put(bytes('three'), second);
      expect(files.text('/d/t')).toBe('three');
    },
  );
});

describe('a transfer that is stopped twice', () => {
  it('has the first cause, whatever comes behind it', async () => {
    const { sftp } = await openMemory();
    const { session, platform } = sftp as unknown as {
      readonly session: SftpSession;
      readonly platform: SftpPlatform;
    };
    const transfer = new Transfer(session, platform, resolveTransfer('put', {}));
    const first = new SshError('ERR_SSH_ABORTED', 'first', { origin: 'user' });
    const told: unknown[] = [];
    transfer.errand.onCancel((error) => told.push(error));
    expect(transfer.isStopped).toBe(false);
    transfer.stop(first);
    transfer.stop(new SshError('ERR_SSH_CLOSED', 'second', { origin: 'user' }));
    expect(transfer.isStopped).toBe(true);
    expect(() => transfer.check()).toThrow(first);
    expect(told).toEqual([first]);
  });
});

describe('this machine, where it refuses a step', () => {
  const refusing = (code: string): LocalFiles => ({
    ...nodeLocalFiles,
    openWriter: async (path, how, mode) => {
      if (how === 'new') throw new LocalFault(code, `refused (${code})`, String(path));
      return nodeLocalFiles.openWriter(path, how, mode);
    },
  });

  it.each([
    ['EACCES', true],
    ['EPERM', true],
    ['EROFS', true],
    ['ENOSPC', false],
    ['EIO', false],
  ])('%s for a part: the target is written in place: %s', async (code, isInPlace) => {
    const here = new LocalFolder();
    here.file('f', 'old and longer');
    const { sftp, files } = await openMemory({ local: refusing(code) });
    files.file('/f', 'new');
    if (isInPlace) {
      const { warnings } = await sftp.get('/f', here.at('f'));
      expect([here.tree(), warnings]).toEqual([
        { f: 'new' },
        [{ path: here.at('f'), message: expect.stringContaining('its folder takes no other file') }],
      ]);
    } else {
      expect((await failureOf(sftp.get('/f', here.at('f')))).message).toContain(`refused (${code})`);
      expect(here.tree()).toEqual({ f: 'old and longer' });
    }
    // Where nothing is there nothing can be written in place.
    expect((await failureOf(sftp.get('/f', here.at('g')))).message).toContain('refused');
  });

  it('a file that may not be written is left as it is', async () => {
    const here = new LocalFolder();
    here.file('f', 'old');
    const { sftp, files } = await openMemory({ local: { ...nodeLocalFiles, mayWrite: async () => false } });
    files.file('/f', 'new');
    expect((await failureOf(sftp.get('/f', here.at('f')))).message).toContain('may not be written');
    expect(here.tree()).toEqual({ f: 'old' });
  });

  it('a part of the same name that is no file is no part', async () => {
    const here = new LocalFolder();
    here.folder('.f.deadline-part');
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    await sftp.get('/f', here.at('f'), { resume: true });
    expect(here.tree()).toEqual({ '.f.deadline-part/': '', f: 'new' });
    files.folder('/.g.deadline-part');
    await sftp.put(here.at('f'), '/g', { resume: true });
    expect(files.text('/g')).toBe('new');
  });

  it('resumes nothing where that is not asked for, and what is there in place where it is', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'abcdef');
    here.file('f', 'abc');
    expect((await sftp.get('/f', here.at('f'), { atomic: false })).bytes).toBe(6);
    here.file('g', 'abc');
    expect((await sftp.get('/f', here.at('g'), { atomic: false, resume: true })).bytes).toBe(3);
    files.file('/t', 'abc');
    here.file('s', 'abcdef');
    expect((await sftp.put(here.at('s'), '/t', { atomic: false })).bytes).toBe(6);
    files.file('/u', 'abcdefghi');
    expect((await sftp.put(here.at('s'), '/u', { atomic: false, resume: true })).bytes).toBe(6);
    expect([here.text('f'), here.text('g'), files.text('/t'), files.text('/u')]).toEqual(
      Array(4).fill('abcdef'),
    );
  });
});

describe('the targets of a session', () => {
  it('are free again when a transfer is over, however it ended', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    for (let round = 0; round < 2; round++) {
      await failureOf(sftp.get('/none', here.at('f')));
      await failureOf(sftp.put(here.at('none'), '/t'));
    }
    files.file('/f', 'x');
    for (let round = 0; round < 2; round++) {
      await sftp.get('/f', here.at('f'));
      await sftp.put(here.at('f'), '/t');
      await sftp.put(bytes('y'), '/t');
    }
    expect(Reflect.get(sftp, 'session').claims.size).toBe(0);
  });

  it('of two uploads of bytes are told apart as well', async () => {
    const { sftp, files } = await openMemory();
    const results = await Promise.allSettled([
      sftp.put(bytes('a'), '/t'),
      sftp.put(bytes('b'), '/t'),
      sftp.put(bytes('c'), '/u'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(files.tree()).toEqual({ '/t': 'a', '/u': 'c' });
  });
});

describe('what reports show of a session', () => {
  it('are its transfers while they run, and how each ended', async () => {
    const started: TransferKind[] = [];
    const ended: EndedTransfer[] = [];
    let look: ((withNames: boolean) => Omit<SftpSnapshot, 'channel'>) | undefined;
    const { show } = MemoryChannel.prototype;
    MemoryChannel.prototype.show = ((given: typeof look) => {
      look = given;
      return {
        over: () => {},
        transferStarted: (kind: TransferKind) => started.push(kind),
        transferEnded: (one: EndedTransfer) => ended.push(one),
      };
    }) as never;
    let session: MemorySession;
    try {
      session = await openMemory();
    } finally {
      MemoryChannel.prototype.show = show;
    }
    const { sftp, files, channel } = session;
    const here = new LocalFolder();
    files.file('/f', 'abc');
    const seen: unknown[] = [];
    await sftp.get('/f', here.at('f'), {
      onProgress: () => {
        channel.time += 7;
        const { transfers, openHandles, fileNames } = look?.(true) ?? {};
        seen.push([transfers?.[0], openHandles, fileNames]);
      },
    });
    expect(seen[0]).toEqual([
      { kind: 'get', age: 7, files: 1, filesDone: 0, failed: 0, total: 3, transferred: 3 },
      1,
      ['/f'],
    ]);
    await failureOf(sftp.put(here.at('none'), '/x'));
    await sftp.put(here.at('f'), '/g');
    expect(started).toEqual(['get', 'put', 'put']);
    expect(
      ended.map(({ kind, outcome, files: count, bytes: moved }) => [kind, outcome, count, moved]),
    ).toEqual([
      ['get', 'completed', 1, 3],
      ['put', 'failed', 0, 0],
      ['put', 'completed', 1, 3],
    ]);
    expect(look?.(false)).toEqual({
      openHandles: 0,
      requests: 0,
      queuedRequests: 0,
      bytesRead: 3,
      bytesWritten: 3,
      filesOpened: 2,
      transfers: [],
      fileNames: undefined,
    });
  });

  it('say what a server wrote to its stderr before it gave up', async () => {
    const { errorOutput } = MemoryChannel.prototype;
    const { sftp, channel } = await openMemory({
      answer: ({ kind }) => (kind === 'stat' ? 'silence' : undefined),
    });
    const outcome = sftp.stat('/f').catch((error: SshError) => error.message);
    await channel.rest();
    MemoryChannel.prototype.errorOutput = () => bytes('bash: sftp: \x1b[31mnot found\n');
    try {
      channel.end();
      expect(await outcome).toBe(
        'memory:22: the server ended the SFTP session; it wrote: "bash: sftp: \\x1b[31mnot found\\x0a"',
      );
    } finally {
      MemoryChannel.prototype.errorOutput = errorOutput;
    }
  });
});

describe('the pace of a transfer with a bound', () => {
  it('goes in bursts of a quarter of a second, shared by its files, and in requests of a KiB at least', async () => {
    for (const [limitRate, concurrency, most] of [
      [1_000_000, 1, 250_000],
      [1_000_000, 32, 7812],
      [1000, 32, 1024],
    ] as const) {
      const { sftp, server } = await openMemory();
      await sftp.put(Buffer.alloc(5000), '/t', { limitRate, concurrency });
      const lengths = server.seen.flatMap((request) =>
        request.kind === 'write' ? [request.data.length] : [],
      );
      expect(Math.max(...lengths)).toBeLessThanOrEqual(most);
      expect(lengths.reduce((a, b) => a + b, 0)).toBe(5000);
    }
    const now = (): number => 0;
    const burst = (rate: number): number => new RateLimiter(rate, now, async () => {}).burstLength;
    expect([burst(1), burst(4), burst(1000), burst(1001), burst(Number.POSITIVE_INFINITY)]).toEqual([
      1,
      1,
      250,
      250,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('catches up no more than a burst after a stall, and pauses for nothing else', async () => {
    let now = 0;
    const pauses: number[] = [];
    const limiter = new RateLimiter(
      1000,
      () => now,
      async (milliseconds) => {
        pauses.push(milliseconds);
        now += milliseconds;
      },
    );
    await limiter.take(100);
    now += 100;
    await limiter.take(100);
    expect(pauses).toEqual([100]);
    now += 5000;
    await limiter.take(200);
    await limiter.take(50);
    expect(pauses).toEqual([100]);
    await limiter.take(10);
    expect(pauses).toEqual([100, 10]);
  });
});

describe('an interruption', () => {
  it.each([
    ['ERR_SSH_TIMEOUT', true],
    ['ERR_SSH_ABORTED', true],
    ['ERR_SSH_CLOSED', true],
    ['ERR_SSH_CONNECTION_LOST', true],
    ['ERR_SSH_DISCONNECTED', true],
    ['ERR_SSH_CHANNEL_CLOSED', true],
    ['ERR_SSH_TRANSFER', false],
    ['ERR_SSH_SFTP_FAILURE', false],
    ['ERR_SSH_SFTP_PROTOCOL', false],
  ] as const)('%s is one: %s', (code, expected) => {
    expect(isInterruption(new SshError(code, 'x', { origin: 'peer' }))).toBe(expected);
    expect(isInterruption(Object.assign(new Error('x'), { code }))).toBe(false);
  });

  it('of a get in place leaves what came under the name of the file, and what was behind it', async () => {
    for (const old of [undefined, 'o'.repeat(900_000)]) {
      const here = new LocalFolder();
      if (old !== undefined) here.file('f', old);
      let reads = 0;
      const { sftp, files, channel } = await openMemory({
        limits: { sftpRequestsPerFile: 1 },
        answer: (request) => (request.kind === 'read' && ++reads > 3 ? 'silence' : undefined),
      });
      files.file('/f', Buffer.alloc(500_000, 'n'));
      const outcome = failureOf(sftp.get('/f', here.at('f'), { atomic: false }));
      await vi.waitUntil(() => reads > 3, { timeout: 20_000 });
      await channel.rest();
      channel.pass(15_000);
      expect(await outcome).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
      expect(Object.keys(here.tree())).toEqual(['f']);
      const there = here.text('f');
      expect(there.startsWith('n'.repeat(65_536))).toBe(true);
      expect(there.length === 900_000).toBe(old !== undefined);
    }
  });

  it('keeps what came of a file, and a failure of the file does not', async () => {
    for (const [answer, isKept] of [
      ['silence', true],
      [statusOf(4), false],
    ] as const) {
      const here = new LocalFolder();
      let writes = 0;
      const { sftp, files, channel } = await openMemory({
        limits: { sftpRequestsPerFile: 1 },
        answer: (request) => (request.kind === 'write' && ++writes > 2 ? answer : undefined),
      });
      const content = Buffer.alloc(500_000, 5);
      writeFileSync(here.at('f'), content);
      const outcome = failureOf(sftp.put(here.at('f'), '/t'));
      await vi.waitUntil(() => writes === 3, { timeout: 20_000 });
      await channel.rest();
      channel.pass(15_000);
      await outcome;
      await channel.rest();
      expect(Object.keys(files.tree())).toEqual(isKept ? ['/.t.deadline-part'] : []);
      if (isKept) expect(files.bytes('/.t.deadline-part')?.length).toBe(2 * 65_536);
    }
  });
});

describe('streams of the caller', () => {
  it('are ended with the file, and broken with the error of it', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', 'abc');
    const whole = new PassThrough();
    await sftp.get('/f', whole);
    expect([whole.writableEnded, String(whole.read())]).toEqual([true, 'abc']);
    const broken = new PassThrough();
    const heard: unknown[] = [];
    broken.on('error', (error) => heard.push(error));
    const error = await failureOf(sftp.get('/none', broken));
    await new Promise((resolve) => setImmediate(resolve));
    expect([broken.destroyed, heard]).toEqual([true, [expect.objectContaining({ code: error.code })]]);
  });
});
