/** What a store is asked for each request, and what a client gets for what it gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as extensions from '../../../src/sftp/packet/extensions.ts';
import { extensionVersions } from '../../../src/sftp/packet/extensions.ts';
import { decodeResponse, encodeRequest } from '../../../src/sftp/packet/frame.ts';
import { openFlags } from '../../../src/sftp/packet/numbers.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import type { SftpResponse } from '../../../src/sftp/packet/responses.ts';
import { statusCodes } from '../../../src/sftp/packet/status.ts';
import { extensionsOf } from '../../../src/sftp/serve/answers.ts';
import { statusOfFault } from '../../../src/sftp/serve/faults.ts';
import { hasHandlers, type SftpHandlers, serveFiles } from '../../../src/sftp/serve/handlers.ts';
import { OpenHandles } from '../../../src/sftp/serve/openHandles.ts';
import { Caller, WorkOrder } from '../../../src/sftp/serve/order.ts';
import { requestNames } from '../../../src/sftp/serve/session.ts';
import { SftpRefusal, type StoreFile, type StoreSession } from '../../../src/sftp/serve/store.ts';
import { isBeneath, normalPath } from '../../../src/sftp/serve/virtualPath.ts';
import { type ServedOptions, serve } from './support.ts';

const init = Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (value: Uint8Array): string => Buffer.from(value).toString();
const attrs = { size: 7n, permissions: 0o100644 };

const turns = async (count: number = 12): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Calls of a store, in words. */
class Recorder {
  readonly calls: string[] = [];

  private note(name: string, ...given: readonly unknown[]): void {
    const shown = given.map((value) =>
      value instanceof Uint8Array
        ? textOf(value)
        : JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner)),
    );
    this.calls.push([name, ...shown].join(' '));
  }

  readonly file: StoreFile = {
    read: async (into, position) => {
      this.note('read', into.length, position);
      into.fill(0x61);
      return Math.min(3, into.length);
    },
    write: async (data, position) => this.note('write', data, position),
    attributes: async () => attrs,
    setAttributes: async (changes) => this.note('file.setAttributes', changes),
    sync: async () => this.note('sync'),
    close: async () => this.note('close'),
  };

  readonly store: StoreSession = {
    realpath: async (path) => {
      this.note('realpath', path);
      return bytes('/real');
    },
    attributes: async (path, follows) => {
      this.note('attributes', path, follows);
      return attrs;
    },
    setAttributes: async (path, changes, follows) => this.note('setAttributes', path, changes, follows),
    open: async (path, how) => {
      this.note('open', path, how);
      return this.file;
    },
    openFolder: async (path) => {
      this.note('openFolder', path);
      return { next: async () => [], close: async () => this.note('closeFolder') };
    },
    remove: async (path) => this.note('remove', path),
    makeFolder: async (path, mode) => this.note('makeFolder', path, mode ?? 'none'),
    removeFolder: async (path) => this.note('removeFolder', path),
    rename: async (from, to, replaces) => this.note('rename', from, to, replaces),
    readLink: async (path) => {
      this.note('readLink', path);
      return bytes('target');
    },
    makeLink: async (target, path) => this.note('makeLink', target, path),
    hardLink: async (from, to) => this.note('hardLink', from, to),
    statFilesystem: async (path) => {
      this.note('statFilesystem', path);
      const n = 1n;
      return {
        bsize: n,
        frsize: n,
        blocks: n,
        bfree: n,
        bavail: n,
        files: n,
        ffree: n,
        favail: n,
        fsid: n,
        flag: n,
        namemax: n,
      };
    },
    ownerNames: async (uids, gids) => {
      this.note('ownerNames', uids, gids);
      return { users: uids.map((uid) => (uid === 0 ? 'root' : undefined)), groups: gids.map(() => 'g') };
    },
    syncs: true,
    isReadOnly: false,
    close: async () => this.note('closeStore'),
  };
}

async function begin(store: StoreSession, options: ServedOptions = {}) {
  const served = await serve({ begin: async () => store }, options);
  served.inbox.push(init);
  await turns(3);
  served.outbox.sent.length = 0;
  let id = 0;
  const ask = async (body: SftpRequest): Promise<SftpResponse> => {
    served.inbox.push(encodeRequest(++id, body));
    await turns();
    const sent = Buffer.concat(served.outbox.sent.splice(0));
    const answer = decodeResponse(new Uint8Array(sent), 4, 4 + sent.readUInt32BE(0));
    expect(answer.id).toBe(id);
    return answer.body;
  };
  const extended = (name: string, payload: Uint8Array): Promise<SftpResponse> =>
    ask({ kind: 'extended', extendedRequest: name, payload });
  return { ...served, ask, extended };
}

const statusIn = (answer: SftpResponse): number | undefined =>
  answer.kind === 'status' ? answer.errorCode : undefined;
const saidIn = (answer: SftpResponse): string | undefined =>
  answer.kind === 'status' ? textOf(answer.errorMessage) : undefined;
const handle = Uint8Array.of(0, 0, 0, 1);
const open = (pflags: number, permissions?: number): SftpRequest => ({
  kind: 'open',
  filename: bytes('/f'),
  pflags,
  attrs: { permissions },
});

