/** Files of this machine as a store: what each call does to them, within a folder and without a bound. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { descriptorAnchorage, pathAnchorage } from '../../../src/node/served/anchors.ts';
import { serveFolderBy } from '../../../src/node/served/serveFolder.ts';
import { serveWholeSystem } from '../../../src/node/served/wholeSystem.ts';
import type { SftpStore } from '../../../src/sftp/serve/store.ts';
import { LocalFolder } from '../../sftp/transfer/support.ts';
import { expectClosedBelow } from './descriptors.ts';
import { Client, codeOf, how, writing } from './store.ts';

const signal = new AbortController().signal;
const begin = async (store: SftpStore): Promise<Client> =>
  new Client(await store.begin({ username: 'ops', signal }));

type Serve = (path: string, isReadOnly: boolean) => SftpStore;

const byDescriptors: Serve = (path, readOnly) => serveFolderBy(descriptorAnchorage, path, { readOnly });
const stores: readonly (readonly [string, Serve])[] = [
  ...(process.platform === 'linux' ? [['a folder by descriptors', byDescriptors] as const] : []),
  ['a folder by paths', (path, readOnly) => serveFolderBy(pathAnchorage, path, { readOnly })],
  ['the whole system', (path, readOnly) => serveWholeSystem({ readOnly, startFolder: path })],
];

const isRoot = process.getuid?.() === 0;

describe.each(stores)('%s', (name, serve) => {
  const isWhole = name === 'the whole system';
  const open = async (isReadOnly: boolean = false): Promise<{ here: LocalFolder; client: Client }> => {
    const here = new LocalFolder();
    return { here, client: await begin(serve(here.path, isReadOnly)) };
  };
  /** Of a client's path, for a store that knows nothing of the folder. */
  const over = async (here: LocalFolder, client: Client): Promise<void> => {
    await client.session.close();
    await expectClosedBelow(here.path);
  };

  it('opens a file as the flags say', async () => {
    const { here, client } = await open();
    /** Before, the flags, what is written at byte 1, after: text, or the code of the error. */
    const rows = [
      [undefined, how(), undefined, 'ENOENT'],
      [undefined, writing, 'x', '\0x'],
      [undefined, how({ writes: true }), 'x', 'ENOENT'],
      [undefined, how({ creates: true }), undefined, ''],
      ['text', how(), undefined, 'text'],
      ['text', how(), 'x', 'EBADF'],
      ['text', writing, 'x', 'txxt'],
      ['text', how({ writes: true }), 'x', 'txxt'],
      ['text', how({ ...writing, truncates: true }), 'x', '\0x'],
      ['text', how({ ...writing, appends: true }), 'x', 'textx'],
      ['text', how({ ...writing, exclusive: true }), 'x', 'EEXIST'],
      ['text', how({ writes: true, exclusive: true }), 'x', 'txxt'],
      // Who only reads empties nothing.
      ['text', how({ truncates: true }), undefined, 'text'],
      ['text', how({ truncates: true, creates: true }), undefined, 'text'],
    ] as const;
    for (const [index, [before, flags, data, expected]] of rows.entries()) {
      const path = `f${index}`;
      if (before !== undefined) here.file(path, before);
      const change = async (): Promise<void> => {
        const file = await client.open(path, flags);
        try {
          if (data !== undefined) await file.write(Buffer.from(data), 1n);
        } finally {
          await file.close();
        }
      };
      const found = await codeOf(change());
      expect(found === 'ok' ? here.text(path) : found, `row ${index}`).toBe(expected);
    }
    const write = await client.open('f4', how({ reads: false, writes: true }));
    expect(await codeOf(write.read(new Uint8Array(1), 0n))).toBe('EBADF');
    await write.close();
    await over(here, client);
  });

  it('reads as much as is there, and writes at any place', async () => {
    const { here, client } = await open();
    here.file('f', '0123456789');
    const rows = [
      [4, 0n, '0123'],
      [4, 3n, '3456'],
      [4, 8n, '89'],
      [4, 10n, ''],
      [0, 0n, ''],
      [100, 0n, '0123456789'],
    ] as const;
    for (const [length, position, expected] of rows) {
      expect(await client.read('f', length, position)).toBe(expected);
    }
    await client.write('f', 'ab', how({ writes: true }), 4n);
    await client.write('f', 'cd', how({ writes: true }), 9n);
    expect(here.text('f')).toBe('0123ab678cd');
    // No file is as long.
    expect(await codeOf(client.read('f', 1, 2n ** 53n))).toBe('failure');
    expect(await codeOf(client.write('f', 'x', how({ writes: true }), 2n ** 63n))).toBe('failure');
    expect(await codeOf(client.read('f', 1, 2n ** 53n - 2n))).toBe('ok');
    await over(here, client);
  });

  it('a new file and a new folder have the mode that was asked for, and a usual one else', async () => {
    const { here, client } = await open();
    const before = process.umask(0);
    try {
      await client.write('usual', 'x');
      await client.write('given', 'x', { ...writing, mode: 0o604 });
      await client.write('special', 'x', { ...writing, mode: 0o104_755 });
      await client.makeFolder('d');
      await client.makeFolder('e', 0o750);
      await client.makeFolder('s', 0o1750);
    } finally {
      process.umask(before);
    }
    const modes = ['usual', 'given', 'special', 'd', 'e', 's'].map((file) => here.mode(file).toString(8));
    expect(modes).toEqual(['666', '604', isWhole ? '4755' : '755', '777', '750', isWhole ? '1750' : '750']);
    await over(here, client);
  });

  it('neither a folder nor what waits for another program is opened, and nothing stays open', async () => {
    const { here, client } = await open();
    here.folder('d');
    execFileSync('mkfifo', [here.at('pipe')]);
    const rows = [
      ['d', how(), 'EISDIR'],
      ['d', writing, 'EISDIR'],
      ['pipe', how(), 'failure'],
      ['pipe', how({ reads: true, writes: true }), 'failure'],
      ['.', how(), 'EISDIR'],
    ] as const;
    for (const [path, flags, expected] of rows) {
      expect(await codeOf(client.open(path, flags)), path).toBe(expected);
    }
    await over(here, client);
  });

  it('tells what a file is like', async () => {
    const { here, client } = await open();
    here.file('f', 'text', 0o640);
    here.link('l', 'f');
    linkSync(here.at('f'), here.at('g'));
    utimesSync(here.at('f'), 1_000_000.7, 2_000_000.2);
    const { uid, gid, mode, size } = statSync(here.at('f'));
    const expected = {
      size: BigInt(size),
      uid,
      gid,
      permissions: mode,
      atime: 1_000_000,
      mtime: 2_000_000,
      links: 2,
    };
    expect(await client.stat('f')).toEqual(expected);
    expect(await client.stat('l')).toEqual(expected);
    const link = await client.stat('l', false);
    expect([link.permissions, link.size]).toEqual([lstatSync(here.at('l')).mode, 1n]);
    const file = await client.open('l', how());
    expect(await file.attributes()).toEqual({ ...expected, atime: expect.any(Number) });
    await file.sync?.();
    await file.close();
    expect(await codeOf(client.stat('none'))).toBe('ENOENT');
    expect(await codeOf(client.stat('f/x'))).toBe('ENOTDIR');
    // Seconds of SFTP begin in 1970 and end in 2106.
    utimesSync(here.at('f'), new Date(-5000), 2 ** 33);
    expect(await client.stat('f')).toMatchObject({ atime: 0, mtime: 0xffff_ffff });
    await over(here, client);
  });

  it('changes what a file is like, by its path and while it is open', async () => {
    const { here, client } = await open();
    here.file('f', 'text');
    here.link('l', 'f');
    const ways: Readonly<Record<string, (attributes: Parameters<Client['set']>[1]) => Promise<void>>> = {
      path: (attributes) => client.set('f', attributes),
      link: (attributes) => client.set('l', attributes),
      handle: async (attributes) => {
        const file = await client.open('f', how({ reads: true, writes: true }));
        try {
          await file.setAttributes(attributes);
        } finally {
          await file.close();
        }
      },
    };
    for (const [way, set] of Object.entries(ways)) {
      const like = (): unknown => {
        const { mode, atimeMs, mtimeMs, size } = statSync(here.at('f'));
        return { mode: mode & 0o7777, atime: atimeMs / 1000, mtime: mtimeMs / 1000, size };
      };
      writeFileSync(here.at('f'), 'text');
      chmodSync(here.at('f'), 0o600);
      utimesSync(here.at('f'), 1, 2);
      await set({});
      expect(like(), way).toEqual({ mode: 0o600, atime: 1, mtime: 2, size: 4 });
      await set({ permissions: 0o644 });
      // Times come in pairs.
      await set({ atime: 7 });
      await set({ mtime: 7 });
      expect(like(), way).toEqual({ mode: 0o644, atime: 1, mtime: 2, size: 4 });
      await set({ atime: 3, mtime: 4 });
      expect(like(), way).toEqual({ mode: 0o644, atime: 3, mtime: 4, size: 4 });
      await set({ size: 2n, permissions: 0o7604, atime: 5, mtime: 6 });
      expect(like(), way).toEqual({ mode: isWhole ? 0o7604 : 0o604, atime: 5, mtime: 6, size: 2 });
      await set({ size: 6n });
      expect(here.text('f'), way).toBe('te\0\0\0\0');
      const { uid, gid } = statSync(here.at('f'));
      await set({ uid, gid });
      await set({ uid: uid + 1 });
      await set({ gid: gid + 1 });
      expect(statSync(here.at('f')), way).toMatchObject({ uid, gid });
      expect(await codeOf(set({ size: 2n ** 60n })), way).toBe('failure');
    }
    expect(await codeOf(client.set('none', { permissions: 0o600 }))).toBe('ENOENT');
    await over(here, client);
  });

  it.runIf(isRoot)('gives a file away only where its client is the user of this process', async () => {
    const { here, client } = await open();
    here.file('f', 'text');
    here.link('l', 'f');
    const file = await client.open('f', how({ writes: true }));
    const owner = { uid: 54_321, gid: 54_322 };
    const expected = isWhole ? 'ok' : 'permissionDenied';
    expect(await codeOf(client.set('f', owner))).toBe(expected);
    expect(await codeOf(client.set('l', { ...owner, uid: 54_323 }, false))).toBe(expected);
    expect(await codeOf(client.set('f', { uid: 0, gid: 54_322 }))).toBe(expected);
    const owners = ['f', 'l'].map((path) => [lstatSync(here.at(path)).uid, lstatSync(here.at(path)).gid]);
    expect(owners).toEqual(
      isWhole
        ? [
            [0, 54_322],
            [54_323, 54_322],
          ]
        : [
            [0, 0],
            [0, 0],
          ],
    );
    expect(await codeOf(file.setAttributes({ uid: 54_324, gid: 0 }))).toBe(expected);
    expect(await codeOf(file.setAttributes({ uid: 0, gid: 54_324 }))).toBe(expected);
    expect(statSync(here.at('f')).gid).toBe(isWhole ? 54_324 : 0);
    await file.close();
    await over(here, client);
  });

  it('of a link it sets the times, and neither length nor permissions', async () => {
    const { here, client } = await open();
    here.file('f', 'text', 0o600);
    utimesSync(here.at('f'), 1, 2);
    here.link('l', 'f');
    here.link('dangling', 'none');
    await client.set('l', { atime: 3, mtime: 4 }, false);
    await client.set('dangling', { atime: 3, mtime: 4 }, false);
    await client.set('l', {}, false);
    await client.set('l', { mtime: 9 }, false);
    await client.set('l', { atime: 9 }, false);
    expect(lstatSync(here.at('l')).mtimeMs).toBe(4000);
    expect(lstatSync(here.at('dangling')).mtimeMs).toBe(4000);
    expect(await codeOf(client.set('l', { size: 1n }, false))).toBe('ENOTSUP');
    expect(await codeOf(client.set('l', { permissions: 0o777 }, false))).toBe('ENOTSUP');
    expect(statSync(here.at('f'))).toMatchObject({ mtimeMs: 2000, size: 4 });
    expect(here.mode('f')).toBe(0o600);
    // What is no link is changed all the same.
    await client.set('f', { permissions: 0o640, size: 1n }, false);
    expect([here.mode('f'), here.text('f')]).toEqual([0o640, 't']);
    await over(here, client);
  });

  it('a folder has no length to be set', async () => {
    const { here, client } = await open();
    here.folder('d');
    execFileSync('mkfifo', [here.at('pipe')]);
    expect(await codeOf(client.set('d', { size: 0n }))).toBe('EISDIR');
    expect(await codeOf(client.set('pipe', { size: 0n }))).toBe('EINVAL');
    await client.set('d', { permissions: 0o700, atime: 1, mtime: 2 });
    await client.set('pipe', { permissions: 0o600, atime: 1, mtime: 2 });
    expect([here.mode('d'), statSync(here.at('d')).mtimeMs]).toEqual([0o700, 2000]);
    expect([here.mode('pipe'), statSync(here.at('pipe')).mtimeMs]).toEqual([0o600, 2000]);
    await over(here, client);
  });

  it('lists a folder piece by piece, each name once', async () => {
    const { here, client } = await open();
    const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
    for (const file of names) here.file(`d/${file}`);
    here.folder('e');
    here.file('single/f', 'text');
    const pieces = await client.list('d');
    expect(pieces.map(({ length }) => length)).toEqual([2, 128, 128, 44]);
    expect(pieces[0]).toEqual(['.', '..']);
    expect(pieces.slice(1).flat().sort()).toEqual([...names].sort());
    expect(await client.list('e')).toEqual([['.', '..']]);
    const folder = await client.openFolder('single');
    const [own, above] = await folder.next();
    const one = await folder.next();
    // A name is listed as it is there, not as what it leads to.
    expect(one.map(({ attributes }) => attributes.size)).toEqual([4n]);
    await folder.close();
    // Reading it may set when it was read.
    expect(own?.attributes).toEqual({ ...(await client.stat('single')), atime: own?.attributes.atime });
    // Of the folder above a shared one nothing is told.
    const parent = await client.stat('.');
    expect(above?.attributes.links).toBe((isWhole ? parent : own?.attributes)?.links);
    expect(await codeOf(client.list('single/f'))).toBe('ENOTDIR');
    expect(await codeOf(client.list('none'))).toBe('ENOENT');
    await over(here, client);
  });

  it('what goes while a folder is listed is left out', async () => {
    const { here, client } = await open();
    for (let i = 0; i < 130; i++) here.file(`d/f${i}`);
    here.link('d/l', 'none');
    const folder = await client.openFolder('d');
    await folder.next();
    execFileSync('find', [here.at('d'), '-name', 'f*', '-delete']);
    const rest: unknown[] = [];
    for (let piece = await folder.next(); piece.length > 0; piece = await folder.next()) {
      rest.push(...piece.map(({ name: file }) => Buffer.from(file).toString()));
    }
    expect(rest).toEqual(['l']);
    await folder.close();
    await over(here, client);
  });

  it('removes, makes and renames', async () => {
    const { here, client } = await open();
    here.file('f', 'f');
    here.file('g', 'g');
    here.folder('d');
    here.file('full/x', 'x');
    here.link('toFolder', 'd');
    here.link('dangling', 'none');
    const rows = [
      ['remove d', () => client.remove('d'), 'EISDIR'],
      ['remove none', () => client.remove('none'), 'ENOENT'],
      ['removeFolder f', () => client.removeFolder('f'), 'ENOTDIR'],
      ['removeFolder full', () => client.removeFolder('full'), 'ENOTEMPTY'],
      ['removeFolder link', () => client.removeFolder('toFolder'), 'ENOTDIR'],
      ['makeFolder', () => client.makeFolder('d'), 'EEXIST'],
      ['makeFolder below', () => client.makeFolder('f/x'), 'ENOTDIR'],
      ['rename onto a file', () => client.rename('f', 'g'), 'EEXIST'],
      ['rename onto a folder', () => client.rename('f', 'd'), 'EEXIST'],
      ['rename a folder onto one', () => client.rename('full', 'd'), 'EEXIST'],
      ['rename onto a link', () => client.rename('full', 'toFolder'), 'EEXIST'],
      ['rename none', () => client.rename('none', 'x'), 'ENOENT'],
      ['replace a folder', () => client.rename('f', 'd', true), 'EISDIR'],
      ['replace one that is full', () => client.rename('d', 'full', true), 'ENOTEMPTY'],
      ['hardLink', () => client.hardLink('f', 'g'), 'EEXIST'],
      ['hardLink none', () => client.hardLink('none', 'x'), 'ENOENT'],
      ['hardLink folder', () => client.hardLink('d', 'x'), 'EPERM'],
      ['makeLink', () => client.makeLink('f', 'g'), 'EEXIST'],
      ['readLink', () => client.readLink('f'), 'EINVAL'],
      // A name that is a link is taken, wherever it leads.
      ['hardLink onto a link', () => client.hardLink('f', 'dangling'), 'EEXIST'],
      ['makeLink onto a link', () => client.makeLink('f', 'dangling'), 'EEXIST'],
      ['makeFolder onto a link', () => client.makeFolder('dangling'), 'EEXIST'],
      ['rename onto a link to nothing', () => client.rename('f', 'dangling'), 'EEXIST'],
      ['removeFolder of a link', () => client.removeFolder('dangling'), 'ENOTDIR'],
    ] as const;
    const before = here.tree();
    for (const [what, step, expected] of rows) expect(await codeOf(step()), what).toBe(expected);
    expect(here.tree()).toEqual(before);
    await client.rename('f', 'g', true);
    await client.rename('g', 'h');
    await client.rename('full', 'moved');
    await client.rename('toFolder', 'renamed');
    await client.hardLink('h', 'again');
    await client.hardLink('renamed', 'sameLink');
    await client.makeLink('h', 'l');
    await client.remove('renamed');
    await client.remove('dangling');
    await client.removeFolder('d');
    await client.makeFolder('new');
    expect(await client.readLink('l')).toBe('h');
    expect(here.tree()).toEqual({
      again: 'f',
      h: 'f',
      l: '-> h',
      'moved/': '',
      'moved/x': 'x',
      'new/': '',
      sameLink: '-> d',
    });
    expect(statSync(here.at('h')).nlink).toBe(2);
    await over(here, client);
  });

  it('tells the true path, also of what is not there yet', async () => {
    const { here, client } = await open();
    here.file('d/f', 'x');
    here.link('l', 'd');
    here.link('dangling', 'd/none');
    here.link('far', `${here.path}/d/none`);
    here.link('loop', 'loop');
    const root = isWhole ? here.path : '';
    const rows = [
      ['.', root === '' ? '/' : root],
      ['l', `${root}/d`],
      ['l/f', `${root}/d/f`],
      ['l/../d/f', `${root}/d/f`],
      ['none', `${root}/none`],
      ['l/none', `${root}/d/none`],
      ['dangling', `${root}/d/none`],
      ['far', `${root}/d/none`],
      ['none/x', 'ENOENT'],
      ['d/f/x', 'ENOTDIR'],
      ['loop', 'ELOOP'],
    ] as const;
    for (const [path, expected] of rows) {
      const found = await client.realpath(path).catch((error: NodeJS.ErrnoException) => error.code);
      expect(found, path).toBe(expected);
    }
    await over(here, client);
  });

  it('tells of the file system, and that it is not to be changed where it is not', async () => {
    for (const isReadOnly of [false, true]) {
      const { here, client } = await open(isReadOnly);
      here.file('f', 'x');
      const { bsize, blocks, files } = statfsSync(here.path, { bigint: true });
      const expected = {
        bsize,
        frsize: bsize,
        blocks,
        files,
        fsid: 0n,
        flag: isReadOnly ? 1n : 0n,
        namemax: 255n,
      };
      const found = await client.statFilesystem('f');
      expect(found).toMatchObject(expected);
      expect([found.bfree >= found.bavail, found.favail]).toEqual([true, found.ffree]);
      const file = await client.open('f', how());
      expect(await file.statFilesystem?.()).toMatchObject(expected);
      await file.close();
      expect([client.session.isReadOnly, client.session.syncs]).toEqual([isReadOnly, true]);
      await over(here, client);
    }
  });

  it('knows the names of users and groups', async () => {
    const { here, client } = await open();
    const { users, groups } = await client.session.ownerNames([0, 4_000_000_001], [4_000_000_001, 0]);
    expect([users, groups]).toEqual([
      ['root', undefined],
      [undefined, 'root'],
    ]);
    await over(here, client);
  });
});

