/** The forwards of one connection: where each connection through them goes, what refuses it, and what ends with what. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { Forward, ForwardedConnection } from '../../src/forwarding/forward.ts';
import { Forwarding, type SocksOptions } from '../../src/forwarding/forwarding.ts';
import type { ArrivedConnection } from '../../src/forwarding/remoteListeners.ts';
import { directStreamlocal, directTcpip, forwardedTcpip } from '../../src/message/channel.ts';
import { FakeHost, FakeLocal, FakePort, settled } from './support.ts';

const from = { host: '127.0.0.1', port: 8080 };
const db = { host: 'db', port: 5432 };
const socks5 = (host: string, port: number): Uint8Array =>
  Uint8Array.of(5, 1, 0, 5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 0xff);

function made() {
  const fake = new FakeHost();
  return { fake, forwarding: new Forwarding(fake.host) };
}

/** A local connection that comes to a forward. */
function comes(fake: FakeHost, peer?: FakeLocal['peer']): FakeLocal {
  const local = new FakeLocal(peer);
  fake.listeners.at(-1)?.accept(local);
  return local;
}

/** The channel that was asked for last, granted. */
async function grants(fake: FakeHost): Promise<FakePort> {
  const port = new FakePort();
  fake.channels.at(-1)?.resolve(port.port as ChannelPort);
  await settled();
  return port;
}

const refusal = (channelOpenReason: number): SshError =>
  new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', 'no', { channelOpenReason });

describe('a local forward', () => {
  it('opens a channel to its target for each connection, and says who connected', async () => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, {});
    expect([forward.name, forward.address]).toEqual(['127.0.0.1:8080 to db:5432', from]);
    comes(fake);
    comes(fake, { address: '', port: 0 });
    const asked = fake.channels.map(({ what }) => [what.type, directTcpip.fromBytes(what.data)]);
    const target = { hostToConnect: 'db', portToConnect: 5432 };
    expect(asked).toEqual([
      ['direct-tcpip', { ...target, originatorIpAddress: '127.0.0.1', originatorPort: 50_312 }],
      ['direct-tcpip', { ...target, originatorIpAddress: '127.0.0.1', originatorPort: 0 }],
    ]);
    expect(forward.connections).toMatchObject([
      { id: 1, from: '127.0.0.1:50312', to: 'db:5432', state: 'opening' },
      { id: 2, from: '', to: 'db:5432', state: 'opening' },
    ]);
  });

  it('opens one to a unix socket of the server', async () => {
    const { fake, forwarding } = made();
    await forwarding.local({ path: '/run/a' }, { path: '/run/b' }, {});
    comes(fake);
    expect(fake.channels[0]?.what.type).toBe('direct-streamlocal@openssh.com');
    expect(directStreamlocal.fromBytes(fake.channels[0]?.what.data ?? new Uint8Array(0))).toEqual({
      socketPath: '/run/b',
      reservedString: '',
      reservedNumber: 0,
    });
  });

  it('joins both, tells of the connection and of its end, and counts', async () => {
    const { fake, forwarding } = made();
    const told: unknown[] = [];
    const note = (what: string, { id, state, bytesOut, bytesIn, age }: ForwardedConnection): void =>
      void told.push([what, id, state, bytesOut, bytesIn, age]);
    const forward = await forwarding.local(from, db, {
      onConnection: (each) => note('made', each),
      onConnectionEnd: (each, error) => note(error === undefined ? 'over' : error.message, each),
    });
    const local = comes(fake);
    fake.now = 5;
    const port = await grants(fake);
    local.source.comes(new Uint8Array(3));
    port.data.comes(new Uint8Array(4));
    fake.now = 9;
    expect(forward.connections).toMatchObject([{ state: 'open', bytesOut: 3, bytesIn: 4, age: 9 }]);
    expect(forward.counters).toEqual({ accepted: 1, refused: 0, failed: 0, bytesOut: 3, bytesIn: 4 });
    local.source.ends();
    port.saysEof();
    await settled();
    expect(told).toEqual([
      ['made', 1, 'open', 0, 0, 5],
      ['over', 1, 'open', 3, 4, 9],
    ]);
    expect(forward.snapshot()).toEqual({
      name: forward.name,
      connections: [],
      ...{ accepted: 1, refused: 0, failed: 0, bytesOut: 3, bytesIn: 4 },
    });
  });

  it('cuts a connection whose channel is refused, and goes on', async () => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, {});
    const local = comes(fake);
    fake.channels[0]?.reject(refusal(2));
    await settled();
    expect(local.destroyed).toEqual([true]);
    expect(forward.counters).toMatchObject({ accepted: 1, failed: 1, refused: 0 });
    comes(fake);
    expect(fake.channels).toHaveLength(2);
  });

  it.each([
    ['a filter that says no', { filter: () => false }],
    ['a filter that says what is not true', { filter: () => 1 as unknown as boolean }],
    [
      'a filter that throws',
      {
        filter: () => {
          throw new Error('no');
        },
      },
    ],
    ['its bound', { maxConnections: 0 }],
  ])('refuses by %s, and cuts what it refuses', async (_what, options) => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, options);
    const local = comes(fake);
    expect([local.destroyed, fake.channels.length]).toEqual([[true], 0]);
    expect(forward.counters).toMatchObject({ accepted: 1, refused: 1, failed: 0 });
  });

  it('takes as many connections at once as its options say, or as the limits do', async () => {
    for (const [options, limit] of [
      [{ maxConnections: 2 }, 1],
      [{}, 2],
    ] as const) {
      const { fake, forwarding } = made();
      fake.limits = { ...defaultLimits, forwardConnections: limit };
      const forward = await forwarding.local(from, db, options);
      const locals = [comes(fake), comes(fake), comes(fake)];
      expect(locals.map(({ destroyed }) => destroyed.length)).toEqual([0, 0, 1]);
      fake.channels[0]?.reject(refusal(1));
      await settled();
      comes(fake);
      expect(forward.counters).toMatchObject({ accepted: 4, refused: 1, failed: 1 });
    }
  });

  it('asks its filter who comes, and takes whom it lets in', async () => {
    const { fake, forwarding } = made();
    const asked: unknown[] = [];
    await forwarding.local(from, db, { filter: (peer) => asked.push(peer) > 0 });
    comes(fake);
    expect([asked, fake.channels.length]).toEqual([[{ address: '127.0.0.1', port: 50_312 }], 1]);
  });

  it('whose listener takes connections before it is known serves them once it is', async () => {
    const { fake, forwarding } = made();
    const { host } = fake;
    const early = new FakeLocal();
    const listen = host.network.listen.bind(host.network);
    host.network.listen = (place, accepted, failed) => {
      accepted(early);
      return listen(place, accepted, failed);
    };
    const forwards = new Forwarding(host);
    const forward = await forwards.local(from, db, {});
    expect([forward.connections.length, fake.channels.length]).toEqual([1, 1]);
    expect(forwarding.list()).toEqual([]);
  });
});

