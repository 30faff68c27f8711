/**
 * The connections that have not logged in, and which of them makes room for another.
 *
 * Owns: the bound on them, and the choice of who is dropped: early and by chance,
 * as OpenSSH's MaxStartups does, but among those who wait and not the one who
 * comes, so that silent sockets cannot shut out a login.
 * Must not know: connections, clocks and randomness (both are given).
 */

/** A connection that has not logged in. */
export interface Newcomer {
  /** Where it comes from; those of one network stand in for each other. */
  readonly network: string;
  /** When it came. */
  readonly since: number;
  /** How far it is: a higher number is nearer to a login. */
  progress(): number;
  /** Ends it. */
  drop(): void;
}

export interface NewcomersOptions {
  /** From so many on, a new one may cost one of those that wait its place. */
  readonly start: number;
  /** With so many, it does. */
  readonly full: number;
}

export const defaultStartups: NewcomersOptions = { start: 64, full: 256 };

/** At `start`; rises to 1 at `full`. */
const leastChance = 0.3;

/** Milliseconds in which a client is expected to log in: before, only a full house drops it. */
const patience = 2_000;

export class Newcomers {
  private readonly options: NewcomersOptions;
  /** From 0 to 1. */
  private readonly random: () => number;
  private readonly waiting = new Set<Newcomer>();

  constructor(options: NewcomersOptions, random: () => number) {
    this.options = options;
    this.random = random;
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Takes one in, and drops another where there are many. */
  add(newcomer: Newcomer, now: number): void {
    const { size } = this.waiting;
    const { start, full } = this.options;
    if (size >= full) this.dropOne();
    else if (size >= start && this.random() < chanceAt(size, start, full)) {
      this.dropAmong([...this.waiting].filter(({ since }) => now - since >= patience));
    }
    this.waiting.add(newcomer);
  }

  /** It has logged in, or is gone. */
  remove(newcomer: Newcomer): void {
    this.waiting.delete(newcomer);
  }

  /**
   * Makes room where the server has none left.
   *
   * @returns whether there was somebody to drop
   */
  dropOne(): boolean {
    return this.dropAmong([...this.waiting]);
  }

  /** Of the network that has most of them, of those who are least far, any. */
  private dropAmong(candidates: readonly Newcomer[]): boolean {
    const counts = new Map<string, number>();
    for (const { network } of candidates) counts.set(network, (counts.get(network) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const crowd = candidates.filter(({ network }) => counts.get(network) === most);
    const progress = crowd.map((each) => each.progress());
    const least = Math.min(...progress);
    const last = crowd.filter((_, index) => progress[index] === least);
    const chosen = last[Math.min(last.length - 1, Math.floor(this.random() * last.length))];
    if (chosen === undefined) return false;
    this.waiting.delete(chosen);
    chosen.drop();
    return true;
  }
}

function chanceAt(size: number, start: number, full: number): number {
  return leastChance + (1 - leastChance) * ((size - start) / (full - start));
}
