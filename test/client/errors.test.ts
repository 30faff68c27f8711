/** What an error tells a person: which host, which phase, what was waited for, and whose line of code it was. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressed, messageAlone, spelled } from '../../src/base/addressed.ts';
import { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import { connect, runOnAll } from '../../src/entry/index.ts';
import { observeConnections } from '../../src/io/registry.ts';
import { messageNumbers } from '../../src/message/numbers.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { nothingIsLeft } from '../sim/laws.ts';
import type { LinkPlan } from '../sim/simLink.ts';
import { World } from '../sim/world.ts';
import { numericAddress } from '../support/hosts.ts';
import { play, playIn } from '../support/scene.ts';
import { Tunnel } from '../support/tunnel.ts';

/** The error that a dial came to. */
async function dialError(
  options: ConnectOptions,
  settings: {
    plan?: LinkPlan;
    manner?: 'refuse' | 'silent' | 'blackhole' | 'serve';
    server?: Partial<ServerOptions>;
  } = {},
  meanwhile?: (world: World) => Promise<void>,
): Promise<SshError> {
  const { plan = {}, manner = 'serve', server = {} } = settings;
  const world = new World({ seed: 1, hostOf: () => ({ manner, plan }), server });
  await playIn(world, async () => {
    await world.startServer();
    const dialled = world.call('connect', () => world.connect(options));
    await meanwhile?.(world);
    await dialled;
  });
  const { error } = world.calls[0] ?? {};
  if (!(error instanceof SshError)) throw new Error('the dial came to no error', { cause: error });
  return error;
}

const slow: LinkPlan = { toServer: { delay: 100 }, toClient: { delay: 100 } };
/** Nothing more arrives after so many bytes of the server. */
const stalled = (offset: number): LinkPlan => ({ toClient: { fault: { kind: 'stall', offset } } });

describe("a deadline of the dial's own", () => {
  it.each<[string, Parameters<typeof dialError>[1], object, RegExp]>([
    [
      'the connection',
      { manner: 'blackhole' },
      { phase: 'connect', waitingFor: 'connect' },
      /^timed out after 3000 ms connecting to server:22: no answer$/,
    ],
    [
      'the identification',
      { plan: stalled(0) },
      { phase: 'identification', waitingFor: 'identification' },
      /timed out after 3000 ms waiting for the peer's identification; it sent nothing$/,
    ],
    [
      'half an identification',
      { plan: stalled(5) },
      { phase: 'identification', waitingFor: 'identification' },
      /timed out after 3000 ms waiting for the peer's identification; it sent "SSH-2"$/,
    ],
    [
      'the key exchange',
      { plan: stalled(40) },
      { phase: 'keyExchange', waitingFor: 'keyExchange' },
      /timed out after 3000 ms waiting for the key exchange to finish \(it waits for SSH_MSG_KEXINIT\)$/,
    ],
    [
      'authentication',
      { server: { authentication: { publicKey: () => new Promise(() => {}) } } },
      { phase: 'authentication', waitingFor: 'authentication' },
      /timed out after 3000 ms waiting for the answer to the publickey request$/,
    ],
  ])('names what is waited for at that moment: %s', async (_name, settings, details, message) => {
    const error = await dialError({ timeout: 3000 }, settings);
    expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', deadline: 3000, origin: 'deadline', ...details });
    expect(error.elapsed).toBeGreaterThanOrEqual(3000);
    expect(error.message).toMatch(message);
  });

  it('is told as expired once, and no other wait with it', async () => {
    const told: string[] = [];
    const stop = observeConnections({ waitExpired: (_connection, { name }) => void told.push(name) });
    const timeouts = { identification: 3000 };
    const error = await dialError({ timeout: 3000, timeouts }, { plan: stalled(0) });
    stop();
    expect(error).toMatchObject({ waitingFor: 'identification', deadline: 3000 });
    expect(told).toEqual(['dial']);
  });
});

