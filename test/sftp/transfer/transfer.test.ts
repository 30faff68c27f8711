/** Transfers of files and trees, against a server in memory. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lstatSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { PassThrough, Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import type { TransferProgress } from '../../../src/sftp/transfer/options.ts';
import { openMemory } from '../memory/channel.ts';
import { bytes, text } from '../memory/server.ts';
import { statusOf } from '../support.ts';
import { failureOf, LocalFolder } from './support.ts';

const long = Buffer.from('0123456789abcdef'.repeat(70_000));

describe('one file', () => {
  it('comes and goes as it is', async () => {
    const here = new LocalFolder();
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', long, 0o640);
    const got = await sftp.get('/f', here.at('f'));
    expect(here.text('f')).toBe(long.toString());
    expect(here.mode('f')).toBe(0o640);
    expect(got).toMatchObject({ files: 1, folders: 0, bytes: long.length, failedCount: 0, warnings: [] });
    const put = await sftp.put(here.at('f'), '/g');
    expect(files.bytes('/g')?.equals(long)).toBe(true);
    expect(files.attributes(files.find('/g', true)).permissions).toBe(0o100640);
    expect(put).toMatchObject({ files: 1, bytes: long.length });
    expect(Object.keys(files.tree())).toEqual(['/f', '/g']);
    expect(Object.keys(here.tree())).toEqual(['f']);
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(channel.waits.size).toBe(0);
  });

  it('any content, whatever the pieces and the order of answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat({ max: 5 }),
          fc.nat({ max: 700_000 }),
          fc.constantFrom(65_536, 131_072, 65_535, 65_537),
        ),
        fc.array(fc.nat(), { minLength: 1, maxLength: 7 }),
        fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 7 }),
        fc.boolean(),
        fc.boolean(),
        async (length, picks, reads, atomic, sparse) => {
          let turn = 0;
          const here = new LocalFolder();
          const { sftp, files } = await openMemory({
            pick: (waiting) => (picks[turn++ % picks.length] as number) % waiting,
            readLength: (asked) => (turn++ > 2000 ? asked : (reads[turn % reads.length] as number)),
          });
          const content = Buffer.alloc(length);
          for (let i = 0; i < length; i += 1 + (i % 5000)) content[i] = i;
          files.file('/f', content);
          await sftp.get('/f', here.at('f'), { atomic, sparse });
          expect(here.text('f') === content.toString('latin1')).toBe(true);
          await sftp.put(here.at('f'), '/g', { atomic, sparse });
          expect(files.bytes('/g')?.equals(content)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of no bytes', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/e', '');
    await sftp.get('/e', here.at('e'));
    await sftp.put(here.at('e'), '/e2');
    expect([here.text('e'), files.text('/e2')]).toEqual(['', '']);
  });

  it('that tells no size, as those of /proc, comes to its end', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'fstat' ? { kind: 'attrs', attrs: { size: 0n, permissions: 0o100444 } } : undefined,
      readLength: () => 1000,
    });
    files.file('/proc', 'p'.repeat(10_500));
    await sftp.get('/proc', here.at('proc'));
    expect(here.text('proc')).toBe('p'.repeat(10_500));
  });

  it('that grew since it was listed comes with what it has now', async () => {
    const here = new LocalFolder();
    let isFirst = true;
    const { sftp, files } = await openMemory({
      answer: (request) => {
        if (request.kind !== 'stat' || !isFirst) return undefined;
        isFirst = false;
        return { kind: 'attrs', attrs: { size: 3n, permissions: 0o100644 } };
      },
    });
    files.file('/log', 'abcdef');
    const { warnings } = await sftp.get('/log', here.at('log'));
    expect(here.text('log')).toBe('abcdef');
    expect(warnings).toEqual([{ path: '/log', message: 'it grew while it was read' }]);
  });

  it('that is shorter than the server says is an error, and nothing has its name', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'fstat' || request.kind === 'stat'
          ? { kind: 'attrs', attrs: { size: 9n, permissions: 0o100644 } }
          : undefined,
    });
    files.file('/f', 'abc');
    expect(await failureOf(sftp.get('/f', here.at('f')))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path: '/f',
    });
    expect(here.tree()).toEqual({});
  });

  it('goes into a folder that is named with a slash', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/d/f', '1');
    files.folder('/to');
    here.folder('in');
    await sftp.get('/d/f', `${here.at('in')}/`);
    await sftp.put(here.at('in/f'), '/to/');
    expect([here.text('in/f'), files.text('/to/f')]).toEqual(['1', '1']);
    expect(await failureOf(sftp.get('/', `${here.at('in')}/`))).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
  });

  it('is bytes or a stream as well', async () => {
    const { sftp, files } = await openMemory();
    await sftp.put(bytes('bytes'), '/a');
    await sftp.put(Readable.from(['st', Buffer.from('ream')]), '/b');
    await sftp.put(new Blob(['web ', 'stream']).stream(), '/c');
    expect([files.text('/a'), files.text('/b'), files.text('/c')]).toEqual(['bytes', 'stream', 'web stream']);
    let found = '';
    const sink = new Writable({
      highWaterMark: 10,
      write(chunk: Buffer, _encoding, done) {
        found += chunk.toString();
        setImmediate(done);
      },
    });
    await sftp.get('/c', sink);
    expect(found).toBe('web stream');
    const parts: string[] = [];
    await sftp.get('/c', new WritableStream<Uint8Array>({ write: (chunk) => void parts.push(text(chunk)) }));
    expect(parts.join('')).toBe('web stream');
    await expect(sftp.get('/c', {} as never)).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(sftp.put(5 as never, '/x')).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });

  it('a stream that breaks is an error, and leaves no handle', async () => {
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', long);
    const broken = new PassThrough({ highWaterMark: 10 });
    broken.once('data', () => broken.destroy(new Error('full')));
    await expect(sftp.get('/f', broken)).rejects.toThrow('full');
    async function* failing(): AsyncGenerator<string> {
      yield 'a';
      throw new Error('no more');
    }
    await expect(sftp.put(failing(), '/g')).rejects.toThrow('no more');
    await channel.rest();
    expect(server.handles.size).toBe(0);
    expect(Object.keys(files.tree())).toEqual(['/f']);
  });
});

describe('the target', () => {
  it('is replaced as a whole, and keeps its permissions', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new', 0o644);
    here.file('f', 'old and longer', 0o600);
    await sftp.get('/f', here.at('f'));
    expect([here.text('f'), here.mode('f')]).toEqual(['new', 0o600]);
    files.file('/g', 'old and longer', 0o755);
    await sftp.put(here.at('f'), '/g');
    expect(files.text('/g')).toBe('new');
    expect(files.attributes(files.find('/g', true)).permissions).toBe(0o100755);
  });

  it('of another owner keeps that owner, where this user may give files away', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    here.file('f', 'old');
    chownSync(here.at('f'), 12_345, 12_346);
    await sftp.get('/f', here.at('f'));
    const { uid, gid } = statSync(here.at('f'));
    expect([uid, gid, here.text('f')]).toEqual([12_345, 12_346, 'new']);
    const plain = await openMemory({ files, local: { ...nodeLocalFiles, isPrivileged: false } });
    await plain.sftp.get('/f', here.at('f'));
    expect(statSync(here.at('f')).uid).toBe(process.getuid?.());
  });

  it('that is a link stays one: what it leads to is written', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    here.file('real', 'old');
    here.link('l', 'real');
    await sftp.get('/f', here.at('l'));
    expect(here.tree()).toEqual({ l: '-> real', real: 'new' });
    files.file('/d/real', 'old');
    files.link('/l', 'd/real');
    await sftp.put(here.at('real'), '/l');
    expect(files.tree('/d')).toEqual({ '/d/': '', '/d/real': 'new' });
    expect(files.tree()['/l']).toBe('-> d/real');
    here.link('dangling', 'nowhere');
    expect(await failureOf(sftp.get('/f', here.at('dangling')))).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
  });

  it('with other names keeps them, written in place, and that is said', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    here.file('a', 'old and longer');
    linkSync(here.at('a'), here.at('b'));
    const { warnings } = await sftp.get('/f', here.at('a'));
    expect(here.tree()).toEqual({ a: 'new', b: 'new' });
    expect(warnings).toHaveLength(1);
  });

  it('has no holes, unless they are asked for', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    const length = 1024 * 1024;
    files.file('/f', Buffer.alloc(length));
    await sftp.get('/f', here.at('whole'));
    await sftp.get('/f', here.at('holes'), { sparse: true });
    const bytesOf = (name: string): number => statSync(here.at(name)).blocks * 512;
    expect(bytesOf('whole')).toBeGreaterThanOrEqual(length);
    expect(bytesOf('holes')).toBeLessThan(length / 2);
    expect(statSync(here.at('holes')).size).toBe(length);
  });

  it('with several names keeps them all: it is written in place, and that is said', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    here.file('a', 'old and longer');
    linkSync(here.at('a'), here.at('b'));
    const { warnings } = await sftp.get('/f', here.at('a'));
    expect(here.tree()).toEqual({ a: 'new', b: 'new' });
    expect(warnings).toEqual([{ path: here.at('a'), message: expect.stringContaining('other names') }]);
  });

  it.each([true, false])(
    'row 68: that is a folder or a FIFO is left as it is (atomic: %s)',
    async (atomic) => {
      const here = new LocalFolder();
      const { sftp, files, server, channel } = await openMemory();
      files.file('/f', 'new');
      here.folder('d');
      mkfifo(here.at('p'));
      for (const name of ['d', 'p']) {
        const error = await failureOf(sftp.get('/f', here.at(name), { atomic }));
        expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', origin: 'local', path: here.at(name) });
      }
      expect(lstatSync(here.at('p')).isFIFO()).toBe(true);
      here.file('s', 'x');
      files.folder('/d');
      files.fifo('/p');
      for (const path of ['/d', '/p']) {
        const error = await failureOf(sftp.put(here.at('s'), path, { atomic }));
        expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', path });
      }
      await channel.rest();
      expect(server.handles.size).toBe(0);
      expect(files.tree()).toEqual({ '/d/': '', '/f': 'new', '/p': 'fifo' });
    },
  );

  it('of two transfers at once is one’s, and the other is an error', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/a', long);
    files.file('/b', long.subarray(1));
    const settled = async (transfers: readonly Promise<unknown>[]): Promise<number> => {
      const results = await Promise.allSettled(transfers);
      const refused = results.filter(({ status }) => status === 'rejected');
      expect(refused).toMatchObject([{ reason: { code: 'ERR_SSH_TRANSFER', origin: 'user' } }]);
      return results.findIndex(({ status }) => status === 'fulfilled');
    };
    const got = await settled(['/a', '/b'].map((path) => sftp.get(path, here.at('t'))));
    expect(here.text('t')).toBe(long.subarray(got).toString());
    here.file('u', long.subarray(1));
    const put = await settled([sftp.put(long, '/t'), sftp.put(here.at('u'), '/t')]);
    expect(files.bytes('/t')?.equals(long.subarray(put))).toBe(true);
  });

  it('without posix-rename is removed first, and that is said', async () => {
    const { sftp, files } = await openMemory({ extensions: [] });
    files.file('/t', 'old');
    const { warnings } = await sftp.put(bytes('new'), '/t');
    expect(files.tree()).toEqual({ '/t': 'new' });
    expect(warnings).toEqual([{ path: '/t', message: expect.stringContaining('removed first') }]);
  });

  it('on a server that renames nothing is written in place, and that is remembered', async () => {
    const here = new LocalFolder();
    const { sftp, files, server } = await openMemory({
      answer: (request) => {
        const renames =
          request.kind === 'rename' ||
          (request.kind === 'extended' && request.extendedRequest.startsWith('posix-rename'));
        return renames ? statusOf(8) : undefined;
      },
    });
    here.file('f', 'new');
    const first = await sftp.put(here.at('f'), '/t');
    const second = await sftp.put(here.at('f'), '/u');
    expect(files.tree()).toEqual({ '/t': 'new', '/u': 'new' });
    expect([first.warnings.length, second.warnings.length]).toEqual([1, 1]);
    expect(server.seen.filter(({ kind }) => kind === 'extended')).toHaveLength(2);
  });

  it('on a server that renames nothing takes no stream, which can be read once, unless it is written in place', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) => {
        const renames =
          request.kind === 'rename' ||
          (request.kind === 'extended' && request.extendedRequest.startsWith('posix-rename'));
        return renames ? statusOf(8) : undefined;
      },
    });
    const stream = (): Readable => Readable.from([bytes('new')]);
    const error = await failureOf(sftp.put(stream(), '/t'));
    expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER', path: '/t' });
    expect(error.message).toContain('atomic: false');
    await sftp.put(stream(), '/t', { atomic: false });
    expect(files.text('/t')).toBe('new');
    // From now on it is known, and bytes can be sent again anyway.
    await sftp.put(stream(), '/u');
    expect(files.text('/u')).toBe('new');
  });

  it('in a folder that takes no other file is written in place', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'open' && text(request.filename).includes('deadline-part') ? statusOf(3) : undefined,
    });
    files.file('/t', 'old and longer');
    const { warnings } = await sftp.put(bytes('new'), '/t');
    expect(files.tree()).toEqual({ '/t': 'new' });
    expect(warnings).toHaveLength(1);
  });

  it('is written in place where that is asked for', async () => {
    const here = new LocalFolder();
    const { sftp, files, server } = await openMemory();
    files.file('/f', 'new');
    here.file('f', 'old and longer');
    await sftp.get('/f', here.at('f'), { atomic: false });
    expect(here.text('f')).toBe('new');
    files.file('/t', 'old and longer');
    await sftp.put(here.at('f'), '/t', { atomic: false });
    await sftp.put(here.at('f'), '/u', { atomic: false });
    expect([files.text('/t'), files.text('/u')]).toEqual(['new', 'new']);
    const opened = server.seen.flatMap((request) =>
      request.kind === 'open' ? [text(request.filename)] : [],
    );
    expect(opened.filter((path) => path.includes('deadline-part'))).toEqual([]);
    expect(server.seen.filter(({ kind }) => kind === 'extended')).toHaveLength(1);
  });

  it('beside the part of another transfer is written under another name', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'new');
    here.file('.f.deadline-part', 'theirs');
    await sftp.get('/f', here.at('f'));
    expect(here.tree()).toEqual({ '.f.deadline-part': 'theirs', f: 'new' });
    files.file('/.t.deadline-part', 'theirs');
    await sftp.put(bytes('new'), '/t');
    expect(files.tree()).toMatchObject({ '/.t.deadline-part': 'theirs', '/t': 'new' });
  });
});

describe('the source', () => {
  it('that is not there, or no file, is an error that names it', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.folder('/d');
    here.folder('d');
    mkfifo(here.at('p'));
    expect(await failureOf(sftp.get('/nope', here.at('x')))).toMatchObject({
      code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
      path: '/nope',
    });
    expect(await failureOf(sftp.get('/d', here.at('x')))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path: '/d',
      message: expect.stringContaining('recursive'),
    });
    expect(await failureOf(sftp.put(here.at('nope'), '/x'))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path: here.at('nope'),
    });
    expect(await failureOf(sftp.put(here.at('d'), '/x'))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      message: expect.stringContaining('recursive'),
    });
    expect(await failureOf(sftp.put(here.at('p'), '/x'))).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
    expect(Object.keys(here.tree()).sort()).toEqual(['d/', 'p']);
    expect(files.tree()).toEqual({ '/d/': '' });
  });

  it('row 68: that changes while it is sent is an error, and nothing has the target’s name', async () => {
    const here = new LocalFolder();
    const path = here.file('f', long);
    let isFirst = true;
    const { sftp, files } = await openMemory({
      answer: (request) => {
        if (request.kind !== 'write' || !isFirst) return undefined;
        isFirst = false;
        writeFileSync(path, 'other');
        return undefined;
      },
    });
    expect(await failureOf(sftp.put(path, '/t'))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path,
      origin: 'local',
    });
    expect(files.text('/t')).toBeUndefined();
  });
});

describe('attributes', () => {
  it('are kept where that is asked for', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    const node = files.file('/f', 'x', 0o4755);
    Object.assign(node, { atime: 1_000_000, mtime: 2_000_000 });
    await sftp.get('/f', here.at('f'), { preserve: true });
    expect(here.mode('f')).toBe(0o755);
    expect(statSync(here.at('f')).mtimeMs).toBe(2_000_000_000);
    expect(statSync(here.at('f')).atimeMs).toBe(1_000_000_000);
    chmodSync(here.at('f'), 0o640);
    await sftp.put(here.at('f'), '/g', { preserve: true });
    expect(files.attributes(files.find('/g', true))).toMatchObject({
      permissions: 0o100640,
      mtime: 2_000_000,
    });
  });

  it('CVE-2026-35385: setuid and setgid are dropped unless demanded', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', 'x', 0o6755);
    await sftp.get('/f', here.at('a'));
    await sftp.get('/f', here.at('b'), { preserve: true });
    await sftp.get('/f', here.at('c'), { preserve: { setuid: true } });
    expect([here.mode('a') & 0o7000, here.mode('b') & 0o7000, here.mode('c')]).toEqual([0, 0, 0o6755]);
  });

  it('CVE-2026-35385: times beyond those that SFTP has are clamped, and that is said', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    here.file('f', 'x');
    utimesSync(here.at('f'), new Date('2200-01-01'), new Date('2200-01-01'));
    const { warnings } = await sftp.put(here.at('f'), '/f', { preserve: true });
    expect(files.attributes(files.find('/f', true)).mtime).toBe(0xffffffff);
    expect(warnings).toHaveLength(1);
  });

  it('ssh2-sftp-client#330: a refused SETSTAT is a warning, an error only where keeping was asked for', async () => {
    const here = new LocalFolder();
    here.file('f', 'new');
    const open = (): ReturnType<typeof openMemory> =>
      openMemory({ answer: ({ kind }) => (kind === 'fsetstat' ? statusOf(3) : undefined) });
    const plain = await open();
    plain.files.file('/t', 'old', 0o600);
    // The size is set where something was there, which such a server refuses too.
    const { warnings } = await plain.sftp.put(here.at('f'), '/t');
    expect(plain.files.text('/t')).toBe('new');
    expect(warnings).not.toEqual([]);
    const asked = await open();
    expect(await failureOf(asked.sftp.put(here.at('f'), '/t', { preserve: true }))).toMatchObject({
      code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
    });
  });
});

describe('row 61: a WRITE that fails', () => {
  it.each([1, 3, 9])(
    'OpenSSH 2c504a74e: as the %d. of many fails the file, and nothing is renamed',
    async (number) => {
      const here = new LocalFolder();
      here.file('f', long);
      let count = 0;
      const { sftp, files, server, channel } = await openMemory({
        answer: (request) =>
          request.kind === 'write' && ++count === number ? statusOf(4, 'disk full') : undefined,
      });
      files.file('/t', 'old');
      const error = await failureOf(sftp.put(here.at('f'), '/t'));
      expect(error).toMatchObject({
        code: 'ERR_SSH_SFTP_FAILURE',
        path: '/t',
      });
      await channel.rest();
      expect(files.tree()).toEqual({ '/t': 'old' });
      expect(server.handles.size).toBe(0);
    },
  );
});

describe('resume', () => {
  it('goes on with what an interrupted get left', async () => {
    const here = new LocalFolder();
    let reads = 0;
    const first = await openMemory({
      answer: (request) => (request.kind === 'read' && ++reads > 8 ? 'silence' : undefined),
    });
    first.files.file('/f', long);
    const outcome = failureOf(first.sftp.get('/f', here.at('f')));
    await vi.waitUntil(() => reads > 8 && (here.tree()['.f.deadline-part'] ?? '').length > 0);
    first.channel.pass(15_000);
    expect(await outcome).toMatchObject({ code: 'ERR_SSH_TIMEOUT', path: '/f' });
    const [part] = Object.keys(here.tree());
    expect(part).toBe('.f.deadline-part');
    const there = here.text('.f.deadline-part');
    expect(there.length).toBeGreaterThan(0);
    expect(long.toString().startsWith(there)).toBe(true);
    const second = await openMemory({ files: first.files });
    const { bytes: moved } = await second.sftp.get('/f', here.at('f'), { resume: true });
    expect(here.tree()).toEqual({ f: long.toString() });
    expect(moved).toBe(long.length - there.length);
  });

  it('begins anew where the part is of another file, or longer', async () => {
    for (const part of ['x'.repeat(1000), `${long.toString()}more`]) {
      const here = new LocalFolder();
      const { sftp, files } = await openMemory();
      files.file('/f', long);
      here.file('.f.deadline-part', part);
      await sftp.get('/f', here.at('f'), { resume: true });
      expect(here.tree()).toEqual({ f: long.toString() });
      files.file('/.t.deadline-part', part);
      await sftp.put(here.at('f'), '/t', { resume: true });
      expect(files.tree('/')).toEqual({ '/f': long.toString(), '/t': long.toString() });
    }
  });

  it('goes on with what an interrupted put left, with what may be out of order sent again', async () => {
    const here = new LocalFolder();
    here.file('f', long);
    const { sftp, files, server } = await openMemory({ limits: { sftpBytesInFlight: 100_000 } });
    files.file('/.t.deadline-part', long.subarray(0, 600_000));
    let last: TransferProgress | undefined;
    const onProgress = (progress: TransferProgress): void => {
      last = progress;
    };
    const { bytes: moved } = await sftp.put(here.at('f'), '/t', { resume: true, onProgress });
    expect(files.tree()).toEqual({ '/t': long.toString() });
    expect(moved).toBe(long.length - 500_000);
    expect(last).toMatchObject({ transferred: moved, total: moved });
    const offsets = server.seen.flatMap((request) =>
      request.kind === 'write' ? [Number(request.offset)] : [],
    );
    expect(Math.min(...offsets)).toBe(500_000);
  });

  it('of a part that is whole sends nothing again', async () => {
    const here = new LocalFolder();
    here.file('f', long);
    const { sftp, files } = await openMemory();
    files.file('/.t.deadline-part', long);
    expect((await sftp.put(here.at('f'), '/t', { resume: true })).bytes).toBe(0);
    expect(files.tree()).toEqual({ '/t': long.toString() });
  });

  it('goes on in place where nothing is beside the target', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory();
    files.file('/f', long);
    here.file('f', long.subarray(0, 300_000));
    const { bytes: moved } = await sftp.get('/f', here.at('f'), { resume: true, atomic: false });
    expect(moved).toBe(long.length - 300_000);
    expect(here.text('f')).toBe(long.toString());
  });
});

describe('verify', () => {
  const hash = async (content: Buffer): Promise<string> =>
    Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(content))).toString('hex');

  it('sha256 asks a command of the server', async () => {
    const here = new LocalFolder();
    const commands: string[] = [];
    const sum = await hash(long);
    const { sftp, files } = await openMemory({
      run: async (command) => {
        commands.push(command);
        return { code: 0, stdout: `${sum}  -\n` };
      },
    });
    files.file("/it's", long);
    await sftp.get("/it's", here.at('f'), { verify: 'sha256' });
    await sftp.put(here.at('f'), '/g', { verify: 'sha256' });
    expect(commands[0]).toMatch(/^sha256sum < '\/it'\\''s' /);
    expect(commands).toHaveLength(2);
  });

  it('a hash that differs is an error, and nothing has the name', async () => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({
      run: async () => ({ code: 0, stdout: `${'0'.repeat(64)} *-` }),
    });
    files.file('/f', 'x');
    here.file('l', 'y');
    expect(await failureOf(sftp.get('/f', here.at('f'), { verify: 'sha256' }))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
    });
    expect(await failureOf(sftp.put(here.at('l'), '/g', { verify: 'sha256' }))).toMatchObject({
      code: 'ERR_SSH_TRANSFER',
    });
    expect(Object.keys(here.tree())).toEqual(['l']);
    expect(Object.keys(files.tree())).toEqual(['/f']);
  });

  it.each([
    ['no command can run', undefined],
    ['none is of use', async () => ({ code: 127, stdout: '' })],
  ])('where %s the file is read again, and that is said', async (_, run) => {
    const here = new LocalFolder();
    const { sftp, files } = await openMemory({ run });
    files.file('/f', long);
    const { warnings } = await sftp.get('/f', here.at('f'), { verify: 'sha256' });
    expect(here.text('f')).toBe(long.toString());
    expect(warnings).toHaveLength(1);
  });
});

describe('progress', () => {
  it('is told at a bounded rate and at the end, with totals that agree', async () => {
    const here = new LocalFolder();
    for (let i = 0; i < 40; i++) here.file(`t/f${i}`, 'x'.repeat(1000 * i));
    const session = await openMemory();
    const told: TransferProgress[] = [];
    await session.sftp.put(here.at('t'), '/t', {
      recursive: true,
      onProgress: (progress) => told.push(progress),
    });
    // The clock of the channel stands still: the first and the last.
    expect(told.length).toBe(2);
    const total = 1000 * ((39 * 40) / 2);
    expect(told.at(-1)).toMatchObject({ transferred: total, total, files: 40, filesDone: 40 });
  });

  it('a listener that throws ends the transfer with that, and nothing else', async () => {
    const here = new LocalFolder();
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', long);
    const transfer = sftp.get('/f', here.at('f'), {
      onProgress: () => {
        throw new TypeError('mine');
      },
    });
    await expect(transfer).rejects.toThrow(new TypeError('mine'));
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });
});

describe('limitRate', () => {
  it('holds bytes back by the clock', async () => {
    const here = new LocalFolder();
    const pauses: number[] = [];
    const { sftp, files, channel } = await openMemory();
    files.file('/f', long);
    const { platform } = sftp as unknown as {
      platform: { clock: { schedule: (at: number, sleeper: { due(): void }) => unknown; now(): number } };
    };
    const { schedule } = platform.clock;
    platform.clock.schedule = (at, sleeper) => {
      pauses.push(at - platform.clock.now());
      channel.time += at - platform.clock.now();
      return schedule(at, sleeper);
    };
    await sftp.get('/f', here.at('f'), { limitRate: 100_000 });
    expect(here.text('f')).toBe(long.toString());
    platform.clock.schedule = schedule;
    // 1,120,000 bytes at 100,000 a second.
    expect(channel.time).toBeGreaterThan(10_000);
    expect(channel.time).toBeLessThan(12_500);
  });
});

describe('limitRate from the first byte on', () => {
  const rate = 100_000;

  /** Bytes that the server has given or taken, whenever the transfer waits for the clock. */
  async function watched(
    work: (scene: Awaited<ReturnType<typeof openMemory>>) => Promise<unknown>,
  ): Promise<{ readonly at: number; readonly moved: number }[]> {
    const scene = await openMemory();
    const { sftp, channel } = scene;
    const seen: { at: number; moved: number }[] = [];
    const { platform, session } = sftp as unknown as {
      platform: { clock: { schedule: (at: number, sleeper: { due(): void }) => unknown; now(): number } };
      session: { link: { bytesRead: number; bytesWritten: number } };
    };
    const { schedule } = platform.clock;
    platform.clock.schedule = (at, sleeper) => {
      seen.push({ at: channel.time, moved: session.link.bytesRead + session.link.bytesWritten });
      channel.time += at - platform.clock.now();
      return schedule(at, sleeper);
    };
    await work(scene);
    platform.clock.schedule = schedule;
    return seen;
  }

  it.each([
    [
      'a get',
      async ({ sftp, files }: Awaited<ReturnType<typeof openMemory>>) => {
        files.file('/f', long);
        await sftp.get('/f', new LocalFolder().at('f'), { limitRate: rate });
      },
    ],
    [
      'a get into a stream',
      async ({ sftp, files }: Awaited<ReturnType<typeof openMemory>>) => {
        files.file('/f', long);
        await sftp.get('/f', new Writable({ write: (_c, _e, done) => done() }), { limitRate: rate });
      },
    ],
    [
      'a put of a file',
      async ({ sftp }: Awaited<ReturnType<typeof openMemory>>) => {
        const here = new LocalFolder();
        here.file('f', long);
        await sftp.put(here.at('f'), '/f', { limitRate: rate });
      },
    ],
    [
      'a put of bytes in one piece',
      async ({ sftp }: Awaited<ReturnType<typeof openMemory>>) => {
        await sftp.put(long, '/f', { limitRate: rate });
      },
    ],
  ])('%s never has more than half a second ahead of it', async (_, work) => {
    const seen = await watched(work);
    expect(seen.length).toBeGreaterThan(10);
    const ahead = seen.map(({ at, moved }) => moved - (at * rate) / 1000);
    expect(Math.max(...ahead)).toBeLessThanOrEqual(rate / 2);
  });
});

