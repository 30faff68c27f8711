/**
 * A link to a host that has a name, or several addresses.
 *
 * Owns: the carrying out of an `AddressRace`: its look-ups and attempts as rows
 * of the table of waits, its timer, and that of all attempts one becomes the link
 * and nothing is left of the others.
 * Must not know: sockets, resolvers, SSH.
 */
import type { Wait, WaitTable } from '../../base/waits.ts';
import type { Clock, Sleeper, Timer } from '../clock.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from '../link.ts';
import { type AddressFamily, AddressRace, type Attempt, type HostAddress } from './addressRace.ts';
import { AddressesError, addressReport } from './connectErrors.ts';

/** Told what comes of an attempt, never from within the call that begins it. */
export interface AttemptListener {
  connected(): void;
  failed(error: Error): void;
  /** Nothing is left of it, whether it failed or was abandoned. */
  closed(): void;
}

/** An attempt that is under way. */
export interface OpenAttempt {
  /** Frees everything; `closed` follows. */
  abandon(): void;
  /** Once it has connected: the link that carries on, whose listener is not told any more. */
  toLink(receiver: LinkReceiver): Link;
}

/** What the platform does. */
export interface RaceNetwork {
  /** Asks for the addresses of a host, the best one first. The answer never comes from within the call. */
  lookup(
    host: string,
    family: AddressFamily,
    answered: (error: Error | undefined, addresses: readonly HostAddress[]) => void,
  ): void;
  /** Begins to connect; what it throws counts as the failure of this attempt. */
  attempt(address: HostAddress, listener: AttemptListener): OpenAttempt;
}

export interface RaceTarget {
  readonly host: string;
  readonly port: number;
  /** Addresses of the other one are left out. */
  readonly family: AddressFamily;
  /** Where `host` is an address and needs no look-up. */
  readonly address: HostAddress | undefined;
}

export interface RaceWaits {
  readonly table: WaitTable;
  /** Milliseconds from the start: the bound of the whole, which the owner of the table keeps. */
  readonly timeout: number;
}

/** Connects to the first of a host's addresses that answers. */
export function raceLink(
  network: RaceNetwork,
  target: RaceTarget,
  clock: Clock,
  waits: RaceWaits | undefined,
): LinkOpener {
  return (receiver) => new RaceLink(network, target, clock, waits, receiver);
}

interface Runner {
  readonly attempt: Attempt;
  readonly wait: Wait | undefined;
  /** Undefined while it is being begun, and where that threw. */
  open: OpenAttempt | undefined;
}

const noAddresses: LinkAddresses = {
  localAddress: undefined,
  localPort: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
};

/** Is a link until there is one; then its holder gets that one instead. */
class RaceLink implements Link, Sleeper {
  private readonly network: RaceNetwork;
  private readonly target: RaceTarget;
  private readonly clock: Clock;
  private readonly waits: RaceWaits | undefined;
  private readonly receiver: LinkReceiver;
  private readonly race: AddressRace;
  private readonly deadline: number;
  private readonly runners = new Set<Runner>();
  private readonly lookupWaits = new Map<AddressFamily, Wait | undefined>();
  private timer: Timer | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  /** `freed` once nothing is left, which is told once. */
  private state: 'racing' | 'won' | 'over' | 'freed' = 'racing';

  constructor(
    network: RaceNetwork,
    target: RaceTarget,
    clock: Clock,
    waits: RaceWaits | undefined,
    receiver: LinkReceiver,
  ) {
    this.network = network;
    this.target = target;
    this.clock = clock;
    this.waits = waits;
    this.receiver = receiver;
    this.race = new AddressRace(target.family);
    const now = clock.now();
    this.deadline = now + (waits?.timeout ?? Number.POSITIVE_INFINITY);
    if (target.address === undefined) this.race.lookUp(now);
    else this.race.resolved(0, [target.address], now);
    this.proceed();
  }

  // Link, as long as there is none ------------------------------------------------------

  write(): boolean {
    return false;
  }

  unsentBytes(): number {
    return 0;
  }

