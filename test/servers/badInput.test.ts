/**
 * What goes wrong at a real server: each a typed error with its code and phase,
 * a message a person can act on, and nothing left open.
 */
import { readFileSync } from 'node:fs';
import { type Socket, connect as tcpConnect } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { type ConnectOptions, connect, SshError } from '../../src/entry/index.ts';
import {
  describeEachServer,
  describeServer,
  makeOpenSshKey,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

/** The error of a dial that must fail. */
async function failureOf(options: ConnectOptions): Promise<SshError> {
  try {
    await (await connect(options)).close();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('the dial succeeded');
}

describeEachServer('bad credentials', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab(), { userKeys: ['ed25519'] });
  }, setupTimeout);

  it('of a password are told without the password', async () => {
    const error = await failureOf({ ...server.anonymous(), password: 'open sesame' });
    expect(error).toMatchObject({
      code: 'ERR_SSH_AUTHENTICATION_FAILED',
      phase: 'authentication',
      origin: 'peer',
    });
    expect(error.message).toMatch(/the server accepts .*password.*tried: password/);
    expect(error.message).not.toContain('sesame');
  });

  it('of a key are told with its fingerprint', async () => {
    const error = await failureOf(server.options({}, 'ecdsa256'));
    expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED', phase: 'authentication' });
    expect(error.message).toContain(lab().userKeys.of('ecdsa256').fingerprint);
  });

  it('of a user whom nobody knows are told like any other', async () => {
    const error = await failureOf({ ...server.options(), username: 'no-such-user', timeout: 20_000 });
    expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED', phase: 'authentication' });
  });

  it('missing altogether are told with what the server accepts', async () => {
    const error = await failureOf(server.anonymous());
    expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED', phase: 'authentication' });
    expect(error.message).toMatch(/the server accepts .*publickey/);
  });
});

describeServer('a private key', openSsh, (lab) => {
  let server: TestServer;
  let encrypted: Buffer;
  beforeAll(async () => {
    server = await startOpenSsh(lab());
    const path = lab().newPath();
    makeOpenSshKey('ed25519', path, { passphrase: 'right', extra: ['-a', '4'] });
    encrypted = readFileSync(path);
  }, setupTimeout);

  const keyOptions = (privateKey: string | Uint8Array, passphrase?: string): ConnectOptions => ({
    ...server.anonymous(),
    privateKey,
    passphrase,
  });

  it('that is none is refused before anybody is called', async () => {
    for (const text of ['', 'not a key', lab().userKeys.of('rsa').publicLine]) {
      const error = await failureOf(keyOptions(text));
      expect(error).toMatchObject({ code: 'ERR_SSH_KEY_FORMAT', phase: 'options', origin: 'user' });
    }
    expect(server.process.recentLog).toBe('');
  });

  it('that was cut is refused', async () => {
    const text = lab().userKeys.textOf('rsa');
    const lines = text.split('\n');
    const cut = [...lines.slice(0, 5), ...lines.slice(-2)].join('\n');
    const error = await failureOf(keyOptions(cut));
    expect(error).toMatchObject({ code: 'ERR_SSH_KEY_FORMAT', phase: 'options' });
  });

  it('that is encrypted needs its passphrase, and says so', async () => {
    const missing = await failureOf(keyOptions(encrypted));
    expect(missing).toMatchObject({ code: 'ERR_SSH_KEY_PASSPHRASE', phase: 'options', origin: 'user' });
    expect(missing.message).toMatch(/passphrase/);
    const wrong = await failureOf(keyOptions(encrypted, 'wrong'));
    expect(wrong).toMatchObject({ code: 'ERR_SSH_KEY_PASSPHRASE', phase: 'options', origin: 'user' });
    expect(wrong.message).not.toContain("wrong'");
  });
});