describe('a get of what is no file', () => {
  it('is refused before the server opens it, with its path, and read where that is asked for', async () => {
    const kinds: string[] = [];
    const { sftp, files, channel, server } = await openMemory({
      answer: (request) => {
        kinds.push(request.kind);
        return undefined;
      },
    });
    const here = new LocalFolder();
    files.fifo('/pipe');
    await expect(sftp.get('/pipe', here.at('p'))).rejects.toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      path: '/pipe',
      message: expect.stringContaining('specialFiles'),
    });
    expect(kinds).not.toContain('open');
    expect(Object.keys(here.tree())).toEqual([]);
    // This server refuses to open one; the point is that it is asked.
    await expect(sftp.get('/pipe', here.at('p'), { specialFiles: true })).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_FAILURE',
    });
    expect(kinds).toContain('open');
    await channel.rest();
    expect(server.handles.size).toBe(0);
  });

  it('is known from the handle where the server does not say what lies at a path', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) =>
        request.kind === 'stat'
          ? { kind: 'status', errorCode: 3, errorMessage: new Uint8Array(0), languageTag: new Uint8Array(0) }
          : undefined,
    });
    files.file('/f', 'text');
    const here = new LocalFolder();
    await sftp.get('/f', here.at('f'));
    expect(here.text('f')).toBe('text');
  });
});

function mkfifo(path: string): void {
  execFileSync('mkfifo', [path]);
}
