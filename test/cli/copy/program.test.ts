/** `deadline-ssh cp` from its command line to the exit status, in this process: on a server of this library's own. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RcpPipe } from '../../../src/cli/copy/rcp/pipe.ts';
import { RcpSink } from '../../../src/cli/copy/rcp/sink.ts';
import { RcpSource } from '../../../src/cli/copy/rcp/source.ts';
import { type ServerProcess, serveFolder } from '../../../src/entry/server.ts';
import type { Home } from '../../support/cli/home.ts';
import { type EndedCommand, type HereOptions, hear, runHere } from '../../support/cli/inProcess.ts';
import { useOwnServer } from '../../support/cli/ownServer.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-cp-')));
const [root, here] = [join(base, 'there'), join(base, 'here')];
/** Commands that the server was asked to run. */
const asked: string[] = [];

/** The scp of the server, for whom paths are those of this machine. */
async function scp({ stdin, stdout, signal }: ServerProcess, command: string): Promise<number> {
  asked.push(command);
  const words = command.split(' ');
  const path = words.at(-1) ?? '';
  if (command.includes('fails')) return 3;
  const pipe = new RcpPipe({ input: stdin, output: stdout, timeout: 5_000, host: 'here', signal });
  let status = 0;
  const options = {
    recursive: words.includes('-r'),
    preserve: words.includes('-p'),
    limitRate: undefined,
    failed: () => {
      status = 1;
    },
    moved: () => {},
  };
  if (words.includes('-f')) await new RcpSource(pipe, options).send([path]);
  else if (words.includes('-t')) {
    const mustBeFolder = words.includes('-d');
    await new RcpSink(pipe, { ...options, mustBeFolder, isWanted: () => true, done: () => {} }).receive(path);
  } else stdout.write('from scp\n');
  return status;
}

const there = useOwnServer({ sftp: () => serveFolder(root), exec: scp });
let home: Home;

