/** Connections of this machine as forwards use them: what they ask of the system. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { markSole } from '../../src/base/soleMemory.ts';
import type { LocalConnection } from '../../src/forwarding/local.ts';
import type { ListenPlace } from '../../src/forwarding/places.ts';
import { localNetwork } from '../../src/node/localNetwork.ts';

const closing: (() => void)[] = [];
const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-sockets-'));

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(() => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) close();
});

/** A connection, and what its other end receives up to the end. */
async function connected(
  said: Uint8Array = new Uint8Array(0),
): Promise<{ readonly local: LocalConnection; readonly received: Promise<Buffer> }> {
  let heard: (bytes: Buffer) => void = () => {};
  const received = new Promise<Buffer>((resolve) => {
    heard = resolve;
  });
  const server = createServer((socket) => {
    const pieces: Buffer[] = [];
    socket.on('error', () => {});
    if (said.length > 0) socket.write(said);
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('end', () => heard(Buffer.concat(pieces)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const local = await localNetwork.connect({ host: '127.0.0.1', port }, new AbortController().signal);
  closing.push(() => {
    local.destroy(false);
    server.close();
  });
  return { local, received };
}

const pieces = Array.from({ length: 8 }, (_, index) => new Uint8Array(32 * 1024).fill(index));

it('what is written in one turn goes to the system in one call, and each write is told of', async () => {
  const { local, received } = await connected();
  const single = vi.spyOn(Socket.prototype, '_write');
  const gathered = vi.spyOn(Socket.prototype as unknown as { _writev: () => void }, '_writev');
  let told = 0;
  const all = new Promise<void>((resolve) => {
    for (const piece of pieces) {
      local.sink.write(piece, (error) => {
        expect(error).toBeUndefined();
        if (++told === pieces.length) resolve();
      });
    }
  });
  expect([single.mock.calls.length, gathered.mock.calls.length]).toEqual([0, 0]);
  await all;
  expect([single.mock.calls.length, gathered.mock.calls.length]).toEqual([0, 1]);
  local.sink.end(() => {});
  expect((await received).equals(Buffer.concat(pieces))).toBe(true);
});

it('what is written before an end of the same turn arrives before it', async () => {
  const { local, received } = await connected();
  for (const piece of pieces) local.sink.write(piece, () => {});
  local.sink.end(() => {});
  expect((await received).equals(Buffer.concat(pieces))).toBe(true);
});

/** What a connection tells of a program that writes, and then leaves; nobody reads before it has. */
async function leftBy(
  leave: (program: Socket) => void,
  length: number,
  { endedHere = false, hasDescriptor = true, place = { host: '127.0.0.1', port: 0 } as ListenPlace } = {},
): Promise<string> {
  const accepted: Promise<LocalConnection>[] = [];
  const listener = await new Promise<Awaited<ReturnType<typeof localNetwork.listen>>>((resolve) => {
    accepted.push(
      new Promise((told) => {
        void localNetwork.listen(place, told, () => {}).then(resolve);
      }),
    );
  });
  const { path, port = 0 } = listener.place;
  const program = dial({
    ...(path === undefined ? { host: '127.0.0.1', port } : { path }),
    allowHalfOpen: true,
  });
  program.on('error', () => {});
  await new Promise<void>((resolve) => program.write(new Uint8Array(length), () => resolve()));
  const local = (await accepted[0]) as LocalConnection;
  if (!hasDescriptor) {
    const { socket } = local as unknown as { readonly socket: { readonly _handle: object } };
    Object.defineProperty(socket._handle, 'fd', { value: -1 });
  }
  if (endedHere) await new Promise<void>((resolve) => local.sink.end(() => resolve()));
  leave(program);
  closing.push(() => {
    program.destroy();
    local.destroy(true);
    void listener.close();
  });
  await new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const take = (): void => {
      while (local.source.take() !== undefined);
    };
    local.source.listen({
      readable: take,
      ended: () => resolve('ended'),
      failed: (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message),
      aborted: () => {},
    });
  });
}

it.each([1, 1_000, 100_000])(
  'mina-sshd#879: a reset behind %i bytes that nobody has read is no end',
  async (length) => {
    expect(await leftBy((program) => program.resetAndDestroy(), length)).toBe('ECONNRESET');
    expect(await leftBy((program) => program.end(), length)).toBe('ended');
    expect(await leftBy((program) => program.destroy(), length)).toBe('ended');
    // As on Windows, where sockets have no descriptor.
    const hasDescriptor = false;
    expect(await leftBy((program) => program.resetAndDestroy(), length, { hasDescriptor })).toBe(
      'ECONNRESET',
    );
    expect(await leftBy((program) => program.end(), length, { hasDescriptor })).toBe('ended');
  },
);

it.each([1, 1_000, 100_000])(
  'mina-sshd#879: a reset behind %i bytes is no end where this side has ended, either',
  async (length) => {
    const endedHere = true;
    expect(await leftBy((program) => program.resetAndDestroy(), length, { endedHere })).toBe('ECONNRESET');
    expect(await leftBy((program) => program.end(), length, { endedHere })).toBe('ended');
    expect(await leftBy((program) => program.destroy(), length, { endedHere })).toBe('ended');
    // A unix socket has no reset; its end is one, before and behind ours.
    const place = { path: join(folder, `${length}`) };
    expect(await leftBy((program) => program.destroy(), length, { endedHere, place })).toBe('ended');
  },
);

/** Whether the memory of these bytes has been freed. */
const isGone = (bytes: Uint8Array): boolean => bytes.buffer.byteLength === 0;

it('frees the memory of what is written where nothing else lies in it, and no other', async () => {
  const { local, received } = await connected();
  const given = Array.from({ length: 40 }, (_, index) => new Uint8Array(10_000).fill(index));
  const sent = Buffer.concat(given);
  for (const bytes of given.slice(0, 32)) markSole(bytes);
  for (const bytes of given) local.sink.write(bytes, () => {});
  local.sink.end(() => {});
  expect((await received).equals(sent)).toBe(true);
  expect(given.map(isGone)).toEqual(given.map((_, index) => index < 32));
});

it.each([
  [
    'a port in use',
    (taken: number) => ({ host: '127.0.0.1', port: taken }),
    /^cannot listen on 127\.0\.0\.1:\d+: the address is in use; choose another port, or 0/,
  ],
  [
    'an address of another machine',
    () => ({ host: '192.0.2.1', port: 0 }),
    /^cannot listen on 192\.0\.2\.1:0: the address is none of this machine/,
  ],
  [
    'a file that is there',
    () => ({ path: fileURLToPath(import.meta.url), unlink: true }),
    /^cannot listen on .*: something lies there already; \{ unlink: true \} removes an old socket, and nothing else$/,
  ],
  [
    'a folder that is not',
    () => ({ path: '/nonexistent/socket' }),
    /^cannot listen on \/nonexistent\/socket: this user may not make a socket there, or there is no such folder$/,
  ],
])('says why it cannot listen: %s', async (_what, placeOf, message) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const place = placeOf((server.address() as AddressInfo).port);
  const failure = await localNetwork
    .listen(
      place,
      () => {},
      () => {},
    )
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'ERR_SSH_FORWARD',
    origin: 'local',
    message: expect.stringMatching(message),
  });
  expect(existsSync(fileURLToPath(import.meta.url))).toBe(true);
});

