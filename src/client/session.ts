/**
 * A connection from the inside: turns the core's events into settled promises
 * and fed ports.
 *
 * Owns: what is pending (opens, requests, pings, rekeys), and that all of it
 * ends with the connection's one cause.
 * Must not know: the public API's options, sockets.
 */
import { SshError } from '../base/errors.ts';
import type { Wait, WaitName } from '../base/waits.ts';
import type { Channel } from '../connection/channel.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { Driver } from '../io/driver.ts';
import type { EventTarget } from '../io/driverOptions.ts';
import type { ConnectionSnapshot } from '../io/registry.ts';
import { authAgent, channelOpenFailureReasons } from '../message/channel.ts';
import { authAgentReq } from '../message/channelRequest.ts';
import type { ClientEvent, ClientProtocol } from '../protocol/client.ts';
import type { AgentForwarding } from './agentForwarding.ts';
import { agentError } from './agentLink.ts';
import { CallScope, type ScopeOptions, type ScopeOwner } from './callScope.ts';
import { ChannelPort, type PortOwner } from './channelPort.ts';
import type { ExitCollector } from './remoteProcess.ts';
import { terminate } from './termination.ts';
import { type Deferred, UnderWay } from './underWay.ts';

/** Told of what concerns no call of the user's. */
export interface EventListener {
  handle(event: ClientEvent): void;
}

export class Session implements EventTarget<ClientEvent>, PortOwner, ScopeOwner {
  /** Set right after construction: driver and session know each other. */
  driver: Driver<ClientProtocol> | undefined;
  /** The dial, and later whoever sees to what concerns nobody else. */
  unasked: EventListener | undefined;
  /** Undefined where there is no agent. */
  agentForwarding: AgentForwarding | undefined;
  private agentGranted = false;
  /** Undefined while there is nothing. */
  private underWay: UnderWay | undefined;
  private closingCause: SshError | undefined;

  // Calls --------------------------------------------------------------------------

  get isLive(): boolean {
    return this.driver?.isLive ?? false;
  }

  act<T>(call: () => T): T {
    return this.mustDriver().act(() => call());
  }

  /** Bounds a call by a timeout and a signal. */
  scope(options: ScopeOptions): CallScope {
    this.checkOpen();
    const scope = new CallScope(this, options);
    this.begun.scopes.set(scope, scope);
    return scope;
  }

  /** Opens a channel; the scope's cancellation gives it up. */
  openChannel(type: string, channelTypeData: Uint8Array, scope: CallScope): Promise<ChannelPort> {
    return new Promise((resolve, reject) => {
      const channel = this.onCore((core) => core.connection.open(type, channelTypeData));
      this.begun.opens.set(channel, { resolve, reject });
      scope.onCancel(() => {
        if (this.underWay?.opens.delete(channel) !== true) return;
        this.quietly((core) => core.connection.abandonOpen(channel));
      });
    });
  }

  /** @throws SshError `ERR_SSH_LIMIT` for a request that fits in no packet */
  checkRequest(requestType: string, payload: Uint8Array): void {
    this.core.connection.messages.checkRequest(requestType, payload);
  }

