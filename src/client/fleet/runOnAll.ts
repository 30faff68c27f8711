/**
 * One command on many hosts.
 *
 * Owns: what is done on each target, what all have in common, and the result of each.
 * Must not know: how dials are bounded and handed out (`boundedRun.ts`), how one
 * is made (`connect.ts`).
 */
import { type Address, addressed } from '../../base/addressed.ts';
import { SshError, type SshErrorPhase } from '../../base/errors.ts';
import { checkArgument, optionsError } from '../../base/optionChecks.ts';
import type { Wait } from '../../base/waits.ts';
import { onAbort, untilAborted } from '../../endpoint/calls/abort.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import { observeConnections, type RegisteredConnection } from '../../io/registry.ts';
import { WaitKeeper } from '../../io/waitKeeper.ts';
import { keyPatience } from '../authentication/keyPatience.ts';
import { keySettings, loadUserKeys, type UserKeys } from '../authentication/userKeys.ts';
import type { Client } from '../client.ts';
import { execPayload } from '../command/requestPayloads.ts';
import type { RunResult } from '../command/run.ts';
import type { Command } from '../command/shellWords.ts';
import { createDial, createWay } from '../dial/connect.ts';
import { planHops } from '../dial/hops.ts';
import { type ConnectOptions, resolveOptions } from '../dial/options.ts';
import { parseTarget } from '../dial/target.ts';
import type { Platform } from '../platform.ts';
import { resolveRetry } from '../tunnel/options.ts';
import { Backoff, isWorthRetrying, type RetryPolicy } from '../tunnel/retry.ts';
import { BoundedRun, type ItemSource } from './boundedRun.ts';
import {
  type ConnectionPool,
  checkFleetOptions,
  checkPooled,
  type FleetFunction,
  type FleetRunOptions,
  type FleetTarget,
  type RunOnAllOptions,
  targetRule,
  targetsRule,
} from './options.ts';
import { SharedWay } from './sharedWay.ts';

/** Milliseconds of each phase that came to its end; `command` is from the open channel to its close. */
export interface FleetTimings {
  /** Until TCP stands, name look-up included. */
  readonly connect?: number;
  /** Until the server has identified itself. */
  readonly identification?: number;
  /** Until both sides have keys. */
  readonly keyExchange?: number;
  /** Until the server has let the user in. */
  readonly authentication?: number;
  /** From the open channel to its close. */
  readonly command?: number;
}

interface FleetOutcome<Target> {
  /** As it was given. */
  readonly target: Target;
  /** Its place among the targets, from 0. */
  readonly index: number;
  /** Milliseconds from the start of its connection to this result. */
  readonly elapsed: number;
  /** How long each phase took. */
  readonly timings: FleetTimings;
}

/** The command ran to its end; a status other than 0 is a result too. */
export interface FleetSuccess<Target, Data = string> extends FleetOutcome<Target>, RunResult<Data> {
  /** Tells the two results apart. */
  readonly ok: true;
}

/** The function came to its end, with this value. */
export interface FleetValue<Target, T> extends FleetOutcome<Target> {
  /** Tells the two results apart. */
  readonly ok: true;
  /** What the function answered. */
  readonly value: T;
}

/** It did not: `error.code`, `error.phase` and `error.waitingFor` tell how far it got and why. */
export interface FleetFailure<Target> extends FleetOutcome<Target> {
  /** Tells the two results apart. */
  readonly ok: false;
  /** Why there is no result of the command. */
  readonly error: SshError;
}

/** What came of one target. */
export type FleetResult<Target, Data = string> = FleetSuccess<Target, Data> | FleetFailure<Target>;

/** The results as they come. `return`, which `break` in a `for await` calls, ends all that is under way. */
export interface FleetResults<Result> extends AsyncIterableIterator<Result>, AsyncDisposable {
  /** The next result, in the order in which they come. */
  next(): Promise<IteratorResult<Result, undefined>>;
  /** Ends all that is under way, and resolves when nothing of it is left. */
  return(): Promise<IteratorResult<Result, undefined>>;
}

/** The form of `runOnAll`: results come as they are there, not in the order of the targets. */
export interface RunOnAll {
  <Target extends FleetTarget, T>(
    targets: ItemSource<Target>,
    work: FleetFunction<Target, T>,
    options?: RunOnAllOptions,
  ): FleetResults<FleetValue<Target, T> | FleetFailure<Target>>;
  /** With output as bytes. */
  <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: Command,
    options: RunOnAllOptions & { readonly run: { readonly encoding: 'buffer' } },
  ): FleetResults<FleetResult<Target, Uint8Array>>;
  /** With output as text. */
  <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: Command,
    options?: RunOnAllOptions,
  ): FleetResults<FleetResult<Target>>;
}

const defaultConcurrency = 100;

