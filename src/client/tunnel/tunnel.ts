/**
 * A tunnel that stays up.
 *
 * Owns: its listener, which outlives each connection; the dials, their times, and
 * what becomes of connections that come while there is none; its one end.
 * Must not know: sockets, how a connection is dialled, how long to wait for the next
 * dial (`retry.ts`).
 */
import { type Address, addressed } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import type { Wait } from '../../base/waits.ts';
import { abortError, checkAborted, onAbort } from '../../endpoint/calls/abort.ts';
import { isCallersOwn } from '../../endpoint/calls/publicCall.ts';
import { tellUser } from '../../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import {
  type CloseOptions,
  checkCloseOptions,
  Forward,
  type ForwardCounters,
  type ForwardedConnection,
  type Passage,
} from '../../forwarding/forward.ts';
import type { LocalConnection } from '../../forwarding/local.ts';
import { type ListenPlace, placeText, type TargetPlace } from '../../forwarding/places.ts';
import type { ConnectionSnapshot, WaitSnapshot } from '../../io/snapshots.ts';
import { WaitKeeper } from '../../io/waitKeeper.ts';
import type { Client } from '../client.ts';
import type { Platform } from '../platform.ts';
import type { ResolvedTunnelOptions, TunnelEvent, TunnelState } from './options.ts';
import { Backoff, isWorthRetrying } from './retry.ts';

/** A tunnel at one moment. */
export interface TunnelSnapshot extends TunnelEvent {
  /** Where it listens. */
  readonly address: ListenPlace;
  /** Connections that were made to the server so far. */
  readonly dials: number;
  /** The connection to the server, while there is one. */
  readonly connection: ConnectionSnapshot | undefined;
  /** The connections through it, at this moment. */
  readonly connections: readonly ForwardedConnection[];
  /** What it has done since it stands. */
  readonly counters: ForwardCounters;
  /** The next dial, and connections that are held. */
  readonly waits: readonly WaitSnapshot[];
}

export interface TunnelParts {
  readonly platform: Pick<Platform, 'clock' | 'network' | 'chance'>;
  readonly options: ResolvedTunnelOptions;
  readonly maxConnections: number;
  readonly to: TargetPlace;
  /** The server that is dialled, for errors. */
  readonly server: Address | undefined;
  readonly dial: (signal: AbortSignal) => Promise<Client>;
}

/** One that waits until the tunnel is up. */
interface Held {
  readonly resolve: (client: Client) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A tunnel that stays up: made by `openTunnel`.
 *
 * @example
 * ```ts
 * import { openTunnel } from 'deadline-ssh';
 * async function database(work: (port: number) => Promise<void>): Promise<void> {
 *   await using tunnel = await openTunnel(
 *     { host: 'bastion.example', username: 'ops' },
 *     { port: 0 },
 *     { host: 'db.internal', port: 5432 },
 *     { onState: ({ state, error }) => console.log(state, error?.message) },
 *   );
 *   await work(tunnel.address.port ?? 0);
 * }
 * ```
 */
export class Tunnel {
  /** Resolves, never rejects, when nothing is left of the tunnel, with the cause: `ERR_SSH_CLOSED` where this side closed it. */
  readonly closed: Promise<SshError>;
  private readonly parts: TunnelParts;
  private readonly keeper: WaitKeeper;
  private readonly backoff: Backoff;
  private readonly forward: Forward;
  private readonly held = new Set<Held>();
  private readonly stop = new AbortController();
  private readonly stopListening: () => void;
  private current: TunnelEvent = { state: 'connecting', failures: 0 };
  private client: Client | undefined;
  /** The dial or the connection that there is; nothing is left of it then. */
  private running: Promise<void> = Promise.resolve();
  private dials = 0;
  private nextDial: Wait | undefined;
  private end: Promise<void> | undefined;
  private resolveClosed: (cause: SshError) => void = () => {};

