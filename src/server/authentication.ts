/**
 * The application's verdicts on authentication requests.
 *
 * Owns: which callback a request goes to and what its answer means. Whatever
 * throws, or is no verdict, refuses. When a refusal is answered.
 * Must not know: messages, connections, which factors are enough (`factors.ts`).
 */
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { decodePublicKey } from '../crypto/keys/publicKey.ts';
import { askUser } from '../endpoint/calls/userCode.ts';
import type { Clock, Timer } from '../io/clock.ts';
import { fingerprint } from '../keys/fingerprint.ts';
import type { ServerProtocol } from '../protocol/server.ts';
import type { UserauthServerEvent } from '../userauth/server.ts';
import type { AuthenticationMethod, Factors } from './factors.ts';
import type { Authentication, AuthenticationContext, OfferedKey } from './options.ts';

type Request = UserauthServerEvent & { type: 'request' };
type Ask = Parameters<NonNullable<Authentication['keyboardInteractive']>>[1];

/** A dialogue of keyboard-interactive that waits for the client's answers. */
interface Dialogue {
  readonly username: string;
  readonly answered: (responses: readonly string[]) => void;
  readonly abandoned: (error: SshError) => void;
}

/** Runs a step on the core and sends what it brought about; does nothing once the connection has ended. */
export type OnCore = (step: (core: ServerProtocol) => void) => void;

export interface ServerAuthenticatorParts {
  readonly callbacks: Authentication;
  readonly factors: Factors;
  /** Where the client is. */
  readonly from: string;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Milliseconds from a credential to its refusal. */
  readonly failureDelay: number;
  readonly onCore: OnCore;
  readonly onError: (error: unknown) => void;
}

/** A question (would this key do?) is asked for many keys, one after the other, and proves nothing. */
const questionsAtOnce = 4;

export class ServerAuthenticator {
  private readonly callbacks: Authentication;
  private readonly factors: Factors;
  private readonly from: string;
  private readonly limits: Limits;
  private readonly clock: Clock;
  private readonly failureDelay: number;
  private readonly onCore: OnCore;
  private readonly onError: (error: unknown) => void;
  private dialogue: Dialogue | undefined;
  /** The request that is being decided on: a verdict on an earlier one, which its client gave up, is nobody's. */
  private current: Request | undefined;
  /** When the client said the last of it. */
  private since = 0;
  private refusal: Timer | undefined;

  constructor(parts: ServerAuthenticatorParts) {
    const { callbacks, factors, from, limits, clock, failureDelay, onCore, onError } = parts;
    this.callbacks = callbacks;
    this.factors = factors;
    this.from = from;
    this.limits = limits;
    this.clock = clock;
    this.failureDelay = failureDelay;
    this.onCore = onCore;
    this.onError = onError;
  }

  handle(request: Request): void {
    const { method, username, service } = request;
    if (service !== 'ssh-connection') return this.onCore((core) => core.reject());
    this.since = this.clock.now();
    this.refusal?.cancel();
    // Nobody is asked, so that there is nothing to hide; many clients begin with it.
    if (method.method === 'none' && this.callbacks.none === undefined) {
      return this.onCore((core) => core.reject());
    }
    if (method.method === 'keyboard-interactive' && method.responses !== undefined) {
      const { dialogue } = this;
      this.dialogue = undefined;
      if (dialogue?.username === username) return dialogue.answered(method.responses);
      this.current = request;
      return this.refuse(request);
    }
    this.abandonDialogue(new SshError('ERR_SSH_AUTHENTICATION_PROTOCOL', 'the client gave the dialogue up'));
    this.current = request;
    void this.decide(request);
  }

  /** The connection has ended. */
  ended(cause: SshError): void {
    this.current = undefined;
    this.refusal?.cancel();
    this.refusal = undefined;
    this.abandonDialogue(cause);
  }

  /** Nobody will answer any more. */
  private abandonDialogue(error: SshError): void {
    const { dialogue } = this;
    this.dialogue = undefined;
    dialogue?.abandoned(error);
  }

  private async decide(request: Request): Promise<void> {
    let verdict: unknown = false;
    try {
      verdict = await askUser(request.method.method, () => this.ask(request));
    } catch (error) {
      this.onError(error);
    }
    if (this.current !== request) return;
    this.onCore((core) => this.answer(core, request, verdict));
  }

