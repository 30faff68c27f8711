/** Sessions over the connection of another program: the streams between the two, and the end of either. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Duct } from '../../src/cli/remote/shared/duct.ts';
import {
  lendProcess,
  type SessionProcess,
  SharedProcess,
} from '../../src/cli/remote/shared/sharedProcess.ts';
import type { ExitResult } from '../../src/client/command/remoteProcess.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Both ends of a socket. */
async function socketPair(): Promise<readonly [Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-duct-'));
  const path = join(folder, 's');
  const pair = await new Promise<readonly [Socket, Socket]>((resolve) => {
    let one: Socket;
    const server = createServer((other) => {
      server.close();
      resolve([one, other]);
    });
    server.listen(path, () => {
      one = createConnection(path);
    });
  });
  rmSync(folder, { recursive: true, force: true });
  ends.push(() => {
    for (const socket of pair) socket.destroy();
  });
  return pair;
}

const window = 256 * 1024;
const chunks = fc.array(fc.uint8Array({ maxLength: 100_000 }), { maxLength: 12 });

describe('the streams of a socket', () => {
  it('are those that were sent, in whatever pieces, and end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(chunks, chunks), async (sent) => {
        const [left, right] = await socketPair();
        const [here, there] = [new Duct(left, () => {}), new Duct(right, () => {})];
        const arrived = [0, 1].map((stream) => buffer(there.reader(stream)));
        for (const [stream, pieces] of sent.entries()) {
          const writer = here.writer(stream);
          for (const piece of pieces) writer.write(piece);
          writer.end();
        }
        const got = await Promise.all(arrived);
        expect(got.map((bytes) => bytes.toString('hex'))).toEqual(
          sent.map((pieces) => Buffer.concat(pieces).toString('hex')),
        );
        here.destroy();
        await Promise.all([here.closed, there.closed]);
      }),
      { numRuns: 20 },
    );
  });

  it('do not hold each other up, and hold no more than a window and a buffer where nobody reads', async () => {
    const [left, right] = await socketPair();
    const notes: unknown[] = [];
    const [here, there] = [new Duct(left, () => {}), new Duct(right, (note) => void notes.push(note))];
    const unread = there.reader(0);
    const read = buffer(there.reader(1));
    const stuck = here.writer(0);
    stuck.write(Buffer.alloc(3 * window));
    here.writer(1).end(Buffer.alloc(2 * window));
    here.note({ hello: true });
    expect((await read).length).toBe(2 * window);
    expect(notes).toEqual([{ hello: true }]);
    expect(unread.readableLength).toBeLessThanOrEqual(window + 64 * 1024);
    expect(stuck.writableLength).toBeGreaterThan(0);
    unread.destroy();
    // What is not wanted is granted all the same.
    await new Promise<void>((resolve) => stuck.end(resolve));
  });

  it.each([
    ['a frame of another kind', [9, 0, 0, 0, 0, 0]],
    ['a frame that is too long', [0, 0, 255, 255, 255, 255]],
    ['data of a stream that nobody reads', [0, 7, 0, 0, 0, 1, 1]],
    ['a grant of no number', [2, 0, 0, 0, 0, 1, 1]],
    ['a note that is none', [3, 0, 0, 0, 0, 1, 123]],
    ['a grant of what was not sent', [2, 1, 0, 0, 0, 4, 0, 0, 0, 1]],
  ])('end at %s', async (_what, bytes) => {
    const [left, right] = await socketPair();
    const duct = new Duct(right, () => {});
    const reader = duct.reader(0);
    duct.writer(1);
    left.on('error', () => {});
    left.write(Uint8Array.from(bytes));
    await duct.closed;
    await expect(buffer(reader)).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
  });

  it('hold no more for who grants without reading', async () => {
    const [left, right] = await socketPair();
    const duct = new Duct(right, () => {});
    const writer = duct.writer(0);
    left.on('error', () => {}).pause();
    writer.write(Buffer.alloc(4 * 1024 * 1024));
    // As many grants as the whole window, ahead of any reading.
    const grant = Buffer.from([2, 0, 0, 0, 0, 4, 0x00, 0x04, 0x00, 0x00]);
    for (let i = 0; i < 16; i++) left.write(grant);
    await duct.closed;
    // Only the first of them may have been for what was under way.
    expect(right.bytesWritten).toBeLessThanOrEqual(3 * window);
  });

  it('end at more than was granted', async () => {
    const [left, right] = await socketPair();
    const duct = new Duct(right, () => {});
    const reader = duct.reader(0);
    left.on('error', () => {});
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, 0x80, 0]), Buffer.alloc(0x8000)]);
    for (let i = 0; i < 20; i++) left.write(frame);
    await duct.closed;
    expect(reader.destroyed).toBe(true);
  });

  it('take any bytes without harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const [left, right] = await socketPair();
        const duct = new Duct(right, () => {});
        duct.reader(0).resume();
        left.on('error', () => {});
        left.end(bytes);
        await duct.closed;
      }),
      { numRuns: 50 },
    );
  });
});