describe('the whole system', () => {
  it('begins where it is told to, and an absolute path is one of the machine', async () => {
    const here = new LocalFolder();
    here.file('d/f', 'text');
    const inner = await begin(serveWholeSystem({ readOnly: false, startFolder: here.at('d') }));
    const outer = await begin(serveWholeSystem({ readOnly: false, startFolder: '/' }));
    expect(await inner.read('f')).toBe('text');
    expect(await inner.read('../d/f')).toBe('text');
    expect(await inner.read(here.at('d/f'))).toBe('text');
    expect(await outer.read(here.at('d/f').slice(1))).toBe('text');
    expect(await outer.realpath('.')).toBe('/');
    expect(await outer.realpath('none')).toBe('/none');
    expect(await codeOf(outer.realpath(''))).toBe('ok');
    for (const path of ['none/..', 'none/.', 'none/']) {
      const found = await inner.realpath(path).catch((error: NodeJS.ErrnoException) => error.code);
      expect(found, path).toBe(path === 'none/' ? here.at('d/none') : 'ENOENT');
    }
  });

  it('follows as many links to nothing as Linux follows', async () => {
    const here = new LocalFolder();
    symlinkSync('nothing', here.at('l1'));
    for (let i = 2; i <= 42; i++) symlinkSync(`l${i - 1}`, here.at(`l${i}`));
    const client = await begin(serveWholeSystem({ readOnly: false, startFolder: here.path }));
    expect(await client.realpath('l40')).toBe(here.at('nothing'));
    expect(await codeOf(client.realpath('l41'))).toBe('ELOOP');
  });

  it('takes any text for a link', async () => {
    const here = new LocalFolder();
    const client = await begin(serveWholeSystem({ readOnly: false, startFolder: here.path }));
    for (const [index, target] of ['../../..', '/etc/passwd', 'none'].entries()) {
      await client.makeLink(target, `l${index}`);
      expect(readlinkSync(here.at(`l${index}`))).toBe(target);
    }
  });
});

