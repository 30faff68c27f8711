import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { resolveHost } from '../../src/entry/config.ts';
import { globFiles, readConfigFile } from '../../src/node/config/configFiles.ts';
import { runInShell } from '../../src/node/config/configPrograms.ts';
import { nobody } from '../support/asUser.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o644): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function refusal(path: string, options: object = {}): Promise<SshError> {
  const error = await resolveHost('alpha', { files: [path], ...options }).catch((reason: unknown) => reason);
  if (error instanceof SshError) return error;
  throw new Error(`nothing was refused: ${String(error)}`);
}

describe('a configuration file', () => {
  it('is read', async () => {
    const path = file('config', 'Host alpha\n  Port 2222\n');
    expect((await resolveHost('alpha', { files: path })).options.port).toBe(2222);
    expect((await resolveHost('alpha', { files: ['none'] })).options.port).toBe(22);
    expect((await resolveHost('alpha', { files: ['/dev/null'] })).options.port).toBe(22);
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['that is not there', () => {}, /there is no such file/],
    ['that is a folder', (path) => mkdirSync(path), /it is a folder/],
    ['that is a FIFO', (path) => execFileSync('mkfifo', [path]), /it is a FIFO/],
    [
      'that is larger than its limit',
      (path) => writeFileSync(path, Buffer.alloc(1024 * 1024 + 1, '#')),
      /longer than 1048576/,
    ],
    [
      'that everybody may write',
      (path) => {
        writeFileSync(path, '');
        chmodSync(path, 0o666);
      },
      /others may write it \(mode 0666\)/,
    ],
    ['that is a link to itself', (path) => symlinkSync(path, path), /leads to itself/],
  ])('%s is an error with its name', async (_what, make, message) => {
    const path = join(folder, 'config');
    make(path);
    const error = await refusal(path);
    expect(error).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 0 });
    expect(error.message).toMatch(message);
  });

  it('of 1 GiB is not read', async () => {
    const path = join(folder, 'config');
    execFileSync('truncate', ['-s', '1G', path]);
    expect((await refusal(path)).message).toContain('longer than');
  });

  it('with a line of 1 MiB is an error at that line', async () => {
    const path = file('config', `# first\nPort ${'9'.repeat(1024 * 1024 - 20)}\n`);
    const error = await refusal(path);
    expect(error).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
    expect(error.message.length).toBeLessThan(1000);
  });

  it('class: that includes itself is an error at the line of its Include', async () => {
    const path = file('config', `\nInclude ${folder}/config\n`);
    expect(await refusal(path)).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
  });

  it('that is included may be written by its user alone, and belongs to the user or to root', async () => {
    const path = file('config', `Port 1\nInclude ${folder}/more\n`);
    file('more', 'User ops\n', 0o664);
    const error = await refusal(path);
    expect(error).toMatchObject({ file: path, line: 2 });
    expect(error.message).toContain('others may write it (mode 0664)');
    chmodSync(join(folder, 'more'), 0o644);
    expect((await resolveHost('alpha', { files: path })).options.username).toBe('ops');
    chownSync(join(folder, 'more'), nobody, nobody);
    expect((await refusal(path)).message).toContain('belongs neither to this user nor to root');
  });

  it('that is named may be written by the group, whose own mistakes it then has', async () => {
    const path = file('config', 'Port 1\n', 0o664);
    expect((await resolveHost('alpha', { files: path })).options.port).toBe(1);
    expect(await readConfigFile(path, { isGuarded: true, maximum: 100 })).toHaveProperty('fault');
  });
});

describe('a pattern of files', () => {
  it('stands for those that are there, in the order of their bytes', async () => {
    for (const name of ['b.conf', 'a.conf', '.hidden.conf', 'B.conf', 'c.txt']) file(name, '');
    const names = async (pattern: string): Promise<unknown> => {
      const answer = await globFiles(pattern);
      return 'paths' in answer ? answer.paths.map((path) => path.slice(folder.length + 1)) : answer.fault;
    };
    expect(await names(`${folder}/*.conf`)).toEqual(['B.conf', 'a.conf', 'b.conf']);
    expect(await names(`${folder}/[ab].c?nf`)).toEqual(['a.conf', 'b.conf']);
    expect(await names(`${folder}/.h*`)).toEqual(['.hidden.conf']);
    expect(await names(`${folder}/c.txt`)).toEqual(['c.txt']);
    expect(await names(`${folder}/none`)).toEqual([]);
    expect(await names(`${folder}/none/*`)).toEqual([]);
    expect(await names('relative')).toContain('no folder');
  });
});

describe('a command of Match exec', () => {
  const run = (command: string, signal = new AbortController().signal) => runInShell(command, signal);

  it('tells by its status', async () => {
    expect(await run('true')).toEqual({ status: 0 });
    expect(await run('exit 3')).toEqual({ status: 3 });
    expect(await run('kill -9 $$')).toHaveProperty('fault');
  });

  it('reads nothing and writes nothing', async () => {
    expect(await run('read line')).toEqual({ status: 1 });
    expect(await run('echo said')).toEqual({ status: 0 });
  });

  it('that never ends is ended with all that it started, and the reading rejects', async () => {
    const path = file('config', 'Match exec "sleep 1000 & sleep 1000"\nPort 1\n');
    const error = await refusal(path, { timeout: 300 });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'options',
      origin: 'deadline',
      deadline: 300,
    });
    expect(error.waitingFor).toContain('sleep 1000');
    const aborting = new AbortController();
    const reading = refusal(path, { signal: aborting.signal });
    aborting.abort();
    expect(await reading).toMatchObject({ code: 'ERR_SSH_ABORTED' });
  });

  it('that cannot be run is an error at its line', async () => {
    const path = file('config', '\nMatch exec "kill -9 $$"\nPort 1\n');
    expect(await refusal(path)).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
  });
});
