/** The commands of `deadline-ssh sftp`, line by line, on a server in memory. */
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TransferDisplay } from '../../../src/cli/files/progress/transferDisplay.ts';
import type { FileSession } from '../../../src/cli/files/session/fileSession.ts';
import { Transfers } from '../../../src/cli/files/transfers.ts';
import { Messages } from '../../../src/cli/messages.ts';
import { parseLine } from '../../../src/cli/sftp/line/command.ts';
import { SftpOutput } from '../../../src/cli/sftp/output.ts';
import { SftpShell, type ShellOptions } from '../../../src/cli/sftp/shell.ts';
import { statusResponse } from '../../../src/sftp/protocol/server.ts';
import { type MemoryOptions, openMemory } from '../../sftp/memory/channel.ts';
import { MemoryFiles } from '../../sftp/memory/files.ts';
import { useFolders } from '../../support/cli/trees.ts';

const newFolder = useFolders();
const { signal } = new AbortController();

interface Scene {
  readonly files: MemoryFiles;
  readonly shell: SftpShell;
  /** Runs a line; whether all was done, what was printed, what was complained of. */
  run(line: string): Promise<readonly [done: boolean, out: string, said: string]>;
}

interface SceneOptions extends MemoryOptions {
  readonly json?: boolean;
  readonly shell?: Partial<ShellOptions>;
}

async function scene(fill: (files: MemoryFiles) => void, options: SceneOptions = {}): Promise<Scene> {
  const files = new MemoryFiles();
  fill(files);
  const { sftp } = await openMemory({ ...options, files });
  let [out, said] = ['', ''];
  const messages = new Messages({ write: (text: string) => (said += text) });
  const sink = {
    write: async (bytes: Uint8Array): Promise<void> => {
      out += Buffer.from(bytes).toString('latin1');
    },
    flush: async () => {},
  };
  const output = new SftpOutput(sink as never, messages, options.json ?? false, () => {});
  const session: FileSession = {
    sftp,
    name: 'h',
    ended: new Promise(() => {}),
    isOver: false,
    close: () => sftp.close(),
  };
  const display = new TransferDisplay({ columns: 80, write: () => true }, () => false);
  const transfers = new Transfers(sftp, display, {
    failed: (direction, error) => output.failed(direction, error),
    note: (text) => output.note(text),
    done: (direction, from, to, result) => void output.transferred(direction, from, to, result),
  });
  let isShown = false;
  const shell = await SftpShell.begin(
    {
      session,
      transfers,
      output,
      isChatty: true,
      isBatch: false,
      always: {},
      toggleProgress: () => {
        isShown = !isShown;
        return isShown;
      },
      ...options.shell,
    },
    signal,
  );
  return {
    files,
    shell,
    run: async (line) => {
      [out, said] = ['', ''];
      const { command } = parseLine(line);
      if (command.verb === 'invalid' || command.verb === 'quit') throw new Error(`not a command: ${line}`);
      return [await shell.run(command, signal), out, said];
    },
  };
}

const some = (files: MemoryFiles): void => {
  files.file('/d/a', 'aa', 0o640);
  files.file('/d/b', 'bbb');
  files.file('/d/.hidden', '');
  files.folder('/d/sub');
  files.file('/f', 'f');
};

describe('the folder of the session', () => {
  it('begins where the server says, moves with cd, and is where names without a slash are', async () => {
    const { run, shell, files } = await scene(some);
    expect(await run('pwd')).toEqual([true, 'Remote working directory: /\n', '']);
    expect(await run('cd d')).toEqual([true, '', '']);
    expect(await run('pwd')).toEqual([true, 'Remote working directory: /d\n', '']);
    expect(await run('mkdir new')).toEqual([true, '', '']);
    expect(files.tree('/d')).toHaveProperty(['/d/new/']);
    expect(await run('cd ..')).toEqual([true, '', '']);
    expect(await run('cd /d/sub')).toEqual([true, '', '']);
    expect(await run('cd')).toEqual([true, '', '']);
    expect(shell.folder).toBe('/');
  });

  it('is no file, and stays where the other is not there', async () => {
    const { run, shell } = await scene(some);
    expect(await run('cd f')).toEqual([false, '', 'deadline-ssh: cd: "/f": it is not a folder\n']);
    const [done, , said] = await run('cd nowhere');
    expect([done, said]).toEqual([false, expect.stringMatching(/^deadline-ssh: cd: .*\/nowhere/)]);
    expect(shell.folder).toBe('/');
  });

  it('may have a name that is a pattern, and its files are found all the same', async () => {
    const { run } = await scene((files) => {
      files.file('/a*[b]/x', '1');
      files.file('/ab/x', 'other');
    });
    expect((await run('cd a\\*\\[b\\]'))[0]).toBe(true);
    expect(await run('ls')).toEqual([true, expect.stringMatching(/^x +\n$/), '']);
    expect(await run('rm *')).toEqual([true, 'Removing /a*[b]/x\n', '']);
  });
});

