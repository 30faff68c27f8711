/** The control socket: who may use it, what it replaces, what it does with what is no request. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Controlled, listenForControl, sendControl } from '../../src/cli/remote/control.ts';
import { parseAnswer, parseRequest } from '../../src/cli/remote/controlMessages.ts';

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

it('whoever asks is told that nobody listens, or that it is no socket of this program', async () => {
  await expect(sendControl(path, { command: 'check' })).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  const other = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().end('hello\n');
  });
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await expect(sendControl(path, { command: 'check' })).rejects.toThrow('it is no socket of this program');
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
