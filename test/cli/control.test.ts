/** The control socket: who may use it, what it replaces, what it does with what is no request. */
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import {
  borrowSession,
  type Controlled,
  listenForControl,
  reachControl,
  sendControl,
} from '../../src/cli/remote/control.ts';
import { parseAnswer, parseRequest } from '../../src/cli/remote/controlMessages.ts';
import type { SessionProcess } from '../../src/cli/remote/shared/sharedProcess.ts';
import type { ExitResult } from '../../src/client/command/remoteProcess.ts';
import { isRoot } from '../support/servers/index.ts';

let folder = '';
let path = '';
const stops: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-ctl-'));
  path = join(folder, 'socket');
});
afterEach(() => {
  vi.useRealTimers();
  for (const stop of stops.splice(0)) stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A program that listens, and what it was told. */
async function listening(change: Controlled['change'] = async () => undefined): Promise<string[]> {
  const told: string[] = [];
  stops.push(
    await listenForControl(path, {
      exit: () => void told.push('exit'),
      stopped: () => void told.push('stopped'),
      start: async () => {
        throw new Error('nothing is lent here');
      },
      change: (request) => {
        told.push(JSON.stringify(request));
        return change(request);
      },
    }),
  );
  return told;
}

/** What comes back for some bytes, until the other side ends. */
function answerTo(bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let answer = '';
    socket.on('error', () => {});
    socket.once('connect', () => socket.write(bytes));
    socket.on('data', (piece) => (answer += String(piece)));
    socket.once('close', () => resolve(answer));
  });
}

const spec = { kind: 'local', from: { port: 0 }, to: { host: 'db', port: 5432 } } as const;

describe('a program that listens', () => {
  it('has a socket for its user alone, and says who it is', async () => {
    const told = await listening();
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
    expect(told).toEqual([]);
  });

  it('ends by exit, and by stop no longer listens', async () => {
    const told = await listening();
    await sendControl(path, { command: 'stop' });
    await expect.poll(() => existsSync(path)).toBe(false);
    expect(told).toEqual(['stopped']);
    const again = await listening();
    await sendControl(path, { command: 'exit' });
    expect(again).toEqual(['exit']);
    await expect.poll(() => existsSync(path)).toBe(false);
  });

  it('makes and cancels forwards, tells the port, and why one cannot be made', async () => {
    const told = await listening(async ({ command }) => {
      if (command === 'cancel') throw new Error('there is no such forward');
      return 4000;
    });
    expect(await sendControl(path, { command: 'forward', spec })).toEqual({ pid: process.pid, port: 4000 });
    expect(told).toEqual([JSON.stringify({ command: 'forward', spec })]);
    await expect(sendControl(path, { command: 'cancel', spec })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: 'there is no such forward',
    });
  });

  it.each([
    ['a word', 'exit\n'],
    ['another command', '{"command":"reboot"}\n'],
    ['a forward without a place', '{"command":"forward","spec":{"kind":"local"}}\n'],
    ['no JSON', '{{{\n'],
    ['too much', `{${'x'.repeat(300_000)}`],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 0x0a)],
    // Its first message, behind which it waits.
    ["an ssh's greeting", Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4)],
  ])('does nothing for %s, and goes on', async (_what, bytes) => {
    const told = await listening();
    expect(await answerTo(bytes)).toBe('');
    expect(told).toEqual([]);
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
  });

  it('gives up on who says nothing, or a byte now and then', async () => {
    await listening();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const socket = createConnection(path);
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.write('{');
    // Until the other side has taken it.
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
    vi.advanceTimersByTime(9_000);
    socket.write(' ');
    vi.advanceTimersByTime(2_000);
    await closed;
  });
});

describe('the place of the socket', () => {
  it('is free where the program that left one there is dead', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(lstatSync(path).isSocket()).toBe(true);
    await listening();
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
  });

  it('is not free where a program lives', async () => {
    await listening();
    await expect(listening()).rejects.toThrow('is in use by another program');
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
  });

  it('is not free where there is a file, or a link to one', async () => {
    writeFileSync(path, 'content');
    await expect(listening()).rejects.toThrow('cannot be made');
    expect(readFileSync(path, 'utf8')).toBe('content');
    const target = join(folder, 'target');
    writeFileSync(target, 'content');
    rmSync(path);
    symlinkSync(target, path);
    await expect(listening()).rejects.toThrow('cannot be made');
    expect(readFileSync(target, 'utf8')).toBe('content');
  });

  it.skipIf(process.getuid?.() !== 0)("is not free where it is another user's", async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    spawnSync('chown', ['65534', path]);
    await expect(listening()).rejects.toThrow('cannot be made');
    expect(lstatSync(path).uid).toBe(65_534);
  });
});

