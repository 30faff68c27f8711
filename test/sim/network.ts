/**
 * A network of simulated hosts, and the platform that client and server run on in it.
 *
 * Owns: which host answers how, the wires there are.
 * Must not know: SSH.
 */
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { Link, LinkOpener, LinkReceiver } from '../../src/io/link.ts';
import { nodeFileStreams } from '../../src/node/fileStreams.ts';
import { streamLink } from '../../src/node/socketLink.ts';
import { nodeStreams } from '../../src/node/streams.ts';
import type { ServerPlatform } from '../../src/server/server.ts';
import type { VirtualClock } from '../support/virtualClock.ts';
import { seeded } from './random.ts';
import { type LinkPlan, SimWire } from './simLink.ts';

/** How a host takes a connection. */
export interface Host {
  /**
   * `serve` hands it to the server that listens there; `silent` accepts and
   * never speaks or reads; `refuse` refuses; `blackhole` never answers.
   */
  readonly manner: 'serve' | 'silent' | 'refuse' | 'blackhole';
  readonly plan?: LinkPlan;
}

type Accepted = (open: LinkOpener, from: string) => void;

export class SimNetwork {
  readonly wires: SimWire[] = [];
  private readonly clock: VirtualClock;
  private readonly provider: CryptoProvider;
  private readonly random: () => number;
  private readonly hostOf: (name: string) => Host;
  private accepted: Accepted | undefined;

  constructor(options: {
    readonly clock: VirtualClock;
    readonly provider: CryptoProvider;
    readonly seed: number;
    readonly hostOf: (name: string) => Host;
  }) {
    this.clock = options.clock;
    this.provider = options.provider;
    this.random = seeded(options.seed);
    this.hostOf = options.hostOf;
  }

  platform(): ServerPlatform {
    return {
      clock: this.clock,
      streams: nodeStreams,
      files: async () => ({ streams: nodeFileStreams, files: undefined }),
      cryptoProvider: async () => this.provider,
      keyArithmetic: () => undefined,
      tcp:
        ({ host }) =>
        (receiver) =>
          this.dial(host, receiver),
      stream: streamLink,
      local: () => () => {
        throw new Error('simulated hosts have no local sockets');
      },
      agentPath: () => undefined,
      defaultHostKeyVerifier: () => () => true,
      localUser: () => 'user',
      pause: () => Promise.resolve(),
      listen: async (address, accepted, refuse) => {
        this.accepted = (open, from) => {
          if (!refuse()) accepted(open, from);
        };
        return { address, close: async () => this.unlisten() };
      },
    };
  }

  /** Drops wires that nobody holds any more. */
  forget(): void {
    const held = this.wires.filter(({ client }) => !client.isGone);
    this.wires.splice(0, this.wires.length, ...held);
  }

  private unlisten(): void {
    this.accepted = undefined;
  }

  private dial(name: string, receiver: LinkReceiver): Link {
    const { clock } = this;
    const { manner, plan = {} } = this.hostOf(name);
    const wire = new SimWire(clock, plan, this.random);
    this.wires.push(wire);
    wire.client.attach(receiver);
    const at = clock.now() + (plan.toServer?.delay ?? 0) + (plan.toClient?.delay ?? 0);
    if (manner === 'blackhole') return wire.client;
    clock.ioAt(at, () => {
      if (wire.client.isGone) return;
      if (manner === 'refuse') {
        receiver.ended(new Error('connect ECONNREFUSED'));
        wire.client.destroy();
        return;
      }
      if (manner === 'serve') this.accept(wire);
      receiver.connected();
    });
    return wire.client;
  }

  private accept(wire: SimWire): void {
    this.accepted?.((receiver) => {
      wire.server.attach(receiver);
      this.clock.ioAt(this.clock.now(), () => wire.server.told((told) => told.connected()));
      return wire.server;
    }, 'client');
  }
}
