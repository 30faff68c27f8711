/** The programs of `examples/`, compiled and run as their readers would run them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect as connectLibrary } from '../../src/entry/index.ts';
import { Terminal } from '../support/cli/terminal.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const tested = [
  'database',
  'manyHosts',
  'run',
  'serveMemory',
  'shell',
  'socks',
  'stream',
  'tunnel',
  'webhook',
];

it('each has a test', () => {
  const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
  const programs = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
  expect(programs.sort()).toEqual([...tested, 'memoryStore', 'target'].sort());
});

describeServer('the example', openSsh, (lab) => {
  let programs: ChildPrograms;
  let server: TestServer;
  let home: string;
  let target: string;
  const running = new Set<ChildProcess>();
  const servers: Server[] = [];

  beforeAll(async () => {
    programs = new ChildPrograms(lab().folder, 'examples');
    server = await startOpenSsh(lab());
    home = lab().newPath();
    mkdirSync(join(home, '.ssh'), { recursive: true });
    writeFileSync(join(home, '.ssh/id_ed25519'), lab().userKeys.textOf('ed25519'), { mode: 0o600 });
    const known = server.hostKeys.map(({ publicLine }) => `[127.0.0.1]:${server.port} ${publicLine}`);
    writeFileSync(
      join(home, '.ssh/known_hosts'),
      `${[...known, ...known.map((line) => line.replace('127.0.0.1', 'localhost'))].join('\n')}\n`,
    );
    target = `${lab().account.name}@127.0.0.1:${server.port}`;
  }, setupTimeout);

  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
    for (const listener of servers.splice(0)) listener.close();
  });

  function start(name: string, ...args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [programs.pathOf(name), ...args], {
      env: { ...process.env, HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  /** Runs a program to its end. */
  async function run(name: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
    const child = start(name, ...args);
    const texts = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (chunk) => {
        texts[stream] += String(chunk);
      });
    }
    const [code] = await once(child, 'close');
    return { code, ...texts };
  }

  describe('run', () => {
    it('prints what the command prints and ends with its status', async () => {
      expect(await run('run', target, 'echo out; echo err >&2; exit 7')).toEqual({
        code: 7,
        stdout: 'out\n',
        stderr: 'err\n',
      });
    });

    it('says where it failed', async () => {
      await using closed = await ClosedPort.hold();
      const { code, stderr } = await run('run', `nobody@127.0.0.1:${closed.port}`, 'true');
      expect(code).toBe(255);
      expect(stderr).toContain('ERR_SSH_CONNECT in connect: ');
    });

    it('says how to call it', async () => {
      expect(await run('run')).toEqual({
        code: 2,
        stdout: '',
        stderr: 'usage: run [user@]host[:port] command…\n',
      });
    });
  });

  describe('stream', () => {
    it('brings a file there and back unchanged', async () => {
      const bytes = randomBytes(3 * 1024 * 1024 + 17);
      const here = lab().file(bytes);
      // Its name is no word of a shell.
      const folder = lab().newPath();
      mkdirSync(folder);
      chmodSync(folder, 0o777);
      const there = join(folder, "it's there");
      const back = lab().newPath();
      expect(await run('stream', 'up', target, here, there)).toMatchObject({ code: 0, stderr: '' });
      expect(readFileSync(there).equals(bytes)).toBe(true);
      expect(await run('stream', 'down', target, there, back)).toMatchObject({ code: 0, stderr: '' });
      expect(readFileSync(back).equals(bytes)).toBe(true);
    });

    it('fails where the remote file cannot be written', async () => {
      const { code, stderr } = await run('stream', 'up', target, lab().file('x'), '/no/such/folder/file');
      expect(code).toBe(1);
      expect(stderr).toMatch(/remote command ended with [12]/);
    });
  });

  describe('serveMemory', () => {
    it('has files for any client of SFTP, and forgets them', async () => {
      const child = start('serveMemory');
      const ended = once(child, 'close');
      const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
      const port = Number(/:(\d+)/.exec(String(line))?.[1]);
      const client = await connectLibrary({
        host: '127.0.0.1',
        port,
        username: 'ops',
        password: 'any',
        verifyHostKey: () => true,
      });
      const sftp = await client.sftp();
      await sftp.writeFile('/f', 'text');
      expect(await sftp.readFile('/f', 'utf8')).toBe('text');
      await client.close();
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    });
  });

  describe('shell', () => {
    it('gives the keys to the server, and the terminal back as it was', async () => {
      const terminal = new Terminal(
        ['env', `HOME=${home}`, process.execPath, programs.pathOf('shell'), target],
        24,
        80,
      );
      try {
        await terminal.shows(/[$#>%] /);
        expect(await terminal.modes()).toMatchObject({ echo: false, icanon: false, isig: false });
        terminal.type('stty size; echo "is $((40 + 2))"\r');
        expect(await terminal.shows('is 42')).toContain('24 80');
        // The program itself says that it runs: a shell may lose a signal between two programs.
        writeFileSync(join(home, 'said'), 'asleep\n');
        terminal.type(`tail -f ${join(home, 'said')}\r`);
        await terminal.shows('asleep');
        // The server's terminal makes a signal of it; here it would end the program.
        terminal.type('\x03');
        await terminal.shows(/[$#>%] /);
        terminal.resize(30, 100);
        // The new size and the keys have different ways to the client: it is asked for until it is there.
        terminal.type('until stty size | grep "30 100"; do sleep 0.1; done\r');
        await terminal.shows('\n30 100');
        terminal.type('exit 7\r');
        expect(await terminal.end).toMatchObject({ status: 7, modes: { asBefore: true } });
      } finally {
        terminal.close();
      }
    });
  });

  describe('tunnel', () => {
    it('carries connections until it is told to end', async () => {
      const echo = createServer((socket) => socket.pipe(socket));
      servers.push(echo);
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
      const { port } = echo.address() as { readonly port: number };
      const child = start('tunnel', target, '0', '127.0.0.1', String(port));
      const ended = once(child, 'close');
      const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
      const local = Number(/port (\d+) leads/.exec(String(line))?.[1]);
      for (const message of ['first', 'second']) expect(await echoed(local, message)).toBe(message);
      child.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
    });
  });

  /** Starts one that leads somewhere, and gives the port that it names. */
  async function leading(
    name: string,
    ...args: readonly string[]
  ): Promise<[number, () => Promise<unknown>]> {
    const child = start(name, ...args);
    const ended = once(child, 'close');
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const end = (): Promise<unknown> => {
      child.kill('SIGINT');
      return ended;
    };
    return [Number(/(\d+)(?: (?:leads|of)|\s*$)/.exec(String(line))?.[1]), end];
  }

  async function echoPort(): Promise<number> {
    const echo = createServer((socket) => socket.pipe(socket));
    servers.push(echo);
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    return (echo.address() as { readonly port: number }).port;
  }

  describe('database', () => {
    it('leads through a bastion, and through several, until it is told to end', async () => {
      const port = String(await echoPort());
      for (const way of [target, `${target},${target.replace('127.0.0.1', 'localhost')}`]) {
        const [local, end] = await leading('database', way, '127.0.0.1', port);
        expect(await echoed(local, 'select 1')).toBe('select 1');
        expect(await end()).toEqual([0, null]);
      }
    });
  });

  describe('socks', () => {
    it('is a proxy for what the server reaches', async () => {
      const port = await echoPort();
      const [local, end] = await leading('socks', target, '0');
      const asked = Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]);
      expect((await echoed(local, `${asked.toString('latin1')}hello`)).slice(-5)).toBe('hello');
      expect(await end()).toEqual([0, null]);
    });
  });

  describe('webhook', () => {
    it('answers requests that come to a port of the server', async () => {
      const [remote, end] = await leading('webhook', target, '0');
      const answer = await fetch(`http://127.0.0.1:${remote}/hook`, { method: 'POST', body: 'pushed' });
      expect(await answer.text()).toBe('thank you\n');
      expect(await end()).toEqual([0, null]);
    });
  });

  describe('manyHosts', () => {
    it('has a line for each, whatever became of the others', async () => {
      await using closed = await ClosedPort.hold();
      const dead = `nobody@127.0.0.1:${closed.port}`;
      const { code, stdout } = await run('manyHosts', 'echo here', target, dead, target);
      expect(code).toBe(1);
      expect(String(stdout).trimEnd().split('\n').sort()).toEqual(
        [`${target}: 0: here`, `${target}: 0: here`, `${dead}: ERR_SSH_CONNECT in connect`].sort(),
      );
    });
  });
});

/** What comes back of a message that is sent to a port. */
async function echoed(port: number, message: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(message, 'latin1');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
