/**
 * Connections that are kept for their next use.
 *
 * Owns: which connection a use gets, how many there are, who waits for one and in
 * which order, when one that nobody uses ends.
 * Must not know: how a connection is dialled, what it is used for.
 */
import { SshError } from '../../base/errors.ts';
import {
  abortSignal,
  callback,
  checkArgument,
  checkOptions,
  milliseconds,
  type OptionTable,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { Wait } from '../../base/waits.ts';
import { abortError, checkAborted, onAbort } from '../../endpoint/calls/abort.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import type { ConnectionSnapshot, WaitSnapshot } from '../../io/snapshots.ts';
import { WaitKeeper } from '../../io/waitKeeper.ts';
import type { CallOptions } from '../callOptions.ts';
import type { Client } from '../client.ts';
import { createDial } from '../dial/connect.ts';
import type { ConnectOptions } from '../dial/options.ts';
import { parseTarget } from '../dial/target.ts';
import type { Platform } from '../platform.ts';

/** What `createPool` takes. */
export interface PoolOptions<Target = string> {
  /** The most connections at once, including those that are just closing. Default: 100. */
  readonly maxConnections?: number | undefined;
  /** Uses of one connection at once. Further ones get another connection where there is room. 10, as OpenSSH allows sessions */
  readonly maxChannels?: number | undefined;
  /** Milliseconds after its last use when the pool closes a connection. Default: 60,000. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds that a use waits for a connection; the time of its dial does not count. Default: 30,000. */
  readonly queueTimeout?: number | undefined;
  /**
   * Returns the options of the connection to a target. The same text, or the same object,
   * is the same target. Default: a target is `[user@]host[:port]`, or the options
   * themselves.
   */
  readonly connect?: ((target: Target) => ConnectOptions | Promise<ConnectOptions>) | undefined;
}

const poolTable: OptionTable<PoolOptions> = {
  maxConnections: wholeNumber(1, 65_536),
  maxChannels: wholeNumber(1, 65_536),
  idleTimeout: milliseconds,
  queueTimeout: milliseconds,
  connect: callback,
};

const useTable: OptionTable<CallOptions> = { timeout: milliseconds, signal: abortSignal };

/** `[maxConnections, maxChannels, idleTimeout, queueTimeout]` where they are not given. */
export const defaultPool = {
  maxConnections: 100,
  maxChannels: 10,
  idleTimeout: 60_000,
  queueTimeout: 30_000,
} as const;

/** One connection of a pool, at this moment. */
export interface PooledConnection<Target = unknown> {
  /** The target as it was given. */
  readonly target: Target;
  /** `dialling`, `busy` with its uses, `idle`, or `closing`. */
  readonly state: 'dialling' | 'busy' | 'idle' | 'closing';
  /** Uses at this moment. */
  readonly uses: number;
  /** Undefined while it is dialled. */
  readonly connection: ConnectionSnapshot | undefined;
}

/** A pool at one moment. */
export interface PoolSnapshot<Target = unknown> {
  /** The connections of the pool, the oldest first. */
  readonly connections: readonly PooledConnection<Target>[];
  /** Uses that wait for a connection. */
  readonly waiting: number;
  /** What is waited for: uses for their connections, idle connections for their end. */
  readonly waits: readonly WaitSnapshot[];
}

/** What the work of a use is told. */
export interface UseContext {
  /** Aborted when the pool is closed, or by the signal of the use. */
  readonly signal: AbortSignal;
}

interface Slot<Target> {
  readonly target: Target;
  readonly abort: AbortController;
  readonly dialled: Promise<Client>;
  client: Client | undefined;
  uses: number;
  isClosing: boolean;
  idle: Wait | undefined;
}

interface Waiter<Target> {
  readonly target: Target;
  readonly resolve: (slot: Slot<Target>) => void;
}

/** The parts of a pool that a test replaces. */
export interface PoolParts<Target> {
  readonly platform: Pick<Platform, 'clock'>;
  readonly options: PoolOptions<Target>;
  readonly dial: (options: ConnectOptions) => Promise<Client>;
}

/**
 * Connections that are kept for their next use: made by `createPool`.
 *
 * @example
 * ```ts
 * import { createPool } from 'deadline-ssh';
 * async function uptimes(hosts: readonly string[]): Promise<string[]> {
 *   await using pool = createPool({ connect: (host: string) => ({ host, username: 'ops' }) });
 *   return Promise.all(
 *     hosts.map((host) => pool.use(host, async (client) => (await client.run('uptime')).stdout)),
 *   );
 * }
 * ```
 */
export class Pool<Target = string> {
  private readonly parts: PoolParts<Target>;
  private readonly keeper: WaitKeeper;
  private readonly slots = new Set<Slot<Target>>();
  private readonly waiting: Waiter<Target>[] = [];
  private readonly stop = new AbortController();
  private closing: Promise<void> | undefined;
  private emptied: () => void = () => {};

  /** For `createPool`. @throws SshError `ERR_SSH_OPTIONS` */
  constructor(parts: PoolParts<Target>) {
    checkOptions(parts.options, { of: 'createPool', table: poolTable });
    this.parts = parts;
    this.keeper = new WaitKeeper(parts.platform.clock);
  }

  /**
   * Does some work on a connection to a target: one that is there and has room, or a new one.
   * Uses get theirs in the order in which they asked. The connection is the pool's: it is
   * not to be closed by the work.
   *
   * @param options `timeout` for all of it, `signal`
   * @throws SshError `ERR_SSH_TIMEOUT` no connection was free in time (`queueTimeout`); `ERR_SSH_CLOSED` the pool was
   *   closed; what the dial fails by. What the work throws, as it is
   */
  use<T>(
    target: Target,
    work: (client: Client, context: UseContext) => Promise<T> | T,
    options: CallOptions = {},
  ): Promise<T> {
    const site = new CallSite(Pool.prototype.use);
    return publicCall({ site, isGivenUp: () => this.closing !== undefined }, async () => {
      checkArgument('the work of use', work, callback);
      checkOptions(options, { of: 'use', table: useTable });
      checkAborted(options.signal);
      if (this.closing !== undefined) throw closedError();
      return this.used(target, work, options);
    });
  }

  /** What the pool holds and waits for, at this moment. */
  inspect(): PoolSnapshot<Target> {
    return {
      connections: [...this.slots].map((slot) => ({
        target: slot.target,
        state: stateOf(slot),
        uses: slot.uses,
        connection: slot.client?.inspect(),
      })),
      waiting: this.waiting.length,
      waits: this.keeper.list(),
    };
  }

  /** Ends all connections; resolves when nothing is left of them. Uses that run or wait reject with `ERR_SSH_CLOSED`. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // One use ----------------------------------------------------------------------------

  private async used<T>(
    target: Target,
    work: (client: Client, context: UseContext) => Promise<T> | T,
    { timeout = Number.POSITIVE_INFINITY, signal }: CallOptions,
  ): Promise<T> {
    const end = new AbortController();
    const stopListening = [
      onAbort(this.stop.signal, () => end.abort(closedError())),
      onAbort(signal, () => signal !== undefined && end.abort(abortError(signal))),
    ];
    const { clock } = this.parts.platform;
    const since = clock.now();
    const whole = this.keeper.start('command', `a use of ${shown(target)} to end`, timeout, () =>
      end.abort(timeoutError(whole, clock.now() - since)),
    );
    let slot: Slot<Target> | undefined;
    try {
      slot = await this.enter(target, end.signal);
      const client = await orAborted(slot.dialled, end.signal);
      return await orAborted(Promise.resolve(work(client, { signal: end.signal })), end.signal);
    } finally {
      this.keeper.finish(whole);
      for (const stop of stopListening) stop();
      if (slot !== undefined) this.leave(slot);
    }
  }

  private enter(target: Target, signal: AbortSignal): Promise<Slot<Target>> {
    return new Promise((resolve, reject) => {
      const { queueTimeout = defaultPool.queueTimeout } = this.parts.options;
      const { clock } = this.parts.platform;
      const since = clock.now();
      const leave = (): void => {
        const index = this.waiting.indexOf(waiter);
        if (index >= 0) this.waiting.splice(index, 1);
        this.keeper.finish(wait);
        stopListening();
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
        // Who waited behind it may go now.
        this.dispatch();
      };
      const waiter: Waiter<Target> = {
        target,
        resolve: (slot) => {
          leave();
          resolve(slot);
        },
      };
      const wait = this.keeper.start('queue', `a free connection to ${shown(target)}`, queueTimeout, () =>
        fail(timeoutError(wait, clock.now() - since)),
      );
      const stopListening = onAbort(signal, () => fail(signal.reason));
      this.waiting.push(waiter);
      this.dispatch();
    });
  }

  private leave(slot: Slot<Target>): void {
    slot.uses--;
    if (slot.uses === 0 && !slot.isClosing) {
      // Nobody wants a connection any more that is not there yet.
      if (slot.client === undefined) this.end(slot);
      else this.idle(slot);
    }
    this.dispatch();
  }

  private idle(slot: Slot<Target>): void {
    const { idleTimeout = defaultPool.idleTimeout } = this.parts.options;
    const detail = `the idle connection to ${shown(slot.target)} to be used again`;
    slot.idle = this.keeper.start('queue', detail, idleTimeout, () => this.end(slot));
  }

  // Who gets which ---------------------------------------------------------------------

  /** Gives connections to those who wait, in their order: nobody is overtaken, so nobody waits for ever. */
  private dispatch(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const slot = this.roomFor(first.target) ?? this.newSlot(first.target);
      if (slot === undefined) return;
      slot.uses++;
      this.keeper.finish(slot.idle);
      slot.idle = undefined;
      first.resolve(slot);
    }
  }

  /** The connection to the target with the fewest uses. */
  private roomFor(target: Target): Slot<Target> | undefined {
    const { maxChannels = defaultPool.maxChannels } = this.parts.options;
    let best: Slot<Target> | undefined;
    for (const slot of this.slots) {
      if (slot.target !== target || slot.isClosing || slot.uses >= maxChannels) continue;
      if (slot.client?.isLive === false) continue;
      if (best === undefined || slot.uses < best.uses) best = slot;
    }
    return best;
  }

  private newSlot(target: Target): Slot<Target> | undefined {
    const { maxConnections = defaultPool.maxConnections } = this.parts.options;
    if (this.closing !== undefined) return undefined;
    if (this.slots.size >= maxConnections) {
      this.makeRoom();
      return undefined;
    }
    const abort = new AbortController();
    const dialled = this.dial(target, abort.signal);
    const slot: Slot<Target> = {
      target,
      abort,
      dialled,
      client: undefined,
      uses: 0,
      isClosing: false,
      idle: undefined,
    };
    this.slots.add(slot);
    dialled.then(
      (client) => this.ready(slot, client),
      () => this.gone(slot),
    );
    return slot;
  }

  /** Ends the connection that has been idle for longest, unless one ends already. */
  private makeRoom(): void {
    const slots = [...this.slots];
    if (slots.some(({ isClosing }) => isClosing)) return;
    const idle = slots.filter((slot) => slot.idle !== undefined);
    const oldest = idle.sort((a, b) => (a.idle?.since ?? 0) - (b.idle?.since ?? 0))[0];
    if (oldest !== undefined) this.end(oldest);
  }

  private async dial(target: Target, signal: AbortSignal): Promise<Client> {
    const { connect = defaultConnect, maxChannels = defaultPool.maxChannels } = this.parts.options;
    const options = await askUser('connect', () => connect(target));
    checkAborted(signal);
    return this.parts.dial({ maxChannels, ...options, signal });
  }

  private ready(slot: Slot<Target>, client: Client): void {
    slot.client = client;
    void client.closed.then(() => this.gone(slot));
    if (slot.isClosing) client.close().catch(() => {});
  }

  private end(slot: Slot<Target>): void {
    if (slot.isClosing) return;
    slot.isClosing = true;
    this.keeper.finish(slot.idle);
    slot.idle = undefined;
    slot.abort.abort(closedError());
    slot.client?.close().catch(() => {});
  }

  /** Nothing is left of it. */
  private gone(slot: Slot<Target>): void {
    slot.isClosing = true;
    this.keeper.finish(slot.idle);
    slot.idle = undefined;
    this.slots.delete(slot);
    if (this.slots.size === 0) this.emptied();
    this.dispatch();
  }

  private async closeAll(): Promise<void> {
    this.stop.abort();
    for (const slot of this.slots) this.end(slot);
    if (this.slots.size > 0) {
      await new Promise<void>((resolve) => {
        this.emptied = resolve;
      });
    }
  }
}

