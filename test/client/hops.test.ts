/** What each hop of `via` takes over from the connection that it leads to, and what its dial is given. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { UserKeys } from '../../src/client/authentication/userKeys.ts';
import type { Client } from '../../src/client/client.ts';
import { checkHops, dialHops, type HopDials, type PlannedHop, planHops } from '../../src/client/dial/hops.ts';
import type { ConnectOptions, Hop, HopOptions } from '../../src/client/dial/options.ts';

const client = { openPort: () => {} } as unknown as Client;

/** What a plan is refused by. */
function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
}

const optionsOf = (given: ConnectOptions): readonly (ConnectOptions | undefined)[] =>
  planHops(given).map(({ options }) => options);

/** An option each, with a value that can be told from all others. */
const inherited: ConnectOptions = {
  username: 'ops',
  privateKey: 'key',
  passphrase: 'words',
  certificate: 'certificate',
  agent: '/agent',
  verifyHostKey: () => true,
  algorithms: { kex: ['curve25519-sha256'] },
  publickeyAlgorithms: ['ssh-ed25519'],
  crypto: 'openssl',
  timeout: 4_000,
  timeouts: { connect: 1 },
  keepAlive: false,
  rekey: { bytes: 1 },
  limits: { channels: 1 },
  requireStrictKeyExchange: true,
  softwareVersion: 'x',
  captureStack: false,
};
const ofThisMachine: ConnectOptions = { localAddress: '10.0.0.1', typeOfService: 8, family: 4 };
/** Of the last connection alone: a password above all. */
const ofTheTarget: ConnectOptions = {
  host: 'target',
  port: 99,
  password: 'secret',
  changePassword: () => 'x',
  keyboardInteractive: () => ['secret'],
  maxChannels: 3,
  onBanner: () => {},
  signal: new AbortController().signal,
};

