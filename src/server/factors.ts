/**
 * How many factors let a user in, and which of them may come next.
 *
 * Owns: what a verdict leads to: SUCCESS, a partial success with the methods
 * that may follow (RFC 4252 §5.1), or a refusal.
 * Must not know: messages, connections, who asks the callbacks.
 */
import { SshError } from '../base/errors.ts';

/** Methods that count as a factor. `none` proves nothing and is none of them. */
export type AuthenticationMethod = 'publickey' | 'password' | 'keyboard-interactive';

/** What the client is told. */
export type Judgement =
  | { readonly outcome: 'accepted' }
  /** Only these methods are taken from now on. */
  | { readonly outcome: 'partial'; readonly methods: readonly AuthenticationMethod[] }
  /** `fault` is set where the verdict itself makes no sense. */
  | { readonly outcome: 'refused'; readonly fault: SshError | undefined };

const refused: Judgement = { outcome: 'refused', fault: undefined };

export class Factors {
  private readonly configured: readonly AuthenticationMethod[];
  private readonly required: readonly (readonly AuthenticationMethod[])[] | undefined;

  /**
   * @param configured methods with a callback
   * @param required lists of methods; who completes one of them, in its order, is let in. Undefined: the verdicts decide alone
   */
  constructor(
    configured: readonly AuthenticationMethod[],
    required: readonly (readonly AuthenticationMethod[])[] | undefined,
  ) {
    this.configured = configured;
    this.required = required;
  }

  /** Methods a user may begin with. */
  get first(): readonly AuthenticationMethod[] {
    return this.required === undefined ? this.configured : this.following([]);
  }

  /**
   * What follows from a verdict on a credential.
   *
   * @param succeeded methods that succeeded before, in their order
   */
  judge(succeeded: readonly string[], method: AuthenticationMethod, verdict: unknown): Judgement {
    const names = namesIn(verdict);
    if (verdict !== true && verdict !== 'partial' && names === undefined) return refused;
    const done = [...succeeded, method];
    if (verdict === true && this.isEnough(done)) return { outcome: 'accepted' };
    const candidates =
      this.required !== undefined
        ? this.following(done)
        : names === undefined
          ? this.configured.filter((name) => !done.includes(name))
          : this.configured;
    const methods = names === undefined ? candidates : candidates.filter((name) => names.includes(name));
    const unusable = names?.find((name) => !(candidates as readonly unknown[]).includes(name));
    if (unusable !== undefined) return faulty(`it names ${JSON.stringify(unusable)}`, candidates);
    if (methods.length === 0) return faulty('it leaves nothing that may follow', candidates);
    return { outcome: 'partial', methods };
  }

  private isEnough(done: readonly string[]): boolean {
    if (this.required === undefined) return true;
    return this.required.some((list) => list.length === done.length && beginsWith(list, done));
  }

  /** What the lists have next behind these. */
  private following(done: readonly string[]): AuthenticationMethod[] {
    const next = (this.required ?? []).flatMap((list) =>
      beginsWith(list, done) ? list.slice(done.length, done.length + 1) : [],
    );
    return [...new Set(next)];
  }
}

function beginsWith(list: readonly string[], start: readonly string[]): boolean {
  return start.every((name, at) => list[at] === name);
}

/** The methods that a verdict names; undefined where it names none. */
function namesIn(verdict: unknown): readonly unknown[] | undefined {
  if (typeof verdict !== 'object' || verdict === null || !('partial' in verdict)) return undefined;
  return Array.isArray(verdict.partial) ? verdict.partial : undefined;
}

/** A verdict that nobody could follow refuses: who it is about is not let in by a mistake. */
function faulty(what: string, candidates: readonly string[]): Judgement {
  const may = candidates.length === 0 ? 'no method may follow' : `${candidates.join(', ')} may follow`;
  const fault = new SshError(
    'ERR_SSH_OPTIONS',
    `a callback of authentication answered with a partial success, and ${what}; ${may}`,
    { phase: 'authentication', origin: 'user' },
  );
  return { outcome: 'refused', fault };
}