describe('ls', () => {
  const lines = (out: string): string[] => out.trimEnd().split(/\s+/);

  it('lists a folder in order, what is hidden with -a alone', async () => {
    const { run } = await scene(some);
    expect(lines((await run('ls d'))[1])).toEqual(['d/a', 'd/b', 'd/sub']);
    expect(lines((await run('ls -1 /d'))[1])).toEqual(['/d/a', '/d/b', '/d/sub']);
    expect(lines((await run('ls -1a d'))[1])).toEqual(['d/.', 'd/..', 'd/.hidden', 'd/a', 'd/b', 'd/sub']);
    expect(lines((await run('ls -1r d'))[1])).toEqual(['d/sub', 'd/b', 'd/a']);
    expect((await run('ls -1S d'))[1].split('\n').slice(0, 2)).toEqual(['d/b', 'd/a']);
    // Each was made later than the one before it.
    expect(lines((await run('ls -1t d'))[1])).toEqual(['d/sub', 'd/b', 'd/a']);
  });

  it('lists what a pattern or braces match, and says where nothing does', async () => {
    const { run } = await scene(some);
    expect(lines((await run('ls -1 d/[ab]'))[1])).toEqual(['d/a', 'd/b']);
    expect(lines((await run('ls -1 {f,d/b}'))[1])).toEqual(['d/b', 'f']);
    expect(lines((await run('ls -1 f'))[1])).toEqual(['f']);
    expect(await run('ls z*')).toEqual([false, '', 'deadline-ssh: ls: nothing matches "/z*"\n']);
  });

  it('has the lines that scripts take apart', async () => {
    const { run } = await scene(some);
    const [, out] = await run('ls -ln d/a');
    expect(out).toMatch(/^-rw-r----- +\S+ 1000 +1000 +2 Sep +9 +2001 d\/a\n$/);
  });

  it('gives programs an object', async () => {
    const { run } = await scene(some, { json: true });
    const [, out] = await run('ls d/a');
    expect(JSON.parse(out)).toEqual({
      result: {
        entries: [
          {
            name: 'd/a',
            attributes: {
              size: 2,
              permissions: 0o100640,
              uid: 1000,
              gid: 1000,
              atime: expect.any(Number),
              mtime: expect.any(Number),
            },
          },
        ],
      },
    });
    expect(await run('help')).toEqual([true, '', '']);
    expect(JSON.parse((await run('pwd'))[1])).toEqual({ result: { path: '/' } });
    const [done, , said] = await run('cd f');
    expect([done, said]).toEqual([false, '']);
  });
});

