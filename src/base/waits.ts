/**
 * What a connection waits for: each wait with a name, a start and a deadline.
 *
 * Owns: the table of open waits and the earliest deadline among them. Times are
 * milliseconds of whatever clock the caller reads; this file reads none.
 * Must not know: timers, sockets, what is done when a wait expires.
 */

/**
 * The waits there are. `queue` is a wait of a call for its turn, `agent` is one on the user's own agent, `lock` one on
 * another program that has locked a file of the user's, `user` one on the caller's own code (a host key verifier, a
 * prompt), and `unlock` one on this side's own work on a private key: none of the five is on the peer.
 */
export type WaitName =
  | 'dial'
  | 'connect'
  | 'proxyCommand'
  | 'identification'
  | 'keyExchange'
  | 'authentication'
  | 'queue'
  | 'channelOpen'
  | 'request'
  | 'command'
  | 'write'
  | 'keepAlive'
  | 'close'
  | 'agent'
  | 'lock'
  | 'knownHostsCommand'
  | 'user'
  | 'unlock';

/** One open wait, as reports show it. */
export interface Wait {
  /** Such as `identification`; docs/deadlines.md has all of them. */
  readonly name: WaitName;
  /** What exactly, for people: `exec on channel 3`, `SSH_MSG_NEWKEYS`. Never a secret, never user data. */
  readonly detail: string;
  /** When it began. */
  readonly since: number;
  /** How long it may last, as it was asked for: `deadline - since` is only near it. */
  readonly timeout: number;
  /** When it expires; `Infinity` only where the user said so. */
  readonly deadline: number;
  /** Told when the wait expires; when absent, expiry ends the connection. */
  readonly onExpire: (() => void) | undefined;
}

/** A wait and its neighbours: a connection that waits for nothing has no list of its own then. */
class OpenWait implements Wait {
  readonly name: WaitName;
  readonly detail: string;
  readonly since: number;
  readonly timeout: number;
  readonly deadline: number;
  readonly onExpire: (() => void) | undefined;
  /** Undefined once it is closed. */
  table: WaitTable | undefined;
  previous: OpenWait | undefined;
  next: OpenWait | undefined;

  constructor(
    table: WaitTable,
    name: WaitName,
    detail: string,
    since: number,
    timeout: number,
    onExpire: (() => void) | undefined,
  ) {
    this.name = name;
    this.detail = detail;
    this.since = since;
    this.timeout = timeout;
    this.deadline = since + timeout;
    this.onExpire = onExpire;
    this.table = table;
  }
}

/** The waits of one connection. */
export class WaitTable {
  /** In the order in which they were opened. */
  private first: OpenWait | undefined;
  private last: OpenWait | undefined;
  private count = 0;
  private earliestKnown: number = Number.POSITIVE_INFINITY;
  private stale = false;

  /** Opens a wait that ends at `since + timeout`. */
  start(name: WaitName, detail: string, since: number, timeout: number, onExpire?: () => void): Wait {
    const wait = new OpenWait(this, name, detail, since, timeout, onExpire);
    const { last } = this;
    wait.previous = last;
    if (last === undefined) this.first = wait;
    else last.next = wait;
    this.last = wait;
    this.count++;
    if (wait.deadline < this.earliestKnown) this.earliestKnown = wait.deadline;
    return wait;
  }

  /** Closes a wait; closing one twice, or none, does nothing. */
  finish(wait: Wait | undefined): void {
    if (!(wait instanceof OpenWait) || wait.table !== this) return;
    this.take(wait);
    if (wait.deadline <= this.earliestKnown) this.stale = true;
  }

  /** Whether a wait is open. */
  has(wait: Wait): boolean {
    return wait instanceof OpenWait && wait.table === this;
  }

  /** Closes all. */
  clear(): void {
    while (this.first !== undefined) this.take(this.first);
    this.earliestKnown = Number.POSITIVE_INFINITY;
    this.stale = false;
  }

  /** The earliest deadline, `Infinity` if there is none. */
  earliest(): number {
    if (this.stale) {
      this.earliestKnown = Number.POSITIVE_INFINITY;
      for (let wait = this.first; wait !== undefined; wait = wait.next) {
        if (wait.deadline < this.earliestKnown) this.earliestKnown = wait.deadline;
      }
      this.stale = false;
    }
    return this.earliestKnown;
  }

  /** The open waits whose time is over, the earliest deadline first. */
  expired(now: number): Wait[] {
    if (this.earliest() > now) return [];
    return this.list()
      .filter((wait) => wait.deadline <= now)
      .sort((a, b) => a.deadline - b.deadline);
  }

  /** All open waits, in the order in which they were opened. */
  list(): readonly Wait[] {
    const waits: Wait[] = [];
    for (let wait = this.first; wait !== undefined; wait = wait.next) waits.push(wait);
    return waits;
  }

  /** Of the waits apart from this one, the one that was opened last: what is waited for at this moment. */
  innermostBeside(outer: Wait): Wait | undefined {
    let wait = this.last;
    while (wait !== undefined && wait.name === outer.name) wait = wait.previous;
    return wait;
  }

  /** Waits that are under way. */
  get size(): number {
    return this.count;
  }

  private take(wait: OpenWait): void {
    const { previous, next } = wait;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    wait.table = undefined;
    wait.previous = undefined;
    wait.next = undefined;
    this.count--;
  }
}