describe('forwards', () => {
  it('are listed and shown until nothing is left of them', async () => {
    const { fake, forwarding } = made();
    const [one, two] = [await forwarding.local(from, db, {}), await forwarding.socks({ port: 0 }, {})];
    expect(forwarding.list()).toEqual([one, two]);
    expect(fake.shown()).toEqual([one.snapshot(), two.snapshot()]);
    const local = comes(fake);
    await one.close();
    expect([forwarding.list(), fake.listeners.map(({ closes }) => closes)]).toEqual([[two], [1, 0]]);
    // What runs through it is cut first.
    await two.close();
    expect([local.destroyed, forwarding.list(), fake.shown()]).toEqual([[false], [], []]);
  });

  it('are as many as the limit says', async () => {
    const { fake, forwarding } = made();
    fake.limits = { ...defaultLimits, forwards: 2 };
    const one = await forwarding.local(from, db, {});
    await forwarding.local(from, db, {});
    const beyond = {
      code: 'ERR_SSH_LIMIT',
      message: '2 forwards stand on this connection already',
      origin: 'user',
    };
    await expect(forwarding.local(from, db, {})).rejects.toMatchObject(beyond);
    await expect(forwarding.remoteTo(from, db, {})).rejects.toMatchObject(beyond);
    await one.close();
    await forwarding.local(from, db, {});
  });

  it('end with the connection, those that stand and those that come to stand later', async () => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, {});
    const local = comes(fake);
    const port = await grants(fake);
    const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
    await fake.ends(cause);
    expect(await forward.closed).toBe(cause);
    expect([local.destroyed, port.closes]).toEqual([[true], 1]);
    const late = await forwarding.local(from, db, {});
    expect(await late.closed).toBe(cause);
    expect(forwarding.list()).toEqual([]);
    expect(fake.listeners.map(({ closes }) => closes)).toEqual([1, 1]);
  });

  it('end with their signal, also one that fired while they were made, and listen to it no longer than they live', async () => {
    const { forwarding } = made();
    const controller = new AbortController();
    const { signal } = controller;
    const one = await forwarding.local(from, db, { signal });
    const two = await forwarding.local(from, db, { signal });
    await two.close();
    controller.abort();
    expect(await one.closed).toMatchObject({
      code: 'ERR_SSH_ABORTED',
      origin: 'user',
      message: 'aborted by the caller',
    });
    expect((await two.closed).code).toBe('ERR_SSH_CLOSED');
    const three = await forwarding.local(from, db, { signal });
    expect((await three.closed).code).toBe('ERR_SSH_ABORTED');
  });

  it('that close take no more, cut what lives, and close once', async () => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, {});
    const local = comes(fake);
    await grants(fake);
    await Promise.all([forward.close(), forward.close(), forward[Symbol.asyncDispose]()]);
    expect(local.destroyed).toEqual([true]);
    expect(fake.listeners[0]?.closes).toBe(1);
    const late = comes(fake);
    expect(late.destroyed).toEqual([true]);
    expect(forward.counters).toMatchObject({ accepted: 2, refused: 1, failed: 1 });
    expect(await forward.closed).toMatchObject({
      code: 'ERR_SSH_CLOSED',
      origin: 'user',
      phase: 'close',
      message: 'the forward 127.0.0.1:8080 to db:5432 was closed',
    });
  });

  it('that drain take no more and let what lives go on', async () => {
    const { fake, forwarding } = made();
    const forward = await forwarding.local(from, db, {});
    const local = comes(fake);
    const port = await grants(fake);
    let isClosed = false;
    const closing = forward.close({ drain: true }).then(() => {
      isClosed = true;
    });
    await settled();
    expect([isClosed, local.destroyed, comes(fake).destroyed]).toEqual([false, [], [true]]);
    local.source.ends();
    port.saysEof();
    await closing;
    expect([isClosed, local.destroyed]).toEqual([true, [false]]);
    expect(forward.counters.failed).toBe(0);
  });
});

