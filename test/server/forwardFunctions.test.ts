/**
 * The functions that answer for forwarding (RFC 4254 §7): what is made of each answer, of one that
 * comes late or never, and of one that comes when the connection has ended; in virtual time.
 */
import { type Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { emptyBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import type { LocalNetwork } from '../../src/forwarding/local.ts';
import { placeText } from '../../src/forwarding/places.ts';
import type { Driver } from '../../src/io/driver.ts';
import { type ChannelOpen, channelOpen, directTcpip, forwardedTcpip } from '../../src/message/channel.ts';
import {
  cancelTcpipForward,
  requestSuccess,
  tcpipForward,
  tcpipForwardReply,
} from '../../src/message/globalRequest.ts';
import type { ClientEvent, ClientProtocol } from '../../src/protocol/client.ts';
import type { ForwardingFunctions, ServerOptions } from '../../src/server/options.ts';
import type { SimLocalNetwork, SimProgram } from '../sim/localNetwork.ts';
import type { World } from '../sim/world.ts';
import { play as playScene, type Scene } from '../support/scene.ts';
import { uncaughtIn } from '../support/uncaught.ts';

/** Answers of RFC 4254 §5.1. */
const prohibited = 1;
const failed = 2;
const shortage = 4;

/** A promise, and what settles it. */
function later<T>(): { readonly promise: Promise<T>; readonly answer: (value: T) => void } {
  let answer: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    answer = resolve;
  });
  return { promise, answer };
}

/** A client that asks for whatever a test wants. */
class Asking {
  readonly world: World;
  readonly scene: Scene;
  private readonly driver: Driver<ClientProtocol>;
  private readonly events: ClientEvent[] = [];

  constructor(scene: Scene) {
    this.scene = scene;
    this.world = scene.world;
    const found = this.world.connections.findLast((one) => one.snapshot().role === 'client');
    this.driver = found as unknown as Driver<ClientProtocol>;
    const core = this.driver.core as ClientProtocol;
    const nextEvent = core.nextEvent.bind(core);
    core.nextEvent = () => {
      const event = nextEvent();
      if (event !== undefined) this.events.push(event);
      return event;
    };
  }

  /** Opens a channel to a target: the reason of the refusal, or that it is open. */
  async open(hostToConnect: string, portToConnect: number): Promise<number | 'open' | 'unanswered'> {
    const data = directTcpip.toBytes({
      hostToConnect,
      portToConnect,
      originatorIpAddress: '',
      originatorPort: 0,
    });
    const channel = this.driver.act((core) => core.connection.open(directTcpip.name, data));
    for (let waited = 0; waited < 20_000; waited += 100) {
      await this.world.sleep(100);
      for (const event of this.events) {
        if (event.type === 'channelOpened' && event.channel === channel) return 'open';
        if (event.type === 'channelOpenFailed' && event.channel === channel) {
          return event.error.channelOpenReason ?? 0;
        }
      }
    }
    return 'unanswered';
  }

  /** Asks for a listener, or to cancel one, and waits for nothing. */
  say(request: typeof tcpipForward, addressToBind: string, portNumberToBind: number, wantReply = true): void {
    const payload = request.toBytes({ addressToBind, portNumberToBind });
    this.driver.act(({ connection }) =>
      wantReply
        ? void connection.request(request.name, payload, true)
        : connection.request(request.name, payload, false),
    );
  }
}

/** Plays with a server that has these options; nothing may be left of it. */
function play(server: Partial<ServerOptions>, story: (asking: Asking) => Promise<void>): Promise<World> {
  return playScene((scene) => story(new Asking(scene)), {
    server: { openTcp: undefined as never, ...server },
  });
}