  /** Listens, and dials for the first time. @throws what either fails by */
  static async open(from: ListenPlace, parts: TunnelParts): Promise<Tunnel> {
    const { network } = parts.platform;
    const { signal } = parts.options.given;
    checkAborted(signal);
    const early: LocalConnection[] = [];
    let accepted = (local: LocalConnection): void => void early.push(local);
    const listener = await network.listen(
      from,
      (local) => accepted(local),
      () => {},
    );
    const tunnel = new Tunnel(listener.place, () => listener.close(), parts);
    accepted = (local) => tunnel.accepted(local);
    for (const local of early.splice(0)) tunnel.accepted(local);
    await tunnel.begin();
    return tunnel;
  }

  private constructor(place: ListenPlace, stopListening: () => Promise<void>, parts: TunnelParts) {
    const { platform, options, maxConnections, to } = parts;
    this.parts = parts;
    this.keeper = new WaitKeeper(platform.clock);
    this.backoff = new Backoff(options.retry ?? { delay: 1, maxDelay: 1, attempts: 0 }, () =>
      platform.chance(),
    );
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
    this.forward = new Forward(place, {
      name: `${placeText(place)} to ${placeText(to)}`,
      now: () => platform.clock.now(),
      options: options.given,
      maxConnections,
      stop: stopListening,
      addressed: (error) => this.addressed(error),
      freed: () => {},
    });
    const { signal } = options.given;
    this.stopListening = onAbort(signal, () => {
      if (signal !== undefined) void this.finish(abortError(signal));
    });
  }

  /** Where it listens: the port that was free, or the path. */
  get address(): ListenPlace {
    return this.forward.address;
  }

  /** What is tunnelled, for messages. */
  get name(): string {
    return this.forward.name;
  }

  /** Whether connections go through. */
  get state(): TunnelState {
    return this.current.state;
  }

  /** The connections that are open, being opened or held. */
  get connections(): readonly ForwardedConnection[] {
    return this.forward.connections;
  }

  /** What it has done since it stands. */
  get counters(): ForwardCounters {
    return this.forward.counters;
  }

  /** What the tunnel is doing and waiting for, at this moment. */
  inspect(): TunnelSnapshot {
    return {
      ...this.current,
      address: this.address,
      dials: this.dials,
      connection: this.client?.inspect(),
      connections: this.connections,
      counters: this.counters,
      waits: this.keeper.list(),
    };
  }

  /**
   * Accepts no more connections, ends those that live, and the connection to the server.
   *
   * @throws SshError `ERR_SSH_OPTIONS`
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    if (this.end === undefined && options.drain === true) await this.forward.close({ drain: true });
    await this.finish(closedError(`the tunnel ${this.name} was closed`));
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // The connection to the server -------------------------------------------------------

  /** The first dial: what it fails by is a mistake more often than bad luck, and is the caller's to see. */
  private async begin(): Promise<void> {
    try {
      await this.dial();
    } catch (error) {
      await this.finish(error instanceof SshError ? error : closedError('the tunnel could not be opened'));
      throw error;
    }
  }

  private async dial(): Promise<void> {
    this.become({ state: 'connecting', failures: this.backoff.failed });
    const dialled = this.parts.dial(this.stop.signal);
    this.running = dialled.then(
      () => {},
      () => {},
    );
    const client = await dialled;
    if (this.end !== undefined) {
      this.running = client.close().catch(() => {});
      return;
    }
    this.up(client);
  }

  private up(client: Client): void {
    const { clock } = this.parts.platform;
    const since = clock.now();
    this.dials++;
    this.client = client;
    this.running = client.closed.then((cause) => {
      this.client = undefined;
      if (this.end !== undefined) return;
      this.backoff.stood(clock.now() - since);
      this.lost(cause);
    });
    this.become({ state: 'up', failures: 0 });
    for (const one of this.held) one.resolve(client);
  }

  /** The connection ended, or a dial failed. */
  private lost(error: unknown): void {
    const cause = error instanceof SshError ? error : dialError(error);
    const retryIn = isWorthRetrying(error) ? this.backoff.next() : undefined;
    if (retryIn === undefined || this.end !== undefined) return void this.finish(cause);
    this.become({ state: 'waiting', error: cause, retryIn, failures: this.backoff.failed });
    this.nextDial = this.keeper.start('queue', 'the time of the next dial', retryIn, () => {
      this.dial().catch((failure: unknown) => this.lost(failure));
    });
  }

