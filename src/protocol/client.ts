/**
 * The client role: the shared core and the client side of authentication.
 *
 * Owns: RFC 4253 §10 (asking for ssh-userauth), when a client is ready, the
 * waits on the caller's own answers.
 * Must not know: where credentials come from, sockets, promises.
 */

import { SshError } from '../base/errors.ts';
import { anyObject, anyText, checkArgument, objectWith } from '../base/optionChecks.ts';
import type { Wait } from '../base/waits.ts';
import type { MessageCodec } from '../message/codec.ts';
import type { TransportEvent } from '../transport/events.ts';
import type { HostKeys } from '../transport/kex/keyExchangeOptions.ts';
import { type UserauthAttempt, UserauthClient, type UserauthQuestion } from '../userauth/client.ts';
import { WireReader } from '../wire/reader.ts';
import { type CoreEvent, ProtocolCore } from './core.ts';
import { type CoreOptions, type CoreSettings, type SharedOptions, settingsOf } from './options.ts';

export interface ClientProtocolOptions extends CoreOptions {
  /** Who logs in. */
  readonly username: string;
  /** `clientSettings` of these options, made once by who makes many connections with them. */
  readonly settings?: CoreSettings | undefined;
}

/** Authentication is over and the connection protocol may be used. */
export interface ReadyEvent {
  /** The user is in, and channels may be opened. */
  readonly type: 'ready';
}

/** Events of the client role. */
export type ClientEvent = CoreEvent | UserauthQuestion | ReadyEvent;

const noHostKeys: HostKeys = new Map();
/** Announced to a server that asks for them. */
const extensions: Readonly<Record<string, string>> = { 'ping@openssh.com': '0' };

const sharedRule = objectWith('an object with provider, preferences, limits and timeouts', {
  provider: anyObject,
  preferences: anyObject,
  limits: anyObject,
  timeouts: anyObject,
});
const optionsRule = objectWith('an object as ClientProtocolOptions says', {
  username: anyText,
  waits: anyObject,
});

/** What clients with the same options can share; it holds nothing of a connection. */
export function clientSettings(options: SharedOptions): CoreSettings {
  checkArgument('the options of clientSettings', options, sharedRule);
  return settingsOf('client', options, { hostKeys: noHostKeys, extensions });
}

/**
 * An SSH client as a synchronous object: bytes in, bytes out, events.
 *
 * @example
 * ```ts
 * import { ClientProtocol } from 'deadline-ssh/protocol';
 * function exchange(client: ClientProtocol, chunk: Uint8Array, now: number): Uint8Array | undefined {
 *   client.receive(chunk, now);
 *   for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent()) {
 *     if (event.type === 'hostKey') client.acceptHostKey();
 *   }
 *   return client.takeOutput();
 * }
 * ```
 */
export class ClientProtocol extends ProtocolCore<UserauthQuestion | ReadyEvent> {
  private readonly username: string;
  private userauth: UserauthClient | undefined;
  private serviceRequested = false;
  private authenticationWait: Wait | undefined;
  private userWait: Wait | undefined;

  constructor(options: ClientProtocolOptions) {
    checkArgument('the options of ClientProtocol', options, optionsRule);
    super(options.settings ?? clientSettings(options), options);
    this.username = options.username;
  }

  /** The host key of the `hostKey` event is the right one. To refuse it, call `fail` with the reason. */
  acceptHostKey(): void {
    this.answered(() => this.transport.keyExchange.acceptHostKey());
    this.resumeKeyExchange();
  }

  /** Answers `methodWanted`. */
  attempt(attempt: UserauthAttempt): void {
    this.answered(() => this.userauth?.attempt(attempt));
  }

  /** Answers `signatureWanted` with a whole signature blob. */
  sign(signature: Uint8Array): void {
    this.answered(() => this.userauth?.sign(signature));
  }

  /** Answers `signatureWanted` where no signature can be had: another method is wanted then. */
  signatureFailed(): void {
    this.answered(() => this.userauth?.signatureFailed());
  }

  /** Answers `passwordChangeWanted`. */
  changePassword(oldPassword: string, newPassword: string): void {
    this.answered(() => this.userauth?.changePassword(oldPassword, newPassword));
  }

  /** Answers `passwordChangeWanted` where the password is not to be changed: another method is wanted then. */
  refusePasswordChange(): void {
    this.answered(() => this.userauth?.refusePasswordChange());
  }

