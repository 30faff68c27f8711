/**
 * The client's side of the authentication protocol, as a synchronous machine.
 *
 * Owns: RFC 4252 §5.1 (failure, partial success, success), §5.4 (banner), the
 * count of rounds, the order of questions to the driver.
 * Must not know: what a method sends (one file each beside this one), which
 * method to try next, clocks, sockets.
 */
import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { messageName, messageNumbers } from '../message/numbers.ts';
import {
  userauthBanner,
  userauthFailure,
  userauthNoneRequest,
  userauthSuccess,
} from '../message/userauth.ts';
import type { WireReader } from '../wire/reader.ts';
import { receiveInfoRequest, sendKeyboardInteractive, sendResponses } from './keyboardInteractive.ts';
import { receivePasswdChangeReq, sendPassword, sendPasswordChange } from './password.ts';
import { queryKey, receivePkOk, sendSignature, wantSignature } from './publickey.ts';
import {
  type ClientState,
  misuse,
  type OfferedKey,
  protocolError,
  type RequestHead,
  type Step,
  stateRules,
  type UserauthAttempt,
  type UserauthQuestion,
  type UserauthSink,
} from './step.ts';

export type { UserauthAttempt, UserauthQuestion, UserauthSink } from './step.ts';

export interface UserauthClientOptions {
  readonly username: string;
  /** H of the first key exchange: signatures are bound to it. */
  readonly sessionId: Uint8Array;
  readonly limits: Limits;
  readonly sink: UserauthSink;
  /**
   * The host key of the first key exchange where the server takes
   * publickey-hostbound-v00@openssh.com (OpenSSH PROTOCOL §3.1), else undefined.
   */
  readonly boundHostKey?: (() => Uint8Array | undefined) | undefined;
}

/**
 * Authenticates one user. The driver takes questions with `nextEvent` and
 * answers each with one call; the machine sends requests and judges what the
 * server says to them.
 *
 * @throws SshError `ERR_SSH_AUTHENTICATION_PROTOCOL`, `ERR_SSH_DECODE` or
 * `ERR_SSH_LIMIT` from `receive`: authentication is over then, and every later
 * `receive` throws the same. `ERR_SSH_OPTIONS` from an answer to a question that
 * was not asked; that leaves the state as it was.
 */
export class UserauthClient {
  private readonly options: UserauthClientOptions;
  private readonly head: RequestHead;
  private readonly events: UserauthQuestion[] = [];
  private current: ClientState = { name: 'initial' };
  private methodsThatCanContinue: readonly string[] = [];
  private rounds = 0;
  private bannerBytes = 0;
  private fault: unknown;

  constructor(options: UserauthClientOptions) {
    this.options = options;
    this.head = { userName: options.username, serviceName: 'ssh-connection' };
  }

  /** Such as `methodWanted`, `passwordSent`, `done`; for reports. */
  get state(): string {
    return this.current.name;
  }

  /** The server sent SUCCESS. */
  get done(): boolean {
    return this.current.name === 'done';
  }

  /** The next thing to tell or ask the driver. */
  nextEvent(): UserauthQuestion | undefined {
    return this.events.shift();
  }

  /** The server accepted the service `ssh-userauth`: asks for the first method. */
  start(): void {
    if (this.current.name !== 'initial') throw misuse('authentication has been started already');
    this.wantMethod(undefined, false);
  }

  /**
   * Answers `methodWanted`.
   *
   * @throws SshError `ERR_SSH_LIMIT` when no round is left, `ERR_SSH_OPTIONS` for a secret over cipher `none`
   */
  attempt(attempt: UserauthAttempt): void {
    this.expect('methodWanted');
    const step = this.firstStep(attempt);
    if (step.send !== undefined) this.spendRound();
    this.take(step);
  }

  /** Answers `signatureWanted` with a whole signature blob: algorithm name and the algorithm's own part. */
  sign(signature: Uint8Array): void {
    const { key } = this.expect('signatureWanted');
    const step = sendSignature(this.head, key, signature);
    this.spendRound();
    this.take(step);
  }

  /** Answers `signatureWanted` where no signature can be had: another method is wanted. */
  signatureFailed(): void {
    this.expect('signatureWanted');
    this.giveUp();
  }

  /** Answers `passwordChangeWanted`. */
  changePassword(oldPassword: string, newPassword: string): void {
    this.expect('passwordChangeWanted');
    this.spendRound();
    this.take(sendPasswordChange(this.head, oldPassword, newPassword));
  }

  /** Answers `passwordChangeWanted` where the password is to stay: another method is wanted. */
  refusePasswordChange(): void {
    this.expect('passwordChangeWanted');
    this.giveUp();
  }

  /** Answers `promptsWanted`, with one response for each prompt. */
  answerPrompts(responses: readonly string[]): void {
    const { count } = this.expect('promptsWanted');
    this.take(sendResponses(count, responses));
  }

  /**
   * Answers `promptsWanted` where nobody will answer: another method is wanted.
   * The next request makes the server abandon this one (RFC 4252 §5).
   */
  refusePrompts(): void {
    this.expect('promptsWanted');
    this.giveUp();
  }

