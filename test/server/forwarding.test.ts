/**
 * Forwarding on a server (RFC 4254 §7; OpenSSH PROTOCOL §2.4): nothing but what its functions
 * allow, as it was asked or elsewhere; on real sockets, with this package's own client.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer as createTcpServer, connect as dialTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import {
  createServer,
  type ForwardingFunctions,
  type ServerOptions,
  type SshServer,
} from '../../src/entry/server.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { freePort, nothingIsLeft } from '../support/servers/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'forwarding-'));
let echo: Server;
let echoPort: number;

beforeAll(async () => {
  echo = await listen(createTcpServer({ allowHalfOpen: true }, echoes), { port: 0, host: '127.0.0.1' });
  echoPort = (echo.address() as { port: number }).port;
});

afterAll(async () => {
  await new Promise((resolve) => echo.close(resolve));
  rmSync(folder, { recursive: true });
});

afterEach(nothingIsLeft);

function echoes(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}

async function listen(server: Server, place: object): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(place, resolve));
  return server;
}

async function allOf(stream: Duplex): Promise<Buffer> {
  const received: Buffer[] = [];
  for await (const chunk of stream) received.push(chunk as Buffer);
  return Buffer.concat(received);
}

/** Writes, ends, and gives what came back; an empty text where it was cut. */
async function ask(stream: Duplex, text: string | Uint8Array): Promise<string> {
  stream.on('error', () => {});
  stream.end(text);
  return (await allOf(stream).catch(() => Buffer.alloc(0))).toString();
}

const dial = (place: { path?: string | undefined; port?: number | undefined }): Socket =>
  place.path === undefined
    ? dialTcp({ port: place.port ?? 0, host: '127.0.0.1', allowHalfOpen: true })
    : dialTcp({ path: place.path, allowHalfOpen: true });

/** Why a socket does not get through; undefined where it does. */
function failureOf(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

class Scene implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly server: SshServer;
  readonly client: Client;

  constructor(server: SshServer, client: Client, faults: unknown[]) {
    this.server = server;
    this.client = client;
    this.faults = faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.server.close();
  }
}

async function scene(
  forwarding: ForwardingFunctions | undefined,
  { server: more = {}, client = {} }: { server?: Partial<ServerOptions>; client?: ConnectOptions } = {},
): Promise<Scene> {
  const faults: unknown[] = [];
  const server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    onError: (error) => faults.push(error),
    ...(forwarding === undefined ? {} : { forwarding }),
    ...more,
  });
  const { port } = await server.listen();
  const options = { host: '127.0.0.1', port, username: 'ops', auth: ['none' as const], ...client };
  return new Scene(server, await connect({ verifyHostKey: acceptAnyHostKey(), ...options }), faults);
}

