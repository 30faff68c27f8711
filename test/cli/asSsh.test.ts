/** The command where other programs expect ssh: git, rsync, scp; and what scripts ask of ssh itself. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { endOf, runCommand, startCommand } from '../support/cli/run.ts';
import {
  describeServer,
  freePort,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';
import { describeWith } from '../support/servers/programs.ts';

describeServer('in the place of ssh', openSsh, (lab) => {
  let server: TestServer;
  const command = useBuiltCommand();
  const newHome = useHomes();
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-as-ssh-'));

  beforeAll(async () => {
    server = await startOpenSsh(lab(), {
      hostKeys: ['ed25519'],
      config: { AcceptEnv: 'DLSSH_*', Subsystem: 'sftp internal-sftp' },
    });
  }, setupTimeout);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A home whose configuration knows the server as `there`. */
  function home(...lines: readonly string[]): Home {
    const made = newHome().knows(server);
    made.write(
      'config',
      [
        ...lines,
        'Host there',
        '  HostName 127.0.0.1',
        `  Port ${server.port}`,
        `  User ${lab().account.name}`,
        `  IdentityFile ${lab().userKeys.of('ed25519').path}`,
        '  IdentitiesOnly yes',
        'Host bastion',
        '  HostName localhost',
        '  StrictHostKeyChecking accept-new',
        `  Port ${server.port}`,
        `  User ${lab().account.name}`,
        `  IdentityFile ${lab().userKeys.of('ed25519').path}`,
        '',
      ].join('\n'),
    );
    return made;
  }

  /** A program named ssh, for those that take a path. */
  function script(owner: Home): string {
    const path = join(folder, 'ssh');
    writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${command()}' "$@"\n`);
    chmodSync(path, 0o755);
    expect(existsSync(owner.path)).toBe(true);
    return path;
  }

  function run(
    args: readonly string[],
    more: { readonly home?: Home; readonly input?: Buffer; readonly env?: Record<string, string> } = {},
  ) {
    return runCommand(command(), args, { home: more.home ?? home(), input: more.input, env: more.env });
  }

  function succeeded(program: string, args: readonly string[], owner: Home, env: NodeJS.ProcessEnv): string {
    const { status, stdout, stderr } = spawnSync(program, args, {
      env: { ...process.env, HOME: owner.path, ...env },
      encoding: 'utf8',
    });
    expect({ status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
    return stdout;
  }

  describe('the configuration', () => {
    it('names the host, the user and the key', async () => {
      const { status, stdout } = await run(['there', 'echo', 'in']);
      expect({ status, out: String(stdout) }).toEqual({ status: 0, out: 'in\n' });
    });

    it('yields to options, and -F none leaves it out', async () => {
      const owner = home('Host there', '  User nobody-at-all');
      expect((await run(['-l', lab().account.name, 'there', 'true'], { home: owner })).status).toBe(0);
      expect((await run(['-F', 'none', 'there', 'true'], { home: owner })).status).toBe(255);
      expect(String((await run(['-G', '-o', 'User=first', 'second@there'])).stdout)).toContain(
        '\nuser first\n',
      );
      expect(String((await run(['-G', 'second@there', '-l', 'third'])).stdout)).toContain('\nuser second\n');
    });

    it('that is not right is told of with file and line, each problem in a line, and ends with 255', async () => {
      const owner = home();
      const path = owner.write('broken', 'Port none\nNoSuchKeyword 1\nHost x\n  Ciphers\n');
      const { status, stderr } = await run(['-F', path, 'there', 'true'], { home: owner });
      expect(status).toBe(255);
      const lines = stderr.trim().split('\n');
      expect(lines.map((line) => /broken line (\d)/.exec(line)?.[1])).toEqual(['1', '2', '4']);
    });

    it('sends and sets the environment, and gives the command of RemoteCommand', async () => {
      const owner = home(
        'SetEnv DLSSH_SET=1',
        'SendEnv DLSSH_SENT',
        'RemoteCommand echo $DLSSH_SET$DLSSH_SENT',
      );
      const { stdout } = await runCommand(command(), ['there'], { home: owner, env: { DLSSH_SENT: '2' } });
      expect(String(stdout)).toBe('12\n');
      const { status, stderr } = await run(['there', 'true'], { home: owner });
      expect(status).toBe(255);
      expect(stderr).toContain('RemoteCommand');
    });

    it('runs LocalCommand before the session, where it is permitted', async () => {
      const local = ['-o', 'LocalCommand=echo local %n'];
      const permitted = await run(['-o', 'PermitLocalCommand=yes', ...local, 'there', 'echo remote']);
      expect(String(permitted.stdout)).toBe('local there\nremote\n');
      expect(String((await run([...local, 'there', 'echo remote'])).stdout)).toBe('remote\n');
    });

    it('refuses an unknown host key, takes it with accept-new, and keeps it', async () => {
      const owner = home();
      owner.write('empty', '');
      const file = ['-o', `UserKnownHostsFile=${owner.at('empty')}`];
      expect((await run([...file, 'there', 'true'], { home: owner })).status).toBe(255);
      const strict = ['-o', 'StrictHostKeyChecking=accept-new', '-o', 'HashKnownHosts=no'];
      const taken = await run([...file, ...strict, 'there', 'true'], { home: owner });
      expect(taken.status).toBe(0);
      // Whose key was taken unasked, and where it is, is said once.
      expect(taken.stderr).toMatch(
        /^deadline-ssh: note: the host key of \S+ \(ssh-ed25519 SHA256:\S+\) was not known, and is kept in \S+\n$/,
      );
      const again = await run([...file, 'there', 'true'], { home: owner });
      expect([again.status, again.stderr]).toEqual([0, '']);
      expect(owner.read('empty')).toContain(`[127.0.0.1]:${server.port} ssh-ed25519`);
    });
  });

  describe('a command', () => {
    it('gives its status, 255 for the end by a failure of the connection', async () => {
      for (const status of [0, 1, 42, 254])
        expect((await run(['there', `exit ${status}`])).status).toBe(status);
      expect((await run(['-p', String(await freePort()), 'there', 'true'])).status).toBe(255);
    });

    it('passes every byte both ways, and the end of its input', async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_unused, i) => (i * 7) & 0xff));
      const { status, stdout } = await run(['there', 'cat; cat >&2'], { input: bytes });
      expect(status).toBe(0);
      expect(stdout.equals(bytes)).toBe(true);
    });

    it('has no terminal unless it is asked for twice, and -n gives it no input', async () => {
      expect(String((await run(['-t', 'there', 'tty'])).stdout)).toContain('not a tty');
      expect(String((await run(['-tt', 'there', 'tty'])).stdout)).toMatch(/^\/dev\/pts\/\d+\r\n$/);
      expect(
        String((await run(['-n', 'there', 'wc -c'], { input: Buffer.from('x') })).stdout.toString().trim()),
      ).toBe('0');
    });

    it('is a subsystem with -s', async () => {
      const child = spawn(process.execPath, [command(), '-s', 'there', 'sftp'], {
        env: { ...process.env, HOME: home().path },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      // SSH_FXP_INIT of version 3, answered by SSH_FXP_VERSION (2).
      child.stdin.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]));
      const answer = await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve));
      child.stdin.end();
      expect(answer[4]).toBe(2);
      const { status, stderr } = await run(['-s', 'there']);
      expect({ status, said: stderr.includes('-s needs') }).toEqual({ status: 255, said: true });
    });

    it('says nothing with -q, and to a file with -E', async () => {
      const silent = await run(['-q', '-o', `UserKnownHostsFile=/dev/null`, 'there', 'true']);
      expect({ status: silent.status, stderr: silent.stderr }).toEqual({ status: 255, stderr: '' });
      const log = join(folder, 'log');
      const { stderr } = await run(['-vE', log, 'there', 'true']);
      expect(stderr).toBe('');
      expect(readFileSync(log, 'utf8')).toMatch(/authentication +took/);
    });
  });

  describe('forwards', () => {
    it('end the command with ExitOnForwardFailure where one fails, and else go on', async () => {
      const busy = createServer();
      await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
      const { port } = busy.address() as { port: number };
      const forward = ['-L', `${port}:127.0.0.1:${server.port}`];
      try {
        const demanded = await run(['-o', 'ExitOnForwardFailure=yes', ...forward, 'there', 'echo in']);
        expect({ status: demanded.status, out: String(demanded.stdout) }).toEqual({ status: 255, out: '' });
        const tolerated = await run([...forward, 'there', 'echo in']);
        expect({ status: tolerated.status, out: String(tolerated.stdout) }).toEqual({
          status: 0,
          out: 'in\n',
        });
        expect(tolerated.stderr).toContain(String(port));
      } finally {
        busy.close();
      }
    });

    it('stand in the background after -f, until -O exit', async () => {
      const owner = home();
      const [port, control] = [await freePort(), join(folder, 'ctl')];
      const forward = ['-L', `${port}:127.0.0.1:${server.port}`];
      const started = spawnSync(process.execPath, [command(), '-MfN', '-S', control, ...forward, 'there'], {
        env: { ...process.env, HOME: owner.path },
        stdio: 'ignore',
      });
      expect(started.status).toBe(0);
      try {
        owner.write('known_hosts', `${owner.read('known_hosts')}far ${server.hostKeys[0]?.publicLine}\n`);
        // As with ssh, a port alone is this machine by both families.
        for (const address of ['127.0.0.1', '::1']) {
          const through = await run(
            [
              '-p',
              String(port),
              '-o',
              `HostName=${address}`,
              '-o',
              'HostKeyAlias=far',
              'there',
              'echo through',
            ],
            { home: owner },
          );
          expect(String(through.stdout)).toBe('through\n');
        }
        const check = await run(['-S', control, '-O', 'check', 'there'], { home: owner });
        expect(check.stderr).toMatch(/^Master running \(pid=\d+\)\n$/);
        const more = ['-R', `0:127.0.0.1:${server.port}`];
        const added = await run(['-S', control, '-O', 'forward', ...more, 'there'], { home: owner });
        expect(String(added.stdout)).toMatch(/^\d+\n$/);
        const taken = await run(['-S', control, '-O', 'forward', ...forward, 'there'], { home: owner });
        expect([taken.status, taken.stderr.includes(String(port))]).toEqual([255, true]);
        const cancelled = await run(['-S', control, '-O', 'cancel', ...forward, 'there'], { home: owner });
        expect([cancelled.status, cancelled.stderr]).toEqual([0, '']);
        expect((await run(['-p', String(port), 'there', 'true'], { home: owner })).status).toBe(255);
        const twice = await run(['-S', control, '-O', 'cancel', ...forward, 'there'], { home: owner });
        expect([twice.status, twice.stderr]).toEqual([255, 'deadline-ssh: there is no such forward\n']);
      } finally {
        const exit = await run(['-S', control, '-O', 'exit', 'there'], { home: owner });
        expect({ status: exit.status, said: exit.stderr }).toEqual({
          status: 0,
          said: 'Exit request sent.\n',
        });
      }
      const gone = await run(['-S', control, '-O', 'check', 'there'], { home: owner });
      expect(gone.status).toBe(255);
    });

    it('and sessions run over the connection of who listens, until -O stop and the last of them', async () => {
      const owner = home();
      const control = join(folder, 'shared');
      const over = (...args: readonly string[]) => run(['-S', control, ...args], { home: owner });
      const started = spawnSync(process.execPath, [command(), '-MfN', '-S', control, 'there'], {
        env: { ...process.env, HOME: owner.path },
        stdio: 'ignore',
      });
      expect(started.status).toBe(0);
      try {
        const where = ['there', 'echo $SSH_CONNECTION'];
        const [first, second, own] = [await over(...where), await over(...where), await run(where)];
        expect(String(first.stdout)).toBe(String(second.stdout));
        expect(String(first.stdout)).not.toBe(String(own.stdout));
        const input = Buffer.alloc(1_000_000, 'some bytes');
        const copied = await run(['-S', control, 'there', 'cat; echo said >&2; exit 7'], {
          home: owner,
          input,
        });
        expect([copied.status, copied.stdout.equals(input), copied.stderr]).toEqual([7, true, 'said\n']);
        const set = await over('-tt', '-o', 'SetEnv=DLSSH_A=b', 'there', 'echo $DLSSH_A; tty');
        expect(String(set.stdout)).toMatch(/^b\r\n\/dev\/pts/);
        expect((await over('-O', 'proxy', 'there', 'exit 4')).status).toBe(4);
        expect((await over('there', 'kill -9 $$')).status).toBe(137);
        // One that runs outlives the end of listening, and whoever comes then connects by itself.
        const [, pid = ''] = /pid=(\d+)/.exec((await over('-O', 'check', 'there')).stderr) ?? [];
        const long = ['-S', control, 'there', 'echo begun; read line; echo $line $SSH_CONNECTION'];
        const last = startCommand(command(), long, owner);
        await new Promise((resolve) => last.stdout.once('data', resolve));
        expect((await over('-O', 'stop', 'there')).status).toBe(0);
        expect(existsSync(control)).toBe(false);
        expect((await over('-O', 'proxy', 'there', 'true')).status).toBe(255);
        expect(String((await over(...where)).stdout)).not.toBe(String(first.stdout));
        const ending = endOf(last);
        last.stdin.end('still\n');
        expect(String((await ending).stdout)).toBe(`still ${String(first.stdout)}`);
        // Then nothing runs over its connection, and it ends.
        const isThere = () => spawnSync('kill', ['-0', pid]).status === 0;
        await expect.poll(isThere, { timeout: 10_000 }).toBe(false);
      } finally {
        await over('-O', 'exit', 'there');
      }
    });

    it('stay for the time of ControlPersist, and -M where the socket is in use goes on without', async () => {
      const owner = home();
      const control = join(folder, 'persist');
      const master = ['-o', 'ControlMaster=auto', '-S', control];
      const started = spawnSync(
        process.execPath,
        [command(), '-f', ...master, '-o', 'ControlPersist=1', 'there', 'true'],
        { env: { ...process.env, HOME: owner.path }, stdio: 'ignore' },
      );
      expect(started.status).toBe(0);
      const second = await run(['-M', '-S', control, 'there', 'echo in'], { home: owner });
      expect(String(second.stdout)).toBe('in\n');
      await expect.poll(() => existsSync(control), { timeout: 20_000 }).toBe(false);
    });

    it('leave a program behind by ControlPersist, which the next calls share and which holds no stream', async () => {
      const owner = home();
      const control = join(folder, 'left');
      const call = (...words: string[]) =>
        run(['-o', 'ControlMaster=auto', '-S', control, '-o', 'ControlPersist=60', 'there', ...words], {
          home: owner,
        });
      try {
        // A run has ended when its streams have: whoever is left behind holds none of them.
        const first = await call('echo $SSH_CONNECTION; echo told >&2; exit 3');
        expect([first.status, first.stderr]).toEqual([3, 'told\n']);
        const check = await run(['-S', control, '-O', 'check', 'there'], { home: owner });
        const [, pid = ''] = /Master running \(pid=(\d+)\)/.exec(check.stderr) ?? [];
        expect(pid).not.toBe('');
        const second = await call('echo $SSH_CONNECTION');
        expect(String(second.stdout)).toBe(String(first.stdout));
        await run(['-S', control, '-O', 'exit', 'there'], { home: owner });
        const isThere = () => spawnSync('kill', ['-0', pid]).status === 0;
        await expect.poll(isThere, { timeout: 10_000 }).toBe(false);
        expect(existsSync(control)).toBe(false);
      } finally {
        await run(['-S', control, '-O', 'exit', 'there'], { home: owner });
      }
    });

    it('say why no program can be left behind, or do without one', async () => {
      const owner = home();
      const control = join(folder, 'not-left');
      const persist = ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60'];
      const strict = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'StrictHostKeyChecking=yes'];
      const unknown = await run([...persist, '-S', control, ...strict, 'there', 'true'], { home: owner });
      expect([unknown.status, unknown.stderr]).toEqual([
        255,
        expect.stringMatching(/^deadline-ssh: the host key of .* is not in [^\n]*\n$/),
      ]);
      expect(existsSync(control)).toBe(false);
      // Where there is a file it stays, and the session has a connection of its own.
      writeFileSync(control, 'mine');
      const without = await run([...persist, '-S', control, 'there', 'echo in'], { home: owner });
      expect([without.status, String(without.stdout)]).toEqual([0, 'in\n']);
      expect(readFileSync(control, 'utf8')).toBe('mine');
    });

    it('lead over standard input and output, for the ProxyCommand of another', async () => {
      const owner = home();
      const proxy = `'${process.execPath}' '${command()}' -W 127.0.0.1:${server.port} there`;
      const { status, stdout } = await run(['-o', `ProxyCommand=${proxy}`, 'there', 'echo far'], {
        home: owner,
      });
      expect({ status, out: String(stdout) }).toEqual({ status: 0, out: 'far\n' });
    });

    it("lead through a ProxyCommand in the user's own shell", async () => {
      const owner = home();
      const [shell, log] = [join(folder, 'shell'), join(folder, 'shell.log')];
      writeFileSync(shell, `#!/bin/sh\necho "$1" >> '${log}'\nexec /bin/sh "$@"\n`, { mode: 0o755 });
      const proxy = `'${process.execPath}' '${command()}' -W 127.0.0.1:${server.port} there`;
      const { stdout } = await run(['-o', `ProxyCommand=${proxy}`, 'there', 'echo far'], {
        home: owner,
        env: { SHELL: shell },
      });
      expect([String(stdout), readFileSync(log, 'utf8')]).toEqual(['far\n', '-c\n']);
    });

    it('lead over hosts on the way with -J', async () => {
      const { status, stdout } = await run(['-J', 'bastion', 'there', 'echo jumped']);
      expect({ status, out: String(stdout) }).toEqual({ status: 0, out: 'jumped\n' });
    });
  });

  describe('keyscan', () => {
    it('prints the lines that ssh-keyscan prints', async () => {
      const args = ['-p', String(server.port), '127.0.0.1'];
      const own = await run(['keyscan', ...args]);
      const theirs = spawnSync('ssh-keyscan', args, { encoding: 'utf8' });
      const sorted = (text: string): string[] => text.trim().split('\n').sort();
      expect(own.status).toBe(0);
      expect(sorted(String(own.stdout))).toEqual(sorted(theirs.stdout));
      expect(own.stderr).toContain(`# 127.0.0.1:${server.port} SSH-2.0-OpenSSH`);
    });

    it('hides names with -H, takes a list with -f, and says which host it cannot reach', async () => {
      const owner = home();
      const port = await freePort();
      const list = owner.write('list', `# a list\n127.0.0.1:${server.port} web,mail\n127.0.0.1:${port}\n`);
      const plain = await run(['keyscan', '-t', 'ed25519', '-f', list], { home: owner });
      expect(String(plain.stdout)).toMatch(/^\[web\]:\d+,\[mail\]:\d+ ssh-ed25519 \S+\n$/);
      expect(plain.stderr).toContain(`127.0.0.1:${port}: `);
      const hidden = await run(['keyscan', '-H', '-t', 'ed25519', '-f', list], { home: owner });
      expect(String(hidden.stdout)).toMatch(/^(\|1\|\S+ ssh-ed25519 \S+\n){2}$/);
    });

    it('ends by its own deadline at a host that never speaks, with status 1', async () => {
      const silent = createServer();
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as { port: number };
      const { status, stderr } = await run([
        'keyscan',
        '-T',
        '300ms',
        '-t',
        'rsa',
        '-p',
        String(port),
        '127.0.0.1',
      ]);
      silent.close();
      expect({ status, said: stderr.includes('300') }).toEqual({ status: 1, said: true });
    });
  });

  /** A folder of the account on the server. */
  async function remoteFolder(): Promise<string> {
    return String((await run(['there', 'mktemp -d'])).stdout).trim();
  }

  describeWith({ programs: ['git'] }, 'git', () => {
    it('clones and pushes', async () => {
      const owner = home();
      const env = {
        GIT_SSH_COMMAND: `'${process.execPath}' '${command()}'`,
        GIT_SSH_VARIANT: 'ssh',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_AUTHOR_NAME: 'a',
        GIT_AUTHOR_EMAIL: 'a@b',
        GIT_COMMITTER_NAME: 'a',
        GIT_COMMITTER_EMAIL: 'a@b',
      };
      const [bare, clone] = [`${await remoteFolder()}/bare.git`, join(folder, 'clone')];
      expect((await run(['there', `git init -q --bare ${bare}`])).status).toBe(0);
      succeeded('git', ['clone', '-q', `ssh://there${bare}`, clone], owner, env);
      writeFileSync(join(clone, 'file'), 'content\n');
      succeeded('git', ['-C', clone, 'add', 'file'], owner, env);
      succeeded('git', ['-C', clone, 'commit', '-qm', 'one'], owner, env);
      succeeded('git', ['-C', clone, 'push', '-q', 'origin', 'HEAD:main'], owner, env);
      expect(String((await run(['there', `git -C ${bare} show main:file`])).stdout)).toBe('content\n');
    }, 120_000);
  });

  describeWith({ programs: ['rsync'] }, 'rsync', () => {
    it('carries 1,000 files both ways', async () => {
      const owner = home();
      const [here, there, back] = [join(folder, 'here'), await remoteFolder(), join(folder, 'back')];
      mkdirSync(here);
      for (let i = 0; i < 1_000; i++)
        writeFileSync(join(here, `file-${i}`), `content of ${i}\n`.repeat(i % 50));
      const shell = `${process.execPath} ${command()}`;
      succeeded('rsync', ['-a', '-e', shell, `${here}/`, `there:${there}/`], owner, {});
      succeeded('rsync', ['-a', '-e', shell, `there:${there}/`, `${back}/`], owner, {});
      expect(readdirSync(back).length).toBe(1_000);
      expect(spawnSync('diff', ['-r', here, back]).status).toBe(0);
    }, 120_000);
  });

  describeWith({ programs: ['scp'] }, 'scp', () => {
    it('copies with -S, by SFTP and by its old protocol', async () => {
      const owner = home();
      const there = await remoteFolder();
      const source = join(folder, 'source');
      writeFileSync(source, Buffer.alloc(100_000, 7));
      for (const mode of [[], ['-O']]) {
        const [target, back] = [`${there}/copy${mode.join('')}`, join(folder, `scp-back${mode.join('')}`)];
        succeeded('scp', ['-q', ...mode, '-S', script(owner), source, `there:${target}`], owner, {});
        succeeded('scp', ['-q', ...mode, '-S', script(owner), `there:${target}`, back], owner, {});
        expect(readFileSync(back).equals(readFileSync(source))).toBe(true);
      }
    }, 120_000);
  });

  it('ends with the signal of whoever ends it, and ends the command', async () => {
    const owner = home();
    const child = spawn(process.execPath, [command(), 'there', 'echo $$; exec sleep 600'], {
      env: { ...process.env, HOME: owner.path },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = await new Promise<string>((resolve) =>
      child.stdout.once('data', (data) => resolve(String(data).trim())),
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
    expect(pid).toMatch(/^\d+$/);
  }, 30_000);
});
