/** Ways through a folder with links: where each ends, as if the folder were the root of the file system. */
import { symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchorage, descriptorAnchorage, pathAnchorage } from '../../../src/node/served/anchors.ts';
import {
  ConfinedTree,
  type Place,
  relativeTarget,
  staysBelow,
} from '../../../src/node/served/confinedTree.ts';
import * as system from '../../../src/node/served/systemCalls.ts';
import { LocalFolder } from '../../sftp/transfer/support.ts';
import { expectClosedBelow } from './descriptors.ts';

const anchorages: readonly (readonly [string, Anchorage])[] = [
  ...(process.platform === 'linux' ? [['descriptors', descriptorAnchorage] as const] : []),
  ['paths', pathAnchorage],
];

const treeAt = async (anchorage: Anchorage, path: string): Promise<ConfinedTree> =>
  new ConfinedTree(anchorage, await anchorage.root(path));

/** Where a way ends: the path as the client sees it and its last name; or the code of the error. */
async function endOf(found: Promise<Place>): Promise<string> {
  return found.then(
    ({ path, name }) => `${path} as ${name}`,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
}

const here = async (place: Place): Promise<Place> => place;

describe.each(anchorages)('ways through a folder held by %s', (_name, anchorage) => {
  const lab = async (): Promise<{ tree: ConfinedTree; root: string }> => {
    const folder = new LocalFolder();
    folder.file('root/d/e/f', 'inside');
    folder.file('root/f', 'file');
    folder.link('root/toFolder', 'd');
    folder.link('root/toFile', 'd/e/f');
    folder.link('root/absolute', '/d/e');
    folder.link('root/true', `${folder.at('root')}/d`);
    folder.link('root/own', folder.at('root'));
    folder.link('root/beside', `${folder.at('root')}x`);
    folder.link('root/out', '../../..');
    folder.link('root/outFile', '../../../f');
    folder.link('root/toNothing', 'none');
    folder.link('root/loop', 'loop');
    folder.link('root/ping', 'pong');
    folder.link('root/pong', 'ping');
    folder.link('root/d/up', '..');
    folder.link('root/d/e/twice', '../../toFolder/e');
    const root = folder.at('root');
    return { tree: await treeAt(anchorage, root), root };
  };

  it('a link on the way is followed, one at the end of it is not', async () => {
    const { tree, root } = await lab();
    const ways: Readonly<Record<string, string>> = {
      '': '/ as .',
      '/': '/ as .',
      '.': '/ as .',
      '//./': '/ as .',
      '/..': '/ as .',
      '/d/..': '/ as .',
      '/d/e/..': '/d as .',
      '/f': '/f as f',
      'd/e/f': '/d/e/f as f',
      '/d/./e//f': '/d/e/f as f',
      '/d/../f': '/f as f',
      '/../../f': '/f as f',
      '/none': '/none as none',
      '/d/none': '/d/none as none',
      '/none/x': 'ENOENT',
      '/f/x': 'ENOTDIR',
      '/f/..': 'ENOTDIR',
      '/none/..': 'ENOENT',
      '/toFolder': '/toFolder as toFolder',
      '/toFolder/e': '/d/e as e',
      '/toFolder/e/f': '/d/e/f as f',
      // Above what the link leads to, not above the link.
      '/absolute/../e': '/d/e as e',
      '/absolute/..': '/d as .',
      '/true/e': '/d/e as e',
      '/own/d': '/d as d',
      '/own/..': '/ as .',
      '/beside/d': 'ENOENT',
      '/out/d': '/d as d',
      '/out/out/f': '/f as f',
      '/d/up/f': '/f as f',
      '/d/up/d/up/d/e': '/d/e as e',
      '/d/e/twice/f': '/d/e/f as f',
      '/toNothing/x': 'ENOENT',
      '/loop/x': 'ELOOP',
      '/ping/x': 'ELOOP',
    };
    for (const [way, expected] of Object.entries(ways)) {
      expect(await endOf(tree.at(way, here)), way).toBe(expected);
    }
    tree.close();
    await expectClosedBelow(root);
  });

  it('behind links is where a path leads to in the end', async () => {
    const { tree, root } = await lab();
    const ways: Readonly<Record<string, string>> = {
      '/': '/ as .',
      '/f': '/f as f',
      '/none': '/none as none',
      '/toFolder': '/d as d',
      '/toFile': '/d/e/f as f',
      '/absolute': '/d/e as e',
      '/true': '/d as d',
      '/own': '/ as .',
      '/out': '/ as .',
      '/outFile': '/f as f',
      '/d/up': '/ as .',
      '/d/e/twice': '/d/e as e',
      '/toNothing': '/none as none',
      '/f/x': 'ENOTDIR',
      '/loop': 'ELOOP',
      '/ping': 'ELOOP',
    };
    for (const [way, expected] of Object.entries(ways)) {
      expect(await endOf(tree.behindLinks(way, here)), way).toBe(expected);
    }
    tree.close();
    await expectClosedBelow(root);
  });

  it('the place is that of the machine, and the step is done while it is held', async () => {
    const { tree, root } = await lab();
    const size = async ({ at }: Place): Promise<number> => (await system.lstat(at)).size;
    expect(await tree.at('/toFolder/e/f', size)).toBe('inside'.length);
    expect(await tree.behindLinks('/toFile', size)).toBe('inside'.length);
    expect(await tree.at('/absolute/../../f', size)).toBe('file'.length);
    const broken = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(tree.at('/toFolder/e/f', broken)).rejects.toThrow('no');
    await expect(tree.behindLinks('/toFile', broken)).rejects.toThrow('no');
    tree.close();
    await expectClosedBelow(root);
  });

  it('as many links are followed on one way as Linux follows', async () => {
    const folder = new LocalFolder();
    folder.file('d/f', 'x');
    symlinkSync('d', folder.at('l1'));
    for (let i = 2; i <= 41; i++) symlinkSync(`l${i - 1}`, folder.at(`l${i}`));
    const tree = await treeAt(anchorage, folder.path);
    expect(await endOf(tree.behindLinks('/l40', here))).toBe('/d as d');
    expect(await endOf(tree.behindLinks('/l41', here))).toBe('ELOOP');
    expect(await endOf(tree.at('/l40/f', here))).toBe('/d/f as f');
    expect(await endOf(tree.at('/l41/f', here))).toBe('ELOOP');
    // All that one way takes are counted together.
    symlinkSync('l39/f', folder.at('through'));
    symlinkSync('l40/f', folder.at('tooFar'));
    expect(await endOf(tree.behindLinks('/through', here))).toBe('/d/f as f');
    expect(await endOf(tree.behindLinks('/tooFar', here))).toBe('ELOOP');
    tree.close();
    await expectClosedBelow(folder.path);
  });

  it('where the folder is the whole file system, links mean what they mean to all', async () => {
    const folder = new LocalFolder();
    folder.file('d/f', 'inside');
    folder.link('absolute', `${folder.path}/d`);
    const whole = await treeAt(anchorage, '/');
    const part = await treeAt(anchorage, folder.path);
    expect([whole.isWhole, part.isWhole]).toEqual([true, false]);
    const truly = await system.realpath(folder.path);
    expect(await endOf(whole.at(`${folder.path}/absolute/f`, here))).toBe(`${truly}/d/f as f`);
    expect(await endOf(whole.behindLinks(`${folder.path}/absolute`, here))).toBe(`${truly}/d as d`);
    whole.close();
    part.close();
    await expectClosedBelow(folder.path);
  });
});

describe('the text of a link', () => {
  const name = fc.constantFrom('a', 'b', '..', '.', '');
  const text = fc.array(name, { maxLength: 6 }).map((names) => names.join('/'));

  /** The depth below the root at each step; `..` of the root would leave it. */
  const leaves = (path: string, target: string): boolean => {
    const depths = path.split('/').reduce<string[]>((names, part) => {
      if (part === '..') names.pop();
      else if (part !== '' && part !== '.') names.push(part);
      return names;
    }, []);
    depths.pop();
    for (const part of target.split('/')) {
      if (part === '' || part === '.') continue;
      if (part !== '..') depths.push(part);
      else if (depths.pop() === undefined) return true;
    }
    return false;
  };

  it('stays below the root where no step of it leaves it', () => {
    const cases = [
      ['/l', '..', false],
      ['/l', '../x', false],
      ['/l', 'x/..', true],
      ['/l', 'x/../..', false],
      ['/d/l', '..', true],
      ['/d/l', '../..', false],
      ['/d/e/l', '../../x', true],
      ['/d/e/l', '../../x/../..', false],
      ['/l', '.', true],
      ['/l', './/.', true],
    ] as const;
    for (const [path, target, expected] of cases) {
      expect(staysBelow(path, target), `${path} ${target}`).toBe(expected);
    }
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }),
        text,
        (names, target) => {
          const path = `/${names.join('/')}`;
          expect(staysBelow(path, target)).toBe(!leaves(path, target));
        },
      ),
    );
  });

  it('that is absolute becomes one which leads to the same place', () => {
    const cases = [
      ['/l', '/', '.'],
      ['/l', '/f', 'f'],
      ['/l', '/d/e/', 'd/e'],
      ['/d/l', '/', '..'],
      ['/d/l', '/f', '../f'],
      ['/d/e/l', '/d/f', '../../d/f'],
      ['/d/l', '/../f', '../f'],
    ] as const;
    for (const [path, target, expected] of cases) {
      expect(relativeTarget(path, target), `${path} ${target}`).toBe(expected);
    }
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom('a', 'b'), { maxLength: 4 }),
        (names, targets) => {
          const relative = relativeTarget(`/${names.join('/')}`, `/${targets.join('/')}`);
          const base = `file:///${names.join('/')}`;
          expect(new URL(relative, base).pathname.replace(/(?<=.)\/$/, '')).toBe(`/${targets.join('/')}`);
          expect(staysBelow(`/${names.join('/')}`, relative)).toBe(true);
        },
      ),
    );
  });
});
