/** Folders that are held: what each way of holding them opens, refuses, and closes again. */
import { chmodSync, lstatSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Anchor,
  type Anchorage,
  anchorageOfPlatform,
  descriptorAnchorage,
  pathAnchorage,
} from '../../../src/node/served/anchors.ts';
import * as system from '../../../src/node/served/systemCalls.ts';
import { LocalFolder } from '../../sftp/transfer/support.ts';
import { expectClosedBelow, openBelow } from './descriptors.ts';

const isLinux = process.platform === 'linux';
const anchorages: readonly (readonly [string, Anchorage])[] = [
  ...(isLinux ? [['descriptors', descriptorAnchorage] as const] : []),
  ['paths', pathAnchorage],
];

/** What stands for a call: its value, or the code of its error. */
async function outcome(call: Promise<Anchor | undefined>): Promise<string | undefined> {
  try {
    const anchor = await call;
    anchor?.release();
    return anchor?.path;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

describe.each(anchorages)('folders held by %s', (_name, anchorage) => {
  const lab = async (): Promise<{ here: LocalFolder; root: Anchor; path: string }> => {
    const here = new LocalFolder();
    here.file('root/d/e/f', 'inside');
    here.file('root/f', 'file');
    here.link('root/toFolder', 'd');
    here.link('root/toNothing', 'none');
    here.link('root/loop', 'loop');
    here.link('root/d/up', '../d');
    here.link('byLink', 'root');
    const path = await system.realpath(here.at('root'));
    return { here, root: await anchorage.root(path), path };
  };

  it('the root is a folder, by its true path', async () => {
    const { here, root, path } = await lab();
    expect(root.path).toBe(path);
    expect(await outcome(anchorage.root(here.at('byLink')))).toBe(path);
    expect(await outcome(anchorage.root(here.at('root/f')))).toBe('ENOTDIR');
    expect(await outcome(anchorage.root(here.at('none')))).toBe('ENOENT');
    expect(await system.readlink(`${root.base}/toFolder`)).toBe('d');
    root.release();
    await expectClosedBelow(path);
  });

  it('the root of the file system is one as well', async () => {
    const root = await anchorage.root('/');
    expect(root.path).toBe('/');
    expect((await system.lstat(`${root.base}/etc`)).isDirectory()).toBe(true);
    expect(await outcome(anchorage.jump(root, 'etc'))).toBe('/etc');
    expect(await outcome(anchorage.enter(root, 'etc'))).toBe('/etc');
    expect(await outcome(anchorage.enter(root, '.'))).toBe('/');
    root.release();
  });

  it('a jump ends in a folder that no link leads to', async () => {
    const { root, path } = await lab();
    const ways: Readonly<Record<string, string | undefined>> = {
      d: `${path}/d`,
      'd/e': `${path}/d/e`,
      none: undefined,
      'd/none/x': undefined,
      f: undefined,
      'f/x': undefined,
      toFolder: undefined,
      'toFolder/e': undefined,
      'd/up': undefined,
      'd/up/e': undefined,
      toNothing: undefined,
      loop: undefined,
      'loop/x': undefined,
    };
    for (const [way, expected] of Object.entries(ways)) {
      expect(await outcome(anchorage.jump(root, way)), way).toBe(expected);
    }
    expect(await outcome(anchorage.jump(root, 'n'.repeat(300)))).toBe('ENAMETOOLONG');
    root.release();
    await expectClosedBelow(path);
  });

  it('a folder is entered, a link is told of, and all else is an error', async () => {
    const { root, path } = await lab();
    expect(await outcome(anchorage.enter(root, 'd'))).toBe(`${path}/d`);
    expect(await outcome(anchorage.enter(root, '.'))).toBe(path);
    for (const link of ['toFolder', 'toNothing', 'loop']) {
      expect(await outcome(anchorage.enter(root, link)), link).toBeUndefined();
    }
    expect(await outcome(anchorage.enter(root, 'f'))).toBe('ENOTDIR');
    expect(await outcome(anchorage.enter(root, 'none'))).toBe('ENOENT');
    root.release();
    await expectClosedBelow(path);
  });

  it('a folder within one that was entered is entered from there', async () => {
    const { root, path } = await lab();
    const inner = await anchorage.enter(root, 'd');
    if (inner === undefined) throw new Error('it is no link');
    expect(await outcome(anchorage.enter(inner, 'e'))).toBe(`${path}/d/e`);
    expect(await outcome(anchorage.enter(inner, 'up'))).toBeUndefined();
    inner.release();
    root.release();
    await expectClosedBelow(path);
  });

  it('what is pinned is changed, and is closed when it is let go', async () => {
    const { here, root, path } = await lab();
    const pin = await anchorage.pin(root, 'f');
    await pin.chmod(0o604);
    await pin.utimes(3, 4);
    await pin.truncate(2);
    pin.release();
    const stats = statSync(here.at('root/f'));
    expect([stats.mode & 0o777, stats.atimeMs, readFileSync(here.at('root/f'), 'utf8')]).toEqual([
      0o604,
      3000,
      'fi',
    ]);
    const folder = await anchorage.pin(root, 'd');
    await folder.chmod(0o700);
    await folder.utimes(5, 6);
    folder.release();
    expect(lstatSync(here.at('root/d'))).toMatchObject({ mtimeMs: 6000 });
    await expect(anchorage.pin(root, 'toFolder')).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(anchorage.pin(root, 'none')).rejects.toMatchObject({ code: 'ENOENT' });
    root.release();
    await expectClosedBelow(path);
  });

  it('what was opened is taken where its path still leads to it', async () => {
    const { root, path } = await lab();
    const fd = await system.open(`${root.base}/f`, 0);
    await anchorage.checkOpened(fd, root, 'f');
    await anchorage.checkFolder(root);
    await system.close(fd);
    root.release();
    await expectClosedBelow(path);
  });
});

describe('folders that change meanwhile', () => {
  it('what lies elsewhere now is refused, where folders are paths', async () => {
    const here = new LocalFolder();
    here.file('root/d/f', 'inside');
    here.file('root/d/g', 'another');
    here.file('outside/f', 'outside');
    const root = await pathAnchorage.root(here.at('root'));
    const folder = await pathAnchorage.enter(root, 'd');
    if (folder === undefined) throw new Error('it is no link');
    const fd = await system.open(here.at('root/d/f'), 0);
    // Another file has the name.
    await expect(pathAnchorage.checkOpened(fd, folder, 'g')).rejects.toMatchObject({ code: 'EACCES' });
    renameSync(here.at('root/d'), here.at('root/was'));
    symlinkSync('was', here.at('root/d'));
    // The same file by way of a link: the folder is not the one that was checked.
    await expect(pathAnchorage.checkOpened(fd, folder, 'f')).rejects.toMatchObject({ code: 'EACCES' });
    await expect(pathAnchorage.checkFolder(folder)).rejects.toMatchObject({ code: 'EACCES' });
    await expect(pathAnchorage.pin(folder, 'f')).rejects.toMatchObject({ code: 'EACCES' });
    await system.close(fd);
    await expectClosedBelow(here.path);
  });

  it.runIf(isLinux)('a folder keeps what it is, where it is a descriptor', async () => {
    const here = new LocalFolder();
    here.file('root/d/f', 'inside');
    here.file('outside/f', 'outside');
    const root = await descriptorAnchorage.root(here.at('root'));
    const folder = await descriptorAnchorage.enter(root, 'd');
    if (folder === undefined) throw new Error('it is no link');
    renameSync(here.at('root/d'), here.at('root/was'));
    symlinkSync('../outside', here.at('root/d'));
    const pin = await descriptorAnchorage.pin(folder, 'f');
    await pin.truncate(1);
    pin.release();
    expect([here.text('root/was/f'), here.text('outside/f')]).toEqual(['i', 'outside']);
    folder.release();
    root.release();
    await expectClosedBelow(here.path);
  });

  it.runIf(isLinux)('a file is pinned by who may neither read nor write it', async () => {
    const here = new LocalFolder();
    chmodSync(here.file('f', 'x'), 0o000);
    const root = await descriptorAnchorage.root(here.path);
    const pin = await descriptorAnchorage.pin(root, 'f');
    expect(openBelow(here.path)).toEqual([here.path, here.at('f')]);
    await pin.chmod(0o600);
    pin.release();
    root.release();
    expect(here.mode('f')).toBe(0o600);
    await expectClosedBelow(here.path);
  });

  it.runIf(isLinux)('descriptors are the way of this platform', () => {
    expect(anchorageOfPlatform()).toBe(descriptorAnchorage);
  });
});