describe('commands that change files', () => {
  it('do to each match what they say', async () => {
    const { run, files } = await scene(some);
    expect(await run('chmod 600 d/[ab]')).toEqual([
      true,
      'Changing mode on /d/a\nChanging mode on /d/b\n',
      '',
    ]);
    expect(files.find('/d/b', false).mode).toBe(0o600);
    expect(await run('chown 7 d/a')).toEqual([true, 'Changing owner on /d/a\n', '']);
    expect(await run('chgrp 8 d/a')).toEqual([true, 'Changing group on /d/a\n', '']);
    expect(files.find('/d/a', false)).toMatchObject({ uid: 7, gid: 8 });
    expect(files.find('/d/b', false)).toMatchObject({ uid: 1000, gid: 1000 });
    expect(await run('chmod 755 d/sub')).toEqual([true, 'Changing mode on /d/sub\n', '']);
  });

  it('copy, rename, link and remove', async () => {
    const { run, files } = await scene(some);
    for (const line of [
      'cp f g',
      'ln f hard',
      'ln -s f soft',
      'symlink nowhere dangling',
      'rename g h',
      'rename f h',
      'rm d/a',
      'rmdir d/sub',
    ]) {
      expect([line, (await run(line))[0]]).toEqual([line, true]);
    }
    expect(files.tree()).toEqual({
      '/d/': '',
      '/d/.hidden': '',
      '/d/b': 'bbb',
      '/dangling': '-> nowhere',
      '/h': 'f',
      '/hard': 'f',
      '/soft': '-> f',
    });
    // By the rename of the protocol nothing is replaced.
    expect((await run('rename -l hard h'))[0]).toBe(false);
    expect(files.text('/hard')).toBe('f');
  });

  it('go on with the next after one that failed, but in a batch', async () => {
    const answer: MemoryOptions['answer'] = (request) =>
      request.kind === 'remove' && Buffer.from(request.filename).toString().endsWith('/a')
        ? statusResponse(3, 'no')
        : undefined;
    const going = await scene(some, { answer });
    const [done, out, said] = await going.run('rm d/[ab]');
    expect([done, out]).toEqual([false, 'Removing /d/a\nRemoving /d/b\n']);
    expect(said).toMatch(/^deadline-ssh: rm: [^\n]+\n$/);
    expect(going.files.tree('/d')).not.toHaveProperty(['/d/b']);
    const batch = await scene(some, { answer, shell: { isBatch: true, isChatty: false } });
    expect((await batch.run('rm d/[ab]')).slice(0, 2)).toEqual([false, '']);
    expect(batch.files.tree('/d')).toHaveProperty(['/d/b']);
  });

  it('try the very name where a pattern matches nothing', async () => {
    const { run } = await scene(some);
    const [done, out, said] = await run('rm z*');
    expect([done, out]).toEqual([false, 'Removing /z*\n']);
    expect(said).toContain('/z*');
  });
});

