/**
 * The server's side of the authentication protocol, as a synchronous machine.
 *
 * Owns: RFC 4252 §4 (bounded attempts), §5 (a change of user flushes what was
 * gained), §5.1 (requests in order; after a partial success only what it named),
 * §5.3 (silence after SUCCESS), §5.4 (banner), §7 (a key counts once its signature
 * holds, and once only); RFC 4256 §3.4 (as many answers as prompts).
 * Must not know: users, passwords, authorized keys, clocks, sockets.
 */
import { latin1Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { MessageCodec } from '../message/codec.ts';
import { messageName, messageNumbers } from '../message/numbers.ts';
import {
  userauthBanner,
  userauthFailure,
  userauthInfoRequest,
  userauthInfoResponse,
  userauthPasswdChangeReq,
  userauthPkOk,
  userauthSuccess,
} from '../message/userauth.ts';
import type { WireReader } from '../wire/reader.ts';
import type {
  Applicant,
  KeyFilter,
  Pending,
  ServerState,
  SignatureVerifier,
  SignedRequest,
  UserauthInfo,
  UserauthRejection,
  UserauthServerEvent,
  UserauthServerMethod,
  UserauthServerSink,
} from './serverEvents.ts';
import { type RequestHead, readDecision, readHead } from './serverRequest.ts';
import { misuse, protocolError } from './step.ts';

export type {
  KeyFilter,
  SignatureVerifier,
  UserauthInfo,
  UserauthRejection,
  UserauthServerEvent,
  UserauthServerMethod,
  UserauthServerSink,
} from './serverEvents.ts';

export interface UserauthServerOptions {
  /** H of the first key exchange. */
  readonly sessionId: Uint8Array;
  /** Methods named in FAILURE until `reject` says otherwise. */
  readonly methods: readonly string[];
  /** Whether methods that FAILURE does not name are refused unasked from the start. Once `reject` names some, they always are. */
  readonly onlyNamed?: boolean | undefined;
  readonly limits: Limits;
  /** Asked before the application is, of each key. */
  readonly takesKey: KeyFilter;
  /** Asked once the application has said that a key is the user's. */
  readonly verify: SignatureVerifier;
  readonly sink: UserauthServerSink;
}

/** Requests a client may send ahead of our answers (RFC 4252 §5.1 lets it, and sets no bound), and bytes of all of them. */
const requestsAhead = 8;
const bytesAhead = 64 * 1024;

/**
 * Authenticates the peer. The application takes requests with `nextEvent` and
 * answers each with one call, at once or later.
 *
 * @throws SshError `ERR_SSH_AUTHENTICATION_PROTOCOL`, `ERR_SSH_DECODE` or
 * `ERR_SSH_LIMIT` from `receive` and from answers: authentication is over then.
 * `ERR_SSH_OPTIONS` from an answer that does not fit the request; that leaves the state as it was.
 */
export class UserauthServer {
  private readonly options: UserauthServerOptions;
  private readonly events: UserauthServerEvent[] = [];
  private readonly ahead: Uint8Array[] = [];
  private current: ServerState = { name: 'requestWanted' };
  private applicant: Applicant | undefined;
  /** Named in FAILURE: those of the options from a user's first request on. */
  private methods: readonly string[] = [];
  /** No other method than these is asked about. */
  private onlyNamed = false;
  private succeeded: readonly string[] = [];
  /** Keys that counted as a factor: a second signature by one of them proves nothing more. */
  private readonly usedKeys = new Set<string>();
  /** The signature that was looked at last: it is verified once. */
  private looked: { readonly at: SignedRequest; readonly holds: boolean } | undefined;
  private rounds = 0;
  /** Credentials that were refused. */
  private failures = 0;
  private fault: unknown;

  constructor(options: UserauthServerOptions) {
    this.options = options;
  }

  get state(): string {
    return this.current.name;
  }

  /** SUCCESS was sent. */
  get done(): boolean {
    return this.current.name === 'done';
  }

  nextEvent(): UserauthServerEvent | undefined {
    return this.events.shift();
  }

  /** A message with a number from 50 to 79; `reader` stands behind the number. */
  receive(number: number, reader: WireReader): void {
    if (this.current.name === 'done') return;
    this.orFail(() => this.dispatch(number, reader));
  }

  /** Whether the request proves what it claims, if its credential is the user's: false for a signature that does not hold. */
  isProven(): boolean {
    return this.proves(this.undecided().pending);
  }

  /** The user is let in, unless the signature does not hold. Not for a key that was only asked about. */
  accept(): void {
    const { applicant, pending } = this.undecided();
    if (pending.kind === 'publickeyQuery') throw misuse('a key without a signature proves nothing: use pkOk');
    if (!this.proves(pending)) return this.reject();
    this.send(userauthSuccess, {});
    this.current = { name: 'done' };
    this.ahead.length = 0;
    this.usedKeys.clear();
    this.looked = undefined;
    this.events.push({ type: 'authenticated', ...applicant, method: pending.kind });
  }

  /** The user is not let in, or not yet. A signature that does not hold is no partial success. */
  reject(rejection: UserauthRejection = {}): void {
    const { pending } = this.undecided();
    if (rejection.partialSuccess === true && pending.kind === 'publickeyQuery') {
      throw misuse('a key without a signature proves nothing: use pkOk');
    }
    const partialSuccess = rejection.partialSuccess === true && this.proves(pending);
    if (rejection.methods !== undefined && (partialSuccess || rejection.partialSuccess !== true)) {
      this.methods = rejection.methods;
      this.onlyNamed = true;
    }
    if (partialSuccess) {
      this.succeeded = [...this.succeeded, pending.kind];
      if (pending.kind === 'publickey') this.usedKeys.add(latin1Decode(pending.publicKey));
    } else if (isCredential(pending)) {
      this.failures++;
    }
    this.answer(() => this.sendFailure(partialSuccess));
  }

  /** The key that was asked about would do. */
  pkOk(): void {
    const { pending } = this.undecided();
    if (pending.kind !== 'publickeyQuery') throw misuse('pkOk answers a publickey query');
    const { algorithm, publicKey } = pending;
    this.answer(() => this.sendRound(userauthPkOk, { publicKeyAlgorithm: algorithm, publicKey }));
  }

  /** Asks the user; the answers come as another request. No prompts at all are allowed. */
  infoRequest(info: UserauthInfo): void {
    const { applicant, pending } = this.undecided();
    if (pending.kind !== 'keyboard-interactive') throw misuse('infoRequest answers keyboard-interactive');
    const { name = '', instruction = '', prompts } = info;
    const { submethods } = pending;
    this.answer(() => {
      this.sendRound(userauthInfoRequest, { name, instruction, languageTag: '', prompts });
      this.current = { name: 'responsesWanted', applicant, count: prompts.length, submethods };
    });
  }

  /** The password has to be changed before it lets anyone in. */
  passwdChangeReq(prompt: string): void {
    const { pending } = this.undecided();
    if (pending.kind !== 'password') throw misuse('passwdChangeReq answers a password');
    this.answer(() => this.sendRound(userauthPasswdChangeReq, { prompt, languageTag: '' }));
  }

  /** Shows the user a text; possible until SUCCESS. */
  banner(message: string): void {
    if (this.current.name === 'done') throw misuse('no banner after SSH_MSG_USERAUTH_SUCCESS');
    this.send(userauthBanner, { message, languageTag: '' });
  }

  private dispatch(number: number, reader: WireReader): void {
    if (number === messageNumbers.userauthRequest) {
      this.hold(reader.copyBytes(reader.remaining));
      return this.serve();
    }
    const { current } = this;
    if (number !== messageNumbers.userauthInfoResponse || current.name !== 'responsesWanted') {
      throw protocolError(`${messageName(number)} is not legal now (${current.name})`);
    }
    const { responses } = userauthInfoResponse.decode(reader);
    const { applicant, submethods, count } = current;
    if (responses.length !== count) {
      this.current = { name: 'requestWanted' };
      this.failures++;
      return this.sendFailure(false);
    }
    this.ask(
      applicant,
      { kind: 'keyboard-interactive', submethods },
      { method: 'keyboard-interactive', submethods, responses },
    );
  }

  private hold(payload: Uint8Array): void {
    let length = payload.length;
    for (const { length: other } of this.ahead) length += other;
    // The first one is not ahead of anything.
    const isAhead = this.current.name === 'undecided';
    if (this.ahead.length >= requestsAhead || (isAhead && length > bytesAhead)) {
      throw limitError(
        `more than ${requestsAhead} authentication requests sent ahead, or ${bytesAhead} bytes of them`,
      );
    }
    this.ahead.push(payload);
  }

  /** Takes requests in their order, each after the one before it was answered (RFC 4252 §5.1). */
  private serve(): void {
    while (this.current.name === 'requestWanted' || this.current.name === 'responsesWanted') {
      const payload = this.ahead.shift();
      if (payload === undefined) return;
      const { authenticationAttempts } = this.options.limits;
      if (this.failures >= authenticationAttempts) {
        throw limitError(
          `no login after ${this.failures} attempts; limits.authenticationAttempts sets how many a client has`,
        );
      }
      // A new request abandons a dialogue that has begun, without a word (RFC 4252 §5).
      this.current = { name: 'requestWanted' };
      const head = readHead(payload);
      this.meet(head.applicant);
      const decision = this.takes(head.methodName) ? readDecision(head, payload, this.options) : undefined;
      if (decision === undefined || this.isUsed(decision.pending)) this.refuse(head);
      else this.ask(head.applicant, decision.pending, decision.method);
    }
  }

  /** A signature that nobody was asked about still counts as an attempt. */
  private refuse({ methodName, flag }: RequestHead): void {
    if (methodName !== 'none' && (methodName !== 'publickey' || flag)) this.failures++;
    this.sendFailure(false);
  }

  private isUsed(pending: Pending): boolean {
    return 'publicKey' in pending && this.usedKeys.has(latin1Decode(pending.publicKey));
  }

  /** Fails closed: a verifier that throws over a malformed key or signature has not verified it. */
  private proves(pending: Pending): boolean {
    if (pending.kind !== 'publickey') return pending.kind !== 'publickeyQuery';
    if (this.looked?.at === pending) return this.looked.holds;
    const { algorithm, publicKey, data, signature } = pending;
    let holds = false;
    try {
      holds = this.options.verify(algorithm, publicKey, data, signature) === true;
    } catch {}
    this.looked = { at: pending, holds };
    return holds;
  }

  /** `none` is asked about though it is never named (RFC 4252 §5.2), but not in place of a second factor. */
  private takes(methodName: string): boolean {
    if (methodName === 'none') return this.succeeded.length === 0;
    return !this.onlyNamed || this.methods.includes(methodName);
  }

  /** What one user or service gained is nothing to another (RFC 4252 §5). */
  private meet(applicant: Applicant): void {
    const before = this.applicant;
    this.applicant = applicant;
    if (before?.username === applicant.username && before.service === applicant.service) return;
    this.succeeded = [];
    this.usedKeys.clear();
    this.methods = this.options.methods;
    this.onlyNamed = this.options.onlyNamed === true;
  }

  private ask(applicant: Applicant, pending: Pending, method: UserauthServerMethod): void {
    this.current = { name: 'undecided', applicant, pending };
    this.events.push({ type: 'request', ...applicant, method, succeeded: this.succeeded });
  }

  private undecided(): ServerState & { readonly name: 'undecided' } {
    if (this.current.name !== 'undecided') throw misuse('there is no authentication request to answer');
    return this.current;
  }

  private answer(send: () => void): void {
    this.orFail(() => {
      this.current = { name: 'requestWanted' };
      send();
      this.serve();
    });
  }

  private sendFailure(partialSuccess: boolean): void {
    this.sendRound(userauthFailure, { authenticationsThatCanContinue: this.methods, partialSuccess });
  }

  /** Any answer but SUCCESS: their number is bounded, so that neither guessing nor asking goes on for ever. */
  private sendRound<T>(message: MessageCodec<T>, value: T): void {
    if (this.rounds >= this.options.limits.authenticationRounds) {
      throw limitError(`no authentication after ${this.rounds} rounds`);
    }
    this.rounds++;
    this.send(message, value);
  }

  private send<T>(message: MessageCodec<T>, value: T): void {
    this.options.sink.send(message, value);
  }

  private orFail(step: () => void): void {
    if (this.current.name === 'failed') throw this.fault;
    try {
      step();
    } catch (error) {
      this.fault = error;
      this.current = { name: 'failed' };
      this.events.length = 0;
      this.ahead.length = 0;
      throw error;
    }
  }
}

/** Whether its refusal is a failed attempt: a question proves nothing, and guesses nothing. */
function isCredential({ kind }: Pending): boolean {
  return kind !== 'none' && kind !== 'publickeyQuery';
}

function limitError(what: string): SshError {
  return new SshError('ERR_SSH_LIMIT', what, { phase: 'authentication' });
}
