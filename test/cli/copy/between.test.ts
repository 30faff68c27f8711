/** Copies from one server to another: what arrives, how much at once, what of it fails alone. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../../src/base/errors.ts';
import { Between, type BetweenOptions } from '../../../src/cli/copy/between.ts';
import type { Sftp } from '../../../src/sftp/sftp.ts';
import type { TransferProgress } from '../../../src/sftp/transfer/options.ts';
import { openMemory } from '../../sftp/memory/channel.ts';
import { MemoryFiles } from '../../sftp/memory/files.ts';

interface Scene {
  readonly from: MemoryFiles;
  readonly to: MemoryFiles;
  readonly failures: string[];
  readonly progress: TransferProgress[];
  readonly copy: Between;
}

async function scene(
  fill: (from: MemoryFiles, to: MemoryFiles) => void,
  options: Partial<BetweenOptions> = {},
  watch: (sftp: Sftp) => Sftp = (sftp) => sftp,
): Promise<Scene> {
  const [from, to] = [new MemoryFiles(), new MemoryFiles()];
  fill(from, to);
  const [source, target] = [await openMemory({ files: from }), await openMemory({ files: to })];
  const failures: string[] = [];
  const progress: TransferProgress[] = [];
  const copy = new Between(watch(source.sftp), target.sftp, {
    recursive: true,
    preserve: false,
    limitRate: undefined,
    signal: new AbortController().signal,
    onProgress: (each) => progress.push(each),
    failed: (error) => failures.push((error as Error).message),
    ...options,
  });
  return { from, to, failures, progress, copy };
}

describe('a copy between two servers', () => {
  it('brings a file, and tells how far it is', async () => {
    const { to, copy, progress, failures } = await scene((from) =>
      from.file('/a/f', 'x'.repeat(3_000), 0o640),
    );
    await copy.copy('/a/f', '/g');
    expect(to.tree()).toEqual({ '/g': 'x'.repeat(3_000) });
    expect(to.find('/g', false).mode).toBe(0o640);
    expect(copy.result).toEqual({ files: 1, folders: 0, bytes: 3_000, failed: 0 });
    expect(progress.at(-1)).toMatchObject({
      path: '/a/f',
      transferred: 3_000,
      total: 3_000,
      files: 1,
      filesDone: 1,
    });
    expect(failures).toEqual([]);
  });

  it('brings a folder with all that is in it, and follows links to files alone', async () => {
    const { to, copy, failures } = await scene((from) => {
      from.file('/d/one', '1');
      from.file('/d/sub/two', '22');
      from.folder('/d/empty');
      from.link('/d/link', 'one');
      from.link('/d/folders', 'sub');
      from.fifo('/d/pipe');
      from.link('/d/dangling', 'nowhere');
    });
    await copy.copy('/d', '/e');
    expect(to.tree()).toEqual({
      '/e/': '',
      '/e/empty/': '',
      '/e/link': '1',
      '/e/one': '1',
      '/e/sub/': '',
      '/e/sub/two': '22',
    });
    expect(copy.result).toEqual({ files: 3, folders: 3, bytes: 4, failed: 3 });
    expect(failures.sort()).toEqual([
      expect.stringContaining('"/d/folders" is a link to a folder, which is not followed'),
      expect.stringContaining('"/d/pipe" is a device, a pipe or a socket'),
      expect.stringContaining('/d/dangling'),
    ]);
  });

  it('keeps times and permissions where it is asked to', async () => {
    const fill = (from: MemoryFiles): void => {
      from.file('/d/f', '1', 0o604);
      Object.assign(from.find('/d/f', false), { atime: 11, mtime: 12 });
      Object.assign(from.find('/d', false), { mode: 0o711, atime: 21, mtime: 22 });
    };
    const kept = await scene(fill, { preserve: true });
    await kept.copy.copy('/d', '/e');
    expect(kept.to.find('/e/f', false)).toMatchObject({ mode: 0o604, atime: 11, mtime: 12 });
    expect(kept.to.find('/e', false)).toMatchObject({ mode: 0o711, atime: 21, mtime: 22 });
    const plain = await scene(fill);
    await plain.copy.copy('/d', '/e');
    expect(plain.to.find('/e/f', false)).toMatchObject({ mode: 0o604 });
    expect(plain.to.find('/e/f', false)).not.toMatchObject({ mtime: 12 });
    expect(plain.to.find('/e', false)).toMatchObject({ mode: 0o711 });
  });

  it('can fill a folder that its owner may not write, and gives no bit that lets others be its owner', async () => {
    const { to, copy } = await scene((from) => {
      from.file('/d/f', '1', 0o4755);
      Object.assign(from.find('/d', false), { mode: 0o2555 });
    });
    await copy.copy('/d', '/e');
    expect(to.find('/e', false).mode).toBe(0o555);
    expect(to.find('/e/f', false).mode).toBe(0o755);
  });

  it('leaves a folder that is there as it is, and writes into it', async () => {
    const { to, copy } = await scene((from, there) => {
      from.file('/d/f', 'new');
      there.file('/e/f', 'old');
      there.file('/e/other', 'stays');
      Object.assign(there.find('/e', false), { mode: 0o700 });
    });
    await copy.copy('/d', '/e');
    expect(to.tree()).toEqual({ '/e/': '', '/e/f': 'new', '/e/other': 'stays' });
    expect(to.find('/e', false).mode).toBe(0o700);
  });

  it('takes a folder only with -r, and none that is deeper than 64', async () => {
    const { copy, to } = await scene((from) => from.file('/d/f', '1'), { recursive: false });
    await expect(copy.copy('/d', '/e')).rejects.toMatchObject({
      code: 'ERR_SSH_TRANSFER',
      message: expect.stringContaining('which -r takes'),
    });
    expect(to.tree()).toEqual({});
    const deep = await scene((from) => from.file(`${'/d'.repeat(64)}/f`, '1').mode);
    await deep.copy.copy('/d', '/e');
    expect([deep.failures, deep.copy.result.files]).toEqual([[], 1]);
    const deeper = await scene((from) => from.file(`${'/d'.repeat(65)}/f`, '1').mode);
    await deeper.copy.copy('/d', '/e');
    expect(deeper.failures).toEqual([expect.stringContaining('deeper than 64 folders')]);
  });

  it('has eight files on their way at once, as many as there are', async () => {
    let [open, most] = [0, 0];
    const watch = (sftp: Sftp): Sftp =>
      new Proxy(sftp, {
        get: (target, name) => {
          if (name !== 'createReadStream') {
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? value.bind(target) : value;
          }
          return (...args: Parameters<Sftp['createReadStream']>) => {
            open++;
            most = Math.max(most, open);
            return target.createReadStream(...args).once('close', () => open--);
          };
        },
      });
    const { copy, to } = await scene(
      (from) => {
        for (let i = 0; i < 30; i++) from.file(`/d/f${i}`, 'x'.repeat(1_000));
      },
      {},
      watch,
    );
    await copy.copy('/d', '/e');
    expect([copy.result.files, Object.keys(to.tree()).length]).toEqual([30, 31]);
    expect(most).toBe(8);
  });

  it('stops where it is told to, and complains of nothing', async () => {
    const controller = new AbortController();
    const { copy, failures } = await scene(
      (from) => {
        for (let i = 0; i < 30; i++) from.file(`/d/f${i}`, 'x');
      },
      {
        signal: controller.signal,
        onProgress: () => controller.abort(new SshError('ERR_SSH_ABORTED', 'told to')),
      },
    );
    await copy.copy('/d', '/e').catch(() => {});
    expect(copy.result.files).toBeLessThan(30);
    expect(failures).toEqual([]);
  });

  it('leaves no file that it could not fill', async () => {
    const { copy, to, failures } = await scene(
      (from) => {
        from.file('/d/bad', 'x');
        from.file('/d/good', 'y');
      },
      {},
      (sftp) =>
        new Proxy(sftp, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name, target);
            if (name !== 'createReadStream') return typeof value === 'function' ? value.bind(target) : value;
            return (path: Uint8Array, ...rest: []) => {
              const stream = target.createReadStream(path, ...rest);
              if (Buffer.from(path).toString().endsWith('bad')) stream.destroy(new Error('it broke'));
              return stream;
            };
          },
        }),
    );
    await copy.copy('/d', '/e');
    expect(to.tree()).toEqual({ '/e/': '', '/e/good': 'y' });
    expect(failures).toEqual([expect.stringContaining('it broke')]);
  });
});
