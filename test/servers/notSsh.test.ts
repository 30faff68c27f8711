/**
 * Peers that are no SSH servers, or none that stays: web servers, TLS, mail
 * servers, silence, hanging up, nobody at all.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type ConnectOptions, connect, SshError } from '../../src/entry/index.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

const listening: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(listening.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await nothingIsLeft();
});

/** Port of a server that has begun to listen; it ends with the test. */
async function listen(server: Server): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  listening.push(server);
  return (server.address() as { readonly port: number }).port;
}

/** Port of a server that treats each connection so. */
function listenWith(greet: (socket: Socket) => void): Promise<number> {
  return listen(createServer(greet));
}

/** Resets a connection as soon as its peer has spoken. */
function reset(socket: Socket): void {
  socket.once('data', () => socket.resetAndDestroy());
}

async function failureAt(port: number, options: ConnectOptions = {}): Promise<SshError> {
  const dial = connect({
    host: '127.0.0.1',
    port,
    username: 'nobody',
    verifyHostKey: acceptAnyHostKey(),
    ...options,
  });
  const error: unknown = await dial.then(
    () => new Error('the dial succeeded'),
    (failure: unknown) => failure,
  );
  if (error instanceof SshError) return error;
  throw error;
}

const noSsh = { code: 'ERR_SSH_IDENTIFICATION', phase: 'identification', origin: 'peer' };
const hungUp = { code: 'ERR_SSH_CONNECTION_LOST', phase: 'identification', origin: 'network' };

describe('a peer that is no SSH server', () => {
  it('but a web server is quoted', async () => {
    const error = await failureAt(await listen(createHttpServer()));
    expect(error).toMatchObject(noSsh);
    expect(error.message).toContain('HTTP/1.1 400 Bad Request');
    expect(error.message).toContain('is it an SSH server?');
  });

  it('but a TLS server is one that ends the connection, with the alert it sent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dlssh-tls-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const subject = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=localhost'];
    const args = ['req', '-x509', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject];
    execFileSync('openssl', args, { stdio: 'ignore' });
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
    rmSync(folder, { recursive: true });
    server.on('tlsClientError', () => {});
    const error = await failureAt(await listen(server));
    expect(error.phase).toBe('identification');
    expect(['ERR_SSH_IDENTIFICATION', 'ERR_SSH_CONNECTION_LOST']).toContain(error.code);
  });

  it('but a mail server runs into the deadline, with what it said', async () => {
    const port = await listenWith((socket) => socket.write('220 mail.example ESMTP\r\n'));
    const error = await failureAt(port, { timeouts: { identification: 200 } });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'identification',
      origin: 'deadline',
      waitingFor: 'identification',
      deadline: 200,
    });
    expect(error.message).toContain('220 mail.example ESMTP');
  });

  it('but an escape artist is quoted without his escapes', async () => {
    const port = await listenWith((socket) => socket.end('\u001b]0;owned\u0007\u001b[2J\u202egnp\r\n'));
    const error = await failureAt(port);
    expect(error).toMatchObject(noSsh);
    expect(error.message).toContain('\\x1b]0;owned\\x07\\x1b[2J');
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('and talks for ever is stopped by a limit', async () => {
    const port = await listenWith((socket) => {
      const talk = (): void => {
        while (socket.writable && socket.write('one more line before I identify myself\r\n'));
      };
      socket.on('drain', talk);
      talk();
    });
    const error = await failureAt(port);
    expect(error).toMatchObject({ phase: 'identification', origin: 'peer' });
    expect(['ERR_SSH_IDENTIFICATION', 'ERR_SSH_LIMIT']).toContain(error.code);
  });

  it.each(['SSH-1.5-old\r\n', 'SSH-3.0-new\r\n', 'SSH-2.0\r\n', `SSH-2.0-${'x'.repeat(300)}\r\n`])(
    'of a version we speak is refused: %j',
    async (line) => {
      const error = await failureAt(await listenWith((socket) => socket.write(line)));
      expect(error).toMatchObject(noSsh);
    },
  );

  it('and sends noise in place of packets is refused', async () => {
    const noise = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 73 + 41) & 0xff));
    const port = await listenWith((socket) => {
      socket.write('SSH-2.0-noise\r\n');
      socket.write(noise);
    });
    const error = await failureAt(port);
    expect(error).toMatchObject({ code: 'ERR_SSH_PACKET', phase: 'keyExchange', origin: 'peer' });
  });
});

describe('a peer that says nothing', () => {
  it('runs into the deadline of the identification', async () => {
    const error = await failureAt(await listenWith(() => {}), { timeouts: { identification: 150 } });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'identification',
      waitingFor: 'identification',
      bytesReceived: 0,
    });
    expect(error.message).toContain('it sent nothing');
  });

  it('runs into the deadline of the dial where that is sooner', async () => {
    const error = await failureAt(await listenWith(() => {}), { timeout: 150 });
    expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification', deadline: 150 });
  });

  it('after it identified itself runs into the deadline of the key exchange', async () => {
    const port = await listenWith((socket) => socket.write('SSH-2.0-silent\r\n'));
    const error = await failureAt(port, { timeouts: { keyExchange: 150 } });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'keyExchange',
      waitingFor: 'keyExchange',
      remoteIdentification: 'SSH-2.0-silent',
    });
  });

  it('gains nothing by dripping a byte now and then', async () => {
    const port = await listenWith((socket) => {
      const drip = setInterval(() => socket.write('.'), 20);
      socket.once('close', () => clearInterval(drip));
    });
    const error = await failureAt(port, { timeouts: { identification: 300 } });
    expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification' });
    expect(error.elapsed).toBeLessThan(2_000);
  });
});

describe('a peer that hangs up', () => {
  it('at once is told from one that speaks something else', async () => {
    const error = await failureAt(await listenWith((socket) => socket.end()));
    expect(error).toMatchObject(hungUp);
    expect(error.message).toContain('without a word');
  });

  it('with a reset is no other, but for the cause', async () => {
    const error = await failureAt(await listenWith(reset));
    expect(error).toMatchObject(hungUp);
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
  });

  it('after it identified itself is lost in the key exchange', async () => {
    const error = await failureAt(await listenWith((socket) => socket.end('SSH-2.0-brief\r\n')));
    expect(error).toMatchObject({
      code: 'ERR_SSH_CONNECTION_LOST',
      phase: 'keyExchange',
      origin: 'network',
      remoteIdentification: 'SSH-2.0-brief',
    });
  });
});

describe('nobody', () => {
  it('at the port is told as the system tells it', async () => {
    await using closed = await ClosedPort.hold();
    const { port } = closed;
    const error = await failureAt(port);
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect', origin: 'network' });
    expect(error.message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*ECONNREFUSED`));
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('of that name is told as the system tells it', async () => {
    const error = await failureAt(22, { host: 'no-such-host.invalid' });
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect' });
    expect(error.message).toContain('no-such-host.invalid');
  });
});