/** Faults of the functions, not of the connection. */
function faultsOf(world: World): unknown[] {
  return world.faults.filter((fault) => (fault as SshError).code !== 'ERR_SSH_CONNECTION_LOST');
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Programs connect to a listener before its maker has heard that it stands. */
function earlyConnections(local: SimLocalNetwork, connect: () => void): void {
  const listen = local.listen.bind(local);
  local.listen = async (place, accepted) => {
    let come: () => void = () => {};
    const hasCome = new Promise<void>((resolve) => {
      come = resolve;
    });
    const listener = await listen(place, (connection) => {
      accepted(connection);
      come();
    });
    connect();
    await hasCome;
    return listener;
  };
}

const answers: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['false', false],
  ['null', null],
  ['a text', 'yes'],
  ['a number', 1],
  ['nothing of a place', {}],
  ['a host alone', { host: 'target' }],
  ['a port that there is not', { host: 'target', port: 70_000 }],
  ['a host with a NUL', { host: 'target\0.example', port: 1 }],
  ['an empty path', { path: '' }],
  ['a place of two kinds', { host: 'target', port: 1, path: '/run/s' }],
];
const isRefusal = (answer: unknown): boolean => answer === undefined || answer === false;

describe('openTcp', () => {
  it('is asked about no host that a system would cut short, and about no port that there is not', async () => {
    const asked: unknown[] = [];
    const openTcp: ServerOptions['openTcp'] = ({ host, port }) => {
      asked.push(`${host}:${port}`);
      return undefined;
    };
    await play({ openTcp }, async (asking) => {
      const refused = [
        ['127.0.0.1\0.example.com', 1],
        ['127.0.0.1 .example.com', 1],
        ['127.0.0.1\t.example.com', 1],
        ['127.0.0.1\n', 1],
        ['\x7f', 1],
        ['', 1],
        ['target', 0],
        ['target', 65_536],
        ['target', 0xffff_ffff],
      ] as const;
      for (const [host, port] of refused) {
        expect([host, port, await asking.open(host, port)]).toEqual([host, port, prohibited]);
      }
      expect(asked).toEqual([]);
      expect(await asking.open('target', 65_535)).toBe(prohibited);
      expect(asked).toEqual(['target:65535']);
    });
  });

  const methods = { pipe: () => {}, write: () => {}, destroy: () => {}, on: () => {}, once: () => {} };
  const throws = (): never => {
    throw new Error('of the stream');
  };
  it.each<readonly [string, openTcp: () => unknown, isFault?: boolean]>([
    ['null', () => null],
    ['a text', () => 'yes'],
    ['true', () => true],
    ['a place', () => ({ host: 'target', port: 1 })],
    ...Object.keys(methods).map(
      (name) => [`a stream without ${name}`, () => ({ ...methods, [name]: undefined })] as const,
    ),
    ...(['on', 'once', 'pipe', 'destroy'] as const).map(
      (name) => [`a stream whose ${name} throws`, () => ({ ...methods, [name]: throws })] as const,
    ),
    ['a stream that is gone', () => new PassThrough().destroy(), false],
    ['a throw', throws],
    ['a rejection', () => Promise.reject(new Error('of the function'))],
  ])(
    'that answers with %s leaves no channel open, and the next may do',
    async (_what, openTcp, isFault = true) => {
      let answer = openTcp as () => unknown;
      const { rejections, exceptions } = await uncaughtIn(async () => {
        const world = await play(
          { openTcp: () => answer() as never, limits: { channels: 1 } },
          async (asking) => {
            await asking.open('target', 1);
            await asking.world.sleep(1_000);
            expect(asking.scene.channels).toEqual([]);
            answer = () => new PassThrough();
            expect(await asking.open('target', 1)).toBe('open');
          },
        );
        expect(faultsOf(world).length > 0).toBe(isFault);
      });
      expect([rejections, exceptions]).toEqual([[], []]);
    },
  );

  it('is held up by no more functions than there may be channels, though its time is over for each', async () => {
    const waiting: ((stream: Duplex) => void)[] = [];
    const openTcp = (): Promise<Duplex> => new Promise((resolve) => waiting.push(resolve));
    await play({ openTcp, limits: { channels: 2 }, timeouts: { channelOpen: 1_000 } }, async (asking) => {
      expect(await Promise.all([asking.open('target', 1), asking.open('target', 1)])).toEqual([
        failed,
        failed,
      ]);
      expect([await asking.open('target', 1), waiting.length]).toEqual([shortage, 2]);
      const late = new PassThrough();
      waiting[0]?.(late);
      expect([await asking.open('target', 1), waiting.length, late.destroyed]).toEqual([failed, 3, true]);
      for (const answer of waiting) answer(new PassThrough());
    });
  });
});