describe('a hop', () => {
  it('has of the connection that it leads to all but what is the business of that alone', () => {
    const shared = { ...inherited, ...ofThisMachine, ...ofTheTarget };
    expect(optionsOf({ ...shared, via: ['near', 'far:7'] })).toEqual([
      { ...inherited, ...ofThisMachine, host: 'near' },
      // Nobody dials the second from this machine.
      { ...inherited, host: 'far', port: 7 },
    ]);
    expect(optionsOf({ ...shared, via: 'ops2@near' })).toEqual([
      { ...inherited, ...ofThisMachine, host: 'near', username: 'ops2' },
    ]);
  });

  it('has its own in place of each, and no key of another where it has one of its own', () => {
    const own: HopOptions = { host: 'near', username: 'me', timeout: 5, agent: false, captureStack: true };
    expect(optionsOf({ ...inherited, via: own })).toEqual([{ ...inherited, ...own }]);
    const { privateKey: _k, passphrase: _p, certificate: _c, ...rest } = inherited;
    for (const credential of [
      { privateKey: 'other' },
      { passphrase: 'other' },
      { certificate: 'other' },
      { auth: [] },
    ] satisfies Partial<HopOptions>[]) {
      const plan = planHops({ ...inherited, via: { host: 'near', ...credential } });
      expect(plan).toEqual([{ options: { ...rest, host: 'near', ...credential }, sharesKeys: false }]);
    }
  });

  it('uses keys that are open already where they are those of the connection, read in the same way', () => {
    const shares = (given: ConnectOptions): unknown[] =>
      planHops(given).map((hop) => ('sharesKeys' in hop ? hop.sharesKeys : undefined));
    expect(shares({ privateKey: 'key', via: ['a', { host: 'b', password: 'x' }] })).toEqual([true, true]);
    expect(shares({ via: [client, { host: 'b', privateKey: 'own' }, 'c'] })).toEqual([
      undefined,
      false,
      true,
    ]);
    // What is left of an order without its passwords is another order.
    expect(shares({ auth: [{ method: 'publickey', privateKey: 'key' }], via: 'a' })).toEqual([false]);
  });

  it('has of an order of methods those that give nothing away', () => {
    const key = { method: 'publickey', privateKey: 'key' } as const;
    const auth: ConnectOptions['auth'] = [
      'none',
      { method: 'password', password: 'secret' },
      key,
      { method: 'keyboard-interactive', answer: () => ['secret'] },
      { method: 'agent' },
      { method: 'none' },
    ];
    expect(optionsOf({ auth, via: 'a' })).toEqual([
      { host: 'a', auth: ['none', key, { method: 'agent' }, { method: 'none' }] },
    ]);
  });

  it('is named where it tells what it does', () => {
    const lines: string[] = [];
    const onDebug = (line: string): void => void lines.push(line);
    for (const via of ['near', { host: 'far\u001b' }, { stream: {} as never }] satisfies Hop[]) {
      for (const options of optionsOf({ onDebug, via })) options?.onDebug?.('hello');
    }
    expect(lines).toEqual([
      'on the way, near: hello',
      'on the way, far\\x1b: hello',
      'on the way, stream: hello',
    ]);
  });

  it('may have a way of its own, which is dialled before it', () => {
    const names = (via: Hop | readonly Hop[]): (string | undefined)[] =>
      planHops({ via, family: 6 }).map((hop) => `${hop.options?.host} ${hop.options?.family ?? ''}`.trim());
    const nested: Hop = { host: 'c', via: [{ host: 'b', via: 'a' }] };
    expect(names([nested, 'd'])).toEqual(['a 6', 'b', 'c', 'd']);
    expect(planHops({ via: [client, 'a'] })).toEqual([
      { client },
      { options: { host: 'a' }, sharesKeys: true },
    ]);
  });

  it('is refused by its place where it cannot be', () => {
    const refused = (via: unknown): string => refusalOf(() => planHops({ via: via as Hop }));
    expect(refused(['a', client])).toBe(
      'ERR_SSH_OPTIONS: via[1] is a client, which is connected already; put it first',
    );
    expect(refused({ host: 'c', via: { host: 'b', via: ['a', client] } })).toBe(
      'ERR_SSH_OPTIONS: via.via.via[1] is a client, which is connected already; put it first',
    );
    for (const [name, value] of Object.entries({
      ...ofThisMachine,
      via: 'x',
      proxy: 'socks5://p',
      proxyCommand: 'x',
      stream: {},
    })) {
      expect(refused(['a', { host: 'b', [name]: value }])).toBe(
        `ERR_SSH_OPTIONS: via[1]: ${name} is an option of the first hop; this one is reached through those before it`,
      );
      if (name !== 'via') expect(refused([{ host: 'b', [name]: value }])).toBe('taken');
    }
  });

  it('may be one of 16, side by side or one in the other, and of no more', () => {
    const beside = (count: number): Hop[] => Array.from({ length: count }, (_, i) => `h${i}`);
    const within = (count: number): Hop =>
      count === 1 ? 'h' : ({ host: `h${count}`, via: within(count - 1) } as Hop);
    expect(planHops({ via: beside(16) })).toHaveLength(16);
    expect(planHops({ via: within(16) })).toHaveLength(16);
    const tooMany = /leads in a circle, or through more than 16 hops$/;
    expect(refusalOf(() => planHops({ via: beside(17) }))).toMatch(tooMany);
    expect(refusalOf(() => planHops({ via: within(17) }))).toMatch(tooMany);
  });

  it('is none where there is no via', () => {
    expect(planHops({ host: 'a' })).toEqual([]);
  });
});