  private become(event: TunnelEvent): void {
    this.current = event;
    const { onState } = this.parts.options.given;
    if (onState === undefined) return;
    tellUser(
      'onState',
      () => onState(event),
      () => {},
    );
  }

  // Connections that come ----------------------------------------------------------------

  private accepted(local: LocalConnection): void {
    const refuse = (): void => local.destroy(true);
    this.forward.serve(local.peer, placeText(this.parts.to), (passage) => this.carry(passage, local), refuse);
  }

  private async carry(passage: Passage, local: LocalConnection): Promise<Error | undefined> {
    let port: ChannelPort;
    try {
      port = await this.opened(passage.signal);
    } catch (error) {
      local.destroy(true);
      throw error;
    }
    const over = passage.join(local, port, undefined);
    this.forward.opened(passage);
    return over;
  }

  /** A channel through the connection that there is, or the next: nothing was read of the local one yet. */
  private async opened(signal: AbortSignal): Promise<ChannelPort> {
    const until = this.parts.platform.clock.now() + this.parts.options.holdTimeout;
    for (;;) {
      const client = await this.reached(signal, until);
      try {
        return await client.openPort(this.parts.to, { signal });
      } catch (error) {
        if (client.isLive || signal.aborted) throw error;
      }
    }
  }

  private reached(signal: AbortSignal, until: number): Promise<Client> {
    if (this.client?.isLive === true) return Promise.resolve(this.client);
    const left = until - this.parts.platform.clock.now();
    if (left <= 0) return Promise.reject(this.downError());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.held.delete(one);
        this.keeper.finish(wait);
        stopListening();
      };
      const one: Held = {
        resolve: (client) => {
          leave();
          resolve(client);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const detail = 'the tunnel to be up, for a connection that is held';
      const wait = this.keeper.start('queue', detail, left, () => one.reject(this.downError()));
      const stopListening = onAbort(signal, () => one.reject(signal.reason));
      this.held.add(one);
    });
  }

  private downError(): SshError {
    const { error } = this.current;
    const why = error === undefined ? '' : `: ${error.message}`;
    return new SshError('ERR_SSH_FORWARD', `the tunnel ${this.name} is not up${why}`, {
      origin: 'network',
      cause: error,
    });
  }

  // The end --------------------------------------------------------------------------------

  private finish(cause: SshError): Promise<void> {
    this.end ??= this.finishOnce(cause);
    return this.end;
  }

  private addressed(error: SshError): SshError {
    const { server } = this.parts;
    return server === undefined ? error : addressed(error, server);
  }

  private async finishOnce(reason: SshError): Promise<void> {
    const cause = this.addressed(reason);
    const { client, forward, keeper } = this;
    this.stopListening();
    keeper.finish(this.nextDial);
    // A dial that is under way says itself that it was aborted.
    this.stop.abort(cause.code === 'ERR_SSH_ABORTED' ? cause.cause : cause);
    forward.end(cause);
    this.become({ state: 'closed', error: cause, failures: this.backoff.failed });
    await forward.closed;
    if (isCallersOwn(cause)) client?.close().catch(() => {});
    else client?.destroy();
    // A dial that came up too late has its client closed behind it.
    for (let last: Promise<void> | undefined; last !== this.running; ) {
      last = this.running;
      await last;
    }
    keeper.clear();
    this.resolveClosed(cause);
  }
}

function closedError(message: string): SshError {
  return new SshError('ERR_SSH_CLOSED', message, { phase: 'close', origin: 'user' });
}

/** What a function of the caller threw into a dial. */
function dialError(thrown: unknown): SshError {
  const why = thrown instanceof Error ? `: ${thrown.message}` : '';
  return new SshError('ERR_SSH_CALLBACK', `a function of the options failed${why}`, {
    origin: 'user',
    cause: thrown,
  });
}
