/**
 * A connection from the inside: turns the core's events into settled promises.
 *
 * Owns: what is pending (opens, requests, pings, rekeys), and that all of it
 * ends with the connection's one cause.
 * Must not know: the public API's options, sockets.
 */
import { SshError, type SshErrorPhase } from '../base/errors.ts';
import type { Wait, WaitName } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { CallScope, type ScopeOptions, type ScopeOwner } from '../endpoint/calls/callScope.ts';
import { Acceptors, type OpenRefusal } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import { ChannelPorts } from '../endpoint/channels/channelPorts.ts';
import type { EventRouter, Hearing } from '../endpoint/channels/eventRouter.ts';
import type { Driver } from '../io/driver.ts';
import type { ConnectionSnapshot, SnapshotOptions } from '../io/snapshots.ts';
import { channelOpenFailureReasons } from '../message/channel.ts';
import { noMoreSessions } from '../message/globalRequest.ts';
import type { ClientEvent, ClientProtocol } from '../protocol/client.ts';
import type { ExitCollector } from './command/remoteProcess.ts';
import { terminate } from './command/termination.ts';
import { SessionChannels } from './sessionChannels.ts';
import { type Deferred, UnderWay } from './underWay.ts';

/** The type of the channels of commands, shells and subsystems (RFC 4254 §6.1). */
const sessionType = 'session';

/** What a server is told whose channel nobody here accepts. */
export const noChannels: OpenRefusal = {
  reasonCode: channelOpenFailureReasons.administrativelyProhibited,
  description: 'this client opens no channels for servers',
};

