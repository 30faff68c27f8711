/**
 * A round of keyboard-interactive authentication, as either side sees it.
 *
 * Owns: its form (RFC 4256 §3.2).
 * Must not know: who asks, who answers.
 */

/**
 * One question of keyboard-interactive authentication (RFC 4256 §3.2). Texts are
 * the server's, escaped but for line ends and tabs: a prompt may hold lines that
 * read like a question of your own program, so show whose they are.
 */
export interface Prompt {
  /** What the server asks. */
  readonly prompt: string;
  /** Whether what is typed may be shown. */
  readonly echo: boolean;
}

/** A round of questions. */
export interface Challenge {
  /** A heading; often empty. */
  readonly name: string;
  /** What to do, for the person who answers; often empty. */
  readonly instruction: string;
  /** The questions, in order; may be empty, which wants an empty list of answers. */
  readonly prompts: readonly Prompt[];
}