/** Requests on paths, what the store is asked, and the kind of answer. */
const requests: readonly (readonly [SftpRequest, string, string])[] = [
  [{ kind: 'stat', path: bytes('/a') }, 'attributes /a true', 'attrs'],
  [{ kind: 'lstat', path: bytes('/a') }, 'attributes /a false', 'attrs'],
  [
    { kind: 'setstat', path: bytes('/a'), attrs: { permissions: 7 } },
    'setAttributes /a {"permissions":7} true',
    'status',
  ],
  [{ kind: 'opendir', path: bytes('/a') }, 'openFolder /a', 'handle'],
  [{ kind: 'remove', filename: bytes('/a') }, 'remove /a', 'status'],
  [{ kind: 'mkdir', path: bytes('/a'), attrs: {} }, 'makeFolder /a "none"', 'status'],
  [{ kind: 'mkdir', path: bytes('/a'), attrs: { permissions: 5 } }, 'makeFolder /a 5', 'status'],
  [{ kind: 'rmdir', path: bytes('/a') }, 'removeFolder /a', 'status'],
  [{ kind: 'realpath', path: bytes('/a') }, 'realpath /a', 'name'],
  [{ kind: 'rename', oldpath: bytes('/a'), newpath: bytes('/b') }, 'rename /a /b false', 'status'],
  [{ kind: 'readlink', path: bytes('/a') }, 'readLink /a', 'name'],
  [{ kind: 'symlink', first: bytes('to'), second: bytes('/a') }, 'makeLink to /a', 'status'],
];
const two = extensions.twoPaths.toBytes({ oldpath: bytes('/a'), newpath: bytes('/b') });
const one = (path: string): Uint8Array => extensions.onePath.toBytes({ path: bytes(path) });
const askedOwners = extensions.usersGroupsById.toBytes({
  uids: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2),
  gids: Uint8Array.of(0, 0, 0, 3),
});
const extendedRequests: readonly (readonly [
  extensions.ExtensionName,
  Uint8Array,
  string | undefined,
  string,
])[] = [
  ['posix-rename@openssh.com', two, 'rename /a /b true', 'status'],
  ['hardlink@openssh.com', two, 'hardLink /a /b', 'status'],
  ['statvfs@openssh.com', one('/a'), 'statFilesystem /a', 'extendedReply'],
  [
    'lsetstat@openssh.com',
    extensions.lsetstat.toBytes({ path: bytes('/a'), attrs: { permissions: 7 } }),
    'setAttributes /a {"permissions":7} false',
    'status',
  ],
  ['limits@openssh.com', new Uint8Array(0), undefined, 'extendedReply'],
  ['expand-path@openssh.com', one('/a'), 'realpath /a', 'name'],
  ['home-directory', extensions.homeDirectory.toBytes({ username: bytes('x') }), 'realpath .', 'name'],
  ['users-groups-by-id@openssh.com', askedOwners, 'ownerNames [0,258] [3]', 'extendedReply'],
];
const changes = new Set(['setstat', 'remove', 'mkdir', 'rmdir', 'rename', 'symlink']);
const changingExtensions = new Set([
  'posix-rename@openssh.com',
  'hardlink@openssh.com',
  'lsetstat@openssh.com',
  'copy-data',
]);

