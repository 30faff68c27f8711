/**
 * The requests of one call.
 *
 * Owns: who waits for each answer, and that all of them are given up together.
 * Must not know: how requests are sent.
 */
import type { SshError } from '../../base/errors.ts';
import type { Answer, ClientRequest } from '../protocol/clientRequest.ts';
import type { Operation } from '../protocol/errors.ts';

/** One request, from the call to its answer. */
export interface Pending {
  readonly operation: Operation;
  readonly errand: Errand | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: SshError) => void;
  /** Undefined while it waits for its turn. */
  request: ClientRequest<Pending> | undefined;
}

/** What gives a request up. */
export interface Abandoner {
  abandon(pending: Pending): void;
}

export class Errand {
  private readonly abandoner: Abandoner;
  private readonly pendings = new Set<Pending>();
  private readonly cancels = new Set<(error: SshError) => void>();
  /** Why no more is asked. */
  cancelledBy: SshError | undefined;

  constructor(abandoner: Abandoner) {
    this.abandoner = abandoner;
  }

  add(pending: Pending): void {
    this.pendings.add(pending);
  }

  delete(pending: Pending): void {
    this.pendings.delete(pending);
  }

  /** Called back once when it is cancelled; at once where it has been. Returns what takes the step back. */
  onCancel(step: (error: SshError) => void): () => void {
    if (this.cancelledBy === undefined) this.cancels.add(step);
    else step(this.cancelledBy);
    return () => this.cancels.delete(step);
  }

  /** Rejects what waits and what will be asked. */
  cancel(error: SshError): void {
    if (this.cancelledBy !== undefined) return;
    this.cancelledBy = error;
    for (const pending of this.pendings) {
      this.abandoner.abandon(pending);
      pending.reject(error);
    }
    this.pendings.clear();
    const steps = [...this.cancels];
    this.cancels.clear();
    for (const step of steps) step(error);
  }
}