/** A process on a server, and what it was told. */
function remoteProcess() {
  const told: unknown[] = [];
  let settle: (exit: ExitResult) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const exit = new Promise<ExitResult>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  exit.catch(() => {});
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const process: SessionProcess = {
    ...{ stdin, stdout, stderr, exit, refused: ['agent'] },
    kill: (signal) => void told.push(signal),
    resize: (columns, rows) => void told.push([columns, rows]),
    close: async () => void told.push('close'),
  };
  return { process, told, settle, fail, stdin, stdout, stderr };
}

const ended = { code: 3, signal: undefined, coreDumped: false, errorMessage: '' };

describe('a process whose channel is another program’s', () => {
  async function lent() {
    const [left, right] = await socketPair();
    const remote = remoteProcess();
    const over = lendProcess(right, remote.process);
    return { ...remote, over, shared: new SharedProcess(left, ['agent']) };
  }

  it('has its streams, its signals, its size and its end', async () => {
    const { shared, told, settle, stdin, stdout, stderr, over } = await lent();
    const outputs = Promise.all([buffer(shared.stdout), buffer(shared.stderr)]);
    shared.resize(80, 24);
    shared.kill('INT');
    shared.stdin.end('input');
    expect(String(await buffer(stdin))).toBe('input');
    stdout.end('output');
    stderr.end('errors');
    settle(ended);
    expect((await outputs).map(String)).toEqual(['output', 'errors']);
    expect(await shared.exit).toEqual(ended);
    await over;
    expect(told).toEqual([[80, 24], 'INT', 'close']);
  });

  it('ends without having read its input', async () => {
    const { shared, settle, stdout, stderr, over } = await lent();
    shared.stdin.write(Buffer.alloc(4 * window));
    const outputs = Promise.all([buffer(shared.stdout), buffer(shared.stderr)]);
    stdout.end();
    stderr.end();
    settle({ ...ended, signal: 'KILL', code: undefined });
    expect(await shared.exit).toMatchObject({ signal: 'KILL' });
    await outputs;
    await over;
    await expect.poll(() => shared.stdin.destroyed).toBe(true);
  });

  it('ends with all that it wrote, also where more input is on its way to it', async () => {
    const [left, right] = await socketPair();
    const { process, stdout, stderr, settle } = remoteProcess();
    const shared = new SharedProcess(left, []);
    const feed = (): void => void setImmediate(() => shared.stdin.write('more'));
    void lendProcess(right, { ...process, close: async () => feed() });
    const outputs = Promise.all([buffer(shared.stdout), buffer(shared.stderr)]);
    stdout.end(Buffer.alloc(100_000));
    stderr.end();
    settle(ended);
    expect(await shared.exit).toEqual(ended);
    expect((await outputs)[0].length).toBe(100_000);
  });

  it.each([
    ['signals', { kill: 'TERM' }],
    ['sizes', { columns: 80, rows: 24 }],
  ])('ends for who floods it with %s, and passes on as many as a person gives', async (_what, note) => {
    const [left, right] = await socketPair();
    const remote = remoteProcess();
    const over = lendProcess(right, remote.process);
    const flood = new Duct(left, () => {});
    for (let i = 0; i < 500; i++) flood.note(note);
    await expect.poll(() => remote.told.length).toBe(500);
    for (let i = 0; i < 50_000; i++) flood.note(note);
    await over;
    expect(remote.told.length).toBeLessThan(5_000);
    expect(remote.told.at(-1)).toBe('close');
  });

  it('ends alone where a note does harm: whoever lends it lives', async () => {
    const [left, right] = await socketPair();
    const remote = remoteProcess();
    const over = lendProcess(right, {
      ...remote.process,
      kill: () => {
        throw new TypeError('a fault of this program');
      },
    });
    new Duct(left, () => {}).note({ kill: 'TERM' });
    await over;
    expect(remote.told).toEqual(['close']);
  });

  it('is closed where the program that asked for it goes', async () => {
    const { shared, told, over } = await lent();
    await shared.close();
    await over;
    expect(told).toEqual(['close']);
    await expect(shared.exit).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
  });

  it('says why its connection ended', async () => {
    const { shared, fail, stdout, stderr, over } = await lent();
    const outputs = Promise.allSettled([buffer(shared.stdout), buffer(shared.stderr)]);
    stdout.destroy(new Error('gone'));
    stderr.destroy(new Error('gone'));
    fail(new Error('the server went away'));
    await expect(shared.exit).rejects.toThrow(/went away|gone/);
    await outputs;
    await over;
  });
});