describe('a request on a path', () => {
  it.each(requests.map((row) => [row[0].kind, ...row] as const))(
    'is one call of the store: %s',
    async (_kind, request, call, kind) => {
      const recorder = new Recorder();
      const { ask } = await begin(recorder.store);
      const answer = await ask(request);
      expect(recorder.calls).toEqual([call]);
      expect(answer.kind).toBe(kind);
      if (answer.kind === 'status') expect(answer.errorCode).toBe(0);
      if (answer.kind === 'attrs') expect(answer.attrs).toMatchObject(attrs);
      if (answer.kind === 'name')
        expect(answer.names.map(({ filename }) => textOf(filename))).toEqual([
          request.kind === 'readlink' ? 'target' : '/real',
        ]);
    },
  );

  it.each(requests.map((row) => [row[0].kind, ...row] as const))(
    'of a store that cannot do it is unsupported: %s',
    async (_kind, request, call) => {
      const { realpath, close } = new Recorder().store;
      const { ask } = await begin({ realpath, close, syncs: false, isReadOnly: false });
      expect(statusIn(await ask(request))).toBe(call.startsWith('realpath') ? undefined : 8);
    },
  );

  it.each(requests.map((row) => [row[0].kind, ...row] as const))(
    'changes nothing where nothing may be changed: %s',
    async (kind, request) => {
      const recorder = new Recorder();
      const { ask } = await begin({ ...recorder.store, isReadOnly: true });
      expect(statusIn(await ask(request)) === 3).toBe(changes.has(kind));
      expect(recorder.calls.length).toBe(changes.has(kind) ? 0 : 1);
    },
  );

  it.each(extendedRequests)(
    'by extension is one call of the store: %s',
    async (name, payload, call, kind) => {
      const recorder = new Recorder();
      const { extended } = await begin(recorder.store);
      const answer = await extended(name, payload);
      expect(recorder.calls).toEqual(call === undefined ? [] : [call]);
      expect(answer.kind).toBe(kind);
      // One that is cut short is answered as malformed, and asks the store for nothing.
      recorder.calls.length = 0;
      if (payload.length > 0) expect(statusIn(await extended(name, payload.subarray(0, -1)))).toBe(5);
      expect(recorder.calls).toEqual([]);
      const bare = await begin({
        realpath: recorder.store.realpath,
        close: recorder.store.close,
        syncs: false,
        isReadOnly: false,
      });
      const always = ['limits@openssh.com', 'expand-path@openssh.com', 'home-directory'];
      expect(statusIn(await bare.extended(name, payload)) === 8).toBe(!always.includes(name));
      const readOnly = await begin({ ...recorder.store, isReadOnly: true });
      expect(statusIn(await readOnly.extended(name, payload)) === 3).toBe(changingExtensions.has(name));
    },
  );

  it('tells names of users and groups, and the limits in force', async () => {
    const { extended } = await begin(new Recorder().store, {
      limits: { sftpHandles: 9, sftpPacketLength: 40_000 },
    });
    const names = await extended('users-groups-by-id@openssh.com', askedOwners);
    if (names.kind !== 'extendedReply') throw new Error('no names');
    const { usernames, groupnames } = extensions.usersGroupsNames.fromBytes(names.payload);
    expect(Buffer.from(usernames).toString('latin1')).toBe('\0\0\0\x04root\0\0\0\0');
    expect(Buffer.from(groupnames).toString('latin1')).toBe('\0\0\0\x01g');
    const limits = await extended('limits@openssh.com', new Uint8Array(0));
    if (limits.kind !== 'extendedReply') throw new Error('no limits');
    expect(extensions.serverLimits.fromBytes(limits.payload)).toEqual({
      maxPacketLength: 40_000n,
      maxReadLength: 38_976n,
      maxWriteLength: 38_976n,
      maxOpenHandles: 9n,
    });
    const odd = extensions.usersGroupsById.toBytes({ uids: new Uint8Array(5), gids: new Uint8Array(0) });
    expect(statusIn(await extended('users-groups-by-id@openssh.com', odd))).toBe(5);
    for (const [count, status] of [
      [4096, undefined],
      [4097, 5],
    ] as const) {
      const many = extensions.usersGroupsById.toBytes({
        uids: new Uint8Array(4 * count),
        gids: new Uint8Array(0),
      });
      expect(statusIn(await extended('users-groups-by-id@openssh.com', many))).toBe(status);
    }
  });

  it('has a path that a store can have: without NUL, not too long, and the beginning of the session where it is empty', async () => {
    const recorder = new Recorder();
    const { ask } = await begin(recorder.store, { limits: { sftpNameLength: 10 } });
    const stat = async (path: string): Promise<number | undefined> =>
      statusIn(await ask({ kind: 'stat', path: bytes(path) }));
    expect([
      await stat('x'.repeat(10)),
      await stat('x'.repeat(11)),
      await stat('a\0b'),
      await stat(''),
    ]).toEqual([undefined, 5, 5, undefined]);
    expect(recorder.calls).toEqual(['attributes xxxxxxxxxx true', 'attributes . true']);
    expect(saidIn(await ask({ kind: 'stat', path: bytes('x'.repeat(11)) }))).toContain('10 bytes at most');
    expect(saidIn(await ask({ kind: 'stat', path: bytes('\0') }))).toContain('no NUL');
  });

  it.each([
    ['~', '.'],
    ['~/', '.'],
    ['~/a', 'a'],
    ['~/a/~', 'a/~'],
    ['/~', '/~'],
    ['a', 'a'],
    ['~ops', undefined],
    ['~ops/a', undefined],
  ])('expand-path has %j as %j', async (path, asked) => {
    const recorder = new Recorder();
    const { extended } = await begin(recorder.store);
    const answer = await extended('expand-path@openssh.com', one(path));
    if (asked === undefined) {
      expect([statusIn(answer), saidIn(answer)]).toEqual([2, 'the home of ops is not known']);
    } else expect(recorder.calls).toEqual([`realpath ${asked}`]);
  });
});