/** `runOnAll` on a platform. */
export function createRunOnAll(platform: Platform): RunOnAll {
  const runOnAll = <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: Command | FleetFunction<Target, unknown>,
    options: RunOnAllOptions = {},
  ): FleetResults<FleetResult<Target>> => {
    checkFleetOptions(options);
    const { concurrency = defaultConcurrency, signal, run, retry, pool, ...connection } = options;
    checkArgument('targets', targets, targetsRule);
    if (typeof command === 'function') {
      if (run !== undefined) throw optionsError('run is for a command; a function runs its own');
    } else execPayload(command);
    if (pool !== undefined) checkPooled(connection, retry);
    const site = new CallSite(runOnAll);
    const work = command as Command | FleetFunction<FleetTarget, unknown>;
    const fleet = new Fleet({ platform, work, connection, run: run ?? {}, retry, pool, site });
    return new BoundedRun<Target, FleetResult<Target>>({
      source: targets,
      concurrency,
      signal,
      site,
      begin: () => fleet.watch(),
      close: () => fleet.close(),
      work: (target, index, stop, deliver) => fleet.runOn(target, index, stop, deliver),
    });
  };
  // What the output is made of follows from an option, as it does for `run`.
  return runOnAll as RunOnAll;
}

interface FleetParts {
  readonly platform: Platform;
  readonly work: Command | FleetFunction<FleetTarget, unknown>;
  readonly connection: ConnectOptions;
  readonly run: FleetRunOptions;
  readonly retry: RunOnAllOptions['retry'];
  readonly pool: ConnectionPool<never> | undefined;
  readonly site: CallSite;
}

/** Further dials of a target, where it is dialled again at all. */
const defaultAttempts = 2;

/** What is known of one connection while it lives. */
class Watched {
  readonly timings: { -readonly [Phase in keyof FleetTimings]: number } = {};
  /** Resolves when nothing is left of it. */
  readonly ended: Promise<void>;
  end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

class Fleet {
  private readonly parts: FleetParts;
  private readonly platform: Platform;
  private readonly shared: ConnectOptions;
  private readonly retry: RetryPolicy | undefined;
  private readonly dial: ReturnType<typeof createDial>;
  private readonly way: SharedWay | undefined;
  private readonly site: CallSite;
  private readonly keeper: WaitKeeper;
  private readonly watched = new Map<RegisteredConnection, Watched>();
  private keys: Promise<UserKeys> | undefined;

  /** @throws SshError `ERR_SSH_OPTIONS` for options that would fail on every target */
  constructor(parts: FleetParts) {
    const { platform, connection, retry, site } = parts;
    resolveOptions(
      { ...connection, host: 'any' },
      () => platform.localUser() ?? 'anybody',
      platform.asciiName,
    );
    this.parts = parts;
    this.platform = platform;
    const { via, ...direct } = connection;
    this.shared = {
      ...direct,
      verifyHostKey: connection.verifyHostKey ?? platform.defaultHostKeyVerifier(),
    };
    this.site = site;
    this.dial = createDial(platform);
    this.keeper = new WaitKeeper(platform.clock);
    this.retry =
      retry === undefined || retry === false
        ? undefined
        : resolveRetry({ attempts: defaultAttempts, ...(retry === true ? {} : retry) });
    if (via === undefined) return;
    planHops(connection);
    const open = createWay(platform);
    this.way = new SharedWay(async (signal) => {
      const options = { ...this.shared, via, host: 'any', username: this.shared.username ?? 'any', signal };
      return open(options, { keys: await this.sharedKeys(signal), site });
    });
  }

  /** Ends what the targets had in common. */
  async close(): Promise<void> {
    this.keeper.clear();
    await this.way?.close();
  }

  /** Follows the connections that are opened from now on; the returned function stops that. */
  watch(): () => void {
    return observeConnections({
      phaseChanged: (connection, from, to, elapsed) => {
        const watched = this.watched.get(connection);
        if (watched !== undefined && to !== 'close' && isTimed(from)) watched.timings[from] = elapsed;
      },
      ended: (connection) => {
        this.watched.get(connection)?.end();
        this.watched.delete(connection);
      },
    });
  }

  /** Delivers one result, and resolves when the connection is gone. */
  async runOn<Target extends FleetTarget>(
    target: Target,
    index: number,
    signal: AbortSignal,
    deliver: (result: FleetResult<Target>) => void,
  ): Promise<void> {
    const { clock } = this.platform;
    let started = clock.now();
    let watched: Watched | undefined;
    let client: Client | undefined;
    let dialled: Address | undefined;
    const outcome = (command?: number): FleetOutcome<Target> => ({
      target,
      index,
      elapsed: clock.now() - started,
      timings: { ...watched?.timings, ...(command === undefined ? {} : { command }) },
    });
    const starting = (connection: RegisteredConnection): void => {
      // What came before it, reading known_hosts for one, was no wait for the target.
      if (watched === undefined) started = clock.now();
      watched = new Watched();
      this.watched.set(connection, watched);
    };
    let stopListening = (): void => {};
    const work = async (connected: Client): Promise<void> => {
      const began = clock.now();
      const result = await this.workOn(connected, target, signal);
      deliver({ ok: true, ...result, ...outcome(clock.now() - began) } as FleetResult<Target>);
    };
    try {
      if (this.parts.pool !== undefined) await this.parts.pool.use(target as never, work, { signal });
      else {
        const options = this.optionsFor(target, signal);
        dialled = targetOf(options);
        const connected = await this.reached(target, options, starting, () => watched?.ended);
        client = connected;
        stopListening = onAbort(signal, () => connected.destroy());
        await work(connected);
      }
    } catch (error) {
      deliver({ ok: false, error: this.failure(error, dialled), ...outcome() });
    }
    if (signal.aborted) client?.destroy();
    // The result is delivered: an input that was not taken to its end is no news.
    await client?.close().catch(() => {});
    stopListening();
    await (watched as Watched | undefined)?.ended;
  }

