/**
 * Requests of HTTP through a server, by `http`, `https` and `fetch`; and the stream of `openTcp`
 * where a program expects a socket.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { nothingIsLeft } from '../support/servers/index.ts';
import { uncaughtIn } from '../support/uncaught.ts';

const folder = mkdtempSync(join(tmpdir(), 'agent-'));
let server: SshServer;
let web: Server;
let secure: Server;
let credentials: { readonly key: Buffer; readonly cert: Buffer };
let ports: { readonly ssh: number; readonly web: number; readonly secure: number };
const led: string[] = [];

const listening = async (one: { listen: Server['listen']; address: Server['address'] }): Promise<number> => {
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  return (one.address() as { port: number }).port;
};

beforeAll(async () => {
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=web.internal', '-addext', 'subjectAltName=DNS:web.internal'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  credentials = { key: readFileSync(key), cert: readFileSync(cert) };
  const serve =
    (how: string): Parameters<typeof createHttpServer>[1] =>
    (request, answer) => {
      const hash = createHash('sha256');
      request.on('data', (chunk) => hash.update(chunk as Buffer));
      request.on('end', () =>
        answer.end(
          `${how} ${request.method} ${request.headers.host} ${request.url} ${hash.digest('hex').slice(0, 8)}`,
        ),
      );
    };
  web = createHttpServer(serve('plain'));
  secure = createHttpsServer(credentials, serve('secure'));
  const [webPort, securePort] = [await listening(web), await listening(secure)];
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    forwarding: {
      local: ({ host, port }) => {
        led.push(`${host}:${port}`);
        if (host === 'never.answers') return new Promise(() => {});
        if (host === 'web.internal') return { host: '127.0.0.1', port: port === 443 ? securePort : webPort };
        return true;
      },
    },
  });
  ports = { ssh: (await server.listen()).port, web: webPort, secure: securePort };
});

afterAll(async () => {
  await server.close();
  for (const one of [web, secure]) {
    one.closeAllConnections();
    one.close();
  }
  rmSync(folder, { recursive: true });
});

afterEach(nothingIsLeft);

const dial = (timeouts: { readonly connect?: number } = {}): Promise<Client> =>
  connect({
    timeouts,
    host: '127.0.0.1',
    port: ports.ssh,
    username: 'ops',
    auth: ['none'],
    verifyHostKey: acceptAnyHostKey(),
  });

function answerTo(request: typeof httpRequest, url: string, options: object, body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('end', () => resolve(text));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

describe('httpAgent', () => {
  it('takes requests of both protocols to where they go, whose names the server looks up', async () => {
    await using client = await dial();
    const agent = client.httpAgent();
    const body = 'x'.repeat(300_000);
    for (let i = 0; i < 3; i++) {
      expect(await answerTo(httpRequest, 'http://web.internal/a?b', { agent }, body)).toBe(
        `plain POST web.internal /a?b ${hash(body)}`,
      );
      expect(
        await answerTo(httpsRequest, 'https://web.internal/', { agent, ca: credentials.cert }, body),
      ).toBe(`secure POST web.internal / ${hash(body)}`);
    }
    // Connections are kept for the next request.
    expect(led.splice(0)).toEqual(['web.internal:80', 'web.internal:443']);
    await expect(
      answerTo(httpsRequest, 'https://web.internal/', { agent: client.httpAgent() }),
    ).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    agent.destroy();
    await expect.poll(() => client.inspect().channels).toEqual([]);
    led.length = 0;
  });

  it('takes all of them to one place, also a unix socket', async () => {
    const path = join(folder, 'web.sock');
    const local = createHttpServer((request, answer) => void answer.end(`on a socket: ${request.url}`));
    await new Promise<void>((resolve) => local.listen(path, resolve));
    await using client = await dial();
    const there = client.httpAgent({ host: '127.0.0.1', port: ports.web });
    expect(await answerTo(httpRequest, 'http://any.name/x', { agent: there })).toContain(
      'plain POST any.name /x',
    );
    const socket = client.httpAgent({ path }, { maxSockets: 1 });
    const answers = Array.from({ length: 5 }, (_, i) =>
      answerTo(httpRequest, `http://docker/${i}`, { agent: socket }),
    );
    expect(await Promise.all(answers)).toEqual([0, 1, 2, 3, 4].map((i) => `on a socket: /${i}`));
    for (const agent of [there, socket]) agent.destroy();
    local.closeAllConnections();
    await new Promise((resolve) => local.close(resolve));
  });

  it('has a dispatcher for fetch', async () => {
    await using client = await dial();
    const agent = client.httpAgent();
    expect(agent.dispatcher).toBeDefined();
    const fetched = async (url: string, body?: string): Promise<string> => {
      const options = { method: 'POST', body: body ?? null, dispatcher: agent.dispatcher };
      return (await fetch(url, options as RequestInit)).text();
    };
    expect(await fetched('http://web.internal/f', 'hello')).toBe(
      `plain POST web.internal /f ${hash('hello')}`,
    );
    expect(await fetched(`http://127.0.0.1:${ports.web}/`)).toContain(`plain POST 127.0.0.1:${ports.web} /`);
    await expect(fetched('https://web.internal/')).rejects.toMatchObject({
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
    agent.destroy();
  });

  it('fails a request as openTcp fails, and all of them once the connection is over', async () => {
    const client = await dial();
    const agent = client.httpAgent();
    await using nobody = await ClosedPort.hold();
    await expect(answerTo(httpRequest, `http://127.0.0.1:${nobody.port}/`, { agent })).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
    });
    await client.close();
    await expect(answerTo(httpRequest, 'http://web.internal/', { agent })).rejects.toMatchObject({
      code: 'ERR_SSH_CLOSED',
    });
    expect(() => client.httpAgent({ host: 'x', port: 0 })).toThrow('to.port must be a whole number from 1');
  });
});

/** A program behind the server that takes connections and never speaks. */
async function silence(): Promise<{ readonly port: number; readonly end: () => Promise<void> }> {
  const held = new Set<Socket>();
  const silent = createTcpServer((socket: Socket) => {
    held.add(socket.resume().on('error', () => {}));
    socket.on('close', () => held.delete(socket));
  });
  const port = await listening(silent as unknown as Server);
  const end = async (): Promise<void> => {
    await expect.poll(() => held.size).toBe(0);
    await new Promise((resolve) => silent.close(resolve));
  };
  return { port, end };
}