describe('OPEN', () => {
  it('says how to open in the flags of the draft', async () => {
    const names = {
      reads: openFlags.read,
      writes: openFlags.write,
      appends: openFlags.append,
      creates: openFlags.create,
      truncates: openFlags.truncate,
      exclusive: openFlags.exclusive,
    };
    for (let pflags = 0; pflags < 64; pflags++) {
      const recorder = new Recorder();
      const { ask } = await begin(recorder.store);
      expect((await ask(open(pflags, 0o600))).kind).toBe('handle');
      const how = JSON.parse((recorder.calls[0] as string).slice('open /f '.length));
      const has = (name: keyof typeof names): boolean => (pflags & names[name]) !== 0;
      expect(how).toEqual({
        reads: has('reads') || !(has('writes') || has('appends')),
        writes: has('writes') || has('appends'),
        appends: has('appends'),
        creates: has('creates'),
        truncates: has('truncates'),
        exclusive: has('exclusive'),
        mode: 0o600,
      });
      const readOnly = await begin({ ...new Recorder().store, isReadOnly: true });
      const changes = how.writes || how.creates || how.truncates;
      expect(statusIn(await readOnly.ask(open(pflags)))).toBe(changes ? 3 : undefined);
    }
  });

  it('gives a handle of its own each time, which is nobody’s once it was closed', async () => {
    const recorder = new Recorder();
    const { ask, session } = await begin(recorder.store);
    expect(await ask(open(1))).toEqual({ kind: 'handle', handle });
    expect(await ask(open(1))).toEqual({ kind: 'handle', handle: Uint8Array.of(0, 0, 0, 2) });
    expect(session.snapshot(true)).toMatchObject({ openHandles: 2, filesOpened: 2, fileNames: ['/f', '/f'] });
    expect(session.snapshot(false).fileNames).toBeUndefined();
    expect(statusIn(await ask({ kind: 'close', handle }))).toBe(0);
    expect(statusIn(await ask({ kind: 'close', handle }))).toBe(4);
    expect(statusIn(await ask({ kind: 'fstat', handle }))).toBe(4);
    expect(recorder.calls.filter((call) => call === 'close')).toHaveLength(1);
    expect(await ask(open(1))).toEqual({ kind: 'handle', handle: Uint8Array.of(0, 0, 0, 3) });
  });
});

describe('a request on a handle', () => {
  it('is one call of the file', async () => {
    const recorder = new Recorder();
    const { ask, extended, session } = await begin(recorder.store, { limits: { sftpPacketLength: 40_000 } });
    await ask(open(3));
    recorder.calls.length = 0;
    const read = (length: number): Promise<SftpResponse> => ask({ kind: 'read', handle, offset: 5n, length });
    expect(await read(10)).toEqual({ kind: 'data', data: bytes('aaa') });
    expect(await read(2)).toEqual({ kind: 'data', data: bytes('aa') });
    expect((await read(1_000_000)).kind).toBe('data');
    // Nothing was asked for: that is the end of what was asked for.
    expect(statusIn(await read(0))).toBe(1);
    expect(statusIn(await ask({ kind: 'write', handle, offset: 9n, data: bytes('xyz') }))).toBe(0);
    expect(await ask({ kind: 'fstat', handle })).toEqual({ kind: 'attrs', attrs });
    expect(statusIn(await ask({ kind: 'fsetstat', handle, attrs: { size: 3n } }))).toBe(0);
    const own = extensions.oneHandle.toBytes({ handle });
    expect(statusIn(await extended('fsync@openssh.com', own))).toBe(0);
    expect(statusIn(await extended('fstatvfs@openssh.com', own))).toBe(8);
    expect(recorder.calls).toEqual([
      'read 10 5',
      'read 2 5',
      'read 38976 5',
      'write xyz 9',
      'file.setAttributes {"size":3}',
      'sync',
    ]);
    expect(session.snapshot(false)).toMatchObject({
      bytesRead: 8,
      bytesWritten: 3,
      requests: 0,
      queuedRequests: 0,
    });
  });

  it('of a folder is none of a file, and the other way round', async () => {
    const recorder = new Recorder();
    const { ask } = await begin(recorder.store);
    await ask(open(1));
    await ask({ kind: 'opendir', path: bytes('/d') });
    const folder = Uint8Array.of(0, 0, 0, 2);
    expect(saidIn(await ask({ kind: 'readdir', handle }))).toBe('the handle is of a file');
    expect(saidIn(await ask({ kind: 'read', handle: folder, offset: 0n, length: 1 }))).toBe(
      'the handle is of a folder',
    );
    expect(statusIn(await ask({ kind: 'readdir', handle: folder }))).toBe(1);
    expect(statusIn(await ask({ kind: 'close', handle: folder }))).toBe(0);
    expect(recorder.calls.at(-1)).toBe('closeFolder');
  });

  it('lists a folder in answers of a bounded length, with every entry once', async () => {
    const count = 900;
    const entries = Array.from({ length: count }, (_, i) => ({
      name: bytes(`${i}-${'n'.repeat(i % 200)}`),
      attributes: { permissions: 0o100644 },
    }));
    const given = [entries.slice(0, 700), entries.slice(700)];
    const { ask } = await begin({
      ...new Recorder().store,
      openFolder: async () => ({ next: async () => given.shift() ?? [], close: async () => {} }),
    });
    await ask({ kind: 'opendir', path: bytes('/d') });
    const found: string[] = [];
    for (;;) {
      const answer = await ask({ kind: 'readdir', handle });
      if (answer.kind !== 'name') {
        expect(statusIn(answer)).toBe(1);
        break;
      }
      expect(answer.names.length).toBeLessThanOrEqual(256);
      const length = answer.names.reduce(
        (sum, { filename, longname }) => sum + filename.length + longname.length,
        0,
      );
      expect(length).toBeLessThan(34_000);
      for (const { filename, longname } of answer.names) {
        found.push(textOf(filename));
        expect(textOf(longname)).toMatch(/^-rw-r--r-- /);
      }
    }
    expect(found).toEqual(entries.map(({ name }) => textOf(name)));
  });

  it('copies a range from one file to another, and a file onto itself never', async () => {
    const source = Buffer.alloc(600_000);
    for (let i = 0; i < source.length; i++) source[i] = i % 251;
    const target = Buffer.alloc(700_000);
    let opened = 0;
    const recorder = new Recorder();
    const { extended, ask } = await begin({
      ...recorder.store,
      open: async () => {
        const data = opened++ === 0 ? source : target;
        return {
          ...recorder.file,
          read: async (into, position) => {
            const part = data.subarray(Number(position), Number(position) + into.length);
            into.set(part);
            return part.length;
          },
          write: async (bytesToWrite, position) => void data.set(bytesToWrite, Number(position)),
          attributes: async () => ({ ...attrs, size: BigInt(data.length) }),
        };
      },
    });
    await ask(open(1));
    await ask(open(2));
    const other = Uint8Array.of(0, 0, 0, 2);
    const copy = (
      from: bigint,
      length: bigint,
      to: bigint,
      into: Uint8Array = other,
    ): Promise<SftpResponse> =>
      extended(
        'copy-data',
        extensions.copyData.toBytes({
          readFromHandle: handle,
          readFromOffset: from,
          readDataLength: length,
          writeToHandle: into,
          writeToOffset: to,
        }),
      );
    for (const [from, length, to] of [
      [0, 0, 0],
      [10, 5, 3],
      [1000, 300_000, 20],
      [100, 262_144, 7],
      [599_990, 50, 0],
      [600_000, 0, 5],
    ] as const) {
      target.fill(0);
      expect(statusIn(await copy(BigInt(from), BigInt(length), BigInt(to)))).toBe(0);
      const expected = Buffer.alloc(target.length);
      source.copy(expected, to, from, length === 0 ? source.length : Math.min(source.length, from + length));
      expect(target.equals(expected), `${from} ${length} ${to}`).toBe(true);
    }
    expect(saidIn(await copy(0n, 0n, 0n, handle))).toBe('a file is not copied onto itself');
    expect(statusIn(await copy(0n, 0n, 0n, Uint8Array.of(9)))).toBe(4);
  });
});

