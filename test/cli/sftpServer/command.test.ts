/** `deadline-ssh sftp-server` beside OpenSSH's sftp-server: the same scripts of OpenSSH's sftp, the same results. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useBuiltCommand } from '../../support/cli/build.ts';
import { useHomes } from '../../support/cli/home.ts';
import { runCommand } from '../../support/cli/run.ts';
import { fillFolder, treeOf, useFolders } from '../../support/cli/trees.ts';
import { describeWith, pathOf } from '../../support/servers/programs.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const newFolder = useFolders();
const theirs = '/usr/lib/openssh/sftp-server';
const timeout = 120_000;
const ours = (options: string = ''): string => `${process.execPath} ${command()} sftp-server ${options}`;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs lines with OpenSSH's sftp on a server program. */
function sftp(server: string, lines: string, cwd: string, options: readonly string[] = []): Ended {
  const { status, stdout, stderr } = spawnSync(pathOf('sftp'), [...options, '-b', '-', '-D', server], {
    cwd,
    input: lines,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  return { status, stdout, stderr };
}

const script = `pwd
cd d
pwd
ls -1
ls -la
ls -ln
ls -l sub
ls folder-link
cd folder-link
pwd
cd ../..
-ls nope
-mkdir d
mkdir new
chmod 1711 new
-rmdir nope
-rmdir d
-rm nope
-rm d/sub
chmod 4750 d/f1
chown 1 d/f1
chgrp 2 d/f1
get d/f1 local
get -p d/old local/old-kept
get big local/other
-get nope
put big sent
put -p d/f1 kept
put d/f1 masked
reput big sent
ln d/f1 hard
ln -s nowhere dangling
symlink ../outside up
symlink /etc/absolute straight
ls -l dangling up straight
cp big big2
rename big2 big3
-rename -l big3 d/f1
rename big3 d/f1
-rename nope other
get -r d/sub local/tree
put -r local/tree back
rm d/q*
rm dangling
rmdir new
ls d/back\\\\slash
-ls /etc/passwd/x
-cd /etc/passwd
ls -1 /dev/null
get /dev/null local/nothing
-get /proc/self/mem local/mem
df .
lpwd
`;

/** Room on a disk changes while others work, and names are given to numbers by either side. */
const stable = (text: string): string[] =>
  text.split('\n').filter((line) => !/^\s*\d+\s+\d+\s+\d+\s+\d+\s+\d+%/.test(line));

describeWith({ programs: ['sftp'], root: true }, 'a script of OpenSSH’s sftp', () => {
  it(
    'prints what it prints with OpenSSH’s server, and leaves the same files',
    () => {
      const path = join(newFolder(), 'work');
      const on = (server: string): Ended & { readonly tree: string[] } => {
        // At the same place, since places are printed.
        spawnSync('rm', ['-rf', path]);
        mkdirSync(path);
        fillFolder(path);
        return { ...sftp(server, script, path, ['-f']), tree: treeOf(path) };
      };
      const [there, own] = [on(theirs), on(ours())];
      expect(own.status, own.stderr).toBe(there.status);
      expect(stable(own.stdout)).toEqual(stable(there.stdout));
      expect(own.tree).toEqual(there.tree);
      expect(own.stderr.split('\n').length).toBe(there.stderr.split('\n').length);
    },
    timeout,
  );

  it(
    'with -R changes nothing, and reads all the same',
    () => {
      const path = newFolder();
      fillFolder(path);
      const before = treeOf(path);
      const changes = [
        ...['put d/f1 x', 'rm big', 'mkdir x', 'rmdir local', 'rename big x', 'ln big x', 'ln -s big x'],
        ...['chmod 600 big', 'chown 1 big', 'cp big x'],
      ];
      const lines = changes.map((line) => `-${line}\n`).join('');
      const ended = sftp(ours('-R'), `${lines}get big ${path}/got\n`, path);
      expect(ended.status, ended.stderr).toBe(0);
      expect(ended.stderr.match(/permission denied|not support/gi)).toHaveLength(changes.length);
      rmSync(join(path, 'got'));
      expect(treeOf(path)).toEqual(before);
    },
    timeout,
  );

  it.each([
    ['denied by -P', '-P remove,mkdir'],
    ['not among those of -p', '-p realpath,stat,lstat,open,close,read'],
  ])(
    'is refused what is %s, and only that',
    (_, options) => {
      const path = newFolder();
      fillFolder(path);
      const refused = sftp(ours(options), '-rm big\n-mkdir x\nget d/f1 local/f1\n', path);
      expect(refused.status, refused.stderr).toBe(0);
      expect(refused.stderr.match(/Permission denied/gi)).toHaveLength(2);
      expect(readdirSync(path)).toContain('big');
      expect(readdirSync(path)).not.toContain('x');
      expect(readFileSync(join(path, 'local/f1'), 'utf8')).toBe('hello\n');
    },
    timeout,
  );

  it(
    'begins in the folder of -d, and makes files by the umask of -u',
    () => {
      const path = newFolder();
      fillFolder(path);
      const work = join(path, 'd');
      const ended = sftp(ours(`-d ${work} -u 027`), `pwd\nput f1 made\nput old open\nmkdir inner\n`, work);
      expect(ended.status, ended.stderr).toBe(0);
      expect(ended.stdout).toContain(`Remote working directory: ${work}\n`);
      const mode = (name: string): string => (statSync(join(work, name)).mode & 0o7777).toString(8);
      // As with OpenSSH the mode that a client asks for is masked.
      expect([mode('made'), mode('inner')]).toEqual(['600', '750']);
      const masked = sftp(theirs, `put f1 made2\nput old open2\nmkdir inner2\n`, work);
      expect(masked.status).toBe(0);
    },
    timeout,
  );

  it(
    'that opens a pipe is refused, and the server goes on',
    () => {
      const path = newFolder();
      fillFolder(path);
      for (let i = 0; i < 6; i++) spawnSync('mkfifo', [join(path, `pipe${i}`)]);
      // OpenSSH's sftp looks first: a client that does not is one that writes to it.
      const lines = Array.from({ length: 6 }, (_, i) => `-put d/f1 pipe${i}`).join('\n');
      const ended = sftp(ours(), `${lines}\nget big local/got\n`, path);
      expect(ended.status, ended.stderr).toBe(0);
      expect(statSync(join(path, 'local/got')).size).toBe(700_000);
    },
    timeout,
  );

  it(
    'sees 10 MiB go and come back the same',
    () => {
      const path = newFolder();
      const data = randomBytes(10 * 1024 * 1024);
      writeFileSync(join(path, 'data'), data);
      const ended = sftp(ours(), 'put data sent\nget sent back\n', path);
      expect(ended.status, ended.stderr).toBe(0);
      expect(readFileSync(join(path, 'sent')).equals(data)).toBe(true);
      expect(readFileSync(join(path, 'back')).equals(data)).toBe(true);
    },
    timeout,
  );

  it(
    'is told of on standard error with -e, as much as -l says, with names escaped',
    () => {
      const path = newFolder();
      writeFileSync(join(path, 'a\x1b[2J'), 'text');
      const line = `get a* ${path}/b\nmkdir c\nls -l\n`;
      const quiet = sftp(ours('-e'), line, path);
      expect([quiet.status, quiet.stderr]).toEqual([0, '']);
      const info = sftp(ours('-e -l INFO'), line, path).stderr;
      expect(info).toMatch(/^session opened for \S+$/m);
      expect(info).toMatch(/^open ".*\/a\\x1b\[2J"$/m);
      expect(info).toMatch(/^close ".*\/a\\x1b\[2J" bytes read 4 written 0$/m);
      expect(info).toMatch(/^mkdir ".*\/c": EEXIST$|^mkdir ".*\/c"$/m);
      expect(info).not.toContain('opendir');
      expect(sftp(ours('-e -l DEBUG3'), line, path).stderr).toMatch(/^opendir ".*"$/m);
    },
    timeout,
  );
});

describeWith({ programs: ['sftp'], root: true }, 'a user without rights', () => {
  it(
    'may do there what the system lets this user do, and no more',
    async () => {
      const path = newFolder();
      chmodSync(path, 0o755);
      writeFileSync(join(path, 'secret'), 'x', { mode: 0o600 });
      writeFileSync(join(path, 'open'), 'y', { mode: 0o644 });
      const child = spawn(process.execPath, [command(), 'sftp-server', '-Q', 'requests'], {
        uid: 65_534,
        gid: 65_534,
      });
      child.on('error', () => {});
      const status = await new Promise((resolve) => child.once('close', resolve));
      // Where the folder of this build cannot be read by others there is nothing to see.
      if (status !== 0) return expect(status).not.toBe(0);
      const server = `/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups ${ours()}`;
      const ended = sftp(server, `-get secret ${path}/s\n-put open new\nget open ${path}/o\n`, path);
      expect(ended.status, ended.stderr).toBe(0);
      expect(ended.stderr.match(/Permission denied/gi)).toHaveLength(2);
      expect(readFileSync(join(path, 'o'), 'utf8')).toBe('y');
    },
    timeout,
  );
});

describe('the command line', () => {
  it.each([
    ['a level there is not', ['-l', 'LOUD'], /LOUD.*QUIET/],
    ['a facility there is not', ['-f', 'KITCHEN'], /KITCHEN.*AUTH/],
    ['a request there is not', ['-P', 'fly'], /fly.*-Q requests/],
    ['a umask that is none', ['-u', '9'], /octal/],
    ['a folder that is not there', ['-d', '/no/such'], /\/no\/such/],
    ['a token there is not', ['-d', '/%x'], /%d/],
    ['a word', ['here'], /here/],
    ['an option there is not', ['-Z'], /-Z/],
  ])('refuses %s', async (_, args, message) => {
    const ended = await runCommand(command(), ['sftp-server', ...args], { home: newHome() });
    expect([ended.status, ended.stdout.toString()]).toEqual([1, '']);
    expect(ended.stderr).toMatch(message);
  });

  it('has help, and lists the requests that -P and -p take, as sftp-server does', async () => {
    const help = await runCommand(command(), ['sftp-server', '-h'], { home: newHome() });
    expect(help.stdout.toString()).toMatch(/^Usage: deadline-ssh sftp-server/);
    for (const line of help.stdout.toString().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const listed = await runCommand(command(), ['sftp-server', '-Q', 'requests'], { home: newHome() });
    const own = listed.stdout.toString().trim().split('\n');
    const { stdout } = spawnSync(theirs, ['-Q', 'requests'], { encoding: 'utf8' });
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((name) => !own.includes(name)),
    ).toEqual([]);
  });

  it('ends with status 1 where the client says something else than SFTP, and with 0 at its end', async () => {
    const nonsense = await runCommand(command(), ['sftp-server', '-e'], {
      home: newHome(),
      input: 'hello there\n',
    });
    expect(nonsense.status).toBe(1);
    expect(nonsense.stderr).not.toBe('');
    const nothing = await runCommand(command(), ['sftp-server'], { home: newHome(), input: '' });
    expect([nothing.status, nothing.stderr]).toEqual([0, '']);
  });
});
