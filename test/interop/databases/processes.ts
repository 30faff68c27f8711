/**
 * Database servers of Debian's packages, each by hand: as a user without rights, in a
 * folder of its own, on loopback.
 *
 * Owns: their start, their accounts, their end.
 * Must not know: SSH, drivers.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/servers/index.ts';

/** `nobody` and `nogroup` of Debian: these servers refuse to run as root. */
const nobody = { uid: 65_534, gid: 65_534 };
/** Milliseconds that a start may take. */
const startTime = 60_000;

/** What a driver needs to log in. */
export interface Database {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** PEM of the certificate that it shows. */
  readonly certificate: string;
  stop(): Promise<void>;
}

export interface DatabaseKind {
  readonly name: string;
  /** Why it cannot run here; undefined where it can. */
  readonly obstacle: () => string | undefined;
  readonly start: () => Promise<Database>;
}

const account = { username: 'app', password: 'correct horse', database: 'shop' } as const;

/** A folder that the server owns, and a certificate in it. */
class Home {
  readonly path = mkdtempSync(join(tmpdir(), 'dlssh-db-'));
  readonly key = join(this.path, 'key.pem');
  readonly certificate = join(this.path, 'certificate.pem');

  constructor() {
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=db.internal', '-addext', 'subjectAltName=DNS:db.internal', '-days', '2'],
      ...['-keyout', this.key, '-out', this.certificate],
    ]);
    chmodSync(this.key, 0o600);
    for (const path of [this.path, this.key, this.certificate]) chownSync(path, nobody.uid, nobody.gid);
  }

  file(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    chownSync(path, nobody.uid, nobody.gid);
    return path;
  }

  run(program: string, args: readonly string[], input?: string): void {
    execFileSync(program, args, {
      ...nobody,
      cwd: this.path,
      env: { PATH: process.env['PATH'], HOME: this.path },
      input,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  }

  /** Starts a server, and waits until it takes connections. */
  async serve(program: string, args: (port: number) => readonly string[]): Promise<Database> {
    const port = await freePort();
    const child = spawn(program, args(port), {
      ...nobody,
      cwd: this.path,
      env: { PATH: process.env['PATH'], HOME: this.path },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    const collect = (chunk: Buffer): void => {
      log = (log + String(chunk)).slice(-20_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const stop = (): Promise<void> => this.stop(child);
    const until = performance.now() + startTime;
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > until) {
        await stop();
        throw new Error(`${program} does not start:\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const certificate = execFileSync('cat', [this.certificate], { encoding: 'utf8' });
    return { port, ...account, certificate, stop };
  }

  private async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const over = new Promise((resolve) => child.once('exit', resolve));
      // A fast shutdown: it waits for no client.
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await over;
      clearTimeout(timer);
    }
    rmSync(this.path, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function programIn(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function needsRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs to run as root';
}

const folders = ['/usr/bin', '/usr/sbin', '/usr/local/bin'];
const postgresRoot = '/usr/lib/postgresql';

/** Debian keeps each version in a folder of its own, outside the PATH. */
function postgresFolder(): string | undefined {
  if (!existsSync(postgresRoot)) return undefined;
  return readdirSync(postgresRoot)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(postgresRoot, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'postgres')));
}

export const postgres: DatabaseKind = {
  name: 'PostgreSQL',
  obstacle: () => (postgresFolder() === undefined ? 'postgresql is not installed' : needsRoot()),
  start: async () => {
    const home = new Home();
    const bin = postgresFolder() ?? '';
    const data = join(home.path, 'data');
    const password = home.file('password', `${account.password}\n`);
    home.run(join(bin, 'initdb'), [
      ...['-D', data, '-U', account.username, `--pwfile=${password}`, '-A', 'scram-sha-256', '-N'],
    ]);
    // The one database that is asked for is made before it listens.
    home.run(
      join(bin, 'postgres'),
      ['--single', '-D', data, 'postgres'],
      `CREATE DATABASE ${account.database}\n`,
    );
    return home.serve(join(bin, 'postgres'), (port) => [
      ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', home.path, '-c', 'fsync=off'],
      ...['-c', 'ssl=on', '-c', `ssl_key_file=${home.key}`, '-c', `ssl_cert_file=${home.certificate}`],
    ]);
  },
};

export const mariadb: DatabaseKind = {
  name: 'MariaDB',
  obstacle: () =>
    programIn(folders, 'mariadbd') === undefined ? 'mariadb-server-core is not installed' : needsRoot(),
  start: async () => {
    const home = new Home();
    const data = join(home.path, 'data');
    home.run(programIn(folders, 'mariadb-install-db') ?? '', [
      ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    ]);
    const init = home.file(
      'init.sql',
      [
        `CREATE DATABASE ${account.database};`,
        `CREATE USER '${account.username}'@'%' IDENTIFIED BY '${account.password}';`,
        `GRANT ALL ON ${account.database}.* TO '${account.username}'@'%';`,
        '',
      ].join('\n'),
    );
    return home.serve(programIn(folders, 'mariadbd') ?? '', (port) => [
      ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1'],
      ...['--skip-name-resolve', `--socket=${join(home.path, 'socket')}`, `--init-file=${init}`],
      ...[`--ssl-key=${home.key}`, `--ssl-cert=${home.certificate}`, '--max-allowed-packet=64M'],
      ...['--innodb-flush-log-at-trx-commit=0', `--pid-file=${join(home.path, 'pid')}`],
    ]);
  },
};

export const redis: DatabaseKind = {
  name: 'Redis',
  obstacle: () =>
    programIn(folders, 'redis-server') === undefined ? 'redis-server is not installed' : needsRoot(),
  start: async () => {
    const home = new Home();
    return home.serve(programIn(folders, 'redis-server') ?? '', (port) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', home.path, '--save', ''],
      ...['--requirepass', account.password],
    ]);
  },
};
