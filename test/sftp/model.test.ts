/** Any sequence of calls does what it does to a file system, whatever the pieces, the order of answers and the lengths of reads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../examples/memoryStore.ts';
import { SshError } from '../../src/base/errors.ts';
import { serveFolder } from '../../src/node/served/serveFolder.ts';
import { serveFiles } from '../../src/sftp/serve/handlers.ts';
import type { Sftp } from '../../src/sftp/sftp.ts';
import { openMemory } from './memory/channel.ts';
import { MemoryFiles, Refused } from './memory/files.ts';
import { bytes } from './memory/server.ts';
import { connectTo } from './serve/support.ts';

/** One call, on the server and on the model. */
interface Step {
  readonly call: string;
  readonly onServer: (sftp: Sftp) => Promise<unknown>;
  readonly onModel: (files: MemoryFiles) => unknown;
}

const names = fc.constantFrom('a', 'b', 'c');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const contents = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
  fc.integer({ min: 1, max: 120_000 }).map((length) => 'x'.repeat(length)),
);

const write = (files: MemoryFiles, path: string, content: string): void => {
  const node = files.openFile(path, { create: true, exclusive: false, truncate: true }, 0o666);
  if (node.type === 'file' && content !== '') files.write(node, 0, bytes(content));
};

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(paths, contents).map(([path, content]) => ({
    call: `writeFile ${path} ${content.length}`,
    onServer: (sftp: Sftp) => sftp.writeFile(path, bytes(content)),
    onModel: (files: MemoryFiles) => write(files, path, content),
  })),
  fc.tuple(paths, contents).map(([path, content]) => ({
    call: `appendFile ${path} ${content.length}`,
    onServer: (sftp: Sftp) => sftp.appendFile(path, bytes(content)),
    onModel: (files: MemoryFiles) => {
      const node = files.openFile(path, { create: true, exclusive: false, truncate: false }, 0o666);
      if (node.type === 'file') files.write(node, node.data.length, bytes(content));
    },
  })),
  paths.map((path) => ({
    call: `readFile ${path}`,
    onServer: async (sftp: Sftp) => Buffer.from(await sftp.readFile(path)).toString('latin1'),
    onModel: (files: MemoryFiles) => {
      const node = files.openFile(path, { create: false, exclusive: false, truncate: false }, 0);
      if (node.type !== 'file') throw new Refused(4);
      return node.data.toString('latin1');
    },
  })),
  fc.tuple(paths, fc.nat({ max: 150_000 }), fc.nat({ max: 100_000 })).map(([path, position, length]) => ({
    call: `read ${path} ${position} ${length}`,
    onServer: async (sftp: Sftp) => {
      const file = await sftp.open(path);
      try {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
        return Buffer.from(buffer.subarray(0, bytesRead)).toString('latin1');
      } finally {
        await file.close();
      }
    },
    onModel: (files: MemoryFiles) => {
      const node = files.openFile(path, { create: false, exclusive: false, truncate: false }, 0);
      if (node.type !== 'file') {
        if (length === 0) return '';
        throw new Refused(4);
      }
      return node.data.subarray(position, position + length).toString('latin1');
    },
  })),
  fc.tuple(paths, fc.nat({ max: 100_000 }), contents).map(([path, position, content]) => ({
    call: `write ${path} ${position} ${content.length}`,
    onServer: async (sftp: Sftp) => {
      const file = await sftp.open(path, 'r+');
      try {
        const data = bytes(content);
        return (await file.write(data, 0, data.length, position)).bytesWritten;
      } finally {
        await file.close();
      }
    },
    onModel: (files: MemoryFiles) => {
      const node = files.openFile(path, { create: false, exclusive: false, truncate: false }, 0);
      if (node.type !== 'file') {
        if (content === '') return 0;
        throw new Refused(4);
      }
      if (content !== '') files.write(node, position, bytes(content));
      return content.length;
    },
  })),
  fc.tuple(paths, fc.boolean()).map(([path, recursive]) => ({
    call: `mkdir ${path} ${recursive}`,
    onServer: (sftp: Sftp) => sftp.mkdir(path, { recursive }),
    onModel: (files: MemoryFiles) => {
      if (!recursive) return void files.mkdir(path, 0o777);
      const parts = path.split('/').slice(1);
      let first: string | undefined;
      for (let i = 1; i <= parts.length; i++) {
        const at = `/${parts.slice(0, i).join('/')}`;
        if (files.tree(at)[`${at}/`] !== undefined || isFolder(files, at)) continue;
        files.mkdir(at, 0o777);
        first ??= at;
      }
      return first;
    },
  })),
  paths.map((path) => ({
    call: `rmdir ${path}`,
    onServer: (sftp: Sftp) => sftp.rmdir(path),
    onModel: (files: MemoryFiles) => files.rmdir(path),
  })),
  paths.map((path) => ({
    call: `unlink ${path}`,
    onServer: (sftp: Sftp) => sftp.unlink(path),
    onModel: (files: MemoryFiles) => files.remove(path),
  })),
  paths.map((path) => ({
    call: `rm ${path}`,
    onServer: (sftp: Sftp) => sftp.rm(path, { recursive: true, force: true }),
    onModel: (files: MemoryFiles) => {
      const remove = (at: string): void => {
        const node = files.find(at, false);
        if (node.type !== 'folder') return files.remove(at);
        for (const name of [...node.entries.keys()]) remove(`${at}/${name}`);
        files.rmdir(at);
      };
      try {
        files.find(path, false);
      } catch {
        return;
      }
      remove(path);
    },
  })),
  fc.tuple(paths, paths).map(([from, to]) => ({
    call: `rename ${from} ${to}`,
    onServer: (sftp: Sftp) => sftp.rename(from, to),
    onModel: (files: MemoryFiles) => files.rename(from, to, true),
  })),
  fc.tuple(fc.oneof(names, paths), paths).map(([target, path]) => ({
    call: `symlink ${target} ${path}`,
    onServer: (sftp: Sftp) => sftp.symlink(target, path),
    onModel: (files: MemoryFiles) => files.symlink(target, path),
  })),
  fc.tuple(paths, paths).map(([existing, path]) => ({
    call: `link ${existing} ${path}`,
    onServer: (sftp: Sftp) => sftp.link(existing, path),
    onModel: (files: MemoryFiles) => files.hardLink(existing, path),
  })),
  paths.map((path) => ({
    call: `readlink ${path}`,
    onServer: (sftp: Sftp) => sftp.readlink(path),
    onModel: (files: MemoryFiles) => files.readlink(path),
  })),
  fc.tuple(paths, fc.nat({ max: 300_000 })).map(([path, length]) => ({
    call: `truncate ${path} ${length}`,
    onServer: (sftp: Sftp) => sftp.truncate(path, length),
    onModel: (files: MemoryFiles) => files.setAttributes(files.find(path, true), { size: BigInt(length) }),
  })),
  fc.tuple(paths, fc.nat({ max: 0o7777 })).map(([path, mode]) => ({
    call: `chmod ${path} ${mode}`,
    onServer: (sftp: Sftp) => sftp.chmod(path, mode),
    onModel: (files: MemoryFiles) => files.setAttributes(files.find(path, true), { permissions: mode }),
  })),
  paths.map((path) => ({
    call: `stat ${path}`,
    onServer: async (sftp: Sftp) => {
      const { size, mode, uid } = await sftp.stat(path);
      return [size, mode, uid];
    },
    onModel: (files: MemoryFiles) => {
      const { size, permissions, uid } = files.attributes(files.find(path, true));
      return [Number(size), permissions, uid];
    },
  })),
  paths.map((path) => ({
    call: `readdir ${path}`,
    onServer: async (sftp: Sftp) => (await sftp.readdir(path)).sort(),
    onModel: (files: MemoryFiles) => {
      const node = files.find(path, true);
      if (node.type !== 'folder') throw new Refused(4);
      return [...node.entries.keys()].sort();
    },
  })),
  paths.map((path) => ({
    call: `exists ${path}`,
    onServer: (sftp: Sftp) => sftp.exists(path),
    onModel: (files: MemoryFiles) => {
      try {
        return files.find(path, true) !== undefined;
      } catch {
        return false;
      }
    },
  })),
);

