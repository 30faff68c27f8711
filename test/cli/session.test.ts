/** A session from its command line to the exit status, in this process: on a server of this library's own. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createListener, connect as dialTcp, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ServerProcess } from '../../src/entry/server.ts';
import type { Home } from '../support/cli/home.ts';
import {
  type EndedCommand,
  type HereOptions,
  hear,
  runHere,
  terminalInput,
} from '../support/cli/inProcess.ts';
import { useOwnServer } from '../support/cli/ownServer.ts';
import { Screen } from '../support/cli/screen.ts';
import { ClosedPort } from '../support/closedPort.ts';

/** What the server was asked for, last. */
let asked: { kind: string; terminal: string | undefined; env: Record<string, string> } | undefined;

async function obey(process: ServerProcess, text: string): Promise<number | undefined> {
  const { stdin, stdout, stderr, terminal, env } = process;
  asked = {
    kind: text,
    terminal: terminal && `${terminal.term} ${terminal.columns}x${terminal.rows} ${terminal.modes.size}`,
    env: Object.fromEntries(env),
  };
  const [word, ...rest] = text.split(' ');
  switch (word) {
    case 'say':
      stdout.write(`${rest.join(' ')}\n`);
      return 0;
    case 'both':
      stdout.write('out\n');
      stderr.write('err\n');
      return 7;
    case 'cat':
      for await (const chunk of stdin) stdout.write(chunk);
      return 0;
    case 'status':
      return Number(rest[0]);
    case 'die':
      await process.exitWithSignal(rest[0] ?? 'TERM', rest[1]);
      return undefined;
    case 'bytes':
      stdout.write(Uint8Array.of(0xff, 0xfe));
      return 0;
    case 'hang': {
      const ended = new Promise<void>((resolve) => {
        process.onSignal = (name) => {
          heard.push(name);
          resolve();
        };
        process.signal.addEventListener('abort', () => resolve());
      });
      stdout.write('hanging\n');
      await ended;
      return 0;
    }
    default:
      return 127;
  }
}
const heard: string[] = [];

const there = useOwnServer({
  exec: obey,
  shell: async (process) => {
    await obey(process, 'shell');
    process.stdout.write('$ ');
    const sizes: string[] = [];
    process.onResize = ({ columns, rows }) => sizes.push(`${columns}x${rows}`);
    for await (const chunk of process.stdin) {
      const text = String(chunk);
      process.stdout.write(text.includes('\x04') ? `${sizes.join()}|bye` : text);
      if (text.includes('\x04')) return 5;
    }
    return 0;
  },
  subsystems: { echo: (process) => obey(process, 'cat') },
  forwarding: { local: () => true, remote: () => true },
});

const run = (home: Home, argv: readonly string[], options: HereOptions = {}): Promise<EndedCommand> =>
  runHere('ssh', ['-F', home.at('config'), ...argv], {
    home: home.path,
    env: { SSH_AUTH_SOCK: undefined, DISPLAY: undefined, SSH_ASKPASS: undefined, TERM: 'xterm' },
    ...options,
  });

const echoes: Server[] = [];
afterEach(() => {
  for (const server of echoes.splice(0)) server.close();
  heard.length = 0;
  asked = undefined;
});

/** The port of a server that sends back what it is sent. */
async function echoPort(): Promise<number> {
  const server = createListener((socket) => socket.on('error', () => {}).pipe(socket));
  echoes.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** An address of loopback at which nobody else listens. */
function quietPlace(): { readonly host: string; readonly port: number } {
  const [a, b, c] = randomBytes(3);
  return { host: `127.${83 + ((a ?? 0) % 100)}.${b}.${c}`, port: 40_022 };
}

/** What comes back of a text that is sent to a port, to the end. */
function sent(port: number, text: string, host: string = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = dialTcp(port, host, () => socket.end(text));
    socket.on('data', (chunk) => {
      got += String(chunk);
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(got));
  });
}

const ended = (status: number, out: string, said: string): EndedCommand => ({ status, out, said });

