/** Open files and streams, call by call: what goes to the server, and where the position is. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { SftpFile } from '../../src/sftp/files/content/fileHandle.ts';
import { type MemoryOptions, type MemorySession, openMemory } from './memory/channel.ts';
import { text } from './memory/server.ts';
import { statusOf } from './support.ts';

const refusal = expect.objectContaining({ code: 'ERR_SSH_OPTIONS' });

const withFile = async (content: string, options: MemoryOptions = {}): Promise<MemorySession> => {
  const session = await openMemory(options);
  session.files.file('/f', content);
  return session;
};

describe('an open file', () => {
  it('has a position of its own that reads and writes without one move, and others do not', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('read' as const), length: fc.nat(6), at: fc.option(fc.nat(12)) }),
      fc.record({ kind: fc.constant('write' as const), length: fc.nat(6), at: fc.option(fc.nat(12)) }),
      fc.record({ kind: fc.constant('text' as const), length: fc.nat(6), at: fc.option(fc.nat(12)) }),
      fc.record({ kind: fc.constant('readFile' as const), length: fc.constant(0), at: fc.constant(null) }),
      fc.record({ kind: fc.constant('writeFile' as const), length: fc.nat(6), at: fc.constant(null) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { sftp, files } = await withFile('0123456789');
        const file = await sftp.open('/f', 'r+');
        let model = Buffer.from('0123456789');
        let position = 0;
        const put = (at: number, data: Buffer): void => {
          const end = at + data.length;
          if (data.length > 0 && end > model.length)
            model = Buffer.concat([model, Buffer.alloc(end - model.length)]);
          data.copy(model, at);
        };
        for (const [index, { kind, length, at }] of steps.entries()) {
          const where = at ?? position;
          const letter = String.fromCharCode(97 + (index % 26));
          const data = Buffer.from(letter.repeat(length));
          let moved = length;
          switch (kind) {
            case 'read': {
              const given = Buffer.alloc(length + 4, '-');
              const { bytesRead, buffer } = await file.read(given, 2, length, at);
              const expected = model.subarray(where, where + length);
              expect(buffer).toBe(given);
              expect(bytesRead).toBe(expected.length);
              expect(given.toString('latin1')).toBe(
                `--${expected.toString('latin1')}${'-'.repeat(length - expected.length + 2)}`,
              );
              moved = bytesRead;
              break;
            }
            case 'write': {
              const given = Buffer.concat([Buffer.from('##'), data, Buffer.from('#')]);
              expect(await file.write(given, 2, length, at === null ? null : BigInt(at))).toEqual({
                bytesWritten: length,
                buffer: given,
              });
              put(where, data);
              break;
            }
            case 'text':
              expect(await file.write(data.toString(), at)).toEqual({
                bytesWritten: length,
                buffer: data.toString(),
              });
              put(where, data);
              break;
            case 'readFile': {
              const found = await file.readFile();
              expect(Buffer.from(found).equals(model.subarray(position))).toBe(true);
              moved = found.length;
              break;
            }
            default:
              await (index % 2 === 0 ? file.writeFile(data.toString()) : file.appendFile([data]));
              put(position, data);
          }
          if (at === null) position += moved;
          expect(files.bytes('/f')?.toString('latin1')).toBe(model.toString('latin1'));
        }
        await file.close();
      }),
      { numRuns: 60 },
    );
  });

  it('reads and writes as one of node:fs/promises does, in each form of the calls', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'handle-'));
    const begin = '0123456789abcdef';
    const span = fc.record({
      offset: fc.option(fc.nat(2), { nil: undefined }),
      length: fc.option(fc.nat(4), { nil: undefined }),
      position: fc.option(fc.nat(20)),
    });
    const step = fc.record({
      form: fc.constantFrom('list', 'options', 'object', 'text', 'vector'),
      writes: fc.boolean(),
      view: fc.constantFrom('bytes', 'words', 'data', 'none'),
      span,
      big: fc.boolean(),
      encoding: fc.constantFrom('utf8', 'latin1', 'hex', undefined),
    });
    let last = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const path = join(folder, `${last++}`);
        writeFileSync(path, begin);
        const { sftp, files } = await withFile(begin);
        const theirs = await open(path, 'r+');
        const ours = await sftp.open('/f', 'r+');
        for (const [index, { form, writes, view, span: given, big, encoding }] of steps.entries()) {
          const { offset, length, position } = given;
          // Node 20 takes a bigint for the present position.
          const at = (mine: boolean): number | bigint | null =>
            position === null || !big || !mine ? position : BigInt(position);
          const buffer = (): ArrayBufferView => {
            const memory = new Uint8Array(8).map((_, i) => 65 + ((i + index) % 26));
            if (view === 'words') return new Uint16Array(memory.buffer, 2, 3);
            return view === 'data' ? new DataView(memory.buffer, 1, 7) : memory;
          };
          const call = async (file: FileHandle | SftpFile, mine: boolean): Promise<unknown> => {
            // The two have the same calls: what one of them takes, the other has to.
            const any = file as unknown as Record<
              'read' | 'write' | 'readv' | 'writev',
              (
                ...args: readonly unknown[]
              ) => Promise<{ readonly buffer?: unknown; readonly buffers?: unknown }>
            >;
            const own = buffer();
            const named = { offset, length, position: at(mine) };
            const name = writes ? 'write' : 'read';
            const shown = ({ bytesRead, bytesWritten, buffer: result }: Record<string, unknown>): unknown => [
              bytesRead,
              bytesWritten,
              result === own || typeof result === 'string' ? 'given' : Buffer.from(result as Uint8Array),
              Buffer.from(own.buffer as ArrayBuffer).toString('latin1'),
            ];
            if (form === 'vector') {
              const list = [own, new Uint8Array(index % 3), buffer()];
              const found = await any[`${name}v`](list, at(mine));
              expect(found.buffers).toBe(list);
              return { ...found, buffers: list.map((part) => Buffer.from(part.buffer as ArrayBuffer)) };
            }
            if (form === 'text' && writes) return shown(await any.write('41', at(mine), encoding));
            if (form === 'object' && !writes)
              return shown(
                await any.read(view === 'none' ? { position: at(mine) } : { buffer: own, ...named }),
              );
            if (form === 'options') return shown(await any[name](own, named));
            const args = [offset, length, at(mine)].slice(0, index % 4);
            return shown(await any[name](own, ...args));
          };
          const expected = await call(theirs, false);
          expect(await call(ours, true)).toEqual(expected);
        }
        await theirs.close();
        await ours.close();
        expect(files.text('/f')).toBe(readFileSync(path, 'latin1'));
      }),
      { numRuns: 100 },
    );
    rmSync(folder, { recursive: true });
  });

  it('makes a buffer of its own where none is given, and takes -1 for the present position', async () => {
    const { sftp } = await withFile('0123456789'.repeat(2000));
    const file = await sftp.open('/f');
    const first = await file.read();
    expect([first.bytesRead, first.buffer.length]).toEqual([16_384, 16_384]);
    expect((await file.read(null)).bytesRead).toBe(20_000 - 16_384);
    expect((await file.read(Buffer.alloc(1), 0, 1, 0)).bytesRead).toBe(1);
    expect((await file.read(Buffer.alloc(1), { position: -1 })).bytesRead).toBe(0);
    await file.close();
  });

  it('begins each call without a position where the one before has ended, also where nobody waits for that', async () => {
    const { sftp, files } = await withFile('0123456789', { pick: (waiting) => waiting - 1 });
    const file = await sftp.open('/f', 'r+');
    const got = await Promise.all([
      file.read(Buffer.alloc(3)),
      file.readv([Buffer.alloc(2)]),
      file.readFile(),
    ]);
    const seen = [got[0].buffer, ...got[1].buffers, got[2]].map((part) => Buffer.from(part).toString());
    expect(seen).toEqual(['012', '34', '56789']);
    const calls = [
      file.write('abc'),
      file.writev([Buffer.from('d'), Buffer.from('e')]),
      file.writeFile('fg'),
    ];
    // A close comes behind them.
    await Promise.all([...calls, file.close()]);
    expect(files.text('/f')).toBe('0123456789abcdefg');
    await expect(file.read()).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
  });

  it('is not held open by a call that waits for its turn on a server that is silent', async () => {
    const { sftp, channel } = await withFile('0123456789', {
      answer: ({ kind }) => (kind === 'read' ? 'silence' : undefined),
    });
    const file = await sftp.open('/f');
    const reads = [file.read(), file.read()];
    const ends = reads.map((read) => read.catch((error: SshError) => error.code));
    const closed = file.close();
    await expect(file.read()).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
    await channel.rest();
    channel.pass(5_000);
    await closed;
    channel.pass(10_000);
    expect(await Promise.all(ends)).toEqual(['ERR_SSH_TIMEOUT', 'ERR_SSH_CLOSED']);
    expect(channel.waits.list()).toEqual([]);
  });

  it('lets a text be written from what the same file is read by', async () => {
    const { sftp, files } = await withFile('0123456789');
    const file = await sftp.open('/f', 'r+');
    await file.writeFile(
      (async function* () {
        for (let at = 8; at >= 0; at -= 4) {
          const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, at);
          yield buffer.subarray(0, bytesRead);
          await file.read(Buffer.alloc(1));
        }
      })(),
    );
    await file.close();
    expect(files.text('/f')).toBe('8945896789');
  });

  it('fills all of a buffer, or what is behind an offset, where nothing else is said', async () => {
    const { sftp } = await withFile('0123456789');
    const file = await sftp.open('/f');
    expect([file.path, text(file.handle)]).toEqual(['/f', 'h0']);
    expect((await file.read(Buffer.alloc(4))).buffer.toString()).toBe('0123');
    expect((await file.read(Buffer.alloc(4, '-'), 1)).buffer.toString()).toBe('-456');
    expect((await file.read(Buffer.alloc(4, '-'), 4)).bytesRead).toBe(0);
    await file.close();
    const out = await sftp.open('/g', 'w');
    expect((await out.write(Buffer.from('abcd'))).bytesWritten).toBe(4);
    expect((await out.write(Buffer.from('abcd'), 3)).bytesWritten).toBe(1);
    await out.close();
    expect(await sftp.readFile('/g', 'utf8')).toBe('abcdd');
  });

  it('takes options in their place, and checks them', async () => {
    const { sftp } = await withFile('0123456789', {
      answer: ({ kind }) => (kind === 'read' || kind === 'write' ? 'silence' : undefined),
    });
    const file = await sftp.open('/f', 'r+');
    const aborted = { signal: AbortSignal.abort() };
    const calls: readonly (() => Promise<unknown>)[] = [
      () => file.read(Buffer.alloc(1), 0, 1, 0, aborted),
      () => file.write('x', 0, aborted),
      () => file.write(Buffer.alloc(1), 0, 1, 0, aborted),
      () => file.readFile(aborted),
      () => file.writeFile('x', aborted),
      () => file.appendFile('x', aborted),
      () => file.stat(aborted),
      () => file.truncate(0, aborted),
      () => file.chmod(0, aborted),
      () => file.chown(0, 0, aborted),
      () => file.utimes(0, 0, aborted),
      () => file.sync(aborted),
      () => file.datasync(aborted),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    const bad = { zebra: 1 } as never;
    for (const call of [
      () => file.read(Buffer.alloc(1), 0, 1, 0, bad),
      () => file.stat(bad),
      () => file.readFile(bad),
      () => file.sync(bad),
    ]) {
      await expect(call()).rejects.toEqual(refusal);
    }
    for (const call of [
      () => file.read(5 as never),
      () => file.read('x' as never),
      () => file.read(Buffer.alloc(2), '0' as never),
      () => file.read(Buffer.alloc(2), 0, 3),
      () => file.read(Buffer.alloc(2), { offset: 1, length: 2 }),
      () => file.read(Buffer.alloc(2), { offset: -1 }),
      () => file.read(Buffer.alloc(2), { offset: 1n as never }),
      () => file.read(Buffer.alloc(2), { length: 0.5 }),
      () => file.read(Buffer.alloc(2), { position: '0' as never }),
      () => file.read(Buffer.alloc(2), { position: -2 }),
      () => file.read({ buffer: [] as never }),
      () => file.read({ position: 2n ** 53n }),
      () => file.read({ bufer: Buffer.alloc(1) } as never),
      () => file.readv(Buffer.alloc(1) as never),
      () => file.readv(['x'] as never),
      () => file.readv([Buffer.alloc(1)], 0.5),
      () => file.writev('x' as never),
      () => file.writev([Buffer.alloc(1)], -1),
      () => file.write(5 as never),
      () => file.write(Buffer.alloc(2), { position: -1 }),
      () => file.write(Buffer.alloc(2), { zebra: 1 } as never),
      () => file.write('x', 0, 'rot13' as never),
      () => file.write('4', 0, 'hex'),
      () => file.write('x', 0, 'utf8', bad),
      () => file.write('x', 0, bad),
      () => file.write(Buffer.alloc(2), 1, 2),
      () => file.write(Buffer.alloc(2), -1, 1),
      () => file.write('x', -1),
      () => file.write('x', 0.5),
      () => file.truncate(-1),
      () => file.chown(-1, 0),
      () => file.utimes(-1, 0),
      () => file.writeFile(5 as never),
    ]) {
      await expect(call()).rejects.toEqual(refusal);
    }
    await file.close();
  });

  it('opened for appending writes at the end, whatever the position', async () => {
    const { sftp, files, server } = await withFile('0123');
    for (const flags of ['a', 'a+', 'as'] as const) {
      const file = await sftp.open('/f', flags);
      await file.write('a', 0);
      await file.writeFile('b');
      await file.close();
    }
    expect(files.text('/f')).toBe('0123ababab');
    const places = server.seen.flatMap((request) =>
      request.kind === 'write' ? [Number(request.offset)] : [],
    );
    expect(places).toEqual([4, 5, 6, 7, 8, 9]);
    const plain = await sftp.open('/f', 'r+');
    await plain.write('X', 1);
    await plain.close();
    expect(files.text('/f')).toBe('0X23ababab');
  });

  it('is closed once, tells of a failure, and ends quietly with its session', async () => {
    let closes = 0;
    const { sftp, channel } = await withFile('x', {
      answer: (request) => (request.kind === 'close' && ++closes > 0 ? statusOf(4, 'disk full') : undefined),
    });
    const file = await sftp.open('/f');
    const first = file.close();
    await expect(first).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE', path: '/f' });
    await expect(file.close()).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
    expect(closes).toBe(1);
    const other = await sftp.open('/f');
    await expect(other[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
    const third = await sftp.open('/f');
    channel.break(new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' }));
    await third[Symbol.asyncDispose]();
  });

  it('is asked for sync by the extension alone', async () => {
    const { sftp, server } = await withFile('x');
    const file = await sftp.open('/f');
    await file.sync();
    await file.datasync();
    const names = server.seen.flatMap((request) =>
      request.kind === 'extended' ? [request.extendedRequest] : [],
    );
    expect(names).toEqual(['limits@openssh.com', 'fsync@openssh.com', 'fsync@openssh.com']);
    await file.close();
    const old = await withFile('x', { extensions: [] });
    const other = await old.sftp.open('/f');
    await expect(other.sync()).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_UNSUPPORTED' });
    await other.close();
  });

  it('is asked about by its path only where the server refuses that of a handle', async () => {
    for (const [status, asks] of [
      [3, 1],
      [8, 1],
      [4, 0],
      [2, 0],
    ] as const) {
      const { sftp, server } = await withFile('abc', {
        answer: ({ kind }) => (kind === 'fstat' ? statusOf(status) : undefined),
      });
      const file = await sftp.open('/f');
      const size = await file.stat().then(
        (stats) => stats.size,
        () => 'failed',
      );
      expect([size, server.count('stat')]).toEqual([asks === 1 ? 3 : 'failed', asks]);
      await file.close();
    }
  });
});

describe('calls on whole files', () => {
  it('say in OPEN how, and with which mode', async () => {
    const { sftp, server } = await withFile('abc');
    await sftp.writeFile('/a', 'x');
    await sftp.writeFile('/b', 'x', { mode: 0o600, flag: 'wx' });
    await sftp.appendFile('/f', 'x', { mode: 0o640 });
    await sftp.readFile('/f');
    await (await sftp.open('/c', 'w+', 0o700)).close();
    const opened = server.seen.flatMap((request) =>
      request.kind === 'open' ? [[text(request.filename), request.pflags, request.attrs.permissions]] : [],
    );
    expect(opened).toEqual([
      ['/a', 26, undefined],
      ['/b', 58, 0o600],
      ['/f', 14, 0o640],
      ['/f', 1, undefined],
      ['/c', 27, 0o700],
    ]);
  });

  it('close a file that was only read without waiting, and one that was written before they end', async () => {
    const { sftp, channel } = await withFile('abc', {
      answer: ({ kind }) => (kind === 'close' ? 'silence' : undefined),
    });
    expect(await sftp.readFile('/f', 'utf8')).toBe('abc');
    let isDone = false;
    const writing = sftp
      .writeFile('/g', 'x')
      .catch((error: SshError) => error)
      .finally(() => {
        isDone = true;
      });
    await channel.rest();
    expect(isDone).toBe(false);
    channel.pass(15_000);
    expect(await writing).toMatchObject({ code: 'ERR_SSH_TIMEOUT', path: '/g' });
  });

  it('make folders with a mode, and tell the first that was made', async () => {
    const { sftp, server } = await openMemory();
    expect(await sftp.mkdir('/a', 0o700)).toBeUndefined();
    expect(await sftp.mkdir('/b', { mode: 0o711 })).toBeUndefined();
    expect(await sftp.mkdir('/c/d', { recursive: true, mode: 0o750 })).toBe('/c');
    const made = server.seen.flatMap((request) =>
      request.kind === 'mkdir' ? [[text(request.path), request.attrs.permissions]] : [],
    );
    expect(made).toEqual([
      ['/a', 0o700],
      ['/b', 0o711],
      ['/c/d', 0o750],
      ['/c', 0o750],
      ['/c/d', 0o750],
    ]);
  });

  it('change attributes by the one request that says it, without the bits of a type', async () => {
    const { sftp, server } = await withFile('abc');
    await sftp.chmod('/f', 0o177755);
    await sftp.truncate('/f');
    await sftp.truncate('/f', 5n);
    await sftp.lchmod('/f', 0o100600);
    const set = server.seen.flatMap((request) => (request.kind === 'setstat' ? [request.attrs] : []));
    expect(set).toEqual([{ permissions: 0o7755 }, { size: 0n }, { size: 5n }]);
    expect(server.seen.filter(({ kind }) => kind === 'extended')).toHaveLength(2);
  });

  it('copy modes, and cut what is longer', async () => {
    for (const extensions of [undefined, []] as const) {
      const { sftp, files } = await openMemory({ extensions });
      files.file('/a', 'abc', 0o6711);
      files.file('/long', 'x'.repeat(100));
      await sftp.copyFile('/a', '/b');
      await sftp.copyFile('/a', '/long');
      expect([files.text('/b'), files.text('/long')]).toEqual(['abc', 'abc']);
      expect(files.attributes(files.find('/b', true)).permissions).toBe(0o100711);
      // Onto itself it stays what it is, however the server does it.
      await sftp.copyFile('/a', '/a').catch(() => {});
      expect(files.text('/a')).toBe('abc');
    }
  });
});

describe('a stream', () => {
  it('of writes says in OPEN how, and writes from where it is told, or behind the end', async () => {
    const { sftp, server, files } = await withFile('0123');
    const write = async (options: Parameters<typeof sftp.createWriteStream>[1]): Promise<void> => {
      const stream = sftp.createWriteStream('/f', options);
      stream.end('ab');
      await once(stream, 'finish');
    };
    await write({ flags: 'a' });
    await write({ flags: 'a', start: 1 });
    await write({ flags: 'r+', start: 2 });
    await write({ flags: 'r+' });
    expect(files.text('/f')).toBe('abababab');
    await write({ mode: 0o600 });
    expect(files.text('/f')).toBe('ab');
    const places = server.seen.flatMap((request) =>
      request.kind === 'write' ? [Number(request.offset)] : [],
    );
    expect(places).toEqual([4, 1, 2, 0, 0]);
    const opened = server.seen.flatMap((request) =>
      request.kind === 'open' ? [[request.pflags, request.attrs.permissions]] : [],
    );
    expect(opened).toEqual([
      [14, undefined],
      [14, undefined],
      [3, undefined],
      [3, undefined],
      [26, 0o600],
    ]);
  });

  it('that is destroyed before its file is open closes it, and leaves nothing', async () => {
    for (const way of ['read', 'write'] as const) {
      const { sftp, server, channel } = await withFile('0123');
      const stream = way === 'read' ? sftp.createReadStream('/f') : sftp.createWriteStream('/f');
      stream.on('error', () => {});
      if (way === 'read') (stream as ReturnType<typeof sftp.createReadStream>).resume();
      else (stream as ReturnType<typeof sftp.createWriteStream>).write('x');
      await new Promise((resolve) => setImmediate(resolve));
      stream.destroy();
      await channel.rest();
      expect([server.handles.size, server.count('read'), server.count('write')]).toEqual([0, 0, 0]);
      channel.pass(60_000);
      expect(channel.waits.list()).toEqual([]);
    }
  });
});
