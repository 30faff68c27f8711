/** `deadline-ssh cp` as scripts use it, beside OpenSSH's scp. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBuiltCommand } from '../../support/cli/build.ts';
import { useHomes } from '../../support/cli/home.ts';
import { runCommand } from '../../support/cli/run.ts';
import { useTerminals } from '../../support/cli/terminal.ts';
import { fillFolder, treeOf, useFolders } from '../../support/cli/trees.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../../support/servers/index.ts';
import { describeWith, pathOf } from '../../support/servers/programs.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const newFolder = useFolders();
const start = useTerminals(command);
const server = '/usr/lib/openssh/sftp-server';
const timeout = 120_000;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ours = (): readonly string[] => [process.execPath, command(), 'cp'];

function copy(program: readonly string[], args: readonly string[], cwd: string): Ended {
  const [file = '', ...argv] = program;
  const { status, stdout, stderr } = spawnSync(file, [...argv, ...args], {
    cwd,
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, stdout, stderr };
}

describeWith({ programs: ['scp'], root: true }, 'a copy by SFTP', () => {
  /** `@` is the folder that both work in, so that paths on the "server" are absolute. */
  it.each([
    ['a file there', ['big', 'h:@/sent']],
    ['a file here', ['h:@/d/f1', 'local']],
    ['a file into a folder there', ['d/f1', 'h:@/local']],
    ['a pattern', ['h:@/d/[fow]*1', 'local']],
    ['several files', ['h:@/d/f1', 'h:@/d/old', 'local']],
    ['several files into no folder', ['h:@/d/f1', 'h:@/d/old', 'big']],
    ['a folder without -r', ['d', 'h:@/new']],
    ['a folder with -p', ['-pr', 'd/sub', 'h:@/new']],
    ['a folder here, with links to files', ['-r', 'h:@/d/sub', 'new']],
    ['a folder with a pipe and a link to a folder in it', ['-r', 'h:@/d', 'new']],
    ['what is not there', ['h:@/nope', 'local']],
    ['what is not here', ['nope', 'h:@/x']],
    ['between two servers', ['-3', 'a:@/d/old', 'b:@/local']],
    ['a folder between two servers', ['-3pr', 'a:@/d/sub', 'b:@/new']],
    ['between two places here', ['big', 'local']],
    ['a name that looks like a pattern', ['h:@/d/we*ird', 'local']],
    ['a URI', ['scp://h/@/d/f1', 'local']],
  ])(
    '%s',
    (name, args) => {
      // Of a local file that is not there scp says 255 in some versions and 1 in others.
      const isVague = name === 'what is not here';
      const path = join(newFolder(), 'work');
      const outcomes = [[pathOf('scp'), '-s', '-q'], ours()].map((program) => {
        spawnSync('rm', ['-rf', path]);
        mkdirSync(path);
        fillFolder(path);
        const { status, stdout } = copy(
          program,
          ['-D', server, ...args.map((arg) => arg.replaceAll('@', path))],
          path,
        );
        return { status: isVague ? status !== 0 : status, stdout, tree: treeOf(path) };
      });
      expect(outcomes[1]).toEqual(outcomes[0]);
    },
    timeout,
  );
});