describe('what a session permits', () => {
  it('has names as sftp-server(8) has them', () => {
    expect(requestNames).toContain('read');
    expect(requestNames).toContain('posix-rename');
    expect(requestNames).toContain('copy-data');
    expect(requestNames).not.toContain('extended');
    expect(requestNames.every((name) => !name.includes('@'))).toBe(true);
  });

  it('is carried out, and all else is refused and not announced', async () => {
    const recorder = new Recorder();
    const { ask, extended, session } = await begin(recorder.store, {
      permits: (name) => ['stat', 'posix-rename'].includes(name),
    });
    expect((await ask({ kind: 'stat', path: bytes('/a') })).kind).toBe('attrs');
    expect(statusIn(await ask({ kind: 'lstat', path: bytes('/a') }))).toBe(3);
    expect(statusIn(await extended('posix-rename@openssh.com', two))).toBe(0);
    expect(statusIn(await extended('hardlink@openssh.com', two))).toBe(3);
    expect(recorder.calls).toEqual(['attributes /a true', 'rename /a /b true']);
    // None of these opened a file.
    expect(session.snapshot(false).filesOpened).toBe(0);
  });

  it('announces what the store can do, and no more', () => {
    const { store } = new Recorder();
    const of = (more: Partial<StoreSession>): string[] => extensionsOf({ ...store, ...more }).sort();
    expect(of({})).toEqual(Object.keys(extensionVersions).sort());
    const without = (...names: readonly string[]): string[] =>
      Object.keys(extensionVersions)
        .filter((name) => !names.includes(name))
        .sort();
    expect(of({ isReadOnly: true })).toEqual(
      without(
        'posix-rename@openssh.com',
        'hardlink@openssh.com',
        'fsync@openssh.com',
        'lsetstat@openssh.com',
        'copy-data',
      ),
    );
    expect(of({ syncs: false })).toEqual(without('fsync@openssh.com', 'fstatvfs@openssh.com'));
    expect(of({ rename: undefined })).toEqual(without('posix-rename@openssh.com'));
    expect(of({ hardLink: undefined })).toEqual(without('hardlink@openssh.com'));
    expect(of({ setAttributes: undefined })).toEqual(without('lsetstat@openssh.com'));
    expect(of({ open: undefined })).toEqual(without('copy-data'));
    expect(of({ ownerNames: undefined })).toEqual(without('users-groups-by-id@openssh.com'));
    expect(of({ statFilesystem: undefined })).toEqual(without('statvfs@openssh.com', 'fstatvfs@openssh.com'));
  });
});

