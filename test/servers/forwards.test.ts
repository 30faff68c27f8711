/**
 * Forwards against real servers: local, remote, SOCKS on either side, TCP and
 * unix sockets (RFC 4254 §7, OpenSSH PROTOCOL §2.4).
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClosedPort } from '../support/closedPort.ts';
import {
  describeEachServer,
  describeServer,
  freePort,
  openSsh,
  setupTimeout,
  type TestServer,
} from '../support/servers/index.ts';

type Place = { readonly path: string } | { readonly host: string; readonly port: number };

// The server's user makes and reaches sockets in it.
const folder = mkdtempSync(join(tmpdir(), 'forwards-'));
chmodSync(folder, 0o777);
let paths = 0;
const newPath = (): string => join(folder, `s${paths++}`);

/** Listens and hands each connection to a function. */
async function serve(place: Place, work: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    work(socket);
  });
  await new Promise<void>((resolve) => server.listen(place, resolve));
  if ('path' in place) chmodSync(place.path, 0o777);
  return server;
}

const echo = (socket: Socket): void => void socket.pipe(socket);

function dial(place: Place): Socket {
  const socket = connect({ ...place, allowHalfOpen: true });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Writes, ends, and returns all that comes back. */
async function roundTrip(socket: Socket, sent: Uint8Array): Promise<Buffer> {
  socket.end(sent);
  return allOf(socket);
}

async function allOf(socket: Socket): Promise<Buffer> {
  const received: Buffer[] = [];
  for await (const chunk of socket) received.push(chunk as Buffer);
  return Buffer.concat(received);
}

/** The other side ended or reset it. */
function closed(socket: Socket): Promise<void> {
  socket.resume();
  socket.once('end', () => socket.end());
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

const data = randomBytes(5 * 1024 * 1024 + 17);

describeEachServer('forwards', (kind, lab) => {
  let server: TestServer;
  let target: Server;
  let port: number;
  beforeAll(async () => {
    server = await kind.start(lab());
    port = await freePort();
    target = await serve({ host: '127.0.0.1', port }, echo);
  }, setupTimeout);
  afterAll(() => new Promise((resolve) => target.close(resolve)));

  const to = () => ({ host: '127.0.0.1', port });

  it('carry bytes from a local port, and the end of each direction by itself', async () => {
    await using client = await server.connect();
    await using forward = await client.forwardLocal({ port: 0 }, to());
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    expect(Buffer.compare(await roundTrip(socket, data), data)).toBe(0);
    await expect.poll(() => forward.connections).toEqual([]);
    expect(forward.counters).toEqual({
      accepted: 1,
      refused: 0,
      failed: 0,
      bytesOut: data.length,
      bytesIn: data.length,
    });
  });

  it('carry bytes to a port of the server, and the end of each direction by itself', async () => {
    await using client = await server.connect();
    await using forward = await client.forwardRemote({ port: 0 }, to());
    expect(forward.address.port).toBeGreaterThan(0);
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    expect(Buffer.compare(await roundTrip(socket, data), data)).toBe(0);
  });

  it('listen no more once they are closed, and the connection lives on', async () => {
    await using client = await server.connect();
    const here = await client.forwardLocal({ port: 0 }, to());
    const there = await client.forwardRemote({ port: 0 }, to());
    await here.close();
    await there.close();
    expect((await here.closed).code).toBe('ERR_SSH_CLOSED');
    for (const { address } of [here, there]) {
      const socket = dial({ host: '127.0.0.1', port: address.port ?? 0 });
      await closed(socket);
      expect(socket.bytesRead).toBe(0);
    }
    expect(client.forwards).toEqual([]);
    expect((await client.run('echo alive')).stdout).toBe('alive\n');
  });

  it('bring every byte of a fast sender to a slow reader behind a half-closed connection', async () => {
    const slow = await freePort();
    // Sends 5 MB in answer to an end, as programs do that read a question to its end first.
    await using _answering = await disposable(
      await serve({ host: '127.0.0.1', port: slow }, (socket) => {
        socket.resume();
        socket.once('end', () => socket.end(data));
      }),
    );
    await using client = await server.connect();
    await using forward = await client.forwardLocal({ port: 0 }, { host: '127.0.0.1', port: slow });
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    socket.end('question');
    const received: Buffer[] = [];
    for await (const chunk of socket) {
      received.push(chunk as Buffer);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Buffer.compare(Buffer.concat(received), data)).toBe(0);
  });

  it('cut the far side where the near one was reset, and leave no channel', async () => {
    const cut = await freePort();
    const seen: Socket[] = [];
    await using _listening = await disposable(
      await serve({ host: '127.0.0.1', port: cut }, (socket) => {
        seen.push(socket);
        socket.resume();
        socket.once('end', () => socket.destroy());
        socket.write('x');
      }),
    );
    await using client = await server.connect();
    await using forward = await client.forwardLocal({ port: 0 }, { host: '127.0.0.1', port: cut });
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    await new Promise((resolve) => socket.once('data', resolve));
    socket.resetAndDestroy();
    await expect.poll(() => client.inspect().channels.length).toBe(0);
    await expect.poll(() => seen[0]?.destroyed).toBe(true);
    expect(forward.counters.failed).toBe(1);
  });

  it('reset the near side where nothing listens on the far one, and go on', async () => {
    await using client = await server.connect();
    await using nobody = await ClosedPort.hold();
    const ends: (Error | undefined)[] = [];
    await using forward = await client.forwardLocal(
      { port: 0 },
      { host: '127.0.0.1', port: nobody.port },
      { onConnectionEnd: (_connection, error) => ends.push(error) },
    );
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    await closed(socket);
    await expect.poll(() => ends.length).toBe(1);
    expect(ends[0]).toMatchObject({ code: 'ERR_SSH_CHANNEL_OPEN_FAILED' });
    expect(forward.counters).toMatchObject({ accepted: 1, failed: 1 });
    expect((await client.run('echo alive')).stdout).toBe('alive\n');
  });

  it('are a SOCKS proxy for what the server reaches', async () => {
    await using client = await server.connect();
    await using forward = await client.forwardSocks({ port: 0 });
    const proxy = { host: '127.0.0.1', port: forward.address.port ?? 0 };
    for (const greeting of [
      socks5('localhost', port),
      socks5Address(port),
      socks4(port),
      socks4a('localhost', port),
    ]) {
      const socket = dial(proxy);
      socket.end(Buffer.concat([...greeting, Buffer.from('hello')]));
      const answer = await allOf(socket);
      expect(answer.subarray(-5).toString()).toBe('hello');
    }
    expect(forward.counters).toMatchObject({ accepted: 4, failed: 0 });
  });

  it('are a SOCKS proxy on the server for what this machine reaches, as far as it is permitted', async () => {
    await using client = await server.connect();
    await using forward = await client.forwardRemoteSocks(
      { port: 0 },
      { permit: ({ host }) => host === 'localhost' },
    );
    const proxy = { host: '127.0.0.1', port: forward.address.port ?? 0 };
    const allowed = dial(proxy);
    allowed.end(Buffer.concat([...socks5('localhost', port), Buffer.from('hello')]));
    expect((await allOf(allowed)).subarray(-5).toString()).toBe('hello');
    const refused = dial(proxy);
    refused.end(Buffer.concat(socks5Address(port)));
    // Version 5, "connection not allowed by ruleset" (RFC 1928 §6).
    expect([...(await allOf(refused)).subarray(2, 4)]).toEqual([5, 2]);
  });

  it('end with the connection, and reset what ran through them', async () => {
    const client = await server.connect();
    const forward = await client.forwardLocal({ port: 0 }, to());
    const socket = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    socket.write('x');
    await new Promise((resolve) => socket.once('data', resolve));
    client.destroy();
    expect((await forward.closed).code).toBe('ERR_SSH_CLOSED');
    await closed(socket);
    const late = dial({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    await closed(late);
    expect(late.bytesRead).toBe(0);
  });
});

describeServer('forwards of unix sockets', openSsh, (lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openSsh.start(lab());
  }, setupTimeout);

  it.each([
    ['a port', 'a unix socket'],
    ['a unix socket', 'a port'],
    ['a unix socket', 'a unix socket'],
  ])('lead from %s here to %s there', async (from, to) => {
    const port = await freePort();
    const target: Place = to === 'a port' ? { host: '127.0.0.1', port } : { path: newPath() };
    await using _target = await disposable(await serve(target, echo));
    await using client = await server.connect();
    await using forward = await client.forwardLocal(
      from === 'a port' ? { port: 0 } : { path: newPath() },
      target,
    );
    const { address } = forward;
    const place =
      address.path === undefined ? { host: '127.0.0.1', port: address.port } : { path: address.path };
    expect(Buffer.compare(await roundTrip(dial(place), data), data)).toBe(0);
  });

  it('lead from a unix socket there to one here', async () => {
    const target = { path: newPath() };
    await using _target = await disposable(await serve(target, echo));
    await using client = await server.connect();
    const there = newPath();
    await using _forward = await client.forwardRemote({ path: there }, target);
    expect(Buffer.compare(await roundTrip(dial({ path: there }), data), data)).toBe(0);
  });

  it('are for their user alone, take an old socket away when asked, and nothing else ever', async () => {
    await using client = await server.connect();
    const path = newPath();
    const first = await client.forwardLocal({ path }, { host: '127.0.0.1', port: 1 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expect(client.forwardLocal({ path }, { host: '127.0.0.1', port: 1 })).rejects.toMatchObject({
      code: 'ERR_SSH_FORWARD',
    });
    await using second = await client.forwardLocal({ path, unlink: true }, { host: '127.0.0.1', port: 1 });
    expect(second.address.path).toBe(path);
    await first.close();
    const file = newPath();
    writeFileSync(file, 'precious');
    await expect(
      client.forwardLocal({ path: file, unlink: true }, { host: '127.0.0.1', port: 1 }),
    ).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    expect(existsSync(file)).toBe(true);
  });
});

describe('greetings', () => {
  it('have the lengths of their documents', () => {
    expect(Buffer.concat(socks5('ab', 258))).toEqual(Buffer.from([5, 1, 0, 5, 1, 0, 3, 2, 97, 98, 1, 2]));
  });
});

async function disposable(server: Server): Promise<AsyncDisposable> {
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}

function socks5(host: string, port: number): Buffer[] {
  return [Buffer.from([5, 1, 0]), Buffer.from([5, 1, 0, 3, host.length]), Buffer.from(host), portBytes(port)];
}

function socks5Address(port: number): Buffer[] {
  return [Buffer.from([5, 1, 0]), Buffer.from([5, 1, 0, 1, 127, 0, 0, 1]), portBytes(port)];
}

function socks4(port: number): Buffer[] {
  return [Buffer.from([4, 1]), portBytes(port), Buffer.from([127, 0, 0, 1]), Buffer.from('user\0')];
}

function socks4a(host: string, port: number): Buffer[] {
  return [Buffer.from([4, 1]), portBytes(port), Buffer.from([0, 0, 0, 1]), Buffer.from(`user\0${host}\0`)];
}