  /** Answers `promptsWanted`, one response for each prompt. */
  answerPrompts(responses: readonly string[]): void {
    this.answered(() => this.userauth?.answerPrompts(responses));
  }

  /** Answers `promptsWanted` where nobody will answer: another method is wanted then. */
  refusePrompts(): void {
    this.answered(() => this.userauth?.refusePrompts());
  }

  /** The caller's own code is asked and nobody else is waited for until the answer. */
  userAsked(what: string): void {
    this.waits.finish(this.userWait);
    this.userWait = this.waits.start('user', what, this.transport.now, Number.POSITIVE_INFINITY);
  }

  /** Nobody else is waited for while a private key is unlocked. It is work of this side, so the dial bounds it. */
  keyUnlocking(): void {
    this.waits.finish(this.userWait);
    this.userWait = this.waits.start(
      'unlock',
      'a private key to be unlocked',
      this.transport.now,
      Number.POSITIVE_INFINITY,
    );
  }

  private answered(step: () => void): void {
    this.waits.finish(this.userWait);
    this.userWait = undefined;
    this.guarded(step);
  }

  protected override received(event: TransportEvent): void {
    switch (event.type) {
      case 'hostKey':
        this.suspendKeyExchange();
        return;
      case 'keyExchanged':
        if (!this.serviceRequested) this.requestUserauth();
        return;
      case 'serviceAccepted':
        this.receiveServiceAccept(event.service);
        return;
      case 'unimplemented':
        this.notUnderstood(event.sequenceNumber);
        return;
      default:
    }
  }

  protected override receiveUserauth(number: number, buffer: Uint8Array, start: number, end: number): void {
    const { userauth } = this;
    if (userauth === undefined) return;
    userauth.receive(number, new WireReader(buffer, start + 1, end));
    this.moveUserauthEvents();
  }

  protected override guarded(step: () => void): void {
    super.guarded(() => {
      step();
      this.moveUserauthEvents();
    });
  }

  private notUnderstood(sequenceNumber: number): void {
    const { unimplementedCountsAhead } = this.transport.quirks;
    this.connection.notUnderstood(unimplementedCountsAhead ? (sequenceNumber - 1) >>> 0 : sequenceNumber);
  }

  private requestUserauth(): void {
    const { now } = this.transport;
    this.serviceRequested = true;
    this.transport.requestService('ssh-userauth');
    this.authenticationWait = this.waits.start(
      'authentication',
      'SSH_MSG_SERVICE_ACCEPT',
      now,
      this.settings.timeouts.authentication,
    );
  }

  private receiveServiceAccept(service: string): void {
    if (this.authenticationWait === undefined || this.userauth !== undefined || service !== 'ssh-userauth') {
      throw new SshError('ERR_SSH_UNEXPECTED_MESSAGE', 'a service was accepted that was not asked for');
    }
    this.authenticationAnswered();
    this.startUserauth();
  }

  /** The quickest answer says how long the path is, before any channel does: servers may take long to open one. */
  private authenticationAnswered(): void {
    this.connection.noteRoundTrip(this.authenticationWait);
    this.waits.finish(this.authenticationWait);
  }

  private startUserauth(): void {
    this.transport.gateState = 'authentication';
    this.userauth = new UserauthClient({
      username: this.username,
      sessionId: this.transport.keyExchange.sessionId ?? new Uint8Array(0),
      limits: this.settings.limits,
      boundHostKey: () => {
        const { peerExtensions, keyExchange } = this.transport;
        return peerExtensions.publickeyHostbound ? keyExchange.hostKey : undefined;
      },
      sink: {
        send: <T>(message: MessageCodec<T>, value: T): void => void this.transport.send(message, value),
        requestSent: (method) => {
          this.waits.finish(this.authenticationWait);
          this.authenticationWait = this.waits.start(
            'authentication',
            `the answer to the ${method} request`,
            this.transport.now,
            this.settings.timeouts.authentication,
          );
        },
        answered: () => this.authenticationAnswered(),
      },
    });
    this.userauth.start();
    this.moveUserauthEvents();
  }

  private moveUserauthEvents(): void {
    const { userauth } = this;
    if (userauth === undefined) return;
    for (let event = userauth.nextEvent(); event !== undefined; event = userauth.nextEvent()) {
      if (event.type === 'authenticated') this.transport.authenticated();
      this.queueEvent(event);
      if (event.type === 'authenticated') {
        this.queueEvent({ type: 'ready' });
        this.userauth = undefined;
        this.authenticationWait = undefined;
      }
    }
  }
}