describe('a command', () => {
  it.each([
    [['say', 'a', 'b'], ended(0, 'a b\n', '')],
    [['both'], ended(7, 'out\n', 'err\n')],
    [['status', '255'], ended(255, '', '')],
    [['status', '256'], ended(255, '', '')],
    [['die', 'TERM'], ended(143, '', 'deadline-ssh: the command was ended by signal TERM\n')],
    [['die', 'ODD', 'why'], ended(255, '', 'deadline-ssh: the command was ended by signal ODD: why\n')],
  ])('%j ends as %j', async (words, end) => {
    expect(await run(there.home(), ['there', ...words])).toEqual(end);
  });

  it('reads standard input, and nothing with -n', async () => {
    const home = there.home();
    expect((await run(home, ['there', 'cat'], { input: 'typed' })).out).toBe('typed');
    expect((await run(home, ['-n', 'there', 'cat'], { input: new PassThrough() })).out).toBe('');
    expect((await run(home, ['-s', 'there', 'echo'], { input: 'typed' })).out).toBe('typed');
  });

  it('gets the environment that it is to have, and a terminal where one is asked for twice', async () => {
    const home = there.home();
    await run(home, ['-o', 'SetEnv=A=1 B=2', 'there', 'say']);
    expect(asked).toEqual({ kind: 'say', terminal: undefined, env: { A: '1', B: '2' } });
    const once = await run(home, ['-t', 'there', 'say', 'x']);
    expect([once.out, asked?.terminal]).toEqual(['x\n', undefined]);
    expect(once.said).toBe(
      'deadline-ssh: the command gets no terminal: standard input is none; -tt asks for one anyway\n',
    );
    expect((await run(home, ['-tt', 'there', 'say', 'x'])).said).toBe('');
    expect(asked?.terminal).toBe('xterm 80x24 0');
    await run(home, ['-tt', 'there', 'say'], { terminal: { on: ['stdout'], size: [132, 50] } });
    expect(asked?.terminal).toBe('xterm 132x50 0');
    const size: [number, number] = [90, 20];
    const screen = new Screen();
    const running = run(home, ['-tt', '-n', 'there'], {
      terminal: { on: ['stderr'], size },
      onOutput: screen.take,
    });
    await running;
    expect(asked).toMatchObject({ kind: 'shell', terminal: 'xterm 90x20 0' });
  });

  it('ends with a signal that this program gets, which the command hears', async () => {
    for (const [signal, name, status] of [
      ['SIGTERM', 'TERM', 143],
      ['SIGHUP', 'HUP', 129],
      ['SIGQUIT', 'QUIT', 131],
    ] as const) {
      const onOutput = (): void => hear(signal);
      expect(await run(there.home(), ['there', 'hang'], { onOutput })).toEqual(
        ended(status, 'hanging\n', ''),
      );
      expect(heard.splice(0)).toEqual([name]);
    }
    // With --json the command's output is kept: -v tells that it runs.
    const { status, out } = await run(there.home(), ['--json', '-v', 'there', 'hang'], {
      onOutput: (text) => {
        if (/channel +took/.test(text)) hear('SIGHUP');
      },
    });
    expect([status, JSON.parse(out)]).toMatchObject([129, { error: { code: 'ERR_SSH_ABORTED' } }]);
  });

  it('of the configuration is run where none is typed, and contradicts one that is', async () => {
    const home = there.home();
    expect((await run(home, ['-o', 'RemoteCommand=say it', 'there'])).out).toBe('it\n');
    expect((await run(home, ['-o', 'RemoteCommand=say it', 'there', 'both'])).said).toContain(
      'RemoteCommand of the configuration is another',
    );
    expect((await run(home, ['-s', 'there'])).said).toContain('-s needs the name of a subsystem');
    expect((await run(home, ['-N', 'there', 'both'])).said).toContain('-N runs no command');
  });

  it('is run behind a local command, which the session waits for', async () => {
    const home = there.home();
    const file = join(home.path, 'made');
    const local = ['-o', 'PermitLocalCommand=yes', '-o', `LocalCommand=printf %%s here > ${file}; exit 3`];
    expect((await run(home, [...local, 'there', 'status', '4'])).status).toBe(4);
    expect(readFileSync(file, 'utf8')).toBe('here');
    // A shell that is not there runs nothing, and the session goes on.
    const env = { SHELL: '/no/such/shell' };
    expect((await run(home, [...local, 'there', 'say', 'x'], { env })).out).toBe('x\n');
  });
});

