/** `sync`. */
import { utimesSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compare } from '../../../src/sftp/transfer/sync/plan.ts';
import type { SyncOptions, SyncResult } from '../../../src/sftp/transfer/sync/sync.ts';
import { type MemoryOptions, type MemorySession, openMemory } from '../memory/channel.ts';
import { bytes } from '../memory/server.ts';
import { failureOf, LocalFolder } from './support.ts';

const stepsOf = ({ steps }: SyncResult): string[] =>
  steps.map(({ action, path, reason }) => `${action} ${path} (${reason})`).sort();

async function scene(
  options: MemoryOptions = {},
): Promise<MemorySession & { here: LocalFolder; sync: (options: SyncOptions) => Promise<SyncResult> }> {
  const here = new LocalFolder();
  const session = await openMemory(options);
  here.folder('l');
  session.files.folder('/r');
  return { ...session, here, sync: (options) => session.sftp.sync(here.at('l'), '/r', options) };
}

describe.each(['up', 'down'] as const)('sync %s', (direction) => {
  const fill = (
    { here, files }: { here: LocalFolder; files: MemorySession['files'] },
    side: 'source' | 'target',
    path: string,
    content: string,
  ): void => {
    if ((side === 'source') === (direction === 'up')) here.file(`l/${path}`, content);
    else files.file(`/r/${path}`, content);
  };
  const target = ({
    here,
    files,
  }: {
    here: LocalFolder;
    files: MemorySession['files'];
  }): Record<string, string> => {
    if (direction === 'down') return here.tree('l');
    const found: Record<string, string> = {};
    for (const [path, content] of Object.entries(files.tree('/r')))
      if (path !== '/r/') found[path.slice(3)] = content;
    return found;
  };

  it('brings what is missing or differs, and nothing a second time', async () => {
    const session = await scene();
    fill(session, 'source', 'a', 'new');
    fill(session, 'source', 'd/b', 'b');
    fill(session, 'source', 'd/e/c', 'c');
    fill(session, 'target', 'a', 'older');
    fill(session, 'target', 'mine', 'kept');
    const first = await session.sync({ direction });
    expect(stepsOf(first)).toEqual([
      'copy a (size)',
      'copy d/b (missing)',
      'copy d/e/c (missing)',
      'folder d (missing)',
      'folder d/e (missing)',
    ]);
    expect(first).toMatchObject({ files: 3, deleted: 0, failedCount: 0 });
    expect(target(session)).toEqual({
      a: 'new',
      'd/': '',
      'd/b': 'b',
      'd/e/': '',
      'd/e/c': 'c',
      mine: 'kept',
    });
    expect(stepsOf(await session.sync({ direction }))).toEqual([]);
  });

  it('removes what is extra only where that is asked for', async () => {
    const session = await scene();
    fill(session, 'source', 'a', '1');
    fill(session, 'target', 'x', '2');
    fill(session, 'target', 'y/z/w', '3');
    const result = await session.sync({ direction, delete: true });
    expect(stepsOf(result)).toEqual([
      'copy a (missing)',
      'delete x (extra)',
      'delete y (extra)',
      'delete y/z (extra)',
      'delete y/z/w (extra)',
    ]);
    expect(target(session)).toEqual({ a: '1' });
    expect(result.deleted).toBe(4);
  });

  it('says in a dry run what it would do, and does nothing', async () => {
    const session = await scene();
    fill(session, 'source', 'a', '1');
    fill(session, 'source', 'd/b', '2');
    fill(session, 'target', 'x', '3');
    const before = target(session);
    const seen: string[] = [];
    const dry = await session.sync({
      direction,
      delete: true,
      dryRun: true,
      onStep: ({ path }) => seen.push(path),
    });
    expect(target(session)).toEqual(before);
    const real = await session.sync({ direction, delete: true });
    expect(stepsOf(dry)).toEqual(stepsOf(real));
    expect(seen.sort()).toEqual(['a', 'd', 'd/b', 'x']);
  });

  it('says in a dry run what it would do for a target that is not there', async () => {
    const session = await scene();
    fill(session, 'source', 'd/e/c', 'c');
    const gone = { up: '/gone', down: session.here.at('gone') };
    const sides = direction === 'up' ? [session.here.at('l'), gone.up] : [gone.down, '/r'];
    const result = await session.sftp.sync(sides[0] as string, sides[1] as string, {
      direction,
      dryRun: true,
    });
    expect(stepsOf(result)).toEqual(['copy d/e/c (missing)', 'folder d (missing)', 'folder d/e (missing)']);
    expect(session.files.tree()['/gone/']).toBeUndefined();
    expect(Object.keys(session.here.tree())).not.toContain('gone/');
  });

  it('goes down no further than limits.sftpNesting', async () => {
    const session = await scene({ limits: { sftpNesting: 3 } });
    fill(session, 'source', 'a/b/c/f', 'deep');
    expect(stepsOf(await session.sync({ direction }))).toHaveLength(4);
    fill(session, 'source', 'a/b/c/d/f', 'too deep');
    const error = await failureOf(session.sync({ direction }));
    expect(error).toMatchObject({ code: 'ERR_SSH_TRANSFER' });
    expect(error.message).toContain('"a/b/c/d" lies deeper than limits.sftpNesting allows');
  });

  it('tells files of the same size apart by hash where that is asked for', async () => {
    const session = await scene();
    fill(session, 'source', 'a', 'one');
    fill(session, 'target', 'a', 'two');
    fill(session, 'source', 'b', 'same');
    fill(session, 'target', 'b', 'same');
    const result = await session.sync({ direction, compare: 'sha256' });
    expect(stepsOf(result)).toEqual(['copy a (sha256)']);
    expect(target(session)).toEqual({ a: 'one', b: 'same' });
  });

  it('does not put a file in place of a folder, or the other way round, unless it may remove', async () => {
    const session = await scene();
    fill(session, 'source', 'a', 'file');
    fill(session, 'target', 'a/in', 'x');
    fill(session, 'source', 'b/in', 'y');
    fill(session, 'target', 'b', 'file');
    const before = target(session);
    const kept = await session.sync({ direction, onError: () => 'skip' });
    expect(target(session)).toEqual(before);
    expect(kept.failedCount).toBe(2);
    await session.sync({ direction, delete: true });
    expect(target(session)).toEqual({ a: 'file', 'b/': '', 'b/in': 'y' });
  });

  it('leaves links as they are', async () => {
    const session = await scene();
    session.here.link('l/k', '/etc');
    session.files.link('/r/m', '/etc');
    const result = await session.sync({ direction });
    expect(result.skippedCount).toBe(1);
    expect(stepsOf(result)).toEqual([]);
  });

  it('needs a source that is there', async () => {
    const session = await scene();
    fill(session, 'target', 'precious', 'x');
    const before = target(session);
    const missing =
      direction === 'up'
        ? session.sftp.sync(session.here.at('nope'), '/r', { direction, delete: true })
        : session.sftp.sync(session.here.at('l'), '/nope', { direction, delete: true });
    await expect(missing).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_SSH_TRANSFER|NO_SUCH_FILE/),
    });
    expect(target(session)).toEqual(before);
  });
});

