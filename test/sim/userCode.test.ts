/** Functions of the user's that fail, at every moment and in every manner: a whole client in a simulated network. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import { publishConnectionEvents } from '../../src/node/diagnosticsChannel.ts';
import { play, playIn } from '../support/scene.ts';
import { uncaughtIn } from '../support/uncaught.ts';
import { clientCause } from './laws.ts';
import { toyAlgorithms } from './toyCrypto.ts';
import { World } from './world.ts';

const boom = new Error('boom');
const frozen = Object.freeze(new SshError('ERR_SSH_CRYPTO', 'boom'));

/** Ways in which a function fails, with the value that comes of it. */
const manners: readonly [string, unknown, () => unknown][] = [
  ['throws an error', boom, () => thrown(boom)],
  ['throws a text', 'boom', () => thrown('boom')],
  ['throws undefined', undefined, () => thrown(undefined)],
  ['throws a frozen error of this library', frozen, () => thrown(frozen)],
  ['rejects', boom, () => Promise.reject(boom)],
  ['rejects later', boom, () => later().then(() => thrown(boom))],
  [
    'answers with an object whose `then` throws',
    boom,
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: the point of it
      get then() {
        return thrown(boom);
      },
    }),
  ],
];

/** Without a list of host key algorithms, so that the verifier is asked which there are. */
const { hostKey: _list, ...algorithms } = toyAlgorithms;

function thrown(value: unknown): never {
  throw value;
}