/** What a program at a SOCKS proxy has heard. */
const heard = ({ sink }: { readonly sink: { readonly all: Uint8Array } }): number[] => [...sink.all];
const reply = (code: number): number[] => [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];

describe('a SOCKS proxy here', () => {
  const standing = async (options: SocksOptions = {}) => {
    const parts = made();
    const forward = await parts.forwarding.socks({ host: '127.0.0.1', port: 1080 }, options);
    const local = comes(parts.fake);
    return { ...parts, forward, local };
  };

  it('reaches what is asked for, with what the program sent behind its request', async () => {
    const { fake, forward, local } = await standing();
    expect([forward.name, forward.connections[0]?.to]).toEqual(['127.0.0.1:1080 as a SOCKS proxy', 'SOCKS']);
    local.source.comes(socks5('db', 5432), Uint8Array.of(9, 9));
    await settled();
    expect(forward.connections[0]).toMatchObject({ to: 'db:5432', state: 'opening' });
    const port = await grants(fake);
    expect(heard(local)).toEqual(reply(0));
    expect([...port.outbound.all]).toEqual([9, 9]);
    port.data.comes(Uint8Array.of(8));
    expect(heard(local)).toEqual([...reply(0), 8]);
    local.source.ends();
    port.saysEof();
    await settled();
    expect([local.destroyed, forward.counters.failed]).toEqual([[false, false], 0]);
  });

  it.each([
    ['is not permitted', { permit: () => false }],
    ['is permitted by what is not true', { permit: () => 'yes' as unknown as boolean }],
    [
      'makes the function throw',
      {
        permit: () => {
          throw new Error('no');
        },
      },
    ],
  ])('refuses what %s, in the words of SOCKS', async (_what, options) => {
    const ends: (Error | undefined)[] = [];
    const { fake, local } = await standing({
      ...options,
      onConnectionEnd: (_each, error) => void ends.push(error),
    });
    local.source.comes(socks5('db', 5432));
    await settled();
    expect([heard(local), fake.channels.length]).toEqual([reply(2), 0]);
    expect(ends[0]).toMatchObject({
      code: 'ERR_SSH_FORWARD',
      origin: 'user',
      message: 'the forward 127.0.0.1:1080 as a SOCKS proxy: db:5432 is not permitted through this proxy',
    });
    expect(local.destroyed).toEqual([false]);
  });

  it('asks its function about the place, and goes there where that is true', async () => {
    const asked: unknown[] = [];
    const { fake, local } = await standing({ permit: (to) => asked.push(to) > 0 });
    local.source.comes(socks5('db', 5432));
    await settled();
    expect([asked, fake.channels.length]).toEqual([[db], 1]);
  });

  it.each<[string, Error, number]>([
    ['a rule', refusal(1), 2],
    ['a refused connection', refusal(2), 5],
    ['a type that is not known', refusal(3), 1],
    ['an error of the forward', new SshError('ERR_SSH_FORWARD', 'no'), 5],
    ['a deadline', new SshError('ERR_SSH_TIMEOUT', 'late', { channelOpenReason: 1 }), 4],
    ['another error', new Error('what'), 1],
  ])('tells the program of %s what SOCKS has for it', async (_what, error, code) => {
    const { fake, forward, local } = await standing();
    local.source.comes(socks5('db', 5432));
    await settled();
    fake.channels[0]?.reject(error);
    await settled();
    expect(heard(local)).toEqual(reply(code));
    expect([local.destroyed, forward.counters.failed]).toEqual([[false], 1]);
  });

  it('ends a greeting that is none, that is too slow, too long, or that nobody finishes', async () => {
    const outcome = async (
      harm: (parts: Awaited<ReturnType<typeof standing>>) => unknown,
    ): Promise<[Error | undefined, FakeLocal]> => {
      const ends: (Error | undefined)[] = [];
      const parts = await standing({ onConnectionEnd: (_each, error) => void ends.push(error) });
      expect(parts.fake.waits.list()).toMatchObject([
        { name: 'request', detail: 'a SOCKS greeting', timeout: 15_000 },
      ]);
      await harm(parts);
      await settled();
      expect([ends.length, parts.fake.waits.size, parts.fake.channels.length]).toEqual([1, 0, 0]);
      expect(parts.local.destroyed).toEqual([false]);
      return [ends[0], parts.local];
    };
    const [none, told] = await outcome(({ local }) => local.source.comes(Uint8Array.of(5, 1, 7)));
    expect(none).toMatchObject({ code: 'ERR_SSH_FORWARD', origin: 'peer' });
    expect(none?.message).toMatch(/the SOCKS proxy refused a program: a program that offers no SOCKS method/);
    expect(heard(told)).toEqual([5, 255]);
    const [slow] = await outcome(({ fake }) => fake.pass(15_000));
    expect(slow).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
    const [long] = await outcome(({ local }) =>
      local.source.comes(Uint8Array.of(4, 1, 0, 80, 1, 1, 1, 1), new Uint8Array(1024).fill(65)),
    );
    expect(long?.message).toContain('a SOCKS greeting of more than 1024 bytes');
    const [gone] = await outcome(({ local }) => local.source.comes(Uint8Array.of(5)).ends());
    expect(gone?.message).toContain('the program left before it had asked');
    const broken = new Error('it broke');
    for (const harm of ['fails', 'aborts'] as const)
      expect(await outcome(({ local }) => local.source[harm](broken))).toEqual([broken, expect.anything()]);
    expect((await outcome(({ local }) => local.sink.breaks(broken)))[0]).toBe(broken);
    expect((await outcome(({ forward }) => void forward.close()))[0]).toMatchObject({
      code: 'ERR_SSH_CLOSED',
    });
  });

  it('gives a program that asks in time as much time as it wants behind that', async () => {
    const { fake, forward, local } = await standing();
    local.source.comes(socks5('db', 5432).subarray(0, 3));
    await fake.pass(14_999);
    local.source.comes(socks5('db', 5432).subarray(3));
    await settled();
    expect(fake.waits.size).toBe(0);
    await fake.pass(1_000_000);
    expect(forward.counters.failed).toBe(0);
    expect(fake.channels).toHaveLength(1);
  });

  it('lets in who knows the password', async () => {
    const { fake, local } = await standing({ credentials: { username: 'a', password: 'b' } });
    local.source.comes(Uint8Array.of(5, 1, 2, 1, 1, 97, 1, 98), socks5('db', 1).subarray(3));
    await settled();
    expect([heard(local), fake.channels.length]).toEqual([[5, 2, 1, 0], 1]);
  });
});

