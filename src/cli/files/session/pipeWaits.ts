/**
 * What is waited for on the program at the other end of the pipes.
 *
 * Owns: the table of these waits and the one timer of them; calls and their bounds.
 * Must not know: the program, SFTP.
 */
import { SshError } from '../../../base/errors.ts';
import { type Wait, type WaitName, WaitTable } from '../../../base/waits.ts';
import { CallScope, type ScopeOptions, type ScopeOwner } from '../../../endpoint/calls/callScope.ts';
import type { Clock, Timer } from '../../../io/clock.ts';

export class PipeWaits implements ScopeOwner {
  private readonly clock: Clock;
  private readonly host: string;
  private readonly table = new WaitTable();
  private readonly scopes = new Set<CallScope>();
  private timer: Timer | undefined;
  private timerAt: number = Number.POSITIVE_INFINITY;
  private cause: SshError | undefined;

  constructor(clock: Clock, host: string) {
    this.clock = clock;
    this.host = host;
  }

  startWait(name: WaitName, detail: string, timeout: number, onExpire: () => void): Wait {
    const wait = this.table.start(name, detail, this.clock.now(), timeout, onExpire);
    if (wait.deadline < this.timerAt) this.arm();
    return wait;
  }

  finishWait(wait: Wait): void {
    this.table.finish(wait);
    if (this.table.size === 0) this.arm();
  }

  timeoutError({ name, detail, since, timeout }: Wait): SshError {
    const message = `${detail} on ${this.host}: there was no answer within ${Math.round(timeout)} ms`;
    return new SshError('ERR_SSH_TIMEOUT', message, {
      phase: 'connection',
      origin: 'peer',
      waitingFor: name,
      elapsed: this.clock.now() - since,
      deadline: timeout,
    });
  }

  /** @throws SshError the cause of the end; `ERR_SSH_ABORTED` */
  scope(options: ScopeOptions): CallScope {
    if (this.cause !== undefined) throw this.cause;
    const scope = new CallScope(this, options);
    this.scopes.add(scope);
    return scope;
  }

  scopeEnded(scope: CallScope): void {
    this.scopes.delete(scope);
  }

  /** The other side has gone. */
  end(cause: SshError): void {
    this.cause ??= cause;
    for (const scope of this.scopes) scope.connectionEnded(this.cause);
    this.scopes.clear();
    this.timer?.cancel();
    this.timerAt = Number.NEGATIVE_INFINITY;
  }

  private arm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.cause !== undefined) return;
    this.timerAt = this.table.earliest();
    if (this.timerAt === Number.POSITIVE_INFINITY) return;
    // What lies unread in the pipe has come in time.
    this.timer = this.clock.schedule(this.timerAt, {
      due: () => this.clock.afterPoll(() => this.expire()),
    });
  }

  private expire(): void {
    for (const wait of this.table.expired(this.clock.now())) {
      if (!this.table.has(wait)) continue;
      this.table.finish(wait);
      wait.onExpire?.();
    }
    this.timerAt = Number.POSITIVE_INFINITY;
    this.arm();
  }
}
