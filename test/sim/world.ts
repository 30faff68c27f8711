/**
 * A whole client and server in a simulated network, and the account of all that is left of them.
 *
 * Owns: the setting up, the calls a user makes and how each of them ended.
 * Must not know: which laws are checked.
 */
import '../support/lateCode.ts';
import { SshError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import { createConnect } from '../../src/client/dial/connect.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { FleetFunction, RunOnAllOptions } from '../../src/client/fleet/options.ts';
import { createPoolOn, type Pool, type PoolOptions } from '../../src/client/fleet/pool.ts';
import {
  createRunOnAll,
  type FleetFailure,
  type FleetResult,
  type FleetResults,
  type FleetValue,
} from '../../src/client/fleet/runOnAll.ts';
import { createOpenTunnel } from '../../src/client/tunnel/openTunnel.ts';
import type { TunnelOptions } from '../../src/client/tunnel/options.ts';
import type { Tunnel } from '../../src/client/tunnel/tunnel.ts';
import type { ListenPlace, TargetPlace } from '../../src/forwarding/places.ts';
import { observeConnections, type RegisteredConnection } from '../../src/io/registry.ts';
import type { ConnectionSnapshot } from '../../src/io/snapshots.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { createServerOn, type SshServer } from '../../src/server/server.ts';
import { VirtualClock } from '../support/virtualClock.ts';
import { type Host, SimNetwork } from './network.ts';
import { seeded, seededBytes } from './random.ts';
import type { LinkPlan } from './simLink.ts';
import { serverHandlers } from './simServer.ts';
import { createToyProvider, toyAlgorithms, toyKey } from './toyCrypto.ts';

/** One call of the user and its end. */
export interface Call {
  readonly name: string;
  readonly startedAt: number;
  endedAt: number | undefined;
  outcome: 'pending' | 'fulfilled' | 'rejected';
  value: unknown;
  error: unknown;
}

export interface WorldOptions {
  readonly seed: number;
  readonly plan?: LinkPlan;
  readonly hostOf?: (name: string) => Host;
  readonly server?: Partial<ServerOptions>;
  /** Virtual milliseconds that each step of long work takes; none unless said. */
  readonly stepTime?: number;
}

const userKey = toyKey(new Uint8Array(32).fill(7));
const hostKey = toyKey(new Uint8Array(32).fill(9));

/** A server with so much patience that it is always the client's deadline that comes first. */
export const patientServer: Partial<ServerOptions> = {
  loginTimeout: 600_000,
  timeouts: {
    identification: 600_000,
    keyExchange: 600_000,
    authentication: 600_000,
    close: 600_000,
    write: 600_000,
  },
  keepAlive: { interval: 600_000, maxMissed: 1 },
};

export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: SimNetwork;
  readonly calls: Call[] = [];
  /** Every connection of either role that was begun. */
  readonly connections: RegisteredConnection[] = [];
  readonly ends: { readonly connection: RegisteredConnection; readonly cause: SshError }[] = [];
  readonly faults: unknown[] = [];
  server: SshServer | undefined;
  /** Steps of long work so far. */
  pauses = 0;
  private readonly connectTo: (options: ConnectOptions) => Promise<Client>;
  private readonly platform: ReturnType<SimNetwork['platform']>;
  private readonly settings: WorldOptions;
  private readonly unobserve: () => void;

  constructor(options: WorldOptions) {
    const { seed, plan = {} } = options;
    this.settings = options;
    this.network = new SimNetwork({
      clock: this.clock,
      provider: createToyProvider(seededBytes(seed)),
      seed: seed + 1,
      hostOf: options.hostOf ?? (() => ({ manner: 'serve', plan })),
      pause: () => this.pause(),
    });
    this.platform = { ...this.network.platform(), chance: seeded(seed) };
    this.connectTo = createConnect(this.platform);
    this.unobserve = observeConnections({
      opened: (connection) => void this.connections.push(connection),
      ended: (connection, cause) => void this.ends.push({ connection, cause }),
    });
  }

  async startServer(handlers: Partial<ServerOptions> = {}): Promise<SshServer> {
    this.server = await createServerOn(this.platform)({
      hostKeys: hostKey,
      algorithms: toyAlgorithms,
      ...serverHandlers,
      onError: (error) => void this.faults.push(error),
      ...this.settings.server,
      ...handlers,
    });
    await this.server.listen(22, 'server');
    return this.server;
  }

  connect(options: ConnectOptions = {}): Promise<Client> {
    return this.connectTo(this.options(options));
  }

  /** The command on all the hosts of these names. */
  runOnAll(
    hosts: Iterable<string> | AsyncIterable<string>,
    command: string,
    options: RunOnAllOptions = {},
  ): FleetResults<FleetResult<string>> {
    return createRunOnAll(this.platform)(hosts, command, {
      username: 'user',
      privateKey: userKey,
      verifyHostKey: () => true,
      algorithms: toyAlgorithms,
      ...options,
    });
  }

  /** Options that connect to the server. */
  options(options: ConnectOptions = {}): ConnectOptions {
    return {
      host: 'server',
      username: 'user',
      privateKey: userKey,
      verifyHostKey: () => true,
      algorithms: toyAlgorithms,
      ...options,
    };
  }

  createPool<Target>(options: PoolOptions<Target>): Pool<Target> {
    return createPoolOn(this.platform)(options);
  }

  /** As `runOnAll`, with a function in place of the command. */
  workOnAll<T>(
    hosts: Iterable<string>,
    work: FleetFunction<string, T>,
    options: RunOnAllOptions = {},
  ): FleetResults<FleetValue<string, T> | FleetFailure<string>> {
    const {
      host: _host,
      stream: _stream,
      onBanner: _onBanner,
      onDebug: _onDebug,
      ...shared
    } = this.options();
    const connection = options.pool === undefined ? shared : {};
    return createRunOnAll(this.platform)(hosts, work, {
      ...connection,
      ...options,
    });
  }

  /** A tunnel through the server; chance is a number that comes again with the seed. */
  openTunnel(
    from: ListenPlace,
    to: TargetPlace,
    options: TunnelOptions = {},
    connect: ConnectOptions = {},
  ): Promise<Tunnel> {
    return createOpenTunnel(this.platform)(this.options(connect), from, to, options);
  }

  /** Keeps account of a promise that the API gave out. Resolves, with undefined where it rejected. */
  async call<T>(name: string, begin: () => Promise<T>): Promise<T | undefined> {
    const call: Call = {
      name,
      startedAt: this.clock.now(),
      endedAt: undefined,
      outcome: 'pending',
      value: undefined,
      error: undefined,
    };
    this.calls.push(call);
    try {
      const value = await begin();
      call.value = value;
      call.outcome = 'fulfilled';
      return value;
    } catch (error) {
      call.error = error;
      call.outcome = 'rejected';
      return undefined;
    } finally {
      call.endedAt = this.clock.now();
    }
  }

  /** Between two steps of long work. */
  private pause(): Promise<void> {
    const { stepTime } = this.settings;
    this.pauses++;
    return stepTime === undefined ? Promise.resolve() : this.sleep(stepTime);
  }

  /** Resolves with the virtual time at a moment of the future. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.ioAt(this.clock.now() + milliseconds, resolve);
    });
  }

  /** Runs until the story and everything it left behind are over, or virtual time is. */
  async play(story: () => Promise<void>, until: number = 3_600_000): Promise<boolean> {
    let over = false;
    const told = story().then(() => {
      over = true;
    });
    await this.clock.run({ until });
    if (over) await told;
    this.unobserve();
    return over;
  }

  /** Drops the account of what is over, in simulations that go on for long. */
  forget(): void {
    const ended = new Set(this.ends.map(({ connection }) => connection));
    this.connections.splice(
      0,
      this.connections.length,
      ...this.connections.filter((each) => !ended.has(each)),
    );
    this.ends.length = 0;
    this.network.forget();
  }

  /** The connections that still live, as a report shows them. */
  live(): ConnectionSnapshot[] {
    const ended = new Set(this.ends.map(({ connection }) => connection));
    return this.connections.filter((connection) => !ended.has(connection)).map((each) => each.snapshot());
  }

  /** What each call came to, without what depends on time. */
  results(): unknown[] {
    return this.calls.map(({ name, outcome, value, error }) => ({
      name,
      outcome,
      value: outcome === 'fulfilled' && !isClient(value) ? value : undefined,
      code: error instanceof SshError ? error.code : error,
    }));
  }
}

function isClient(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'rekey' in value;
}