// localhost ------------------------------------------------------------------------------

/** Whether somebody listens there. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ host, port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    closing.push(() => socket.destroy());
  });
}

const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(0, '::1', () => server.close(() => resolve(true)));
});

/** From now on the machine answers so where somebody wants to listen on these addresses. */
function refuseToListen(refusals: (host: string, port: number) => string | undefined): {
  listened: string[];
} {
  const { listen } = Server.prototype;
  const listened: string[] = [];
  vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...given: unknown[]) {
    const { host, port } = given[0] as { host: string; port: number };
    listened.push(host);
    const code = refusals(host, port);
    if (code === undefined) return Reflect.apply(listen, this, given) as Server;
    process.nextTick(() => this.emit('error', Object.assign(new Error(code), { code })));
    return this;
  });
  return { listened };
}

const listenOnLocalhost = (port: number) =>
  localNetwork.listen(
    { host: 'localhost', port },
    (local) => local.destroy(false),
    () => {},
  );

it.skipIf(!hasIpv6)(
  'RFC 4254 §7.1: localhost is the loopback address of both families, on one port',
  async () => {
    const listener = await listenOnLocalhost(0);
    const { host, port = 0 } = listener.place;
    expect(host).toBe('localhost');
    expect([await answers('127.0.0.1', port), await answers('::1', port)]).toEqual([true, true]);
    // A fixed port that is taken in either family is an error, and nothing is left of the other.
    await expect(listenOnLocalhost(port)).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    await listener.close();
    expect([await answers('127.0.0.1', port), await answers('::1', port)]).toEqual([false, false]);
  },
);

