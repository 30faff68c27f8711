/**
 * A host with several addresses, dialled for real in a simulated network: which
 * one carries the connection, what is said where none does, and that nothing is
 * left of the others.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { AddressFamily } from '../../src/io/connecting/addressRace.ts';
import { playIn } from '../support/scene.ts';
import { checkEnd } from './laws.ts';
import type { Host, Lookup } from './network.ts';
import { World } from './world.ts';

const [first, second, third] = ['192.0.2.1', '192.0.2.2', '2001:db8::3'] as const;

/** Milliseconds to an address and back. */
const slow = (manner: Host['manner'], there: number): Host => ({
  manner,
  plan: { toServer: { delay: there } },
});

/** `server` has these addresses, each a host of its own. */
function worldOf(
  addresses: Readonly<Record<string, Host>>,
  lookup: Partial<Lookup> | ((family: AddressFamily) => Lookup) = {},
): World {
  const names = Object.keys(addresses);
  const lookups =
    typeof lookup === 'function' ? lookup : (): Lookup => ({ after: 1, addresses: names, ...lookup });
  return new World({
    seed: 1,
    hostOf: (name) =>
      name === 'server' ? { manner: 'refuse', lookups } : (addresses[name] ?? { manner: 'refuse' }),
  });
}

/** The address that carried the connection, or the error. */
async function dial(world: World, options: ConnectOptions = {}): Promise<string | SshError> {
  let result: string | SshError | undefined;
  await playIn(world, async () => {
    await world.startServer();
    const client = await world.call('connect', () => world.connect(options));
    const wire = world.network.wires.find((each) => !each.client.isGone);
    result = client === undefined ? (world.calls[0]?.error as SshError) : world.network.addressOf(wire);
    await client?.close();
  });
  if (result === undefined) throw new Error('the dial came to nothing');
  return result;
}

async function failure(world: World, options: ConnectOptions = {}): Promise<SshError> {
  const result = await dial(world, options);
  if (result instanceof SshError) return result;
  throw new Error(`connected to ${result}`);
}

describe('a host with several addresses', () => {
  it.each<[string, Readonly<Record<string, Host>>, ConnectOptions, string]>([
    [
      'is reached by a slow one though the next is dead',
      { [first]: slow('serve', 400), [second]: slow('refuse', 0) },
      {},
      first,
    ],
    [
      'is reached by the second where the first is a black hole',
      { [first]: slow('blackhole', 0), [second]: slow('serve', 5) },
      {},
      second,
    ],
    [
      'is reached by the second with family too',
      { [first]: slow('refuse', 1), [second]: slow('serve', 5) },
      { family: 4 },
      second,
    ],
    [
      'is reached by the second from a local address too',
      { [first]: slow('blackhole', 1), [second]: slow('serve', 5) },
      { localAddress: '192.0.2.9' },
      second,
    ],
    [
      'is reached by the family that is asked for',
      { [first]: slow('serve', 0), [third]: slow('serve', 50) },
      { family: 6 },
      third,
    ],
    [
      'is reached by the family of the local address',
      { [third]: slow('serve', 0), [first]: slow('serve', 50) },
      { localAddress: '192.0.2.9' },
      first,
    ],
    [
      'is reached by the one that answers first',
      { [first]: slow('serve', 900), [third]: slow('serve', 10) },
      {},
      third,
    ],
  ])('%s', async (_, addresses, options, reached) => {
    expect(await dial(worldOf(addresses), options)).toBe(reached);
  });

  it('is told of by each address with its reason, where all fail', async () => {
    const error = await failure(worldOf({ [first]: slow('refuse', 3), [third]: slow('refuse', 1) }));
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect', origin: 'network' });
    expect(error.message).toBe(
      `cannot connect to server:22: ${first}: connection refused (ECONNREFUSED); ${third}: connection refused (ECONNREFUSED)`,
    );
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect((error.cause as AggregateError).errors).toHaveLength(2);
  });

  it('is told of by each address with its reason, where the time is over', async () => {
    const error = await failure(worldOf({ [first]: slow('blackhole', 0), [third]: slow('refuse', 1) }));
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'connect',
      deadline: defaultTimeouts.connect,
      elapsed: defaultTimeouts.connect,
    });
    expect(error.message).toBe(
      `timed out after 10000 ms connecting to server:22: ${first}: no answer; ${third}: connection refused (ECONNREFUSED)`,
    );
  });

  it('shows each attempt, and each look-up, among its waits', async () => {
    const addresses = { [first]: slow('blackhole', 0), [third]: slow('blackhole', 0) };
    const world = worldOf(addresses, { after: 1_500 });
    const waits = (): string[] =>
      world
        .live()
        .flatMap(({ role, waits: rows }) =>
          role === 'client'
            ? rows.map(
                ({ name, waitingFor, elapsed, remaining }) =>
                  `${name}: ${waitingFor}, ${elapsed} of ${elapsed + remaining}`,
              )
            : [],
        );
    const seen: Record<number, string[]> = {};
    await playIn(world, async () => {
      const dialled = world.call('connect', () => world.connect({ timeout: 60_000 }));
      for (const at of [1_200, 1_600, 1_900, 9_999]) {
        await world.sleep(at - world.clock.now());
        seen[at] = waits();
      }
      await dialled;
    });
    const whole = (elapsed: number): string[] => [
      `dial: the connection to server:22 to be ready, ${elapsed} of 60000`,
      `connect: a connection to server:22, ${elapsed} of 10000`,
    ];
    expect(seen[1_200]).toEqual([
      ...whole(1_200),
      'connect: the addresses of server, 1200 of 10000',
      'connect: the IPv6 addresses of server, 200 of 9000',
      'connect: the IPv4 addresses of server, 200 of 9000',
    ]);
    expect(seen[1_600]).toEqual([...whole(1_600), `connect: ${first} to answer at port 22, 100 of 8500`]);
    const both = (now: number): string[] => [
      ...whole(now),
      `connect: ${first} to answer at port 22, ${now - 1_500} of 8500`,
      `connect: ${third} to answer at port 22, ${now - 1_750} of 8250`,
    ];
    expect(seen[1_900]).toEqual(both(1_900));
    expect(seen[9_999]).toEqual(both(9_999));
  });
});