/** A forward that the server has granted. */
async function granted(fake: FakeHost, asked: Promise<Forward>): Promise<Forward> {
  await settled();
  fake.requests.at(-1)?.resolve(new Uint8Array(0));
  return await asked;
}

/** Closes a forward whose server takes the listener away. */
async function closed(fake: FakeHost, forward: Forward): Promise<void> {
  const closing = forward.close();
  await settled();
  expect(fake.requests.at(-1)?.what.name).toBe('cancel-tcpip-forward');
  fake.requests.at(-1)?.resolve(new Uint8Array(0));
  await closing;
}

/** The server forwards a connection to where it was asked to listen. */
const arrives = (fake: FakeHost, isGone = false) =>
  fake.opens(
    forwardedTcpip.name,
    forwardedTcpip.toBytes({
      addressThatWasConnected: '127.0.0.1',
      portThatWasConnected: 8080,
      originatorIpAddress: '192.0.2.1',
      originatorPort: 4711,
    }),
    isGone,
  );

describe('a remote forward', () => {
  it('connects here for each connection that comes to the server, and joins both', async () => {
    const { fake, forwarding } = made();
    const told: ForwardedConnection[] = [];
    const options = { onConnection: (each: ForwardedConnection) => void told.push(each) };
    const forward = await granted(fake, forwarding.remoteTo(from, db, options));
    expect(forward.name).toBe('127.0.0.1:8080 to db:5432');
    const { port, said } = arrives(fake);
    expect(fake.connects[0]?.what.to).toEqual(db);
    expect(fake.waits.list()).toMatchObject([
      { name: 'connect', detail: 'a connection to db:5432', timeout: 10_000 },
    ]);
    expect([said, forward.connections]).toMatchObject([[], [{ from: '192.0.2.1:4711', state: 'opening' }]]);
    const local = new FakeLocal();
    fake.connects[0]?.resolve(local);
    await settled();
    expect([said, fake.waits.size, told.length]).toEqual([['accepted'], 0, 1]);
    port.data.comes(Uint8Array.of(1));
    local.source.comes(Uint8Array.of(2));
    expect([[...local.sink.all], [...port.outbound.all]]).toEqual([[1], [2]]);
  });

  it('refuses the channel where it cannot connect, says why, and in time', async () => {
    const { fake, forwarding } = made();
    const forward = await granted(fake, forwarding.remoteTo(from, db, {}));
    const refused = arrives(fake);
    fake.connects[0]?.reject(new Error('connection refused'));
    await settled();
    expect([refused.said, fake.waits.size]).toEqual([['connection refused'], 0]);
    const late = arrives(fake);
    await fake.pass(10_000);
    expect(late.said).toEqual(['timed out waiting for a connection to db:5432']);
    const cut = arrives(fake);
    void forward.close();
    await settled();
    expect(cut.said).toEqual(['the forward 127.0.0.1:8080 to db:5432 was closed']);
    expect(fake.waits.size).toBe(0);
    expect(forward.counters).toMatchObject({ accepted: 3, failed: 3 });
  });

  it('frees what it connected to where the channel is gone by then, and cuts it where that goes later', async () => {
    const { fake, forwarding } = made();
    const ends: (Error | undefined)[] = [];
    const options = {
      onConnectionEnd: (_each: ForwardedConnection, error: Error | undefined) => void ends.push(error),
    };
    await granted(fake, forwarding.remoteTo(from, db, options));
    arrives(fake, true);
    const [one, two] = [new FakeLocal(), new FakeLocal()];
    fake.connects[0]?.resolve(one);
    await settled();
    expect(one.destroyed).toEqual([true]);
    expect(ends[0]).toMatchObject({
      code: 'ERR_SSH_FORWARD',
      origin: 'peer',
      message: 'the forward 127.0.0.1:8080 to db:5432: the connection ended before it was forwarded',
    });
    const { port } = arrives(fake);
    fake.connects[1]?.resolve(two);
    await settled();
    expect(two.destroyed).toEqual([]);
    await port.ends(new SshError('ERR_SSH_CONNECTION_LOST', 'gone'));
    expect(two.destroyed).toEqual([true]);
    expect(ends[1]).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST' });
  });

  it('refuses beyond its bound, and says so', async () => {
    const { fake, forwarding } = made();
    await granted(fake, forwarding.remoteTo(from, db, { maxConnections: 1 }));
    arrives(fake);
    expect(arrives(fake).said).toEqual(['this forward takes no more connections']);
    expect(fake.connects).toHaveLength(1);
  });
});

