/**
 * Connections from the server on: direct-tcpip (RFC 4254 §7.2), local sockets
 * (OpenSSH PROTOCOL §2.4), and other SSH servers reached that way.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, pinnedHostKey } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { ClosedPort } from '../support/closedPort.ts';
import {
  describeEachServer,
  describeServer,
  dropbear,
  freePort,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

/** Sends back what it gets, and ends when its peer has. */
async function startEcho(where: { readonly path: string } | { readonly port: number }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  const target = 'path' in where ? where : { ...where, host: '127.0.0.1' };
  await new Promise<void>((resolve) => server.listen(target, resolve));
  return server;
}

/** Writes, ends, and returns all that came back. */
async function roundTrip(stream: Duplex, sent: Uint8Array): Promise<Buffer> {
  stream.end(sent);
  const received: Buffer[] = [];
  for await (const chunk of stream) received.push(chunk as Buffer);
  return Buffer.concat(received);
}

const data = randomBytes(3 * 1024 * 1024 + 17);

describeEachServer('a forwarded connection', (kind, lab) => {
  let server: TestServer;
  let echo: Server;
  let echoPort: number;
  beforeAll(async () => {
    server = await kind.start(lab());
    echoPort = await freePort();
    echo = await startEcho({ port: echoPort });
  }, setupTimeout);
  afterAll(() => new Promise((resolve) => echo.close(resolve)));

  it('carries bytes both ways, and the end of each direction by itself', async () => {
    await using client = await server.connect();
    const stream = await client.openTcp('127.0.0.1', echoPort);
    expect(Buffer.compare(await roundTrip(stream, data), data)).toBe(0);
  });

  it('is one of many at once', async () => {
    await using client = await server.connect();
    const messages = Array.from({ length: 20 }, (_, i) => randomBytes(1000 + i));
    const answers = await Promise.all(
      messages.map(async (message) => roundTrip(await client.openTcp('127.0.0.1', echoPort), message)),
    );
    expect(answers.map((answer) => answer.toString('hex'))).toEqual(
      messages.map((message) => message.toString('hex')),
    );
  });

  it('tells why it could not be opened', async () => {
    await using client = await server.connect();
    await using closed = await ClosedPort.hold();
    await expect(client.openTcp('127.0.0.1', closed.port)).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      phase: 'connection',
      origin: 'peer',
      // SSH_OPEN_CONNECT_FAILED
      channelOpenReason: 2,
    });
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
  });

  it('ends at both ends when its stream is destroyed', async () => {
    await using client = await server.connect();
    const stream = await client.openTcp('127.0.0.1', echoPort);
    stream.write('hello');
    const chunks: string[] = [];
    for await (const chunk of stream) {
      chunks.push(String(chunk));
      break;
    }
    expect(chunks).toEqual(['hello']);
    await expect.poll(() => client.inspect().channels).toEqual([]);
  });
});

describeServer('a local socket of the server', openSsh, (lab) => {
  let server: TestServer;
  let echo: Server;
  let path: string;
  beforeAll(async () => {
    server = await startOpenSsh(lab());
    path = join(lab().folder, 'echo.sock');
    echo = await startEcho({ path });
    chmodSync(path, 0o777);
  }, setupTimeout);
  afterAll(() => new Promise((resolve) => echo.close(resolve)));

  it('is reached like a port', async () => {
    await using client = await server.connect();
    expect(Buffer.compare(await roundTrip(await client.openUnix(path), data), data)).toBe(0);
  });

  it('may not be there', async () => {
    await using client = await server.connect();
    await expect(client.openUnix(`${path}-not`)).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      phase: 'connection',
    });
  });
});

describeServer(
  'a server behind servers',
  openSsh,
  (lab) => {
    let servers: { readonly outer: TestServer; readonly middle: TestServer; readonly inner: TestServer };
    beforeAll(async () => {
      const outer = await startOpenSsh(lab());
      const middle = await dropbear.start(lab());
      const inner = await startOpenSsh(lab());
      servers = { outer, middle, inner };
    }, setupTimeout);

    it('is reached through both', async () => {
      const { outer, middle, inner } = servers;
      await using first = await outer.connect();
      await using second = await middle.connect({ via: first });
      await using third = await inner.connect({ via: second, crypto: 'noble' });
      const { stdout } = await third.run('cat', { input: data, encoding: 'buffer' });
      expect(Buffer.compare(stdout, data)).toBe(0);
      const { stdout: port } = await third.run('echo "$SSH_CONNECTION"');
      expect(port.trim().endsWith(`127.0.0.1 ${inner.port}`)).toBe(true);
    });

    it('is reached through both where they are named, each with its own checks, and both end with it', async () => {
      const { outer, middle, inner } = servers;
      const via = [outer, middle].map((hop) => hop.options());
      const before = liveConnections().length;
      const client = await inner.connect({ via });
      const { stdout } = await client.run('cat', { input: data, encoding: 'buffer' });
      expect(Buffer.compare(stdout, data)).toBe(0);
      expect(liveConnections().length).toBe(before + 3);
      await client.close();
      expect(liveConnections().length).toBe(before);
      const wrong = { ...middle.options(), verifyHostKey: pinnedHostKey(`SHA256:${'A'.repeat(43)}`) };
      await expect(inner.connect({ via: [outer.options(), wrong] })).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_NOT_PINNED',
        port: middle.port,
        message: expect.stringContaining('hop 2 of 2'),
      });
      await expect.poll(() => liveConnections().length).toBe(before);
    });

    it('is lost with the first of them, and says so', async () => {
      const { outer, middle } = servers;
      const first = await outer.connect();
      const second = await middle.connect({ via: first });
      const running = second.run('exec sleep 60');
      const rejected = expect(running).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
      first.destroy();
      await rejected;
      expect(await second.closed).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST', phase: 'connection' });
    });

    it('refuses like one that is near', async () => {
      await using first = await servers.outer.connect();
      await using closed = await ClosedPort.hold();
      const options = servers.middle.options({ via: first, port: closed.port });
      await expect(connect(options)).rejects.toMatchObject({
        code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
        channelOpenReason: 2,
      });
    });

    it('is let go of when the dial to it is aborted', async () => {
      await using first = await servers.outer.connect();
      const controller = new AbortController();
      const dial = servers.middle.connect({ via: first, signal: controller.signal });
      controller.abort(new Error('changed my mind'));
      await expect(dial).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED', origin: 'user' });
      await expect.poll(() => first.inspect().channels).toEqual([]);
    });
  },
  dropbear.needs,
);