describeWith({ programs: ['scp'], root: true }, 'what is said of copies', () => {
  it(
    'is nothing, and with -v a line for each that has come to its end',
    () => {
      const folder = newFolder();
      fillFolder(folder);
      const silent = copy(ours(), ['-D', server, `h:${folder}/big`, 'local'], folder);
      expect(silent).toEqual({ status: 0, stdout: '', stderr: '' });
      const { stderr } = copy(ours(), ['-v', '-D', server, 'd/f1', 'd/old', `h:${folder}/local`], folder);
      expect(stderr).toMatch(
        new RegExp(
          `^deadline-ssh: d/f1 to h:${folder}/local/f1: 1 file, 6B, \\d+ ms\ndeadline-ssh: d/old to h:${folder}/local/old: 1 file, 3B, \\d+ ms\n$`,
        ),
      );
    },
    timeout,
  );

  it(
    'is why one of several failed, and the others arrive',
    () => {
      const folder = newFolder();
      fillFolder(folder);
      // A folder is in the way of the first.
      mkdirSync(join(folder, 'local', 'f1', 'x'), { recursive: true });
      const { status, stderr } = copy(ours(), ['-D', server, 'd/f1', 'd/old', `h:${folder}/local`], folder);
      expect([status, stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
      expect(stderr).toContain('local/f1');
      expect(readFileSync(join(folder, 'local', 'old'), 'utf8')).toBe('old');
    },
    timeout,
  );
});

describeWith({ programs: ['scp'] }, 'a copy by the old protocol', () => {
  /** Stands for ssh: runs the command that is its last word, with a program of one's own as scp. */
  const farEnd = (folder: string, program: readonly string[]): string => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'scp'), `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')} "$@"\n`);
    writeFileSync(
      join(bin, 'ssh'),
      `#!/bin/sh\nPATH=${bin}:$PATH\nfor last; do :; done\neval "exec $last"\n`,
    );
    for (const name of ['scp', 'ssh']) chmodSync(join(bin, name), 0o755);
    return join(bin, 'ssh');
  };

  it.each([
    ['our own', 'OpenSSH', () => ours(), () => [pathOf('scp')]],
    ['OpenSSH', 'our own', () => [pathOf('scp')], () => ours()],
    ['our own', 'our own', () => ours(), () => ours()],
  ])(
    'from %s with %s at the far end brings everything, both ways',
    (_near, _far, near, far) => {
      const folder = newFolder();
      fillFolder(folder);
      const ssh = farEnd(folder, far());
      // A pipe cannot be copied, and stops nothing.
      spawnSync('rm', [join(folder, 'd/pipe')]);
      const run = (...args: string[]): number | null =>
        copy(near(), ['-O', '-q', '-S', ssh, ...args], folder).status;
      expect(run('-pr', 'd', `h:${folder}/sent`)).toBe(0);
      expect(run('-pr', `h:${folder}/d`, 'got')).toBe(0);
      expect(run('big', 'd/f1', `h:${folder}/local`)).toBe(0);
      expect(run(`h:${folder}/d/w*`, 'local')).toBe(0);
      expect(run(`h:${folder}/nope`, 'local')).not.toBe(0);
      expect(run('d', `h:${folder}/local`)).not.toBe(0);
      // Our own keeps no setuid, OpenSSH does.
      const sameMode = (tree: string[]): string[] => tree.map((line) => line.replace(' 4755 ', ' 755 '));
      const sent = sameMode(treeOf(join(folder, 'sent')));
      expect(sameMode(treeOf(join(folder, 'got')))).toEqual(sent);
      // Links are followed by this protocol, also those to folders.
      const unlinked = sent.filter((line) => !/^\/(?:link|folder-link)/.test(line));
      expect(unlinked).toEqual(sameMode(treeOf(join(folder, 'd'))).filter((line) => !line.includes(' -> ')));
      expect(readdirSync(join(folder, 'local')).sort()).toEqual(['big', 'f1', 'we*ird', 'with space']);
    },
    timeout,
  );

  it.each([
    ['a path', 'C0644 2 ../outside\nxx\\0'],
    ['an absolute path', 'C0644 2 /tmp/outside\nxx\\0'],
    ['a folder above', 'D0755 0 ..\nC0644 2 outside\nxx\\0E\n'],
    ['this folder', 'D0777 0 .\nC0644 2 outside\nxx\\0E\n'],
    ['another file', 'C0644 2 outside\nxx\\0'],
    ['a folder nobody asked for', 'D0755 0 wanted\nC0644 2 outside\nxx\\0E\n'],
    ['a file without end', 'C0644 200 wanted\nxx'],
    ['an escape sequence', '\\001\\033[2Joutside\n'],
    ['no protocol', 'hello\n'],
  ])(
    'takes nothing but what was asked for: a server that sends %s',
    (_, text) => {
      const folder = newFolder();
      mkdirSync(join(folder, 'in'));
      const ssh = join(folder, 'ssh');
      writeFileSync(ssh, `#!/bin/sh\nprintf '${text}'\ncat > /dev/null\n`, { mode: 0o755 });
      const { status, stderr } = copy(ours(), ['-O', '-S', ssh, 'h:wanted', 'in'], folder);
      expect(status).not.toBe(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
      expect(readdirSync(folder).sort()).toEqual(['in', 'ssh']);
      expect(readdirSync(join(folder, 'in'))).toEqual([]);
    },
    timeout,
  );
});

