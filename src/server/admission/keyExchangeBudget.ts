/**
 * How much a server computes for clients that have not logged in.
 *
 * Owns: the budget of key exchanges, of each address and of all together, and
 * what gives it back: time, and a login. A client that sends noise in place of
 * the values of Diffie-Hellman computes nothing (CVE-2002-20001).
 * Must not know: clocks (time is given), connections, what a key exchange is.
 */
import { networkOf } from './clientAddress.ts';

/** Milliseconds of computing, in terms of `crypto/work.ts`. */
export interface ComputingRate {
  /** At once. */
  readonly burst: number;
  /** And with each second after that. */
  readonly perSecond: number;
}

export interface KeyExchangeBudgetOptions {
  /** For one address; an IPv6 network of 64 bits counts as one. */
  readonly perAddress: ComputingRate;
  /** For all addresses together. */
  readonly total: ComputingRate;
}

/** A fifth of a core for one address, half a core for all of them, and room for many clients that come at once. */
export const defaultKeyExchangeBudget: KeyExchangeBudgetOptions = {
  perAddress: { burst: 2_000, perSecond: 200 },
  total: { burst: 4_000, perSecond: 500 },
};

/** Addresses that are kept account of; of more, those that were seen first begin anew. */
const addressesKept = 4_096;

interface Account {
  left: number;
  at: number;
}

export class KeyExchangeBudget {
  private readonly options: KeyExchangeBudgetOptions;
  private readonly total: Account;
  private readonly addresses = new Map<string, Account>();

  constructor(options: KeyExchangeBudgetOptions) {
    this.options = options;
    this.total = { left: options.total.burst, at: 0 };
  }

  /**
   * Takes the cost of a key exchange, where there is enough for it.
   *
   * @param address undefined where there is none: only the total counts then
   * @returns whose budget is used up; undefined where the exchange may go on
   */
  spend(address: string | undefined, cost: number, now: number): 'address' | 'total' | undefined {
    const { perAddress, total } = this.options;
    const account = address === undefined ? undefined : this.accountOf(address, now);
    if (account !== undefined && account.left < cost && account.left < perAddress.burst) return 'address';
    refill(this.total, total, now);
    if (this.total.left < cost && this.total.left < total.burst) return 'total';
    this.total.left -= cost;
    if (account !== undefined) account.left -= cost;
    return undefined;
  }

  /** Gives back what a client has spent that turned out to be a user. */
  refund(address: string | undefined, cost: number, now: number): void {
    const { perAddress, total } = this.options;
    refill(this.total, total, now);
    this.total.left = Math.min(total.burst, this.total.left + cost);
    if (address === undefined) return;
    const account = this.accountOf(address, now);
    account.left = Math.min(perAddress.burst, account.left + cost);
    this.settle(address, account);
  }

  /** Addresses that are kept account of, for tests. */
  get size(): number {
    return this.addresses.size;
  }

  private accountOf(address: string, now: number): Account {
    const { perAddress } = this.options;
    const name = networkOf(address);
    let account = this.addresses.get(name);
    if (account === undefined) {
      if (this.addresses.size >= addressesKept) this.makeRoom(now);
      account = { left: perAddress.burst, at: now };
      this.addresses.set(name, account);
    }
    refill(account, perAddress, now);
    return account;
  }

  /** One that owes nothing is as one that was never seen. */
  private settle(address: string, account: Account): void {
    if (account.left >= this.options.perAddress.burst) this.addresses.delete(networkOf(address));
  }

  private makeRoom(now: number): void {
    const { perAddress } = this.options;
    for (const [name, account] of this.addresses) {
      refill(account, perAddress, now);
      if (account.left >= perAddress.burst) this.addresses.delete(name);
    }
    for (const name of this.addresses.keys()) {
      if (this.addresses.size < addressesKept) return;
      this.addresses.delete(name);
    }
  }
}

function refill(account: Account, { burst, perSecond }: ComputingRate, now: number): void {
  account.left = Math.min(burst, account.left + ((now - account.at) / 1000) * perSecond);
  account.at = now;
}