describe('what a store throws', () => {
  it.each([
    ['ENOENT', 2, 'No such file'],
    ['ENOTDIR', 2, 'a part of the path is not a folder'],
    ['ELOOP', 2, 'too many links'],
    ['EACCES', 3, 'Permission denied'],
    ['EPERM', 3, 'Permission denied'],
    ['EROFS', 3, 'the file system is read-only'],
    ['ENAMETOOLONG', 5, 'the name is too long'],
    ['EINVAL', 5, 'Bad message'],
    ['ENOSYS', 8, 'Operation unsupported'],
    ['ENOTSUP', 8, 'Operation unsupported'],
    ['EOPNOTSUPP', 8, 'Operation unsupported'],
    ['EEXIST', 4, 'the name is taken'],
    ['ENOTEMPTY', 4, 'the folder is not empty'],
    ['EISDIR', 4, 'it is a folder'],
    ['EXDEV', 4, 'the two lie on different file systems'],
    ['ENOSPC', 4, 'no space is left'],
    ['EDQUOT', 4, 'the quota is used up'],
    ['EFBIG', 4, 'the file would be too large'],
    ['EBUSY', 4, 'it is in use'],
    ['EMLINK', 4, 'it has too many names'],
    ['EMFILE', 4, 'too many files are open'],
    ['ENFILE', 4, 'too many files are open'],
    ['EIO', 4, 'an error of the disk'],
  ])('%s is status %d: %s', (code, status, text) => {
    const { answer, isFault } = statusOfFault(Object.assign(new Error('/secret/path'), { code }));
    expect([statusIn(answer), saidIn(answer), isFault]).toEqual([status, text, false]);
  });

  it.each([
    undefined,
    null,
    'ENOENT',
    { code: 'ENOENT' },
    new Error('secret'),
    Object.assign(new Error('x'), { code: 'EWHATEVER' }),
    Object.assign(new Error('x'), { code: 'toString' }),
    Object.assign(new Error('x'), { code: 2 }),
  ])('%o is a fault, and says nothing to the client', (thrown) => {
    const { answer, isFault } = statusOfFault(thrown);
    expect([statusIn(answer), saidIn(answer), isFault]).toEqual([4, 'Failure', true]);
  });

  it('a refusal has its status, its text or the usual one', () => {
    for (const reason of [
      'noSuchFile',
      'permissionDenied',
      'failure',
      'badMessage',
      'opUnsupported',
    ] as const) {
      expect(statusIn(statusOfFault(new SftpRefusal(reason)).answer)).toBe(statusCodes[reason]);
      expect(saidIn(statusOfFault(new SftpRefusal(reason, 'mine')).answer)).toBe('mine');
      expect(saidIn(statusOfFault(new SftpRefusal(reason)).answer)).toMatch(/^[A-Z]/);
    }
  });
});