describe('a server', () => {
  it('forwards nothing where nobody says what', async () => {
    for (const functions of [undefined, {}]) {
      await using one = await scene(functions);
      await expect(one.client.openTcp('127.0.0.1', echoPort)).rejects.toMatchObject({
        code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
        channelOpenReason: 3,
      });
      await expect(one.client.openUnix('/tmp/x')).rejects.toMatchObject({
        code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      });
      await expect(one.client.forwardRemote({ port: 0 }, () => {})).rejects.toMatchObject({
        code: 'ERR_SSH_FORWARD',
      });
    }
  });

  it('makes the connections that it allows, as they were asked for or elsewhere', async () => {
    const asked: unknown[] = [];
    const path = join(folder, 'target');
    const unix = await listen(createTcpServer({ allowHalfOpen: true }, echoes), { path });
    await using one = await scene({
      local: (request) => {
        asked.push(request);
        if (request.host === 'echo') return { host: '127.0.0.1', port: echoPort };
        if (request.host === 'unix') return { path };
        return request.host !== 'forbidden';
      },
    });
    const { client } = one;
    expect(await ask(await client.openTcp('127.0.0.1', echoPort), 'as asked')).toBe('as asked');
    expect(await ask(await client.openTcp('echo', 1), 'elsewhere')).toBe('elsewhere');
    expect(await ask(await client.openTcp('unix', 1), 'to a socket')).toBe('to a socket');
    expect(await ask(await client.openUnix(path), 'a socket')).toBe('a socket');
    await expect(client.openTcp('forbidden', 1)).rejects.toMatchObject({ channelOpenReason: 1 });
    await using closed = await ClosedPort.hold();
    await expect(client.openTcp('127.0.0.1', closed.port)).rejects.toMatchObject({
      channelOpenReason: 2,
    });
    await expect(client.openUnix(`${path}-not`)).rejects.toMatchObject({ channelOpenReason: 2 });
    expect(asked[0]).toMatchObject({ username: 'ops', host: '127.0.0.1', port: echoPort, originatorPort: 0 });
    expect(asked[3]).toEqual({ username: 'ops', path });
    expect(one.faults).toEqual([]);
    await new Promise((resolve) => unix.close(resolve));
  });

  it('brings every byte both ways, the end of each direction by itself, and a cut as a cut', async () => {
    const data = randomBytes(5 * 1024 * 1024 + 3);
    await using one = await scene({ local: () => true });
    const stream = await one.client.openTcp('127.0.0.1', echoPort);
    stream.end(data);
    expect(Buffer.compare(await allOf(stream), data)).toBe(0);
    const cutting = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
      { port: 0, host: '127.0.0.1' },
    );
    const cut = await one.client.openTcp('127.0.0.1', (cutting.address() as { port: number }).port);
    expect(await ask(cut, 'x')).toBe('');
    await expect.poll(() => one.client.inspect().channels).toEqual([]);
    await new Promise((resolve) => cutting.close(resolve));
  });

  it.each(['destroy', 'close'] as const)(
    'leaves no listener of a forward whose connection ends while it is made: %s',
    async (end) => {
      const listeners = (): number =>
        process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
      const moments: readonly ((then: () => void) => void)[] = [
        (then) => then(),
        (then) => queueMicrotask(then),
        (then) => process.nextTick(then),
        (then) => setImmediate(then),
      ];
      for (const at of moments) {
        await using one = await scene({ local: () => true });
        const before = listeners();
        const far = { host: '127.0.0.1', port: echoPort };
        const made = one.client.forwardLocal({ host: '127.0.0.1', port: 0 }, far).then(
          ({ closed }) => closed,
          (error: unknown) => error,
        );
        at(() => {
          if (end === 'destroy') one.client.destroy();
          else void one.client.close();
        });
        expect(await made).toMatchObject({ code: 'ERR_SSH_CLOSED' });
        await one.client.closed;
        await expect.poll(listeners).toBe(before);
      }
    },
  );

  it('brings a cut on the far side of a forward to the near one as a cut, never as an end', async () => {
    // It says nothing before: bytes that come together with a reset end in order, says libuv.
    const cutting = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
      { port: 0, host: '127.0.0.1' },
    );
    await using one = await scene({ local: () => true });
    const far = { host: '127.0.0.1', port: (cutting.address() as { port: number }).port };
    await using forward = await one.client.forwardLocal({ host: '127.0.0.1', port: 0 }, far);
    for (const ends of [false, true]) {
      for (let i = 0; i < 10; i++) {
        const near = dial({ port: forward.address.port });
        const seen: string[] = [];
        near.on('data', () => {});
        near.on('end', () => seen.push('end'));
        near.on('error', (error) => seen.push((error as NodeJS.ErrnoException).code ?? ''));
        if (ends) near.end('x');
        else near.write('x');
        await new Promise((resolve) => near.once('close', resolve));
        expect(seen).toEqual(['ECONNRESET']);
      }
    }
    await expect.poll(() => one.client.inspect().channels).toEqual([]);
    await new Promise((resolve) => cutting.close(resolve));
  });

  it('listens where it allows, as it was asked or elsewhere, until that is cancelled', async () => {
    const asked: unknown[] = [];
    await using one = await scene({
      remote: (request) => {
        asked.push(request);
        if (request.path !== undefined) return true;
        return request.host === 'forbidden' ? false : { host: '127.0.0.1', port: request.port };
      },
    });
    const { client } = one;
    const to = { host: '127.0.0.1', port: echoPort };
    const any = await client.forwardRemote({ host: '*', port: 0 }, to);
    expect(any.address.port).toBeGreaterThan(0);
    expect(await ask(dial(any.address), 'any port')).toBe('any port');
    const port = await freePort();
    const named = await client.forwardRemote({ port }, to);
    expect(await ask(dial({ port }), 'this port')).toBe('this port');
    const path = join(folder, 'listening');
    const unix = await client.forwardRemote({ path }, to);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await ask(dial({ path }), 'a socket')).toBe('a socket');
    await expect(client.forwardRemote({ host: 'forbidden', port: 0 }, to)).rejects.toMatchObject({
      code: 'ERR_SSH_FORWARD',
    });
    await expect(client.forwardRemote({ port }, to)).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    for (const forward of [any, named, unix]) await forward.close();
    await expect.poll(() => ask(dial({ port }), 'x')).toBe('');
    await expect.poll(() => existsSync(path)).toBe(false);
    // What was cancelled may be asked for again.
    const again = await client.forwardRemote({ port }, to);
    expect(await ask(dial({ port }), 'again')).toBe('again');
    await again.close();
    expect(asked).toContainEqual({ username: 'ops', host: '', port: 0 });
    expect(asked).toContainEqual({ username: 'ops', host: 'localhost', port });
    expect(asked).toContainEqual({ username: 'ops', path });
    expect(one.faults).toEqual([]);
  });

  it('opens no session for a client that gave them up, and forwards on', async () => {
    await using it = await scene({ local: () => true }, { server: { exec: () => 0 } });
    const { client } = it;
    expect((await client.run('true')).code).toBe(0);
    client.noMoreSessions();
    const closed = { code: 'ERR_SSH_CLOSED', message: expect.stringContaining('noMoreSessions') };
    await expect(client.run('true')).rejects.toMatchObject(closed);
    await expect(client.run('true', { maxChannels: 1 })).rejects.toMatchObject(closed);
    await expect(client.sftp()).rejects.toMatchObject(closed);
    expect(await ask(await client.openTcp('127.0.0.1', echoPort), 'still here')).toBe('still here');
    // One who asks after all is refused.
    Reflect.set(Reflect.get(client, 'session') as object, 'sessionsOver', false);
    await expect(client.run('true')).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      channelOpenReason: 1,
    });
    expect(await ask(await client.openTcp('127.0.0.1', echoPort), 'and here')).toBe('and here');
  });

  it('listens no more once the client is gone, and cuts what ran through', async () => {
    const one = await scene({ remote: () => true, local: () => true });
    const forward = await one.client.forwardRemote({ port: 0 }, { host: '127.0.0.1', port: echoPort });
    const { address } = forward;
    const socket = dial(address);
    socket.on('error', () => {});
    socket.write('x');
    await new Promise((resolve) => socket.once('data', resolve));
    one.client.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    // Refused by the system: a listener that still stood would take it, and cut it then.
    await expect.poll(() => failureOf(dial(address))).toBe('ECONNREFUSED');
    await one[Symbol.asyncDispose]();
  });

  it('tells what its functions throw, and refuses; what they answer is checked', async () => {
    const fault = new Error('of the function');
    await using one = await scene({
      local: ({ host }) => {
        if (host === 'throws') throw fault;
        return { host: '', port: 70_000 } as never;
      },
      remote: () => Promise.reject(fault),
    });
    await expect(one.client.openTcp('throws', 1)).rejects.toMatchObject({ channelOpenReason: 2 });
    await expect(one.client.openTcp('answers nonsense', 1)).rejects.toMatchObject({ channelOpenReason: 2 });
    await expect(one.client.forwardRemote({ port: 0 }, () => {})).rejects.toMatchObject({
      code: 'ERR_SSH_FORWARD',
    });
    expect(one.faults).toEqual([fault, expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }), fault]);
    const both = { openTcp: () => undefined, forwarding: { local: () => true } };
    await expect(scene(undefined, { server: both })).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });

  it('holds a bounded number of listeners, of connections, and of functions that do not answer', async () => {
    const limits = { forwards: 3, forwardConnections: 2, channels: 4 };
    await using one = await scene(
      { remote: () => true, local: () => new Promise(() => {}) },
      { server: { limits, timeouts: { channelOpen: 300 } } },
    );
    const { client } = one;
    const listening = await Promise.allSettled(
      Array.from({ length: 6 }, () =>
        client.forwardRemote({ port: 0 }, { host: '127.0.0.1', port: echoPort }),
      ),
    );
    const standing = listening.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(standing).toHaveLength(3);
    const place = standing[0]?.address ?? { port: 0 };
    const sockets = Array.from({ length: 4 }, () => dial(place));
    let cut = 0;
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.on('close', () => cut++);
      socket.write('x');
    }
    await expect.poll(() => cut).toBe(2);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => client.inspect().channels).toEqual([]);
    const opens = await Promise.allSettled(Array.from({ length: 8 }, () => client.openTcp('slow', 1)));
    const reasons = opens.map((each) => each.status === 'rejected' && each.reason.channelOpenReason);
    // SSH_OPEN_RESOURCE_SHORTAGE beyond the bound, SSH_OPEN_CONNECT_FAILED once the time of the function is over.
    expect(reasons.filter((reason) => reason === 4)).toHaveLength(4);
    expect(reasons.filter((reason) => reason === 2)).toHaveLength(4);
  });
});
