/**
 * A user's client and a server that a test takes over, in a simulated network on a virtual clock.
 *
 * Owns: the way from a test into the server's side of a connection that was made truly.
 * Must not know: what the test has the server do.
 */
import type { Client } from '../../src/client/client.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { Driver } from '../../src/io/driver.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import type { ServerEvent, ServerProtocol } from '../../src/protocol/server.ts';
import { checkEnd } from '../sim/laws.ts';
import { World, type WorldOptions } from '../sim/world.ts';
import { payloadOf } from './conversation.ts';

export interface SceneOptions extends Partial<WorldOptions> {
  readonly connect?: ConnectOptions;
}

export class Scene {
  readonly world: World;
  readonly client: Client;

  constructor(world: World, client: Client) {
    this.world = world;
    this.client = client;
  }

  /** The server's end of the connection that was made last. */
  get server(): Driver<ServerProtocol> {
    const driver = this.world.connections.findLast((each) => each.snapshot().role === 'server');
    if (driver === undefined) throw new Error('there is no server yet');
    return driver as unknown as Driver<ServerProtocol>;
  }

  /** The server's core. */
  get core(): ServerProtocol {
    const { core } = this.server;
    if (core === undefined) throw new Error('the server has no core yet');
    return core;
  }

  /** The channels that the server has open. */
  get channels(): readonly Channel[] {
    return this.core.connection.list();
  }

  /** Has the server say a message, sealed truly, whatever its rules say. */
  say<T>(message: MessageCodec<T>, value: T): void {
    const { sealer } = this.core.transport;
    sealer.begin().bytes(payloadOf(message, value));
    sealer.finish();
    this.server.touch();
  }

  /** What the server's core tells from now on, of one type; the server still gets it. */
  watch<T extends ServerEvent['type']>(type: T): (ServerEvent & { readonly type: T })[] {
    const seen: (ServerEvent & { readonly type: T })[] = [];
    const { core } = this;
    const nextEvent = core.nextEvent.bind(core);
    core.nextEvent = () => {
      const event = nextEvent();
      if (event?.type === type) seen.push(event as ServerEvent & { readonly type: T });
      return event;
    };
    return seen;
  }

  /** The server says nothing of these kinds any more; all else goes on. */
  mute(...numbers: readonly number[]): void {
    const { transport } = this.core;
    const send = transport.send.bind(transport);
    transport.send = <T>(message: MessageCodec<T>, value: T): void => {
      if (!numbers.includes(message.number)) send(message, value);
    };
    this.unmute = () => {
      transport.send = send;
    };
  }

  /** The server says everything again. */
  unmute: () => void = () => {};
}

/**
 * Plays a story with a connected client, and checks that nothing is left of it:
 * every promise settled, no timer, no wait, no wire, one cause.
 */
export function play(
  story: (scene: Scene) => Promise<void>,
  { connect = {}, ...options }: SceneOptions = {},
): Promise<World> {
  return playIn(new World({ seed: 1, ...options }), async (world) => {
    await world.startServer();
    const client = await world.connect(connect);
    try {
      await story(new Scene(world, client));
    } finally {
      client.destroy();
    }
  });
}

/** Plays a story in a world of its own, with the same check; what it throws is thrown. */
export async function playIn(world: World, story: (world: World) => Promise<void>): Promise<World> {
  const failures: unknown[] = [];
  const over = await world.play(() => story(world).catch((error: unknown) => void failures.push(error)));
  if (failures.length > 0) throw failures[0];
  checkEnd(world, over);
  return world;
}
