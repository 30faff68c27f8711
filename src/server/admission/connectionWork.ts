/**
 * What one connection has had its server compute before it logged in.
 *
 * Owns: the charges of one connection to the budget of its server, and their return.
 * Must not know: what is computed, clocks.
 */
import { SshError } from '../../base/errors.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { slowdown } from '../../crypto/work.ts';
import { addressIn } from './clientAddress.ts';
import type { KeyExchangeBudget } from './keyExchangeBudget.ts';

export class ConnectionWork {
  private readonly budget: KeyExchangeBudget;
  private readonly address: string | undefined;
  private readonly factor: number;
  private spent = 0;

  /** @param target where the client is, as reports show it */
  constructor(budget: KeyExchangeBudget, provider: CryptoProvider, target: string) {
    this.budget = budget;
    this.address = addressIn(target);
    this.factor = provider.name === 'noble' ? slowdown : 1;
  }

  /**
   * Charges a key exchange.
   *
   * @param work milliseconds, about, with OpenSSL
   * @throws SshError `ERR_SSH_LIMIT` where the budget is used up
   */
  spend(work: number, now: number): void {
    const cost = work * this.factor;
    const exhausted = this.budget.spend(this.address, cost, now);
    if (exhausted === undefined) {
      this.spent += cost;
      return;
    }
    const whose = exhausted === 'address' ? `clients at ${this.address} ask` : 'clients ask';
    throw new SshError(
      'ERR_SSH_LIMIT',
      `${whose} for more key exchanges than this server computes before a login; keyExchangeBudget sets how many`,
      { phase: 'keyExchange', origin: 'local' },
    );
  }

  /** The client has logged in. */
  refund(now: number): void {
    this.budget.refund(this.address, this.spent, now);
    this.spent = 0;
  }
}