describe('sync', () => {
  it('compares times in whole seconds', async () => {
    const session = await scene();
    session.here.file('l/a', 'xyz');
    utimesSync(session.here.at('l/a'), 1000.9, 1000.9);
    await session.sync({ direction: 'up' });
    expect(session.files.attributes(session.files.find('/r/a', true)).mtime).toBe(1000);
    expect(stepsOf(await session.sync({ direction: 'up' }))).toEqual([]);
    expect(stepsOf(await session.sync({ direction: 'down' }))).toEqual([]);
    utimesSync(session.here.at('l/a'), 1002, 1002);
    expect(stepsOf(await session.sync({ direction: 'up' }))).toEqual(['copy a (time)']);
  });

  it('writes nothing through names that a server lists', async () => {
    const here = new LocalFolder();
    const { sftp } = await openMemory({
      answer: (request, server) => {
        if (request.kind !== 'readdir' || server.count('readdir') > 1) return undefined;
        const attrs = { permissions: 0o100644, size: 1n };
        return { kind: 'name', names: [{ filename: bytes('../evil'), longname: bytes(''), attrs }] };
      },
    });
    const result = await sftp.sync(here.at('l'), '/', { direction: 'down', onError: () => 'skip' });
    expect(result.failedCount).toBe(1);
    expect(here.tree()).toEqual({ 'l/': '' });
  });

  it('takes no options that nobody knows, and needs a direction', async () => {
    const { sftp, sync } = await scene();
    await expect(sync({ direction: 'sideways' } as never)).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(sync({} as never)).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(sync({ direction: 'up', recursive: true } as never)).rejects.toThrow(
      'no option "recursive" of sync',
    );
    await expect(sftp.sync('', '/r', { direction: 'up' })).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });

  it('a plan has a step for each difference', () => {
    const file = (size: number, mtime: number) => ({ kind: 'file' as const, size, mtime });
    const folder = { kind: 'folder' as const, size: undefined, mtime: 1 };
    expect(compare(file(1, 1), undefined, 'size-time')).toEqual({ action: 'copy', reason: 'missing' });
    expect(compare(folder, undefined, 'size-time')).toEqual({ action: 'folder', reason: 'missing' });
    expect(compare(file(1, 1), file(1, 1), 'size-time')).toEqual({ action: 'same' });
    expect(compare(file(1, 1), file(2, 1), 'sha256')).toEqual({ action: 'copy', reason: 'size' });
    expect(compare(file(1, 1), file(1, 1), 'sha256')).toEqual({ action: 'hash' });
    expect(compare(file(1, 1), file(1, 2), 'size-time')).toEqual({ action: 'copy', reason: 'time' });
    expect(compare(folder, { ...folder, mtime: 9 }, 'size-time')).toEqual({ action: 'same' });
    expect(compare(folder, file(1, 1), 'size-time')).toEqual({ action: 'replace', reason: 'kind' });
  });
});