describe('a way', () => {
  const resolve = ({ host = '', port = 22, username = 'me' }: ConnectOptions) => ({ host, port, username });
  const check = (via: readonly Hop[], target?: ConnectOptions): string =>
    refusalOf(() => checkHops(planHops({ via }), target && resolve(target), resolve));

  it('leads from no place to itself, and may come by a place again', () => {
    expect(check(['a', 'A'])).toBe(
      'ERR_SSH_OPTIONS: via leads from me@a:22 to itself; leave one of the two out',
    );
    expect(check(['a', 'b'], { host: 'B' })).toMatch(/from me@b:22 to itself/);
    expect(check(['a', 'b', 'a'])).toBe('taken');
    expect(check(['a', 'a:23', 'you@a:23'], { host: 'a' })).toBe('taken');
    // Where a client leads, it knows itself.
    expect(check([client], { host: 'a' })).toBe('taken');
  });

  it('tells of a hop whose options are wrong which one it is', () => {
    const refused = refusalOf(() =>
      checkHops(planHops({ via: ['a', 'b'] }), undefined, ({ host }) => {
        if (host === 'b') throw new SshError('ERR_SSH_OPTIONS', 'it is wrong');
        return resolve({ host: host ?? '' });
      }),
    );
    expect(refused).toBe('ERR_SSH_OPTIONS: via, hop 2: it is wrong');
    const fault = new TypeError('a fault');
    expect(() =>
      checkHops(planHops({ via: 'a' }), undefined, () => {
        throw fault;
      }),
    ).toThrow(fault);
  });
});

describe('the dial of a way', () => {
  const keys: UserKeys = { keys: [], notes: [] };
  const { signal } = new AbortController();

  /** Each dial takes so many milliseconds. */
  async function dialled(
    hops: readonly PlannedHop[],
    takes: number,
    given: Partial<HopDials> = {},
  ): Promise<{ readonly route: Awaited<ReturnType<typeof dialHops>>; readonly calls: unknown[][] }> {
    const calls: unknown[][] = [];
    const route = await dialHops(hops, {
      timeout: 10_000,
      elapsed: 1_000,
      signal,
      keys,
      target: 'target:22',
      dial: async ({ host, timeout, signal: heard }, through, shared) => {
        calls.push([host, timeout, heard === signal, through?.client, shared]);
        return { client: { name: host } as unknown as Client, elapsed: takes };
      },
      ...given,
    });
    return { route, calls };
  }

  it('gives each hop what is left of its time, or less where the hop says so, and leads through the one before', async () => {
    const hops = planHops({ via: [client, 'a', { host: 'b', timeout: 500, privateKey: 'x' }, 'c'] });
    const { route, calls } = await dialled(hops, 3_000);
    expect(calls).toEqual([
      ['a', 9_000, true, client, keys],
      ['b', 500, true, { name: 'a' }, undefined],
      ['c', 3_000, true, { name: 'b' }, keys],
    ]);
    expect(route).toEqual({ through: { client: { name: 'c' }, isOwned: true }, elapsed: 10_000 });
  });

  it('of a client alone dials nothing, and the client is nobody’s to end', async () => {
    const { route, calls } = await dialled(planHops({ via: client }), 0);
    expect(calls).toEqual([]);
    expect(route).toEqual({ through: { client, isOwned: false }, elapsed: 1_000 });
    expect((await dialled([], 0)).route).toEqual({ through: undefined, elapsed: 1_000 });
  });

  it('has a bound though its time is gone', async () => {
    const { calls } = await dialled(planHops({ via: ['a', 'b'] }), 20_000);
    const [, timeout] = calls[1] ?? [];
    expect(timeout).toBeGreaterThan(0);
    expect(timeout).toBeLessThan(1);
  });

  it('says of an error which hop it is of, and leaves what is no error of ours as it is', async () => {
    const failing = (error: unknown): Promise<unknown> =>
      dialled(planHops({ via: ['a', 'b'] }), 0, {
        dial: async ({ host }) => {
          if (host === 'b') throw error;
          return { client, elapsed: 0 };
        },
      });
    await expect(failing(new SshError('ERR_SSH_CONNECT', 'no way'))).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECT',
      message: 'no way; this is hop 2 of 2 on the way to target:22',
    });
    const own = new TypeError('of a function of the caller');
    await expect(failing(own)).rejects.toBe(own);
    expect(own.message).toBe('of a function of the caller');
  });
});