/** Channels, without those that were given up and that the server has not answered: nobody can take back a question. */
const channelsOf = (client: Client): readonly unknown[] =>
  client.inspect().channels.filter(({ state }) => state !== 'opening');

describe('a request whose connection is not made', () => {
  const kinds = [
    ['http', httpRequest],
    ['https', httpsRequest],
  ] as const;

  it.each(kinds)(
    '%s: ends by its timeout and by its abort, as with an agent of Node’s own',
    async (scheme, request) => {
      const { port, end } = await silence();
      // Either the server does not answer, or nobody does behind it.
      for (const host of ['127.0.0.1', 'never.answers']) {
        await using client = await dial();
        const agent = client.httpAgent();
        const abort = new AbortController();
        const timed = new Promise<Error>((resolve) => {
          const asked = request(`${scheme}://${host}:${port}/`, { agent, timeout: 20 });
          asked.on('timeout', () => asked.destroy(new Error('too long')));
          asked.on('error', resolve);
          asked.end();
        });
        const aborted = answerTo(request, `${scheme}://${host}:${port}/`, { agent, signal: abort.signal });
        expect((await timed).message).toBe('too long');
        abort.abort();
        await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
        await expect.poll(() => channelsOf(client)).toEqual([]);
        expect(
          client.inspect().waits.filter(({ name }) => name === 'connect' || name === 'channelOpen'),
        ).toEqual([]);
      }
      await end();
    },
  );

  it('ends its handshake of TLS by a deadline, by `https` and by `fetch`, and no process by that', async () => {
    const { port, end } = await silence();
    const { exceptions, rejections } = await uncaughtIn(async () => {
      await using client = await dial({ connect: 50 });
      const agent = client.httpAgent();
      const url = `https://127.0.0.1:${port}/`;
      const late = {
        ...{ code: 'ERR_SSH_TIMEOUT', waitingFor: 'connect', host: '127.0.0.1', port: ports.ssh },
        message: expect.stringContaining(`the TLS handshake with 127.0.0.1:${port}`),
      };
      await expect(answerTo(httpsRequest, url, { agent })).rejects.toMatchObject(late);
      await expect(fetch(url, { dispatcher: agent.dispatcher } as RequestInit)).rejects.toMatchObject({
        cause: late,
      });
      await expect.poll(() => channelsOf(client)).toEqual([]);
    });
    expect([exceptions, rejections]).toEqual([[], []]);
    await end();
  });

  it('ends with its agent, whatever it waits for', async () => {
    const { port, end } = await silence();
    await using client = await dial();
    const agent = client.httpAgent();
    const requests = ['127.0.0.1', 'never.answers'].flatMap((host) => [
      answerTo(httpRequest, `http://${host}:${port}/`, { agent }),
      answerTo(httpsRequest, `https://${host}:${port}/`, { agent }),
    ]);
    const outcomes = Promise.allSettled(requests);
    await expect.poll(() => client.inspect().channels).toHaveLength(4);
    agent.destroy();
    for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
    await expect.poll(() => channelsOf(client)).toEqual([]);
    await end();
  });

  it('says to which server that happened', async () => {
    await using client = await dial();
    await using nobody = await ClosedPort.hold();
    for (const [scheme, request] of kinds) {
      const url = `${scheme}://127.0.0.1:${nobody.port}/`;
      await expect(answerTo(request, url, { agent: client.httpAgent() })).rejects.toMatchObject({
        ...{ code: 'ERR_SSH_CHANNEL_OPEN_FAILED', host: '127.0.0.1', port: ports.ssh },
      });
    }
  });
});

