/** Ansible, mosh and the remote shell of editors, with the command in the place of ssh. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import {
  describeServer,
  freePort,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';
import { describeWith } from '../support/servers/programs.ts';

describeServer('as the ssh of other programs', openSsh, (lab) => {
  const servers: TestServer[] = [];
  const command = useBuiltCommand();
  const newHome = useHomes();
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-other-'));

  beforeAll(async () => {
    for (let i = 0; i < 3; i++) {
      servers.push(await startOpenSsh(lab(), { config: { Subsystem: 'sftp internal-sftp' } }));
    }
  }, setupTimeout);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A home that knows the servers, and the first of them as `there`. */
  function home(): Home {
    const made = newHome();
    const known = servers.flatMap(({ host, port, hostKeys }) =>
      hostKeys.map(({ publicLine }) => `[${host}]:${port} ${publicLine}\n`),
    );
    made.write('known_hosts', known.join(''));
    const key = lab().userKeys.of('ed25519').path;
    made.write(
      'config',
      `Host there\n  HostName 127.0.0.1\n  Port ${servers[0]?.port}\n  User ${lab().account.name}\n  IdentityFile ${key}\n`,
    );
    return made;
  }

  /** A program that other programs may call by its path. */
  function program(name: string, main = 'main.js', note = ''): string {
    const path = join(folder, name);
    const file = join(command(), '..', main);
    writeFileSync(path, `#!/bin/sh\n${note}exec '${process.execPath}' '${file}' "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  describeWith({ programs: ['ansible', 'python3'] }, 'ansible', () => {
    const all = ['-m', 'ping', '-o'];

    function ansible(vars: Readonly<Record<string, string>>) {
      const owner = home();
      const inventory = servers.map(
        ({ port }, index) => `h${index} ansible_host=127.0.0.1 ansible_port=${port}`,
      );
      const path = owner.write('inventory', `${inventory.join('\n')}\n`);
      const log = join(folder, 'calls');
      rmSync(log, { force: true });
      const settings = {
        ansible_user: lab().account.name,
        ansible_ssh_private_key_file: lab().userKeys.of('ed25519').path,
        ansible_python_interpreter: '/usr/bin/python3',
        ansible_ssh_executable: program('ssh', 'main.js', `echo "ssh $*" >> '${log}'\n`),
        ansible_sftp_executable: program('sftp', 'sftpMain.js', `echo "sftp $*" >> '${log}'\n`),
        ...vars,
      };
      const { status, stdout, stderr } = spawnSync(
        'ansible',
        ['all', '-i', path, ...all, '-e', JSON.stringify(settings)],
        {
          env: {
            PATH: process.env['PATH'],
            HOME: owner.path,
            LC_ALL: 'C.UTF-8',
            ANSIBLE_CONFIG: owner.write('ansible.cfg', ''),
            ANSIBLE_NOCOLOR: '1',
          },
          encoding: 'utf8',
        },
      );
      const calls = spawnSync('cat', [log], { encoding: 'utf8' }).stdout.trim().split('\n');
      return { status, stdout, said: status === 0 ? '' : `${stdout}${stderr}`, calls };
    }

    it('pings three hosts with the options that it has by itself, which ask for a connection that is shared', () => {
      const { status, stdout, said, calls } = ansible({});
      expect({ status, said }).toEqual({ status: 0, said: '' });
      expect(stdout.match(/^h\d \| SUCCESS => .*"ping": "pong"/gm)).toHaveLength(3);
      const sharing = ['ControlMaster=auto', 'ControlPersist=60s', 'ControlPath='];
      for (const option of sharing) expect(calls[0]).toContain(option);
      // Modules go over SFTP: by deadline-sftp, and not by the ways that ansible falls back on.
      expect(calls.filter((call) => call.startsWith('sftp '))).toHaveLength(3);
      expect(calls.some((call) => call.includes('dd of='))).toBe(false);
    }, 240_000);

    it('pings them without these options, and by way of the command alone', () => {
      const { status, stdout, said, calls } = ansible({
        ansible_ssh_args: '',
        ansible_ssh_transfer_method: 'piped',
      });
      expect({ status, said }).toEqual({ status: 0, said: '' });
      expect(stdout.match(/"ping": "pong"/g)).toHaveLength(3);
      expect(calls.some((call) => call.includes('ControlMaster'))).toBe(false);
    }, 240_000);
  });

  describeWith({ programs: ['mosh'] }, 'mosh', () => {
    it('starts its server by the command and reaches it', async () => {
      const owner = home();
      const args = ['--no-init', `--ssh=${program('ssh')}`, 'there', '--', 'echo', 'reached by mosh'];
      // A terminal that was just made has no size yet.
      const line = `stty rows 24 cols 80; exec mosh ${args.map((word) => `'${word}'`).join(' ')}`;
      const child = spawn('script', ['-qec', line, '/dev/null'], {
        env: { PATH: process.env['PATH'], HOME: owner.path, LC_ALL: 'C.UTF-8', TERM: 'xterm' },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text) => (output += String(text)));
      const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
      expect({ status, said: output.includes('reached by mosh') ? '' : output }).toEqual({
        status: 0,
        said: '',
      });
    }, 120_000);
  });

  it('is the shell of an editor: a SOCKS proxy and a script on standard input, until that ends', async () => {
    const port = await freePort();
    const args = [command(), '-T', '-D', String(port), '-o', 'ConnectTimeout=15', 'there', 'bash'];
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env['PATH'], HOME: home().path },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const until = (mark: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(mark)) resolve();
        };
        child.stdout.on('data', look);
        child.once('close', () => reject(new Error(`the command ended: ${output}`)));
        look();
      });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin.write('set -e\necho "listening on $((40 + 2))"\n');
    await until('listening on 42\n');
    // The proxy leads to the server's own sshd, which greets.
    const greeting = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      const target = Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 0]);
      target.writeUInt16BE(servers[1]?.port ?? 0, target.length - 2);
      let answer = Buffer.alloc(0);
      socket.once('error', reject);
      socket.once('connect', () => socket.write(target));
      socket.on('data', (bytes: Buffer) => {
        answer = Buffer.concat([answer, bytes]);
        // Two bytes of the greeting and ten of the reply come first.
        if (answer.length >= 12 + 4) {
          socket.destroy();
          resolve(answer.subarray(12, 16).toString());
        }
      });
    });
    expect(greeting).toBe('SSH-');
    child.stdin.end('exit 7\n');
    expect(await closed).toBe(7);
  }, 60_000);
});