/** How long a call may take, and what gives it up, as far as its caller says so. */
interface Bounds {
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Session implements ScopeOwner {
  readonly driver: Driver<ClientProtocol>;
  readonly router: EventRouter<ClientEvent>;
  readonly ports: ChannelPorts;
  /** What a server may ask for by itself: nothing, until somebody accepts it. */
  readonly acceptors: Acceptors;
  /** Undefined while there is nothing. */
  private underWay: UnderWay | undefined;
  private closingCause: SshError | undefined;
  /** Undefined before the first. */
  private sessions: SessionChannels | undefined;
  private sessionsOver = false;

  constructor(driver: Driver<ClientProtocol>, router: EventRouter<ClientEvent>) {
    this.driver = driver;
    this.router = router;
    this.ports = new ChannelPorts(router, { door: driver, terminate });
    this.acceptors = new Acceptors(router, driver, this.ports, noChannels);
    router.subscribe(this, hearing);
  }

  // Calls --------------------------------------------------------------------------

  get isLive(): boolean {
    return this.driver.isLive;
  }

  /** Bounds a call by a timeout and a signal. */
  scope(options: ScopeOptions): CallScope {
    this.checkOpen();
    const scope = new CallScope(this, options);
    this.begun.scopes.set(scope, scope);
    return scope;
  }

  /** A call within its bounds; they are over when it is. */
  async scoped<T>(
    name: WaitName,
    detail: string,
    { timeout = Number.POSITIVE_INFINITY, signal }: Bounds,
    call: (scope: CallScope) => Promise<T>,
  ): Promise<T> {
    const scope = this.scope({ name, detail, timeout, signal });
    try {
      return await call(scope);
    } finally {
      scope.end();
    }
  }

  /** Opens a channel; the scope's cancellation gives it up. */
  openChannel(
    type: string,
    channelTypeData: Uint8Array,
    scope: Pick<CallScope, 'onCancel'>,
  ): Promise<ChannelPort> {
    return new Promise((resolve, reject) => {
      if (type === sessionType && this.sessionsOver) throw noMoreError();
      const channel = this.driver.act((core) => core.connection.open(type, channelTypeData));
      const asked = type === sessionType ? this.sessionChannels.asked(channel) : undefined;
      const again = (): void => {
        this.openChannel(type, channelTypeData, scope).then(resolve, reject);
      };
      this.begun.opens.set(channel, { resolve, reject, asked, again });
      scope.onCancel(() => {
        if (this.underWay?.opens.delete(channel) !== true) return;
        this.driver.quietly((core) => core.connection.abandonOpen(channel));
      });
    });
  }

  /** @throws SshError `ERR_SSH_LIMIT` for a request that fits in no packet */
  checkRequest(requestType: string, payload: Uint8Array): void {
    this.core.connection.messages.checkRequest(requestType, payload);
  }

  /**
   * Opens a session channel, at once or when there are fewer than `maxChannels` of them.
   *
   * @throws SshError `ERR_SSH_LIMIT` when too many calls wait, or as `openChannel`
   */
  openSession(scope: CallScope, maxChannels: number = Number.POSITIVE_INFINITY): Promise<ChannelPort> {
    const open = (): Promise<ChannelPort> => this.openChannel(sessionType, new Uint8Array(0), scope);
    // Who says nothing of it waits for nobody.
    if (maxChannels === Number.POSITIVE_INFINITY) return open();
    return new Promise((resolve, reject) => {
      let leave = (): void => {};
      const giveUp = this.sessionChannels.enter(maxChannels, () => {
        leave();
        open().then(resolve, reject);
      });
      if (giveUp === undefined) return;
      const detail = `a session channel to become free (maxChannels is ${maxChannels})`;
      const wait = this.startWait('queue', detail, Number.POSITIVE_INFINITY);
      scope.within = wait;
      leave = () => {
        scope.within = undefined;
        this.finishWait(wait);
      };
      scope.onCancel(() => {
        leave();
        giveUp();
      });
    });
  }

  /**
   * Opens no session any more, and tells the server so (OpenSSH PROTOCOL §2.2): one that
   * knows the request ends the connection by a session that comes after all.
   */
  noMoreSessions(): void {
    this.announce(noMoreSessions, new Uint8Array(0));
    this.sessionsOver = true;
  }

  private get sessionChannels(): SessionChannels {
    this.sessions ??= new SessionChannels();
    return this.sessions;
  }

  /**
   * Sends a channel request and waits for its answer.
   *
   * @throws SshError `ERR_SSH_REQUEST_FAILED` refused, `ERR_SSH_TIMEOUT`, `ERR_SSH_CHANNEL_CLOSED`
   */
  request(port: ChannelPort, requestType: string, payload: Uint8Array): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      const request = port.act((channel) => channel.request(requestType, payload, true));
      if (request !== undefined) this.begun.requests.set(request, { resolve, reject });
    });
    // Several are sent at once: what fails before the last is sent leaves the others with nobody to hear them.
    answered.catch(() => {});
    return answered;
  }

  /**
   * Sends a global request; resolves with the fields of the answer, or undefined where it was refused.
   *
   * @param late told of a success that comes after the deadline
   */
  globalRequest(
    name: string,
    payload: Uint8Array,
    late?: (answer: Uint8Array) => void,
  ): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const request = this.driver.act((core) => core.connection.request(name, payload, true));
      this.begun.globalRequests.set(request, { resolve, reject, late });
    });
  }

  /** Sends a global request that nobody answers. */
  announce(name: string, payload: Uint8Array): void {
    this.driver.act((core) => core.connection.request(name, payload, false));
  }

  /** Exchanges keys; resolves when the new ones are in use. */
  rekey(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.driver.act((core) => core.rekey());
      const deferred = { resolve, reject };
      this.begun.rekeys.set(deferred, deferred);
    });
  }

  /** What a process says about its end goes there. */
  collectExit(port: ChannelPort, exit: ExitCollector): void {
    this.begun.exits.set(port.channel, exit);
  }

  startWait(name: WaitName, detail: string, timeout: number, onExpire?: () => void): Wait {
    const { now } = this.driver;
    return this.driver.act((core) => core.waits.start(name, detail, now, timeout, onExpire));
  }

  finishWait(wait: Wait): void {
    this.driver.core?.waits.finish(wait);
  }

  timeoutError(wait: Wait): SshError {
    return this.driver.act((core) => core.timeoutError(wait));
  }

  snapshot(options?: SnapshotOptions): ConnectionSnapshot {
    return this.driver.snapshot(options);
  }

  get closed(): Promise<SshError> {
    return this.driver.over;
  }

  get phase(): SshErrorPhase {
    return this.driver.phase;
  }

  /** The user has closed or destroyed it. */
  get isGivenUp(): boolean {
    return this.closingCause !== undefined;
  }

  /** Says to which host an error happened. */
  addressed(error: SshError): SshError {
    return this.driver.addressed(error);
  }

  /** Ends the connection by a fault of the user's own code. */
  fail(fault: SshError): void {
    this.driver.fail(fault);
  }

  /**
   * No call may begin any more; what was written is sent, what runs is rejected with
   * this cause, and the connection says goodbye.
   *
   * @returns whether something that was written has not been sent yet
   */
  close(cause: SshError): boolean {
    const hasUnsent = this.isLive && this.driver.unsent > 0;
    if (this.closingCause === undefined) {
      this.closingCause = cause;
      this.sessions?.close();
      this.driver.close(cause);
    }
    return hasUnsent;
  }

  destroy(cause: SshError): void {
    this.closingCause ??= cause;
    this.driver.destroy(cause);
  }

  get core(): ClientProtocol {
    const core = this.driver.core;
    if (core === undefined) throw new SshError('ERR_SSH_INTERNAL', 'not connected', { origin: 'local' });
    return core;
  }

  // What the router tells ----------------------------------------------------------

  ended(cause: SshError): void {
    const { underWay } = this;
    if (underWay !== undefined) {
      const { opens, requests, globalRequests, rekeys, scopes } = underWay;
      const calls = [opens.values(), requests.values(), globalRequests.values(), rekeys.values()].flat();
      for (const { reject } of calls) reject(cause);
      for (const scope of scopes.values()) scope.connectionEnded(cause);
    }
    this.underWay = undefined;
    this.sessions?.close();
  }

  channelOpenFailed(channel: Channel, error: SshError): void {
    const open = this.underWay?.opens.take(channel);
    const isRefused = error.code === 'ERR_SSH_CHANNEL_OPEN_FAILED';
    if (isRefused) this.sessions?.refused(channel);
    if (isRefused && open?.asked !== undefined) this.sessions?.answered(open.asked);
    if (isRefused && open?.asked?.mayRace === true) open.again();
    else open?.reject(error);
    this.sessions?.advance();
  }

  keysExchanged(): void {
    for (const { resolve } of this.takeRekeys()) resolve();
  }

  scopeEnded(scope: CallScope): void {
    this.underWay?.scopes.delete(scope);
    this.forgetIfOver();
  }

  private get begun(): UnderWay {
    this.underWay ??= new UnderWay();
    return this.underWay;
  }

  private forgetIfOver(): void {
    if (this.underWay?.isOver === true) this.underWay = undefined;
  }

  private takeRekeys(): readonly Deferred<void>[] {
    const rekeys = this.underWay?.rekeys.values() ?? [];
    this.underWay?.rekeys.clear();
    this.forgetIfOver();
    return rekeys;
  }

  channelOpened(channel: Channel): void {
    const open = this.underWay?.opens.take(channel);
    const port = this.ports.portFor(channel);
    if (open === undefined) return port.close();
    if (open.asked !== undefined) this.sessions?.answered(open.asked);
    open.resolve(port);
  }

  channelClosed(channel: Channel): void {
    this.underWay?.exits.delete(channel);
    this.forgetIfOver();
    this.sessions?.closed(channel);
    this.sessions?.advance();
  }

  channelRequest(event: ConnectionEvent & { type: 'channelRequest' }): void {
    this.driver.quietly((core) => {
      let taken = false;
      try {
        taken = this.underWay?.exits.get(event.channel)?.receive(event.requestType, event.payload) ?? false;
      } catch (error) {
        core.fail(error);
        return;
      }
      if (event.wantReply) event.channel.reply(taken);
    });
  }

  requestAnswered(event: ConnectionEvent & { type: 'channelRequestAnswered' }): void {
    const { request, success, error } = event;
    const deferred = this.underWay?.requests.take(request);
    if (success) deferred?.resolve();
    else {
      deferred?.reject(
        error ??
          new SshError('ERR_SSH_REQUEST_FAILED', `the server refused the ${request.requestType} request`, {
            origin: 'peer',
          }),
      );
    }
  }

  globalRequestAnswered(event: ConnectionEvent & { type: 'globalRequestAnswered' }): void {
    const pending = this.underWay?.globalRequests.take(event.request);
    if (event.error === undefined) pending?.resolve(event.success ? event.payload : undefined);
    else pending?.reject(event.error);
    if (event.error !== undefined && pending?.late !== undefined) {
      this.begun.globalRequests.set(event.request, pending);
    }
    this.forgetIfOver();
  }

  globalRequestAnsweredLate(event: ConnectionEvent & { type: 'globalRequestAnsweredLate' }): void {
    const pending = this.underWay?.globalRequests.take(event.request);
    this.forgetIfOver();
    if (event.success) pending?.late?.(event.payload);
  }

  /** Throws why no call may begin any more. */
  checkOpen(): void {
    const cause = this.closingCause ?? this.driver.cause ?? this.driver.core?.cause;
    if (cause !== undefined) throw cause;
  }
}

function noMoreError(): SshError {
  return new SshError(
    'ERR_SSH_CLOSED',
    'this connection opens no sessions since noMoreSessions; connect once more',
    {
      origin: 'user',
    },
  );
}

const hearing: Hearing<Session, ClientEvent> = {
  channelOpened: (self, { channel }) => self.channelOpened(channel),
  channelOpenFailed: (self, { channel, error }) => self.channelOpenFailed(channel, error),
  channelClosed: (self, { channel }) => self.channelClosed(channel),
  channelRequest: (self, event) => self.channelRequest(event),
  channelRequestAnswered: (self, event) => self.requestAnswered(event),
  globalRequestAnswered: (self, event) => self.globalRequestAnswered(event),
  globalRequestAnsweredLate: (self, event) => self.globalRequestAnsweredLate(event),
  keyExchanged: (self) => self.keysExchanged(),
  ended: (self, { error }) => self.ended(error),
};