describe('a connection that is kept for the next request', () => {
  it('is kept no longer than the other side keeps it', async () => {
    await using client = await dial();
    const agent = client.httpAgent();
    for (let round = 0; round < 3; round++) {
      expect(await answerTo(httpRequest, 'http://web.internal/', { agent })).toContain('plain');
      expect(
        await answerTo(httpsRequest, 'https://web.internal/', { agent, ca: credentials.cert }),
      ).toContain('secure');
      await expect.poll(() => Object.values(agent.freeSockets).flat()).toHaveLength(2);
      web.closeIdleConnections();
      secure.closeIdleConnections();
      await expect.poll(() => Object.values(agent.freeSockets).flat()).toEqual([]);
      await expect.poll(() => client.inspect().channels).toEqual([]);
    }
    agent.destroy();
    led.length = 0;
  });

  it('is told of no name where it leads to an address', async () => {
    const warnings: Error[] = [];
    const heard = (warning: Error): void => void warnings.push(warning);
    process.on('warning', heard);
    await using client = await dial();
    const agent = client.httpAgent();
    await expect(
      fetch(`https://127.0.0.1:${ports.secure}/`, { dispatcher: agent.dispatcher } as RequestInit),
    ).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', heard);
    expect(warnings).toEqual([]);
    agent.destroy();
  });
});

describe('the stream of openTcp', () => {
  it('does what a driver of a database asks of a socket', async () => {
    const echo = createTcpServer({ allowHalfOpen: true }, (socket: Socket) => void socket.pipe(socket));
    const port = await listening(echo as unknown as Server);
    await using client = await dial();
    const stream = await client.openTcp('127.0.0.1', port);
    expect(stream).toMatchObject({
      remoteAddress: '127.0.0.1',
      remotePort: port,
      remoteFamily: 'IPv4',
      connecting: false,
      pending: false,
      readyState: 'open',
    });
    // As pg does it: it is handed a stream, and has it connect.
    const told: string[] = [];
    stream.setNoDelay(true).setKeepAlive(true, 1000).ref().unref();
    stream.once('connect', () => told.push('connect'));
    stream.connect(5432, 'db', () => told.push('callback'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['callback', 'connect'].sort().reverse());
    stream.write('abc');
    stream.write(Buffer.alloc(1000));
    let received = 0;
    while (received < 1003)
      received += ((await new Promise((resolve) => stream.once('data', resolve))) as Buffer).length;
    expect([stream.bytesRead, stream.bytesWritten]).toEqual([1003, 1003]);
    // Nothing comes for so long; nothing is closed by that.
    await new Promise<void>((resolve) => stream.setTimeout(30, resolve));
    expect(stream.readyState).toBe('open');
    stream.setTimeout(0);
    stream.destroySoon();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.readyState).toBe('closed');
    await new Promise((resolve) => echo.close(resolve));
  });

  it('ends with the other side where that is wanted, and may be written to behind its end where not', async () => {
    const said: string[] = [];
    const server = createTcpServer({ allowHalfOpen: true }, (socket: Socket) => {
      socket.on('data', (chunk) => said.push(String(chunk)));
      socket.end('goodbye');
    });
    const port = await listening(server as unknown as Server);
    await using client = await dial();
    const whole = await client.openTcp('127.0.0.1', port, { allowHalfOpen: false });
    whole.resume();
    await new Promise((resolve) => whole.once('close', resolve));
    await expect.poll(() => client.inspect().channels).toEqual([]);
    const half = await client.openTcp('127.0.0.1', port);
    half.resume();
    await new Promise((resolve) => half.once('end', resolve));
    expect(half.writable).toBe(true);
    half.end('and you');
    await expect.poll(() => said.join('')).toBe('and you');
    await expect.poll(() => client.inspect().channels).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });

  it('fails a write behind its own end by its callback alone, and cuts nothing: so TLS says goodbye', async () => {
    let received = 0;
    const server = createTcpServer((socket: Socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
    });
    const port = await listening(server as unknown as Server);
    await using client = await dial();
    const stream = await client.openTcp('127.0.0.1', port);
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.resume();
    stream.write(Buffer.alloc(1_000_000));
    stream.end();
    const late = await new Promise((resolve) => {
      expect(stream.write('late', resolve)).toBe(false);
    });
    expect(late).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED', origin: 'user' });
    await new Promise((resolve) => stream.once('close', resolve));
    expect([received, errors]).toEqual([1_000_000, []]);
    await new Promise((resolve) => server.close(resolve));
  });

  it('carries TLS, as drivers put it over a socket', async () => {
    const server = createTlsServer(credentials, (socket) => void socket.pipe(socket));
    const port = await listening(server as unknown as Server);
    await using client = await dial();
    const stream = await client.openTcp('127.0.0.1', port);
    const secured = tlsConnect({ socket: stream, servername: 'web.internal', ca: credentials.cert });
    await new Promise((resolve) => secured.once('secureConnect', resolve));
    const data = Buffer.alloc(500_000, 'tls');
    secured.write(data);
    const parts: Buffer[] = [];
    for await (const chunk of secured) {
      parts.push(chunk as Buffer);
      if (Buffer.concat(parts).length >= data.length) break;
    }
    expect(Buffer.compare(Buffer.concat(parts), data)).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});