describe('handlers', () => {
  const stat = async (found: unknown) => {
    const { ask, reports } = await begin(
      await serveFiles({ stat: () => found as never }).begin({
        username: 'ops',
        signal: new AbortController().signal,
      }),
    );
    return { answer: await ask({ kind: 'stat', path: bytes('/a') }), reports };
  };

  it('give attributes in the terms of SFTP: times within its range, modes without a type', async () => {
    for (const [found, expected] of [
      [{}, { size: 0n, permissions: 0o100644, uid: 0, gid: 0, atime: 0, mtime: 0 }],
      [{ type: 'folder' }, { permissions: 0o040755 }],
      [{ type: 'link' }, { permissions: 0o120777 }],
      [{ type: 'other' }, { permissions: 0o020644 }],
      [
        { mode: 0o100600, size: 5 },
        { permissions: 0o100600, size: 5n },
      ],
      [{ mode: 0o177777 }, { permissions: 0o107777 }],
      [
        { size: 2n ** 60n, uid: 7, gid: 8 },
        { size: 2n ** 60n, uid: 7, gid: 8 },
      ],
      [{ mtime: new Date(5999) }, { mtime: 5, atime: 5 }],
      [
        { mtime: new Date(5000), atime: new Date(7000) },
        { mtime: 5, atime: 7 },
      ],
      [{ mtime: new Date(-5000) }, { mtime: 0 }],
      [{ mtime: new Date('2300-01-01') }, { mtime: 0xffff_ffff }],
      [{ mtime: new Date(Number.NaN) }, { mtime: 0 }],
    ] as const) {
      const { answer, reports } = await stat(found);
      expect(answer).toMatchObject({ kind: 'attrs', attrs: expected });
      expect(reports).toEqual([]);
    }
    for (const none of [undefined, null]) expect(statusIn((await stat(none)).answer)).toBe(2);
    for (const fault of [5, 'x', { type: 'whatever' }, { type: 'toString' }, { size: 1.5 }, { size: 'x' }]) {
      const { answer, reports } = await stat(fault);
      expect([statusIn(answer), reports.length], String(fault)).toEqual([4, 1]);
    }
  });

  it('are told changes in their terms, and of a mode the permissions alone', async () => {
    const seen: unknown[] = [];
    const handlers: SftpHandlers = {
      setAttributes: (path, change, follows) => void seen.push([path, change, follows]),
    };
    const { ask } = await begin(
      await serveFiles(handlers).begin({ username: 'ops', signal: new AbortController().signal }),
    );
    await ask({ kind: 'setstat', path: bytes('a'), attrs: { permissions: 0o100640, atime: 5, mtime: 6 } });
    await ask({ kind: 'setstat', path: bytes('a'), attrs: { size: 9n, uid: 1, gid: 2 } });
    const none = {
      size: undefined,
      mode: undefined,
      uid: undefined,
      gid: undefined,
      atime: undefined,
      mtime: undefined,
    };
    expect(seen).toEqual([
      ['/a', { ...none, mode: 0o640, atime: new Date(5000), mtime: new Date(6000) }, true],
      ['/a', { ...none, size: 9n, uid: 1, gid: 2 }, true],
    ]);
  });

  it('of a file do what it was opened for, at places that a number holds', async () => {
    const seen: unknown[] = [];
    const handlers: SftpHandlers = {
      open: () => ({
        read: (length, position) => {
          seen.push(['read', length, position]);
          return new Uint8Array(1);
        },
        write: (data, position) => void seen.push(['write', data.length, position]),
      }),
    };
    const store = await serveFiles(handlers).begin({ username: 'ops', signal: new AbortController().signal });
    for (const [pflags, reads, writes] of [
      [1, undefined, 3],
      [2, 3, 0],
      [3, undefined, 0],
    ] as const) {
      const { ask, extended } = await begin(store);
      await ask(open(pflags));
      expect(statusIn(await ask({ kind: 'read', handle, offset: 1n, length: 4 }))).toBe(reads);
      expect(statusIn(await ask({ kind: 'write', handle, offset: 1n, data: bytes('x') }))).toBe(writes);
      for (const request of [
        { kind: 'fstat', handle },
        { kind: 'fsetstat', handle, attrs: {} },
      ] as const)
        expect(statusIn(await ask(request))).toBe(8);
      expect(statusIn(await extended('fsync@openssh.com', extensions.oneHandle.toBytes({ handle })))).toBe(8);
      const far = 2n ** 53n;
      if (reads === undefined) {
        expect((await ask({ kind: 'read', handle, offset: far - 1n, length: 4 })).kind).toBe('data');
        expect(saidIn(await ask({ kind: 'read', handle, offset: far, length: 4 }))).toBe(
          'no file is as long',
        );
      }
      expect(statusIn(await ask({ kind: 'close', handle }))).toBe(0);
    }
    expect(seen).toContainEqual(['read', 4, 2 ** 53 - 1]);
  });

  it('list entries with names that a folder can have, a bounded number in a step', async () => {
    let given = 0;
    const handlers: SftpHandlers = {
      readdir: function* () {
        for (let i = 0; i < 300; i++) {
          given++;
          yield { name: `n${i}` };
        }
      },
    };
    const store = await serveFiles(handlers).begin({ username: 'ops', signal: new AbortController().signal });
    const folder = await store.openFolder?.(bytes('/'));
    expect([(await folder?.next())?.length, given]).toEqual([128, 128]);
    await folder?.close();
    expect(given).toBe(128);
    for (const name of ['', 'a/b', 'a\0', 5, undefined]) {
      const bad = await serveFiles({ readdir: () => [{ name } as never] }).begin({
        username: 'ops',
        signal: new AbortController().signal,
      });
      await expect((await bad.openFolder?.(bytes('/')))?.next()).rejects.toThrow('the name of an entry');
    }
    for (const list of [5, null, {}]) {
      const bad = await serveFiles({ readdir: () => list as never }).begin({
        username: 'ops',
        signal: new AbortController().signal,
      });
      await expect(bad.openFolder?.(bytes('/'))).rejects.toThrow('readdir must answer with an iterable');
    }
  });

  it('that answer with no text where text is due are a fault of the application', async () => {
    for (const wrong of [5, undefined, null, bytes('/x')]) {
      const store = await serveFiles({
        readlink: () => wrong as never,
        realpath: () => wrong as never,
      }).begin({ username: 'ops', signal: new AbortController().signal });
      await expect(store.readLink?.(bytes('/l'))).rejects.toThrow('readlink must answer with a string');
      await expect(store.realpath?.(bytes('/l'))).rejects.toThrow('realpath must answer with a string');
    }
  });

  it('do not move a folder into itself, and are told whether a file is replaced', async () => {
    const seen: unknown[] = [];
    const store = await serveFiles({ rename: (...given) => void seen.push(given.slice(0, 3)) }).begin({
      username: 'ops',
      signal: new AbortController().signal,
    });
    await expect(store.rename?.(bytes('/a'), bytes('/a/b'), true)).rejects.toThrow(
      'a folder does not go into itself',
    );
    await store.rename?.(bytes('/a'), bytes('/ab'), true);
    await store.rename?.(bytes('/a'), bytes('a'), false);
    expect(seen).toEqual([
      ['/a', '/ab', true],
      ['/a', '/a', false],
    ]);
  });

  it('are known by one of their names', () => {
    expect([
      hasHandlers({ stat: () => {} }),
      hasHandlers({}),
      hasHandlers({ stat: 5 }),
      hasHandlers(undefined),
      hasHandlers({ begin: () => {} }),
    ]).toEqual([true, false, false, false, false]);
  });
});

describe('paths as a client sees them', () => {
  it('are absolute, without dots and double slashes, and never above the root', () => {
    const parts = fc.array(fc.constantFrom('..', '.', '', 'a', 'b.c', '...'), { maxLength: 10 });
    fc.assert(
      fc.property(parts, (list) => {
        const names: string[] = [];
        for (const part of list) {
          if (part === '..') names.pop();
          else if (part !== '' && part !== '.') names.push(part);
        }
        const path = normalPath(list.join('/'));
        expect(path).toBe(`/${names.join('/')}`);
        expect(normalPath(path)).toBe(path);
        expect(isBeneath(path, '/')).toBe(path !== '/');
        expect(isBeneath(`${path === '/' ? '' : path}/x`, path)).toBe(true);
        expect(isBeneath(path, path)).toBe(false);
        if (path !== '/') expect(isBeneath(`${path}x/y`, path)).toBe(false);
      }),
    );
  });
});