describe('a dial that is aborted', () => {
  it.each<[string, string, number, Parameters<typeof dialError>[1]]>([
    ['connect', 'connect', 50, { plan: slow }],
    [
      'identification',
      'identification',
      250,
      { plan: { ...slow, toClient: { fault: { kind: 'stall', offset: 0 } } } },
    ],
    ['keyExchange', 'keyExchange', 1000, { plan: stalled(40) }],
    [
      'authentication',
      'authentication',
      1000,
      { server: { authentication: { publicKey: () => new Promise(() => {}) } } },
    ],
  ])('says that it was in the phase %s', async (phase, waitingFor, after, settings) => {
    const controller = new AbortController();
    const error = await dialError({ signal: controller.signal }, settings, async (world) => {
      await world.sleep(after);
      controller.abort(new Error('shutting down'));
    });
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', origin: 'user', phase, waitingFor });
    expect(error.message).toMatch(/aborted by the caller .*while waiting for .*: shutting down$/);
    expect(error.message).toContain(phase);
  });

  it('says so while the user is asked', async () => {
    const controller = new AbortController();
    const verifyHostKey = () => {
      controller.abort();
      return new Promise<boolean>(() => {});
    };
    const error = await dialError({ signal: controller.signal, verifyHostKey });
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', phase: 'keyExchange', waitingFor: 'user' });
    expect(error.message).toContain('the host key verdict');
  });

  it('says so before it connected', async () => {
    const error = await dialError({ signal: AbortSignal.abort() });
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', phase: 'options', host: 'server', port: 22 });
    expect(error.message).toBe('server:22: aborted by the caller before it connected');
  });
});

/** `host:port` in the fields and once in the message. */
function namesItsTarget(error: SshError, host = 'server', port = 22): void {
  expect(error).toMatchObject({ host, port });
  expect(error.message.split(spelled({ host, port })), error.message).toHaveLength(2);
  expect(error.stack?.startsWith(`SshError: ${error.message}\n`), error.stack).toBe(true);
}