describe('what is printed of a session', () => {
  const json = async (...argv: readonly string[]): Promise<{ status: number; value: unknown }> => {
    const { status, out, said } = await run(there.home(), ['--json', ...argv]);
    expect([said, out.split('\n').length]).toEqual(['', 2]);
    return { status, value: JSON.parse(out) };
  };

  it('with --json is one object, of what came and of how it ended', async () => {
    const { status, value } = await json('there', 'both');
    expect(status).toBe(7);
    expect(value).toEqual({
      result: {
        code: 7,
        signal: null,
        stdout: 'out\n',
        stdoutEncoding: 'utf8',
        stderr: 'err\n',
        stderrEncoding: 'utf8',
        timings: {
          connect: expect.any(Number),
          identification: expect.any(Number),
          keyExchange: expect.any(Number),
          authentication: expect.any(Number),
          channel: expect.any(Number),
          command: expect.any(Number),
          total: expect.any(Number),
        },
        negotiated: expect.objectContaining({
          kex: expect.any(String),
          hostKeyFingerprint: expect.stringMatching(/^SHA256:\S{43}$/),
        }),
      },
    });
    expect(await json('there', 'die', 'HUP')).toMatchObject({
      status: 129,
      value: { result: { code: null, signal: 'HUP', stdout: '' } },
    });
    expect((await json('there', 'bytes')).value).toMatchObject({
      result: { stdout: '//4=', stdoutEncoding: 'base64', stderr: '', stderrEncoding: 'utf8' },
    });
  });

  it('with --json is one object also where nothing was run', async () => {
    await using closed = await ClosedPort.hold();
    expect(await json('-p', String(closed.port), 'there', 'say')).toEqual({
      status: 255,
      value: {
        error: {
          code: 'ERR_SSH_CONNECT',
          phase: 'connect',
          origin: 'network',
          waitingFor: null,
          elapsed: expect.any(Number),
          deadline: null,
          bytesReceived: 0,
          remoteIdentification: null,
          message: expect.stringContaining('cannot connect'),
          timings: { total: expect.any(Number) },
        },
      },
    });
  });

  it('with -v is when each phase was over, and how it ended', async () => {
    const { said } = await run(there.home(), ['-v', 'there', 'both']);
    const lines = said.split('\n');
    for (const words of [
      /^deadline-ssh: +\d+\.\d ms {2}connect +took .*: /,
      /key exchange +took /,
      /authentication +took /,
      /channel +took [\d.]+ ms: command without a terminal$/,
      /command +took [\d.]+ ms: exit status 7$/,
    ]) {
      expect(lines.filter((line) => words.test(line))).toHaveLength(1);
    }
    const signalled = await run(there.home(), ['-v', '-s', 'there', 'echo']);
    expect(signalled.said).toMatch(/channel +took [\d.]+ ms: subsystem without a terminal\n/);
    expect((await run(there.home(), ['-v', 'there', 'die', 'TERM'])).said).toMatch(/: signal TERM\n/);
  });

  it('goes to a file with -E, and nowhere with -q', async () => {
    const home = there.home();
    const file = join(home.path, 'log');
    expect(await run(home, ['-E', file, 'there', 'die', 'TERM'])).toEqual(ended(143, '', ''));
    expect(readFileSync(file, 'utf8')).toBe('deadline-ssh: the command was ended by signal TERM\n');
    expect(await run(home, ['-q', 'there', 'die', 'TERM'])).toEqual(ended(143, '', ''));
    expect((await run(home, ['-o', 'LogLevel=ERROR', 'there', 'die', 'TERM'])).said).toContain('signal TERM');
  });

  it('with -G is the configuration, and nothing is connected to', async () => {
    const { status, out, said } = await run(there.home('Port 1'), ['-G', 'there']);
    expect([status, said]).toEqual([0, '']);
    expect(out.split('\n')).toEqual(expect.arrayContaining(['hostname 127.0.0.1', 'port 1', 'user ops']));
  });

  it('is why there was none, a line each', async () => {
    const home = there.home();
    home.write('known_hosts', '');
    expect(await run(home, ['-o', 'BatchMode=yes', 'there', 'say'])).toEqual(
      ended(255, '', expect.stringMatching(/^deadline-ssh: [^\n]*host key[^\n]*\n$/)),
    );
    home.write('config', 'Port x\nCompression perhaps\n');
    const odd = await run(home, ['there', 'say']);
    expect([odd.status, odd.said.trimEnd().split('\n').length]).toEqual([255, 2]);
  });
});

