/**
 * The way through a proxy on real sockets: a web proxy by `node:http`, and SOCKS 5 with
 * a password; then what a proxy can do instead of its work.
 */
import { createServer as createHttpServer } from 'node:http';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { SocksServer, socksReplies } from '../../src/forwarding/socks/socksServer.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

let server: SshServer;
let port: number;

beforeAll(async () => {
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    exec: (process, command) => {
      process.stdout.end(command);
      return 0;
    },
  });
  ({ port } = await server.listen(0, '127.0.0.1'));
});

afterAll(() => server.close());

const listening = new Set<Server>();
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all([...listening].map((each) => new Promise((resolve) => each.close(resolve))));
  listening.clear();
  await nothingIsLeft();
});

async function listen(proxy: Server): Promise<number> {
  listening.add(proxy);
  proxy.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return (proxy.address() as AddressInfo).port;
}

function proxyThat(work: (socket: Socket) => void): Promise<number> {
  return listen(createTcpServer(work));
}

function join(one: Socket, other: Socket): void {
  sockets.add(other);
  for (const socket of [one, other]) socket.on('error', () => socket.destroy());
  one.pipe(other).pipe(one);
}

/** Connects wherever it is asked to, and tells what it was asked. */
async function webProxy(
  asked: (authority: string, credentials: string | undefined) => void,
): Promise<number> {
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket: Socket, head: Buffer) => {
    asked(request.url ?? '', request.headers['proxy-authorization']);
    const onward = connectTcp(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n');
      onward.write(head);
      join(socket, onward);
    });
  });
  return listen(proxy);
}

/** `cut` sends each answer a byte at a time. */
function socksProxy(asked: (host: string, port: number) => void, cut: boolean): Promise<number> {
  return proxyThat((socket) => {
    const core = new SocksServer({
      greetingLength: 1024,
      credentials: { username: 'me', password: 'p@ss:word' },
    });
    const say = (): void => {
      const bytes = core.takeOutput();
      if (bytes === undefined) return;
      if (cut) for (const byte of bytes) socket.write(Uint8Array.of(byte));
      else socket.write(bytes);
    };
    const hear = (chunk: Buffer): void => {
      core.receive(chunk);
      say();
      const { request } = core;
      if (request === undefined) return;
      socket.off('data', hear);
      asked(request.host, request.port);
      const onward = connectTcp(port, '127.0.0.1', () => {
        core.answer(socksReplies.succeeded);
        say();
        join(socket, onward);
      });
    };
    socket.on('data', hear);
  });
}

function dial(options: ConnectOptions): Promise<Client> {
  const shared = {
    host: 'far.example',
    username: 'ops',
    verifyHostKey: acceptAnyHostKey(),
    auth: ['none'] as const,
  };
  return connect({ ...shared, ...options });
}

async function works(options: ConnectOptions): Promise<void> {
  const client = await dial(options);
  expect((await client.run('through')).stdout).toBe('through');
  await client.close();
}

describe('a dial through a proxy', () => {
  it('RFC 9110 §9.3.6: asks a web proxy for the host by its name, with user and password', async () => {
    const asked: unknown[] = [];
    const at = await webProxy((...request) => asked.push(request));
    await works({ proxy: `http://127.0.0.1:${at}` });
    await works({ proxy: `HTTP://me:p%40ss@127.0.0.1:${at}/`, host: '::1', port: 2222 });
    expect(asked).toEqual([
      ['far.example:22', undefined],
      ['[::1]:2222', `Basic ${Buffer.from('me:p@ss').toString('base64')}`],
    ]);
  });

  it.each([false, true])('RFC 1928, RFC 1929: asks a SOCKS proxy (its answers in bytes: %j)', async (cut) => {
    const asked: unknown[] = [];
    const at = await socksProxy((...request) => asked.push(request), cut);
    await works({ proxy: `socks5://me:p%40ss%3Aword@127.0.0.1:${at}` });
    expect(asked).toEqual([['far.example', 22]]);
  });

  it('loses nothing that a server says in one piece with the answer of the proxy', async () => {
    const at = await proxyThat((socket) => {
      socket.once('data', () => {
        const onward = connectTcp(port, '127.0.0.1');
        onward.once('data', (first) => {
          socket.write(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), first]));
          join(socket, onward);
        });
      });
    });
    await works({ proxy: `http://127.0.0.1:${at}` });
  });
});

