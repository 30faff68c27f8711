/**
 * Which credential is tried next.
 *
 * Owns: the order of attempts, the asking of the caller's functions.
 * Must not know: authentication messages (`userauth/`), deadlines.
 */
import { escapeLines, escapeText, toHex } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import { resolveAlgorithms } from '../../endpoint/options/algorithmOptions.ts';
import type { FingerprintHash } from '../../keys/fingerprintBy.ts';
import type { UserauthAttempt, UserauthQuestion } from '../../userauth/client.ts';
import { acceptedAlgorithmsFor, publickeyAlgorithmsFor } from '../../userauth/signatureAlgorithms.ts';
import type { Agent } from '../agent/agent.ts';
import { AgentKeys } from '../agent/agentKeys.ts';
import { agentError } from '../agent/agentLink.ts';
import type { ConnectOptions } from '../dial/options.ts';
import { fingerprintHashOf } from '../hostKeys/hostKeys.ts';
import { type Candidate, PublickeyCandidate } from './candidate.ts';
import { loadCertificates } from './certificates.ts';
import type { KeyWaiter } from './lockedKey.ts';
import type {
  AddToAgent,
  AuthMethod,
  AuthMethodOf,
  ChangePassword,
  KeyboardInteractive,
  PasswordFunction,
} from './methods.ts';
import { OwnKey } from './ownKey.ts';
import type { UserKey, UserKeys } from './userKeys.ts';

type MethodWanted = UserauthQuestion & { type: 'methodWanted' };

/** A password function is asked this often, as ssh asks a person. */
const passwordAttempts = 3;

/** How the agent that the options name is reached. */
export interface AgentAccess {
  /** Undefined: the user's own. */
  open(path: string | undefined): Agent;
  /** Tells an agent which connection it is to sign for. */
  bind(agent: Agent): Promise<void>;
  /** Whether the user has one. */
  readonly isThere: boolean;
}

const noAgents: AgentAccess = {
  isThere: false,
  open: () => {
    throw agentError('there are no agents here');
  },
  bind: async () => {},
};

export interface AuthenticatorContext {
  readonly provider: CryptoProvider;
  /** The signature algorithms that the options name, best first; found out from them where not given. */
  readonly hostKeyAlgorithms?: readonly string[] | undefined;
  /** None where not given. */
  readonly agents?: AgentAccess | undefined;
  /** Told what is done, a line each, for people. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Told what is waited for while a key is unlocked. */
  readonly keyWaiter?: KeyWaiter | undefined;
}

/** What the connection asks of those who hold the credentials. */
export class Authenticator {
  private all: readonly Candidate[];
  /** Of `all`: those ahead of it had their turn. */
  private next = 0;
  private readonly tried: string[] = [];
  private readonly skipped: string[] = [];
  private readonly provider: CryptoProvider;
  private readonly options: ConnectOptions;
  /** The order in which an own key's signature algorithms are preferred. */
  private readonly hostKeyAlgorithms: readonly string[];
  private current: Candidate | undefined;
  /** The key last shown to the server; forgotten where the refusal was not the server's. */
  private offeredLast: string | undefined;
  /** Keys that the server refused: another that holds the same one need not show it again. */
  private readonly refused: string[] = [];
  /** That keys are shown by: the user's own as those of hosts. */
  private readonly fingerprintHash: FingerprintHash | undefined;
  private readonly agents: AgentAccess;
  private readonly debug: (line: string) => void;
  private readonly keyWaiter: KeyWaiter;
  /** Of certificates that are of no use, what nobody has heard yet, and all. */
  private unsaid: readonly string[];
  private readonly leftAside: string[] = [];
  private lastPassword = '';
  private changePassword: ChangePassword | undefined;
  private answer: KeyboardInteractive | undefined;
  private methods: readonly string[] | undefined;

  constructor(options: ConnectOptions, { keys, notes }: UserKeys, context: AuthenticatorContext) {
    this.options = options;
    this.hostKeyAlgorithms = context.hostKeyAlgorithms ?? resolveAlgorithms(options.algorithms).hostKey;
    this.provider = context.provider;
    this.fingerprintHash = fingerprintHashOf(options.verifyHostKey);
    this.agents = context.agents ?? noAgents;
    this.debug = context.debug ?? (() => {});
    this.keyWaiter = context.keyWaiter ?? { asking: () => {}, deriving: () => {} };
    this.unsaid = notes;
    this.all = options.auth === undefined ? this.fromCredentials(keys) : this.fromOrder(options.auth, keys);
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
    for (const line of this.unsaid) this.note(line);
    this.unsaid = [];
    if (wanted.methodsThatCanContinue.length > 0) this.methods = wanted.methodsThatCanContinue;
    if (wanted.partialSuccess) this.succeeded();
    else if (this.offeredLast !== undefined) this.refused.push(this.offeredLast);
    this.offeredLast = undefined;
    for (;;) {
      const begun = this.current;
      const candidate = begun ?? this.pick();
      if (candidate === undefined) throw this.failure();
      this.current = candidate;
      const attempt = this.offered(candidate)
        ? await candidate.next({ algorithmsFor: (type) => this.algorithmsFor(type, serverSigAlgs) })
        : undefined;
      if (attempt !== undefined) {
        const shown = nameOf(attempt);
        if (shown !== undefined && this.refused.includes(shown)) continue;
        this.offeredLast = shown;
        this.tried.push(candidate.label);
        return attempt;
      }
      if (begun === undefined) this.skipped.push(candidate.label);
      this.current = undefined;
    }
  }