describe('a folder with a quota', () => {
  const limit = 10_000;
  const open = async (): Promise<{ here: LocalFolder; client: Client; left: () => Promise<number> }> => {
    const here = new LocalFolder();
    const store = serveFolderBy(pathAnchorage, here.path, { quota: limit });
    const client = await begin(store);
    /** How much more it takes, found out by taking it. */
    const left = async (): Promise<number> => {
      let [least, most] = [0, 3 * limit];
      await client.write('probe', '');
      while (least < most) {
        const length = Math.ceil((least + most) / 2);
        if ((await codeOf(client.set('probe', { size: BigInt(length) }))) === 'ok') least = length;
        else most = length - 1;
      }
      await client.remove('probe');
      return least;
    };
    return { here, client, left };
  };

  const text = 'x'.repeat(4000);
  const steps: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
    'a file is opened to be read that is to be emptied': (client) =>
      client.open('f', how({ truncates: true })).then((file) => file.close()),
    'the same again and again': async (client) => {
      for (let i = 0; i < 5; i++) {
        const file = await client.open('f', how({ truncates: true, creates: true }));
        await file.close();
      }
    },
    'a file is emptied by its opening': (client) =>
      client.write('f', '', how({ ...writing, truncates: true })),
    'a file is cut at once by several': (client) =>
      Promise.all(Array.from({ length: 5 }, () => client.set('f', { size: 100n }))),
    'a file grows at once by several': (client) =>
      Promise.all(Array.from({ length: 5 }, () => client.set('f', { size: 8000n }))),
    'a file is cut and grows in turns': (client) =>
      Promise.all([100n, 5000n, 0n, 3000n, 10n].map((size) => client.set('f', { size }))),
    'a file is cut while it is open': async (client) => {
      const file = await client.open('f', how({ writes: true }));
      await Promise.all([10n, 4000n, 20n].map((size) => file.setAttributes({ size })));
      await file.close();
    },
    'a file is removed at once by several': (client) =>
      Promise.all(Array.from({ length: 3 }, () => codeOf(client.remove('f')))),
    'one of two names is removed': (client) => client.remove('g'),
    'both of two names are removed': async (client) => {
      await client.remove('g');
      await client.remove('second');
    },
    'a file is renamed onto itself': async (client) => {
      await client.rename('g', 'second', true);
      await client.rename('g', 'g', true);
    },
    'a file replaces another': (client) => client.rename('f', 'other', true),
    'a folder replaces an empty one': (client) => client.rename('d', 'e', true),
    'a link is removed': (client) => client.remove('l'),
    'a file is written over': (client) => client.write('f', 'y'.repeat(3000)),
    'a file is written beyond its end': (client) => client.write('f', 'y', writing, 4500n),
    'a file is appended to': (client) => client.write('f', 'y'.repeat(10), { ...writing, appends: true }),
    'a write is refused': (client) => codeOf(client.write('f', 'y'.repeat(limit))),
    'a change of the length is refused': (client) => codeOf(client.set('f', { size: BigInt(3 * limit) })),
    'what is opened is none': (client) => codeOf(client.open('none', how({ truncates: true, writes: true }))),
    'a folder is to be opened': (client) => codeOf(client.open('d', { ...writing, truncates: true })),
  };

  it.each(Object.entries(steps))('counts what is there, where %s', async (_name, step) => {
    const { here, client, left } = await open();
    here.file('f', text);
    here.file('g', 'x'.repeat(1000));
    linkSync(here.at('g'), here.at('second'));
    here.file('other', 'x'.repeat(500));
    here.file('d/inner', 'x'.repeat(50));
    here.folder('e');
    here.link('l', 'f');
    /** What all files hold, those with several names once. */
    const held = (): number => {
      const found = execFileSync('find', [here.path, '-type', 'f', '-printf', '%i %s\n'], {
        encoding: 'utf8',
      });
      return [...new Set(found.trim().split('\n'))].reduce(
        (sum, line) => sum + Number(line.split(' ')[1] ?? 0),
        0,
      );
    };
    expect(await left()).toBe(limit - 5550);
    await step(client);
    expect(await left()).toBe(Math.max(0, limit - held()));
    await client.session.close();
    await expectClosedBelow(here.path);
  });

  it('that is full takes what makes it smaller, and not a byte more', async () => {
    const { here, client } = await open();
    here.file('f', 'x'.repeat(limit));
    await client.set('f', { size: BigInt(limit) });
    expect(await codeOf(client.set('f', { size: BigInt(limit + 1) }))).toBe('EDQUOT');
    expect(await codeOf(client.write('f', 'y', { ...writing, appends: true }))).toBe('EDQUOT');
    await client.write('f', 'y', writing, BigInt(limit - 1));
    const file = await client.open('f', how({ writes: true }));
    await file.setAttributes({ size: BigInt(limit - 1) });
    await file.close();
    await client.set('f', { size: BigInt(limit - 2) });
    await client.write('g', 'ab');
    expect(await codeOf(client.write('h', 'c'))).toBe('EDQUOT');
    expect([here.text('g'), here.text('h')]).toEqual(['ab', '']);
  });

  it('tells the room that is left within it, in whole blocks', async () => {
    const { here, client } = await open();
    const { bsize } = statfsSync(here.path, { bigint: true });
    here.file('f', 'x'.repeat(1000));
    // What is there is counted at the first change.
    await client.write('g', 'x');
    const found = await client.statFilesystem('.');
    const [all, free] = [BigInt(limit) / bsize, BigInt(limit - 1001) / bsize];
    expect([found.blocks, found.bfree, found.bavail]).toEqual([all, free, free]);
    const large = await begin(serveFolderBy(pathAnchorage, here.path, { quota: 2 ** 60 }));
    const whole = await large.statFilesystem('.');
    expect(whole.blocks).toBe(statfsSync(here.path, { bigint: true }).blocks);
    expect(existsSync(here.at('g')) && readFileSync(here.at('g'), 'utf8')).toBe('x');
  });
});