describe('a control socket', () => {
  /** Leaves a socket at which nobody listens, as a program that was killed does. */
  function leaveStale(): void {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(lstatSync(path).isSocket()).toBe(true);
  }

  const told = (pid: number) => ({
    exit: () => {},
    stopped: () => {},
    start: async () => {
      throw new Error(`no session ${pid}`);
    },
    change: async () => pid,
  });

  it('has one program of several that find a stale one at one time', async () => {
    for (let round = 0; round < 5; round++) {
      leaveStale();
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, (_, i) => listenForControl(path, told(i + 1))),
      );
      const stopping = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(stopping).toHaveLength(1);
      const winner = results.findIndex(({ status }) => status === 'fulfilled') + 1;
      expect((await sendControl(path, { command: 'forward', spec })).port).toBe(winner);
      for (const stop of stopping) stop();
      await expect.poll(() => readdirSync(folder)).toEqual([]);
    }
  });

  it('is taken away by the program that made it, and by no other', async () => {
    const first = await listenForControl(path, told(1));
    rmSync(path);
    const second = await listenForControl(path, told(2));
    first();
    // The end of the first comes after a turn, and its socket was there before.
    await sendControl(path, { command: 'check' });
    expect((await sendControl(path, { command: 'forward', spec })).port).toBe(2);
    second();
    await expect.poll(() => readdirSync(folder)).toEqual([]);
  });

  it('whose path has no room in an address is none: cut off it would be that of another host', async () => {
    const long = join(folder, 'x'.repeat(200));
    const refused = { code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(/too long.*10\d bytes/) };
    await expect(listenForControl(long, told(1))).rejects.toMatchObject(refused);
    await expect(sendControl(long, { command: 'check' })).rejects.toMatchObject(refused);
    expect(await reachControl(long)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
    // As long as can be.
    const most = join(folder, 'x'.repeat(107 - Buffer.byteLength(folder) - 1));
    stops.push(await listenForControl(most, told(1)));
    expect(await sendControl(most, { command: 'check' })).toEqual({ pid: process.pid });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('in a folder that is not there is said to be in none', async () => {
    await expect(listenForControl(join(folder, 'none', 'socket'), told(1))).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: `the control socket ${folder}/none/socket cannot be made: there is no folder ${folder}/none`,
    });
  });

  it('of somebody else is told nothing, and asked for nothing', async (context) => {
    if (!isRoot) return context.skip();
    await listening();
    chownSync(path, 12_345, 12_345);
    await expect(sendControl(path, { command: 'check' })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('is not yours'),
    });
    expect(await reachControl(path)).toBeUndefined();
    await expect(listenForControl(path, told(2))).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    expect(lstatSync(path).uid).toBe(12_345);
  });

  it('says nothing that a terminal obeys', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('{"pid":7,"error":"\\u001b[2J gone"}\n');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    stops.push(() => server.close());
    await expect(sendControl(path, { command: 'check' })).rejects.toMatchObject({
      message: '\\x1b[2J gone',
    });
    const socket = await reachControl(path);
    await expect(borrowSession(socket as Socket, session)).rejects.toMatchObject({
      message: expect.stringContaining('\\x1b[2J gone'),
    });
  });

  const session = {
    command: 'session',
    purpose: { kind: 'session', command: 'true' },
    options: {},
    forwards: [],
  } as const;

  /** A process that does nothing until it is closed. */
  function idleProcess(): SessionProcess {
    let end: (exit: ExitResult) => void = () => {};
    const exit = new Promise<ExitResult>((resolve) => {
      end = resolve;
    });
    const streams = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
    const [stdin, stdout, stderr] = streams;
    const close = async (): Promise<void> => {
      stdout.end();
      stderr.end();
      end({ code: 0, signal: undefined, coreDumped: false, errorMessage: '' });
    };
    return { stdin, stdout, stderr, exit, refused: [], kill: () => {}, resize: () => {}, close };
  }

  it('answers whoever asks, however many sessions run over it, and however many say nothing', async () => {
    let lent = 0;
    stops.push(
      await listenForControl(path, {
        ...told(1),
        start: async () => {
          lent++;
          return { process: idleProcess(), faults: [], over: () => lent-- };
        },
      }),
    );
    const sockets: Socket[] = [];
    for (let i = 0; i < 40; i++) {
      const socket = (await reachControl(path)) as Socket;
      sockets.push(socket);
      await borrowSession(socket, session);
    }
    expect(lent).toBe(40);
    const silent = Array.from({ length: 100 }, () => createConnection(path).on('error', () => {}));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
    // Those that say nothing longest make room for others.
    expect(silent.filter((socket) => socket.closed || socket.readableEnded).length).toBeLessThan(100);
    for (const socket of [...sockets, ...silent]) socket.destroy();
    await expect.poll(() => lent).toBe(0);
  });

  it('that breaks at any byte settles both sides, and leaves no session', async () => {
    let [started, lent] = [0, 0];
    stops.push(
      await listenForControl(path, {
        ...told(1),
        start: async () => {
          started++;
          lent++;
          const process = idleProcess();
          (process.stdout as PassThrough).write('some output');
          return { process, faults: [], over: () => lent-- };
        },
      }),
    );
    const broken = join(folder, 'broken');
    const whole = Buffer.byteLength(`${JSON.stringify(session)}\n`);
    const cuts = [
      ...Array.from({ length: 12 }, (_, i) => ({ forth: Math.floor((i * whole) / 11), back: 1_000 })),
      ...Array.from({ length: 70 }, (_, back) => ({ forth: whole, back })),
    ];
    for (const { forth, back } of cuts) {
      // What stands in between passes so many bytes either way, and goes.
      const between = createServer((near) => {
        const far = createConnection(path);
        const left = { forth, back };
        const pass = (from: Socket, to: Socket, way: 'forth' | 'back'): void => {
          from.on('error', () => {}).on('close', () => to.destroy());
          from.on('data', (bytes) => {
            to.write(bytes.subarray(0, left[way]));
            left[way] -= bytes.length;
            if (left[way] > 0) return;
            from.destroy();
            to.end();
          });
          if (left[way] === 0) from.destroy();
        };
        pass(near, far, 'forth');
        pass(far, near, 'back');
      });
      await new Promise<void>((resolve) => between.listen(broken, resolve));
      const socket = await reachControl(broken);
      const outcome = await borrowSession(socket as Socket, session).then(
        async ({ process }) => {
          process.stdin.write('x'.repeat(100));
          process.stdout.resume();
          const ended = await process.exit.then(
            () => 'exit',
            (error: SshError) => error.code,
          );
          return ended;
        },
        (error: SshError) => error.code,
      );
      expect(outcome).toMatch(/^ERR_SSH_(OPTIONS|CONNECTION_LOST)$/);
      await new Promise<void>((resolve) => between.close(() => resolve()));
    }
    expect(started).toBeGreaterThan(0);
    await expect.poll(() => lent).toBe(0);
    expect(await sendControl(path, { command: 'check' })).toEqual({ pid: process.pid });
  });
});

it('whoever asks is told that nobody listens, or that it is no socket of this program', async () => {
  await expect(sendControl(path, { command: 'check' })).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  const other = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().end('hello\n');
  });
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await expect(sendControl(path, { command: 'check' })).rejects.toThrow('it is not a socket of this program');
  await new Promise((resolve) => other.close(resolve));
});

it('what is read of a line is a request or an answer, whatever the line is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      parseRequest(line);
      parseAnswer(line);
    }),
  );
  const all = [
    spec,
    { kind: 'remote', from: { path: '/a' }, to: { path: '/b' } },
    { kind: 'socks', from: { host: '::1', port: 1080 } },
  ];
  for (const one of all) {
    const request = { command: 'forward', spec: one };
    expect(parseRequest(JSON.stringify(request))).toEqual(request);
  }
});
