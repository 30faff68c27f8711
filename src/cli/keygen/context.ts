/**
 * What every task of keygen works with.
 *
 * Owns: the seam between tasks and the process.
 * Must not know: any task.
 */
import type { Person } from '../connection/person.ts';
import type { Messages } from '../messages.ts';

export interface KeygenContext {
  /** Undefined where nobody can be asked. */
  readonly person: Person | undefined;
  readonly messages: Messages;
  /** To standard output. */
  print(text: string): void;
  readonly signal: AbortSignal;
}
