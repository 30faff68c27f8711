/**
 * A real sshd on a loopback port.
 *
 * Owns: its keys, its configuration, its end.
 * Must not know: what is measured.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** What a client needs to log in. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Path of an Ed25519 key. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…` of the server. */
  readonly hostKey: string;
}

export interface Sshd extends Target {
  readonly version: string;
  stop(): void;
}

/** @throws Error where there is no sshd, or it does not start within ten seconds */
export async function startSshd(): Promise<Sshd> {
  const program = findProgram('sshd');
  const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-bench-'));
  const keyOf = (name: string): string => {
    const path = join(folder, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
    return path;
  };
  const host = keyOf('host');
  const user = keyOf('user');
  const authorized = join(folder, 'authorized_keys');
  writeFileSync(authorized, readFileSync(`${user}.pub`));
  // sshd keeps its unprivileged child there and refuses to start without it.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const config = join(folder, 'sshd_config');
  writeFileSync(
    config,
    [
      `HostKey ${host}`,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `AuthorizedKeysFile ${authorized}`,
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'PidFile none',
      'PermitRootLogin yes',
      'MaxStartups 1000',
      'MaxSessions 1000',
      'LogLevel ERROR',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  const child = spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += String(chunk);
  });
  const stop = (): void => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await listens(port, child);
  } catch (error) {
    stop();
    throw new Error(`sshd did not start: ${error instanceof Error ? error.message : error}\n${log}`);
  }
  const [type, blob] = readFileSync(`${host}.pub`, 'utf8').split(' ');
  return {
    host: '127.0.0.1',
    port,
    username: userInfo().username,
    privateKey: user,
    hostKey: `${type} ${blob?.trim()}`,
    version: versionOf(program),
    stop,
  };
}

/** Servers are often outside the PATH of a plain user. */
function findProgram(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one, perhaps.
    }
  }
  throw new Error(`${name} is not installed`);
}

/** Older ones do not know -V, and name themselves while they complain. */
function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['-V'], { encoding: 'utf8' });
  return /OpenSSH_[^\s,]+/.exec(`${stdout}${stderr}`)?.[0] ?? 'sshd';
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  const until = performance.now() + 10_000;
  while (performance.now() < until && child.exitCode === null) {
    try {
      await readBanner(port);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(child.exitCode === null ? 'it does not answer' : 'it exited');
}

async function readBanner(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    for await (const chunk of socket) {
      if (String(chunk).startsWith('SSH-')) return;
    }
    throw new Error('it said nothing');
  } finally {
    socket.destroy();
  }
}
