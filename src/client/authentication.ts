/**
 * Which credential is tried next.
 *
 * Owns: the order of attempts, the choice of a key's signature algorithm
 * (RFC 8332 §3.3, server-sig-algs), the asking of the caller's functions.
 * Must not know: authentication messages (`userauth/`), deadlines.
 */
import { escapeLines, escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { encodeSignature } from '../crypto/publicKey.ts';
import { signatureNameOf } from '../crypto/specialAlgorithms.ts';
import type { UserauthAttempt, UserauthQuestion } from '../userauth/client.ts';
import { LockedKey } from './lockedKey.ts';
import { optionsError } from './optionErrors.ts';
import type {
  AuthMethod,
  ChangePassword,
  ConnectOptions,
  KeyboardInteractive,
  PasswordFunction,
} from './options.ts';
import { certificatesOf, type KeyOffer, keyLabel, keyOffers, publicHalf, type UserKey } from './userKeys.ts';

type MethodWanted = UserauthQuestion & { type: 'methodWanted' };

/** A password function is asked this often, as ssh asks a person. */
const passwordAttempts = 3;

/** One credential that can be tried, perhaps in several ways. */
interface Candidate {
  readonly method: 'none' | 'publickey' | 'password' | 'keyboard-interactive';
  /** For the error when nothing worked. Never a secret. */
  readonly label: string;
  /** The next attempt with it; undefined when it has none left. */
  next(context: {
    readonly serverSigAlgs: readonly string[] | undefined;
  }): Promise<UserauthAttempt | undefined>;
}

/** What the connection asks of those who hold the credentials. */
export class Authenticator {
  private readonly candidates: Candidate[];
  private readonly tried: string[] = [];
  private readonly skipped: string[] = [];
  private readonly provider: CryptoProvider;
  private readonly options: ConnectOptions;
  private current: Candidate | undefined;
  private currentKey: UserKey | undefined;
  private lastPassword = '';
  private changePassword: ChangePassword | undefined;
  private answer: KeyboardInteractive | undefined;
  private methods: readonly string[] | undefined;

  constructor(options: ConnectOptions, keys: readonly UserKey[], provider: CryptoProvider) {
    this.options = options;
    this.provider = provider;
    this.candidates =
      options.auth === undefined ? this.fromCredentials(keys) : this.fromOrder(options.auth, keys);
  }

  /**
   * The next attempt.
   *
   * @throws SshError `ERR_SSH_AUTHENTICATION_FAILED` when nothing is left to try
   */
  async nextAttempt(
    wanted: MethodWanted,
    serverSigAlgs: readonly string[] | undefined,
  ): Promise<UserauthAttempt> {
    if (wanted.methodsThatCanContinue.length > 0) this.methods = wanted.methodsThatCanContinue;
    if (wanted.partialSuccess) this.current = undefined;
    for (;;) {
      const begun = this.current;
      const candidate = begun ?? this.pick();
      if (candidate === undefined) throw this.failure();
      this.current = candidate;
      const attempt = this.offered(candidate) ? await candidate.next({ serverSigAlgs }) : undefined;
      if (attempt !== undefined) {
        this.tried.push(candidate.label);
        return attempt;
      }
      if (begun === undefined) this.skipped.push(candidate.label);
      this.current = undefined;
    }
  }

  /** What was tried last, for people. */
  get lastTried(): string {
    return this.tried.at(-1) ?? 'nothing';
  }

  /** The signature blob for `signatureWanted`; undefined where nobody opened the key. */
  async sign(question: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined> {
    const { currentKey, provider } = this;
    if (currentKey === undefined)
      throw new SshError('ERR_SSH_INTERNAL', 'no key to sign with', { origin: 'local' });
    const key = currentKey instanceof LockedKey ? await currentKey.unlock() : currentKey.key;
    if (key === undefined) {
      this.tried.splice(-1, 1, keyLabel(currentKey));
      return undefined;
    }
    const algorithm = signatureNameOf(question.algorithm);
    await provider.loaderFor(algorithm)?.();
    return encodeSignature(algorithm, provider.sign(algorithm, key, question.data));
  }

  /** The old and the new password; undefined to refuse. */
  async newPassword(prompt: string): Promise<{ readonly old: string; readonly new: string } | undefined> {
    const changed = await this.changePassword?.(escapeLines(prompt));
    return changed === undefined ? undefined : { old: this.lastPassword, new: changed };
  }

  /** Answers to a round of prompts; undefined gives the method up. */
  async answers(
    question: UserauthQuestion & { type: 'promptsWanted' },
  ): Promise<readonly string[] | undefined> {
    const answers = await this.answer?.({
      name: escapeText(question.name),
      instruction: escapeLines(question.instruction),
      prompts: question.prompts.map(({ prompt, echo }) => ({ prompt: escapeLines(prompt), echo })),
    });
    if (answers === undefined) return undefined;
    if (answers.length !== question.prompts.length) {
      throw optionsError(
        `keyboardInteractive gave ${answers.length} answers where ${question.prompts.length} were asked for`,
      );
    }
    return answers;
  }

  /** Of the methods a server lists, only those are tried; before it has listed any, all are. */
  private offered(candidate: Candidate): boolean {
    return (
      this.methods === undefined || candidate.method === 'none' || this.methods.includes(candidate.method)
    );
  }

  private pick(): Candidate | undefined {
    for (;;) {
      const candidate = this.candidates.shift();
      if (candidate === undefined || this.offered(candidate)) return candidate;
      this.skipped.push(candidate.label);
    }
  }

  private failure(): SshError {
    const accepts =
      this.methods === undefined ? 'did not say what it accepts' : `accepts ${this.methods.join(', ')}`;
    const tried = this.tried.length === 0 ? 'nothing could be tried' : `tried: ${this.tried.join('; ')}`;
    const skipped = this.skipped.length === 0 ? '' : `; not tried: ${this.skipped.join('; ')}`;
    return new SshError(
      'ERR_SSH_AUTHENTICATION_FAILED',
      `authentication failed: the server ${escapeText(accepts)}; ${tried}${skipped}`,
      { phase: 'authentication' },
    );
  }

  // Candidates -------------------------------------------------------------------

  private fromCredentials(keys: readonly UserKey[]): Candidate[] {
    const { password, keyboardInteractive, changePassword } = this.options;
    const candidates: Candidate[] = keys.map((key) => this.publickey(key));
    if (password !== undefined) candidates.push(this.password(password, changePassword));
    if (keyboardInteractive !== undefined) candidates.push(this.keyboardInteractive(keyboardInteractive));
    // Many servers ask for the password by keyboard-interactive only.
    else if (password !== undefined) candidates.push(this.keyboardInteractive(passwordAnswers(password)));
    // With nothing to show, `none` lets an open server in, and makes others say what they accept.
    if (candidates.length === 0) candidates.push(this.none());
    return candidates;
  }

  private fromOrder(order: readonly AuthMethod[], keys: readonly UserKey[]): Candidate[] {
    const loaded = [...keys];
    return order.map((step) => {
      if (step === 'none' || step.method === 'none') return this.none();
      switch (step.method) {
        case 'publickey': {
          const key = loaded.shift();
          if (key === undefined)
            throw new SshError('ERR_SSH_INTERNAL', 'a key was not loaded', { origin: 'local' });
          return this.publickey(key);
        }
        case 'password':
          return this.password(step.password, step.changePassword);
        case 'keyboard-interactive':
          return this.keyboardInteractive(step.answer, step.attempts);
        default:
          throw optionsError('auth takes none, publickey, password and keyboard-interactive');
      }
    });
  }

  private none(): Candidate {
    let used = false;
    return {
      method: 'none',
      label: 'none',
      next: async () => {
        if (used) return undefined;
        used = true;
        return { method: 'none' };
      },
    };
  }

  private publickey(key: UserKey): Candidate {
    const locked = key instanceof LockedKey ? key : undefined;
    let offers: readonly KeyOffer[] | undefined;
    let index = 0;
    return {
      method: 'publickey',
      get label() {
        return keyLabel(key);
      },
      next: async ({ serverSigAlgs }) => {
        if (publicHalf(key) === undefined) await locked?.unlock();
        const half = publicHalf(key);
        if (half === undefined || locked?.isRefused === true) return undefined;
        offers ??= keyOffers(half, certificatesOf(key), serverSigAlgs);
        const offer = offers[index++];
        if (offer === undefined) return undefined;
        this.currentKey = key;
        // A person is asked for a passphrase only if the key would do.
        return { method: 'publickey', ...offer, probe: locked !== undefined };
      },
    };
  }

  private password(password: string | PasswordFunction, change: ChangePassword | undefined): Candidate {
    let attempt = 0;
    return {
      method: 'password',
      label: 'password',
      next: async () => {
        attempt++;
        if (attempt > (typeof password === 'string' ? 1 : passwordAttempts)) return undefined;
        const given = typeof password === 'string' ? password : await password({ attempt });
        if (given === undefined) return undefined;
        this.lastPassword = given;
        this.changePassword = change;
        return { method: 'password', password: given };
      },
    };
  }

  private keyboardInteractive(answer: KeyboardInteractive, attempts: number = 1): Candidate {
    let attempt = 0;
    let wasAnswered = true;
    const noting: KeyboardInteractive = async (challenge) => {
      const answers = await answer(challenge);
      wasAnswered ||= (answers ?? []).length > 0;
      return answers;
    };
    return {
      method: 'keyboard-interactive',
      label: 'keyboard-interactive',
      next: async () => {
        attempt++;
        if (attempt > attempts || !wasAnswered) return undefined;
        wasAnswered = false;
        this.answer = noting;
        return { method: 'keyboard-interactive', submethods: '' };
      },
    };
  }
}

/** Answers the one hidden prompt that stands for a password prompt, once. */
function passwordAnswers(password: string | PasswordFunction): KeyboardInteractive {
  let asked = false;
  return async ({ prompts }) => {
    if (asked || prompts.length !== 1 || prompts[0]?.echo === true) return undefined;
    asked = true;
    const given = typeof password === 'string' ? password : await password({ attempt: 1 });
    return given === undefined ? undefined : [given];
  };
}