describe('handles of a session', () => {
  const file = (closed: string[], name: string): StoreFile => ({
    ...new Recorder().file,
    close: async () => void closed.push(name),
  });

  it('are counted from the moment that they are asked for', async () => {
    const handles = new OpenHandles(2, () => {});
    let resolve = (): void => {};
    const opening = handles.open(
      bytes('/a'),
      () =>
        new Promise((done) => {
          resolve = () => done({ file: file([], 'a'), folder: undefined, writes: false });
        }),
    );
    await handles.open(bytes('/b'), async () => ({ file: file([], 'b'), folder: undefined, writes: true }));
    await expect(
      handles.open(bytes('/c'), async () => ({ file: undefined, folder: undefined, writes: false })),
    ).rejects.toThrow('2 files are open');
    expect([handles.size, handles.paths.map(textOf)]).toEqual([1, ['/b']]);
    resolve();
    expect(await opening).toEqual(Uint8Array.of(0, 0, 0, 2));
    await expect(handles.open(bytes('/d'), () => Promise.reject(new Error('x')))).rejects.toThrow(
      '2 files are open',
    );
    await handles.close(Uint8Array.of(0, 0, 0, 1));
    await expect(handles.open(bytes('/d'), () => Promise.reject(new Error('of its own')))).rejects.toThrow(
      'of its own',
    );
    // One that failed takes no place.
    await handles.open(bytes('/e'), async () => ({ file: file([], 'e'), folder: undefined, writes: false }));
    expect(handles.size).toBe(2);
  });

  it('that are opened behind the end are closed, and what fails in that is told', async () => {
    const closed: string[] = [];
    const reports: unknown[] = [];
    const handles = new OpenHandles(9, (error) => reports.push(error));
    await handles.open(bytes('/a'), async () => ({
      file: file(closed, 'a'),
      folder: undefined,
      writes: false,
    }));
    handles.closeAll();
    await handles.open(bytes('/b'), async () => ({
      file: { ...file(closed, 'b'), close: () => Promise.reject(new Error('disk')) },
      folder: undefined,
      writes: false,
    }));
    await turns();
    expect([closed, handles.size, reports]).toEqual([['a'], 0, [new Error('disk')]]);
    handles.drop(Uint8Array.of(9, 9, 9, 9));
  });
});

describe('the order of work', () => {
  interface Plan {
    readonly kind: 'beside' | 'alone' | 'last';
    readonly end: number;
    readonly giveUp: number | undefined;
  }

  it('lets reads run beside each other, a change alone, each in its turn; who gives up holds up none, and the last waits for all', async () => {
    const plans: fc.Arbitrary<Plan> = fc.record({
      kind: fc.constantFrom('beside', 'beside', 'alone', 'last'),
      end: fc.nat(30),
      giveUp: fc.option(fc.nat(30), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(plans, { maxLength: 9 }), async (story) => {
        const order = new WorkOrder();
        const begun: number[] = [];
        const running = new Set<number>();
        const unfinished = new Set<number>();
        const waiting = new Set(story.keys());
        const finishers = new Map<number, () => void>();
        const callers = story.map(() => new Caller());
        const outcomes = story.map(({ kind }, id) => {
          const work = (): Promise<number> => {
            // Nobody of those ahead waits any more.
            expect([...waiting].filter((other) => other < id)).toEqual([]);
            const others = [...running];
            if (kind === 'beside')
              expect(others.every((other) => story[other]?.kind === 'beside')).toBe(true);
            else expect(others).toEqual([]);
            if (kind === 'last') expect([...unfinished]).toEqual([]);
            waiting.delete(id);
            begun.push(id);
            running.add(id);
            unfinished.add(id);
            return new Promise((resolve) => {
              finishers.set(id, () => {
                running.delete(id);
                unfinished.delete(id);
                resolve(id);
              });
            });
          };
          const promise = kind === 'last' ? order.last(work) : order[kind](work, callers[id]);
          return promise.then(
            () => 'done',
            () => 'refused',
          );
        });
        for (let time = 0; time <= 30; time++) {
          for (const [id, { kind, end, giveUp }] of story.entries()) {
            if (kind !== 'last' && giveUp === time) {
              waiting.delete(id);
              running.delete(id);
              callers[id]?.giveUp();
            }
            if (end <= time) finishers.get(id)?.();
          }
          for (let i = 0; i < 4; i++) await Promise.resolve();
          await turns(1);
          for (const [id, { end }] of story.entries()) if (end <= time) finishers.get(id)?.();
          await turns(1);
        }
        for (let round = 0; round < story.length; round++) {
          for (const finish of finishers.values()) finish();
          await turns(2);
        }
        const found = await Promise.all(outcomes);
        for (const [id, outcome] of found.entries())
          expect(outcome).toBe(begun.includes(id) ? 'done' : 'refused');
        expect(begun).toEqual([...begun].sort((a, b) => a - b));
      }),
      { numRuns: 80 },
    );
  });
});