describe('transfers', () => {
  it('bring files here: by name, into a folder, by a pattern', async () => {
    const here = newFolder();
    const { run } = await scene(some);
    expect(await run(`get d/a ${here}/x`)).toEqual([true, `Fetching /d/a to ${here}/x\n`, '']);
    expect(readFileSync(join(here, 'x'), 'utf8')).toBe('aa');
    expect((await run(`get d/[ab] ${here}`))[0]).toBe(true);
    expect(readFileSync(join(here, 'b'), 'utf8')).toBe('bbb');
    expect(await run(`get d/[ab] ${here}/x`)).toEqual([
      false,
      '',
      `deadline-ssh: get: several files match, and "${here}/x" is not a folder for them\n`,
    ]);
    expect(await run('get z')).toEqual([false, '', 'deadline-ssh: get: there is no file "/z"\n']);
    const [done, , said] = await run(`get d ${here}`);
    expect([done, said]).toEqual([false, expect.stringContaining('a folder, which -r takes')]);
    expect((await run(`get -r d ${here}`))[0]).toBe(true);
    expect(readFileSync(join(here, 'd', 'b'), 'utf8')).toBe('bbb');
  });

  it('send files: by name, into a folder, by a pattern', async () => {
    const here = newFolder();
    writeFileSync(join(here, 'one'), '1');
    writeFileSync(join(here, 'two'), '22');
    mkdirSync(join(here, 'deep'));
    writeFileSync(join(here, 'deep', 'three'), '333');
    const { run, files } = await scene(some);
    expect(await run(`put ${here}/one x`)).toEqual([true, `Uploading ${here}/one to /x\n`, '']);
    expect((await run(`put ${here}/[ot]* d`))[0]).toBe(true);
    expect([files.text('/x'), files.text('/d/one'), files.text('/d/two')]).toEqual(['1', '1', '22']);
    expect((await run(`put ${here}/two`))[0]).toBe(true);
    expect(files.text('/two')).toBe('22');
    expect((await run(`put ${here}/[ot]* f`))[2]).toContain('several files match, and "/f" is not a folder');
    expect((await run(`put ${here}/none`))[2]).toContain(`there is no local file "${here}/none"`);
    expect((await run(`put ${here}/deep`))[2]).toContain('a folder, which -r takes');
    expect((await run(`put -r ${here}/deep`))[0]).toBe(true);
    expect(files.text('/deep/three')).toBe('333');
  });

  it('go on where one ended, and leave alone what is no part of the whole', async () => {
    const here = newFolder();
    const { run, files } = await scene((there) => {
      there.file('/f', '0123456789');
      there.file('/longer', 'abcdef');
    });
    writeFileSync(join(here, 'f'), '01234');
    expect(await run(`reget f ${here}/f`)).toEqual([true, `Resuming /f to ${here}/f\n`, '']);
    expect(readFileSync(join(here, 'f'), 'utf8')).toBe('0123456789');
    writeFileSync(join(here, 'longer'), 'abcdefgh');
    expect((await run(`get -a longer ${here}/longer`))[2]).toContain('it is not a part of it');
    expect(readFileSync(join(here, 'longer'), 'utf8')).toBe('abcdefgh');
    files.file('/part', '012');
    expect(await run(`reput ${here}/f part`)).toEqual([true, `Resuming upload of ${here}/f to /part\n`, '']);
    expect(files.text('/part')).toBe('0123456789');
  });

  it('keep times and permissions with -p, and wait for the disk with -f', async () => {
    const here = newFolder();
    const synced: string[] = [];
    const { run, files } = await scene(some, {
      answer: (request) => {
        if (request.kind === 'extended') synced.push(request.extendedRequest);
        return undefined;
      },
    });
    Object.assign(files.find('/d/a', false), { mode: 0o604, mtime: 1_000_000 });
    await run(`get -p d/a ${here}/kept`);
    const stats = statSync(join(here, 'kept'));
    expect([stats.mode & 0o777, stats.mtimeMs]).toEqual([0o604, 1_000_000_000]);
    expect((await run(`get -f d/a ${here}/synced`))[0]).toBe(true);
    writeFileSync(join(here, 'up'), 'x');
    expect((await run(`put -f ${here}/up`))[0]).toBe(true);
    expect(synced.filter((name) => name === 'fsync@openssh.com')).toHaveLength(1);
    expect((await run(`put ${here}/up`))[0]).toBe(true);
    expect(synced.filter((name) => name === 'fsync@openssh.com')).toHaveLength(1);
  });

  it('leave links out, and say so', async () => {
    const here = newFolder();
    mkdirSync(join(here, 'd'));
    symlinkSync('nowhere', join(here, 'd', 'link'));
    const { run, files } = await scene(() => {});
    const [done, , said] = await run(`put -r ${here}/d`);
    expect([done, said]).toEqual([true, expect.stringContaining('/d/link": left out, since it is a link')]);
    expect(files.tree()).toEqual({ '/d/': '' });
  });

  it('follow the flags that were given for all of them', async () => {
    const here = newFolder();
    const { run } = await scene(some, { shell: { always: { recursive: true, preserve: true } } });
    expect((await run(`get d ${here}`))[0]).toBe(true);
    expect(existsSync(join(here, 'd', 'sub'))).toBe(true);
    expect(statSync(join(here, 'd', 'a')).mode & 0o777).toBe(0o640);
  });
});

describe('the rest', () => {
  it('says what it is asked', async () => {
    const { run } = await scene(some);
    expect(await run('version')).toEqual([true, 'SFTP protocol version 3\n', '']);
    expect(await run('progress')).toEqual([true, 'Progress meter enabled\n', '']);
    expect(await run('progress')).toEqual([true, 'Progress meter disabled\n', '']);
    expect(await run('lpwd')).toEqual([true, `Local working directory: ${process.cwd()}\n`, '']);
    expect((await run('help'))[1]).toMatch(/^get, mget .*\n/m);
    expect(await run('# a comment')).toEqual([true, '', '']);
    const before = process.umask();
    try {
      expect(await run('lumask 27')).toEqual([true, 'Local umask: 027\n', '']);
      expect(process.umask()).toBe(0o027);
    } finally {
      process.umask(before);
    }
  });

  it('makes local folders', async () => {
    const here = newFolder();
    const { run } = await scene(some);
    expect(await run(`lmkdir ${here}/x`)).toEqual([true, '', '']);
    expect(statSync(join(here, 'x')).isDirectory()).toBe(true);
    const [done, , said] = await run(`lmkdir ${here}/x`);
    expect([done, said]).toEqual([false, expect.stringMatching(/^deadline-ssh: lmkdir: /)]);
  });
});
