/**
 * `deadline-ssh fleet` as it is installed, on a server of this library's own
 * and on listeners that do anything but answer.
 */
import { createServer as createListener, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { type HereOptions, hear, runHere } from '../support/cli/inProcess.ts';
import { type CommandRun, endOf, startCommand } from '../support/cli/run.ts';
import { useTerminals } from '../support/cli/terminal.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { describeWith } from '../support/servers/programs.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const userKey = generateKey('ed25519');
const hostKey = generateKey('ed25519');
let server: SshServer;
let port: number;
const listeners: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

beforeAll(async () => {
  const known = formatPublicKey(userKey.publicKey);
  server = await createServer({
    hostKeys: hostKey,
    authentication: {
      publicKey: (_username, { key }) => formatPublicKey(key) === known,
    },
    exec: async (process, text) => {
      const [name, ...rest] = text.split(' ');
      if (name === 'begin') process.stdout.write('begun');
      if (name === 'hang' || name === 'begin') {
        await new Promise((resolve) => process.signal.addEventListener('abort', resolve));
        return 0;
      }
      if (name === 'say') process.stdout.write(rest.join(' ').replaceAll('|', '\n'));
      if (name === 'steer') process.stdout.write('\u001b[2Jcleared\ta\r\n');
      if (name === 'complain') process.stderr.write(`${process.username} complains\n`);
      return name === 'fail' ? 3 : 0;
    },
  });
  ({ port } = await server.listen());
});

afterAll(() => server.close());

afterEach(() => {
  for (const { server: listener, sockets } of listeners.splice(0)) {
    listener.close();
    for (const socket of sockets) socket.destroy();
  }
});

/** A user who can log in to the server, and knows it. */
function user(): Home {
  const home = newHome();
  home.write('id_ed25519', formatPrivateKey(userKey));
  home.write('known_hosts', `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}\n`);
  return home;
}

/** Port of a listener that accepts and never speaks. */
async function silentPort(): Promise<number> {
  const sockets = new Set<Socket>();
  const listener = createListener((socket) => sockets.add(socket.on('error', () => {})));
  listeners.push({ server: listener, sockets });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

type Ended = Pick<CommandRun, 'status' | 'stderr'> & { readonly stdout: string };

async function fleetHere(home: Home, args: readonly string[], options: HereOptions = {}): Promise<Ended> {
  const { status, out, said } = await runHere('fleet', args, { home: home.path, ...options });
  return { status, stdout: out, stderr: said };
}

/** In this process. */
const fleet = (home: Home, list: string, ...args: readonly string[]): Promise<Ended> =>
  fleetHere(home, ['-f', home.write('hosts', list), ...args]);

const at = (name: string): string => `${name}@127.0.0.1:${port}`;
/** For what comes of another process, on however busy a machine. */
const patience = { timeout: 15_000 };
const linesOf = (text: string | Buffer): string[] => String(text).split('\n').filter(Boolean);

describe('fleet', () => {
  it('prints what each host says behind its name, and ends with 0 where all succeeded', async () => {
    const { status, stdout, stderr } = await fleet(user(), `${at('a')}\n${at('b')}\n`, 'say', 'one|two');
    expect(linesOf(stdout).sort()).toEqual(
      ['a', 'b'].flatMap((name) => [`${at(name)}: one`, `${at(name)}: two`]).sort(),
    );
    expect(stderr).toMatch(/^phase +hosts +p50 +p95 +max$/m);
    expect(stderr).toMatch(/^command +2 /m);
    expect(stderr).toMatch(/2 hosts: 2 succeeded; /);
    expect(status).toBe(0);
  });

  it('keeps what commands complain of apart', async () => {
    const { stdout, stderr } = await fleet(user(), at('a'), '--', 'complain');
    expect(String(stdout)).toBe('');
    expect(stderr).toContain(`${at('a')}: a complains\n`);
  });

  it('ends with 1 where a command ended with another status', async () => {
    const { status, stderr } = await fleet(user(), at('a'), 'fail');
    expect(stderr).toContain(`deadline-ssh: ${at('a')}: the command ended with status 3\n`);
    expect(stderr).toContain('1 host: 0 succeeded, 1 ended with another status than 0; ');
    expect(status).toBe(1);
  });

  it('ends with 255 where a host cannot be reached or never speaks, and runs on the others', async () => {
    await using closed = await ClosedPort.hold();
    const silent = await silentPort();
    const list = `127.0.0.1:${silent}\n${at('a')}\n127.0.0.1:${closed.port}\n`;
    const { status, stdout, stderr } = await fleet(
      user(),
      list,
      '-l',
      'b',
      '--timeout',
      '1s',
      'say',
      'hello',
    );
    expect(String(stdout)).toBe(`${at('a')}: hello\n`);
    expect(stderr).toMatch(new RegExp(`127.0.0.1:${silent}: timed out after 1000 ms`));
    expect(stderr).toMatch(new RegExp(`127.0.0.1:${closed.port}: cannot connect`));
    expect(stderr).toMatch(/^connect, failed +1 .*ERR_SSH_CONNECT 1$/m);
    expect(stderr).toMatch(/^identification, failed +1 .*ERR_SSH_TIMEOUT 1$/m);
    expect(stderr).toContain('3 hosts: 1 succeeded, 2 failed; ');
    expect(status).toBe(255);
  });

  it('bounds a command that never ends', async () => {
    const { status, stderr } = await fleet(user(), at('a'), '--command-timeout', '500ms', 'hang');
    expect(stderr).toMatch(/^command, failed +1 .*ERR_SSH_TIMEOUT 1$/m);
    expect(status).toBe(255);
    await expect.poll(() => server.connections().length, patience).toBe(0);
  });

  it('prints what a command said until its time was over', async () => {
    const home = user();
    const people = await fleet(home, at('a'), '--command-timeout', '700ms', 'begin');
    expect(String(people.stdout)).toBe(`${at('a')}: begun\n`);
    expect(people.stderr).toContain(`deadline-ssh: ${at('a')}: `);
    expect(people.status).toBe(255);
    const programs = await fleet(home, at('a'), '--json', '--command-timeout', '700ms', 'begin');
    const [first = ''] = linesOf(programs.stdout);
    expect(JSON.parse(first)).toMatchObject({
      host: at('a'),
      error: {
        code: 'ERR_SSH_TIMEOUT',
        phase: 'command',
        stdout: 'begun',
        stdoutEncoding: 'utf8',
        stderr: '',
      },
    });
  });

  it('refuses a host whose key is not known', async () => {
    const home = user();
    home.write('known_hosts', '');
    const { status, stderr } = await fleet(home, at('a'), 'say', 'hello');
    expect(stderr).toContain('key exchange, failed');
    expect(stderr).toContain('ERR_SSH_HOST_KEY_UNKNOWN 1');
    expect(status).toBe(255);
  });

  it('prints an object a line with --json, and the summary last', async () => {
    const silent = await silentPort();
    const list = `${at('a')}\n127.0.0.1:${silent}\n`;
    const { status, stdout, stderr } = await fleet(user(), list, '--json', '--timeout', '1s', 'say', 'hi');
    const objects = linesOf(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects).toMatchObject([
      {
        host: at('a'),
        result: { code: 0, signal: null, stdout: 'hi', stdoutEncoding: 'utf8', stderr: '' },
      },
      {
        host: `127.0.0.1:${silent}`,
        error: {
          code: 'ERR_SSH_TIMEOUT',
          phase: 'identification',
          waitingFor: 'identification',
          deadline: 1000,
          stdout: '',
          stderr: '',
        },
      },
      { summary: { hosts: 2, succeeded: 1, otherStatus: 0, failed: 1, unfinished: 0 } },
    ]);
    const { summary } = objects[2] as { summary: { phases: { phase: string }[] } };
    expect(summary.phases.map(({ phase }) => phase)).toContain('identification');
    expect(stderr).toBe('');
    expect(status).toBe(255);
  });

  it('makes no more connections at once than it is told', async () => {
    const list = Array.from({ length: 12 }, (_, index) => at(`user${index}`)).join('\n');
    let most = 0;
    const poll = setInterval(() => {
      most = Math.max(most, server.connections().length);
    }, 1);
    const { status } = await fleet(user(), list, '-c', '2', 'say', 'hello');
    clearInterval(poll);
    expect(status).toBe(0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe('a list', () => {
  it('with errors is run nowhere, and each error is told by its line', async () => {
    const { status, stdout, stderr } = await fleet(user(), `${at('a')}\nhost:0\n\nx y\n`, 'say', 'hello');
    expect(String(stdout)).toBe('');
    expect(stderr).toMatch(/hosts:2: "0" is not a port/);
    expect(stderr).toMatch(/hosts:4: "x y" is more than one word/);
    expect(stderr).toMatch(/nothing was run: .*hosts has 2 bad lines; --skip-bad-lines runs on the rest\n$/);
    expect(status).toBe(255);
  });

  it('with errors is run on its good lines where that is asked for', async () => {
    const { status, stdout, stderr } = await fleet(
      user(),
      `${at('a')}\nhost:0\n`,
      '--skip-bad-lines',
      'say',
      'hello',
    );
    expect(String(stdout)).toBe(`${at('a')}: hello\n`);
    expect(stderr).toMatch(/hosts:2: .*; skipped/);
    expect(status).toBe(0);
  });

  it('with a host twice is run there once, and says so', async () => {
    const { status, stdout, stderr } = await fleet(user(), `${at('a')}\n${at('a')}\n`, 'say', 'hello');
    expect(String(stdout)).toBe(`${at('a')}: hello\n`);
    expect(stderr).toMatch(/hosts:2: .* is the host of line 1 again; and the command runs there once/);
    expect(status).toBe(0);
  });

  it('is read from standard input where it is called -', async () => {
    const args = ['-f', '-', 'say', 'hello'];
    const { status, stdout } = await fleetHere(user(), args, { input: `${at('a')}\n` });
    expect(String(stdout)).toBe(`${at('a')}: hello\n`);
    expect(status).toBe(0);
  });

  it('with many errors shows the first twenty, and counts the rest', async () => {
    for (const [count, more] of [
      [20, undefined],
      [21, 'hosts: 1 more lines like that'],
      [33, 'hosts: 13 more lines like that'],
    ] as const) {
      const { stderr } = await fleet(user(), `${'host:0\n'.repeat(count)}`, 'say', 'hello');
      expect(stderr.match(/hosts:\d+: /g)).toHaveLength(20);
      expect(stderr.includes('more lines like that')).toBe(more !== undefined);
      if (more !== undefined) expect(stderr).toContain(more);
      expect(stderr).toContain(`has ${count} bad lines;`);
    }
    expect((await fleet(user(), 'host:0\n', 'x')).stderr).toMatch(/has 1 bad line; --skip-bad-lines/);
  });

  it('has the port and the user of the options where its lines name none', async () => {
    const { stderr } = await fleet(user(), '127.0.0.1\n', '-l', 'me', '-p', String(port), 'complain');
    expect(stderr).toMatch(/^127\.0\.0\.1: me complains\n/);
  });

  it.each([
    ['that is empty', '# nobody\n', /there are no hosts in/],
    ['that does not exist', undefined, /cannot read the list of hosts .*ENOENT/],
  ])('%s is an error', async (_name, list, message) => {
    const home = user();
    const { status, stderr } =
      list === undefined
        ? await fleetHere(home, ['-f', home.at('none'), 'true'])
        : await fleet(home, list, 'true');
    expect(stderr).toMatch(message);
    expect(status).toBe(255);
  });
});

describe('an interruption', () => {
  it('ends all connections, tells what came of the hosts so far, and ends with 130', async () => {
    const home = user();
    const silent = await silentPort();
    await using closed = await ClosedPort.hold();
    const list = home.write(
      'hosts',
      `${at('a')}\n127.0.0.1:${silent}\n${at('b')}\n127.0.0.1:${closed.port}\n`,
    );
    const child = startCommand(command(), ['fleet', '-f', list, '-c', '4', 'hang'], home);
    const end = endOf(child);
    let said = '';
    child.stderr.on('data', (text) => {
      said += String(text);
    });
    // One host has a result before the others are given up.
    await expect.poll(() => said, patience).toContain(`127.0.0.1:${closed.port}: `);
    await expect.poll(() => server.connections().filter(({ username }) => username).length, patience).toBe(2);
    child.kill('SIGINT');
    const { status, stderr } = await end;
    expect(status).toBe(130);
    expect(stderr).toContain('ended early: 3 more had no result yet');
    await expect.poll(() => server.connections().length, patience).toBe(0);
  });

  it('of a run in this process says how many hosts had no result', async () => {
    const list = ['a', 'b', 'c', 'd', 'e'].map(at).join('\n');
    const home = user();
    let results = 0;
    const { status, stdout, stderr } = await fleetHere(
      home,
      ['-f', home.write('hosts', list), '--json', '-c', '1', 'say', 'x'],
      {
        onOutput: () => {
          if (++results === 2) hear('SIGHUP');
        },
      },
    );
    expect([status, stderr]).toEqual([129, '']);
    const lines = linesOf(stdout);
    const { summary } = JSON.parse(lines.at(-1) ?? '') as { summary: Record<string, number> };
    const { hosts, succeeded = 0, unfinished = 0 } = summary;
    expect([hosts, succeeded, succeeded + unfinished]).toEqual([5, lines.length - 1, 5]);
    expect(unfinished).toBeGreaterThan(0);
  });

  it('ends the wait for a list', async () => {
    const child = startCommand(command(), ['fleet', '-f', '-', 'hang'], user());
    const end = endOf(child);
    // Its handler is in place once it reads; a signal before that ends it as well, without a status.
    await new Promise<void>((resolve) => {
      child.stdin.write('# more to come\n', () => resolve());
    });
    child.kill('SIGTERM');
    const { status, signal } = await end;
    expect(status ?? signal).toBeOneOf([143, 'SIGTERM']);
  });
});

describeWith({ programs: ['python3'] }, 'fleet on a terminal', () => {
  const start = useTerminals(command);

  it('shows how things stand on one line, which is gone at the end', async () => {
    const home = user();
    const silent = await silentPort();
    const list = home.write('hosts', `${at('a')}\n127.0.0.1:${silent}\n`);
    const terminal = start(['fleet', '-f', list, '--timeout', '3s', 'say', 'hello'], home, { columns: 200 });
    await terminal.shows('1 of 2 hosts | 1 in identification | ');
    await terminal.shows('2 hosts: 1 succeeded, 1 failed; ');
    const { status, modes } = await terminal.end;
    expect(status).toBe(255);
    expect(modes.asBefore).toBe(true);
    const lines = terminal.screen.split('\n').map((line) => line.slice(line.lastIndexOf('\u001b[K') + 1));
    expect(lines.join('\n')).not.toContain(' | ');
    expect(lines.map((line) => line.replace('[K', '').replace('\r', ''))).toContain(`${at('a')}: hello`);
  });

  it('asks for a passphrase once, however many hosts want the key', async () => {
    const home = user();
    home.write('id_ed25519', formatPrivateKey(userKey, { passphrase: 'open sesame' }));
    const list = home.write('hosts', ['a', 'b', 'c', 'd'].map(at).join('\n'));
    const terminal = start(['fleet', '-f', list, 'say', 'hello'], home, { columns: 200 });
    await terminal.shows(/Passphrase for .*id_ed25519: /);
    terminal.type('open sesame\r');
    await terminal.shows('4 hosts: 4 succeeded; ');
    expect((await terminal.end).status).toBe(0);
    expect(terminal.screen.match(/Passphrase/g)).toHaveLength(1);
  });

  it('lets no host steer the terminal', async () => {
    const home = user();
    const terminal = start(['fleet', '-f', home.write('hosts', at('a')), 'steer'], home, { columns: 200 });
    await terminal.shows('\\x1b[2Jcleared\ta\r\n');
    expect((await terminal.end).status).toBe(0);
    expect(terminal.screen).not.toContain('\u001b[2J');
  });

  it('gives the terminal back at Ctrl-C', async () => {
    const home = user();
    const terminal = start(['fleet', '-f', home.write('hosts', at('a')), 'hang'], home, { columns: 200 });
    await terminal.shows('0 of 1 host | 1 in connection');
    terminal.type('\u0003');
    await terminal.shows('ended early: 1 more had no result yet');
    const { status, modes } = await terminal.end;
    expect(status).toBe(130);
    expect(modes.asBefore).toBe(true);
  });
});