it.each(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])(
  'localhost is the one family that the machine has: %s',
  async (code) => {
    for (const missing of ['127.0.0.1', '::1']) {
      if (missing === '127.0.0.1' && !hasIpv6) continue;
      refuseToListen((host) => (host === missing ? code : undefined));
      const listener = await listenOnLocalhost(0);
      const there = missing === '::1' ? '127.0.0.1' : '::1';
      expect(await answers(there, listener.place.port ?? 0)).toBe(true);
      await listener.close();
      vi.restoreAllMocks();
    }
    refuseToListen(() => code);
    await expect(listenOnLocalhost(0)).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
  },
);

it('localhost takes another port where the other family has that one in use, and not for ever', async () => {
  let taken = 3;
  const { listened } = refuseToListen((host) => {
    if (host === '127.0.0.1') return undefined;
    return taken-- > 0 ? 'EADDRINUSE' : 'EADDRNOTAVAIL';
  });
  await (await listenOnLocalhost(0)).close();
  expect(listened).toHaveLength(8);
  taken = 1_000;
  const inUse = { code: 'ERR_SSH_FORWARD', message: expect.stringContaining('in use') };
  await expect(listenOnLocalhost(0)).rejects.toMatchObject(inUse);
  expect(listened).toHaveLength(8 + 32);
  // Who asked for one port gets that one, or an error; the half that stood is gone.
  const { port } = (await localNetwork
    .listen(
      { host: '127.0.0.1', port: 0 },
      () => {},
      () => {},
    )
    .then(async (listener) => {
      await listener.close();
      return listener.place;
    })) as { port: number };
  await expect(listenOnLocalhost(port)).rejects.toMatchObject(inUse);
  expect(await answers('127.0.0.1', port)).toBe(false);
});

// A connection, from its beginning to its end -------------------------------------------

/** Listeners of a socket that was being connected, by the event, once the attempt is over. */
const waiting = ['connect', 'error'] as const;

/** The sockets that are made from now on, as `net.connect` makes them. */
function madeSockets(): Socket[] {
  const sockets: Socket[] = [];
  const { connect } = Socket.prototype;
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...given: unknown[]) {
    sockets.push(this);
    return Reflect.apply(connect, this, given) as Socket;
  });
  return sockets;
}

/** Abort signals count who listens to them. */
function countedSignal(): { readonly abort: AbortController; readonly listening: () => number } {
  const abort = new AbortController();
  const { signal } = abort;
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...given: unknown[]) => {
    listening++;
    Reflect.apply(addEventListener, signal, given);
  };
  signal.removeEventListener = (...given: unknown[]) => {
    listening--;
    Reflect.apply(removeEventListener, signal, given);
  };
  return { abort, listening: () => listening };
}