  /** The command, or the function of the caller. */
  private async workOn(
    client: Client,
    target: FleetTarget,
    signal: AbortSignal,
  ): Promise<RunResult | { readonly value: unknown }> {
    const { work, run } = this.parts;
    if (typeof work !== 'function') return client.runToEnd(work, { ...run, signal });
    const asked = askUser('of runOnAll', () => work(client, target, { signal }));
    return { value: await untilAborted(signal, asked, {}) };
  }

  /** Dials a target, and again as often as it may be. */
  private async reached(
    target: FleetTarget,
    options: ConnectOptions,
    starting: (connection: RegisteredConnection) => void,
    ended: () => Promise<void> | undefined,
  ): Promise<Client> {
    const { signal } = options;
    const backoff = this.retry && new Backoff(this.retry, () => this.parts.platform.chance());
    for (;;) {
      try {
        const keys = this.hasOwnKeys(target) ? undefined : await this.sharedKeys(signal);
        const through = options.via === undefined ? await this.way?.reached(signal) : undefined;
        return await this.dial(options, { keys, starting, site: this.site, through });
      } catch (error) {
        const delay = isWorthRetrying(error) && signal?.aborted !== true ? backoff?.next() : undefined;
        if (delay === undefined) throw error;
        await ended();
        await this.pause(delay, signal);
      }
    }
  }

  private async pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    let wait: Wait | undefined;
    const over = new Promise<void>((resolve) => {
      wait = this.keeper.start('queue', 'the time of the next dial', milliseconds, resolve);
    });
    await untilAborted(signal, over, {}).finally(() => this.keeper.finish(wait));
  }

  /** Says which target it was, also where keys that all share are at fault. */
  private failure(thrown: unknown, target: Address | undefined): SshError {
    const error = asSshError(thrown);
    const named = target === undefined ? error : addressed(error, target);
    this.site.leadTo(named);
    return named;
  }

  private optionsFor(target: FleetTarget, signal: AbortSignal): ConnectOptions {
    const own = typeof target === 'string' ? parseTarget(target) : target;
    checkArgument('a target', own, targetRule);
    const given = Object.entries(own).filter(([, value]) => value !== undefined);
    const merged: ConnectOptions = { ...this.shared, ...Object.fromEntries(given), signal };
    return { ...merged, timeouts: { ...this.shared.timeouts, ...merged.timeouts } };
  }

  private hasOwnKeys(target: FleetTarget): boolean {
    if (typeof target === 'string') return false;
    const { auth, privateKey, passphrase } = target;
    return auth !== undefined || privateKey !== undefined || passphrase !== undefined;
  }

  /**
   * Parsed, and asked about, once for all; a key that is no use fails each target
   * that needs it. It may take as long as a dial, whose own time begins afterwards.
   */
  private sharedKeys(signal: AbortSignal | undefined): Promise<UserKeys> {
    const { platform, shared } = this;
    const { limits, dialTimeout } = resolveOptions(
      { ...shared, host: 'any' },
      () => 'anybody',
      platform.asciiName,
    );
    if (this.keys === undefined) {
      const keys = loadUserKeys(
        shared,
        keySettings(platform, limits, shared.crypto),
        keyPatience({ clock: platform.clock, timeout: dialTimeout, signal, at: { phase: 'options' } }),
      );
      this.keys = keys;
      // A key that is no use stays so; code that could not be loaded may well be there for the next target.
      keys.catch((error: unknown) => {
        if (error instanceof SshError && error.code === 'ERR_SSH_LOAD') this.keys = undefined;
      });
    }
    return this.keys;
  }
}

/** Undefined where the options name none, or none that could be dialled. */
function targetOf({ host, port = 22 }: ConnectOptions): Address | undefined {
  if (typeof host !== 'string' || host === '') return undefined;
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function isTimed(phase: SshErrorPhase): phase is SshErrorPhase & keyof FleetTimings {
  return (
    phase === 'connect' || phase === 'identification' || phase === 'keyExchange' || phase === 'authentication'
  );
}

function asSshError(error: unknown): SshError {
  if (error instanceof SshError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new SshError('ERR_SSH_INTERNAL', `unexpected: ${why}`, { origin: 'local', cause: error });
}