describe('the target', () => {
  it.each<[string, ConnectOptions, Parameters<typeof dialError>[1]]>([
    ['refuses', {}, { manner: 'refuse' }],
    ['says nothing', {}, { manner: 'silent' }],
    ['ends the connection', {}, { plan: { toClient: { fault: { kind: 'reset', offset: 100 } } } }],
    ['has another host key', { verifyHostKey: () => false }, {}],
    ['lets nobody in', {}, { server: { authentication: { publicKey: () => false } } }],
    ['has no algorithm in common', { algorithms: { cipher: ['aes256-ctr'] } }, {}],
    [
      'is dialled with options of the wrong type',
      { password: (() => 5) as never, privateKey: undefined },
      {
        server: { authentication: { password: () => true } },
      },
    ],
  ])('is in the error of a dial whose target %s', async (_name, options, settings) => {
    namesItsTarget(await dialError(options, settings));
  });

  it('is in the error of every call, and the command in none', async () => {
    const secret = 'mysql -psesame';
    const errors: unknown[] = [];
    await play(async (scene) => {
      const { client, world } = scene;
      const failing: (() => Promise<unknown>)[] = [
        () => client.exec(secret, { timeout: 1000, signal: AbortSignal.abort() }),
        () => client.run(secret, { encoding: 'ascii' as 'utf8' }),
        () => client.run('both', { maxBuffer: 1 }),
        () => client.subsystem('none'),
        () => client.openTcp('elsewhere', 1),
        () => client.openTcp('elsewhere', 0),
        () => client.openUnix('/none'),
        () => client.run('wait', { timeout: 1000 }),
        () => client.shell({ pty: false }),
      ];
      for (const call of failing) await call().catch((error: unknown) => errors.push(error));
      scene.mute(messageNumbers.requestSuccess, messageNumbers.requestFailure);
      await client.ping({ timeout: 1000 }).catch((error: unknown) => errors.push(error));
      expect(errors).toHaveLength(failing.length + 1);
      const process = await client.exec('wait');
      process.stdin.on('error', (error) => errors.push(error));
      process.stdout.on('error', (error) => errors.push(error));
      process.stdout.resume();
      world.network.wires.at(-1)?.server.destroy();
      errors.push(await process.exit.catch((error: unknown) => error));
      errors.push(await client.closed);
      errors.push(await client.run(secret).catch((error: unknown) => error));
    });
    for (const error of errors) {
      if (!(error instanceof SshError)) throw new Error('not typed', { cause: error });
      namesItsTarget(error);
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('sesame');
    }
    expect(errors.length).toBeGreaterThan(13);
  });

  it('of a connection through another is the inner one', async () => {
    const world = new World({ seed: 1 });
    const tunnel = new Tunnel();
    const over = await world.play(async () => {
      const server = await world.startServer({
        openTcp: ({ port }) => {
          if (port !== 23) return undefined;
          server.accept(tunnel.far);
          return tunnel.near;
        },
      });
      const bastion = await world.connect();
      await world.call('refused', () => world.connect({ host: 'inner', via: bastion }));
      const inner = await world.connect({ host: 'inner', port: 23, via: bastion });
      const running = world.call('lost', () => inner.run('wait'));
      await world.sleep(10);
      bastion.destroy();
      await running;
      await inner.closed;
      tunnel.far.destroy();
    });
    nothingIsLeft(world, over);
    const [refused, lost] = world.calls.map(({ error }) => error as SshError);
    expect(refused).toMatchObject({ code: 'ERR_SSH_CHANNEL_OPEN_FAILED', host: 'inner', port: 22 });
    expect(lost).toMatchObject({
      code: 'ERR_SSH_CONNECTION_LOST',
      host: 'inner',
      port: 23,
      cause: { code: 'ERR_SSH_CLOSED', host: 'server' },
    });
  });

  it('of a stream without a host is unknown, and nothing stands in its place', async () => {
    const world = new World({ seed: 1 });
    const tunnel = new Tunnel();
    tunnel.freeze('swallows');
    await playIn(world, async () => {
      await world.call('connect', () => world.connect({ host: undefined, stream: tunnel.near }));
    });
    const error = world.calls[0]?.error as SshError;
    expect(error.message).toMatch(/^timed out after/);
    expect([error.host, error.port]).toEqual([undefined, undefined]);
  });

  it('is in the error of a dial that does not come to connect', async () => {
    const error = await connect({ host: '127.0.0.1', port: 9, username: 'any', privateKey: 'no key' }).catch(
      (reason: unknown) => reason as SshError,
    );
    if (!(error instanceof SshError)) throw new Error('it connected');
    expect(error.code).toBe('ERR_SSH_KEY_FORMAT');
    namesItsTarget(error, '127.0.0.1', 9);
  });

  it('of a fleet is its own in each error, also where they share a broken key', async () => {
    const failures: SshError[] = [];
    const targets = ['one', 'two:23', '[::1]:24'];
    for await (const result of runOnAll(targets, 'both', { username: 'any', privateKey: 'no key' })) {
      if (!result.ok) failures.push(result.error);
    }
    expect(failures.map(({ host, port }) => `${host} ${port}`).sort()).toEqual([
      '::1 24',
      'one 22',
      'two 23',
    ]);
    for (const error of failures) {
      expect(error.code).toBe('ERR_SSH_KEY_FORMAT');
      namesItsTarget(error, error.host, error.port);
      expect(error.message.match(/:2\d: /g), error.message).toHaveLength(1);
    }
  });
});

describe('addressing an error', () => {
  const hosts = fc.oneof(fc.domain(), numericAddress, fc.string({ minLength: 1, maxLength: 20 }));
  const targets = fc.record({ host: hosts, port: fc.integer({ min: 1, max: 65_535 }) });

  it('says the target once however often it is done, and leaves the rest as it is', () => {
    fc.assert(
      fc.property(fc.string(), targets, targets, (message, target, other) => {
        const error = new SshError('ERR_SSH_TIMEOUT', message, {
          waitingFor: 'x',
          deadline: 1,
          cause: target,
        });
        const named = addressed(addressed(error, target), target);
        expect(named).toBe(error);
        expect(named.message).toContain(spelled(target));
        expect([named.message, message]).toContain(named.message);
        expect(named.message.endsWith(message)).toBe(true);
        expect(addressed(named, target).message).toBe(named.message);
        // Another target gets a copy: nobody's error changes once it is said.
        const copy = addressed(named, other);
        const isSame = other.host === target.host && other.port === target.port;
        expect(copy === named).toBe(isSame);
        expect(copy).toMatchObject({ ...other, code: 'ERR_SSH_TIMEOUT', waitingFor: 'x', deadline: 1 });
        expect(copy.cause).toBe(target);
        expect(copy.message).toContain(spelled(other));
        expect(named).toMatchObject(target);
        expect(copy.stack?.startsWith(`SshError: ${copy.message}`)).toBe(true);
      }),
    );
  });

  it('is undone by those who say the target themselves', () => {
    const error = addressed(new SshError('ERR_SSH_CLOSED', 'closed'), { host: '::1', port: 22 });
    expect(error.message).toBe('[::1]:22: closed');
    expect(messageAlone(error)).toBe('closed');
    expect(messageAlone(new SshError('ERR_SSH_CLOSED', 'closed'))).toBe('closed');
  });

  it('escapes what a host name may hold', () => {
    const error = addressed(new SshError('ERR_SSH_CLOSED', 'closed'), { host: 'a\x1b[31m', port: 22 });
    expect(error.message).toBe('a\\x1b[31m:22: closed');
  });
});