describe('forwards', () => {
  it('stand while the session lasts, and their ports are told', async () => {
    const target = `127.0.0.1:${await echoPort()}`;
    const home = there.home();
    for (const kind of ['-L', '-R']) {
      const screen = new Screen();
      const ending = run(home, ['-N', kind, `0:${target}`, 'there'], { onOutput: screen.take });
      const said = await screen.shows(/Allocated port \d+ for .*\n/);
      expect(said).toContain(`the forward to ${target}`);
      expect(await sent(Number(/port (\d+)/.exec(said)?.[1]), 'hello')).toBe('hello');
      hear('SIGTERM');
      expect((await ending).status).toBe(143);
    }
  });

  it('that cannot be made are said to be, and end what was only for them', async () => {
    const taken = await echoPort();
    const home = there.home();
    const argv = ['-L', `127.0.0.1:${taken}:h:1`];
    const goesOn = await run(home, [...argv, 'there', 'say', 'x']);
    expect([goesOn.status, goesOn.out]).toEqual([0, 'x\n']);
    expect(goesOn.said).toMatch(/^deadline-ssh: [^\n]+the address is in use[^\n]*\n$/);
    const demanded = await run(home, ['-o', 'ExitOnForwardFailure=yes', ...argv, 'there', 'say', 'x']);
    expect([demanded.status, demanded.out]).toEqual([255, '']);
    expect((await run(home, ['-N', ...argv, 'there'])).said).toMatch(
      /^deadline-ssh: [^\n]+the address is in use/,
    );
    const two = await run(home, ['-N', ...argv, '-D', `127.0.0.1:${taken}`, 'there']);
    expect(two.status).toBe(255);
    expect(two.said).toMatch(/\ndeadline-ssh: no forward stands, and there is nothing else to do\n$/);
  });

  it('join standard input and output to a place with -W', async () => {
    const port = await echoPort();
    expect(await run(there.home(), ['-W', `127.0.0.1:${port}`, 'there'], { input: 'through' })).toEqual(
      ended(0, 'through', ''),
    );
    await using closed = await ClosedPort.hold();
    const refused = await run(there.home(), ['-W', `127.0.0.1:${closed.port}`, 'there']);
    expect([refused.status, refused.out]).toEqual([255, '']);
    expect(refused.said).toMatch(/^deadline-ssh: .*refused/);
  });
});