  private algorithmsFor(keyType: string, serverSigAlgs: readonly string[] | undefined): readonly string[] {
    const { publickeyAlgorithms: accepted } = this.options;
    return accepted === undefined
      ? publickeyAlgorithmsFor(keyType, serverSigAlgs, this.hostKeyAlgorithms)
      : acceptedAlgorithmsFor(keyType, serverSigAlgs, accepted);
  }

  /** More is wanted: from the same credential only if it is one of several keys. */
  private succeeded(): void {
    const { current } = this;
    this.current = undefined;
    if (current instanceof PublickeyCandidate && current.skipKey()) this.next--;
  }

  /** What was tried last, for people. */
  get lastTried(): string {
    return this.tried.at(-1) ?? 'nothing';
  }

  /** The signature blob for `signatureWanted`; undefined where none can be had. */
  async sign(question: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined> {
    const { current } = this;
    if (!(current instanceof PublickeyCandidate))
      throw new SshError('ERR_SSH_INTERNAL', 'no key to sign with', { origin: 'local' });
    const signature = await current.sign(question);
    if (signature === undefined) {
      this.tried.pop();
      this.tried.push(current.label);
      this.offeredLast = undefined;
    }
    return signature;
  }

  /** Nothing more will be tried: whatever holds keys is let go. */
  close(): void {
    for (const candidate of this.all) if (candidate instanceof PublickeyCandidate) candidate.close();
    this.all = [];
    this.tried.length = 0;
    this.skipped.length = 0;
    this.leftAside.length = 0;
    this.refused.length = 0;
    this.current = undefined;
    this.offeredLast = undefined;
    this.lastPassword = '';
  }

  /** The old and the new password; undefined to refuse. */
  async newPassword(prompt: string): Promise<{ readonly old: string; readonly new: string } | undefined> {
    const { changePassword } = this;
    if (changePassword === undefined) return undefined;
    const asked = await askUser('changePassword', () => changePassword(escapeLines(prompt)), duringLogin);
    const changed = checkedText('changePassword', asked);
    return changed === undefined ? undefined : { old: this.lastPassword, new: changed };
  }

  /** Answers to a round of prompts; undefined gives the method up. */
  async answers(
    question: UserauthQuestion & { type: 'promptsWanted' },
  ): Promise<readonly string[] | undefined> {
    const { answer } = this;
    const challenge = {
      name: escapeText(question.name),
      instruction: escapeLines(question.instruction),
      prompts: question.prompts.map(({ prompt, echo }) => ({ prompt: escapeLines(prompt), echo })),
    };
    const answers = await askUser('keyboardInteractive', () => answer?.(challenge), duringLogin);
    if (answers === undefined) return undefined;
    if (!Array.isArray(answers) || answers.some((text) => typeof text !== 'string')) {
      throw optionsError('keyboardInteractive must answer with a list of texts, or undefined');
    }
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

  /** It explains why a key was refused: it is said at once, and again when nothing worked. */
  private note(line: string): void {
    this.leftAside.push(line);
    this.debug(`warning: ${line}`);
  }

  private pick(): Candidate | undefined {
    for (;;) {
      const candidate = this.all[this.next];
      if (candidate === undefined) return undefined;
      this.next++;
      if (this.offered(candidate)) return candidate;
      this.skipped.push(candidate.label);
    }
  }

  private failure(): SshError {
    const accepts =
      this.methods === undefined ? 'did not say what it accepts' : `accepts ${this.methods.join(', ')}`;
    const tried = this.tried.length === 0 ? 'nothing could be tried' : `tried: ${this.tried.join('; ')}`;
    const skipped = this.skipped.length === 0 ? '' : `; not tried: ${this.skipped.join('; ')}`;
    const aside = this.leftAside.map((line) => `; ${line}`).join('');
    return new SshError(
      'ERR_SSH_AUTHENTICATION_FAILED',
      `authentication failed: the server ${escapeText(accepts)}; ${tried}${skipped}${aside}`,
      { phase: 'authentication', hint: this.hint() },
    );
  }

  /** What to give, where the options have nothing to log in with. */
  private hint(): string | undefined {
    const { auth, privateKey, password, keyboardInteractive, agent } = this.options;
    if (auth !== undefined || typeof agent === 'string' || agent === true) return undefined;
    if ([privateKey, password, keyboardInteractive].some((given) => given !== undefined)) return undefined;
    return this.asksOwnAgent
      ? 'the options have no credential, so the agent was asked: give privateKey or password, or ssh-add a key'
      : 'the options have no credential: give privateKey, password or agent: true; ' +
          'connect reads no key file by itself, resolveHost of deadline-ssh/config does';
  }

  /** Without credentials the user's agent is meant, as with ssh. */
  private get asksOwnAgent(): boolean {
    return this.options.agent === undefined && this.agents.isThere;
  }

  // Candidates -------------------------------------------------------------------

  private fromCredentials(keys: readonly UserKey[]): Candidate[] {
    const { password, keyboardInteractive, changePassword, agent } = this.options;
    const candidates: Candidate[] = keys.map((key) => this.ownKey(key));
    if (typeof agent === 'string' || agent === true) {
      candidates.push(this.agent(agent === true ? undefined : agent));
    }
    if (password !== undefined) candidates.push(this.password(password, changePassword));
    if (keyboardInteractive !== undefined) candidates.push(this.keyboardInteractive(keyboardInteractive));
    // Many servers ask for the password by keyboard-interactive only.
    else if (password !== undefined) candidates.push(this.keyboardInteractive(passwordAnswers(password)));
    // With nothing to show, `none` lets an open server in, and makes others say what they accept.
    if (candidates.length > 0) return candidates;
    return this.asksOwnAgent ? [this.none(), this.agent(undefined)] : [this.none()];
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
          return this.ownKey(key, step);
        }
        case 'agent':
          return this.agent(typeof step.agent === 'string' ? step.agent : undefined, step);
        case 'password':
          return this.password(step.password, step.changePassword, step.attempts);
        case 'keyboard-interactive':
          return this.keyboardInteractive(step.answer, step.attempts);
        default:
          throw optionsError('auth takes none, publickey, agent, password and keyboard-interactive');
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

  private ownKey(key: UserKey, step: Partial<AuthMethodOf<'publickey'>> = {}): Candidate {
    return new OwnKey(key, {
      provider: this.provider,
      certificateOnly: step.certificateOnly ?? false,
      fingerprintHash: this.fingerprintHash,
      give: step.addToAgent === undefined ? undefined : this.giver(step.addToAgent),
      waiter: this.keyWaiter,
      note: (line) => this.note(line),
    });
  }

  /** Gives a key to an agent. What goes wrong with it stops nothing. */
  private giver({
    agent: path,
    comment,
    lifetime,
    confirm,
    ask,
  }: AddToAgent): (key: PrivateKey) => Promise<void> {
    return async (key) => {
      if (ask !== undefined && (await askUser('addToAgent.ask', ask, duringLogin)) !== true) return;
      let agent: Agent | undefined;
      try {
        agent = this.agents.open(typeof path === 'string' ? path : undefined);
        await agent.add(key, { comment, lifetime, confirm });
        this.debug('the key was given to the agent');
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.debug(`the key was not given to the agent: ${error.message}`);
      } finally {
        agent?.close();
      }
    };
  }

  private agent(path: string | undefined, step: Partial<AuthMethodOf<'agent'>> = {}): Candidate {
    const { provider, agents } = this;
    return new AgentKeys({
      open: () => agents.open(path),
      bind: (agent) => agents.bind(agent),
      provider,
      fingerprintHash: this.fingerprintHash,
      only: step.keys,
      certificates: () => loadCertificates(step.certificate, (line) => this.note(line)),
      debug: this.debug,
    });
  }

  private password(
    password: string | PasswordFunction,
    change: ChangePassword | undefined,
    attempts: number = passwordAttempts,
  ): Candidate {
    let attempt = 0;
    return {
      method: 'password',
      label: 'password',
      next: async () => {
        attempt++;
        if (attempt > (typeof password === 'string' ? 1 : attempts)) return undefined;
        const given = await passwordOf(password, attempt);
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

const duringLogin = { phase: 'authentication' } as const;

function passwordOf(password: string | PasswordFunction, attempt: number): Promise<string | undefined> {
  if (typeof password === 'string') return Promise.resolve(password);
  return askUser('password', () => password({ attempt }), duringLogin).then((given) =>
    checkedText('password', given),
  );
}

/** What a function answered, which may be anything in a program without types. */
function checkedText(name: string, answer: string | undefined): string | undefined {
  if (answer === undefined || typeof answer === 'string') return answer;
  throw optionsError(`${name} must answer with text or undefined, not ${typeof answer}`);
}

/** What a server could refuse for good: a key with an algorithm. */
function nameOf(attempt: UserauthAttempt): string | undefined {
  if (attempt.method !== 'publickey') return undefined;
  return `${attempt.algorithm} ${toHex(attempt.publicKey)}`;
}

/** Answers the one hidden prompt that stands for a password prompt, once. */
function passwordAnswers(password: string | PasswordFunction): KeyboardInteractive {
  let asked = false;
  return async ({ prompts }) => {
    if (asked || prompts.length !== 1 || prompts[0]?.echo === true) return undefined;
    asked = true;
    const given = await passwordOf(password, 1);
    return given === undefined ? undefined : [given];
  };
}