function isFolder(files: MemoryFiles, path: string): boolean {
  try {
    return files.find(path, true).type === 'folder';
  } catch {
    return false;
  }
}

async function outcomeOnServer(step: Step, sftp: Sftp): Promise<unknown> {
  try {
    return await step.onServer(sftp);
  } catch (error) {
    if (error instanceof SshError && error.status !== undefined) return 'refused';
    throw error;
  }
}

function outcomeOnModel(step: Step, files: MemoryFiles): unknown {
  try {
    return step.onModel(files);
  } catch (error) {
    if (error instanceof Refused) return 'refused';
    throw error;
  }
}

/** Pieces of a few bytes each make a long story; beyond so many they are whole. */
const mostTurns = 1000;

describe('calls on a server', () => {
  it('do what they do to a file system', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { minLength: 1, maxLength: 15 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
        async (story, cuts, picks, reads) => {
          let turn = 0;
          const { sftp, files, channel, server } = await openMemory({
            cut: (length) => (turn++ > mostTurns ? length : (cuts[turn % cuts.length] as number)),
            pick: (waiting) => (picks[turn++ % picks.length] as number) % waiting,
            readLength: (asked) => (turn++ > mostTurns ? asked : (reads[turn % reads.length] as number)),
          });
          const model = new MemoryFiles();
          for (const step of story) {
            const expected = outcomeOnModel(step, model);
            expect(await outcomeOnServer(step, sftp), step.call).toEqual(expected);
            expect(files.tree(), step.call).toEqual(model.tree());
          }
          await channel.rest();
          expect(server.handles.size).toBe(0);
          expect(channel.waits.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  /** What a store of a server's own has otherwise: modes that a client may set, and links, whose text `serveFolder` changes. */
  const ownRules = /^(?:chmod|stat|symlink|readlink) /;

  it.each([
    ['serveFiles', () => serveFiles(new MemoryStore())],
    ['serveFolder', (folder: string) => serveFolder(folder)],
  ] as const)(
    'of this library do what they do to a file system, on %s',
    async (_, storeOf) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            steps.filter(({ call }) => !ownRules.test(call)),
            { minLength: 1, maxLength: 15 },
          ),
          async (story) => {
            const folder = mkdtempSync(join(tmpdir(), 'dlssh-model-'));
            try {
              const { sftp, channel, session, reports } = await connectTo(storeOf(folder));
              const model = new MemoryFiles();
              for (const step of story) {
                const expected = outcomeOnModel(step, model);
                expect(await outcomeOnServer(step, sftp), step.call).toEqual(expected);
              }
              const there: string[] = [];
              for await (const entry of sftp.walk('/')) {
                there.push(entry.isDirectory() ? `${entry.path}/` : entry.path);
              }
              expect(there.sort()).toEqual(Object.keys(model.tree()).sort());
              await channel.rest();
              expect(session.snapshot(false).openHandles).toBe(0);
              expect(reports).toEqual([]);
            } finally {
              rmSync(folder, { recursive: true, force: true });
            }
          },
        ),
        { numRuns: 40 },
      );
    },
    120_000,
  );

  it('write and read the same bytes, in any order of answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 500_000 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 9 }),
        fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 9 }),
        async (length, picks, reads) => {
          let turn = 0;
          const { sftp, files } = await openMemory({
            pick: (waiting) => (picks[turn++ % picks.length] as number) % waiting,
            readLength: (asked) => (turn++ > mostTurns ? asked : (reads[turn % reads.length] as number)),
            limits: { sftpBytesInFlight: 1024 * 1024 },
          });
          const content = Buffer.alloc(length);
          for (let i = 0; i < length; i++) content[i] = (i * 31) ^ (i >> 8);
          await sftp.writeFile('/f', content);
          expect(files.bytes('/f')?.equals(content)).toBe(true);
          expect(Buffer.from(await sftp.readFile('/f')).equals(content)).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });
});
