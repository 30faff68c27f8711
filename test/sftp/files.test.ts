/** Calls on files and folders, against a server in memory. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { openMemory } from './memory/channel.ts';
import { bytes } from './memory/server.ts';
import { statusOf } from './support.ts';

const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
  return 'no error';
};

describe('contents', () => {
  it('are read and written whole, as bytes and as text', async () => {
    const { sftp, files } = await openMemory();
    await sftp.writeFile('/a', 'grüße');
    expect(await sftp.readFile('/a', 'utf8')).toBe('grüße');
    expect(await sftp.readFile('/a')).toEqual(new Uint8Array(Buffer.from('grüße')));
    expect(await sftp.readFile('/a', { encoding: 'hex' })).toBe(Buffer.from('grüße').toString('hex'));
    await sftp.writeFile('/a', Uint8Array.of(1, 2));
    expect(files.bytes('/a')).toEqual(Buffer.of(1, 2));
  });

  it('are longer than one packet', async () => {
    const { sftp, files, server } = await openMemory();
    const long = Buffer.alloc(1_000_003, 'abcdefg');
    await sftp.writeFile('/long', long);
    expect(files.bytes('/long')?.equals(long)).toBe(true);
    expect(server.count('write')).toBeGreaterThan(10);
    expect(Buffer.from(await sftp.readFile('/long')).equals(long)).toBe(true);
  });

  it('are written from pieces as they come', async () => {
    const { sftp, files } = await openMemory();
    async function* pieces(): AsyncGenerator<string | Uint8Array> {
      yield 'one ';
      yield bytes('two ');
      yield 'three';
    }
    await sftp.writeFile('/a', pieces());
    expect(files.text('/a')).toBe('one two three');
    await sftp.writeFile('/b', ['x', 'y']);
    expect(files.text('/b')).toBe('xy');
    files.file('/c', 'kept');
    expect(await codeOf(sftp.writeFile('/c', 5 as never))).toBe('ERR_SSH_OPTIONS');
    expect(files.text('/c')).toBe('kept');
  });

  it('are any view of memory, and nothing that is none', async () => {
    const { sftp, files } = await openMemory();
    const memory = Uint8Array.of(9, 1, 2, 3, 4, 9).buffer;
    const views: readonly unknown[] = [
      new DataView(memory, 1, 4),
      new Int8Array(memory, 1, 4),
      [Uint8Array.of(1), new DataView(memory, 2, 2), memory.slice(4, 5)],
    ];
    for (const view of views) {
      await sftp.writeFile('/a', view as Uint8Array);
      expect(files.bytes('/a')).toEqual(Buffer.of(1, 2, 3, 4));
    }
    for (const none of [5, null, {}, [5]]) {
      expect(await codeOf(sftp.writeFile('/a', none as never))).toBe('ERR_SSH_OPTIONS');
    }
  });

  it('are appended, also on a server that does not know the flag', async () => {
    for (const knows of [true, false]) {
      const { sftp, files } = await openMemory({
        answer: (request, server) => {
          if (knows || request.kind !== 'open') return undefined;
          return server.usual({ ...request, pflags: request.pflags & ~4 });
        },
      });
      files.file('/log', 'one');
      await sftp.appendFile('/log', ' two');
      const file = await sftp.open('/log', 'a');
      await file.write(' three');
      await file.appendFile(' four');
      await file.close();
      expect(files.text('/log')).toBe('one two three four');
    }
  });

  it('of a file that does not tell its size are read to the end', async () => {
    const { sftp, files } = await openMemory({
      answer: (request) => (request.kind === 'fstat' ? { kind: 'attrs', attrs: { size: 0n } } : undefined),
      readLength: (asked) => Math.min(asked, 1000),
    });
    files.file('/proc', 'p'.repeat(12_345));
    expect(await sftp.readFile('/proc', 'latin1')).toBe('p'.repeat(12_345));
  });

  it('the close of a file that was written may fail, and then the call does', async () => {
    const { sftp } = await openMemory({
      answer: (request, server) => {
        if (request.kind !== 'close') return undefined;
        server.usual(request);
        return { kind: 'status', errorCode: 4, errorMessage: bytes('disk full'), languageTag: bytes('') };
      },
    });
    await expect(sftp.writeFile('/a', 'x')).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_FAILURE',
      path: '/a',
    });
  });

  it('are copied on the server where it can, and through here where not', async () => {
    for (const extensions of [undefined, []] as const) {
      const { sftp, files, server, channel } = await openMemory({ extensions });
      files.file('/a', 'x'.repeat(100_000), 0o640);
      files.file('/b', 'y'.repeat(200_000));
      await sftp.copyFile('/a', '/b');
      expect(files.text('/b')).toBe('x'.repeat(100_000));
      await sftp.copyFile('/a', '/c', { exclusive: true });
      expect(files.attributes(files.find('/c', true)).permissions).toBe(0o100640);
      expect(server.count('read') > 0).toBe(extensions !== undefined);
      expect(await codeOf(sftp.copyFile('/a', '/c', { exclusive: true }))).toBe('ERR_SSH_SFTP_FAILURE');
      await channel.rest();
      expect(server.handles.size).toBe(0);
    }
  });
});

describe('an open file', () => {
  it('is read and written at positions, and has one of its own', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', '0123456789');
    const file = await sftp.open('/f', 'r+');
    const read = async (length: number, position: number | null): Promise<string> => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
      return Buffer.from(buffer.subarray(0, bytesRead)).toString();
    };
    expect([
      await read(3, null),
      await read(3, null),
      await read(2, 1),
      await read(9, null),
      await read(1, null),
    ]).toEqual(['012', '345', '12', '6789', '']);
    expect(await file.write(bytes('abc'), 1, 2, 4)).toMatchObject({ bytesWritten: 2 });
    expect(await file.write('Z', 0)).toEqual({ bytesWritten: 1, buffer: 'Z' });
    expect(files.text('/f')).toBe('Z123bc6789');
    expect((await file.stat()).size).toBe(10);
    expect((await file.stat({ bigint: true })).size).toBe(10n);
    await file.truncate(4);
    await file.chmod(0o600);
    await file.utimes(10, new Date(20_500));
    await file.chown(1, 2);
    await file.sync();
    await file.datasync();
    expect(files.attributes(files.find('/f', true))).toEqual({
      size: 4n,
      permissions: 0o100600,
      atime: 10,
      mtime: 20,
      uid: 1,
      gid: 2,
    });
    await file.close();
    await file.close();
    expect(await codeOf(file.read(new Uint8Array(1)))).toBe('ERR_SSH_CLOSED');
    expect(await codeOf(file.write('x'))).toBe('ERR_SSH_CLOSED');
    expect(await codeOf(file.stat())).toBe('ERR_SSH_CLOSED');
  });

  it('is read and written from its position on', async () => {
    const { sftp, files } = await openMemory();
    const file = await sftp.open('/f', 'w+');
    await file.writeFile('hello ');
    await file.writeFile(['wor', 'ld']);
    expect(files.text('/f')).toBe('hello world');
    await file.read(new Uint8Array(6), 0, 6, null);
    await file.close();
    const again = await sftp.open('/f');
    await again.read(new Uint8Array(6));
    expect(await again.readFile({ encoding: 'utf8' })).toBe('world');
    expect(await again.readFile()).toEqual(new Uint8Array(0));
    await again.close();
  });

  it('is asked about by its path where the server refuses to tell of a handle', async () => {
    const { sftp, files, server } = await openMemory({
      answer: ({ kind }) => (kind === 'fstat' ? statusOf(8) : undefined),
    });
    files.file('/f', 'content');
    const file = await sftp.open('/f');
    expect((await file.stat()).size).toBe(7);
    expect(server.count('stat')).toBe(1);
    await file.close();
    expect(await sftp.readFile('/f', 'utf8')).toBe('content');
  });

  it('takes text and bytes, and nothing else', async () => {
    const { sftp, files } = await openMemory();
    const file = await sftp.open('/f', 'w');
    for (const none of [5, null, undefined, [1], {}]) {
      expect(await codeOf(file.write(none as never))).toBe('ERR_SSH_OPTIONS');
    }
    await file.write('a');
    await file.write(bytes('b'));
    await file.close();
    expect(files.text('/f')).toBe('ab');
  });

  it('takes no ranges outside of its buffer', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', 'x');
    const file = await sftp.open('/f');
    for (const [offset, length] of [
      [-1, 1],
      [0, 3],
      [2, 1],
      [0.5, 1],
    ] as const) {
      expect(await codeOf(file.read(new Uint8Array(2), offset, length, 0))).toBe('ERR_SSH_OPTIONS');
    }
    expect(await codeOf(file.read(new Uint8Array(1), 0, 1, -2))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(file.read(new Uint8Array(1), 0, 1, 2n ** 60n))).toBe('ERR_SSH_OPTIONS');
    await file.close();
  });

  it.each(['r', 'r+', 'w', 'wx', 'w+', 'a', 'ax+'] as const)('with %s does what Node does', async (flag) => {
    const { sftp, files } = await openMemory();
    files.file('/there', 'old');
    const there = await codeOf(sftp.open('/there', flag).then((file) => file.close()));
    const missing = await codeOf(sftp.open('/missing', flag).then((file) => file.close()));
    expect(there).toBe(flag.includes('x') ? 'ERR_SSH_SFTP_FAILURE' : 'no error');
    expect(missing).toBe(flag.startsWith('r') ? 'ERR_SSH_SFTP_NO_SUCH_FILE' : 'no error');
    expect(files.text('/there')).toBe(/^w\+?$/.test(flag) ? '' : 'old');
    expect(await codeOf(sftp.open('/there', 'q' as never))).toBe('ERR_SSH_OPTIONS');
  });
});

describe('attributes', () => {
  it('are those of the file behind a link, or of the link', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', 'abc', 0o640);
    files.link('/l', 'f');
    files.fifo('/p');
    const stats = await sftp.stat('/l');
    expect(stats).toMatchObject({ size: 3, mode: 0o100640, uid: 1000, gid: 1000 });
    expect([stats.isFile(), stats.isDirectory(), stats.isSymbolicLink()]).toEqual([true, false, false]);
    expect(stats.mtime.getTime()).toBe(stats.mtimeMs);
    expect((await sftp.lstat('/l')).isSymbolicLink()).toBe(true);
    expect((await sftp.stat('/')).isDirectory()).toBe(true);
    expect((await sftp.stat('/p')).isFIFO()).toBe(true);
    expect([await sftp.exists('/f'), await sftp.exists('/g')]).toEqual([true, false]);
  });

  it('sizes are exact beyond 2^53 as bigints', async () => {
    const size = 2n ** 53n + 1n;
    const { sftp } = await openMemory({
      answer: ({ kind }) =>
        kind === 'stat' ? { kind: 'attrs', attrs: { size, mtime: 5, atime: 4 } } : undefined,
    });
    const big = await sftp.stat('/x', { bigint: true });
    expect([big.size, big.mtimeMs, big.mtimeNs, big.mode, big.uid]).toEqual([
      size,
      5000n,
      5_000_000_000n,
      -1n,
      -1n,
    ]);
    expect(big.mtime).toEqual(new Date(5000));
    const plain = await sftp.stat('/x');
    expect([plain.size, plain.mode, plain.isFile()]).toEqual([Number(size), Number.NaN, false]);
  });

  it('are changed', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', 'abcdef');
    files.link('/l', 'f');
    await sftp.chmod('/l', 0o4755);
    await sftp.chown('/l', 7, 8);
    await sftp.utimes('/l', 1, 2n);
    await sftp.truncate('/l', 3);
    expect(files.attributes(files.find('/f', false))).toMatchObject({
      permissions: 0o104755,
      uid: 7,
      gid: 8,
      size: 3n,
    });
    await sftp.lchown('/l', 9, 10);
    await sftp.lutimes('/l', 3, 4);
    await sftp.lchmod('/l', 0o700);
    expect(files.attributes(files.find('/l', false))).toMatchObject({ uid: 9, gid: 10, atime: 3, mtime: 4 });
    expect(files.attributes(files.find('/f', false))).toMatchObject({ uid: 7, permissions: 0o104755 });
    expect(await codeOf(sftp.utimes('/f', -1, 0))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(sftp.utimes('/f', 0, new Date('2107-01-01')))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(sftp.chown('/f', -1, 0))).toBe('ERR_SSH_OPTIONS');
  });

  it('of a link itself need an extension, of what is no link they do not', async () => {
    const { sftp, files } = await openMemory({ extensions: [] });
    files.file('/f', 'x');
    files.link('/l', 'f');
    await sftp.lutimes('/f', 3, 4);
    expect(files.attributes(files.find('/f', false))).toMatchObject({ mtime: 4 });
    expect(await codeOf(sftp.lutimes('/l', 3, 4))).toBe('ERR_SSH_SFTP_UNSUPPORTED');
  });
});

describe('what is no number of the kind that is asked for', () => {
  const strange: readonly unknown[] = ['644', '', null, true, [], {}, Number.NaN, -1, 1.5, 2 ** 53, '0x1ff'];

  it('leaves the file as it is, with an error that says what it takes', async () => {
    const { sftp, files, server } = await openMemory();
    files.file('/f', 'precious', 0o640);
    const file = await sftp.open('/f', 'r+');
    const before = files.attributes(files.find('/f', true));
    for (const value of [...strange, undefined]) {
      const calls: readonly [string, () => Promise<unknown>][] = [
        ['chmod', () => sftp.chmod('/f', value as number)],
        ['lchmod', () => sftp.lchmod('/f', value as number)],
        ['chmod of a file', () => file.chmod(value as number)],
        ['chown', () => sftp.chown('/f', value as number, 0)],
        ['lchown', () => sftp.lchown('/f', 0, value as number)],
        ['chown of a file', () => file.chown(0, value as number)],
      ];
      for (const [name, call] of calls)
        expect([name, await codeOf(call())]).toEqual([name, 'ERR_SSH_OPTIONS']);
    }
    // A fraction of a second is cut off, and an undefined length is 0.
    for (const value of strange.filter((one) => one !== 1.5)) {
      const calls: readonly [string, () => Promise<unknown>][] = [
        ['utimes', () => sftp.utimes('/f', value as number, 1)],
        ['lutimes', () => sftp.lutimes('/f', 1, value as number)],
        ['utimes of a file', () => file.utimes(value as number, 1)],
        ['truncate', () => sftp.truncate('/f', value as number)],
        ['truncate of a file', () => file.truncate(value as number)],
      ];
      for (const [name, call] of calls)
        expect([name, await codeOf(call())]).toEqual([name, 'ERR_SSH_OPTIONS']);
    }
    for (const buffer of [5, 'text', []])
      expect(await codeOf(file.read(buffer as never))).toBe('ERR_SSH_OPTIONS');
    expect(files.attributes(files.find('/f', true))).toEqual(before);
    for (const kind of ['setstat', 'fsetstat', 'read'] as const) expect(server.count(kind)).toBe(0);
    await file.close();
  });

  it('is no mode that the attributes of a file have', async () => {
    const { sftp, files } = await openMemory();
    files.file('/f', '', 0o600);
    await sftp.chmod('/f', 0o100_644);
    expect((await sftp.stat('/f')).mode & 0o7777).toBe(0o644);
    await sftp.utimes('/f', 5n as never, new Date(7_000));
    expect(await sftp.stat('/f')).toMatchObject({ atimeMs: 5_000, mtimeMs: 7_000 });
    await sftp.truncate('/f', 3n);
    expect(files.text('/f')).toHaveLength(3);
  });
});

describe('names', () => {
  it('are made, moved and removed', async () => {
    const { sftp, files } = await openMemory();
    expect(await sftp.mkdir('/d')).toBeUndefined();
    expect(await sftp.mkdir('/a/b/c', { recursive: true })).toBe('/a');
    expect(await sftp.mkdir('/a/b/d/e', { recursive: true })).toBe('/a/b/d');
    expect(await sftp.mkdir('/a/b', { recursive: true })).toBeUndefined();
    expect(await codeOf(sftp.mkdir('/d'))).toBe('ERR_SSH_SFTP_FAILURE');
    expect(await codeOf(sftp.mkdir('/x/y'))).toBe('ERR_SSH_SFTP_NO_SUCH_FILE');
    await sftp.writeFile('/d/f', '1');
    expect(await codeOf(sftp.mkdir('/d/f/g', { recursive: true }))).not.toBe('no error');
    await sftp.rename('/d/f', '/a/f');
    await sftp.writeFile('/d/g', '2');
    await sftp.rename('/d/g', '/a/f');
    expect(files.text('/a/f')).toBe('2');
    await sftp.link('/a/f', '/a/hard');
    await sftp.symlink('f', '/a/soft');
    expect([await sftp.readlink('/a/soft'), await sftp.realpath('/a/soft')]).toEqual(['f', '/a/f']);
    expect(await sftp.readlink('/a/soft', { encoding: 'buffer' })).toEqual(bytes('f'));
    await sftp.unlink('/a/hard');
    await sftp.rmdir('/d');
    expect(await codeOf(sftp.rmdir('/a'))).toBe('ERR_SSH_SFTP_FAILURE');
    expect(await codeOf(sftp.rm('/a'))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(sftp.rm('/nope'))).toBe('ERR_SSH_SFTP_NO_SUCH_FILE');
    await sftp.rm('/nope', { force: true });
    await sftp.rm('/a', { recursive: true });
    expect(files.tree()).toEqual({});
  });

  it('filexfer-02 §6.5: a rename replaces also where the server has no posix-rename', async () => {
    const { sftp, files, server } = await openMemory({ extensions: [] });
    files.file('/a', '1');
    files.file('/b', '2');
    files.folder('/c');
    await sftp.rename('/a', '/b');
    expect(files.tree()).toEqual({ '/b': '1', '/c/': '' });
    expect(await codeOf(sftp.rename('/b', '/c'))).toBe('ERR_SSH_SFTP_FAILURE');
    expect(await codeOf(sftp.rename('/nope', '/b'))).toBe('ERR_SSH_SFTP_NO_SUCH_FILE');
    expect(files.tree()).toEqual({ '/b': '1', '/c/': '' });
    expect(server.count('remove')).toBe(1);
  });

  it.each([
    ['the same path', '/d/a', '/d/a'],
    ['a longer way to it', '/d/a', '/d/../d/./a'],
    ['a way through a link', '/d/a', '/l/a'],
    ['another way in bytes', bytes('/d/a'), bytes('//d//a')],
  ])('a rename to %s is none, and the file stays', async (_name, from, to) => {
    for (const extensions of [undefined, []]) {
      const { sftp, files, server } = await openMemory(extensions === undefined ? {} : { extensions });
      files.file('/d/a', 'precious');
      files.link('/l', '/d');
      await sftp.rename(from, to);
      expect(files.text('/d/a')).toBe('precious');
      expect(server.count('remove')).toBe(0);
    }
  });

  it('that differ by capitals alone may be one file, and nothing is removed for the other', async () => {
    const { sftp, files, server } = await openMemory({ extensions: [] });
    files.file('/a', 'precious');
    files.file('/A', 'as a server shows it that takes both for one');
    expect(await codeOf(sftp.rename('/a', '/A'))).toBe('ERR_SSH_SFTP_FAILURE');
    expect(files.text('/a')).toBe('precious');
    expect(server.count('remove')).toBe(0);
    // Names that are no UTF-8 are told apart by their bytes.
    const [one, other] = [Uint8Array.of(0x2f, 0xff), Uint8Array.of(0x2f, 0xfe)];
    await sftp.writeFile(one, 'one');
    await sftp.writeFile(other, 'other');
    await sftp.rename(one, other).catch(() => {});
    expect(new TextDecoder().decode(await sftp.readFile(other))).not.toBe('');
  });

  it('that are taken are kept where a rename is not to replace', async () => {
    const { sftp, files } = await openMemory();
    files.file('/a', 'a');
    files.file('/b', 'b');
    expect(await codeOf(sftp.rename('/a', '/b', { replace: false }))).toBe('ERR_SSH_SFTP_FAILURE');
    expect(files.tree()).toEqual({ '/a': 'a', '/b': 'b' });
    await sftp.rename('/a', '/c', { replace: false });
    expect(files.tree()).toEqual({ '/b': 'b', '/c': 'a' });
  });

  it('of folders are made with all that is missing, and the first of these is told', async () => {
    const { sftp, files } = await openMemory();
    files.folder('/a');
    expect(await sftp.mkdir('/a/b/c/d', { recursive: true })).toBe('/a/b');
    expect(await sftp.mkdir('/a/b/c/e', { recursive: true })).toBe('/a/b/c/e');
    expect(await sftp.mkdir('/a/b/c', { recursive: true })).toBeUndefined();
    expect(files.tree()).toEqual({ '/a/': '', '/a/b/': '', '/a/b/c/': '', '/a/b/c/d/': '', '/a/b/c/e/': '' });
  });

  it('rm removes links and does not follow them', async () => {
    const { sftp, files } = await openMemory();
    files.file('/outside/f', 'x');
    files.file('/d/in/g', 'y');
    files.link('/d/l', '/outside');
    await sftp.rm('/d', { recursive: true });
    expect(files.tree()).toEqual({ '/outside/': '', '/outside/f': 'x' });
    files.link('/l', '/outside');
    await sftp.rm('/l', { recursive: true });
    expect(files.tree()).toEqual({ '/outside/': '', '/outside/f': 'x' });
  });

  it('asyncssh, ssh2: a link is made by the order of its server', async () => {
    for (const [identification, symlinkOrder] of [
      ['SSH-2.0-AsyncSSH_2.24.0', 'link'],
      ['SSH-2.0-OpenSSH_9.2', 'target'],
    ] as const) {
      const { sftp, files } = await openMemory({ identification, symlinkOrder });
      await sftp.symlink('target', '/path');
      expect(files.tree()).toEqual({ '/path': '-> target' });
    }
  });

  it('are bytes where they are no UTF-8', async () => {
    const { sftp, files } = await openMemory();
    const name = Uint8Array.of(0x2f, 0xff, 0xfe);
    await sftp.writeFile(name, 'x');
    expect(files.text('/\xff\xfe')).toBe('x');
    const [entry] = await sftp.readdir('/', { withFileTypes: true });
    expect(entry?.nameBytes).toEqual(name.subarray(1));
    expect(await sftp.readdir('/', { encoding: 'buffer' })).toEqual([name.subarray(1)]);
    expect(await sftp.readdir('/')).toEqual(['\ufffd\ufffd']);
    expect(await sftp.readFile(entry?.pathBytes ?? '', 'utf8')).toBe('x');
    await expect(sftp.stat(Uint8Array.of(0x2f, 0xfd))).rejects.toMatchObject({ path: '/\ufffd' });
  });

  it.each([[''], ['a\0b'], [5], [undefined], [new Uint8Array(0)]])('%j is no path', async (path) => {
    const { sftp, server } = await openMemory();
    const before = server.seen.length;
    expect(await codeOf(sftp.stat(path as never))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(sftp.readFile(path as never))).toBe('ERR_SSH_OPTIONS');
    expect(await codeOf(sftp.rm(path as never))).toBe('ERR_SSH_OPTIONS');
    expect(() => sftp.createReadStream(path as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }),
    );
    expect(server.seen.length).toBe(before);
  });
});

describe('extensions', () => {
  it('statfs, homeDirectory, expandPath and ownerNames', async () => {
    const { sftp, files } = await openMemory();
    files.folder('/home');
    expect(await sftp.statfs('/')).toEqual({
      bsize: 4096n,
      blocks: 100n,
      bfree: 50n,
      bavail: 40n,
      files: 10n,
      ffree: 9n,
      favail: 8n,
      fsid: 7n,
      isReadOnly: true,
      namemax: 255n,
    });
    expect([await sftp.homeDirectory(), await sftp.expandPath('~')]).toEqual(['/home', '/home']);
    expect(await sftp.ownerNames([1, 2], [3])).toEqual({ users: ['user0', 'user1'], groups: ['group0'] });
  });

  it('OpenSSH PROTOCOL §4.3: count only at the version that they are known with', async () => {
    const { sftp, channel, server } = await openMemory({ extensions: [] });
    expect(sftp.version).toBe(3);
    expect([...sftp.extensions]).toEqual([]);
    for (const call of [
      () => sftp.statfs('/'),
      () => sftp.link('/a', '/b'),
      () => sftp.expandPath('~'),
      () => sftp.homeDirectory(),
      () => sftp.ownerNames([1], []),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_UNSUPPORTED' });
    }
    expect(server.seen).toEqual([]);
    expect(channel.waits.size).toBe(0);
    expect(sftp.limits).toEqual({
      packetLength: 262_144,
      readLength: 32_768,
      writeLength: 32_768,
      openHandles: undefined,
    });
  });

  it('OpenSSH PROTOCOL §4.8: limits of the server bound reads and writes', async () => {
    const { sftp, server } = await openMemory();
    expect(sftp.limits).toMatchObject({ readLength: 65_536, writeLength: 65_536, openHandles: undefined });
    await sftp.writeFile('/f', new Uint8Array(200_000));
    await sftp.readFile('/f');
    for (const request of server.seen) {
      if (request.kind === 'read') expect(request.length).toBeLessThanOrEqual(65_536);
      if (request.kind === 'write') expect(request.data.length).toBeLessThanOrEqual(65_536);
    }
  });
});

describe('options', () => {
  it('that nobody knows are an error, with the one that was probably meant', async () => {
    const { sftp } = await openMemory();
    for (const [call, message] of [
      [() => sftp.stat('/', { bigInt: true } as never), 'did you mean bigint?'],
      [() => sftp.mkdir('/x', { recursiv: true } as never), 'did you mean recursive?'],
      [() => sftp.rm('/x', { zebra: true } as never), 'it takes timeout, signal, recursive, force'],
      [() => sftp.readFile('/x', { encoding: 'utf9' } as never), "encoding must be 'utf8'"],
      [() => sftp.chmod('/x', 1, { timeout: 0 }), 'timeout must be a positive number'],
      [() => sftp.writeFile('/x', '', { mode: 0o10000 }), 'mode must be a mode'],
      [() => sftp.open('/x', 'w', 0o10000), 'mode must be a mode'],
      [() => sftp.truncate('/x', -1), 'a position must be'],
      [() => sftp.get('/x', '/tmp/x', { chunkSize: 5 } as never), 'sizes follow what the server takes'],
      [() => sftp.put('/x', '/x', { step: () => {} } as never), 'use onProgress'],
      [() => sftp.unlink('/x', { signal: 5 } as never), 'signal must be an AbortSignal'],
    ] as const) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_SSH_OPTIONS',
        message: expect.stringContaining(message),
      });
    }
  });
});
