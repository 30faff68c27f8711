/**
 * The main paths of the built package, as plain Node runs it: what a bundler, a
 * split into files or code that is loaded late could break.
 *
 * Owns: these paths, on a server of the same package and on loopback.
 * Must not know: the sources.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, dist } from './built.ts';

const { acceptAnyHostKey, connect, knownHosts, pinnedHostKey, runOnAll, SshError } = await built('index');
const { createServer } = await built('server');
const keys = await built('keys');
const diagnostics = await built('diagnostics');
const protocol = await built('protocol');

type Options = Parameters<typeof connect>[0];
type Client = Awaited<ReturnType<typeof connect>>;

const userKey = keys.generateKey('ed25519');
const hostKeys = [
  keys.generateKey('ed25519'),
  keys.generateKey('ecdsa'),
  keys.generateKey('rsa', { bits: 2048 }),
];
/** A place for forwarded connections: says what it hears. */
const place = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
let server: Awaited<ReturnType<typeof createServer>>;
let port = 0;
let placePort = 0;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-smoke-'));
  place.listen(0, '127.0.0.1');
  await once(place, 'listening');
  placePort = (place.address() as AddressInfo).port;
  server = await createServer({
    hostKeys,
    algorithms: {
      kex: Object.keys(protocol.kexMethods),
      hostKey: 'legacy',
      cipher: 'legacy',
      mac: Object.keys(protocol.macs),
    },
    authentication: {
      password: (username, password) => username === 'ops' && password === 'secret',
      publicKey: (username, key) => username === 'ops' && key.type.startsWith('ssh-'),
      keyboardInteractive: async (_username, ask) => {
        const [answer] = await ask({ prompts: [{ prompt: 'Word: ', echo: false }] });
        return answer === 'word';
      },
    },
    exec: async (process, command) => {
      if (command === 'cat') for await (const chunk of process.stdin) process.stdout.write(chunk);
      else if (command === 'wait')
        await new Promise((resolve) => process.signal.addEventListener('abort', resolve));
      else process.stdout.write(`${command} ${process.env.get('NAME') ?? ''}`);
      process.stderr.write('told');
      return 7;
    },
    shell: (process) => {
      process.stdout.write(`${process.terminal?.term} ${process.terminal?.columns}`);
      return 0;
    },
    subsystems: {
      echo: async (process) => {
        for await (const chunk of process.stdin) process.stdout.write(chunk);
        return 0;
      },
    },
    openTcp: (request) =>
      [port, placePort].includes(request.port) ? netConnect(request.port, '127.0.0.1') : undefined,
  });
  ({ port } = await server.listen());
});

afterAll(async () => {
  await server?.close();
  place.close();
  if (folder !== '') rmSync(folder, { recursive: true });
});

function dial(options: Partial<Options> = {}): Promise<Client> {
  return connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    privateKey: userKey,
    verifyHostKey: acceptAnyHostKey(),
    timeout: 20_000,
    ...options,
  });
}

const blobOf = (key: ReturnType<typeof keys.generateKey>): Uint8Array => keys.encodePublicKey(key.publicKey);
const echoed = async (client: Client): Promise<string> =>
  (await client.run('cat', { input: 'hello' })).stdout;

describe('the built client', () => {
  it('runs commands, with input, environment and status', async () => {
    await using client = await dial();
    expect(await client.run('say', { env: { NAME: 'me' } })).toMatchObject({
      stdout: 'say me',
      stderr: 'told',
      code: 7,
    });
    const bytes = new Uint8Array(300_000).map((_, i) => i);
    const { stdout } = await client.run('cat', { input: bytes, encoding: 'buffer' });
    expect(Buffer.compare(stdout, bytes)).toBe(0);
  });

  it('hands over the streams of commands, shells and subsystems', async () => {
    await using client = await dial();
    const process = await client.exec('cat');
    process.stdin.end('through');
    expect(await Promise.all([text(process.stdout), text(process.stderr)])).toEqual(['through', 'told']);
    expect((await process.exit).code).toBe(7);
    const shell = await client.shell({ term: 'vt100', columns: 99 });
    expect(await text(shell.stdout)).toBe('vt100 99');
    const stream = await client.subsystem('echo');
    stream.end('sub');
    expect(await text(stream)).toBe('sub');
  });

  it('opens connections from the server, and runs a client through one', async () => {
    await using client = await dial();
    const stream = await client.openTcp('anywhere', placePort);
    stream.end('there and back');
    expect(await text(stream)).toBe('there and back');
    await expect(client.openTcp('anywhere', 1)).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
    });
    await using inner = await dial({ via: client, host: 'anywhere' });
    expect(await echoed(inner)).toBe('hello');
  });

  it('pings, exchanges keys anew and tells of itself', async () => {
    await using client = await dial();
    expect(await client.ping()).toBeGreaterThanOrEqual(0);
    await client.rekey();
    expect(client.negotiated.strict).toBe(true);
    expect(client.inspect()).toMatchObject({ phase: 'connection', target: `127.0.0.1:${port}` });
    await client.close();
    expect((await client.closed).code).toBe('ERR_SSH_CLOSED');
  });

  it('runs on a fleet', async () => {
    const targets = Array.from({ length: 5 }, () => ({ host: '127.0.0.1', port }));
    const outputs: string[] = [];
    const shared = {
      username: 'ops',
      privateKey: userKey,
      verifyHostKey: acceptAnyHostKey(),
      concurrency: 2,
    };
    for await (const result of runOnAll(targets, 'say', shared))
      outputs.push(result.ok ? result.stdout : 'failed');
    expect(outputs).toEqual(['say ', 'say ', 'say ', 'say ', 'say ']);
  });
});

