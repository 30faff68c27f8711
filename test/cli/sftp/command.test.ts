/** `deadline-ssh sftp` as scripts use it, beside OpenSSH's sftp on the same script. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useBuiltCommand } from '../../support/cli/build.ts';
import { useHomes } from '../../support/cli/home.ts';
import { endOf, runCommand, startCommand } from '../../support/cli/run.ts';
import { useTerminals } from '../../support/cli/terminal.ts';
import { fillFolder, treeOf, useFolders } from '../../support/cli/trees.ts';
import { mountMemory } from '../../support/mounts.ts';
import { describeWith, pathOf } from '../../support/servers/programs.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const newFolder = useFolders();
const start = useTerminals(command);
const server = '/usr/lib/openssh/sftp-server';
const timeout = 240_000;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs lines with a program that takes the options of sftp. */
function sftp(program: readonly string[], lines: string, options: readonly string[], cwd: string): Ended {
  const [file = '', ...argv] = program;
  const { status, stdout, stderr } = spawnSync(file, [...argv, ...options, '-D', server], {
    cwd,
    input: lines,
    encoding: 'utf8',
    timeout: 100_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  return { status, stdout, stderr };
}

const ours = (): readonly string[] => [process.execPath, command(), 'sftp'];

/** All that both are meant to print alike; ties of sizes and times have no order, and room on a disk changes. */
const script = `version
pwd
# comment

cd d
pwd
ls
ls -1
ls -l
ls -la
ls -lh f*
ls f1
ls -l sub
ls folder-link
ls -1 {f1,old}
ls ..
-ls nope
-mkdir sub
mkdir new
-rmdir nope
-rm nope
@chmod 640 f1
chmod 600 we\\*ird
cd
lcd local
lpwd
!echo from the shell
lls -1
lmkdir made
-lmkdir made
lcd ..
-get nope
-get d
-put nope
-put d
get d/f1 local
-get d/[fow]* local
get big local/other
put big sent
put d/f1
-get d/pipe local
ln d/f1 hard
symlink d/f1 soft
ln -s nowhere dangling
cp big big2
rename big2 big3
-rename -l big3 d/f1
rename big3 d/f1
rm d/q*
-get -r d local
-get -r d fresh
-put -r d new
-put -pr d kept
get -p d/old local/old-kept
chown 0 d/f1
-chmod nonsense d/f1
-nonsense
-get "open
ls 'd/with space'
ls "d/we*"
ls d/back\\\\slash
rmdir d/new
lumask 077
get d/old masked
progress
progress
exit
pwd
`;

describeWith({ programs: ['sftp'], root: true }, 'a script', () => {
  const both = (lines: string, options: readonly string[]): readonly [Ended, Ended, string[], string[]] => {
    const folder = newFolder();
    const [path, results, trees] = [join(folder, 'work'), [] as Ended[], [] as string[][]];
    for (const program of [[pathOf('sftp')], ours()]) {
      // At the same place, since places are printed.
      spawnSync('rm', ['-rf', path]);
      mkdirSync(path);
      fillFolder(path);
      results.push(sftp(program, lines, options, path));
      trees.push(treeOf(path));
    }
    return [results[0] as Ended, results[1] as Ended, trees[0] as string[], trees[1] as string[]];
  };

  it(
    'prints what it prints with OpenSSH, and leaves the same files',
    () => {
      const [theirs, own, theirTree, ownTree] = both(script, ['-b', '-']);
      expect(own.stdout.split('\n')).toEqual(theirs.stdout.split('\n'));
      expect(own.status).toBe(theirs.status);
      expect(ownTree).toEqual(theirTree);
      // Each failure is told of in one line, as there.
      expect(own.stderr.split('\n').length).toBe(theirs.stderr.split('\n').length);
    },
    timeout,
  );

  it(
    'that is piped in goes on after failures, and tells what it does',
    () => {
      const lines = 'get nope\nget d/f1 local/x\nput big sent\nmkdir d\nrm sent\nls -1\n';
      const [theirs, own, theirTree, ownTree] = both(lines, []);
      expect(own.stdout).toBe(theirs.stdout);
      expect([own.status, theirs.status]).toEqual([0, 0]);
      expect(ownTree).toEqual(theirTree);
    },
    timeout,
  );

  it.each([
    ['a command that fails', 'mkdir d\nlmkdir later\n', 1],
    ['a command there is not', 'nonsense\nlmkdir later\n', 1],
    ['a pattern of which one file fails', 'get d/* local\nlmkdir later\n', 1],
    ['a local command that fails, which the batch goes on after', '-!false\nlmkdir later\n', 0],
    ['a command that may fail', '-mkdir d\nlmkdir later\n', 0],
  ])(
    '%s ends a batch as it does with OpenSSH',
    (_, lines, status) => {
      const [theirs, own, theirTree, ownTree] = both(lines, ['-b', '-']);
      expect([own.status, theirs.status]).toEqual([status, status]);
      expect(ownTree).toEqual(theirTree);
      expect(ownTree.some((line) => line.startsWith('/later'))).toBe(status === 0);
    },
    timeout,
  );
});

describe('what ends the command before it begins', () => {
  it.each([
    ['no host', ['sftp'], 1],
    ['an option that does not exist', ['sftp', '-Z', 'host'], 1],
    ['a batch file that is not there', ['sftp', '-b', '/nope', '-D', server], 255],
    ['a server program that is not there', ['sftp', '-D', '/nope/server'], 255],
    ['a server program that says something else', ['sftp', '-D', '/bin/echo hello there'], 255],
    ['an ssh that fails', ['sftp', '-S', '/bin/false', 'host'], 255],
  ])(
    '%s: status',
    async (_, args, status) => {
      const ended = await runCommand(command(), args, { home: newHome() });
      expect(ended.status).toBe(status);
      expect(ended.stderr).toMatch(/^deadline-ssh: /);
      expect(ended.stdout.toString()).toBe('');
    },
    timeout,
  );

  it(
    '--help says what there is, and --version which it is',
    async () => {
      const help = await runCommand(command(), ['sftp', '--help'], { home: newHome() });
      expect(help.stdout.toString()).toMatch(/^Usage: deadline-ssh sftp/);
      for (const line of help.stdout.toString().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
      const version = await runCommand(command(), ['sftp', '--version'], { home: newHome() });
      expect(version.stdout.toString()).toMatch(/^deadline-ssh \d/);
    },
    timeout,
  );
});

describe('names', () => {
  const strange = [
    '\x1b[31mred',
    'a\nb',
    ' lead',
    'trail ',
    '-dash',
    'ünïcödé',
    "it's",
    'a*b',
    '[x]',
    '#x',
    '\\',
  ];

  it(
    'of any kind go there and come back, and none of them reaches the terminal as it is',
    () => {
      const folder = newFolder();
      mkdirSync(join(folder, 'names'));
      for (const name of strange) writeFileSync(join(folder, 'names', name), name);
      // A name that is no UTF-8.
      writeFileSync(Buffer.concat([Buffer.from(join(folder, 'names/')), Buffer.of(0xff, 0xfe)]), 'bytes');
      const lines = 'put -r names there\nget -r there back\nls -1 there\nls -l there\nget there/* .\n';
      const { status, stdout, stderr } = sftp(ours(), lines, ['-b', '-'], folder);
      expect([status, stderr]).toEqual([0, '']);
      expect(treeOf(join(folder, 'back'))).toEqual(treeOf(join(folder, 'names')));
      for (const name of strange) expect(readFileSync(join(folder, name), 'utf8')).toBe(name);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
      expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
      expect(stdout).toContain('\\x1b[31mred');
      expect(stdout).toContain('\\xff\\xfe');
    },
    timeout,
  );
});

describe('a resumed transfer', () => {
  it(
    'goes on with the file that is there, and leaves one alone that is no part of it',
    () => {
      const folder = newFolder();
      const whole = Buffer.alloc(300_000, 'content of the file');
      writeFileSync(join(folder, 'whole'), whole);
      writeFileSync(join(folder, 'part'), whole.subarray(0, 123_456));
      writeFileSync(join(folder, 'longer'), Buffer.alloc(300_001, 'x'));
      const lines =
        'reget whole part\n-reget whole longer\nput -a whole part\nreput whole sent\nreput whole sent\n';
      const { status, stderr } = sftp(ours(), lines, ['-b', '-'], folder);
      expect(status).toBe(0);
      expect(stderr.match(/it is not a part of it/g)).toHaveLength(1);
      expect(readFileSync(join(folder, 'part')).equals(whole)).toBe(true);
      expect(readFileSync(join(folder, 'sent')).equals(whole)).toBe(true);
      expect(statSync(join(folder, 'longer')).size).toBe(300_001);
    },
    timeout,
  );

  it(
    'is what SIGINT leaves, which ends the program with 130',
    async () => {
      const folder = newFolder();
      // More than is asked for at once, so that a part of it is there long before the rest.
      const whole = Buffer.alloc(8_000_000, 'slowly');
      writeFileSync(join(folder, 'whole'), whole);
      const [from, to] = [join(folder, 'whole'), join(folder, 'copy')];
      // 80 KiB a second: it is under way when the signal comes.
      const child = startCommand(command(), ['sftp', '-l', '640', '-D', server], newHome());
      const ended = endOf(child);
      child.stdin.write(`get ${from} ${to}\nlmkdir ${join(folder, 'later')}\n`);
      const part = join(folder, '.copy.deadline-part');
      const timer = setInterval(() => {
        if (existsSync(part) && statSync(part).size > 0) child.kill('SIGINT');
      }, 20);
      const { status } = await ended;
      clearInterval(timer);
      expect(status).toBe(130);
      expect(readdirSync(folder).sort()).toEqual(['.copy.deadline-part', 'whole']);
      const again = sftp(ours(), `reget ${from} ${to}\n`, ['-b', '-'], folder);
      expect([again.status, again.stderr]).toEqual([0, '']);
      expect(readFileSync(to).equals(whole)).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['copy', 'whole']);
    },
    timeout,
  );
});

describe('--json', () => {
  it(
    'prints one object a line, of results and of errors',
    () => {
      const folder = newFolder();
      writeFileSync(join(folder, 'f'), 'hello');
      const lines = 'pwd\nls -l\nget f g\nrm nope\ndf\nversion\nget nope\nput absent\n';
      const { status, stdout, stderr } = sftp(ours(), lines, ['--json'], folder);
      expect([status, stderr]).toEqual([0, '']);
      const objects = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { readonly result?: object; readonly error?: object });
      expect(objects[0]).toEqual({ result: { path: folder } });
      expect(objects[1]).toMatchObject({
        result: { entries: [{ name: 'f', attributes: { size: 5, permissions: 0o100644 } }] },
      });
      expect(objects[2]).toMatchObject({ result: { direction: 'get', to: 'g', files: 1, bytes: 5 } });
      expect(objects[3]).toMatchObject({
        error: { command: 'rm', code: 'ERR_SSH_SFTP_NO_SUCH_FILE', path: join(folder, 'nope') },
      });
      expect(objects[4]).toHaveProperty('result.bavail');
      expect(objects[5]).toEqual({ result: { version: 3 } });
      expect(objects[6]).toMatchObject({ error: { command: 'get', path: join(folder, 'nope') } });
      expect(objects[7]).toMatchObject({ error: { command: 'put', path: 'absent' } });
    },
    timeout,
  );
});

describeWith({ programs: [], mounts: true }, 'a full disk', () => {
  it.each(['get', 'put'])(
    '%s fails with a line that says so, and leaves nothing of the name',
    (verb) => {
      const folder = newFolder();
      const full = join(folder, 'full');
      mkdirSync(full);
      writeFileSync(join(folder, 'big'), Buffer.alloc(500_000, 'x'));
      const unmount = mountMemory(full, 'size=64k');
      try {
        const { status, stderr } = sftp(ours(), `${verb} big full/big\n`, ['-b', '-'], folder);
        expect(status).toBe(1);
        expect(stderr).toMatch(/^deadline-ssh: (?:get|put): /);
        expect(readdirSync(full)).not.toContain('big');
      } finally {
        unmount();
      }
    },
    timeout,
  );
});

describeWith({ programs: ['python3'] }, 'a person', () => {
  it(
    'has a prompt, Tab, a line for each transfer, and Ctrl-C for what is typed',
    async () => {
      const folder = newFolder();
      mkdirSync(join(folder, 'a folder'));
      writeFileSync(join(folder, 'a folder', 'file'), Buffer.alloc(200_000));
      const terminal = start(['sftp', '-D', server], newHome());
      await terminal.shows('sftp> ');
      terminal.type(`cd ${folder}\r`);
      await terminal.shows('sftp> ');
      terminal.type('ls a\t');
      await terminal.shows('ls a\\ folder/');
      terminal.type('\r');
      await terminal.shows('file');
      terminal.type('some nonsense\x03');
      await terminal.shows('^C');
      terminal.type(`get a\\ folder/file ${folder}/got\r`);
      await terminal.shows(/100% +195KB/);
      terminal.type('pw\t');
      await terminal.shows('pwd ');
      terminal.type('\rbye\r');
      const { status, modes } = await terminal.end;
      expect(status).toBe(0);
      expect(modes.asBefore).toBe(true);
      expect(terminal.screen).toContain(`Remote working directory: ${folder}`);
      expect(statSync(join(folder, 'got')).size).toBe(200_000);
    },
    timeout,
  );

  it(
    'gives up by Ctrl-C what runs, and goes on at the prompt',
    async () => {
      const folder = newFolder();
      writeFileSync(join(folder, 'big'), Buffer.alloc(3_000_000));
      writeFileSync(join(folder, 'small'), Buffer.alloc(2_000));
      mkdirSync(join(folder, 'many'));
      for (let i = 0; i < 40; i++) writeFileSync(join(folder, 'many', `f${i}`), Buffer.alloc(20_000));
      const pidFile = join(folder, 'pid');
      const program = join(folder, 'server');
      writeFileSync(program, `#!/bin/sh\necho $$ > ${pidFile}\nexec ${server}\n`, { mode: 0o755 });
      const terminal = start(['sftp', '-l', '800', '-D', program], newHome());
      await terminal.shows('sftp> ');
      terminal.type(`cd ${folder}\r`);
      await terminal.shows('sftp> ');
      /** A command that runs until Ctrl-C; then the next one has its answer. */
      const givenUp = async (command: string, isRunning: RegExp): Promise<void> => {
        terminal.type(`${command}\r`);
        await terminal.shows(isRunning);
        terminal.type('\x03');
        await terminal.shows('sftp> ');
        terminal.type('pwd\r');
        await terminal.shows(`Remote working directory: ${folder}`);
        await terminal.shows('sftp> ');
      };
      await givenUp(`get big ${folder}/got`, /[1-9]\d*%/);
      await givenUp(`put ${folder}/big sent`, /[1-9]\d*%/);
      await givenUp(`get -r many ${folder}/manyGot`, /[1-9]\d*%/);
      // The program itself says that it runs: a Ctrl-C before that would be for the prompt, and dash
      // loses one signal in sixteen between what it says and the program that it becomes.
      writeFileSync(join(folder, 'said'), 'begun\n');
      await givenUp(`!tail -f ${folder}/said`, /\nbegun/);
      // So close behind the command that it has not begun.
      for (const command of ['!sleep 60', 'get big twice']) {
        terminal.type(`${command}\r\x03`);
        await terminal.shows('sftp> ');
        terminal.type('pwd\r');
        await terminal.shows(`Remote working directory: ${folder}`);
        await terminal.shows('sftp> ');
      }
      // Twice in a row, and with nothing typed.
      terminal.type('\x03\x03');
      await terminal.shows('sftp> ');
      await terminal.shows('sftp> ');
      terminal.type(`get small ${folder}/smallGot\r`);
      await terminal.shows(/100%/);
      await terminal.shows('sftp> ');
      // A server that says nothing any more.
      const pid = Number(readFileSync(pidFile, 'utf8'));
      process.kill(pid, 'SIGSTOP');
      try {
        // Now and then the key comes just while the terminal goes from the prompt to the command.
        for (let i = 0; i < 25; i++) {
          terminal.type('ls -l\r');
          await terminal.shows('ls -l');
          terminal.type('\x03');
          await terminal.shows('sftp> ');
        }
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      terminal.type('ls -1 small\r');
      await terminal.shows('small\r\n');
      await terminal.shows('sftp> ');
      terminal.type('bye\r');
      const { status, modes } = await terminal.end;
      expect(status).toBe(0);
      expect(modes.asBefore).toBe(true);
      expect(existsSync(join(folder, 'got'))).toBe(false);
      expect(existsSync(join(folder, 'sent'))).toBe(false);
      expect(statSync(join(folder, 'smallGot')).size).toBe(2_000);
    },
    timeout,
  );
});