describe('a remote forward to a handler', () => {
  const handled = async (handler: (arrived: ArrivedConnection) => void | Promise<void>) => {
    const { fake, forwarding } = made();
    const ends: (Error | undefined)[] = [];
    const options = {
      onConnectionEnd: (_each: ForwardedConnection, error: Error | undefined) => void ends.push(error),
    };
    const forward = await granted(fake, forwarding.remoteTo(from, handler, options));
    expect(forward.name).toBe('127.0.0.1:8080 to a handler');
    const arrived = arrives(fake);
    await settled();
    return { fake, forward, ends, ...arrived };
  };

  it('gives it the connection, and is over with the channel', async () => {
    const { port, said, ends } = await handled((arrived) => void arrived.accept());
    expect([said, ends]).toEqual([['accepted'], []]);
    await port.ends();
    expect(ends).toEqual([undefined]);
  });

  it('refuses what it does not take', async () => {
    const { said, ends } = await handled(() => {});
    expect([said, ends]).toEqual([['nobody took the connection'], [undefined]]);
  });

  it('refuses, or ends, where it fails', async () => {
    const failed = new Error('a defect');
    const refused = await handled(() => Promise.reject(failed));
    expect(refused.said).toEqual(['the handler of this forward failed']);
    expect(refused.ends[0]).toBe(failed);
    const accepted = await handled((arrived) => {
      arrived.accept();
      throw failed;
    });
    expect([accepted.port.closes, accepted.ends[0]]).toEqual([1, failed]);
  });

  it('waits no longer for it than the forward lives', async () => {
    const { fake, forward, said, ends } = await handled(() => new Promise(() => {}));
    await closed(fake, forward);
    expect([said, forward.counters.failed]).toEqual([['the forward has ended'], 1]);
    expect(ends[0]).toMatchObject({ code: 'ERR_SSH_CLOSED' });
    const taken = await handled((arrived) => void arrived.accept());
    await closed(taken.fake, taken.forward);
    expect(taken.ends[0]).toMatchObject({ code: 'ERR_SSH_CLOSED' });
    // Who has its stream is told by it.
    expect(taken.port.data.abortions).toEqual([taken.ends[0]]);
    expect(taken.port.closes).toBe(1);
  });
});