describe('a program that is told things', () => {
  /** One that listens, in the background of a test, and what is asked of it. */
  async function listening(...argv: readonly string[]) {
    const home = there.home();
    const path = join(home.path, 'control');
    const screen = new Screen();
    const over = run(home, ['-S', path, ...argv], { onOutput: screen.take });
    await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 });
    const ask = (...words: readonly string[]) => run(home, ['-S', path, ...words, 'there']);
    const session = (...words: readonly string[]) => run(home, ['-v', '-S', path, 'there', ...words]);
    return { home, path, over, ask, session, screen };
  }

  it('says that it runs, lends its connection, and ends when it is told to', async () => {
    const { over, ask, session, path } = await listening('-M', '-N', 'there');
    expect(await ask('-O', 'check')).toEqual(ended(0, '', `Master running (pid=${process.pid})\n`));
    const lent = await session('both');
    expect([lent.status, lent.out]).toEqual([7, 'out\n']);
    expect(lent.said).toContain(`the connection is that of the program at ${path}`);
    expect(lent.said).not.toContain('key exchange');
    expect(await ask('-q', '-O', 'check')).toEqual(ended(0, '', ''));
    expect(await ask('-O', 'exit')).toEqual(ended(0, '', 'Exit request sent.\n'));
    expect((await over).status).toBe(0);
    expect((await ask('-O', 'check')).status).toBe(255);
  });

  it('makes forwards and takes them away', async () => {
    const { over, ask } = await listening('-M', '-N', 'there');
    const target = `127.0.0.1:${await echoPort()}`;
    const made = await ask('-O', 'forward', '-L', `127.0.0.1:0:${target}`);
    expect(made.out).toMatch(/^\d+\n$/);
    expect([made.status, made.said]).toEqual([
      0,
      `deadline-ssh: Allocated port ${made.out.trim()} for the forward to ${target}\n`,
    ]);
    expect(await sent(Number(made.out), 'hello')).toBe('hello');
    expect((await ask('-O', 'cancel', '-L', `127.0.0.1:1:${target}`)).said).toContain(
      'there is no such forward',
    );
    expect((await ask('-O', 'cancel')).said).toContain('-O cancel needs a forward');
    expect((await ask('-O', 'forward')).said).toContain('-O forward needs a forward');
    await ask('-O', 'exit');
    await over;
  });

  it('ends by stop once nothing runs over it any more', async () => {
    const { over, ask, session, path } = await listening('-M', '-N', 'there');
    const running = session('hang');
    await vi.waitFor(() => expect(asked?.kind).toBe('hang'));
    expect(await ask('-O', 'stop')).toEqual(ended(0, '', 'Stop listening request sent.\n'));
    expect(existsSync(path)).toBe(false);
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    // What is lent is waited for.
    await run(there.home(), ['there', 'say']);
    expect(isOver).toBe(false);
    hear('SIGHUP');
    expect((await running).status).toBe(129);
    await over;
  });

  it('lends nothing where it would have to ask, and who came connects by itself', async () => {
    const { over, ask, session } = await listening('-o', 'ControlMaster=ask', '-N', 'there');
    const own = await session('say', 'x');
    expect([own.status, own.out]).toEqual([0, 'x\n']);
    expect(own.said).toContain('this program connects by itself');
    await ask('-O', 'exit');
    await over;
  });

  it('is needed for -O, at a path', async () => {
    const home = there.home();
    const none = join(home.path, 'none');
    expect((await run(home, ['-O', 'check', 'there'])).said).toContain(
      '-O needs the path of a control socket',
    );
    expect((await run(home, ['-S', none, '-O', 'check', 'there'])).said).toContain(none);
    expect((await run(home, ['-S', none, '-O', 'proxy', 'there', 'say'])).said).toContain(
      '-O proxy: nobody lends a connection at the control socket',
    );
  });

  it('that cannot listen says so, and its session goes on', async () => {
    const home = there.home();
    const file = home.write('file', 'mine');
    const { status, out, said } = await run(home, ['-M', '-S', file, 'there', 'say', 'x']);
    expect([status, out]).toEqual([0, 'x\n']);
    expect(said).toMatch(new RegExp(`^deadline-ssh: .*${file}`));
    const quiet = await run(home, ['-o', 'ControlMaster=auto', '-S', file, 'there', 'say', 'x']);
    expect([quiet.out, quiet.said]).toEqual(['x\n', '']);
  });
});