describe('credentials', () => {
  const plain = { privateKey: undefined };
  it.each<[string, Partial<Options>]>([
    ['a password', { ...plain, password: 'secret' }],
    ['a function for a password', { ...plain, password: () => Promise.resolve('secret') }],
    ['answers to prompts', { ...plain, keyboardInteractive: () => ['word'] }],
    ['a key file', { privateKey: keys.formatPrivateKey(userKey, {}) }],
    [
      'an encrypted key file',
      { privateKey: keys.formatPrivateKey(userKey, { passphrase: 'x', rounds: 1 }), passphrase: 'x' },
    ],
    [
      'an encrypted key file and a function for its passphrase',
      { privateKey: keys.formatPrivateKey(userKey, { passphrase: 'x', rounds: 1 }), passphrase: () => 'x' },
    ],
  ])('%s lets the user in, with either cryptography', async (_name, options) => {
    for (const crypto of ['auto', 'noble'] as const) {
      await using client = await dial({ ...options, crypto });
      expect(await echoed(client)).toBe('hello');
    }
  });

  it('that are wrong are a typed error', async () => {
    await expect(dial({ ...plain, password: 'wrong' })).rejects.toMatchObject({
      code: 'ERR_SSH_AUTHENTICATION_FAILED',
      host: '127.0.0.1',
      port,
    });
    await expect(dial({ privateKey: 'no key' })).rejects.toMatchObject({ code: 'ERR_SSH_KEY_FORMAT' });
  });
});

describe('every algorithm', () => {
  const { kexMethods, ciphers, macs } = protocol;
  const each = (table: object): string[] => Object.keys(table);
  const aside = { mac: ['hmac-sha2-256'], cipher: ['aes128-ctr'], kex: ['curve25519-sha256'] };

  it.each(['auto', 'noble'] as const)('that is loaded late is there, with crypto %s', async (crypto) => {
    const choices = [
      ...each(kexMethods).map((kex) => ({ ...aside, kex: [kex] })),
      ...each(ciphers).map((cipher) => ({ ...aside, cipher: [cipher] })),
      ...each(macs).map((mac) => ({ ...aside, mac: [mac] })),
      ...['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'ssh-rsa'].map((hostKey) => ({
        ...aside,
        hostKey: [hostKey],
      })),
    ];
    const failed: string[] = [];
    for (const algorithms of choices) {
      try {
        await using client = await dial({ crypto, algorithms });
        if ((await echoed(client)) !== 'hello') failed.push(JSON.stringify(algorithms));
      } catch (error) {
        failed.push(`${JSON.stringify(algorithms)}: ${String(error)}`);
      }
    }
    expect(failed).toEqual([]);
  });
});

describe('host keys', () => {
  it('are kept, known again, and refused when they change', async () => {
    const file = join(folder, 'known_hosts');
    const policy = knownHosts({ files: file, unknown: 'add', hash: true });
    await (await dial({ verifyHostKey: policy })).close();
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/);
    await (await dial({ verifyHostKey: knownHosts(file) })).close();
    const other = keys.formatKnownHostsLine('127.0.0.1', port, blobOf(keys.generateKey('ed25519')));
    writeFileSync(file, other);
    await expect(dial({ verifyHostKey: policy })).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED' });
    const pin = pinnedHostKey('SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    await expect(dial({ verifyHostKey: pin })).rejects.toMatchObject({ phase: 'keyExchange' });
  });
});

describe('diagnostics', () => {
  it('show what is there, as text, objects, metrics and a page', async () => {
    const counting = new diagnostics.Metrics();
    await using client = await dial();
    expect(client.inspect().phase).toBe('connection');
    expect(diagnostics.formatReport(diagnostics.takeReport({ details: true }))).toContain(
      `127.0.0.1:${port}`,
    );
    expect(diagnostics.formatMetrics(counting)).toMatch(/deadline_ssh_dials_total\{.*\} 1/);
    counting.stop();
    let page = '';
    diagnostics.debugHandler()(
      { url: '/', method: 'GET' },
      { writeHead: () => {}, end: (body) => (page = body ?? '') },
    );
    expect(page).toContain('<html');
  });
});

