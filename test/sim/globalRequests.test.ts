/**
 * Requests to listen and to listen no more, whose answers name no request (RFC 4254 §4):
 * given up before their answer, taken back before it, answered late, never answered.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import type { Forward } from '../../src/forwarding/forward.ts';
import type { ListenPlace } from '../../src/forwarding/places.ts';
import type { Driver } from '../../src/io/driver.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { cancelTcpipForward, tcpipForward } from '../../src/message/globalRequest.ts';
import type { ClientProtocol } from '../../src/protocol/client.ts';
import type { ServerProtocol } from '../../src/protocol/server.ts';
import { failuresAreTyped, nothingIsLeft } from './laws.ts';
import { patientServer, World } from './world.ts';

const target = { host: 'target', port: 1 };

interface Scene {
  readonly world: World;
  readonly client: Client;
  /** The server's word on each request to listen. */
  answers: () => Promise<boolean>;
  /** Connections that reached the target. */
  reached: number;
}

async function play(story: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = { reached: 0, answers: async () => true } as Scene;
  const world = new World({
    seed: 3,
    server: {
      ...patientServer,
      timeouts: { ...patientServer.timeouts, request: 600_000 },
      forwarding: { local: () => true, remote: () => scene.answers() },
    },
  });
  const faults: unknown[] = [];
  const over = await world.play(async () => {
    await world.startServer({ openTcp: undefined as never });
    world.network.local.serve(target, () => void scene.reached++);
    const client = await world.connect();
    try {
      await story(Object.assign(scene, { world, client }));
    } catch (error) {
      faults.push(error);
    }
    client.destroy();
    await client.closed;
  });
  if (faults.length > 0) throw faults[0];
  nothingIsLeft(world, over);
  failuresAreTyped(world);
  expect(world.network.local.listening).toEqual([]);
}

function coreOf<Core>(world: World, role: 'client' | 'server'): Core {
  const found = world.connections.find((one) => one.snapshot().role === role) as unknown as Driver<never>;
  return found.core as Core;
}

/** Asks as a client does that waits for no answer before it says the next thing. */
function say<T>(world: World, message: { name: string; toBytes(value: T): Uint8Array }, value: T): void {
  const driver = world.connections.find(
    (one) => one.snapshot().role === 'client',
  ) as unknown as Driver<ClientProtocol>;
  driver.act((core) => core.connection.request(message.name, message.toBytes(value), true));
}

/** The server sends no answers to global requests while this is so. */
function swallowAnswers(world: World): { swallows: boolean } {
  const state = { swallows: true };
  const { transport } = coreOf<ServerProtocol>(world, 'server');
  const send = transport.send.bind(transport);
  transport.send = <T>(message: MessageCodec<T>, value: T): void => {
    if (!(state.swallows && [81, 82].includes(message.number))) send(message, value);
  };
  return state;
}

const allowsAfter = (world: World, delay: number) => async (): Promise<boolean> => {
  await world.sleep(delay);
  return true;
};

const places: readonly ListenPlace[] = [{ port: 0 }, { port: 8080 }, { path: '/run/s' }];

describe.each(places)('a forward that is given up before the server has answered (%j)', (place) => {
  it('class: leaves no listener there, at whatever moment that is, and takes no connection', async () => {
    const moments = fc.record({
      delay: fc.nat(60),
      after: fc.nat(60),
      how: fc.constantFrom('abort', 'timeout'),
    });
    let givenUp = 0;
    await fc.assert(
      fc.asyncProperty(moments, ({ delay, after, how }) =>
        play(async (scene) => {
          const { world, client } = scene;
          const { local } = world.network;
          scene.answers = allowsAfter(world, delay);
          // A program connects as soon as there is a listener.
          const listen = local.listen.bind(local);
          local.listen = async (at, accepted) => {
            const listener = await listen(at, accepted);
            local.dial(listener.place);
            return listener;
          };
          const abort = new AbortController();
          const bounds = how === 'abort' ? { signal: abort.signal } : { timeout: after + 1 };
          const made = world.call('forward', () => client.forwardRemote(place, target, bounds));
          await world.sleep(after + 1);
          abort.abort();
          const forward = await made;
          if (forward === undefined) givenUp++;
          await forward?.close();
          await world.sleep(1_000);
          expect([local.listening, client.forwards]).toEqual([[], []]);
          if (forward === undefined) expect(scene.reached).toBe(0);
          // The connection goes on, and so do its forwards.
          scene.answers = async () => true;
          const next = await client.forwardRemote(place, target);
          expect(local.listening).toHaveLength(1);
          await next.close();
          expect(local.listening).toEqual([]);
        }),
      ),
      {
        numRuns: 12,
        examples: [[{ delay: 20, after: 5, how: 'timeout' }], [{ delay: 20, after: 5, how: 'abort' }]],
      },
    );
    expect(givenUp).toBeGreaterThan(0);
  });
});