describe('a look-up', () => {
  it('that never ends is ended by the connect deadline, which covers it', async () => {
    const error = await failure(worldOf({ [first]: slow('serve', 0) }, { after: Number.POSITIVE_INFINITY }));
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'connect',
      elapsed: defaultTimeouts.connect,
    });
    expect(error.message).toBe(
      'timed out after 10000 ms connecting to server:22: its name is still being looked up',
    );
  });

  it('that takes long leaves the attempts what is left of the time', async () => {
    const world = worldOf({ [first]: slow('blackhole', 0) }, { after: 7_000 });
    const error = await failure(world);
    expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', elapsed: defaultTimeouts.connect });
    expect(error.message).toContain('connecting to server:22: 192.0.2.1: no answer');
  });

  it('that a resolver answers for one family only does not hold up the other', async () => {
    const lookups = (family: AddressFamily): Lookup => ({
      after: family === 4 ? 20 : Number.POSITIVE_INFINITY,
      addresses: [first],
    });
    expect(await dial(worldOf({ [first]: slow('serve', 0) }, lookups))).toBe(first);
  });

  it.each<[string, Partial<Lookup>, ConnectOptions, string]>([
    ['finds no such host', { addresses: [] }, {}, 'there is no such host (ENOTFOUND)'],
    ['finds no address of the family', { addresses: [first] }, { family: 6 }, 'it has no IPv6 address'],
    [
      'finds no address of the local address’s family',
      { addresses: [third] },
      { localAddress: '192.0.2.9' },
      'it has no IPv4 address',
    ],
  ])('that %s says so', async (_, lookup, options, reason) => {
    const error = await failure(worldOf({}, lookup), options);
    expect(error.code).toBe('ERR_SSH_CONNECT');
    expect(error.message).toBe(`cannot connect to server:22: ${reason}`);
  });
});

describe('whatever the addresses of a host do', () => {
  const manner = fc.constantFrom<Host['manner']>('serve', 'silent', 'refuse', 'blackhole');
  const host = fc
    .record({ manner, delay: fc.nat({ max: 1_200 }) })
    .map((each) => slow(each.manner, each.delay));
  const name = fc.oneof(
    fc.nat({ max: 5 }).map((n) => `192.0.2.${n}`),
    fc.nat({ max: 5 }).map((n) => `2001:db8::${n}`),
  );

  it('nothing is left, every deadline holds, and an abort at any time ends it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, host, { maxKeys: 6 }),
        fc.record({ after: fc.oneof(fc.nat({ max: 4_000 }), fc.constant(Number.POSITIVE_INFINITY)) }),
        fc.constantFrom<ConnectOptions>({}, { family: 4 }, { family: 6 }, { localAddress: '192.0.2.9' }),
        fc.option(fc.nat({ max: 5_000 }), { nil: undefined }),
        async (addresses, lookup, options, abortAt) => {
          const world = worldOf(addresses, lookup);
          const abort = new AbortController();
          if (abortAt !== undefined) world.clock.ioAt(abortAt, () => abort.abort());
          const over = await world.play(async () => {
            await world.startServer({ loginTimeout: 1_000 });
            const client = await world.call('connect', () =>
              world.connect({ ...options, signal: abort.signal }),
            );
            await client?.close();
          });
          checkEnd(world, over);
          const { error, outcome, startedAt, endedAt = Number.POSITIVE_INFINITY } = world.calls[0] ?? {};
          if (outcome !== 'rejected' || !(error instanceof SshError) || startedAt === undefined) return;
          if (error.phase === 'connect')
            expect(endedAt - startedAt).toBeLessThanOrEqual(defaultTimeouts.connect);
          if (error.code === 'ERR_SSH_ABORTED') expect(endedAt).toBe(abortAt);
        },
      ),
    );
  });
});