describe('forwarding.local', () => {
  /** What is reached of this machine, in the order in which it is. */
  function watch(world: World): string[] {
    const reached: string[] = [];
    for (const place of [{ host: 'target', port: 1 }, { host: 'elsewhere', port: 2 }, { path: '/run/s' }]) {
      world.network.local.serve(place, () => reached.push(placeText(place)));
    }
    return reached;
  }

  it.each<readonly [string, unknown, reason: number | 'open', reached: readonly string[]]>([
    ['true', true, 'open', ['target:1']],
    ['another place', { host: 'elsewhere', port: 2 }, 'open', ['elsewhere:2']],
    ['a path', { path: '/run/s' }, 'open', ['/run/s']],
    ...answers.map(([what, answer]) => [what, answer, isRefusal(answer) ? prohibited : failed, []] as const),
  ])('that answers with %s leads there and nowhere else', async (_what, answer, reason, reached) => {
    const world = await play({ forwarding: { local: () => answer as never } }, async (asking) => {
      const seen = watch(asking.world);
      expect([await asking.open('target', 1), seen]).toEqual([reason, reached]);
    });
    expect(faultsOf(world)).toHaveLength(reason === failed ? 1 : 0);
  });

  it.each([
    ['127.0.0.1\0.example.com', 1],
    ['127.0.0.1 .example.com', 1],
    ['', 1],
    ['target', 0],
    ['target', 65_536],
  ])('that allows %j, port %j, leads nowhere', async (host, port) => {
    await play({ forwarding: { local: () => true } }, async (asking) => {
      const tried: unknown[] = [];
      asking.world.network.local.connect = async (place) => {
        tried.push(place);
        throw new Error('there is nothing');
      };
      expect([await asking.open(host, port), tried]).toEqual([failed, []]);
    });
  });

  it('has room for as many connections as channels, again and again, whatever became of those before', async () => {
    let answer: () => unknown = () => true;
    const forwarding = { local: () => answer() as never };
    await play({ forwarding, limits: { channels: 2 } }, async (asking) => {
      watch(asking.world);
      const { client, world } = asking.scene;
      const throws = (): never => {
        throw new Error('of the function');
      };
      for (const [next, reason] of [
        [() => false, prohibited],
        [() => 'nonsense', failed],
        [throws, failed],
        [() => ({ host: 'nobody', port: 1 }), failed],
      ] as const) {
        answer = next;
        for (let i = 0; i < 3; i++) expect(await asking.open('target', 1)).toBe(reason);
      }
      answer = () => true;
      for (let i = 0; i < 3; i++) {
        (await client.openTcp('target', 1)).destroy();
        await world.sleep(1_000);
      }
      expect(await Promise.all([1, 2, 3].map(() => asking.open('target', 1)))).toEqual([
        'open',
        'open',
        shortage,
      ]);
    });
  });

  it('is held up by no more functions than there may be channels, and one that answers late leads nowhere', async () => {
    const waiting: ((answer: boolean) => void)[] = [];
    const forwarding: ForwardingFunctions = { local: () => new Promise((resolve) => waiting.push(resolve)) };
    const server = { forwarding, limits: { channels: 2 }, timeouts: { channelOpen: 1_000 } };
    await play(server, async (asking) => {
      const reached = watch(asking.world);
      expect(await Promise.all([asking.open('target', 1), asking.open('target', 1)])).toEqual([
        failed,
        failed,
      ]);
      expect([await asking.open('target', 1), waiting.length]).toEqual([shortage, 2]);
      waiting[0]?.(true);
      expect([await asking.open('target', 1), waiting.length, reached]).toEqual([failed, 3, []]);
      for (const allow of waiting) allow(true);
      await asking.world.sleep(1_000);
      expect(reached).toEqual([]);
    });
  });

  it.each(['the function', 'the connection', 'a network that hears no signal'] as const)(
    "leads nowhere where the client leaves while %s is waited for, which is nobody's fault",
    async (what) => {
      const { promise, answer } = later<true>();
      const forwarding: ForwardingFunctions = { local: () => (what === 'the function' ? promise : true) };
      const world = await play({ forwarding }, async (asking) => {
        const reached = watch(asking.world);
        const { local } = asking.world.network;
        const connect = local.connect.bind(local);
        const network: LocalNetwork = local;
        network.connect = async (place, signal) => {
          if (what === 'the connection') await aborted(signal);
          await promise;
          return connect(place);
        };
        void asking.open('target', 1).catch(() => {});
        await asking.world.sleep(1_000);
        await asking.scene.client.close();
        await asking.world.sleep(1_000);
        answer(true);
        await asking.world.sleep(1_000);
        expect([reached.length, local.open]).toEqual([what === 'a network that hears no signal' ? 1 : 0, 0]);
      });
      expect(faultsOf(world)).toEqual([]);
    },
  );
});