describe('a server whose client takes a request back before its answer', () => {
  it('listens no more when it has answered both, and takes no connection in between', () =>
    play(async (scene) => {
      const { world } = scene;
      const { local } = world.network;
      scene.answers = allowsAfter(world, 50);
      say(world, tcpipForward, { addressToBind: 'localhost', portNumberToBind: 8080 });
      say(world, cancelTcpipForward, { addressToBind: 'localhost', portNumberToBind: 8080 });
      await world.sleep(1_000);
      expect(local.listening).toEqual([]);
    }));

  it('listens once more where it is asked again behind that, and refuses the second of two', () =>
    play(async (scene) => {
      const { world } = scene;
      const { local } = world.network;
      const words = { addressToBind: 'localhost', portNumberToBind: 8080 };
      const answers: boolean[] = [];
      const { connection } = coreOf<ServerProtocol>(world, 'server');
      const reply = connection.replyGlobal.bind(connection);
      connection.replyGlobal = (success, payload) => {
        answers.push(success);
        reply(success, payload);
      };
      scene.answers = allowsAfter(world, 50);
      say(world, tcpipForward, words);
      say(world, tcpipForward, words);
      say(world, cancelTcpipForward, words);
      say(world, tcpipForward, words);
      await world.sleep(1_000);
      expect([answers, local.listening]).toEqual([[true, false, true, true], ['localhost:8080']]);
      say(world, cancelTcpipForward, words);
      say(world, cancelTcpipForward, words);
      await world.sleep(1_000);
      expect([answers.slice(4), local.listening]).toEqual([[true, false], []]);
    }));

  it('refuses where its own function does not answer in time, and answers what comes behind', async () => {
    const world = new World({ seed: 4, server: { forwarding: { remote: () => new Promise(() => {}) } } });
    const over = await world.play(async () => {
      await world.startServer();
      const client = await world.connect({ timeouts: { request: 100_000 } });
      const [listened, alive] = await Promise.allSettled([
        client.forwardRemote({ port: 0 }, target),
        client.ping(),
      ]);
      expect([listened.status, alive.status]).toEqual(['rejected', 'fulfilled']);
      await client.close();
    });
    nothingIsLeft(world, over);
  });
});

describe('a server that answers a request to listen too late', () => {
  it('has no listener left, and its later answers belong to the later requests', () =>
    play(async (scene) => {
      const { world, client } = scene;
      const { local } = world.network;
      scene.answers = allowsAfter(world, 20_000);
      const late = world.call('late', () => client.forwardRemote({ port: 0 }, target));
      await world.sleep(14_000);
      scene.answers = allowsAfter(world, 7_000);
      const behind = world.call('behind', () => client.forwardRemote({ port: 8081 }, target));
      await world.sleep(4_000);
      await world.call('refused', () => client.forwardRemote({ port: 8082 }, target));
      await Promise.all([late, behind]);
      const [first, second, third] = world.calls;
      expect(first?.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' });
      // Its answer came behind the late one, so that it is known whose it is.
      expect((second?.value as Forward | undefined)?.address.port).toBe(8081);
      expect(third?.error).toMatchObject({
        code: 'ERR_SSH_REQUEST_FAILED',
        message: expect.stringContaining(
          'tcpip-forward was not sent: the answer to an earlier tcpip-forward has not come within 15000 ms',
        ),
      });
      await world.sleep(5_000);
      expect(local.listening).toEqual(['localhost:8081']);
      // Nothing is in doubt any more.
      scene.answers = async () => true;
      const next = await client.forwardRemote({ port: 8083 }, target);
      await next.close();
      await client.ping();
    }));
});

describe('a server that never answers a request to listen', () => {
  it('makes later ones fail at once, with the cause, and takes no other harm', () =>
    play(async (scene) => {
      const { world, client } = scene;
      const { local } = world.network;
      const standing = await client.forwardRemote({ port: 8080 }, target);
      const answers = swallowAnswers(world);
      const lost = world.call('lost', () => client.forwardRemote({ port: 8081 }, target));
      await world.sleep(10_000);
      const behind = world.call('behind', () => client.forwardRemote({ port: 8082 }, target));
      await lost;
      answers.swallows = false;
      // The answers to signs of life are no answers to these.
      await world.sleep(60_000);
      await behind;
      const before = world.clock.now();
      await world.call('later', () => client.forwardRemote({ port: 8083 }, target));
      await world.call('ping', () => client.ping());
      expect(world.clock.now()).toBe(before);
      const [first, second, ...others] = world.calls.map(({ error }) => error as SshError);
      expect(first).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' });
      expect(first?.message).not.toContain('earlier');
      expect(second).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        message: expect.stringContaining('has not answered an earlier tcpip-forward in time either'),
      });
      expect(others).toHaveLength(2);
      for (const error of others) {
        expect(error).toMatchObject({
          code: 'ERR_SSH_REQUEST_FAILED',
          message: expect.stringContaining('earlier tcpip-forward has not come within 15000 ms'),
        });
      }
      expect((await client.run('both')).code).toBe(3);
      // What listens there is taken back without an answer.
      await standing.close();
      await world.sleep(1_000);
      expect(local.listening).toEqual([]);
    }));
});