it('an attempt leaves nobody listening, however it ends', async () => {
  const server = createServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const sockets = madeSockets();

  const good = countedSignal();
  const local = await localNetwork.connect({ host: '127.0.0.1', port }, good.abort.signal);
  expect(good.listening()).toBe(0);
  // Aborted afterwards, it is a connection all the same.
  good.abort.abort();
  expect(sockets[0]?.destroyed).toBe(false);
  expect(sockets[0]?.listenerCount('connect')).toBe(0);
  local.destroy(true);

  const refused = countedSignal();
  await expect(
    localNetwork.connect({ path: '/nonexistent/socket' }, refused.abort.signal),
  ).rejects.toMatchObject({
    code: 'ERR_SSH_FORWARD',
    message: expect.stringContaining('cannot connect to /nonexistent/socket: '),
  });
  expect([refused.listening(), sockets[1]?.destroyed]).toEqual([0, true]);

  for (const when of ['before', 'meanwhile']) {
    const aborted = countedSignal();
    const reason = new Error(`given up ${when}`);
    if (when === 'before') aborted.abort.abort(reason);
    const attempt = localNetwork.connect({ host: '127.0.0.1', port }, aborted.abort.signal);
    if (when === 'meanwhile') aborted.abort.abort(reason);
    await expect(attempt).rejects.toBe(reason);
    const socket = sockets.at(-1) as Socket;
    expect([aborted.listening(), socket.destroyed]).toEqual([0, true]);
    // What it fails with afterwards ends nobody's process.
    expect(socket.listenerCount('connect')).toBe(0);
    socket.emit('error', new Error('late'));
  }
  for (const event of waiting) expect(sockets.every((socket) => socket.listenerCount(event) < 2)).toBe(true);
});

it('reads no further ahead than 64 KiB, and goes on when that is taken', async () => {
  const { local } = await connected(new Uint8Array(1024 * 1024).fill(7));
  const socket = Reflect.get(local, 'socket') as Socket;
  let isEnded = false;
  const arrived = new Promise<void>((resolve) => {
    local.source.listen({
      readable: () => resolve(),
      ended: () => {
        isEnded = true;
      },
      failed: () => {},
      aborted: () => {},
    });
  });
  await arrived;
  await expect.poll(() => socket.isPaused()).toBe(true);
  // A read that is under way still comes.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const read = socket.bytesRead;
  expect(read).toBeGreaterThanOrEqual(64 * 1024);
  expect(read).toBeLessThan(256 * 1024);
  let taken = 0;
  await expect
    .poll(() => {
      for (let piece = local.source.take(); piece !== undefined; piece = local.source.take())
        taken += piece.length;
      return taken;
    })
    .toBe(1024 * 1024);
  expect([isEnded, socket.isPaused()]).toEqual([false, false]);
});

it('nothing is read before somebody listens, and nothing kept once nobody wants it', async () => {
  const { local } = await connected(new Uint8Array(1024 * 1024).fill(7));
  const socket = Reflect.get(local, 'socket') as Socket;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([socket.isPaused(), socket.bytesRead]).toEqual([true, 0]);
  local.source.cancel();
  // Who sends is not held up, and nothing of it is kept.
  await expect.poll(() => socket.bytesRead).toBe(1024 * 1024);
  expect(local.source.take()).toBeUndefined();
});

it('an end that came before anybody listened is told to who listens then', async () => {
  const { local } = await connected();
  const socket = Reflect.get(local, 'socket') as Socket;
  local.source.cancel();
  socket.destroy();
  await new Promise((resolve) => socket.once('close', resolve));
  const told = new Promise<string>((resolve) => {
    local.source.listen({
      readable: () => resolve('readable'),
      ended: () => resolve('ended'),
      failed: () => resolve('failed'),
      aborted: () => resolve('aborted'),
    });
  });
  expect(await told).toBe('ended');
});