beforeEach(() => {
  for (const folder of [root, here]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  }
  asked.length = 0;
  home = there.home('Host other', '  HostName 127.0.0.1', `  Port ${there.port}`);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const cp = (argv: readonly string[], options: HereOptions = {}): Promise<EndedCommand> =>
  runHere('cp', ['-F', home.at('config'), ...argv], {
    home: home.path,
    cwd: here,
    env: { SSH_AUTH_SOCK: undefined },
    ...options,
  });
const done: EndedCommand = { status: 0, out: '', said: '' };
const refused = (said: string): EndedCommand => ({ status: 1, out: '', said: `deadline-ssh: ${said}\n` });
const put = (folder: string, name: string, content = name): void =>
  writeFileSync(join(folder, name), content);
const textOf = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8');

describe('a copy', () => {
  it('goes there, comes here, and goes on to another server', async () => {
    put(here, 'f', 'abc');
    expect(await cp(['f', 'there:g'])).toEqual(done);
    expect(await cp(['there:g', 'h'])).toEqual(done);
    expect(await cp(['there:g', 'other:i'])).toEqual(done);
    expect([textOf(root, 'g'), textOf(here, 'h'), textOf(root, 'i')]).toEqual(['abc', 'abc', 'abc']);
  });

  it('goes into a folder by its own name, and into the home where no path is named', async () => {
    put(here, 'f');
    mkdirSync(join(root, 'd'));
    mkdirSync(join(here, 'e'));
    for (const target of ['there:d', 'there:', 'there:~', 'there:~/d/g', 'there:~//h']) {
      expect(await cp(['f', target])).toEqual(done);
    }
    expect(readdirSync(root).sort()).toEqual(['d', 'f', 'h']);
    expect(readdirSync(join(root, 'd')).sort()).toEqual(['f', 'g']);
    expect(await cp(['there:d/f', 'e'])).toEqual(done);
    expect(await cp(['there:d/g', 'other:'])).toEqual(done);
    expect([readdirSync(join(here, 'e')), existsSync(join(root, 'g'))]).toEqual([['f'], true]);
  });

  it('of several wants a folder: one there is made, one here has to be there', async () => {
    for (const name of ['a', 'b']) put(here, name);
    expect(await cp(['a', 'b', 'there:d'])).toEqual(done);
    expect(readdirSync(join(root, 'd'))).toEqual(['a', 'b']);
    expect(await cp(['there:d/a', 'there:d/b', 'none'])).toEqual(
      refused('"none" is not a folder for several files'),
    );
    put(root, 'file');
    const inTheWay = await cp(['a', 'b', 'there:file']);
    expect([inTheWay.status, inTheWay.out]).toEqual([1, '']);
    expect(inTheWay.said).toMatch(/^deadline-ssh: [^\n]*file[^\n]*\n$/);
  });

  it('of a pattern brings what matches, and says where nothing does', async () => {
    for (const name of ['a1', 'a2', 'b1']) put(root, name);
    expect(await cp(['there:a*', 'none'])).toEqual(
      refused('several files match, and "none" is not a folder for them'),
    );
    expect(await cp(['there:[ab]1', '.'])).toEqual(done);
    expect(readdirSync(here)).toEqual(['a1', 'b1']);
    expect(await cp(['there:c*', '.'])).toEqual(refused('there is no file "c*" on there'));
    put(root, 'w[x');
    put(root, 'q*');
    expect(await cp(['there:q*', '.'])).toEqual(done);
    expect(readdirSync(here)).toEqual(['a1', 'b1', 'q*']);
  });

  it('of several goes on where one fails, and then ends with 1', async () => {
    put(here, 'b');
    mkdirSync(join(root, 'd'));
    const { status, said } = await cp(['a', 'b', 'there:d']);
    expect([status, said.split('\n').length, textOf(root, 'd/b')]).toEqual([1, 2, 'b']);
    put(root, 'c');
    const brought = await cp(['there:none', 'there:c', '.']);
    expect(brought).toEqual(refused('there is no file "none" on there'));
    expect(textOf(here, 'c')).toBe('c');
    const between = await cp(['there:c', 'there:d', 'other:d']);
    expect(between).toEqual(refused('"d/" is a folder, which -r takes'));
    expect(textOf(root, 'd/c')).toBe('c');
  });

  it('of a folder takes -r, and with -p keeps times and permissions, whichever way it goes', async () => {
    mkdirSync(join(here, 'd'));
    put(join(here, 'd'), 'f');
    chmodSync(join(here, 'd/f'), 0o604);
    utimesSync(join(here, 'd/f'), 1_000_000, 1_000_000);
    symlinkSync('f', join(here, 'd/link'));
    expect((await cp(['d', 'there:e'])).said).toContain('which -r takes');
    for (const [from, to] of [
      ['d', 'there:e'],
      ['there:e', 'g'],
      ['there:e', 'other:h'],
    ] as const) {
      expect(await cp(['-rp', from, to])).toEqual(done);
    }
    for (const path of [join(root, 'e/f'), join(here, 'g/f'), join(root, 'h/f')]) {
      expect([statSync(path).mode & 0o777, statSync(path).mtimeMs]).toEqual([0o604, 1_000_000_000]);
    }
    // A link stands for its file.
    expect(textOf(root, 'h/link')).toBe('f');
  });

  it('between two places of this machine is made by the system', async () => {
    mkdirSync(join(here, 'd'));
    put(here, 'f');
    utimesSync(join(here, 'f'), 1_000_000, 1_000_000);
    expect((await cp(['-p', 'f', 'g'])).status).toBe(0);
    expect(statSync(join(here, 'g')).mtimeMs).toBe(1_000_000_000);
    expect((await cp(['-r', 'd', 'e'])).status).toBe(0);
    expect(existsSync(join(here, 'e'))).toBe(true);
    expect((await cp(['none', 'x'])).status).toBe(1);
    expect(await cp(['f', 'g'], { env: { PATH: '/no/such/folder' } })).toEqual(
      refused('cp cannot be run: spawn cp ENOENT'),
    );
  });

  it('is made over one connection for each server', async () => {
    for (const name of ['a', 'b', 'c']) put(here, name);
    const { said } = await cp(['-v', 'a', 'b', 'c', 'there:']);
    expect(said.match(/ connect +took /g)).toHaveLength(1);
    const between = await cp(['-v', 'there:a', 'there:b', 'other:d']);
    expect(between.said.match(/ connect +took /g)).toHaveLength(2);
  });

  it('ends with 255 where the connection fails, and names the cause once', async () => {
    put(here, 'a');
    home.write('known_hosts', '');
    const unknown = await cp(['-B', 'a', 'a', 'there:']);
    expect([unknown.status, unknown.said.split('\n').length]).toEqual([255, 2]);
    expect(unknown.said).toContain('host key');
    expect(await cp(['-S', '/no/such/program', 'a', 'there:'])).toMatchObject({ status: 255, out: '' });
  });

  it('ends with 143 for SIGTERM, and says nothing of it', async () => {
    put(here, 'big', 'x'.repeat(200_000));
    const onOutput = (text: string): void => {
      if (text.includes('took') && text.includes('authentication')) setImmediate(() => hear('SIGTERM'));
    };
    const { status, said } = await cp(['-v', '-l', '64', 'big', 'there:'], { onOutput });
    expect(status).toBe(143);
    expect(said).not.toContain('aborted');
    expect(existsSync(join(root, 'big'))).toBe(false);
  });
});

describe('what is printed of copies', () => {
  it('with -v is a line for each that has come to its end', async () => {
    put(here, 'f', 'abc');
    mkdirSync(join(here, 'd'));
    for (const name of ['a', 'b']) put(join(here, 'd'), name);
    expect((await cp(['-v', 'f', 'there:g'])).said).toMatch(
      /\ndeadline-ssh: f to 127\.0\.0\.1:g: 1 file, 3B, \d+ ms\n|\ndeadline-ssh: f to there:g: 1 file, 3B, \d+ ms\n/,
    );
    expect((await cp(['-vr', 'd', 'there:e'])).said).toMatch(
      /\ndeadline-ssh: d to there:e: 2 files, 2B, \d+ ms\n/,
    );
    expect((await cp(['-v', 'there:g', 'h'])).said).toMatch(
      /\ndeadline-ssh: there:g to h: 1 file, 3B, \d+ ms\n/,
    );
    expect((await cp(['-v', 'there:g', 'other:h'])).said).toMatch(
      /\ndeadline-ssh: there:g to other:h: 1 file, 3B, \d+ ms\n/,
    );
  });

  it('with --json is an object for each, of results and of failures', async () => {
    put(here, 'f', 'abc');
    const { status, out, said } = await cp(['--json', 'f', 'none', 'there:d']);
    expect([status, said]).toEqual([1, '']);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      {
        result: {
          from: 'f',
          to: 'there:d/f',
          files: 1,
          folders: 0,
          links: 0,
          bytes: 3,
          duration: expect.any(Number),
          skippedCount: 0,
          failedCount: 0,
        },
      },
      {
        error: {
          code: 'ERR_SSH_TRANSFER',
          path: 'none',
          status: null,
          message: expect.stringMatching(/^cannot read "none": /),
        },
      },
    ]);
    mkdirSync(join(root, 'e/sub'), { recursive: true });
    const folder = await cp(['--json', '-r', 'there:e', 'other:f']);
    expect(JSON.parse(folder.out)).toMatchObject({
      result: { from: 'there:e/', to: 'other:f', files: 0, folders: 2, bytes: 0, failedCount: 0 },
    });
  });

  it('on a terminal is a line for each, and one for all of several', async () => {
    for (const name of ['a', 'b']) put(here, name, 'x'.repeat(1024));
    const terminal = { on: ['stdout'], size: [80, 24] } satisfies HereOptions['terminal'];
    const shown = (text: string): string[] =>
      text
        .split('\n')
        .map((line) => line.slice(line.lastIndexOf('\u001b[K') + 1).replace(/^\[K/, ''))
        .filter((line) => line !== '');
    const { status, out, said } = await cp(['a', 'b', 'there:'], { terminal });
    expect([status, said]).toEqual([0, '']);
    expect(shown(out)).toEqual([
      expect.stringMatching(/^a +100% +1\.0KB +\S+\/s +0?0:0\d$/),
      expect.stringMatching(/^b +100% +1\.0KB +\S+\/s +0?0:0\d$/),
      expect.stringMatching(/^in sum \(2\/2\) +100% +2\.0KB +\S+\/s +0?0:0\d$/),
    ]);
    expect((await cp(['-q', 'a', 'b', 'there:'], { terminal })).out).toBe('');
    expect((await cp(['there:a', 'other:c'], { terminal })).out).toMatch(/100%/);
    const json = await cp(['--json', 'a', 'there:'], { terminal });
    expect(Object.keys(JSON.parse(json.out))).toEqual(['result']);
    // With -v alone what is shown already is not said once more.
    expect((await cp(['-v', 'a', 'there:'], { terminal })).said).not.toContain('1 file');
  });
});

describe('a copy by the old protocol', () => {
  it('goes there and comes here, with the flags that the far end needs', async () => {
    put(here, 'f', 'abc');
    put(here, 'g', 'def');
    expect(await cp(['-O', 'f', `there:${root}/x`])).toEqual(done);
    expect(await cp(['-Op', 'f', 'g', `there:${root}`])).toEqual(done);
    expect(await cp(['-Or', `there:${root}/x`, 'y'])).toEqual(done);
    expect([readdirSync(root), textOf(here, 'y')]).toEqual([['f', 'g', 'x'], 'abc']);
    expect(asked).toEqual([`scp -t ${root}/x`, `scp -p -t -d ${root}`, `scp -r -f ${root}/x`]);
  });

  it('goes from one server to another over this machine', async () => {
    put(root, 'f', 'abc');
    expect(await cp(['-O', `there:${root}/f`, `other:${root}/g`])).toEqual(done);
    expect(textOf(root, 'g')).toBe('abc');
    expect([...asked].sort()).toEqual([`scp -f ${root}/f`, `scp -t ${root}/g`]);
    asked.length = 0;
    mkdirSync(join(root, 'd'));
    expect(await cp(['-O', `there:${root}/f`, `there:${root}/g`, `other:${root}/d`])).toEqual(done);
    expect(readdirSync(join(root, 'd'))).toEqual(['f', 'g']);
    expect(asked.filter((command) => command.includes(' -t '))).toEqual(
      Array.from({ length: 2 }, () => `scp -t -d ${root}/d`),
    );
  });

  it('says what failed, and wants a folder for several', async () => {
    put(here, 'f');
    expect(await cp(['-O', 'f', `there:${root}/none/x`])).toMatchObject({ status: 1, out: '' });
    expect((await cp(['-O', `there:${root}/fails`, 'x'])).status).not.toBe(0);
    expect(await cp(['-O', `there:${root}/a`, `there:${root}/b`, 'none'])).toEqual(
      refused('"none" is not a folder for several files'),
    );
    expect((await cp(['-O', `there:${root}/fails`, `other:${root}/x`])).said).toContain(
      'deadline-ssh: scp on there ended with an error\n',
    );
    expect((await cp(['-O', 'f', 'f', 'g'])).said).toContain('is not a folder for several files');
    expect((await cp(['-O', 'f', 'h'])).status).toBe(0);
    expect((await cp(['-O', 'none', 'h'])).status).toBe(1);
  });

  it('takes names that were asked for, and with -T any', async () => {
    for (const name of ['a1', 'a2']) put(root, name);
    // The server of these tests reads a pattern as a name.
    put(root, 'a*');
    expect((await cp(['-O', `there:${root}/a*`, '.'])).status).toBe(0);
    expect(readdirSync(here)).toEqual(['a*']);
    expect((await cp(['-O', `there:${root}/{a1,b}`, '.'])).status).not.toBe(0);
  });

  it('shows on a terminal how far all of it is', async () => {
    put(here, 'f', 'x'.repeat(2048));
    const { out } = await cp(['-O', 'f', `there:${root}/x`], { terminal: { on: ['stdout'] } });
    expect(out).toMatch(/f +100% +2\.0KB/);
  });

  it('with -R is asked of the first server, whose words are passed on', async () => {
    put(root, 'f');
    const { status, out, said } = await cp(['-R', '-rpv', `there:${root}/f`, `scp://me@far:2222/it's`]);
    expect([status, out]).toEqual([0, 'from scp\n']);
    // The other server is one that this machine cannot reach.
    expect(said.match(/ connect +took /g)).toHaveLength(1);
    expect(asked).toEqual([`scp -v -r -p -P 2222 ${root}/f 'me@far:it'\\''s'`]);
    expect(await cp(['-R', 'there:-fails', 'far:x'])).toEqual(refused('scp on there ended with an error'));
    expect(asked[1]).toBe("scp ./-fails 'far:x'");
  });

  it('runs over an ssh of the user’s choice', async () => {
    put(here, 'f', 'abc');
    const ssh = join(base, 'ssh');
    writeFileSync(
      ssh,
      `#!/bin/sh\nprintf '%s\\n' "$@" > ${base}/words\nprintf '\\0\\0\\0'\ncat > ${base}/got\n`,
    );
    chmodSync(ssh, 0o755);
    expect(await cp(['-O', '-S', ssh, '-P', '22', 'f', 'me@there:x'])).toEqual(done);
    expect(readFileSync(join(base, 'got'), 'latin1')).toMatch(/^C0\d{3} 3 f\nabc\0$/);
    const words = readFileSync(join(base, 'words'), 'utf8').trimEnd().split('\n');
    expect(words.slice(-3)).toEqual(['--', 'there', 'scp -t x']);
    expect(words).toEqual(expect.arrayContaining(['-oPort=22', '-l', 'me']));
    writeFileSync(ssh, '#!/bin/sh\nprintf "\\0\\0\\0"\ncat > /dev/null\nexit 3\n');
    expect((await cp(['-O', '-S', ssh, 'f', 'there:x'])).said).toContain('scp on there ended with an error');
    const none = await cp(['-O', '-S', '/no/such/program', 'f', 'there:x']);
    expect([none.status, none.said]).toEqual([255, expect.stringContaining('scp on there')]);
  });
});

describe('the far end of a copy', () => {
  it('takes files to a path, and says of each how it went', async () => {
    expect(await cp(['-t', 'g'], { input: 'C0600 2 f\nxx\0' })).toEqual({ ...done, out: '\0\0\0' });
    expect(textOf(here, 'g')).toBe('xx');
    const folder = await cp(['-t', '-d', 'g'], { input: '' });
    expect([folder.status, folder.out]).toEqual([1, '\x02scp: "g" is not a folder\n']);
    expect((await cp(['-t', 'g', 'h'])).said).toContain('-t takes one path');
    expect((await cp(['-t'])).said).toContain('-t takes one path');
    const broken = await cp(['-t', 'h'], { input: 'C0600 5 f\nxx' });
    expect([broken.status, broken.said]).toEqual([1, expect.stringContaining('it ended within a file')]);
    expect((await cp(['-r', '-t', 'new'], { input: 'D0700 0 d\nC0600 1 f\nx\0E\n' })).status).toBe(0);
    expect(textOf(here, 'new/f')).toBe('x');
  });

  it('sends files from paths', async () => {
    put(here, 'f', 'xx');
    chmodSync(join(here, 'f'), 0o600);
    expect(await cp(['-f', 'f'], { input: '\0\0\0' })).toEqual({ ...done, out: 'C0600 2 f\nxx\0' });
    const timed = await cp(['-p', '-f', 'f'], { input: '\0\0\0\0' });
    expect(timed.out).toMatch(/^T\d+ 0 \d+ 0\nC0600 2 f\nxx\0$/);
    const none = await cp(['-f', 'none'], { input: '\0' });
    expect([none.status, none.out.slice(0, 6)]).toEqual([1, '\x01scp: ']);
  });
});