describeServer('a server that will not', openSsh, (lab) => {
  const start = (config: Readonly<Record<string, string | number>>): Promise<TestServer> =>
    startOpenSsh(lab(), { config });

  it('share an algorithm is told apart by kind, with both lists', async () => {
    const server = await start({ Ciphers: 'aes128-cbc', KexAlgorithms: 'curve25519-sha256' });
    const error = await failureOf(server.options());
    expect(error).toMatchObject({
      code: 'ERR_SSH_NO_COMMON_ALGORITHM',
      phase: 'keyExchange',
      origin: 'peer',
    });
    expect(error.message).toMatch(
      /cipher.*this side offers aes128-gcm@openssh\.com.*the peer offers aes128-cbc/,
    );
    await server.stop();
  });

  it('hear another key is left with its own words', async () => {
    const server = await start({ MaxAuthTries: 2 });
    const privateKey = Array.from({ length: 3 }, () => {
      const path = lab().newPath();
      makeOpenSshKey('ed25519', path);
      return readFileSync(path);
    });
    const error = await failureOf({ ...server.anonymous(), privateKey });
    expect(error).toMatchObject({
      code: 'ERR_SSH_DISCONNECTED',
      phase: 'authentication',
      origin: 'peer',
      disconnectReason: 2,
    });
    expect(error.message).toContain('Too many authentication failures');
    await server.stop();
  });

  it('take another connection is quoted', async () => {
    const server = await start({ MaxStartups: 1 });
    const waiting = await loiter(server);
    const error = await failureOf(server.options());
    expect(error).toMatchObject({ phase: 'identification' });
    // Older ones only hang up.
    const expected = error.message.includes('MaxStartups')
      ? { code: 'ERR_SSH_IDENTIFICATION', origin: 'peer' }
      : { code: 'ERR_SSH_CONNECTION_LOST', origin: 'network' };
    expect(error).toMatchObject(expected);
    waiting.destroy();
    await server.stop();
  });

  it('wait for a login any longer', async () => {
    const server = await start({ LoginGraceTime: 1 });
    const password = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 3_000, 'late'));
    const error = await failureOf({ ...server.anonymous(), password });
    expect(error.phase).toBe('authentication');
    expect(['ERR_SSH_CONNECTION_LOST', 'ERR_SSH_DISCONNECTED']).toContain(error.code);
    await server.stop();
  });

  it('forward says so, and goes on', async () => {
    const server = await start({ DisableForwarding: 'yes' });
    await using client = await server.connect();
    const refused = { code: 'ERR_SSH_CHANNEL_OPEN_FAILED', phase: 'connection', channelOpenReason: 1 };
    await expect(client.openTcp('127.0.0.1', 1)).rejects.toMatchObject(refused);
    await expect(client.openUnix('/nowhere')).rejects.toMatchObject({ ...refused, channelOpenReason: 2 });
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
  });

  it('give a terminal says so', async () => {
    const server = await start({ PermitTTY: 'no' });
    await using client = await server.connect();
    await expect(client.shell()).rejects.toMatchObject({
      code: 'ERR_SSH_REQUEST_FAILED',
      message: expect.stringContaining('pty-req'),
    });
    expect((await client.run('echo still here')).stdout).toBe('still here\n');
  });
});

describeEachServer('a connection that is lost', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  it('rejects everything that was under way with one and the same cause', async () => {
    const client = await server.connect();
    const processes = [await client.exec('exec sleep 60'), await client.exec('exec cat')];
    const pending: Promise<unknown>[] = [
      client.run('exec sleep 60'),
      client.run('exec sleep 60', { timeout: 50_000 }),
      client.run('exec cat', { input: new Uint8Array(64 * 1024 * 1024) }),
      ...processes.map(({ exit }) => exit),
    ];
    server.process.killConnections();
    pending.push(client.run('too late to be sent'), client.rekey(), client.ping());
    const causes = await Promise.all(
      pending.map((call) => Promise.resolve(call).then(succeeded, (error: unknown) => error)),
    );
    const cause = await client.closed;
    expect(cause).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST', phase: 'connection', origin: 'network' });
    expect(new Set(causes)).toEqual(new Set([cause]));
    // So does everything that is tried afterwards.
    await expect(client.run('echo')).rejects.toBe(cause);
    await expect(client.exec('echo')).rejects.toBe(cause);
    await expect(client.openTcp('127.0.0.1', 1)).rejects.toBe(cause);
    await expect(client.ping()).rejects.toBe(cause);
    await expect(client.rekey()).rejects.toBe(cause);
    await client.close();
  });

  it('destroys the streams of its processes with that cause, after what had come', async () => {
    const client = await server.connect();
    const remote = await client.exec('echo before; exec sleep 60');
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const chunk of remote.stdout) {
        chunks.push(String(chunk));
        server.process.killConnections();
      }
    })();
    const failure = await reading.catch((error: unknown) => error);
    expect(chunks).toEqual(['before\n']);
    expect(failure).toBe(await client.closed);
    expect(remote.stdin.destroyed).toBe(true);
  });

  it('does not look like the exit of a command', async () => {
    const client = await server.connect();
    const run = client.run('echo started; exec sleep 60');
    await expect.poll(() => client.inspect().channels[0]?.bytesReceived ?? 0).toBeGreaterThan(0);
    server.process.killConnections();
    await expect(run).rejects.toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
  });

  it('is the end of a connection that its server says goodbye to', async () => {
    const own = await kind.start(lab());
    const client = await own.connect();
    const failure = client.run('exec sleep 60').catch((error: unknown) => error);
    await own.stop();
    const cause = await failure;
    expect(cause).toBe(await client.closed);
    expect(['ERR_SSH_CONNECTION_LOST', 'ERR_SSH_DISCONNECTED']).toContain((cause as SshError).code);
  });
});

/** A connection that was let in and says nothing; tried again while another one is still being let go. */
async function loiter(server: TestServer): Promise<Socket> {
  for (;;) {
    const socket = tcpConnect(server.port, server.host);
    const first = await new Promise<Buffer | undefined>((resolve) => {
      socket.once('data', resolve);
      socket.once('close', () => resolve(undefined));
    });
    if (first?.toString('latin1').startsWith('SSH-') === true) return socket;
    socket.destroy();
  }
}

function succeeded(): never {
  throw new Error('a call outlived its connection');
}
