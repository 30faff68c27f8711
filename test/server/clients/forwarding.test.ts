/**
 * Client programs have the embedded server open connections for them: one in
 * place of a session, and any number from a listening port.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pseudoRandom, sha256, startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';
import { ClientProcess, runClient } from '../../support/clients/process.ts';
import { ClosedPort } from '../../support/closedPort.ts';
import { freePort } from '../../support/servers/index.ts';

const login = { key: 'ed25519' as const };
const length = 4 * 1024 * 1024;

/** Listens; each connection is handed to `serve`. */
async function listen(serve: (socket: Socket) => void): Promise<{ port: number; close: () => void }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Connects once somebody listens. */
async function dial(port: number): Promise<Socket> {
  let socket: Socket | undefined;
  await expect
    .poll(
      async () => {
        const attempt = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        try {
          await once(attempt, 'connect');
          socket = attempt;
          return true;
        } catch {
          attempt.destroy();
          return false;
        }
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe(true);
  if (socket === undefined) throw new Error('nobody listens');
  return socket;
}

describeEachClient('forwarded connections', (kind, lab) => {
  let echo: Awaited<ReturnType<typeof listen>>;
  let speaker: Awaited<ReturnType<typeof listen>>;

  beforeAll(async () => {
    echo = await listen((socket) => socket.pipe(socket));
    // Says all it has and is gone, without a look at what comes.
    speaker = await listen((socket) => {
      socket.resume();
      socket.end(pseudoRandom(length));
    });
  });

  afterAll(() => {
    echo.close();
    speaker.close();
  });

  it('carry bytes both ways in place of a session', async () => {
    await using server = await startEmbedded();
    const running = new ClientProcess(
      kind.invoke(lab, { port: server.port, login, tunnel: { host: '127.0.0.1', port: echo.port } }),
    );
    const sent = pseudoRandom(100_000);
    running.child.stdin.write(sent);
    await expect.poll(() => running.shownOn('stdout').length, { timeout: 10_000 }).toBe(sent.length);
    running.child.stdin.end();
    const { stdout } = await running.outcome;
    expect(sha256(Buffer.from(stdout, 'latin1'))).toBe(sha256(sent));
    expect(server.faults).toEqual([]);
  });

  it('bring all that a place said before it was gone', async () => {
    await using server = await startEmbedded();
    const running = new ClientProcess(
      kind.invoke(lab, { port: server.port, login, tunnel: { host: 'localhost', port: speaker.port } }),
    );
    const { stdout } = await running.outcome;
    expect(stdout.length).toBe(length);
    expect(sha256(Buffer.from(stdout, 'latin1'))).toBe(sha256(pseudoRandom(length)));
    expect(server.faults).toEqual([]);
  });

  it('may be many at once from a listening port, each with its own ends', async () => {
    await using server = await startEmbedded();
    const from = await freePort();
    const forward = { from, to: { host: '127.0.0.1', port: echo.port } };
    const running = new ClientProcess(kind.invoke(lab, { port: server.port, login, forward }));
    try {
      await (await dial(from)).destroy();
      const exchanges = Array.from({ length: 8 }, async (_, i) => {
        const socket = await dial(from);
        const sent = pseudoRandom(200_000, i + 1);
        socket.end(sent);
        return sha256(await readAll(socket)) === sha256(sent);
      });
      expect(await Promise.all(exchanges)).toEqual(exchanges.map(() => true));
      const broken = await dial(from);
      broken.resetAndDestroy();
    } finally {
      await running.kill();
    }
    expect(server.faults).toEqual([]);
    await expect.poll(() => server.server.connections().length).toBe(0);
  });

  it('are refused where the place is not allowed or not there, and the session lives on', async () => {
    await using server = await startEmbedded();
    const from = await freePort();
    await using closed = await ClosedPort.hold();
    for (const to of [
      { host: 'forbidden', port: 1 },
      { host: '127.0.0.1', port: closed.port },
    ]) {
      const running = new ClientProcess(
        kind.invoke(lab, { port: server.port, login, forward: { from, to } }),
      );
      try {
        for (let i = 0; i < 2; i++) {
          const socket = await dial(from);
          socket.on('error', () => {});
          expect(await readAll(socket).catch(() => Buffer.alloc(0))).toHaveLength(0);
        }
      } finally {
        await running.kill();
      }
    }
    const tunnel = { host: 'forbidden', port: 1 };
    const outcome = await runClient(kind.invoke(lab, { port: server.port, login, tunnel }));
    expect(outcome.stdout).toBe('');
  });
});

describeEachClient('forwarding that functions allow', (kind, lab) => {
  let echo: Awaited<ReturnType<typeof listen>>;

  beforeAll(async () => {
    echo = await listen((socket) => socket.pipe(socket));
  });

  afterAll(() => echo.close());

  /** Whether what is sent to a port comes back. */
  async function echoes(port: number): Promise<boolean> {
    const socket = await dial(port);
    const sent = pseudoRandom(100_000, port);
    socket.end(sent);
    return sha256(await readAll(socket)) === sha256(sent);
  }

  const allowed = { openTcp: undefined, forwarding: { local: () => true, remote: () => true } };
  const serve = () => startEmbedded(allowed as unknown as Parameters<typeof startEmbedded>[0]);

  it('leads from a port of the client to a place, and from standard input', async () => {
    await using server = await serve();
    const from = await freePort();
    const forward = { from, to: { host: '127.0.0.1', port: echo.port } };
    const running = new ClientProcess(kind.invoke(lab, { port: server.port, login, forward }));
    try {
      expect(await echoes(from)).toBe(true);
    } finally {
      await running.kill();
    }
    const tunnel = { host: '127.0.0.1', port: echo.port };
    const straight = new ClientProcess(kind.invoke(lab, { port: server.port, login, tunnel }));
    straight.child.stdin.write('through standard input');
    await expect.poll(() => straight.shownOn('stdout'), { timeout: 10_000 }).toBe('through standard input');
    straight.child.stdin.end();
    await straight.outcome;
    expect(server.faults).toEqual([]);
  });

  it('leads from a port of the server to a place that the client reaches', async () => {
    await using server = await serve();
    const from = await freePort();
    const more = ['-N', '-R', `127.0.0.1:${from}:127.0.0.1:${echo.port}`];
    const running = new ClientProcess(kind.invoke(lab, { port: server.port, login, more }));
    try {
      expect(await echoes(from)).toBe(true);
      expect(await Promise.all([echoes(from), echoes(from), echoes(from)])).toEqual([true, true, true]);
    } finally {
      await running.kill();
    }
    expect(server.faults).toEqual([]);
    // It listens no more once the client is gone.
    await expect
      .poll(
        () =>
          once(connect(from, '127.0.0.1'), 'connect').then(
            () => 'there',
            () => 'gone',
          ),
        { timeout: 10_000 },
      )
      .toBe('gone');
  });

  it('is a SOCKS proxy and a way to itself, where the client can do that', async () => {
    if (kind.name !== 'OpenSSH') return expect(['PuTTY plink', 'dropbear dbclient']).toContain(kind.name);
    await using server = await serve();
    const from = await freePort();
    const socks = new ClientProcess(
      kind.invoke(lab, { port: server.port, login, more: ['-N', '-D', `127.0.0.1:${from}`] }),
    );
    try {
      const socket = await dial(from);
      socket.write(Buffer.from([5, 1, 0]));
      await once(socket, 'data');
      socket.end(
        Buffer.concat([
          Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, echo.port >> 8, echo.port & 255]),
          Buffer.from('socks'),
        ]),
      );
      expect((await readAll(socket)).subarray(-5).toString()).toBe('socks');
    } finally {
      await socks.kill();
    }
    // As -J does it: one ssh inside another, over -W.
    const { program, args } = kind.invoke(lab, { port: server.port, login, more: ['-W', '127.0.0.1:%p'] });
    const jump = [
      program,
      ...args.map((arg) => (arg.startsWith('127.0.0.1:%') ? `127.0.0.1:${server.port}` : arg)),
    ];
    const words = jump.map((word) => `'${word}'`).join(' ');
    const through = ['-o', `ProxyCommand=${words}`];
    const outcome = await runClient(
      kind.invoke(lab, { port: server.port, login, command: 'greet you', more: through }),
    );
    expect(outcome).toMatchObject({ code: 7, stdout: 'hello you\n' });
    expect(server.faults).toEqual([]);
  });
});
