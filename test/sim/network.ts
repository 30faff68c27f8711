/**
 * A network of simulated hosts, and the platform that client and server run on in it.
 *
 * Owns: which host answers how, the wires there are.
 * Must not know: SSH.
 */

import { domainToASCII } from 'node:url';
import type { Platform } from '../../src/client/platform.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import type { AddressFamily, HostAddress } from '../../src/io/connecting/addressRace.ts';
import {
  type AttemptListener,
  type OpenAttempt,
  type RaceNetwork,
  raceLink,
} from '../../src/io/connecting/raceLink.ts';
import type { LinkOpener } from '../../src/io/link.ts';
import { nodeFileStreams } from '../../src/node/files/fileStreams.ts';
import { streamLink } from '../../src/node/socketLink.ts';
import { nodeStreams } from '../../src/node/streams.ts';
import type { ServerPlatform } from '../../src/server/server.ts';
import type { VirtualClock } from '../support/virtualClock.ts';
import { SimLocalNetwork } from './localNetwork.ts';
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
  /** For a name: its addresses, each a host of its own, and how a resolver tells them. Else it is an address itself. */
  readonly lookups?: (family: AddressFamily) => Lookup;
}

/** How a resolver answers a question, if ever. */
export interface Lookup {
  /** Milliseconds; `Infinity` for no answer. */
  readonly after: number;
  /** None means that there is no such host. */
  readonly addresses: readonly string[];
}

type Accepted = (open: LinkOpener, from: string) => void;

export class SimNetwork {
  readonly wires: SimWire[] = [];
  /** The network of the client's own machine. */
  readonly local: SimLocalNetwork;
  private readonly dialled = new WeakMap<SimWire, string>();
  private readonly clock: VirtualClock;
  private readonly provider: CryptoProvider;
  private readonly random: () => number;
  private readonly hostOf: (name: string) => Host;
  private readonly pause: () => Promise<void>;
  private accepted: Accepted | undefined;

  constructor(options: {
    readonly clock: VirtualClock;
    readonly provider: CryptoProvider;
    readonly seed: number;
    readonly hostOf: (name: string) => Host;
    /** Between two steps of long work. */
    readonly pause: () => Promise<void>;
  }) {
    this.clock = options.clock;
    this.local = new SimLocalNetwork(options.clock);
    this.provider = options.provider;
    this.random = seeded(options.seed);
    this.hostOf = options.hostOf;
    this.pause = options.pause;
  }

  platform(): Platform & ServerPlatform {
    return {
      clock: this.clock,
      streams: nodeStreams,
      httpAgent: () => {
        throw new Error('simulated hosts speak no HTTP');
      },
      network: this.local,
      files: async () => ({ streams: nodeFileStreams, files: undefined }),
      cryptoProvider: async () => this.provider,
      keyArithmetic: () => undefined,
      tcp: ({ host, port, localAddress, family, waits }) => {
        const wanted: AddressFamily =
          localAddress === undefined ? (family ?? 0) : addressOf(localAddress).family;
        const address = this.hostOf(host).lookups === undefined ? addressOf(host) : undefined;
        return raceLink(this.race(), { host, port, family: wanted, address }, this.clock, waits);
      },
      stream: streamLink,
      command: () => () => {
        throw new Error('simulated hosts have no programs');
      },
      local: () => () => {
        throw new Error('simulated hosts have no local sockets');
      },
      chance: () => 0.5,
      display: () => ':0',
      displayCookies: async () => undefined,
      agentPath: () => undefined,
      defaultHostKeyVerifier: () => () => true,
      asciiName: domainToASCII,
      localUser: () => 'user',
      pause: () => this.pause(),
      listen: async (address, accepted, refuse) => {
        this.accepted = (open, from) => {
          if (!refuse()) accepted(open, from);
        };
        return { address, close: async () => this.unlisten() };
      },
    };
  }

  /** The address to which a wire was dialled. */
  addressOf(wire: SimWire | undefined): string | undefined {
    return wire && this.dialled.get(wire);
  }

  /** Drops wires that nobody holds any more. */
  forget(): void {
    const held = this.wires.filter(({ client }) => !client.isGone);
    this.wires.splice(0, this.wires.length, ...held);
  }

  private unlisten(): void {
    this.accepted = undefined;
  }

  private race(): RaceNetwork {
    return {
      lookup: (host, family, answered) => {
        const { after, addresses } = this.hostOf(host).lookups?.(family) ?? { after: 0, addresses: [] };
        if (after === Number.POSITIVE_INFINITY) return;
        const error = addresses.length === 0 ? codedError('ENOTFOUND') : undefined;
        this.clock.ioAt(this.clock.now() + after, () => answered(error, addresses.map(addressOf)));
      },
      attempt: ({ address }, listener) => this.dial(address, listener),
    };
  }

  private dial(name: string, listener: AttemptListener): OpenAttempt {
    const { clock } = this;
    const { manner, plan = {} } = this.hostOf(name);
    const wire = new SimWire(clock, plan, this.random);
    this.wires.push(wire);
    this.dialled.set(wire, name);
    wire.client.attach({
      connected: () => listener.connected(),
      ended: (error) => listener.failed(error ?? codedError('ECONNRESET')),
      closed: () => listener.closed(),
      received: () => {},
      lent: () => {},
      written: () => {},
    });
    const attempt: OpenAttempt = {
      abandon: () => wire.client.destroy(),
      toLink: (receiver) => {
        wire.client.attach(receiver);
        return wire.client;
      },
    };
    const at = clock.now() + (plan.toServer?.delay ?? 0) + (plan.toClient?.delay ?? 0);
    if (manner === 'blackhole') return attempt;
    clock.ioAt(at, () => {
      if (wire.client.isGone) return;
      if (manner === 'refuse') {
        listener.failed(codedError('ECONNREFUSED'));
        wire.client.destroy();
        return;
      }
      if (manner === 'serve') this.accept(wire);
      listener.connected();
    });
    return attempt;
  }

  private accept(wire: SimWire): void {
    this.accepted?.((receiver) => {
      wire.server.attach(receiver);
      this.clock.ioAt(this.clock.now(), () => wire.server.told((told) => told.connected()));
      return wire.server;
    }, 'client');
  }
}

/** What has a colon in it is IPv6; names of hosts that are addresses themselves count as IPv4. */
export function addressOf(address: string): HostAddress {
  return { address, family: address.includes(':') ? 6 : 4 };
}

function codedError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}
