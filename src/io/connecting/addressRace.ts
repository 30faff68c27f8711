/**
 * Which addresses of a host are tried, and when.
 *
 * Owns: the order of the addresses, the moments at which look-ups and attempts
 * begin, and what came of each.
 * Must not know: sockets, resolvers, timers. It reads no clock: time is an argument.
 * Source: RFC 8305 (Happy Eyeballs, version 2).
 *
 * It is driven like the protocol: tell it what happened, carry out what
 * `nextAction` gives until it gives nothing, and wake it at `deadline`. The
 * owner ends the race when its own time is over; the race knows no end by time.
 */

/** 4, 6, or 0 for either. */
export type AddressFamily = 0 | 4 | 6;

export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** One attempt to connect. */
export interface Attempt {
  readonly target: HostAddress;
  /** When it began. */
  readonly since: number;
  /** Why it failed; undefined while it is under way. */
  readonly error: Error | undefined;
}

export type RaceAction =
  | { readonly type: 'lookup'; readonly family: AddressFamily }
  | { readonly type: 'attempt'; readonly attempt: Attempt };

/** Milliseconds from the start of one attempt to the next one (RFC 8305 §5, Connection Attempt Delay). */
export const attemptDelay = 250;
/** Milliseconds for which IPv4 addresses wait for IPv6 ones that are still looked up (RFC 8305 §3). */
export const resolutionDelay = 50;
/**
 * Milliseconds after which a look-up of both families is no longer trusted to
 * end soon. One for each family is begun beside it then, so that a resolver that
 * drops the questions for one family does not hold up the other (RFC 8305 §3).
 * Before that, one look-up for both is the better one: the system sorts its
 * addresses by RFC 6724 and by what its administrator prefers.
 */
export const lookupPatience = 1_000;
/** Addresses of one host that are tried: a resolver can name thousands. */
export const maximumAddresses = 64;

class RaceAttempt implements Attempt {
  readonly target: HostAddress;
  readonly since: number;
  error: Error | undefined;

  constructor(target: HostAddress, since: number) {
    this.target = target;
    this.since = since;
  }
}

export class AddressRace {
  private readonly family: AddressFamily;
  private readonly actions: RaceAction[] = [];
  /** All that began, in that order. */
  private readonly begun: RaceAttempt[] = [];
  /** Known and not tried, in the order in which they were told. */
  private readonly untried: HostAddress[] = [];
  private readonly known = new Set<string>();
  private readonly lookups = new Set<AddressFamily>();
  private readonly lookupErrors: Error[] = [];
  private separateLookupsAt = Number.POSITIVE_INFINITY;
  /** The pace of the attempts: none begins before. */
  private nextAt = Number.NEGATIVE_INFINITY;
  private heldUntil = Number.NEGATIVE_INFINITY;

  /** @param family addresses of the other one are left out */
  constructor(family: AddressFamily) {
    this.family = family;
  }

  // What happened -----------------------------------------------------------------

  /** The race begins with a look-up. */
  lookUp(now: number): void {
    this.beginLookup(this.family);
    if (this.family === 0) this.separateLookupsAt = now + lookupPatience;
  }

  /** A look-up gave addresses, the best one first. A race without a look-up begins with this. */
  resolved(family: AddressFamily, addresses: readonly HostAddress[], now: number): void {
    this.lookupEnded(family);
    for (const address of addresses) {
      if (this.family !== 0 && address.family !== this.family) continue;
      if (this.known.size >= maximumAddresses || this.known.has(address.address)) continue;
      this.known.add(address.address);
      this.untried.push(address);
    }
    if (family === 4) this.heldUntil = now + resolutionDelay;
    this.begin(now);
  }

  lookupFailed(family: AddressFamily, error: Error, now: number): void {
    this.lookupEnded(family);
    this.lookupErrors.push(error);
    this.begin(now);
  }

  /** An attempt failed: the next one begins at once. */
  attemptFailed(attempt: Attempt, error: Error, now: number): void {
    (attempt as RaceAttempt).error = error;
    this.nextAt = now;
    this.begin(now);
  }

  /** The time that `deadline` told has come. */
  expire(now: number): void {
    if (now >= this.separateLookupsAt) {
      this.separateLookupsAt = Number.POSITIVE_INFINITY;
      this.beginLookup(6);
      this.beginLookup(4);
    }
    this.begin(now);
  }

  // What is to be done --------------------------------------------------------------

  /** The next thing to do; undefined when there is nothing for now. */
  nextAction(): RaceAction | undefined {
    return this.actions.shift();
  }

  /** When to call `expire`; `Infinity` for never. */
  deadline(): number {
    const nextAttempt = this.untried.length > 0 ? this.notBefore : Number.POSITIVE_INFINITY;
    return Math.min(nextAttempt, this.separateLookupsAt);
  }

  /** Nothing is left that could still succeed. */
  get isLost(): boolean {
    const isUnderWay = this.begun.some(({ error }) => error === undefined);
    return !this.isLookingUp && this.untried.length === 0 && !isUnderWay;
  }

  /** Every attempt so far, in the order in which they began. */
  get attempts(): readonly Attempt[] {
    return this.begun;
  }

  /** Addresses that are known and were not tried yet. */
  get waiting(): readonly HostAddress[] {
    return this.untried;
  }

  /** More addresses may come. */
  get isLookingUp(): boolean {
    return this.lookups.size > 0;
  }

  /** Why there are no addresses: of the look-ups that failed, the first. */
  get lookupError(): Error | undefined {
    return this.lookupErrors[0];
  }

  // -----------------------------------------------------------------------------------

  private beginLookup(family: AddressFamily): void {
    this.lookups.add(family);
    this.actions.push({ type: 'lookup', family });
  }

  /** One answer for both families, or one for each, is all there is to know. */
  private lookupEnded(family: AddressFamily): void {
    this.lookups.delete(family);
    const bothSeparately = family !== 0 && !this.lookups.has(4) && !this.lookups.has(6);
    if (family !== 0 && !bothSeparately) return;
    this.lookups.clear();
    this.separateLookupsAt = Number.POSITIVE_INFINITY;
  }

  /** When the next attempt may begin. While the answer about IPv6 is due, IPv4 gives it a moment. */
  private get notBefore(): number {
    const isHeld = this.begun.length === 0 && this.lookups.has(6);
    return isHeld ? Math.max(this.nextAt, this.heldUntil) : this.nextAt;
  }

  private begin(now: number): void {
    if (now < this.notBefore) return;
    const target = this.pick();
    if (target === undefined) return;
    const attempt = new RaceAttempt(target, now);
    this.begun.push(attempt);
    this.actions.push({ type: 'attempt', attempt });
    this.nextAt = now + attemptDelay;
  }

  /** The families take turns, the one of the best address first (RFC 8305 §4, First Address Family Count 1). */
  private pick(): HostAddress | undefined {
    const last = this.begun.at(-1)?.target.family;
    const other = this.untried.findIndex(({ family }) => family !== last);
    return this.untried.splice(Math.max(0, other), 1)[0];
  }
}