describe('the stack of an error', () => {
  /** Its frames have this name and this file: what a person looks for. */
  async function aFunctionOfTheCaller<T>(call: () => Promise<T>): Promise<T> {
    const value = await call();
    return value;
  }

  /** A frame of this test stands in the stack, and no frame of what the test runner or the platform adds behind. */
  function leadsHere(error: unknown): void {
    expect(error).toBeInstanceOf(SshError);
    expect((error as SshError).stack).toMatch(/\n {4}at .*errors\.test\.ts:\d+:\d+/);
    expect((error as SshError).stack).not.toContain('node:internal');
  }

  it.each<[string, Parameters<typeof dialError>[1]]>([
    ['refuses', { manner: 'refuse' }],
    ['is silent', { manner: 'silent' }],
    ['is lost', { plan: { toClient: { fault: { kind: 'reset', offset: 100 } } } }],
  ])('of a dial whose target %s leads to the line that dialled', async (_name, settings) => {
    const world = new World({ seed: 1, hostOf: () => ({ manner: 'serve', plan: {}, ...settings }) });
    await playIn(world, async () => {
      await world.startServer();
      await world.call('connect', () => aFunctionOfTheCaller(() => world.connect()));
    });
    leadsHere(world.calls[0]?.error);
  });

  it('of each call leads to the line of that call, also where one cause ended them all', async () => {
    const errors: unknown[] = [];
    await play(async (scene) => {
      const { client, world } = scene;
      const calls: (() => Promise<unknown>)[] = [
        () => client.run('wait', { timeout: 1000 }),
        () => client.openTcp('elsewhere', 1),
        () => client.subsystem('none'),
      ];
      for (const call of calls)
        await aFunctionOfTheCaller(call).catch((error: unknown) => errors.push(error));
      const process = await client.exec('wait');
      const running = [firstCaller(client), secondCaller(client)].map((each) =>
        each.catch((error: unknown) => error),
      );
      await world.sleep(10);
      world.network.wires.at(-1)?.server.destroy();
      const [one, two] = await Promise.all(running);
      expect(one).toBe(two);
      expect((one as SshError).stack).toMatch(/firstCaller/);
      expect((one as SshError).stack).toMatch(/secondCaller/);
      errors.push(one, await process.exit.catch((error: unknown) => error));
    });
    for (const error of errors) leadsHere(error);
    expect(errors).toHaveLength(5);
  });

  it('does not grow with the number of calls that one cause ended', async () => {
    await play(async ({ client, world }) => {
      const running = Array.from({ length: 200 }, (_, index) =>
        // A line of its own for each, as far as an engine can tell.
        new Function('client', `${'\n'.repeat(index)}return client.ping();`)(client),
      );
      const settled = Promise.allSettled(running);
      world.network.wires.at(-1)?.server.destroy();
      const causes = new Set(
        (await settled).map((each) => (each as PromiseRejectedResult).reason as SshError),
      );
      expect(causes.size).toBe(1);
      for (const { stack = '' } of causes) {
        expect(stack).toContain('and for another call');
        expect(stack.length).toBeLessThan(16 * 1024);
      }
    });
  });

  it('of a fleet leads to the line that began it', async () => {
    const world = new World({ seed: 1, hostOf: () => ({ manner: 'refuse' }) });
    const failures: SshError[] = [];
    await playIn(world, async () => {
      const results = world.runOnAll(['one'], 'both');
      for await (const result of results) if (!result.ok) failures.push(result.error);
    });
    leadsHere(failures[0]);
  });
});

function firstCaller(client: Client): Promise<unknown> {
  return client.run('wait');
}

function secondCaller(client: Client): Promise<unknown> {
  return client.run('wait');
}
