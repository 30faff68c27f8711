/**
 * What a server bounds, and what it survives: connections and channels,
 * handlers and callbacks that throw or never answer, a port that is taken, its
 * own end.
 */
import { connect as netConnect, Server } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel } from '../../src/connection/channel.ts';
import { acceptAnyHostKey, type Client, connect } from '../../src/entry/index.ts';
import { createServer, type ServerOptions } from '../../src/entry/server.ts';
import { userauthRequest } from '../../src/message/userauth.ts';
import { everyMethod, password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { RawClient } from '../support/rawClient.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

const one: Partial<ServerOptions> = { hostKeys: keyText('ed25519') };

function dial(port: number, given: string = password): Promise<Client> {
  return connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    password: given,
    verifyHostKey: acceptAnyHostKey(),
  });
}

/** Sockets, pipes, listeners and timers that keep a process alive. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => /TCP|Timeout|Immediate/.test(name))
    .sort();
}

describe('a server bounds', () => {
  it('its connections: one too many is dropped, and there is room again when one leaves', async () => {
    await using server = await startEmbedded({ ...one, maxConnections: 2 });
    const [first, second] = [await dial(server.port), await dial(server.port)];
    await expect(dial(server.port)).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECTION_LOST',
      phase: 'identification',
    });
    expect(() => server.server.accept(new PassThrough())).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_LIMIT' }),
    );
    await first.close();
    await expect.poll(() => server.server.connections().length).toBe(1);
    await using third = await dial(server.port);
    expect(await third.run('greet you')).toMatchObject({ code: 7 });
    await second.close();
  });

  it('the sessions of a connection, ten where nothing is said', async () => {
    await using server = await startEmbedded(one);
    await using client = await dial(server.port);
    const sessions = await Promise.all(Array.from({ length: 10 }, () => client.exec('wait')));
    await expect(client.exec('wait')).rejects.toMatchObject({ code: 'ERR_SSH_CHANNEL_OPEN_FAILED' });
    await sessions[0]?.close();
    const next = await client.exec('greet you');
    expect(await next.exit).toMatchObject({ code: 7 });
  });

  it('the channels of a connection: one too many is refused, and there is room again', async () => {
    await using server = await startEmbedded({ ...one, limits: { channels: 3 } });
    await using client = await dial(server.port);
    const running = await Promise.all([client.exec('wait'), client.exec('wait'), client.exec('wait')]);
    await expect(client.run('greet you')).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      channelOpenReason: 4,
    });
    await running[0]?.close();
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
    for (const each of running) await each.close();
  });

  it('the sessions of a connection: ten by default, and there is room again when one ends', async () => {
    await using server = await startEmbedded(one);
    await using client = await dial(server.port);
    const running = await Promise.all(Array.from({ length: 10 }, () => client.exec('wait')));
    await expect(client.run('greet you')).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      channelOpenReason: 4,
    });
    // Other channels are none of them.
    const stream = await client.openTcp('127.0.0.1', server.port);
    stream.destroy();
    await running[0]?.close();
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
    for (const each of running) await each.close();
  });

  it('what sessions without a process hold: what came for them goes with them', async () => {
    const connectionWindow = 2 * 1024 * 1024;
    await using server = await startEmbedded({ ...one, limits: { connectionWindow, channels: 16 } });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted') client.core.attempt({ method: 'password', password });
    };
    await expect
      .poll(() => client.events.some(({ type }) => type === 'ready'), { timeout: 10_000 })
      .toBe(true);
    const opened = (): Channel[] =>
      client.events.flatMap((event) => (event.type === 'channelOpened' ? [event.channel] : []));
    // Fifty megabytes' worth of windows, one channel after the other: each is filled and closed.
    for (let i = 0; i < 25; i++) {
      client.core.connection.open('session', new Uint8Array(0));
      client.flush();
      await expect.poll(() => opened().length, { timeout: 10_000 }).toBe(i + 1);
      const channel = opened()[i];
      const window = channel?.sendWindow ?? 0;
      expect(window).toBeGreaterThanOrEqual(32 * 1024);
      channel?.write(new Uint8Array(window));
      client.flush();
      channel?.close();
      client.flush();
    }
    expect(server.faults).toEqual([]);
  });

  it('the variables of a session', async () => {
    await using server = await startEmbedded(one);
    await using client = await dial(server.port);
    const env = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`NAME_${i}`, 'x']));
    const { stdout } = await client.run('env NAME_255', { env });
    expect(stdout).toBe('NAME_255=x\n');
    expect((await client.run('env NAME_256', { env })).stdout).toBe('NAME_256=\n');
  });
});

describe('a handler', () => {
  it('that reads no more still has its status to tell', async () => {
    await using server = await startEmbedded({
      ...one,
      exec: async ({ stdin, stdout }) => {
        for await (const chunk of stdin) {
          stdout.write(chunk);
          return 9;
        }
        return 0;
      },
    });
    await using client = await dial(server.port);
    const process = await client.exec('anything');
    process.stdin.write('one');
    expect(await process.exit).toMatchObject({ code: 9 });
  });

  it('may end one output before it writes to the other', async () => {
    await using server = await startEmbedded({
      ...one,
      exec: async ({ stdout, stderr }) => {
        stdout.end('out');
        await new Promise((resolve) => stdout.once('close', resolve));
        stderr.write('err');
        return 0;
      },
    });
    await using client = await dial(server.port);
    expect(await client.run('anything')).toMatchObject({ stdout: 'out', stderr: 'err', code: 0 });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('at once');
      },
    ],
    ['rejects', () => Promise.reject(new Error('later'))],
  ] as const)('that %s ends its command with 255 and nothing else', async (_how, exec) => {
    await using server = await startEmbedded({ ...one, exec });
    await using client = await dial(server.port);
    expect(await client.run('anything')).toMatchObject({ code: 255 });
    expect(server.faults).toHaveLength(1);
    await client.ping();
    expect(await client.run('again')).toMatchObject({ code: 255 });
  });

  it('that listens for signals and throws ends nothing', async () => {
    const fault = new Error('no such signal');
    await using server = await startEmbedded({
      ...one,
      exec: (process) =>
        new Promise((resolve) => {
          process.onSignal = () => {
            throw fault;
          };
          process.onResize = () => {
            resolve(8);
            throw fault;
          };
        }),
    });
    await using client = await dial(server.port);
    const process = await client.exec('anything', { pty: true });
    await process.kill('USR1');
    await process.resize(1, 2);
    expect(await process.exit).toMatchObject({ code: 8 });
    expect(server.faults).toEqual([fault, fault]);
  });

  it('that never answers holds up its own command only', async () => {
    await using server = await startEmbedded({
      ...one,
      exec: (_process, command) => (command === 'never' ? new Promise(() => {}) : 0),
    });
    await using client = await dial(server.port);
    await expect(client.run('never', { timeout: 200 })).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'command',
    });
    expect(await client.run('other')).toMatchObject({ code: 0 });
  });

  it('that never opens a connection is answered for by the deadline, and what comes of it later is dropped', async () => {
    let open: (stream: PassThrough) => void = () => {};
    await using server = await startEmbedded({
      ...one,
      timeouts: { channelOpen: 200 },
      openTcp: () =>
        new Promise<PassThrough>((resolve) => {
          open = resolve;
        }),
    });
    await using client = await dial(server.port);
    await expect(client.openTcp('slow', 1)).rejects.toMatchObject({
      code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
      channelOpenReason: 2,
    });
    expect(server.faults).toMatchObject([
      { code: 'ERR_SSH_TIMEOUT', waitingFor: 'channelOpen', deadline: 200 },
    ]);
    const late = new PassThrough();
    open(late);
    await expect.poll(() => late.destroyed).toBe(true);
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
  });

  it('that throws over a connection refuses it, and the next may do', async () => {
    let calls = 0;
    await using server = await startEmbedded({
      ...one,
      openTcp: () => {
        calls++;
        if (calls === 1) throw new Error('no route');
        return new PassThrough();
      },
    });
    await using client = await dial(server.port);
    await expect(client.openTcp('anywhere', 1)).rejects.toMatchObject({ channelOpenReason: 2 });
    const stream = await client.openTcp('anywhere', 1);
    stream.end('there and back');
    expect(String(await stream.toArray().then((chunks) => Buffer.concat(chunks as Buffer[])))).toBe(
      'there and back',
    );
  });
});

describe('a callback of authentication', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no database');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no database'))],
    ['says neither yes nor no', () => 'yes' as unknown as boolean],
    ['says nothing', () => undefined as unknown as boolean],
  ] as const)('that %s lets nobody in', async (_how, callback) => {
    await using server = await startEmbedded({
      ...one,
      authentication: {
        none: callback,
        password: callback,
        publicKey: callback,
        keyboardInteractive: callback,
      },
    });
    await expect(
      connect({
        host: '127.0.0.1',
        port: server.port,
        username: 'ops',
        password,
        privateKey: keyText('ed25519'),
        keyboardInteractive: () => [],
        verifyHostKey: acceptAnyHostKey(),
      }),
    ).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
  });

  it('that never answers is dropped with its client, and the error says whose verdict was due', async () => {
    await using server = await startEmbedded({
      ...one,
      loginTimeout: 700,
      authentication: { password: () => new Promise(() => {}) },
    });
    await expect(dial(server.port)).rejects.toMatchObject({ phase: 'authentication' });
    expect(server.faults).toMatchObject([{ code: 'ERR_SSH_TIMEOUT', waitingFor: 'dial' }]);
    expect(String(server.faults[0])).toContain('own verdict');
  });

  it('that says yes too late, to a request its client gave up, lets nobody in by another', async () => {
    let approve: () => void = () => {};
    const decided: string[] = [];
    await using server = await startEmbedded({
      ...one,
      authentication: {
        // Approved elsewhere, whatever comes of the question.
        keyboardInteractive: (username, ask) =>
          new Promise((resolve) => {
            ask({ prompts: [{ prompt: 'Wait for the approval', echo: true }] }).catch(() => {});
            approve = () => {
              decided.push(username);
              resolve(true);
            };
          }),
        password: () => new Promise(() => {}),
      },
    });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted')
        client.core.attempt({ method: 'keyboard-interactive', submethods: '' });
      if (event.type !== 'promptsWanted') return;
      const root = { userName: 'root', serviceName: 'ssh-connection', methodName: 'password' };
      const methodFields = new Uint8Array([0, 0, 0, 0, 1, 0x78]);
      client.core.transport.send(userauthRequest, { ...root, methodFields });
    };
    const asked = (): boolean => client.events.some(({ type }) => type === 'promptsWanted');
    await expect.poll(asked, { timeout: 10_000 }).toBe(true);
    client.flush();
    // The other request is among them: the approval may not come before it.
    const { packetsOut } = client.core.transport;
    await expect.poll(() => server.server.connections()[0]?.inspect().packetsReceived).toBe(packetsOut);
    approve();
    expect(decided).toEqual(['ops']);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(server.server.connections()[0]?.username).toBeUndefined();
    expect(server.server.connections()[0]?.inspect().phase).toBe('authentication');
  });
});

describe('a port', () => {
  it('that is taken is an error that says so, and another may be tried', async () => {
    await using first = await startEmbedded(one);
    await using second = await createServer({ hostKeys: keyText('ed25519'), authentication: everyMethod });
    const attempt = second.listen(first.port);
    await expect(attempt).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECT',
      phase: 'connect',
      origin: 'local',
      message: expect.stringContaining(`127.0.0.1:${first.port}`),
      cause: { code: 'EADDRINUSE' },
    });
    expect((await second.listen()).port).not.toBe(first.port);
    await using client = await dial(first.port);
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
  });

  it('is listened on by one call at a time', async () => {
    await using server = await createServer({ hostKeys: keyText('ed25519'), authentication: everyMethod });
    const [one, two] = await Promise.allSettled([server.listen(), server.listen()]);
    expect(one.status).toBe('fulfilled');
    expect(two).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SSH_OPTIONS' } });
  });
});

/** The listening socket itself, to have happen to it what a test cannot bring about. */
function listenerOn(port: number): Server {
  const { _getActiveHandles: handles } = process as unknown as {
    readonly _getActiveHandles: () => unknown[];
  };
  for (const handle of handles.call(process)) {
    if (!(handle instanceof Server)) continue;
    const address = handle.address();
    if (address !== null && typeof address === 'object' && address.port === port) return handle;
  }
  throw new Error(`nobody listens on ${port}`);
}