  /**
   * Sends a channel request and waits for its answer.
   *
   * @throws SshError `ERR_SSH_REQUEST_FAILED` refused, `ERR_SSH_TIMEOUT`, `ERR_SSH_CHANNEL_CLOSED`
   */
  request(port: ChannelPort, requestType: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = port.act((channel) => channel.request(requestType, payload, true));
      if (request !== undefined) this.begun.requests.set(request, { resolve, reject });
    });
  }

  /**
   * Lets the programs of a command use the user's agent for as long as its channel is open.
   *
   * @throws SshError `ERR_SSH_AGENT` there is none, or as `request`
   */
  async forwardAgent(port: ChannelPort): Promise<void> {
    if (this.agentForwarding === undefined) throw agentError('there is no agent to forward');
    this.begun.agentUsers.set(port, true);
    void port.closed.then(() => {
      this.underWay?.agentUsers.delete(port);
      this.forgetIfOver();
    });
    try {
      await this.request(port, authAgentReq.name, authAgentReq.toBytes({}));
      this.agentGranted = true;
    } catch (error) {
      // OpenSSH's server forwards for the whole connection, and refuses to be asked again.
      const refused = error instanceof SshError && error.code === 'ERR_SSH_REQUEST_FAILED';
      if (!refused || !this.agentGranted) throw error;
    }
  }

  /** Sends a global request; resolves with the fields of the answer, or undefined where it was refused. */
  globalRequest(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const request = this.onCore((core) => core.connection.request(name, payload, true));
      this.begun.globalRequests.set(request, { resolve, reject });
    });
  }

  /** Exchanges keys; resolves when the new ones are in use. */
  rekey(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onCore((core) => core.rekey());
      const deferred = { resolve, reject };
      this.begun.rekeys.set(deferred, deferred);
    });
  }

  /** What a process says about its end goes there. */
  collectExit(port: ChannelPort, exit: ExitCollector): void {
    this.begun.exits.set(port.channel, exit);
  }

  closeChannel(channel: Channel): void {
    this.quietly((core) => core.connection.close(channel));
  }

  terminateChannel(channel: Channel): void {
    this.quietly((core) => terminate(core, channel));
  }

  startWait(name: WaitName, detail: string, timeout: number, onExpire?: () => void): Wait {
    const { now } = this.mustDriver();
    return this.onCore((core) => core.waits.start(name, detail, now, timeout, onExpire));
  }

  finishWait(wait: Wait): void {
    this.driver?.core?.waits.finish(wait);
  }

  timeoutError(wait: Wait): SshError {
    return this.onCore((core) => core.timeoutError(wait));
  }

  snapshot(): ConnectionSnapshot {
    return this.mustDriver().snapshot();
  }

  get closed(): Promise<SshError> {
    return this.mustDriver().over;
  }

  /**
   * No call may begin any more; what was written is sent, what runs is rejected with
   * this cause, and the connection says goodbye.
   *
   * @returns whether it was still up
   */
  close(cause: SshError): boolean {
    const { isLive } = this;
    if (this.closingCause === undefined) {
      this.closingCause = cause;
      this.mustDriver().close(cause);
    }
    return isLive;
  }

  destroy(cause: SshError): void {
    this.closingCause ??= cause;
    this.mustDriver().destroy(cause);
  }

  get core(): ClientProtocol {
    const core = this.mustDriver().core;
    if (core === undefined) throw new SshError('ERR_SSH_INTERNAL', 'not connected', { origin: 'local' });
    return core;
  }

  // EventTarget ---------------------------------------------------------------------

  handle(event: ClientEvent): void {
    switch (event.type) {
      case 'channelOpened':
        return this.channelOpened(event.channel);
      case 'channelOpenFailed':
        return this.underWay?.opens.take(event.channel)?.reject(event.error);
      case 'channelReadable':
        return this.underWay?.ports.get(event.channel)?.readable(event.stream);
      case 'channelEof':
        return this.underWay?.ports.get(event.channel)?.eof();
      case 'channelDrained':
        return this.underWay?.ports.get(event.channel)?.drained();
      case 'channelClosed':
        return this.channelClosed(event.channel);
      case 'channelRequest':
        return this.channelRequest(event);
      case 'channelRequestAnswered':
        return this.requestAnswered(event);
      case 'channelOpenRequested':
        return this.openRequested(event.channel);
      case 'globalRequest':
        if (event.wantReply) this.onCore((core) => core.connection.replyGlobal(false));
        this.unasked?.handle(event);
        return;
      case 'globalRequestAnswered':
        return this.globalRequestAnswered(event);
      case 'keyExchanged':
        for (const { resolve } of this.takeRekeys()) resolve();
        this.unasked?.handle(event);
        return;
      default:
        this.unasked?.handle(event);
    }
  }

  ended(cause: SshError): void {
    const { underWay } = this;
    if (underWay !== undefined) {
      const { opens, requests, globalRequests, rekeys, scopes, ports } = underWay;
      const calls = [opens.values(), requests.values(), globalRequests.values(), rekeys.values()].flat();
      for (const { reject } of calls) reject(cause);
      for (const scope of scopes.values()) scope.connectionEnded(cause);
      for (const port of ports.values()) port.ended(cause);
    }
    this.underWay = undefined;
    this.unasked?.handle({ type: 'ended', error: cause });
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

  private channelOpened(channel: Channel): void {
    const deferred = this.underWay?.opens.take(channel);
    const port = new ChannelPort(channel, this);
    this.begun.ports.set(channel, port);
    if (deferred === undefined) port.close();
    else deferred.resolve(port);
  }

  private channelClosed(channel: Channel): void {
    this.underWay?.ports.take(channel)?.ended(undefined);
    this.underWay?.exits.delete(channel);
    this.forgetIfOver();
  }

  private channelRequest(event: ConnectionEvent & { type: 'channelRequest' }): void {
    this.quietly((core) => {
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

  private requestAnswered(event: ConnectionEvent & { type: 'channelRequestAnswered' }): void {
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

  private globalRequestAnswered(event: ConnectionEvent & { type: 'globalRequestAnswered' }): void {
    const deferred = this.underWay?.globalRequests.take(event.request);
    this.forgetIfOver();
    if (event.error === undefined) deferred?.resolve(event.success ? event.payload : undefined);
    else deferred?.reject(event.error);
  }

  /** A client serves no channels that it did not ask for: the agent's, while a command may use it. */
  private openRequested(channel: Channel): void {
    const { agentForwarding } = this;
    const isUsed = (this.underWay?.agentUsers.size ?? 0) > 0;
    if (channel.type !== authAgent.name || !isUsed || agentForwarding?.isFull !== false) {
      return this.refuseOpen(channel);
    }
    this.quietly((core) => core.connection.acceptOpen(channel));
    const port = new ChannelPort(channel, this);
    this.begun.ports.set(channel, port);
    agentForwarding.serve(port);
  }

  private refuseOpen(channel: Channel): void {
    this.quietly((core) =>
      core.connection.refuseOpen(
        channel,
        channelOpenFailureReasons.administrativelyProhibited,
        'this client opens no channels for servers',
      ),
    );
  }

  private checkOpen(): void {
    const cause = this.closingCause ?? this.driver?.cause ?? this.driver?.core?.cause;
    if (cause !== undefined) throw cause;
  }

  private onCore<T>(call: (core: ClientProtocol) => T): T {
    return this.mustDriver().act(call);
  }

  /** For what needs no answer once the connection has ended. A fault of the call ends the connection. */
  private quietly(call: (core: ClientProtocol) => void): void {
    const driver = this.mustDriver();
    const { core } = driver;
    if (core === undefined || driver.cause !== undefined || core.cause !== undefined) return;
    core.at(driver.now);
    try {
      call(core);
    } catch (error) {
      core.fail(error);
    }
    driver.touch();
  }

  private mustDriver(): Driver<ClientProtocol> {
    if (this.driver === undefined) throw new SshError('ERR_SSH_INTERNAL', 'no driver', { origin: 'local' });
    return this.driver;
  }
}
