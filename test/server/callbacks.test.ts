/**
 * The functions of a server's user: what they are told, how often they are asked,
 * and that those which never answer, or answer nobody, cost nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import {
  acceptAnyHostKey,
  type Client,
  type ConnectOptions,
  connect,
  SshError,
} from '../../src/entry/index.ts';
import type { Authentication, ServerOptions } from '../../src/entry/server.ts';
import type { Driver } from '../../src/io/driver.ts';
import { channelClose, channelEof } from '../../src/message/channel.ts';
import {
  type ChannelRequest,
  channelRequest,
  ptyReq,
  subsystem,
  windowChange,
} from '../../src/message/channelRequest.ts';
import type { ServerProtocol } from '../../src/protocol/server.ts';
import { ServerAuthenticator } from '../../src/server/authentication.ts';
import { Factors } from '../../src/server/factors.ts';
import { World } from '../sim/world.ts';
import { type Embedded, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { RawClient } from '../support/rawClient.ts';
import { playIn } from '../support/scene.ts';
import { nothingIsLeft } from '../support/servers/index.ts';
import { uncaughtIn } from '../support/uncaught.ts';
import { VirtualClock } from '../support/virtualClock.ts';

afterEach(nothingIsLeft);

const start = (options: Partial<ServerOptions>): Promise<Embedded> =>
  startEmbedded({ hostKeys: keyText('ed25519'), authentication: { none: () => true }, ...options });

const dial = ({ port }: Embedded, more: ConnectOptions = {}): Promise<Client> =>
  connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    auth: ['none'],
    verifyHostKey: acceptAnyHostKey(),
    ...more,
  });

const never = (): Promise<never> => new Promise(() => {});

describe('onDebug of a server', () => {
  it('is told what happens, each line with the address of its client', async () => {
    const lines: string[] = [];
    await using server = await start({ onDebug: (line) => lines.push(line) });
    await using client = await dial(server);
    await client.run('greet you');
    expect(lines).not.toHaveLength(0);
    for (const line of lines) expect(line).toMatch(/^127\.0\.0\.1:\d+: ./);
    expect(lines.filter((line) => /keys exchanged: /.test(line))).toHaveLength(1);
    expect(new Set(lines.map((line) => line.split(': ')[0])).size).toBe(1);
  });

  it('may throw: that is told to onError, and the client is served', async () => {
    const fault = new Error('of the listener');
    await using server = await start({
      onDebug: () => {
        throw fault;
      },
    });
    await using client = await dial(server);
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
    expect(server.faults).not.toHaveLength(0);
    expect(new Set(server.faults)).toEqual(new Set([fault]));
  });
});

describe('a callback that asks questions', () => {
  it('may turn to something else, though its client leaves without an answer', async () => {
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { rejections } = await uncaughtIn(async () => {
      await using server = await start({
        authentication: {
          keyboardInteractive: (_username, ask) => {
            // Nobody looks at these answers.
            void ask({ prompts: [{ prompt: '?', echo: true }] });
            asked();
            return never();
          },
        },
      });
      const leaving = new AbortController();
      const dialled = dial(server, {
        auth: undefined,
        keyboardInteractive: never,
        signal: leaving.signal,
      });
      await isAsked;
      await sleep(0);
      leaving.abort();
      await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
      await expect.poll(() => server.server.connections()).toEqual([]);
    });
    expect(rejections).toEqual([]);
  });
});

describe('a dialogue', () => {
  type Ask = Parameters<NonNullable<Authentication['keyboardInteractive']>>[1];
  type Request = Parameters<ServerAuthenticator['handle']>[0];

  /** An authenticator without a connection, and what it would have the core say. */
  function authenticator(keyboardInteractive: (username: string, ask: Ask) => Promise<boolean>) {
    const said: unknown[] = [];
    const faults: unknown[] = [];
    const core = {
      accept: () => said.push('accept'),
      reject: () => said.push('reject'),
      isProven: () => true,
      infoRequest: ({ prompts }: { readonly prompts: readonly { readonly prompt: string }[] }) =>
        said.push(prompts.map(({ prompt }) => prompt).join()),
    };
    const made = new ServerAuthenticator({
      callbacks: { keyboardInteractive },
      factors: new Factors(['keyboard-interactive'], undefined),
      from: 'client',
      limits: defaultLimits,
      clock: new VirtualClock(),
      failureDelay: 0,
      onCore: (step) => step(core as unknown as ServerProtocol),
      onError: (error) => faults.push(error),
    });
    const say = async (username: string, responses?: readonly string[]): Promise<void> => {
      const method = { method: 'keyboard-interactive', submethods: '', responses } as const;
      made.handle({ type: 'request', username, service: 'ssh-connection', succeeded: [], method } as Request);
      await sleep(0);
    };
    return { made, said, faults, say };
  }

  const question = (prompt: string) => ({ prompts: [{ prompt, echo: true }] });

  it('may have as many rounds as its callback asks', async () => {
    const { said, faults, say } = authenticator(async (_username, ask) => {
      const answers = [await ask(question('one')), await ask(question('two')), await ask(question('three'))];
      return answers.flat().join() === '1,2,3';
    });
    await say('ops');
    for (const answer of ['1', '2', '3']) await say('ops', [answer]);
    expect([said, faults]).toEqual([['one', 'two', 'three', 'accept'], []]);
  });

  it('asks one thing at a time, and nothing that is no question', async () => {
    const refusals: unknown[] = [];
    const { said, say } = authenticator(async (_username, ask) => {
      const first = ask(question('one'));
      for (const next of [question('two'), { prompts: [{ prompt: 7 }] }, { prompts: 'x' }, { name: 7 }]) {
        await ask(next as never).catch((error: unknown) => refusals.push(error));
      }
      await first;
      await ask({ instruction: 7 } as never).catch((error: unknown) => refusals.push(error));
      return false;
    });
    await say('ops');
    await say('ops', ['1']);
    expect(said).toEqual(['one', 'reject']);
    expect(refusals).toHaveLength(5);
    for (const refusal of refusals)
      expect(refusal).toMatchObject({ code: 'ERR_SSH_OPTIONS', origin: 'user' });
  });

  it('that its client gives up for another ends, and asks no more; the other one is asked', async () => {
    const ends: unknown[] = [];
    let dialogues = 0;
    const { said, faults, say } = authenticator(async (_username, ask) => {
      const which = ++dialogues;
      try {
        return (await ask(question(`${which}`)))[0] === 'right';
      } catch (error) {
        ends.push(error);
        await ask(question('late')).catch((refusal: unknown) => ends.push(refusal));
        return true;
      }
    });
    await say('ops');
    await say('ops');
    expect(said).toEqual(['1', '2']);
    expect(ends).toMatchObject([{ code: 'ERR_SSH_AUTHENTICATION_PROTOCOL' }, { code: 'ERR_SSH_OPTIONS' }]);
    await say('ops', ['right']);
    expect([said, faults]).toEqual([['1', '2', 'accept'], []]);
  });

  it.each<readonly [string, user: string, twice: boolean]>([
    ['of another user', 'root', false],
    ['that come once more', 'ops', true],
  ])('is not answered by answers %s', async (_whose, username, twice) => {
    const got: unknown[] = [];
    const { said, say } = authenticator(async (_username, ask) => {
      got.push(await ask(question('one')));
      return false;
    });
    await say('ops');
    if (twice) await say('ops', ['mine']);
    await say(username, ['other']);
    expect(got).toEqual(twice ? [['mine']] : []);
    expect(said).toEqual(twice ? ['one', 'reject', 'reject'] : ['one', 'reject']);
  });

  it('ends with its connection, and says nothing more', async () => {
    const ends: unknown[] = [];
    const { made, said, say } = authenticator(async (_username, ask) => {
      await ask(question('one')).catch((error: unknown) => ends.push(error));
      await ask(question('two')).catch(() => {});
      return true;
    });
    await say('ops');
    const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' });
    made.ended(cause);
    await sleep(0);
    expect([said, ends]).toEqual([['one'], [cause]]);
  });
});

