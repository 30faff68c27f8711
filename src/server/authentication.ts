/**
 * The application's verdicts on authentication requests.
 *
 * Owns: which callback a request goes to and what its answer means. Whatever
 * throws, or is no verdict, refuses.
 * Must not know: messages, connections, which factors are enough (`factors.ts`).
 */
import { latin1Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { decodePublicKey } from '../crypto/publicKey.ts';
import { askUser } from '../endpoint/userCode.ts';
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
  readonly onCore: OnCore;
  readonly onError: (error: unknown) => void;
}

export class ServerAuthenticator {
  private readonly callbacks: Authentication;
  private readonly factors: Factors;
  private readonly from: string;
  private readonly onCore: OnCore;
  private readonly onError: (error: unknown) => void;
  private dialogue: Dialogue | undefined;
  /** The request that is being decided on: a verdict on an earlier one, which its client gave up, is nobody's. */
  private current: Request | undefined;
  /** Keys that counted as a factor: a second signature by one of them proves nothing more. */
  private readonly usedKeys = new Set<string>();

  constructor({ callbacks, factors, from, onCore, onError }: ServerAuthenticatorParts) {
    this.callbacks = callbacks;
    this.factors = factors;
    this.from = from;
    this.onCore = onCore;
    this.onError = onError;
  }

  handle(request: Request): void {
    const { method, username, service } = request;
    if (service !== 'ssh-connection') return this.onCore((core) => core.reject());
    if (method.method === 'keyboard-interactive' && method.responses !== undefined) {
      const { dialogue } = this;
      this.dialogue = undefined;
      if (dialogue?.username === username) return dialogue.answered(method.responses);
      this.current = undefined;
      return this.onCore((core) => core.reject());
    }
    this.abandonDialogue(new SshError('ERR_SSH_AUTHENTICATION_PROTOCOL', 'the client gave the dialogue up'));
    this.current = request;
    void this.decide(request);
  }

  /** Nobody will answer any more. */
  abandonDialogue(error: SshError): void {
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
    this.current = undefined;
    this.onCore((core) => this.answer(core, request, verdict));
  }

  private answer(core: ServerProtocol, request: Request, verdict: unknown): void {
    const { method, succeeded } = request;
    if (method.method === 'none') return verdict === true ? core.accept() : core.reject();
    const prompt = changeWanted(verdict);
    if (prompt !== undefined && method.method === 'password') return this.wantChange(core, prompt);
    const judgement = this.factors.judge(succeeded, method.method, verdict);
    const { outcome } = judgement;
    if (outcome === 'refused') {
      if (judgement.fault !== undefined) this.onError(judgement.fault);
      core.reject();
    } else if (method.method === 'publickey' && !method.verified) {
      core.pkOk();
    } else if (outcome === 'accepted') {
      core.accept();
    } else {
      if (method.method === 'publickey') this.usedKeys.add(latin1Decode(method.publicKey));
      core.reject({ partialSuccess: true, methods: judgement.methods });
    }
  }

  private wantChange(core: ServerProtocol, prompt: string): void {
    if (this.callbacks.changePassword !== undefined) return core.passwdChangeReq(prompt);
    this.onError(misuse('a callback wants the password changed, and there is no callback changePassword'));
    core.reject();
  }

  private async ask(request: Request): Promise<unknown> {
    const { method, username } = request;
    const { none, password, changePassword, publicKey, keyboardInteractive } = this.callbacks;
    // The server names no method but these, and takes none that it does not name.
    const succeeded = [...request.succeeded] as AuthenticationMethod[];
    if (succeeded.length === 0) this.usedKeys.clear();
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
        if (this.usedKeys.has(latin1Decode(method.publicKey))) return false;
        return publicKey?.(username, offeredKey(method.publicKey), context);
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

/** The text that asks for another password; undefined where the verdict asks for none. */
function changeWanted(verdict: unknown): string | undefined {
  if (typeof verdict !== 'object' || verdict === null || !('changePassword' in verdict)) return undefined;
  return typeof verdict.changePassword === 'string' ? verdict.changePassword : undefined;
}

/** The error of a callback that asks out of turn, or asks nonsense. */
function misuse(what: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', what, { phase: 'authentication', origin: 'user' });
}

function offeredKey(blob: Uint8Array): OfferedKey {
  const key = decodePublicKey(blob);
  return { blob, key, type: key.type, fingerprint: fingerprint(blob) };
}