describe('a SOCKS proxy on the server', () => {
  const standing = async (options: SocksOptions = {}) => {
    const parts = made();
    const forward = await granted(parts.fake, parts.forwarding.remoteSocks(from, options));
    const { port, said } = arrives(parts.fake);
    await settled();
    expect(said).toEqual(['accepted']);
    return { ...parts, forward, port };
  };
  const told = (port: FakePort): number[] => [...port.outbound.all];

  it('reaches from here what is asked for, with what the program sent behind its request first', async () => {
    const { fake, forward, port } = await standing();
    port.data.comes(socks5('db', 5432), Uint8Array.of(9, 9));
    await settled();
    expect(fake.connects[0]?.what.to).toEqual(db);
    const local = new FakeLocal();
    fake.connects[0]?.resolve(local);
    await settled();
    port.data.comes(Uint8Array.of(8));
    expect([told(port), [...local.sink.all]]).toEqual([reply(0), [9, 9, 8]]);
    expect(forward.connections[0]).toMatchObject({ to: 'db:5432', state: 'open' });
    local.source.ends();
    port.saysEof();
    await settled();
    expect([local.destroyed, forward.counters.failed]).toEqual([[false], 0]);
  });

  it('writes nothing ahead where nothing came behind the request', async () => {
    const { fake, port } = await standing();
    port.data.comes(socks5('db', 5432));
    await settled();
    const local = new FakeLocal();
    fake.connects[0]?.resolve(local);
    await settled();
    expect(local.sink.written).toEqual([]);
  });

  it('refuses what is not permitted, and what cannot be reached, in the words of SOCKS', async () => {
    const refused = await standing({ permit: () => false });
    refused.port.data.comes(socks5('db', 5432));
    await settled();
    expect([told(refused.port), refused.fake.connects.length, refused.port.closes]).toEqual([reply(2), 0, 1]);
    expect(refused.forward.counters.failed).toBe(1);
    const unreached = await standing();
    unreached.port.data.comes(socks5('db', 5432));
    await settled();
    unreached.fake.connects[0]?.reject(new SshError('ERR_SSH_FORWARD', 'refused'));
    await settled();
    expect([told(unreached.port), unreached.port.closes]).toEqual([reply(5), 1]);
  });

  it('has a name, and ends what runs through it', async () => {
    const { fake, forward, port } = await standing();
    expect([forward.name, forward.connections[0]?.to]).toEqual(['127.0.0.1:8080 as a SOCKS proxy', 'SOCKS']);
    await closed(fake, forward);
    expect(port.closes).toBe(1);
  });
});
