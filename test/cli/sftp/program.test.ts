/** `deadline-ssh sftp` from its command line to the exit status, in this process: on a server of this library's own. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { serveFolder } from '../../../src/entry/server.ts';
import type { Home } from '../../support/cli/home.ts';
import {
  type EndedCommand,
  type FakeTerminal,
  type HereOptions,
  hear,
  runHere,
  terminalInput,
} from '../../support/cli/inProcess.ts';
import { useOwnServer } from '../../support/cli/ownServer.ts';
import { Screen } from '../../support/cli/screen.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-sftp-')));
const [root, here] = [join(base, 'there'), join(base, 'here')];
const there = useOwnServer({ sftp: () => serveFolder(root) });
let home: Home;

beforeEach(() => {
  for (const folder of [root, here]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  }
  home = there.home();
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const sftp = (argv: readonly string[], options: HereOptions = {}): Promise<EndedCommand> =>
  runHere('sftp', ['-F', home.at('config'), ...argv], {
    home: home.path,
    cwd: here,
    env: { SSH_AUTH_SOCK: undefined },
    ...options,
  });
const put = (folder: string, name: string, content = name): void =>
  writeFileSync(join(folder, name), content);
const batch = (lines: string): string => home.write('batch', lines);
const ended = (status: number, out: string, said: string): EndedCommand => ({ status, out, said });

describe('lines', () => {
  it('of a batch are carried out, each behind its prompt, to the first that fails', async () => {
    const lines = 'pwd\n\n# comment\n@version\n-rmdir none\nmkdir d\nmkdir d\nmkdir e\n';
    expect(await sftp(['-b', batch(lines), 'there'])).toEqual(
      ended(
        1,
        'sftp> pwd\nRemote working directory: /\nsftp> \nsftp> # comment\nSFTP protocol version 3\nsftp> -rmdir none\nsftp> mkdir d\nsftp> mkdir d\n',
        expect.stringMatching(/^deadline-ssh: rmdir: [^\n]+\ndeadline-ssh: mkdir: [^\n]+\n$/),
      ),
    );
    expect(readdirSync(root)).toEqual(['d']);
  });

  it('of standard input go on where one fails, and tell what is done', async () => {
    put(root, 'f', 'abc');
    const input = 'nonsense\nget f g\nbye\nmkdir later\n';
    expect(await sftp(['there'], { input })).toEqual(
      ended(
        0,
        'sftp> nonsense\nsftp> get f g\nFetching /f to g\nsftp> bye\n',
        expect.stringMatching(/^Connected to there\.\ndeadline-ssh: sftp: there is no such command[^\n]*\n$/),
      ),
    );
    mkdirSync(join(root, 'folder'));
    expect((await sftp(['-q', 'there'], { input: 'get folder\nput none\n' })).said).toBe(
      'deadline-ssh: get: "/folder/" is a folder, which -r takes\ndeadline-ssh: put: there is no local file "none"\n',
    );
    expect([readFileSync(join(here, 'g'), 'utf8'), existsSync(join(root, 'later'))]).toEqual(['abc', false]);
    expect((await sftp(['-q', 'there'], { input: 'get f g\n' })).said).toBe('');
    expect(await sftp(['-q', 'there'], { input: 'get f g\n' })).toEqual(ended(0, 'sftp> get f g\n', ''));
  });

  it('of a batch on standard input say nothing but what they print, and with -N as much as others', async () => {
    put(root, 'f');
    expect(await sftp(['-b', '-', 'there'], { input: 'get f\n' })).toEqual(ended(0, 'sftp> get f\n', ''));
    expect(await sftp(['-N', '-b', '-', 'there'], { input: 'get f' })).toEqual(
      ended(0, 'sftp> get f\nFetching /f to f\n', 'Connected to there.\n'),
    );
    // The first failure ends this one too.
    expect((await sftp(['-b', '-', 'there'], { input: 'nonsense\nmkdir d\n' })).status).toBe(1);
    expect(readdirSync(root)).toEqual(['f']);
  });

  it('of a file that is not there are asked for before anything is connected to', async () => {
    const missing = await sftp(['-b', join(here, 'none'), '-P', '1', 'there']);
    expect(missing).toEqual(
      ended(255, '', `deadline-ssh: the batch file ${join(here, 'none')}: there is no such file or folder\n`),
    );
  });

  it('have an end: one of more than 64 KiB is none', async () => {
    const long = await sftp(['-q', 'there'], { input: `ls ${'x'.repeat(70_000)}` });
    expect([long.status, long.said]).toEqual([255, expect.stringContaining('more than 65536 bytes')]);
  });

  it('are waited for no longer where a signal comes', async () => {
    const input = new PassThrough();
    const onOutput = (text: string): void => {
      if (text.includes('Connected')) setImmediate(() => hear('SIGTERM'));
    };
    expect(await sftp(['there'], { input, onOutput })).toEqual(ended(143, '', 'Connected to there.\n'));
  });

  it('end with the connection, which says why', async () => {
    const input = new PassThrough();
    const onOutput = (text: string): void => {
      if (text.includes('Remote working')) for (const each of there.server.connections()) void each.close();
    };
    input.write('pwd\n');
    const { status, said } = await sftp(['-q', 'there'], { input, onOutput });
    expect([status, said.split('\n').length]).toEqual([255, 2]);
    expect(said).toMatch(/^deadline-ssh: /);
  });
});

describe('commands of this machine', () => {
  it('go to folders, from the home where none is named, and make them', async () => {
    mkdirSync(join(here, 'sub'));
    mkdirSync(join(home.path, 'x'));
    const input =
      'lcd sub\nlpwd\nlcd ~/x\nlpwd\nlcd\nlpwd\nlcd ~\nlpwd\nlcd none\nlmkdir made\nlmkdir made\n';
    const { status, out, said } = await sftp(['-q', 'there'], { input });
    const shown = out.split('\n').filter((line) => line.startsWith('Local'));
    expect(shown).toEqual(
      [join(here, 'sub'), join(home.path, 'x'), home.path, home.path].map(
        (path) => `Local working directory: ${path}`,
      ),
    );
    expect([status, said]).toEqual([
      0,
      expect.stringMatching(
        /^deadline-ssh: lcd: cannot go to the folder "none": [^\n]+\ndeadline-ssh: lmkdir: cannot make the folder "made": [^\n]+\n$/,
      ),
    ]);
    expect(existsSync(join(home.path, 'made'))).toBe(true);
  });

  it('run in the shell of the user, and say how they failed', async () => {
    put(here, 'f');
    const [shell, listed, all] = ['shell', 'listed', 'all'].map((name) => join(base, name));
    const input = `!printf here > ${shell}\nlls > ${listed}\nlls -a > ${all}\n!exit 3\n!kill -9 $$\n`;
    const { status, said } = await sftp(['-q', 'there'], { input, env: { SHELL: '/bin/sh' } });
    expect([status, said]).toEqual([
      0,
      'deadline-ssh: the local command: it ended with status 3\ndeadline-ssh: the local command: it was ended by SIGKILL\n',
    ]);
    const texts = [shell, listed, all].map((path) => readFileSync(path ?? '', 'utf8'));
    expect(texts).toEqual(['here', 'f\n', '.\n..\nf\n']);
    const none = await sftp(['-q', 'there'], { input: '!true\n', env: { SHELL: '/no/such/shell' } });
    expect(none.said).toContain('the local command: spawn /no/such/shell ENOENT');
  });
});

describe('the disk of the server', () => {
  it('is told of in blocks, for people, in inodes, and with --json in whole numbers', async () => {
    const { out } = await sftp(['-q', 'there'], { input: 'df\ndf -h\ndf -i\ndf -h /\n' });
    const [blocks = '', human = '', inodes = '', path = ''] = out.split(/sftp> df.*\n/).slice(1);
    expect(blocks).toMatch(/Size .*Used .*Avail .*%Capacity\n +\d+ +\d+ +\d+ +\d+ +\d+%\n/);
    expect(human).toMatch(/\n +[\d.]+[KMGTPB]+ +[\d.]+[KMGTPB]+/);
    expect(inodes).toContain('Inodes');
    expect(path.split('\n')[0]).toBe(human.split('\n')[0]);
    const json = await sftp(['--json', '-q', 'there'], { input: 'df\n' });
    const { result } = JSON.parse(json.out) as { result: Record<string, unknown> };
    expect([typeof result['bavail'], typeof result['isReadOnly']]).toEqual(['string', 'boolean']);
    expect(String(result['blocks'])).toMatch(/^\d+$/);
  });
});

describe('a path behind the host', () => {
  it('is brought here where it is a file, also by another name, and nothing else is done', async () => {
    put(root, 'f', 'abc');
    const input = 'mkdir later\n';
    expect((await sftp(['there:f'], { input })).status).toBe(0);
    expect((await sftp(['there:f', 'g'], { input })).status).toBe(0);
    expect([readdirSync(here), readdirSync(root)]).toEqual([['f', 'g'], ['f']]);
    const none = await sftp(['-q', 'there:none'], { input });
    expect(none).toEqual(ended(1, '', 'deadline-ssh: get: there is no file "/none"\n'));
  });

  it('takes the place of a file at once, and with -a goes on with it', async () => {
    put(root, 'f', 'abc');
    put(here, 'f', 'a');
    const inode = (): number => statSync(join(here, 'f')).ino;
    const before = inode();
    await sftp(['-a', 'there:f'], { input: '' });
    expect([readFileSync(join(here, 'f'), 'utf8'), inode()]).toEqual(['abc', before]);
    await sftp(['there:f'], { input: '' });
    expect(inode()).not.toBe(before);
  });

  it('is where the session begins where it is a folder', async () => {
    mkdirSync(join(root, 'd'));
    put(join(root, 'd'), 'f');
    expect((await sftp(['there:d'], { input: '@pwd\n' })).out).toContain('Remote working directory: /d\n');
    expect((await sftp(['-r', 'there:d', 'e'], { input: '' })).status).toBe(0);
    expect(readFileSync(join(here, 'e/f'), 'utf8')).toBe('f');
  });
});

describe('what is printed', () => {
  it('with --json is one object a line', async () => {
    put(root, 'f', 'abc');
    const { status, out, said } = await sftp(['--json', 'there'], {
      input: 'pwd\nget f\nrm none\nlumask 022\n',
    });
    expect([status, said]).toEqual([0, '']);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { result: { path: '/' } },
      { result: { direction: 'get', from: '/f', to: 'f', files: 1, bytes: 3 } },
      { error: { command: 'rm', code: 'ERR_SSH_SFTP_NO_SUCH_FILE', path: '/none', status: { code: 2 } } },
      { result: {} },
    ]);
    home.write('known_hosts', '');
    const refused = await sftp(['--json', '-b', '-', 'there']);
    expect([refused.status, JSON.parse(refused.out), refused.said]).toMatchObject([
      255,
      { error: { command: 'connect', code: 'ERR_SSH_HOST_KEY_UNKNOWN', message: expect.any(String) } },
      '',
    ]);
  });

  it('on a terminal is how far each transfer is, where that is wanted', async () => {
    put(root, 'f', 'x'.repeat(2048));
    const terminal = { on: ['stderr'] } satisfies HereOptions['terminal'];
    const input = 'get f\n';
    expect((await sftp(['there'], { input, terminal })).said).toMatch(/\/f +100% +2\.0KB /);
    expect((await sftp(['-q', 'there'], { input, terminal })).said).toBe('');
    expect((await sftp(['--json', 'there'], { input, terminal })).said).toBe('');
    expect((await sftp(['-b', '-', 'there'], { input, terminal })).said).toBe('');
    const toggled = await sftp(['-q', 'there'], { input: `progress\n${input}progress\n${input}`, terminal });
    expect(toggled.out).toBe(
      'sftp> progress\nProgress meter enabled\nsftp> get f\nsftp> progress\nProgress meter disabled\nsftp> get f\n',
    );
    expect(toggled.said.match(/100%/g)).toHaveLength(1);
  });
});

describe('a person', () => {
  interface Sitting {
    readonly input: FakeTerminal;
    readonly screen: Screen;
    readonly over: Promise<EndedCommand>;
    /** Types a line, and waits for the next prompt: what was shown till then. */
    enter(line: string): Promise<string>;
  }

  async function sit(): Promise<Sitting> {
    const input = terminalInput();
    const screen = new Screen();
    const over = sftp(['there'], {
      input,
      terminal: { on: ['stdin', 'stdout'] },
      onOutput: screen.take,
    });
    await screen.shows('sftp> ');
    const enter = (line: string): Promise<string> => {
      input.write(`${line}\r`);
      return screen.shows(/\n.*sftp> /s);
    };
    return { input, screen, over, enter };
  }

  it('has a prompt, and a session that goes on after failures', async () => {
    const { input, over, enter } = await sit();
    expect(await enter('pwd')).toContain('Remote working directory: /\n');
    expect(await enter('nonsense')).toContain('deadline-ssh: sftp: ');
    expect(await enter('mkdir d')).not.toContain('deadline-ssh');
    expect(existsSync(join(root, 'd'))).toBe(true);
    input.write('bye\r');
    expect((await over).status).toBe(0);
    expect([input.isRaw, input.listenerCount('keypress')]).toEqual([false, 0]);
  });

  it('is done with Ctrl-D', async () => {
    const { input, over } = await sit();
    input.write('\x04');
    const { status, out } = await over;
    expect([status, out.endsWith('\n')]).toEqual([0, true]);
  });

  it('drops what is typed by Ctrl-C, also behind where the cursor is', async () => {
    const { input, screen, over, enter } = await sit();
    // The cursor is in the middle: Ctrl-B is a step to the left.
    input.write('mkdir wrong\x02\x02');
    await screen.shows('wrong');
    input.write('\x03');
    await screen.shows('^C\n');
    await screen.shows('sftp> ');
    expect(await enter('pwd')).toContain('Remote working directory');
    expect(readdirSync(root)).toEqual([]);
    input.write('bye\r');
    expect((await over).status).toBe(0);
  });

  it('may paste several lines, which are carried out one after the other', async () => {
    const { input, over } = await sit();
    input.write('mkdir a\rmkdir b\rbye\rmkdir c\r');
    expect((await over).status).toBe(0);
    expect(readdirSync(root)).toEqual(['a', 'b']);
  });

  it('completes commands, names there and names here with Tab', async () => {
    mkdirSync(join(root, 'a folder'));
    put(join(root, 'a folder'), 'file');
    put(here, 'local-name');
    const { input, screen, over } = await sit();
    for (const [typed, completed] of [
      ['pw', 'pwd '],
      ['ls a', 'ls a\\ folder/'],
      ['ls a\\ folder/f', 'ls a\\ folder/file '],
      ['put loc', 'put local-name '],
    ] as const) {
      input.write(`${typed}\t`);
      await screen.shows(completed);
      input.write('\x03');
      await screen.shows('sftp> ');
    }
    // What has no completion stays as it is.
    input.write('ls zzz\t');
    await screen.shows('ls zzz');
    input.write('\rbye\r');
    expect((await over).status).toBe(0);
  });

  it('gives up what runs by Ctrl-C, and goes on', async () => {
    put(root, 'big', 'x'.repeat(400_000));
    const input = terminalInput();
    const screen = new Screen();
    const over = sftp(['-l', '640', 'there'], {
      input,
      terminal: { on: ['stdin', 'stdout', 'stderr'] },
      onOutput: screen.take,
    });
    await screen.shows('sftp> ');
    input.write('get big\r');
    await screen.shows(/[1-9]%/);
    hear('SIGINT');
    await screen.shows('sftp> ');
    expect(existsSync(join(here, 'big'))).toBe(false);
    expect(screen.text).not.toContain('given up');
    input.write('pwd\r');
    await screen.shows('Remote working directory');
    input.write('bye\r');
    expect((await over).status).toBe(0);
  });
});