describe('forwarding.remote', () => {
  const to = { host: 'target', port: 1 };

  it.each<readonly [string, unknown, listening: readonly string[]]>([
    ['true', true, ['localhost:8080']],
    ['another host', { host: '127.0.0.1', port: 8080 }, ['127.0.0.1:8080']],
    ['another port', { host: 'localhost', port: 9090 }, ['localhost:9090']],
    ['a port alone', { port: 9090 }, ['localhost:9090']],
    ['a path', { path: '/run/s' }, ['/run/s']],
    ...answers.map(([what, answer]) => [what, answer, []] as const),
  ])('that answers with %s listens there and nowhere else', async (_what, answer, listening) => {
    const world = await play({ forwarding: { remote: () => answer as never } }, async (asking) => {
      const { client, world } = asking.scene;
      const { local } = world.network;
      const forward = await client.forwardRemote({ port: 8080 }, to).catch(() => undefined);
      expect([forward === undefined, local.listening]).toEqual([listening.length === 0, listening]);
      await forward?.close();
      expect(local.listening).toEqual([]);
    });
    expect(faultsOf(world)).toHaveLength(listening.length === 0 && !isRefusal(answer) ? 1 : 0);
  });

  it('has room for as many listeners as it may, again and again, whatever became of those before', async () => {
    let answer: () => unknown = () => true;
    await play(
      { forwarding: { remote: () => answer() as never }, limits: { forwards: 2 } },
      async (asking) => {
        const { client, world } = asking.scene;
        const { local } = world.network;
        const ask = (): Promise<'stands' | 'refused'> =>
          client.forwardRemote({ port: 0 }, to).then(
            () => 'stands' as const,
            () => 'refused' as const,
          );
        const throws = (): never => {
          throw new Error('of the function');
        };
        for (const next of [() => false, () => 'nonsense', throws]) {
          answer = next;
          for (let i = 0; i < 3; i++) expect(await ask()).toBe('refused');
        }
        answer = () => true;
        const { listen } = local;
        local.listen = () => Promise.reject(new SshError('ERR_SSH_FORWARD', 'in use', { origin: 'local' }));
        for (let i = 0; i < 3; i++) expect(await ask()).toBe('refused');
        local.listen = listen;
        for (let i = 0; i < 3; i++) await (await client.forwardRemote({ port: 0 }, to)).close();
        expect(await Promise.all([ask(), ask(), ask()])).toEqual(['stands', 'stands', 'refused']);
      },
    );
  });

  it('is held up by no more functions than it may have listeners, and one that answers late makes none', async () => {
    const waiting: ((answer: boolean) => void)[] = [];
    const forwarding: ForwardingFunctions = { remote: () => new Promise((resolve) => waiting.push(resolve)) };
    const server = { forwarding, limits: { forwards: 2 }, timeouts: { request: 1_000 } };
    await play(server, async (asking) => {
      const { world } = asking;
      const ask = async (port: number): Promise<void> => {
        asking.say(tcpipForward, 'localhost', port);
        await world.sleep(2_000);
      };
      for (const port of [1, 2, 3]) await ask(port);
      expect(waiting).toHaveLength(2);
      for (const allow of waiting) allow(true);
      await world.sleep(1_000);
      expect(world.network.local.listening).toEqual([]);
      await ask(4);
      expect(waiting).toHaveLength(3);
      waiting[2]?.(true);
    });
  });

  it.each(['the function', 'the listener'] as const)(
    'leaves no listener where the client leaves while %s is waited for',
    async (what) => {
      const { promise, answer } = later<true>();
      const forwarding: ForwardingFunctions = { remote: () => (what === 'the function' ? promise : true) };
      const world = await play({ forwarding }, async (asking) => {
        const { world } = asking;
        const { local } = world.network;
        const listen = local.listen.bind(local);
        local.listen = async (place, accepted) => {
          await promise;
          return listen(place, accepted);
        };
        asking.say(tcpipForward, 'localhost', 8080);
        await world.sleep(1_000);
        await asking.scene.client.close();
        await world.sleep(1_000);
        answer(true);
        await world.sleep(1_000);
        expect(local.listening).toEqual([]);
      });
      expect(faultsOf(world)).toEqual([]);
    },
  );

  it.each([0, 8080])('tells of a listener before it tells of who connected to it (port %i)', async (port) => {
    await play({ forwarding: { remote: () => true } }, async (asking) => {
      const { world, scene } = asking;
      const { local } = world.network;
      const said: unknown[] = [];
      const { transport } = scene.core;
      const send = transport.send.bind(transport);
      transport.send = (message, value) => {
        if (message.number === requestSuccess.number || message.number === channelOpen.number)
          said.push(value);
        send(message, value);
      };
      const programs: SimProgram[] = [];
      earlyConnections(local, () => programs.push(local.dial({ host: 'localhost', port: port || 40_001 })));
      asking.say(tcpipForward, 'localhost', port);
      await world.sleep(1_000);
      const bound = port === 0 ? 40_001 : port;
      expect(said).toMatchObject([
        { responseData: port === 0 ? tcpipForwardReply.toBytes({ portThatWasBound: bound }) : emptyBytes },
        { channelType: forwardedTcpip.name },
      ]);
      const { channelTypeData } = said[1] as ChannelOpen;
      expect(forwardedTcpip.fromBytes(channelTypeData)).toMatchObject({
        addressThatWasConnected: 'localhost',
        portThatWasConnected: bound,
      });
      // Nobody asked this client's user.
      expect(programs.map(({ fault }) => fault !== undefined)).toEqual([true]);
    });
  });

  it('is cancelled by the words that asked for it, and by no others', async () => {
    await play({ forwarding: { remote: () => true } }, async (asking) => {
      const { world, scene } = asking;
      const { local } = world.network;
      const { connection } = scene.core;
      const replies: boolean[] = [];
      const reply = connection.replyGlobal.bind(connection);
      connection.replyGlobal = (success, payload) => {
        replies.push(success);
        reply(success, payload);
      };
      asking.say(cancelTcpipForward, 'localhost', 8080);
      asking.say(tcpipForward, 'localhost', 8080);
      await world.sleep(1_000);
      const others: readonly (readonly [string, number])[] = [
        ['localhost', 8081],
        ['localhost', 0],
        ['127.0.0.1', 8080],
        ['', 8080],
        ['LOCALHOST', 8080],
      ];
      for (const [host, port] of others) asking.say(cancelTcpipForward, host, port);
      await world.sleep(1_000);
      expect([replies, local.listening]).toEqual([
        [false, true, ...others.map(() => false)],
        ['localhost:8080'],
      ]);
      asking.say(cancelTcpipForward, 'localhost', 8080);
      await world.sleep(1_000);
      expect([replies.at(-1), local.listening]).toEqual([true, []]);
    });
  });

  it('serves a listener whose client wants no answer, and tells it nothing but of who connects', async () => {
    await play({ forwarding: { remote: () => true } }, async (asking) => {
      const { world, scene } = asking;
      const opened = scene.watch('channelOpenFailed');
      asking.say(tcpipForward, 'localhost', 8080, false);
      await world.sleep(1_000);
      world.network.local.dial({ host: 'localhost', port: 8080 });
      await world.sleep(1_000);
      expect(opened).toHaveLength(1);
      asking.say(cancelTcpipForward, 'localhost', 8080, false);
      await world.sleep(1_000);
      expect(world.network.local.listening).toEqual([]);
      await scene.client.ping();
    });
  });

  it('tells of nobody who connected while the answers to earlier requests are due, and holds a bounded number', async () => {
    const { promise, answer } = later<true>();
    const forwarding: ForwardingFunctions = { remote: ({ port }) => (port === 1 ? promise : true) };
    await play({ forwarding, limits: { forwardConnections: 2 } }, async (asking) => {
      const { world, scene } = asking;
      const { local } = world.network;
      const opened = scene.watch('channelOpenFailed');
      asking.say(tcpipForward, 'localhost', 1);
      asking.say(tcpipForward, 'localhost', 2);
      await world.sleep(1_000);
      const programs = [1, 2, 3, 4].map(() => local.dial({ host: 'localhost', port: 2 }));
      await world.sleep(1_000);
      const cut = (): boolean[] => programs.map(({ fault }) => fault !== undefined);
      expect([scene.channels, opened, cut()]).toEqual([[], [], [false, false, true, true]]);
      answer(true);
      await world.sleep(1_000);
      // The client knows nothing of this port, and refuses both.
      expect([opened.length, cut()]).toEqual([2, [true, true, true, true]]);
      asking.say(cancelTcpipForward, 'localhost', 1);
      asking.say(cancelTcpipForward, 'localhost', 2);
    });
  });

  it.each(['the request is taken back', 'the connection ends'] as const)(
    'cuts who connected while the answers to earlier requests are due when %s',
    async (what) => {
      const { promise, answer } = later<true>();
      const forwarding: ForwardingFunctions = { remote: ({ port }) => (port === 1 ? promise : true) };
      await play({ forwarding }, async (asking) => {
        const { world, scene } = asking;
        const { local } = world.network;
        asking.say(tcpipForward, 'localhost', 1);
        asking.say(tcpipForward, 'localhost', 2);
        await world.sleep(1_000);
        const program = local.dial({ host: 'localhost', port: 2 });
        await world.sleep(1_000);
        expect([program.isOver, local.open]).toEqual([false, 1]);
        if (what === 'the connection ends') scene.client.destroy();
        else asking.say(cancelTcpipForward, 'localhost', 2);
        await world.sleep(1_000);
        expect([program.fault !== undefined, local.open, local.listening]).toEqual([true, 0, []]);
        answer(true);
      });
    },
  );

  it('takes no connection of a listener whose request was taken back, not even an early one', async () => {
    await play({ forwarding: { remote: () => true } }, async (asking) => {
      const { world, scene } = asking;
      const { local } = world.network;
      const programs: SimProgram[] = [];
      earlyConnections(local, () => programs.push(local.dial({ host: 'localhost', port: 8080 })));
      const opened = scene.core.connection;
      const open = opened.open.bind(opened);
      let channels = 0;
      opened.open = (type, data) => {
        channels++;
        return open(type, data);
      };
      asking.say(tcpipForward, 'localhost', 8080);
      asking.say(cancelTcpipForward, 'localhost', 8080);
      await world.sleep(1_000);
      expect([channels, local.listening, local.open]).toEqual([0, [], 0]);
      expect(programs.map(({ fault }) => fault !== undefined)).toEqual([true]);
    });
  });

  it.each(['the connection ends', 'the client answers too late'] as const)(
    'cuts a connection whose channel has no answer when %s',
    async (what) => {
      const forwarding = { remote: () => true };
      await play({ forwarding, timeouts: { channelOpen: 2_000 } }, async (asking) => {
        const { world, scene } = asking;
        const forward = await scene.client.forwardRemote({ port: 0 }, to);
        // It never hears of the channel.
        scene.mute(channelOpen.number);
        const program = world.network.local.dial(forward.address);
        await world.sleep(1_000);
        expect([program.isOver, scene.server.forwards()[0]?.connections.length]).toEqual([false, 1]);
        if (what === 'the connection ends') scene.client.destroy();
        await world.sleep(1_500);
        expect([program.fault !== undefined, world.network.local.open]).toEqual([true, 0]);
      });
    },
  );
});
