/** Local files as transfers use them: what each call does, and how a system is met that does less than it was asked. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeLocalFiles as files } from '../../../src/node/files/localFiles.ts';
import { LocalFault, type LocalPath } from '../../../src/sftp/seam/localFiles.ts';
import { LocalFolder } from '../../sftp/transfer/support.ts';
import { expectClosedBelow } from '../served/descriptors.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (path: LocalPath): string =>
  typeof path === 'string' ? path : Buffer.from(path).toString('latin1');

async function faultOf(call: Promise<unknown>): Promise<LocalFault> {
  const fault = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (fault instanceof LocalFault) return fault;
  throw new Error(`no fault: ${String(fault)}`);
}

describe('paths', () => {
  it('are taken apart at their last slash, as text and as bytes', () => {
    const rows = [
      ['/a/b', '/a', 'b'],
      ['/a', '/', 'a'],
      ['a/b', 'a', 'b'],
      ['/a/b/c', '/a/b', 'c'],
    ] as const;
    for (const [path, folder, name] of rows) {
      for (const given of [path, bytes(path)]) {
        const found = files.split(given);
        expect([text(found.folder), text(found.name), typeof found.folder]).toEqual([
          folder,
          name,
          typeof given,
        ]);
      }
    }
    // Bytes without a slash lie in the folder that the process is in.
    const bare = files.split(bytes('a'));
    expect([text(bare.folder), text(bare.name)]).toEqual(['', 'a']);
  });

  it('are put together again, as text only where both are', () => {
    expect(files.join('/a', bytes('b'))).toBe('/a/b');
    expect(text(files.join('/a', bytes('\xff')))).toBe('/a/\xff');
    expect(typeof files.join('/a', bytes('\xff'))).toBe('object');
    expect(text(files.join(bytes('/\xfe'), bytes('b')))).toBe('/\xfe/b');
    expect(files.join('/a', bytes('\xc3\xbc'))).toBe('/a/ü');
    // Of memory that is part of more.
    expect(text(files.join(bytes('x/\xfe/y').subarray(1, 3), bytes('zbz').subarray(1, 2)))).toBe('/\xfe/b');
  });

  it('are text for people', () => {
    expect([files.text('/ü'), files.text(bytes('/\xc3\xbc'))]).toEqual(['/ü', '/ü']);
    expect([files.endsInSeparator('/a/'), files.endsInSeparator('/a')]).toEqual([true, false]);
    expect(files.endsInSeparator('/a\\')).toBe(process.platform === 'win32');
    expect(files.unique()).toMatch(/^[0-9a-f]{12}$/);
    expect(files.unique()).not.toBe(files.unique());
  });
});

describe('calls by path', () => {
  it.each([
    ['text', (path: string): LocalPath => path],
    ['bytes', (path: string): LocalPath => new Uint8Array(Buffer.from(path))],
  ])('do what they say, the path being %s', async (_kind, path) => {
    const here = new LocalFolder();
    const at = (name: string): LocalPath => path(here.at(name));
    here.file('f', 'text', 0o640);
    here.link('l', 'f');
    here.link('dangling', 'none');
    await files.mkdir(at('d'), 0o750);
    execFileSync('mkfifo', [here.at('pipe')]);
    const { dev, ino, uid, gid } = fs.statSync(here.at('f'));
    const expected = { kind: 'file', size: 4, mode: 0o640, uid, gid, links: 1, identity: `${dev}:${ino}` };
    expect(await files.stat(at('f'))).toMatchObject(expected);
    expect(await files.stat(at('l'))).toMatchObject(expected);
    expect(await files.lstat(at('l'))).toMatchObject({ kind: 'link' });
    expect(await files.stat(at('d'))).toMatchObject({ kind: 'folder', mode: 0o750 });
    expect(await files.stat(at('pipe'))).toMatchObject({ kind: 'other' });
    for (const missing of ['none', 'f/x', 'dangling']) expect(await files.stat(at(missing))).toBeUndefined();
    expect(await files.lstat(at('f/x'))).toBeUndefined();
    expect(text(await files.realpath(at('l')))).toBe(fs.realpathSync(here.at('f')));
    expect([await files.mayWrite(at('f')), await files.mayWrite(at('none'))]).toEqual([true, false]);
    await files.utimes(at('f'), 1_500, 2_500);
    expect(await files.stat(at('f'))).toMatchObject({ atimeMs: 1500, mtimeMs: 2500 });
    await files.chmod(at('d'), 0o700);
    await files.rename(at('f'), at('d/g'));
    await files.symlink(bytes('d/g'), at('new'));
    expect(text(await files.readlink(at('new')))).toBe('d/g');
    expect(await files.sha256(at('new'))).toBe(createHash('sha256').update('text').digest('hex'));
    const found: string[] = [];
    for await (const { name, kind } of files.list(at('.'))) found.push(`${text(name)} ${kind}`);
    expect(found.sort()).toEqual(['d folder', 'dangling link', 'l link', 'new link', 'pipe other']);
    await files.unlink(at('d/g'));
    await files.rmdir(at('d'));
    await files.unlink(at('pipe'));
    expect(here.tree()).toEqual({ dangling: '-> none', l: '-> f', new: '-> d/g' });
    await expectClosedBelow(here.path);
  });

  it('fail with what was tried, the file and the words of the system', async () => {
    const here = new LocalFolder();
    here.file('f', 'x');
    here.file('d/x', 'x');
    const none = here.at('none');
    const rows: readonly (readonly [() => Promise<unknown>, string, string])[] = [
      [() => files.openReader(none), 'ENOENT', `cannot open "${none}": no such file or directory (ENOENT)`],
      [() => files.openWriter(here.at('f'), 'new', 0o600), 'EEXIST', 'cannot create "'],
      [() => files.openWriter(none, 'there', 0o600), 'ENOENT', 'cannot create "'],
      [() => files.mkdir(here.at('d'), 0o700), 'EEXIST', 'cannot make the folder "'],
      [() => files.rename(none, here.at('x')), 'ENOENT', `cannot rename "${here.at('x')}"`],
      [() => files.unlink(none), 'ENOENT', 'cannot remove "'],
      [() => files.rmdir(here.at('d')), 'ENOTEMPTY', 'cannot remove "'],
      [() => files.readlink(here.at('f')), 'EINVAL', 'cannot read the link "'],
      [() => files.symlink(bytes('x'), here.at('f')), 'EEXIST', 'cannot make the link "'],
      [() => files.chmod(none, 0o600), 'ENOENT', 'cannot change the mode of "'],
      [() => files.utimes(none, 1, 1), 'ENOENT', 'cannot set the times of "'],
      [() => files.realpath(none), 'ENOENT', 'cannot find "'],
      [() => files.realpath(bytes(none)), 'ENOENT', 'cannot find "'],
      [() => files.sha256(none), 'ENOENT', 'cannot read "'],
      [() => files.sha256(here.at('d')), 'EISDIR', 'cannot read "'],
      [() => files.stat('n'.repeat(5000)), 'ENAMETOOLONG', 'cannot look at "'],
      [async () => files.list(none)[Symbol.asyncIterator]().next(), 'ENOENT', 'cannot list "'],
      [async () => files.list(here.at('f'))[Symbol.asyncIterator]().next(), 'ENOTDIR', 'cannot list "'],
      // The system is asked for nothing with a NUL in it.
      [() => files.unlink('a\0b'), 'ERR_INVALID_ARG_VALUE', 'cannot remove "a\\x00b"'],
    ];
    for (const [call, code, words] of rows) {
      const fault = await faultOf(call());
      expect([fault.code, fault.message]).toEqual([code, expect.stringContaining(words)]);
      expect(fault.cause).toBeInstanceOf(Error);
    }
    expect((await faultOf(files.unlink(bytes(none)))).path).toBe(none);
    await expectClosedBelow(here.path);
  });
});

describe('an open file', () => {
  it('is a new one, or one that is there, and is emptied by neither', async () => {
    const here = new LocalFolder();
    here.file('f', 'text');
    here.link('l', 'f');
    const there = await files.openWriter(here.at('f'), 'there', 0o600);
    await there.write([bytes('x')], 1);
    const read = new Uint8Array(9);
    expect(await there.read(read, 1)).toBe(3);
    await there.close();
    expect(here.text('f')).toBe('txxt');
    const made = await files.openWriter(here.at('new'), 'new', 0o600);
    await made.write([bytes('ab'), new Uint8Array(0), bytes('cd')], 2);
    await made.write([], 0);
    await made.write([new Uint8Array(0)], 0);
    await made.truncate(5);
    await made.chmod(0o604);
    await made.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    await made.utimes(1500, 2500);
    expect(await made.stat()).toMatchObject({
      kind: 'file',
      size: 5,
      mode: 0o604,
      atimeMs: 1500,
      mtimeMs: 2500,
    });
    await made.close();
    // Once more does no harm.
    await made.close();
    expect(here.text('new')).toBe('\0\0abc');
    expect((await faultOf(files.openWriter(here.at('l'), 'there', 0o600))).code).toBe('ELOOP');
    expect((await faultOf(files.openWriter(here.at('l'), 'new', 0o600))).code).toBe('EEXIST');
    execFileSync('mkfifo', [here.at('pipe')]);
    // Opening does not wait for who is at the other end.
    await (await files.openReader(here.at('pipe'))).close();
    await expectClosedBelow(here.path);
  });

  it('reads into one piece or several, up to its end', async () => {
    const here = new LocalFolder();
    here.file('f', '0123456789');
    const reader = await files.openReader(here.at('f'));
    const rows = [
      [[4], 0, ['0123']],
      [[4], 8, ['89\0\0']],
      [[3, 4], 0, ['012', '3456']],
      [[0, 3, 0, 4], 5, ['', '567', '', '89\0\0']],
      [[2, 2], 10, ['\0\0', '\0\0']],
      [[0], 0, ['']],
      [[], 0, []],
      [[3, 7], 0, ['012', '3456789']],
    ] as const;
    for (const [lengths, position, expected] of rows) {
      const pieces = lengths.map((length) => new Uint8Array(length));
      const length = await reader.readInto(pieces, position);
      expect(pieces.map(text)).toEqual(expected);
      expect(length).toBe(
        Math.max(
          0,
          Math.min(
            10 - position,
            lengths.reduce((sum: number, one) => sum + one, 0),
          ),
        ),
      );
    }
    expect(await reader.stat()).toMatchObject({ kind: 'file', size: 10 });
    await reader.close();
    await expectClosedBelow(here.path);
  });
});

/** Calls of the system that tests put others in place of. */
const replaced = ['read', 'readv', 'write', 'writev', 'close'] as const;
const system = Object.fromEntries(replaced.map((name) => [name, fs[name]]));

