/**
 * One command on many hosts.
 *
 * Owns: the options of `runOnAll`, what a target is, and the result of each.
 * Must not know: how dials are bounded and handed out (`boundedRun.ts`), how one
 * is made (`connect.ts`).
 */
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import { observeConnections, type RegisteredConnection } from '../io/registry.ts';
import { onAbort } from './abort.ts';
import { BoundedRun, type ItemSource } from './boundedRun.ts';
import type { Client, RunOptions, RunResult } from './client.ts';
import { createDial } from './connect.ts';
import { optionsError } from './optionErrors.ts';
import { type ConnectOptions, resolveOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { execPayload } from './requestPayloads.ts';
import { parseTarget } from './target.ts';
import { keySettings, loadUserKeys, type UserKey } from './userKeys.ts';

/** `[user@]host[:port]`, or options of its own, which come before those that all share. */
export type FleetTarget = string | ConnectOptions;

/** What the command gets, on every host the same; as the options of `Client.run`. */
export interface FleetRunOptions extends Omit<RunOptions, 'input' | 'signal'> {
  readonly input?: string | Uint8Array | undefined;
}

/** The options of `connect`, for all targets, and some of the whole. */
export interface RunOnAllOptions
  extends Omit<ConnectOptions, 'host' | 'stream' | 'signal' | 'onBanner' | 'onDebug'> {
  /** Connections at once, those that are just being closed among them. 100 */
  readonly concurrency?: number | undefined;
  /** `timeout` in here is for the command, beside it for the dial. */
  readonly run?: FleetRunOptions | undefined;
  /** Ends everything; the iterator rejects with `ERR_SSH_ABORTED` when nothing is left. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds of each phase that came to its end; `command` is from the open channel to its close. */
export interface FleetTimings {
  readonly connect?: number;
  readonly identification?: number;
  readonly keyExchange?: number;
  readonly authentication?: number;
  readonly command?: number;
}

interface FleetOutcome<Target> {
  /** As it was given. */
  readonly target: Target;
  /** Its place among the targets, from 0. */
  readonly index: number;
  /** Milliseconds from the start of its connection to this result. */
  readonly elapsed: number;
  readonly timings: FleetTimings;
}

/** The command ran to its end; a status other than 0 is a result all the same. */
export interface FleetSuccess<Target, Data = string> extends FleetOutcome<Target>, RunResult<Data> {
  readonly ok: true;
}

/** It did not: `error.code`, `error.phase` and `error.waitingFor` tell how far it got and why. */
export interface FleetFailure<Target> extends FleetOutcome<Target> {
  readonly ok: false;
  readonly error: SshError;
}

export type FleetResult<Target, Data = string> = FleetSuccess<Target, Data> | FleetFailure<Target>;

/** The results as they come. `return`, which `break` in a `for await` calls, ends all that is under way. */
export interface FleetResults<Result> extends AsyncIterableIterator<Result, undefined>, AsyncDisposable {
  return(): Promise<IteratorResult<Result, undefined>>;
}

export interface RunOnAll {
  <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: string,
    options: RunOnAllOptions & { readonly run: { readonly encoding: 'buffer' } },
  ): FleetResults<FleetResult<Target, Uint8Array>>;
  <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: string,
    options?: RunOnAllOptions,
  ): FleetResults<FleetResult<Target>>;
}

const defaultConcurrency = 100;

/** `runOnAll` on a platform. */
export function createRunOnAll(platform: Platform): RunOnAll {
  const runOnAll = <Target extends FleetTarget>(
    targets: ItemSource<Target>,
    command: string,
    options: RunOnAllOptions = {},
  ): FleetResults<FleetResult<Target>> => {
    const { concurrency = defaultConcurrency, signal, run = {}, ...connection } = options;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw optionsError('concurrency must be a whole number of at least 1');
    }
    if (typeof targets !== 'object' || targets === null) {
      throw optionsError('targets must be a list of targets, or anything else that can be iterated');
    }
    execPayload(command);
    const fleet = new Fleet(platform, command, connection, run);
    return new BoundedRun<Target, FleetResult<Target>>({
      source: targets,
      concurrency,
      signal,
      begin: () => fleet.watch(),
      work: (target, index, stop, deliver) => fleet.runOn(target, index, stop, deliver),
    });
  };
  // What the output is made of follows from an option, as it does for `run`.
  return runOnAll as RunOnAll;
}

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
  private readonly platform: Platform;
  private readonly command: string;
  private readonly shared: ConnectOptions;
  private readonly run: FleetRunOptions;
  private readonly dial: ReturnType<typeof createDial>;
  private readonly watched = new Map<RegisteredConnection, Watched>();
  private keys: Promise<readonly UserKey[]> | undefined;

  /** @throws SshError `ERR_SSH_OPTIONS` for options that would fail on every target */
  constructor(platform: Platform, command: string, connection: ConnectOptions, run: FleetRunOptions) {
    resolveOptions({ ...connection, host: 'any' }, () => platform.localUser() ?? 'anybody');
    this.platform = platform;
    this.command = command;
    this.shared = {
      ...connection,
      verifyHostKey: connection.verifyHostKey ?? platform.defaultHostKeyVerifier(),
    };
    this.run = run;
    this.dial = createDial(platform);
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
    const outcome = (command?: number): FleetOutcome<Target> => ({
      target,
      index,
      elapsed: clock.now() - started,
      timings: { ...watched?.timings, ...(command === undefined ? {} : { command }) },
    });
    const starting = (connection: RegisteredConnection): void => {
      // What came before it, reading known_hosts for one, was no wait for the target.
      started = clock.now();
      watched = new Watched();
      this.watched.set(connection, watched);
    };
    let stopListening = (): void => {};
    try {
      const options = this.optionsFor(target, signal);
      const keys = this.hasOwnKeys(target) ? undefined : await this.sharedKeys();
      const connected = await this.dial(options, { keys, starting });
      client = connected;
      stopListening = onAbort(signal, () => connected.destroy());
      const began = clock.now();
      const result = await connected.run(this.command, { ...this.run, signal });
      deliver({ ok: true, ...result, ...outcome(clock.now() - began) });
    } catch (error) {
      deliver({ ok: false, error: asSshError(error), ...outcome() });
    }
    if (signal.aborted) client?.destroy();
    // The result is delivered: an input that was not taken to its end is no news.
    await client?.close().catch(() => {});
    stopListening();
    await (watched as Watched | undefined)?.ended;
  }

  private optionsFor(target: FleetTarget, signal: AbortSignal): ConnectOptions {
    const own = typeof target === 'string' ? parseTarget(target) : target;
    if (typeof own !== 'object' || own === null) throw optionsError('a target is a text or an object');
    const given = Object.entries(own).filter(([, value]) => value !== undefined);
    const merged: ConnectOptions = { ...this.shared, ...Object.fromEntries(given), signal };
    return { ...merged, timeouts: { ...this.shared.timeouts, ...merged.timeouts } };
  }

  private hasOwnKeys(target: FleetTarget): boolean {
    if (typeof target === 'string') return false;
    const { auth, privateKey, passphrase } = target;
    return auth !== undefined || privateKey !== undefined || passphrase !== undefined;
  }

  /** Parsed, and asked about, once for all; a key that is no use fails each target that needs it. */
  private sharedKeys(): Promise<readonly UserKey[]> {
    const { limits } = resolveOptions({ ...this.shared, host: 'any' }, () => 'anybody');
    this.keys ??= loadUserKeys(this.shared, keySettings(this.platform, limits, this.shared.crypto));
    return this.keys;
  }
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
