/**
 * `connect`: from options to a dial.
 *
 * Owns: what happens before there is a connection: options are checked, keys are
 * read, hops are reached; and that an error names the target.
 * Must not know: a platform, how a connection comes up.
 */
import { addressed, spelled } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import { checkAborted, untilAborted } from '../../endpoint/calls/abort.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import type { RegisteredConnection } from '../../io/registry.ts';
import { keyPatience } from '../authentication/keyPatience.ts';
import { keySettings, loadUserKeys, type UserKeys } from '../authentication/userKeys.ts';
import type { Client } from '../client.ts';
import { orderHostKeyAlgorithms } from '../hostKeys/hostKeyOrder.ts';
import { checkFingerprintHash } from '../hostKeys/hostKeys.ts';
import { WaitsBeforeConnecting } from '../hostKeys/lockWait.ts';
import type { Platform } from '../platform.ts';
import { Dial, type DialPlan } from './dial.ts';
import { checkHops, dialHops, type PlannedHop, planHops, type Route, type Through } from './hops.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';

/** What one who dials many has apart from the options. */
export interface DialContext {
  /** The keys of the options, loaded before: many dials need to parse and unlock them once only. */
  readonly keys?: UserKeys | undefined;
  /** Told of the connection before it is begun; it is heard of again when nothing is left of it. */
  readonly starting?: ((connection: RegisteredConnection) => void) | undefined;
  /** Where in the caller's code the connection is opened. */
  readonly site?: CallSite | undefined;
  /** What the connection runs through. It is freed where the dial fails. */
  readonly through?: Through | undefined;
  /** Told of the milliseconds that the dial took of its time, when the client is ready. */
  readonly took?: ((elapsed: number) => void) | undefined;
}

/** What a dial needs before there is a connection. */
type Prepared = Omit<DialPlan, 'through'>;

/** How far a dial is that has no link yet. */
const notBegun = { phase: 'options', when: 'before it connected' } as const;

/** `connect` on a platform. */
export function createConnect(platform: Platform): (options: ConnectOptions) => Promise<Client> {
  const dial = createDial(platform);
  return function connect(options) {
    const site = new CallSite(connect);
    return publicCall({ site }, () => dial(options, { site }));
  };
}

/** `connect` on a platform, for those in this library who dial many. */
export function createDial(
  platform: Platform,
): (options: ConnectOptions, context: DialContext) => Promise<Client> {
  const dials = new Dials(platform);
  return (given, context) => dials.dial(given, context);
}

/** Dials the hops of `via` alone, for those in this library who share them among many connections. */
export function createWay(
  platform: Platform,
): (options: ConnectOptions, context: DialContext) => Promise<Through | undefined> {
  const dials = new Dials(platform);
  return (given, context) => dials.way(given, context);
}

/** The dials of a platform: each with its hops, which are dials as well. */
class Dials {
  private readonly platform: Platform;

  constructor(platform: Platform) {
    this.platform = platform;
  }

  async dial(given: ConnectOptions, context: DialContext): Promise<Client> {
    const options = this.resolved(given);
    const hops = planHops(given);
    checkHops(hops, options, (hop) => this.resolved(hop));
    const prepared = await this.prepared(options, context);
    // The error of a hop names the hop.
    const where = spelled(options);
    const { elapsed, through = context.through } = await this.reach(hops, prepared, where, context);
    const openedAt = given.captureStack === true ? context.site?.frames.join('\n') : undefined;
    try {
      checkAborted(given.signal, notBegun);
      const dial = new Dial(this.platform, { ...prepared, elapsed, through }, openedAt);
      const client = await dial.run(context.starting);
      context.took?.(dial.elapsed);
      return client;
    } catch (error) {
      throw failed(error, options, through);
    }
  }

  private async prepared(options: ResolvedOptions, { keys, through }: DialContext): Promise<Prepared> {
    const { signal } = options.given;
    try {
      checkAborted(signal, notBegun);
      return await untilAborted(signal, prepare(this.platform, options, keys), notBegun);
    } catch (error) {
      throw failed(error, options, through);
    }
  }

  /** The hops of a connection alone: what many connections run through. */
  async way(given: ConnectOptions, context: DialContext): Promise<Through | undefined> {
    const options = this.resolved(given);
    const hops = planHops(given);
    checkHops(hops, undefined, (hop) => this.resolved(hop));
    const prepared = await untilAborted(
      given.signal,
      prepare(this.platform, options, context.keys),
      notBegun,
    );
    return (await this.reach(hops, prepared, 'the targets', context)).through;
  }

  private reach(
    hops: readonly PlannedHop[],
    prepared: Prepared,
    target: string,
    { site }: DialContext,
  ): Promise<Route> {
    const { options, keys, elapsed } = prepared;
    const { given, dialTimeout: timeout } = options;
    return dialHops(hops, {
      timeout,
      elapsed,
      signal: given.signal,
      keys,
      target,
      dial: async (hop, through, known) => {
        let elapsed = 0;
        const took = (time: number): void => {
          elapsed = time;
        };
        const client = await this.dial(hop, { keys: known, site, through, took });
        return { client, elapsed };
      },
    });
  }

  private resolved(options: ConnectOptions): ResolvedOptions {
    return resolveOptions(options, () => this.platform.localUser(), this.platform.asciiName);
  }
}

/** What a dial rejects with: it names the target. What the dial would have run through is freed. */
function failed(error: unknown, { target }: ResolvedOptions, through: Through | undefined): unknown {
  if (through?.isOwned === true) through.client.destroy();
  return error instanceof SshError && target !== undefined ? addressed(error, target) : error;
}

async function prepare(
  platform: Platform,
  options: ResolvedOptions,
  loaded: UserKeys | undefined,
): Promise<Prepared> {
  const { given, limits, dialTimeout: timeout } = options;
  const { clock } = platform;
  const began = clock.now();
  try {
    const patience = keyPatience({ clock, timeout, signal: given.signal, at: notBegun });
    const settings = keySettings(platform, limits, given.crypto);
    const keys = loaded ?? (await loadUserKeys(given, settings, patience));
    const elapsed = clock.now() - began;
    const verifier = given.verifyHostKey ?? platform.defaultHostKeyVerifier();
    checkFingerprintHash(verifier);
    const asking = new WaitsBeforeConnecting({
      clock,
      timeout: options.timeouts.knownHostsCommand,
      left: () => timeout - elapsed,
      signal: given.signal,
    });
    const ordered = await orderHostKeyAlgorithms(options, verifier, asking);
    const provider = await platform.cryptoProvider(given.crypto ?? 'auto');
    const hostKeyAlgorithms = options.preferences.hostKey;
    return {
      ...{ options: ordered, hostKeyAlgorithms, keys, verifier, provider },
      elapsed: elapsed + asking.elapsed,
    };
  } catch (error) {
    // What knows no phase by itself, such as code that could not be loaded.
    if (error instanceof SshError && error.phase === 'connection') error.phase = notBegun.phase;
    throw error;
  }
}
