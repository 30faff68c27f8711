/**
 * Files on the embedded server, as programs and libraries of others move them: on a folder of this
 * machine, and on a store in memory.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { MemoryStore } from '../../../examples/memoryStore.ts';
import { connect } from '../../../src/entry/index.ts';
import { type SftpStore, serveFiles, serveFolder } from '../../../src/entry/server.ts';
import { startEmbedded } from '../../support/clients/embedded.ts';
import {
  contentsOf,
  type FilesClient,
  filesClients,
  hasModule,
  strangeNames,
} from '../../support/clients/files/clients.ts';
import { keyText, useClientLab } from '../../support/clients/lab.ts';
import { describeWith } from '../../support/servers/programs.ts';

const timeout = 240_000;
const big = randomBytes(10 * 1024 * 1024);
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-files-'));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}, timeout);

/** What a client finds before it begins. */
function prepare(): string {
  const folder = newFolder();
  writeFileSync(join(folder, 'big'), big);
  writeFileSync(join(folder, 'head'), big.subarray(0, 3_000_000));
  writeFileSync(join(folder, 'part'), big.subarray(0, 4_000_001));
  mkdirSync(join(folder, 'tree/a/b/c'), { recursive: true });
  writeFileSync(join(folder, 'tree/empty'), '');
  for (let i = 0; i < 40; i++) writeFileSync(join(folder, `tree/a/b/${i}`), `${i}\n`);
  for (const name of strangeNames) writeFileSync(join(folder, 'tree/a', name), name);
  return folder;
}

const stores: readonly (readonly [string, () => SftpStore])[] = [
  ['serveFolder', () => serveFolder(newFolder())],
  ['serveFiles', () => serveFiles(new MemoryStore())],
];

function suite({ resumes, work }: FilesClient): void {
  const lab = useClientLab();

  it.each(stores)(
    'come, go, are resumed, listed, renamed and removed on %s',
    async (_, storeOf) => {
      await using embedded = await startEmbedded({ sftp: storeOf() });
      const { port, faults } = embedded;
      const folder = prepare();
      expect(await work({ lab, port, folder })).toBeUndefined();
      expect(faults).toEqual([]);

      expect(readFileSync(join(folder, 'back')).equals(big)).toBe(true);
      if (resumes) expect(readFileSync(join(folder, 'part')).equals(big)).toBe(true);
      expect(contentsOf(join(folder, 'treeBack'))).toEqual(contentsOf(join(folder, 'tree')));

      // And what is on the server, as this library sees it.
      await using client = await connect({
        ...{ host: '127.0.0.1', port, username: 'ops', privateKey: keyText('ed25519') },
        verifyHostKey: () => true,
      });
      await using sftp = await client.sftp();
      for (const name of ['renamed', 'half']) {
        expect(Buffer.from(await sftp.readFile(`/work/${name}`)).equals(big), name).toBe(true);
      }
      expect((await sftp.readdir('/work')).sort()).toEqual(['half', 'renamed']);
      expect((await sftp.readdir('/')).sort()).toEqual(['tree', 'work']);
      const there = await sftp.readdir('/tree/a');
      expect(there.sort()).toEqual(['b', ...strangeNames].sort());
      const copy = join(folder, 'copy');
      await sftp.get('/tree', copy, { recursive: true });
      expect(contentsOf(copy)).toEqual(contentsOf(join(folder, 'tree')));
    },
    timeout,
  );
}

for (const client of filesClients) {
  const { name, programs, module } = client;
  const obstacle = (): string | undefined =>
    module === undefined || hasModule(module) ? undefined : `Python has no ${module}`;
  describeWith({ programs, obstacle }, `files with ${name}`, () => suite(client));
}