  private answer(core: ServerProtocol, request: Request, verdict: unknown): void {
    const { method, succeeded } = request;
    if (method.method === 'none') {
      return verdict === true ? this.settle(() => core.accept()) : this.refuse(request);
    }
    const prompt = changeWanted(verdict);
    if (prompt !== undefined && method.method === 'password') return this.wantChange(core, request, prompt);
    const judgement = this.factors.judge(succeeded, method.method, verdict);
    if (judgement.outcome === 'refused') {
      if (judgement.fault !== undefined) this.onError(judgement.fault);
      return this.refuse(request);
    }
    if (isQuestion(request)) return this.settle(() => core.pkOk());
    // Looked at only now: who has no right key costs nothing, and is refused at the same time as this.
    if (!core.isProven()) return this.refuse(request);
    this.settle(() => {
      if (judgement.outcome === 'accepted') core.accept();
      else core.reject({ partialSuccess: true, methods: judgement.methods });
    });
  }

  private wantChange(core: ServerProtocol, request: Request, prompt: string): void {
    if (this.callbacks.changePassword !== undefined) return this.settle(() => core.passwdChangeReq(prompt));
    this.onError(misuse('a callback wants the password changed, and there is no callback changePassword'));
    this.refuse(request);
  }

  private settle(answer: () => void): void {
    this.current = undefined;
    answer();
  }

  /**
   * Refuses at a moment that does not depend on how long the verdict took: a user
   * who exists may take longer to refuse than one who does not.
   */
  private refuse(request: Request): void {
    const delay = isQuestion(request) ? this.failureDelay / questionsAtOnce : this.failureDelay;
    const refuseNow = (): void => {
      if (this.current !== request) return;
      this.settle(() => this.onCore((core) => core.reject()));
    };
    if (delay === 0) return refuseNow();
    const { since } = this;
    const delays = Math.max(1, Math.ceil((this.clock.now() - since) / delay));
    this.refusal = this.clock.schedule(since + delays * delay, {
      due: () => {
        this.refusal = undefined;
        refuseNow();
      },
    });
  }

  private async ask(request: Request): Promise<unknown> {
    const { method, username } = request;
    const { none, password, changePassword, publicKey, keyboardInteractive } = this.callbacks;
    // The server names no method but these, and takes none that it does not name.
    const succeeded = [...request.succeeded] as AuthenticationMethod[];
    const context: AuthenticationContext = { succeeded, from: this.from };
    switch (method.method) {
      case 'none':
        return none?.(username, context);
      case 'password': {
        const { password: given, newPassword } = method;
        if (newPassword === undefined) return password?.(username, given, context);
        return changePassword?.(username, { oldPassword: given, newPassword }, context);
      }
      case 'publickey':
        return publicKey?.(username, offeredKey(method.publicKey, this.limits), context);
      case 'keyboard-interactive':
        return keyboardInteractive?.(username, (challenge) => this.converse(request, challenge), context);
      default:
        return method satisfies never;
    }
  }

  private converse(
    request: Request,
    { name, instruction, prompts = [] }: Parameters<Ask>[0],
  ): Promise<readonly string[]> {
    const answers = new Promise<readonly string[]>((answered, abandoned) => {
      if (this.current !== request) return abandoned(misuse('the client has given this dialogue up'));
      if (this.dialogue !== undefined) return abandoned(misuse('the last questions are not answered yet'));
      if (!isChallenge({ name, instruction, prompts })) {
        return abandoned(
          misuse('questions are { name, instruction, prompts: [{ prompt, echo }] }, all of it text'),
        );
      }
      this.dialogue = { username: request.username, answered, abandoned };
      this.onCore((core) => core.infoRequest({ name, instruction, prompts }));
    });
    // A client that is gone must not end the process of a callback that does something else meanwhile.
    answers.catch(() => {});
    return answers;
  }
}

/** What a callback asks, which may be anything in a program without types. */
function isChallenge({ name = '', instruction = '', prompts = [] }: Parameters<Ask>[0]): boolean {
  if (typeof name !== 'string' || typeof instruction !== 'string' || !Array.isArray(prompts)) return false;
  return prompts.every((each) => typeof each?.prompt === 'string');
}

/** Whether it proves nothing, whatever the verdict. */
function isQuestion({ method }: Request): boolean {
  return method.method === 'none' || (method.method === 'publickey' && !method.signed);
}

/** The text that asks for another password; undefined where the verdict asks for none. */
function changeWanted(verdict: unknown): string | undefined {
  if (typeof verdict !== 'object' || verdict === null || !('changePassword' in verdict)) return undefined;
  return typeof verdict.changePassword === 'string' ? verdict.changePassword : undefined;
}

/** The error of a callback that asks out of turn, or asks nonsense. */
function misuse(what: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', what, { phase: 'authentication', origin: 'user' });
}

function offeredKey(blob: Uint8Array, limits: Limits): OfferedKey {
  const key = decodePublicKey(blob, limits);
  return { blob, key, type: key.type, fingerprint: fingerprint(blob) };
}