describe('a session on a terminal', () => {
  /** A person at a terminal with the shell of the server on it. */
  function shell(argv: readonly string[] = [], home: Home = there.home()) {
    const input = terminalInput();
    const screen = new Screen();
    const size: [number, number] = [100, 30];
    const over = run(home, [...argv, 'there'], {
      input,
      terminal: { on: ['stdin', 'stdout', 'stderr'], size },
      onOutput: screen.take,
    });
    return { input, screen, size, over };
  }

  it('has its size and each new one, is raw while it lasts, and says when it is over', async () => {
    const { input, screen, size, over } = shell();
    await screen.shows('$ ');
    expect(asked?.terminal).toMatch(/^xterm 100x30 /);
    expect(input.isRaw).toBe(true);
    input.write('hello\r');
    await screen.shows('hello\r');
    size.splice(0, 2, 120, 40);
    hear('SIGWINCH');
    size.splice(0, 2, 0, 0);
    hear('SIGWINCH');
    input.write('\x04');
    await screen.shows('120x40|bye');
    const { status, said } = await over;
    expect([status, said, input.isRaw]).toEqual([5, 'Connection to there closed.\n', false]);
  });

  it('obeys its escapes', async () => {
    const { input, screen, over } = shell(['-o', 'EnableEscapeCommandline=yes']);
    await screen.shows('$ ');
    input.write('~?');
    await screen.shows('~.   disconnect');
    input.write('~#');
    await screen.shows('Nothing is forwarded.\r\n');
    input.write('~i');
    expect(
      await screen.shows(
        /channel 0 \(session, \w+\): windows \d+ to send, \d+ to receive; 0 bytes unread, 0 unsent/,
      ),
    ).toMatch(
      /connection to .*127\.0\.0\.1:\d+, SSH-2\.0-\S+\r\n {2}connection after \d+\.\d s, \d+ bytes received, \d+ sent, last message /,
    );
    input.write('~R');
    await screen.shows('new keys are in use\r\n');
    const target = `127.0.0.1:${await echoPort()}`;
    const place = quietPlace();
    input.write(`~C-L ${place.host}:${place.port}:${target}\r`);
    await screen.shows('Forwarding port.\r\n');
    expect(await sent(place.port, 'hello', place.host)).toBe('hello');
    input.write('~#');
    await screen.shows(/Forwards:\r\n {2}\S+.*0 open\r\n/);
    // Keys behind the line go on to the server.
    input.write(`~C-KL ${place.host}:${place.port}\rnext`);
    await screen.shows('Canceled forwarding.\r\n');
    await screen.shows('next');
    input.write('\r~.');
    expect(await over).toMatchObject({
      status: 255,
      said: expect.stringMatching(/Connection to there closed\.\n$/),
    });
    expect(input.isRaw).toBe(false);
  });

  it.each([
    [[], 'the command line is off; -o EnableEscapeCommandline=yes turns it on'],
    [['-o', 'EscapeChar=^A', '-o', 'EnableEscapeCommandline=yes'], '~C'],
    [['-o', 'EscapeChar=none'], '~C'],
  ])('with %j answers ~C with %s', async (argv, answer) => {
    const { input, screen, over } = shell(argv);
    await screen.shows('$ ');
    input.write('~C');
    await screen.shows(answer);
    input.write('\x04');
    expect((await over).status).toBe(5);
  });

  it('takes another escape character, also one with Ctrl', async () => {
    for (const [given, typed] of [
      ['^A', '\x01'],
      ['%%', '%'],
    ] as const) {
      const { input, screen, over } = shell(['-e', given.slice(0, 2).replace('%%', '%')]);
      await screen.shows('$ ');
      input.write(`${typed}.`);
      expect((await over).status).toBe(255);
    }
  });

  it('over the connection of another program has no forwards of its own', async () => {
    const home = there.home();
    const path = join(home.path, 'control');
    const master = run(home, ['-M', '-S', path, '-N', 'there']);
    await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 });
    const { input, screen, over } = shell(['-S', path], home);
    await screen.shows('$ ');
    input.write('~#');
    await screen.shows('the connection is that of another program; -O tells it things\r\n');
    input.write('\x04');
    expect(await over).toMatchObject({
      status: 5,
      said: expect.stringContaining('Shared connection to there closed.\n'),
    });
    await run(home, ['-S', path, '-O', 'exit', 'there']);
    await master;
  });
});