function replace(name: (typeof replaced)[number], call: (...args: never[]) => void): void {
  Reflect.set(fs, name, call);
  syncBuiltinESMExports();
}

afterEach(() => {
  for (const name of replaced) Reflect.set(fs, name, system[name]);
  syncBuiltinESMExports();
});

type Done = (error: NodeJS.ErrnoException | null, length?: number) => void;

describe('a system that does less than it was asked', () => {
  const call = (name: string) => system[name] as unknown as (...args: unknown[]) => void;
  /** At most so many bytes of the pieces, at once. */
  const cut = (pieces: readonly Uint8Array[], most: number): Uint8Array[] => {
    let left = most;
    return pieces
      .map((piece) => {
        const part = piece.subarray(0, left);
        left -= part.length;
        return part;
      })
      .filter(({ length }) => length > 0);
  };

  it('is asked for the rest, whatever it leaves', async () => {
    const lengths = fc.array(fc.nat(6), { maxLength: 5 });
    const limits = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(lengths, limits, fc.nat(4), async (given, most, position) => {
        const here = new LocalFolder();
        let turn = 0;
        const limit = (): number => most[turn++ % most.length] as number;
        replace(
          'write',
          (fd: number, piece: Uint8Array, from: number, length: number, at: number, done: Done) =>
            call('write')(fd, piece, from, Math.min(length, limit()), at, done),
        );
        replace('writev', (fd: number, pieces: Uint8Array[], at: number, done: Done) =>
          call('writev')(fd, cut(pieces, limit()), at, done),
        );
        replace(
          'read',
          (fd: number, into: Uint8Array, from: number, length: number, at: number, done: Done) =>
            call('read')(fd, into, from, Math.min(length, limit()), at, done),
        );
        replace('readv', (fd: number, pieces: Uint8Array[], at: number, done: Done) =>
          call('readv')(fd, cut(pieces, limit()), at, done),
        );
        const all = given.reduce((sum, length) => sum + length, 0);
        const data = Uint8Array.from({ length: all }, (_, index) => index + 1);
        const piecesOf = (memory: Uint8Array): Uint8Array[] => {
          let at = 0;
          return given.map((length) => {
            at += length;
            return memory.subarray(at - length, at);
          });
        };
        const writer = await files.openWriter(here.at('f'), 'new', 0o600);
        await writer.write(piecesOf(data), position);
        const whole = new Uint8Array(position + all + 3);
        expect(await writer.read(whole, 0)).toBe(all === 0 ? 0 : position + all);
        expect(Buffer.from(whole.subarray(position, position + all)).equals(data)).toBe(true);
        await writer.close();
        const reader = await files.openReader(here.at('f'));
        const into = new Uint8Array(all);
        expect(await reader.readInto(piecesOf(into), position)).toBe(all);
        expect(Buffer.from(into).equals(data)).toBe(true);
        await reader.close();
      }),
      { numRuns: 60 },
    );
  });

  it.each(['write', 'writev'] as const)(
    'and takes nothing is a fault, and no loop without end: %s',
    async (name) => {
      const here = new LocalFolder();
      const writer = await files.openWriter(here.at('f\n'), 'new', 0o600);
      replace(name, (...args: unknown[]) => (args.at(-1) as Done)(null, 0));
      const pieces = name === 'write' ? [bytes('x')] : [bytes('x'), bytes('y')];
      const fault = await faultOf(writer.write(pieces, 0));
      expect([fault.code, fault.message]).toEqual([
        'EIO',
        expect.stringContaining('takes no more bytes of "'),
      ]);
      expect(fault.message).toContain('f\\x0a"');
      await writer.close();
    },
  );

  it('and fails is a fault with its code, also where nobody knows the code', async () => {
    const here = new LocalFolder();
    const writer = await files.openWriter(here.at('f'), 'new', 0o600);
    const fail = (error: object) =>
      replace('write', (...args: unknown[]) => (args.at(-1) as Done)(error as Error));
    fail(Object.assign(new Error('x'), { code: 'ENOSPC', errno: -28 }));
    expect((await faultOf(writer.write([bytes('x')], 0))).message).toContain(
      'no space left on device (ENOSPC)',
    );
    fail(new Error('out of order'));
    expect((await faultOf(writer.write([bytes('x')], 0))).message).toMatch(/: out of order \(UNKNOWN\)$/);
    replace('close', (fd: number, done: Done) =>
      call('close')(fd, () => done(Object.assign(new Error('x'), { code: 'EDQUOT', errno: -122 }))),
    );
    // What a disk says late counts as what it says at once.
    expect((await faultOf(writer.close())).message).toContain('cannot close "');
  });
});