describe('a process out of descriptors', () => {
  it('is told each time that a connection could not be accepted, and serves the next one', async () => {
    await using server = await startEmbedded(one);
    const listener = listenerOn(server.port);
    for (let i = 0; i < 3; i++) listener.emit('error', new Error('accept EMFILE'));
    expect(server.faults).toHaveLength(3);
    expect(server.faults[2]).toMatchObject({
      code: 'ERR_SSH_CONNECT',
      message: `cannot accept a connection on 127.0.0.1:${server.port}: accept EMFILE`,
    });
    await using client = await dial(server.port);
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
  });
});

describe('the end of a server', () => {
  it('leaves nothing behind: no socket, no timer, no listener', async () => {
    await expect.poll(resources, { timeout: 5_000 }).toEqual([]);
    const server = await startEmbedded({
      ...one,
      timeouts: { close: 300 },
      openTcp: ({ host, port }) => netConnect({ host, port }),
    });
    const silent = netConnect({ host: '127.0.0.1', port: server.port });
    silent.on('error', () => {});
    using stuck = new RawClient(server.port);
    const client = await dial(server.port);
    const process = await client.exec('wait');
    process.stdout.resume();
    const stream = await client.openTcp('127.0.0.1', server.port);
    await expect.poll(() => server.server.connections().length).toBe(4);
    stuck.socket.pause();
    await server.server.close();
    expect(server.server.connections()).toEqual([]);
    await expect(process.exit).rejects.toMatchObject({ code: 'ERR_SSH_DISCONNECTED' });
    await client.closed;
    stream.destroy();
    silent.destroy();
    stuck.socket.destroy();
    await expect.poll(resources, { timeout: 5_000 }).toEqual([]);
    await expect(dial(server.port)).rejects.toMatchObject({ code: 'ERR_SSH_CONNECT' });
    expect(() => server.server.accept(new PassThrough())).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_CLOSED' }),
    );
    await expect(server.server.listen()).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });

  it.each(['maxConnections', 'maxSessions'])('cannot be told %s of 0', async (name) => {
    const options = { hostKeys: keyText('ed25519'), authentication: everyMethod, [name]: 0 };
    await expect(createServer(options)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining(name),
    });
  });

  it('may come before it listens, or meanwhile', async () => {
    await expect.poll(resources, { timeout: 5_000 }).toEqual([]);
    const server = await createServer({ hostKeys: keyText('ed25519'), authentication: everyMethod });
    const listening = server.listen();
    await server.close();
    await listening;
    await expect.poll(resources, { timeout: 5_000 }).toEqual([]);
  });
});
