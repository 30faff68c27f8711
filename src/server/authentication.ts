/**
 * The application's verdicts on authentication requests.
 *
 * Owns: which callback a request goes to and what its answer means. Whatever
 * throws, or is no verdict, refuses.
 * Must not know: messages, connections.
 */
import { SshError } from '../base/errors.ts';
import { decodePublicKey } from '../crypto/publicKey.ts';
import { askUser } from '../endpoint/userCode.ts';
import { fingerprint } from '../keys/fingerprint.ts';
import type { ServerProtocol } from '../protocol/server.ts';
import type { UserauthServerEvent } from '../userauth/server.ts';
import type { Authentication, AuthenticationVerdict, OfferedKey } from './options.ts';

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

export class ServerAuthenticator {
  private readonly callbacks: Authentication;
  private readonly onCore: OnCore;
  private readonly onError: (error: unknown) => void;
  private dialogue: Dialogue | undefined;
  /** The request that is being decided on: a verdict on an earlier one, which its client gave up, is nobody's. */
  private current: Request | undefined;

  constructor(callbacks: Authentication, onCore: OnCore, onError: (error: unknown) => void) {
    this.callbacks = callbacks;
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
    const { method } = request;
    let verdict: unknown = false;
    try {
      verdict = await askUser(request.method.method, () => this.ask(request));
    } catch (error) {
      this.onError(error);
    }
    if (this.current !== request) return;
    this.current = undefined;
    this.onCore((core) => {
      if (method.method === 'publickey' && !method.verified) {
        if (verdict === true || verdict === 'partial') core.pkOk();
        else core.reject();
      } else if (verdict === true) core.accept();
      else core.reject({ partialSuccess: verdict === 'partial', methods: this.remaining(request, verdict) });
    });
  }

  /** After a partial success the method that succeeded is not asked for again. */
  private remaining(request: Request, verdict: unknown): readonly string[] | undefined {
    if (verdict !== 'partial') return undefined;
    const done = new Set([...request.succeeded, request.method.method]);
    return this.offered().filter((method) => !done.has(method));
  }

  private offered(): string[] {
    const { password, publicKey, keyboardInteractive } = this.callbacks;
    return [
      ...(publicKey === undefined ? [] : ['publickey']),
      ...(password === undefined ? [] : ['password']),
      ...(keyboardInteractive === undefined ? [] : ['keyboard-interactive']),
    ];
  }

  private async ask(request: Request): Promise<AuthenticationVerdict> {
    const { method, username } = request;
    const { none, password, publicKey, keyboardInteractive } = this.callbacks;
    switch (method.method) {
      case 'none':
        return (await none?.(username)) ?? false;
      case 'password':
        return (await password?.(username, method.password)) ?? false;
      case 'publickey':
        return (await publicKey?.(username, offeredKey(method.publicKey))) ?? false;
      case 'keyboard-interactive':
        return (
          (await keyboardInteractive?.(username, (challenge) => this.converse(request, challenge))) ?? false
        );
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

/** The error of a callback that asks out of turn, or asks nonsense. */
function misuse(what: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', what, { phase: 'authentication', origin: 'user' });
}

function offeredKey(blob: Uint8Array): OfferedKey {
  const key = decodePublicKey(blob);
  return { blob, key, type: key.type, fingerprint: fingerprint(blob) };
}