/** Some turns of the queue of promises later. */
async function later(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** What a function that fails in this manner does to a dial. */
async function dialWith(
  options: ConnectOptions,
  server = {},
): Promise<{ readonly world: World; readonly error: unknown }> {
  const world = new World({ seed: 1 });
  let error: unknown = 'none';
  const uncaught = await uncaughtIn(async () => {
    await playIn(world, async () => {
      await world.startServer(server);
      await world.connect(options).then(
        async (client) => {
          await world.sleep(1);
          client.destroy();
        },
        (reason: unknown) => {
          error = reason;
        },
      );
    });
  });
  expect(uncaught).toEqual({ exceptions: [], rejections: [] });
  return { world, error };
}

describe.each(manners)('a function of the user that %s', (name, value, fail) => {
  const isLate = !name.startsWith('throws');
  /** A function of any kind, which TypeScript would not take. */
  const failing = fail as () => never;

  it('as onDebug, at whatever line, rejects the dial with that', async () => {
    // Each line that a dial says, until one dial has said them all.
    let lines = 0;
    for (let failsAt = 1; ; failsAt++) {
      lines = 0;
      const onDebug = (): unknown => (++lines === failsAt ? failing() : undefined);
      const { world, error } = await dialWith({ onDebug: onDebug as () => void });
      if (lines < failsAt) break;
      // What a promise says comes later: behind the last line the dial is over, and the connection ends by it.
      if (error !== 'none' || !isLate) expect(error, `line ${failsAt}`).toBe(value);
      expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_CALLBACK', origin: 'user' });
      expect(clientCause(world)?.cause).toBe(value);
    }
    expect(lines).toBeGreaterThan(4);
  });

  it('as onBanner rejects the dial with that', async () => {
    const { world, error } = await dialWith({ onBanner: failing });
    expect(error).toBe(value);
    expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_CALLBACK', phase: 'authentication' });
  });

  it('as verifier of host keys accepts none, and rejects the dial with that', async () => {
    const asked: string[] = [];
    const { world, error } = await dialWith(
      { verifyHostKey: failing },
      { authentication: { publicKey: (username: string) => asked.push(username) > 0 } },
    );
    expect(error).toBe(value);
    expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_HOST_KEY_REJECTED', phase: 'keyExchange' });
    expect(asked).toEqual([]);
  });

  it.each(['keyTypes', 'wantsCertificate'])(
    'as %s of a verifier rejects the dial with that',
    async (name) => {
      const verifyHostKey = { verify: () => true, [name]: failing };
      const { error } = await dialWith({ verifyHostKey, algorithms });
      expect(error).toBe(value);
    },
  );

  it.each<[string, ConnectOptions, object]>([
    ['password', { password: failing }, { password: () => true }],
    ['keyboardInteractive', { keyboardInteractive: failing }, { keyboardInteractive: asks }],
    [
      'the password that answers a prompt',
      { password: failing },
      { keyboardInteractive: (username: string, ask: Ask) => asks(username, ask) },
    ],
  ])('as %s rejects the dial with that', async (_kind, options, authentication) => {
    const { world, error } = await dialWith({ privateKey: undefined, ...options }, { authentication });
    expect(error).toBe(value);
    expect(clientCause(world)).toMatchObject({ code: 'ERR_SSH_CALLBACK', phase: 'authentication' });
  });

  it('as listener of a connection that is up ends it, and its calls reject with that', async () => {
    let isArmed = false;
    const errors: unknown[] = [];
    const world = new World({ seed: 1 });
    const uncaught = await uncaughtIn(async () => {
      await playIn(world, async () => {
        await world.startServer();
        const onDebug = (): unknown => (isArmed ? failing() : undefined);
        const client = await world.connect({ onDebug: onDebug as () => void });
        const running = client.run('wait').catch((error: unknown) => void errors.push(error));
        await world.sleep(1000);
        isArmed = true;
        // The line that it says of new keys.
        await client.rekey().catch((error: unknown) => void errors.push(error));
        await running;
        const cause = await client.closed;
        expect(cause).toMatchObject({ code: 'ERR_SSH_CALLBACK', phase: 'connection', origin: 'user' });
        expect(cause.cause).toBe(value);
      });
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    // New keys were there before the listener heard of them.
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toBe(value);
  });

  it('as callback of a server is told to onError, and ends nothing but what it was asked for', async () => {
    const faults: unknown[] = [];
    const uncaught = await uncaughtIn(async () => {
      await play(
        async ({ client, world }) => {
          expect((await client.run('any')).code).toBe(255);
          await expect(client.openTcp('host', 7)).rejects.toMatchObject({
            code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
          });
          const process = await client.exec('waits', { pty: true });
          process.stdout.resume();
          process.stderr.resume();
          process.resize(1, 1);
          process.kill('TERM');
          await world.sleep(100);
          await process.close();
          expect(client.inspect().phase).toBe('connection');
        },
        {
          server: {
            onError: (error) => {
              faults.push(error);
              return failing();
            },
            onDebug: failing,
            openTcp: failing,
            exec: (process, command) => {
              process.onSignal = failing;
              process.onResize = failing;
              return command === 'any' ? failing() : new Promise(() => {});
            },
          },
        },
      );
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    const told = faults.filter((fault) => fault === value);
    // A command, a connection, a signal, a size, and at least the first line of debugging.
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect(faults.filter((fault) => fault instanceof SshError && fault.code === 'ERR_SSH_INTERNAL')).toEqual(
      [],
    );
  });

  it.each(['password', 'publicKey', 'keyboardInteractive', 'none'])(
    'as %s of a server lets nobody in, and is told to onError',
    async (method) => {
      const faults: unknown[] = [];
      const { error } = await dialWith(
        { password: 'any', keyboardInteractive: () => ['any'] },
        { onError: (fault: unknown) => void faults.push(fault), authentication: { [method]: failing } },
      );
      expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
      if (method !== 'none') expect(faults).toContain(value);
    },
  );
});

type Ask = (challenge: { prompts: { prompt: string; echo: boolean }[] }) => Promise<readonly string[]>;

async function asks(_username: string, ask: Ask): Promise<boolean> {
  return (await ask({ prompts: [{ prompt: 'password', echo: false }] })).length === 1;
}

describe('an answer of the user that is of another type', () => {
  it.each<[string, ConnectOptions, object, RegExp]>([
    ['password', { password: () => 5 as unknown as string }, { password: () => true }, /password .*number/],
    [
      'keyboardInteractive',
      { keyboardInteractive: () => 'secret' as unknown as string[] },
      { keyboardInteractive: asks },
      /keyboardInteractive .*list/,
    ],
    [
      'an answer to a prompt',
      { keyboardInteractive: () => [5] as unknown as string[] },
      { keyboardInteractive: asks },
      /keyboardInteractive .*list of texts/,
    ],
  ])('is the fault of %s, and no defect of this library', async (_name, options, authentication, message) => {
    const { world, error } = await dialWith({ privateKey: undefined, ...options }, { authentication });
    expect(error).toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      origin: 'user',
      message: expect.stringMatching(message),
    });
    expect(clientCause(world)).toBe(error);
  });

  it('of keyTypes is refused before it connects', async () => {
    const { error } = await dialWith({
      verifyHostKey: { verify: () => true, keyTypes: () => 5 as unknown as string[] },
      algorithms,
    });
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(/keyTypes/) });
  });

  it('of openTcp on a server refuses the channel', async () => {
    const faults: unknown[] = [];
    const uncaught = await uncaughtIn(async () => {
      await play(
        async ({ client }) => {
          await expect(client.openTcp('host', 7)).rejects.toMatchObject({
            code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
          });
        },
        { server: { onError: (error) => void faults.push(error), openTcp: () => ({}) as never } },
      );
    });
    expect(uncaught).toEqual({ exceptions: [], rejections: [] });
    expect(faults[0]).toMatchObject({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(/openTcp/) });
  });

  it('of a dialogue on a server is refused to its callback', async () => {
    const faults: unknown[] = [];
    const keyboardInteractive = async (_username: string, ask: (challenge: never) => Promise<unknown>) => {
      await ask({ prompts: [{ prompt: 5, echo: true }] } as never);
      return true;
    };
    const { error } = await dialWith(
      { keyboardInteractive: () => ['any'] },
      { onError: (fault: unknown) => void faults.push(fault), authentication: { keyboardInteractive } },
    );
    expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
    expect(faults[0]).toMatchObject({ code: 'ERR_SSH_OPTIONS', origin: 'user' });
  });
});

describe('a subscriber to an event of diagnostics that throws', () => {
  it('is an uncaught exception, as on any channel of Node, and no connection notices', async () => {
    const subscriber = (): void => void thrown(boom);
    subscribe('deadline-ssh:phase', subscriber);
    const uncaught = await uncaughtIn(async () => {
      publishConnectionEvents();
      await play(async ({ client }) => {
        expect((await client.run('both')).code).toBe(3);
      });
    });
    unsubscribe('deadline-ssh:phase', subscriber);
    expect(uncaught.rejections).toEqual([]);
    expect(uncaught.exceptions.length).toBeGreaterThan(3);
    for (const exception of uncaught.exceptions) expect(exception).toBe(boom);
  });
});

describe('a listener that ends the connection itself', () => {
  it('by an abort, at whatever line, ends the dial once', async () => {
    let lines = 0;
    for (let abortsAt = 1; ; abortsAt++) {
      lines = 0;
      const controller = new AbortController();
      const { error } = await dialWith({
        signal: controller.signal,
        onDebug: () => {
          if (++lines === abortsAt) controller.abort();
        },
      });
      if (lines < abortsAt) break;
      expect(error, `line ${abortsAt}`).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    }
    expect(lines).toBeGreaterThan(4);
  });
});

describe('a promise of the user that never settles', () => {
  it('holds no dial that is aborted, wherever it is asked for', async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const askers: ConnectOptions[] = [
      { verifyHostKey: { verify: () => true, keyTypes: never }, algorithms },
      { verifyHostKey: never },
      { privateKey: undefined, password: never },
    ];
    for (const options of askers) {
      const world = new World({ seed: 1 });
      const controller = new AbortController();
      await playIn(world, async () => {
        await world.startServer({ authentication: { password: () => true, publicKey: () => true } });
        const dialled = world.call('connect', () => world.connect({ ...options, signal: controller.signal }));
        await world.sleep(10_000);
        controller.abort();
        await dialled;
      });
      expect(world.calls[0]).toMatchObject({ outcome: 'rejected', error: { code: 'ERR_SSH_ABORTED' } });
    }
  });
});

describe('a server that says a banner', () => {
  it('a listener of it that fails ends this dial and no other on the same server', async () => {
    await play(async ({ client, world }) => {
      await expect(world.connect({ onBanner: () => thrown(boom) })).rejects.toBe(boom);
      expect((await client.run('both')).code).toBe(3);
    });
  });
});
