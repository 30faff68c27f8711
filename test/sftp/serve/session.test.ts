/** A session of the server: its bounds, its deadlines, its end, and what handlers may do to it. */
import { tmpdir } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../../examples/memoryStore.ts';
import { SshError } from '../../../src/base/errors.ts';
import { serveFolder } from '../../../src/node/served/serveFolder.ts';
import { oneHandle, onePath } from '../../../src/sftp/packet/extensions.ts';
import { encodeRequest } from '../../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import { type SftpHandlers, serveFiles } from '../../../src/sftp/serve/handlers.ts';
import { SftpRefusal } from '../../../src/sftp/serve/store.ts';
import { connectTo, serve } from './support.ts';

const statusOf = (error: unknown): unknown =>
  (error as { readonly status?: { readonly code: number } }).status?.code;
const outcome = (call: Promise<unknown>): Promise<unknown> => call.then(() => 'ok', statusOf);

/** Requests that a session holds. */
function requestsOf(session: {
  snapshot(names: boolean): { requests: number; queuedRequests: number };
}): number {
  const { requests, queuedRequests } = session.snapshot(false);
  return requests + queuedRequests;
}

describe('handlers of a store of one’s own', () => {
  it('serve every call, as a store in memory shows', async () => {
    const { sftp, reports, session, channel } = await connectTo(serveFiles(new MemoryStore(1024 * 1024)));
    await sftp.mkdir('/a/b', { recursive: true });
    await sftp.writeFile('/a/f', 'hello');
    await sftp.appendFile('/a/f', ' world');
    await sftp.symlink('f', '/a/l');
    await sftp.symlink('/a', '/abs');
    expect(await sftp.readFile('/abs/l', 'utf8')).toBe('hello world');
    expect(await sftp.realpath('/abs/l')).toBe('/a/f');
    expect(await sftp.readlink('/a/l')).toBe('f');
    expect((await sftp.lstat('/a/l')).isSymbolicLink()).toBe(true);
    expect((await sftp.stat('/a/l')).size).toBe(11);
    await sftp.link('/a/f', '/a/g');
    await sftp.copyFile('/a/f', '/a/c');
    await sftp.truncate('/a/c', 5);
    await sftp.chmod('/a/c', 0o600);
    await sftp.utimes('/a/c', 1000, 2000);
    expect((await sftp.stat('/a/c')).mtimeMs).toBe(2_000_000);
    await sftp.rename('/a/c', '/a/g');
    expect(await sftp.readFile('/a/g', 'utf8')).toBe('hello');
    expect((await sftp.readdir('/a')).sort()).toEqual(['b', 'f', 'g', 'l']);
    await sftp.rename('/a/g', '/a/l');
    expect((await sftp.lstat('/a/l')).isFile()).toBe(true);
    await sftp.rename('/a/l', '/a/g');
    await sftp.symlink('f', '/a/l');
    expect((await sftp.statfs('/a')).blocks).toBe(256n);
    expect(await outcome(sftp.mkdir('/a'))).toBe(4);
    expect(await outcome(sftp.rmdir('/a'))).toBe(4);
    expect(await outcome(sftp.readFile('/none'))).toBe(2);
    expect(await outcome(sftp.rename('/a', '/a/b/c'))).toBe(4);
    expect(await outcome(sftp.writeFile('/big', new Uint8Array(1024 * 1024)))).toBe(4);
    await sftp.rm('/a', { recursive: true });
    await channel.rest();
    expect(session.snapshot(false).openHandles).toBe(0);
    expect(reports).toEqual([]);
  });

  it('with a bound on open files serve any number of calls on whole files, which wait for their turn', async () => {
    const limits = { sftpHandles: 4 };
    const { sftp, channel, session } = await connectTo(serveFiles(new MemoryStore()), { limits });
    expect(sftp.limits.openHandles).toBe(4);
    const names = Array.from({ length: 60 }, (_, i) => `/f${i}`);
    await Promise.all(names.map((name) => sftp.writeFile(name, name)));
    const texts = await Promise.all(names.map((name) => sftp.readFile(name, 'utf8')));
    expect(texts).toEqual(names);
    await channel.rest();
    expect(session.snapshot(false).openHandles).toBe(0);
  });

  it('that are not given are unsupported, and their extensions are not announced', async () => {
    const { sftp, reports } = await connectTo(serveFiles({ stat: () => ({ size: 1 }) }));
    expect([...sftp.extensions.keys()].sort()).toEqual([
      'expand-path@openssh.com',
      'fsync@openssh.com',
      'home-directory',
      'limits@openssh.com',
    ]);
    expect(await outcome(sftp.stat('/f'))).toBe('ok');
    expect(await outcome(sftp.readFile('/f'))).toBe(8);
    expect(await outcome(sftp.mkdir('/d'))).toBe(8);
    expect(await outcome(sftp.readdir('/'))).toBe(8);
    expect(reports).toEqual([]);
  });

  it('are told absolute paths, and who asks', async () => {
    const seen: unknown[] = [];
    const stat: SftpHandlers['stat'] = (path, { username, signal }) => {
      seen.push([path, username, signal.aborted]);
      return {};
    };
    const { sftp } = await connectTo(serveFiles({ stat }));
    for (const path of ['f', '/a/../b//./c/', '/../..', 'a/..', '/']) await sftp.stat(path);
    const paths = ['/f', '/b/c', '/', '/', '/'];
    expect(seen).toEqual(paths.map((path) => [path, 'ops', false]));
    expect(await outcome(sftp.stat(Uint8Array.of(0x2f, 0xff)))).toBe(2);
  });

  it('that leave out what a file is like have the usual answer given', async () => {
    const { sftp } = await connectTo(
      serveFiles({ stat: (path) => ({ type: path.slice(1) as 'file' }), statfs: () => ({ blocks: 7n }) }),
    );
    const modes = [0o100644, 0o040755, 0o120777, 0o020644];
    for (const [index, type] of ['file', 'folder', 'link', 'other'].entries()) {
      expect((await sftp.stat(`/${type}`)).mode, type).toBe(modes[index]);
    }
    expect(await sftp.stat('/file', { bigint: true })).toMatchObject({
      size: 0n,
      uid: 0n,
      gid: 0n,
      mtimeMs: 0n,
    });
    expect(await sftp.statfs('/')).toMatchObject({ blocks: 7n, bsize: 4096n, bfree: 0n });
  });

  it.each([5, 'text', undefined, null])('that say %s of a file system are a fault', async (found) => {
    const { sftp, reports } = await connectTo(serveFiles({ statfs: () => found as never }));
    expect(await outcome(sftp.statfs('/'))).toBe(4);
    expect(reports).toEqual([expect.any(TypeError)]);
  });

  it('are told the usual mode of a folder where a client tells none', async () => {
    const modes: number[] = [];
    const { inbox } = await serve(serveFiles({ mkdir: (_path, mode) => void modes.push(mode) }));
    inbox.push(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
    for (const permissions of [undefined, 0o700, 0o7700]) {
      inbox.push(encodeRequest(1, { kind: 'mkdir', path: Buffer.from('/d'), attrs: { permissions } }));
    }
    await vi.waitUntil(() => modes.length === 3, { timeout: 30_000 });
    expect(modes).toEqual([0o777, 0o700, 0o700]);
  });

  it('may refuse, by a status or as the system does, which is no fault', async () => {
    const fault = (error: unknown) => () => {
      throw error;
    };
    const cases: readonly (readonly [unknown, number])[] = [
      [new SftpRefusal('noSuchFile'), 2],
      [new SftpRefusal('permissionDenied', 'not yours'), 3],
      [new SftpRefusal('failure'), 4],
      [new SftpRefusal('opUnsupported'), 8],
      [Object.assign(new Error('x'), { code: 'ENOENT' }), 2],
      [Object.assign(new Error('x'), { code: 'EACCES' }), 3],
      [Object.assign(new Error('x'), { code: 'EEXIST' }), 4],
      [Object.assign(new Error('x'), { code: 'ENOSYS' }), 8],
    ];
    for (const [error, status] of cases) {
      const { sftp, reports } = await connectTo(serveFiles({ unlink: fault(error) }));
      expect(await outcome(sftp.unlink('/f'))).toBe(status);
      expect(reports).toEqual([]);
    }
  });

  const garbage: readonly unknown[] = [
    null,
    5,
    'text',
    [],
    new Date(Number.NaN),
    Symbol('x'),
    Promise.reject(new Error('late')),
  ];
  for (const value of garbage) if (value instanceof Promise) value.catch(() => {});

  it.each([
    [
      'throw',
      () => {
        throw new Error('of the application');
      },
    ],
    ['reject', () => Promise.reject(new Error('of the application'))],
    [
      'throw nothing',
      () => {
        throw undefined;
      },
    ],
    [
      'throw a proxy that throws',
      () => {
        throw new Proxy(new Error('x'), {
          get: () => {
            throw new Error('y');
          },
        });
      },
    ],
  ] as const)(
    'that %s are answered with a failure and told, and the session goes on',
    async (_what, fault) => {
      const names = [
        'open',
        'readdir',
        'stat',
        'lstat',
        'setAttributes',
        'unlink',
        'mkdir',
        'rmdir',
        'rename',
        'readlink',
        'symlink',
        'link',
        'statfs',
      ] as const;
      const handlers = Object.fromEntries(names.map((name) => [name, fault])) as SftpHandlers;
      const { sftp, reports } = await connectTo(serveFiles(handlers));
      const calls: readonly (() => Promise<unknown>)[] = [
        () => sftp.readFile('/f'),
        () => sftp.readdir('/'),
        () => sftp.stat('/f'),
        () => sftp.lstat('/f'),
        () => sftp.chmod('/f', 0o600),
        () => sftp.unlink('/f'),
        () => sftp.mkdir('/f'),
        () => sftp.rmdir('/f'),
        () => sftp.rename('/f', '/g'),
        () => sftp.readlink('/f'),
        () => sftp.symlink('f', '/g'),
        () => sftp.link('/f', '/g'),
        () => sftp.statfs('/f'),
      ];
      for (const [index, call] of calls.entries()) {
        expect(await outcome(call()), names[index]).toBe(4);
        expect(reports).toHaveLength(index + 1);
      }
      expect(await sftp.realpath('.')).toBe('/');
    },
  );

  it.each(garbage.map((value) => [String(typeof value), value] as const))(
    'that answer with what is no answer, such as a %s, are answered with a failure',
    async (_type, value) => {
      const give = (): never => value as never;
      const { sftp, reports } = await connectTo(
        serveFiles({
          stat: (path) => (path === '/' ? { type: 'folder' } : give()),
          readdir: (path) => (path === '/' ? ([value] as never) : give()),
          open: (path) => (path === '/read' ? { read: give, stat: () => ({ size: 5 }) } : give()),
          readlink: give,
          statfs: give,
        }),
      );
      // A listing of nothing is one, and a text is a list of its letters.
      const calls = [() => sftp.readdir('/'), () => sftp.readFile('/read'), () => sftp.readFile('/f')];
      for (const call of calls) {
        const found = await outcome(call());
        expect([2, 4, 3, 8]).toContain(found);
      }
      await outcome(sftp.readlink('/f'));
      await outcome(sftp.stat('/f'));
      await outcome(sftp.statfs('/f'));
      expect(reports.length).toBeGreaterThan(0);
      expect(await sftp.realpath('.')).toBe('/');
    },
  );

  it('of a file that gives more than was asked are a fault, and nothing of it goes out', async () => {
    const { sftp, reports } = await connectTo(
      serveFiles({
        open: () => ({ read: (length) => new Uint8Array(length + 1), stat: () => ({ size: 5 }) }),
      }),
    );
    expect(await outcome(sftp.readFile('/f'))).toBe(4);
    expect(reports[0]).toBeInstanceOf(TypeError);
  });

  it('refuses handlers that nobody knows', () => {
    expect(() => serveFiles({ opendir: () => [] } as never)).toThrow('use readdir');
    expect(() => serveFiles({ stat: 5 } as never)).toThrow('stat must be a function');
    expect(() => serveFiles(undefined as never)).toThrow('must be an object with handlers');
  });
});

describe('a session', () => {
  const init = Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3);
  const ask = (id: number, body: SftpRequest): Uint8Array => encodeRequest(id, body);
  const openOf = (name: string): SftpRequest => ({
    kind: 'open',
    filename: Buffer.from(name),
    pflags: 1,
    attrs: {},
  });
  const turns = async (count: number = 20): Promise<void> => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('answers a request that a handler does not finish in time, tells that, and closes what comes of it later', async () => {
    let finish: () => void = () => {};
    let closed = 0;
    const { inbox, outbox, waits, reports, pass } = await serve(
      serveFiles({
        open: () =>
          new Promise((resolve) => {
            finish = () => resolve({ close: () => void closed++ });
          }),
        stat: () => ({}),
      }),
    );
    inbox.push(init);
    inbox.push(ask(1, openOf('/f')));
    await turns();
    expect(waits.list().map(({ name, detail }) => [name, detail])).toEqual([
      ['request', 'a handler of SFTP, open,'],
    ]);
    pass(15_000);
    await turns();
    expect(outbox.sent.at(-1)?.subarray(4, 13)).toEqual(Uint8Array.of(101, 0, 0, 0, 1, 0, 0, 0, 4));
    expect(reports).toEqual([expect.objectContaining({ code: 'ERR_SSH_TIMEOUT' })]);
    inbox.push(ask(2, { kind: 'stat', path: Buffer.from('/') }));
    await turns();
    expect(outbox.sent.at(-1)?.[4]).toBe(105);
    finish();
    await vi.waitUntil(() => closed === 1, { timeout: 30_000 });
    expect(waits.list()).toEqual([]);
  });

  it('row 63: has so many handles open, and no more', async () => {
    const { sftp, session } = await connectTo(serveFiles({ open: () => ({ stat: () => ({}) }) }), {
      limits: { sftpHandles: 3 },
    });
    expect(sftp.limits.openHandles).toBe(3);
    const files = [await sftp.open('/1'), await sftp.open('/2'), await sftp.open('/3')];
    const raw = Reflect.get(sftp, 'session').link;
    expect(await raw.ask(openOf('/4'), { name: 'open', path: '/4' }, undefined)).toMatchObject({
      errorCode: 4,
    });
    expect(session.snapshot(false).openHandles).toBe(3);
    await files[0]?.close();
    await (await sftp.open('/4')).close();
    await files[1]?.close();
    await files[2]?.close();
  });

  it('takes what is still being opened behind its deadline for no open file', async () => {
    const hanging: ((file: { close(): void }) => void)[] = [];
    let closed = 0;
    const { inbox, outbox, pass, session } = await serve(
      serveFiles({
        open: (path) =>
          path === '/hang' ? new Promise((resolve) => hanging.push(resolve)) : { close: () => void closed++ },
      }),
      { limits: { sftpHandles: 2 } },
    );
    const statusAt = (at: number): number | undefined => outbox.sent.at(at)?.[12];
    inbox.push(init);
    for (const id of [1, 2, 3]) inbox.push(ask(id, openOf('/hang')));
    await turns();
    // The third is one too many while the others are opened.
    expect([hanging.length, statusAt(-1)]).toEqual([2, 4]);
    pass(15_000);
    await turns();
    for (const id of [4, 5]) inbox.push(ask(id, openOf('/f')));
    await turns();
    expect(session.snapshot(false).openHandles).toBe(2);
    inbox.push(ask(6, openOf('/f')));
    await turns();
    expect([outbox.sent.at(-1)?.[4], statusAt(-1)]).toEqual([101, 4]);
    // What is opened after all is closed, and takes nobody's place.
    for (const finish of hanging) finish({ close: () => void closed++ });
    await turns();
    expect([closed, session.snapshot(false).openHandles]).toEqual([2, 2]);
  });

  it('begins no more than it can hold of the answers to a client that takes none', async () => {
    let reads = 0;
    const { inbox, outbox } = await serve(
      serveFiles({
        open: () => ({
          read: (length) => {
            reads++;
            return new Uint8Array(length);
          },
        }),
      }),
    );
    inbox.push(init);
    inbox.push(ask(1, openOf('/f')));
    await turns();
    outbox.isStopped = true;
    const handle = Uint8Array.of(0, 0, 0, 1);
    for (let id = 2; id < 150; id++)
      inbox.push(ask(id, { kind: 'read', handle, offset: 0n, length: 255_000 }));
    await turns(200);
    expect(reads).toBeLessThan(40);
    outbox.go();
    await vi.waitUntil(() => reads === 148, { timeout: 30_000 });
  });

  it('reads no more of a client than it can hold of WRITEs that are not done', async () => {
    let held = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const { inbox, session } = await serve(
      serveFiles({
        open: () => ({
          write: (data) =>
            new Promise<void>((resolve) => {
              held += data.length;
              most = Math.max(most, held);
              waiting.push(() => {
                held -= data.length;
                resolve();
              });
            }),
        }),
      }),
      { limits: { sftpBytesInFlight: 500_000 } },
    );
    inbox.push(init);
    inbox.push(ask(1, { kind: 'open', filename: Buffer.from('/f'), pflags: 2, attrs: {} }));
    await turns();
    const data = new Uint8Array(100_000);
    const handle = Uint8Array.of(0, 0, 0, 1);
    for (let id = 2; id < 52; id++) inbox.push(ask(id, { kind: 'write', handle, offset: 0n, data }));
    await turns(50);
    expect(requestsOf(session)).toBeLessThanOrEqual(6);
    expect(inbox.length).toBeGreaterThan(4_000_000);
    const going = setInterval(() => waiting.shift()?.(), 0);
    await vi.waitUntil(() => session.snapshot(false).bytesWritten === 5_000_000, { timeout: 30_000 });
    clearInterval(going);
    // One after the other on one handle.
    expect(most).toBe(100_000);
  });

  it('does what a client asks in a row in that row', async () => {
    const store = new MemoryStore();
    const { inbox, outbox } = await serve(serveFiles(store));
    inbox.push(init);
    const handle = Uint8Array.of(0, 0, 0, 1);
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
    const row: readonly SftpRequest[] = [
      { kind: 'mkdir', path: bytes('/d'), attrs: {} },
      { kind: 'open', filename: bytes('/d/f'), pflags: 0xa, attrs: {} },
      { kind: 'rename', oldpath: bytes('/d'), newpath: bytes('/e') },
      { kind: 'lstat', path: bytes('/e/f') },
    ];
    for (const [id, request] of row.entries()) inbox.push(ask(id, request));
    await turns();
    const more: readonly SftpRequest[] = [
      { kind: 'write', handle, offset: 0n, data: bytes('one') },
      { kind: 'write', handle, offset: 0n, data: bytes('two') },
      { kind: 'fstat', handle },
      { kind: 'close', handle },
    ];
    for (const [id, request] of more.entries()) inbox.push(ask(10 + id, request));
    await turns();
    expect(Buffer.from(store.root.entries.get('e')?.entries.get('f')?.data ?? []).toString()).toBe('two');
    expect(Buffer.concat(outbox.sent).includes(Buffer.from([101, 0, 0, 0, 0, 0, 0, 0, 0]))).toBe(true);
  });

  it('answers READs of a handle in their order, in whatever order they are done', async () => {
    // OpenSSH's client takes data that overtakes other data for the end of the file.
    const reads: ((data: Uint8Array) => void)[] = [];
    const { inbox, outbox } = await serve(
      serveFiles({ open: () => ({ read: () => new Promise((resolve) => reads.push(resolve)) }) }),
    );
    inbox.push(init);
    inbox.push(ask(1, openOf('/f')));
    await turns();
    outbox.sent.length = 0;
    const handle = Uint8Array.of(0, 0, 0, 1);
    const ids = [2, 3, 4, 5, 6];
    for (const id of ids) inbox.push(ask(id, { kind: 'read', handle, offset: BigInt(id), length: 4 }));
    await turns();
    expect(reads).toHaveLength(ids.length);
    // The end of the file is an answer as others are.
    for (const place of [4, 2, 1, 3]) reads[place]?.(new Uint8Array(place === 4 ? 0 : 4));
    await turns();
    expect(outbox.sent).toEqual([]);
    reads[0]?.(new Uint8Array(4));
    await turns();
    const answers = Buffer.concat(outbox.sent);
    const order: (readonly [type: number, id: number])[] = [];
    for (let at = 0; at < answers.length; at += 4 + answers.readUInt32BE(at)) {
      order.push([answers.readUInt8(at + 4), answers.readUInt32BE(at + 5)]);
    }
    const [data, status] = [103, 101];
    expect(order).toEqual([2, 3, 4, 5].map((id) => [data, id]).concat([[status, 6]]));
  });

  it('that ends closes what is open, when the work on it is done, and aborts the signal of its handlers', async () => {
    let closed = 0;
    let finishRead: () => void = () => {};
    const signals: AbortSignal[] = [];
    const { inbox, session, waits, reports } = await serve(
      serveFiles({
        open: (_path, _how, { signal }) => {
          signals.push(signal);
          return {
            read: (length) =>
              new Promise((resolve) => {
                finishRead = () => resolve(new Uint8Array(length));
              }),
            close: () => void closed++,
          };
        },
      }),
    );
    inbox.push(init);
    inbox.push(ask(1, openOf('/a')));
    inbox.push(ask(2, openOf('/b')));
    await turns();
    inbox.push(ask(3, { kind: 'read', handle: Uint8Array.of(0, 0, 0, 1), offset: 0n, length: 10 }));
    await turns();
    expect(session.snapshot(false)).toMatchObject({ openHandles: 2, requests: 1, filesOpened: 2 });
    session.fail(new SshError('ERR_SSH_CONNECTION_LOST', 'lost', { origin: 'network' }));
    await turns();
    expect([closed, session.snapshot(false).openHandles, inbox.isCancelled]).toEqual([1, 0, true]);
    expect(waits.list()).toEqual([]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    finishRead();
    await vi.waitUntil(() => closed === 2, { timeout: 30_000 });
    expect(reports).toEqual([]);
  });

  it('row 63: of a client that breaks the rules ends, which is told', async () => {
    for (const bytes of [
      Uint8Array.of(0, 0, 0, 0),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1),
      Uint8Array.of(0, 0, 0, 5, 3, 0, 0, 0, 1),
    ]) {
      const { inbox, session, reports } = await serve(serveFiles(new MemoryStore()));
      inbox.push(bytes);
      expect(await session.ended).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
      expect(reports).toHaveLength(1);
    }
  });

  it('answers for the file system of an open file, and refuses what its store has not', async () => {
    const { sftp } = await connectTo(serveFolder(tmpdir()));
    const { link } = Reflect.get(sftp, 'session');
    const askOf = async (extendedRequest: string, payload: Uint8Array): Promise<unknown> =>
      link.ask({ kind: 'extended', extendedRequest, payload }, { name: 'fstatvfs', path: '/f' }, undefined);
    const folder = await link.ask(
      { kind: 'opendir', path: Buffer.from('/') },
      { name: 'opendir', path: '/' },
      undefined,
    );
    const ofFolder = oneHandle.toBytes({ handle: folder.handle });
    expect(await askOf('fstatvfs@openssh.com', ofFolder)).toMatchObject({ kind: 'status', errorCode: 4 });
    const whole = await askOf(
      'statvfs@openssh.com',
      onePath.toBytes({ path: new Uint8Array(Buffer.from('/')) }),
    );
    expect(whole).toMatchObject({ kind: 'extendedReply' });
    expect(await askOf('statvfs@openssh.com', Uint8Array.of(1))).toMatchObject({
      kind: 'status',
      errorCode: 5,
    });
    expect(await askOf('of-nobody', Uint8Array.of(1))).toMatchObject({ kind: 'status', errorCode: 8 });
    await link.ask({ kind: 'close', handle: folder.handle }, { name: 'close', path: '/' }, undefined);
  });

  it('knows no handle but its own', async () => {
    const { sftp } = await connectTo(serveFiles(new MemoryStore()));
    const { link } = Reflect.get(sftp, 'session');
    for (const handle of [[], [0], [0, 0, 0, 0], [0, 0, 0, 9], [1, 2, 3, 4, 5]].map((bytes) =>
      Uint8Array.from(bytes),
    )) {
      // One without bytes is no handle at all.
      const refused = { errorCode: handle.length === 0 ? 5 : 4 };
      const read = { kind: 'read', handle, offset: 0n, length: 1 } as const;
      expect(await link.ask(read, { name: 'read', path: '/f' }, undefined)).toMatchObject(refused);
      expect(
        await link.ask({ kind: 'close', handle }, { name: 'close', path: '/f' }, undefined),
      ).toMatchObject(refused);
    }
  });
});