/** What comes first; the loser of the two is heard by nobody. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(stopListening);
  });
}

function stateOf({ isClosing, client, uses }: Slot<unknown>): PooledConnection['state'] {
  if (isClosing) return 'closing';
  if (client === undefined) return 'dialling';
  return uses === 0 ? 'idle' : 'busy';
}

function defaultConnect(target: unknown): ConnectOptions {
  return typeof target === 'string' ? parseTarget(target) : (target as ConnectOptions);
}

/** A target in messages, without what may be secret in it. */
function shown(target: unknown): string {
  if (typeof target === 'string') return target.slice(target.lastIndexOf('@') + 1).slice(0, 100);
  const { host } = (target ?? {}) as { readonly host?: unknown };
  return typeof host === 'string' ? host.slice(0, 100) : 'a target';
}

function closedError(): SshError {
  return new SshError('ERR_SSH_CLOSED', 'the pool was closed', { phase: 'close', origin: 'user' });
}

function timeoutError({ name, detail, timeout }: Wait, elapsed: number): SshError {
  return new SshError('ERR_SSH_TIMEOUT', `timed out after ${Math.round(timeout)} ms waiting for ${detail}`, {
    origin: 'deadline',
    waitingFor: name,
    elapsed,
    deadline: timeout,
  });
}

/** `createPool` on a platform. */
export function createPoolOn(
  platform: Platform,
): <Target = string>(options?: PoolOptions<Target>) => Pool<Target> {
  const dial = createDial(platform);
  return (options = {}) => new Pool({ platform, options, dial: (connect) => dial(connect, {}) });
}