const failures: Readonly<
  Record<string, readonly [scheme: string, work: (socket: Socket) => void, message: RegExp]>
> = {
  'that refuses by SOCKS': [
    'socks5',
    (socket) => {
      socket.once('data', () => {
        socket.write(Uint8Array.of(5, 0));
        socket.once('data', () => socket.write(Uint8Array.of(5, 2, 0, 1, 0, 0, 0, 0, 0, 0)));
      });
    },
    /does not connect to far\.example:22: its rules forbid it/,
  ],
  'that refuses by HTTP': [
    'http',
    (socket) => socket.once('data', () => socket.write('HTTP/1.1 407 Authenticate\r\n\r\n')),
    /far\.example:22: it answered "HTTP\/1\.1 407 Authenticate"/,
  ],
  'that is an SSH server': [
    'http',
    (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
    /speaks no HTTP: "SSH-2\.0/,
  ],
  'that closes without an answer': [
    'socks5',
    (socket) => socket.end(),
    /closed the connection without an answer/,
  ],
  'that answers without end': [
    'http',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}`),
    /answered with more than 16384 bytes/,
  ],
};

describe('a proxy', () => {
  it.each(Object.entries(failures))(
    '%s is an error that names it, and not its password',
    async (_name, failure) => {
      const [scheme, work, message] = failure;
      const at = await proxyThat(work);
      const error = await dial({ proxy: `${scheme}://me:hunter2@127.0.0.1:${at}` }).catch(
        (cause: unknown) => cause,
      );
      expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect', origin: 'network' });
      expect(String(error)).toMatch(message);
      expect(String(error)).toContain(`${scheme}://127.0.0.1:${at}`);
      expect(String(error)).not.toContain('hunter2');
    },
  );

  it('that nobody listens as is said to refuse', async () => {
    await using closed = await ClosedPort.hold();
    const at = closed.port;
    await expect(dial({ proxy: `socks5://127.0.0.1:${at}` })).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECT',
      message: expect.stringContaining(`the proxy socks5://127.0.0.1:${at}: connection refused`),
    });
  });

  it.each(['socks5', 'http'])(
    'that keeps silent (%s) costs no more than the deadline, and is named',
    async (scheme) => {
      let heard: (() => void) | undefined;
      const wasHeard = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const at = await proxyThat((socket) => socket.once('data', () => heard?.()));
      const outcome = dial({ proxy: `${scheme}://127.0.0.1:${at}`, timeouts: { connect: 300 } }).catch(
        (cause: unknown) => cause,
      );
      await wasHeard;
      const waits = liveConnections().flatMap((each) =>
        each.snapshot().waits.map(({ waitingFor }) => waitingFor),
      );
      expect(waits).toContain(`${scheme}://127.0.0.1:${at} to connect to far.example:22`);
      expect(await outcome).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'connect',
        message: expect.stringContaining(`the proxy ${scheme}://127.0.0.1:${at} does not answer`),
      });
    },
  );

  it('that keeps silent is left at once when the dial is aborted', async () => {
    const abort = new AbortController();
    const at = await proxyThat((socket) => socket.once('data', () => abort.abort()));
    await expect(dial({ proxy: `socks5://127.0.0.1:${at}`, signal: abort.signal })).rejects.toMatchObject({
      code: 'ERR_SSH_ABORTED',
    });
  });
});

describe('the option proxy', () => {
  it.each([
    ['', /proxy must be/],
    ['127.0.0.1:1080', /takes socks5:\/\//],
    ['https://me:hunter2@proxy', /not https:\/\//],
    ['socks5://', /takes socks5:\/\//],
    ['socks5://host:0', /port from 1 to 65535/],
    ['socks5://host:70000', /port from 1 to 65535/],
    ['socks5://host/path', /takes socks5:\/\//],
    ['socks5://:hunter2@host', /no user before/],
    ['socks5://me:hunter2%@host', /percent-encoded/],
    [`socks5://me:hunter2${'x'.repeat(250)}@host`, /255 bytes at most/],
    ['http://a%3Ab:hunter2@host', /no user whose name has a colon/],
  ])('refuses %j and repeats no password', async (proxy, message) => {
    const error = await dial({ proxy }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('hunter2');
  });

  it('does not go with stream or via', async () => {
    const client = await dial({ host: '127.0.0.1', port });
    await expect(dial({ proxy: 'socks5://h', via: client })).rejects.toThrow(
      'via and proxy exclude each other',
    );
    await client.close();
  });
});