  /** A message with a number from 50 to 79; `reader` stands behind the number. */
  receive(number: number, reader: WireReader): void {
    if (this.current.name === 'failed') throw this.fault;
    try {
      this.dispatch(number, reader);
    } catch (error) {
      this.fault = error;
      this.current = { name: 'failed' };
      this.events.length = 0;
      throw error;
    }
  }

  private dispatch(number: number, reader: WireReader): void {
    const { name } = this.current;
    if (!stateRules[name].legal.includes(number)) {
      throw protocolError(`${messageName(number)} is not legal now (${name})`);
    }
    switch (number) {
      case messageNumbers.userauthBanner:
        return this.receiveBanner(reader);
      case messageNumbers.userauthFailure:
        return this.receiveFailure(reader);
      case messageNumbers.userauthSuccess:
        return this.receiveSuccess(reader);
      default:
        this.options.sink.answered();
        return this.take(this.methodStep(reader));
    }
  }

  /** What is beyond the bound is cut off, and said to be; what comes after that is dropped. */
  private receiveBanner(reader: WireReader): void {
    const { bannerBytes: most } = this.options.limits;
    const left = most - this.bannerBytes;
    this.bannerBytes += reader.remaining;
    const { message, languageTag } = userauthBanner.decode(reader);
    if (left < 0) return;
    const isCut = this.bannerBytes > most;
    const shown = isCut ? firstBytes(message, left) : message;
    this.events.push({ type: 'banner', message: shown, languageTag: isCut ? '' : languageTag, isCut });
  }

  private receiveFailure(reader: WireReader): void {
    const { authenticationsThatCanContinue, partialSuccess } = userauthFailure.decode(reader);
    this.options.sink.answered();
    this.methodsThatCanContinue = authenticationsThatCanContinue;
    this.wantMethod(partialSuccess ? undefined : this.method, partialSuccess);
  }

  private receiveSuccess(reader: WireReader): void {
    userauthSuccess.decode(reader);
    this.options.sink.answered();
    const { method } = this;
    this.current = { name: 'done' };
    this.events.push({ type: 'authenticated', method });
  }

  /** Message 60, by the method under way (RFC 4252 §6). */
  private methodStep(reader: WireReader): Step {
    const { current } = this;
    switch (current.name) {
      case 'publickeyQuerySent':
        return receivePkOk(this.head, this.options.sessionId, current.key, reader);
      case 'passwordSent':
      case 'passwordChangeSent':
        return receivePasswdChangeReq(reader);
      case 'keyboardInteractiveSent':
        this.spendRound();
        return receiveInfoRequest(reader);
      default:
        throw protocolError(`no method in state ${current.name} has messages of its own`);
    }
  }

  private firstStep(attempt: UserauthAttempt): Step {
    const { head } = this;
    switch (attempt.method) {
      case 'none':
        return {
          state: { name: 'noneSent' },
          send: (sink) => sink.send(userauthNoneRequest, { ...head, methodName: 'none' }),
        };
      case 'publickey':
        return this.publickeyStep(attempt);
      case 'password':
        return sendPassword(head, attempt.password);
      case 'keyboard-interactive':
        return sendKeyboardInteractive(head, attempt.submethods);
      default:
        return attempt satisfies never;
    }
  }

  private publickeyStep(attempt: UserauthAttempt & { method: 'publickey' }): Step {
    const { algorithm, publicKey, probe } = attempt;
    const key: OfferedKey = { algorithm, publicKey, serverHostKey: this.options.boundHostKey?.() };
    return probe ? queryKey(this.head, key) : wantSignature(this.head, this.options.sessionId, key);
  }

  private take(step: Step): void {
    this.current = step.state;
    if (step.question !== undefined) this.events.push(step.question);
    if (step.send === undefined) return;
    step.send(this.options.sink);
    this.options.sink.requestSent(this.method);
  }

  private wantMethod(failed: string | undefined, partialSuccess: boolean): void {
    const { methodsThatCanContinue } = this;
    this.current = { name: 'methodWanted' };
    this.events.push({ type: 'methodWanted', methodsThatCanContinue, partialSuccess, failed });
  }

  private giveUp(): void {
    this.wantMethod(this.method, false);
  }

  private get method(): string {
    return stateRules[this.current.name].method ?? 'none';
  }

  private expect<Name extends ClientState['name']>(name: Name): ClientState & { readonly name: Name } {
    const { current } = this;
    if (current.name !== name) {
      throw misuse(`this answers ${name}, which is not asked now (${current.name})`);
    }
    return current as ClientState & { readonly name: Name };
  }

  /** Requests count as rounds and so does each INFO_REQUEST, or a server could ask for ever; answers to one do not. */
  private spendRound(): void {
    const { authenticationRounds } = this.options.limits;
    if (this.rounds >= authenticationRounds) {
      throw new SshError(
        'ERR_SSH_LIMIT',
        `authentication did not end within ${authenticationRounds} rounds; offer fewer keys`,
        { phase: 'authentication', hint: 'or raise limits.authenticationRounds' },
      );
    }
    this.rounds++;
  }
}

/** The beginning of a text, no character of it in parts. */
function firstBytes(text: string, most: number): string {
  return utf8Decode(utf8Encode(text).subarray(0, most)).replace(/\ufffd$/, '');
}