describe('the core', () => {
  it('logs in over any socket, from Buffers that are only lent', async () => {
    const client = new protocol.ClientProtocol({
      username: 'ops',
      provider: protocol.createEagerNobleProvider({
        randomBytes: (length) => new Uint8Array(randomBytes(length)),
      }),
      preferences: protocol.defaultPreferences,
      limits: protocol.defaultLimits,
      timeouts: protocol.defaultTimeouts,
      keepAlive: protocol.defaultKeepAlive,
      rekey: protocol.defaultRekeyPolicy,
      identification: protocol.identificationLine('smoke'),
      requireStrict: true,
      waits: new protocol.WaitTable(),
      now: 0,
    });
    const socket = netConnect(port, '127.0.0.1');
    const seen: string[] = [];
    const turn = (): void => {
      for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent()) {
        seen.push(event.type);
        if (event.type === 'hostKey') client.acceptHostKey();
        if (event.type === 'methodWanted') client.attempt({ method: 'password', password: 'secret' });
      }
      for (let bytes = client.takeOutput(); bytes !== undefined; bytes = client.takeOutput())
        socket.write(bytes);
    };
    await once(socket, 'connect');
    turn();
    while (!seen.includes('ready')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      client.receive(chunk, 0, true);
      chunk.fill(0xee);
      turn();
      expect(client.cause).toBeUndefined();
    }
    socket.destroy();
  });
});

describe('errors', () => {
  const failing = async (options: Partial<Options>): Promise<InstanceType<typeof SshError>> => {
    const error = await dial(options).catch((reason: unknown) => reason);
    if (error instanceof SshError) return error;
    throw new Error('the dial came to no typed error', { cause: error });
  };

  it('lead to the line of the caller, and name the host', async () => {
    const error = await failing({ port: 1 });
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', host: '127.0.0.1', port: 1 });
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.stack).toMatch(/smoke\.ts:\d+/);
    await using client = await dial();
    const lost: unknown = await client.run('wait', { timeout: 50 }).catch((reason: unknown) => reason);
    expect(lost).toMatchObject({ code: 'ERR_SSH_TIMEOUT', host: '127.0.0.1', port });
    expect((lost as Error).stack).toMatch(/smoke\.ts:\d+/);
  });

  it('of a function of the caller come back as they are', async () => {
    const boom = new Error('boom');
    const fail = (): never => {
      throw boom;
    };
    await expect(dial({ onDebug: fail })).rejects.toBe(boom);
    await expect(dial({ verifyHostKey: fail })).rejects.toBe(boom);
    await expect(dial({ privateKey: undefined, password: fail })).rejects.toBe(boom);
  });

  it('captureStack shows the frames of the caller and no other', async () => {
    async function theFunctionThatDials(): Promise<Client> {
      const client = await dial({ captureStack: true });
      return client;
    }
    await using client = await theFunctionThatDials();
    const frames = (client.inspect().openedAt ?? '').split('\n');
    expect(frames[0]).toMatch(/ at dial .*smoke\.ts/);
    expect(frames[1]).toMatch(/ at theFunctionThatDials .*smoke\.ts/);
    expect(frames.join('\n')).not.toContain(dist);
    expect(frames.join('\n')).not.toContain('node:');
  });
});

describe('the files of dist', () => {
  it('that are loaded late can all be loaded', async () => {
    const late = new Set<string>();
    for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.js')) continue;
      const url = new URL(name, pathToFileURL(dist));
      for (const [, specifier = ''] of readFileSync(url, 'utf8').matchAll(/\bimport\("([^"]+)"\)/g)) {
        late.add(new URL(specifier, url).href);
      }
    }
    expect(late.size).toBeGreaterThan(15);
    for (const url of late)
      expect(Object.keys(await import(/* @vite-ignore */ url)).length, url).toBeGreaterThan(0);
  });

  it('hold the command, which runs on the server', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh/id_ed25519'), keys.formatPrivateKey(userKey, {}), { mode: 0o600 });
    const known = hostKeys.map((key) => keys.formatKnownHostsLine('127.0.0.1', port, blobOf(key)));
    writeFileSync(join(home, '.ssh/known_hosts'), known.join(''));
    const env = { ...process.env, HOME: home, SSH_AUTH_SOCK: '' };
    const command = [join(dist, 'cli/main.js'), '-n', '-p', String(port), '-l', 'ops', '127.0.0.1', 'say'];
    const running = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await text(running.stdout)).toBe('say ');
    expect(running.exitCode ?? (await once(running, 'exit'))[0]).toBe(7);
  });
});