  writeBacklog(): number {
    return 0;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.state !== 'racing') return;
    this.finish('over');
    this.closeIfFreed();
  }

  addresses(): LinkAddresses {
    return noAddresses;
  }

  progress(): string {
    return addressReport(this.race, this.target.host, this.target.family);
  }

  // Sleeper ---------------------------------------------------------------------------

  due(): void {
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    if (this.state !== 'racing') return;
    this.race.expire(this.clock.now());
    this.proceed();
  }

  // The race --------------------------------------------------------------------------

  /** Does what the race wants done, and has it woken when it wants to be. */
  private proceed(): void {
    const { race } = this;
    for (let action = race.nextAction(); action !== undefined; action = race.nextAction()) {
      if (action.type === 'lookup') this.lookUp(action.family);
      else this.begin(action.attempt);
    }
    if (race.isLost) {
      // Never from within the call that opens the link.
      queueMicrotask(() => this.lost());
      return;
    }
    this.schedule(race.deadline());
  }

  private lookUp(family: AddressFamily): void {
    const { host } = this.target;
    this.lookupWaits.set(family, this.startWait(`the ${familyName(family)} of ${host}`));
    try {
      this.network.lookup(host, family, (error, addresses) => {
        if (this.state !== 'racing' || !this.lookupWaits.has(family)) return;
        this.lookedUp(family, error, addresses);
        this.proceed();
      });
    } catch (error) {
      this.lookedUp(family, asError(error), []);
    }
  }

  private lookedUp(family: AddressFamily, error: Error | undefined, addresses: readonly HostAddress[]): void {
    const { race } = this;
    const now = this.clock.now();
    if (error === undefined) race.resolved(family, addresses, now);
    else race.lookupFailed(family, error, now);
    this.finishLookup(family);
    // Another look-up may have become needless by this answer.
    if (!race.isLookingUp) this.finishLookups();
  }

  private finishLookup(family: AddressFamily): void {
    this.waits?.table.finish(this.lookupWaits.get(family));
    this.lookupWaits.delete(family);
  }

  private finishLookups(): void {
    for (const family of [...this.lookupWaits.keys()]) this.finishLookup(family);
  }

  private begin(attempt: Attempt): void {
    const { address } = attempt.target;
    const wait = this.startWait(`${address} to answer at port ${this.target.port}`);
    const runner: Runner = { attempt, wait, open: undefined };
    this.runners.add(runner);
    try {
      runner.open = this.network.attempt(attempt.target, {
        connected: () => this.won(runner),
        failed: (error) => this.failed(runner, error),
        closed: () => {
          this.runners.delete(runner);
          this.closeIfFreed();
        },
      });
    } catch (error) {
      this.runners.delete(runner);
      this.waits?.table.finish(wait);
      this.race.attemptFailed(attempt, asError(error), this.clock.now());
    }
  }

  private failed(runner: Runner, error: Error): void {
    this.waits?.table.finish(runner.wait);
    if (this.state !== 'racing') return;
    this.race.attemptFailed(runner.attempt, error, this.clock.now());
    this.proceed();
  }

  private won(runner: Runner): void {
    const { open } = runner;
    if (this.state !== 'racing' || open === undefined) return;
    this.runners.delete(runner);
    this.waits?.table.finish(runner.wait);
    this.finish('won');
    this.receiver.connected(open.toLink(this.receiver));
  }

  private lost(): void {
    if (this.state !== 'racing') return;
    this.finish('over');
    this.receiver.ended(new AddressesError(this.race, this.target.host, this.target.family));
    this.closeIfFreed();
  }

  /** No row, no timer and no attempt is left behind, but for sockets that are being closed. */
  private finish(state: 'won' | 'over'): void {
    this.state = state;
    this.timer?.cancel();
    this.timer = undefined;
    this.finishLookups();
    for (const { open, wait } of this.runners) {
      this.waits?.table.finish(wait);
      open?.abandon();
    }
  }

  private closeIfFreed(): void {
    if (this.state !== 'over' || this.runners.size > 0) return;
    this.state = 'freed';
    queueMicrotask(() => this.receiver.closed());
  }

  private schedule(at: number): void {
    if (at === this.timerAt) return;
    this.timer?.cancel();
    this.timerAt = at;
    this.timer = at === Number.POSITIVE_INFINITY ? undefined : this.clock.schedule(at, this);
  }

  /** The bound of the whole holds for each part; the owner of the table ends all of it then. */
  private startWait(detail: string): Wait | undefined {
    const now = this.clock.now();
    return this.waits?.table.start('connect', detail, now, this.deadline - now, () => {});
  }
}

function familyName(family: AddressFamily): string {
  return family === 0 ? 'addresses' : `IPv${family} addresses`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
