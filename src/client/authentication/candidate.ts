/**
 * A credential that can be tried, perhaps in several ways.
 *
 * Owns: the interface between those who hold credentials and the order in which
 * they are tried.
 * Must not know: any credential.
 */
import type { UserauthAttempt, UserauthQuestion } from '../../userauth/client.ts';

/** What is known of the server when it is time to offer a credential. */
export interface CandidateContext {
  /** The algorithms to offer a key or certificate of a type with, the best first. */
  readonly algorithmsFor: (keyType: string) => readonly string[];
}

export interface Candidate {
  readonly method: 'none' | 'publickey' | 'password' | 'keyboard-interactive';
  /** For the error when nothing worked. Never a secret. */
  readonly label: string;
  /** The next attempt with it; undefined when it has none left. */
  next(context: CandidateContext): Promise<UserauthAttempt | undefined>;
}

/** One that signs. */
export abstract class PublickeyCandidate implements Candidate {
  readonly method = 'publickey' as const;
  abstract readonly label: string;

  abstract next(context: CandidateContext): Promise<UserauthAttempt | undefined>;

  /** The signature blob; undefined where none can be had. */
  abstract sign(question: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined>;

  /** The key offered last succeeded and is not enough. Whether there are others. */
  skipKey(): boolean {
    return false;
  }

  /** It will not be asked again. */
  close(): void {}
}