describe('the function sftp of a server', () => {
  it('is asked once for a channel, whatever is asked of that channel later', async () => {
    let calls = 0;
    await using server = await start({
      sftp: () => {
        calls++;
        return never();
      },
    });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted') client.core.attempt({ method: 'none' });
      if (event.type === 'ready') client.core.connection.open('session', new Uint8Array(0));
      if (event.type !== 'channelOpened') return;
      const terminal = { term: 'vt100', columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
      const { channel } = event;
      channel.request(
        ptyReq.name,
        ptyReq.toBytes({ ...terminal, encodedTerminalModes: new Uint8Array(0) }),
        true,
      );
      channel.request(subsystem.name, subsystem.toBytes({ subsystemName: 'sftp' }), true);
      // A terminal may change its size: the server grants that as well.
      for (const columns of [100, 120]) {
        channel.request(windowChange.name, windowChange.toBytes({ ...terminal, columns }), true);
      }
    };
    const answers = (): boolean[] =>
      client.events.flatMap((event) => (event.type === 'channelRequestAnswered' ? [event.success] : []));
    await expect.poll(answers, { timeout: 10_000 }).toEqual([true, true, true, true]);
    await expect.poll(() => calls).toBeGreaterThan(0);
    await sleep(0);
    expect(calls).toBe(1);
  });

  it('has its time; then the channel ends, and nothing is waited for', async () => {
    await using server = await start({ sftp: never, timeouts: { request: 100 } });
    await using client = await dial(server);
    const channel = await client.subsystem('sftp');
    channel.resume();
    channel.on('error', () => {});
    await new Promise((resolve) => channel.once('close', resolve));
    expect(server.faults).toEqual([
      expect.objectContaining({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' }),
    ]);
    const [connection] = server.server.connections();
    expect(connection?.inspect().waits.filter(({ name }) => name === 'request')).toEqual([]);
    // What else runs on the connection runs on.
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
  });

  const throws = (): never => {
    throw new Error('of the store');
  };
  /** Whether a session of SFTP begins, and the faults that the server was told of; the connection serves on. */
  async function outcomeOf(
    sftpOf: (world: World) => unknown,
  ): Promise<{ readonly begins: boolean; readonly faults: readonly unknown[] }> {
    let begins = false;
    const world = new World({ seed: 1 });
    const { rejections, exceptions } = await uncaughtIn(async () => {
      await playIn(world, async () => {
        await world.startServer({ sftp: sftpOf(world) as never, timeouts: { request: 5_000 } });
        const client = await world.connect();
        begins = await client.sftp().then(
          () => true,
          () => false,
        );
        await world.sleep(20_000);
        expect(await client.run('both')).toMatchObject({ code: 3 });
        await client.close();
      });
    });
    expect([rejections, exceptions]).toEqual([[], []]);
    return { begins, faults: world.faults };
  }

  it('may answer with undefined, which serves nothing and is no fault', async () => {
    for (const sftp of [() => undefined, async () => undefined])
      expect(await outcomeOf(() => sftp)).toEqual({ begins: false, faults: [] });
  });

  it.each<readonly [string, unknown]>([
    ['null', () => null],
    ['true', () => true],
    ['a text', () => '/srv'],
    ['a throw', throws],
    ['a rejection', () => Promise.reject(new Error('of the function'))],
    ['a store whose begin throws', { begin: throws }],
    ['a store whose begin rejects', { begin: () => Promise.reject(new Error('of the store')) }],
  ])('that answers with %s serves nothing, and the server is told', async (_what, sftp) => {
    const { begins, faults } = await outcomeOf(() => sftp);
    expect([begins, faults.length]).toEqual([false, 1]);
  });

  const stores: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['a text', 'store'],
    ['no way to close', {}],
    ['a close that throws', { close: throws }],
    ['a close that rejects', { close: () => Promise.reject(new Error('of the store')) }],
    ['a close that promises nothing', { close: () => {} }],
  ];

  it.each(stores)('that begins with %s ends its channel and nothing else', async (_what, store) => {
    await outcomeOf(() => ({ begin: async () => store }));
  });

  it.each(stores)(
    'that begins when nobody waits any more ends no process, whatever it is: %s',
    async (_what, store) => {
      const { begins, faults } = await outcomeOf((world) => ({
        begin: async () => {
          await world.sleep(10_000);
          return store;
        },
      }));
      expect(begins).toBe(false);
      expect(faults[0]).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' });
    },
  );

  /** What a server says of the ends of channels. */
  function ends(world: World): string[] {
    const driver = world.connections.find((one) => one.snapshot().role === 'server');
    const { transport } = (driver as unknown as Driver<ServerProtocol>).core as ServerProtocol;
    const said: string[] = [];
    const send = transport.send.bind(transport);
    transport.send = (message, value) => {
      if (message.number === channelEof.number) said.push('EOF');
      if (message.number === channelClose.number) said.push('CLOSE');
      if (message.number === channelRequest.number) {
        const { requestType, requestData } = value as ChannelRequest;
        said.push(`${requestType} ${requestData.join('')}`);
      }
      send(message, value);
    };
    return said;
  }

  it.each<readonly [string, unknown, status: number]>([
    ['undefined', () => undefined, 1],
    ['a throw', throws, 1],
    ['a store', { begin: async () => ({ close: async () => {} }) }, 0],
  ])('that answers with %s ends its channel with EOF, a status and CLOSE', async (_what, sftp, status) => {
    const world = new World({ seed: 1 });
    await playIn(world, async () => {
      await world.startServer({ sftp: sftp as never });
      const client = await world.connect();
      const said = ends(world);
      const channel = await client.subsystem('sftp');
      channel.on('error', () => {});
      channel.resume();
      if (status === 0) channel.end();
      await world.sleep(1_000);
      expect(said).toEqual(['EOF', `exit-status 000${status}`, 'CLOSE']);
      await client.close();
    });
  });

  it('is answered for on its channel alone where the client says what is no SFTP', async () => {
    const world = new World({ seed: 1 });
    await playIn(world, async () => {
      let closed = 0;
      const close = async (): Promise<void> => void closed++;
      await world.startServer({ sftp: { begin: async () => ({ close }) } as never });
      const client = await world.connect();
      const channel = await client.subsystem('sftp');
      const ended = new Promise((resolve) => channel.once('close', resolve));
      channel.on('error', () => {});
      channel.resume();
      channel.write(new Uint8Array(64).fill(0xff));
      await ended;
      expect(await client.run('both')).toMatchObject({ code: 3 });
      expect(closed).toBe(1);
      await client.close();
    });
    expect(world.faults).toMatchObject([{ code: 'ERR_SSH_SFTP_PROTOCOL', origin: 'peer' }]);
  });

  it('is answered for on its channel alone where the client closes it before it reads the end', async () => {
    const world = new World({ seed: 1 });
    await playIn(world, async () => {
      await world.startServer({ sftp: { begin: async () => ({ close: async () => {} }) } as never });
      const windowSize = 32 * 1024;
      const client = await world.connect({ limits: { windowSize, maximumWindowSize: windowSize } });
      const channel = await client.subsystem('sftp');
      channel.on('error', () => {});
      channel.write(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
      // A request that nobody knows has an answer all the same: more of them than the window takes.
      const unknown = Uint8Array.of(0, 0, 0, 5, 99, 0, 0, 0, 1);
      channel.write(Buffer.concat(Array.from({ length: 2_000 }, () => unknown)));
      await world.sleep(1_000);
      const said = ends(world);
      channel.write(new Uint8Array(64).fill(0xff));
      await world.sleep(1_000);
      expect(said).toEqual([]);
      channel.destroy();
      await world.sleep(1_000);
      expect(said).toEqual(['CLOSE']);
      expect(await client.run('both')).toMatchObject({ code: 3 });
      await client.close();
    });
  });
});