describeServer('copies and files', openSsh, (lab) => {
  let sshd: TestServer;
  beforeAll(async () => {
    sshd = await startOpenSsh(lab(), { hostKeys: ['ed25519'] });
  }, setupTimeout);
  const options = (): string[] => ['-i', lab().userKeys.of('ed25519').path, '-P', String(sshd.port)];
  const host = (): string => `${lab().account.name}@127.0.0.1`;

  it(
    'go over a connection of this library',
    async () => {
      const home = newHome().knows(sshd);
      const folder = newFolder();
      chmodSync(folder, 0o777);
      writeFileSync(join(folder, 'f'), 'over ssh');
      const run = (...args: string[]) => runCommand(command(), args, { home });
      const sent = await run('cp', ...options(), join(folder, 'f'), `${host()}:${folder}/g`);
      expect([sent.status, sent.stderr]).toEqual([0, '']);
      const between = await run(
        'cp',
        '--json',
        ...options(),
        `${host()}:${folder}/g`,
        `${host()}:${folder}/h`,
      );
      expect(JSON.parse(between.stdout.toString())).toMatchObject({ result: { files: 1, bytes: 8 } });
      const got = await run('sftp', ...options(), `${host()}:${folder}/h`, join(folder, 'i'));
      expect([got.status, got.stderr]).toEqual([0, 'Connected to 127.0.0.1.\n']);
      const old = await run('cp', '-O', ...options(), `${host()}:${folder}/h`, join(folder, 'j'));
      expect([old.status, old.stderr]).toEqual([0, '']);
      for (const name of 'ghij') expect(readFileSync(join(folder, name), 'utf8')).toBe('over ssh');
    },
    timeout,
  );

  it(
    'say why there is no connection, with 255',
    async () => {
      const refused = await runCommand(command(), ['cp', ...options(), `${host()}:x`, 'y'], {
        home: newHome(),
      });
      expect(refused.status).toBe(255);
      expect(refused.stderr).toContain('host key');
      const nobody = await runCommand(command(), ['sftp', '-b', '-', '-P', '1', '127.0.0.1'], {
        home: newHome(),
      });
      expect(nobody.status).toBe(255);
    },
    timeout,
  );
});

describeWith({ programs: ['python3'] }, 'a terminal', () => {
  it(
    'shows a line for each copy and one for all, with names that cannot harm it',
    async () => {
      const folder = newFolder();
      writeFileSync(join(folder, 'one'), Buffer.alloc(2048));
      writeFileSync(join(folder, 'tw\x1b[2Jo'), Buffer.alloc(1024));
      mkdirSync(join(folder, 'to'));
      const terminal = start(['cp', '-D', server, `h:${folder}/*o*`, join(folder, 'to')], newHome());
      expect((await terminal.end).status).not.toBe(0);
      const whole = terminal.screen;
      expect(whole).toMatch(/one +100% +2\.0KB/);
      expect(whole).toMatch(/tw\\x1b\[2Jo +100% +1\.0KB/);
      expect(whole).toMatch(/in sum \(2\/2\) +100% +3\.0KB/);
      expect(whole).not.toContain('\x1b[2J');
    },
    timeout,
  );
});

describe('the help', () => {
  it(
    'says what there is, in 80 columns',
    async () => {
      const { stdout, status } = await runCommand(command(), ['cp', '--help'], { home: newHome() });
      expect(status).toBe(0);
      expect(stdout.toString()).toMatch(/^Usage: deadline-ssh cp/);
      for (const line of stdout.toString().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    },
    timeout,
  );
});
