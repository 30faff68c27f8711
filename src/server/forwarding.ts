/**
 * Forwarding for a client: connections that the server makes, and listeners that it has.
 *
 * Owns: asking the application for each, the carrying out of what it allows in the
 * order in which the client asked, the bounds, and that all of it ends with the client's connection.
 * Must not know: authentication, sessions, sockets.
 * Sources: RFC 4254 §7; OpenSSH PROTOCOL §2.4.
 */
import { SshError } from '../base/errors.ts';
import type { Channel } from '../connection/channel.ts';
import { askUser } from '../endpoint/calls/userCode.ts';
import type { Acceptors, ChannelOpening, IncomingRequest } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { ChannelPorts } from '../endpoint/channels/channelPorts.ts';
import type { EventRouter, Hearing } from '../endpoint/channels/eventRouter.ts';
import { Forward, type Passage } from '../forwarding/forward.ts';
import { Joint } from '../forwarding/joint.ts';
import type { LocalConnection, LocalListener, LocalNetwork } from '../forwarding/local.ts';
import {
  checkListen,
  checkTarget,
  type ListenPlace,
  placeText,
  type TargetPlace,
} from '../forwarding/places.ts';
import type { Driver } from '../io/driver.ts';
import {
  channelOpenFailureReasons,
  directStreamlocal,
  directTcpip,
  forwardedStreamlocal,
  forwardedTcpip,
} from '../message/channel.ts';
import {
  cancelStreamlocalForward,
  cancelTcpipForward,
  streamlocalForward,
  tcpipForward,
  tcpipForwardReply,
} from '../message/globalRequest.ts';
import type { ServerEvent, ServerProtocol } from '../protocol/server.ts';
import type { ForwardingFunctions, ResolvedServerOptions } from './options.ts';

export interface ServerForwardingParts {
  readonly functions: ForwardingFunctions;
  readonly network: LocalNetwork;
  readonly options: ResolvedServerOptions;
  readonly driver: Driver<ServerProtocol>;
  readonly router: EventRouter<ServerEvent>;
  readonly acceptors: Acceptors;
  readonly ports: ChannelPorts;
  readonly username: () => string;
  readonly report: (error: unknown) => void;
}

/** What a client asked to listen on: how it is named in a request to cancel it, and in its channels. */
interface Asked {
  readonly path: string | undefined;
  readonly host: string;
  /** As it was bound. */
  port: number;
}

/** A listener that is being made. */
interface Making {
  readonly asked: Asked;
  /** The client has taken its request back meanwhile. */
  isCancelled: boolean;
  /** Told when it was made, or could not be. */
  settled: Promise<unknown>;
}

/** A channel that was asked for and has no answer yet. */
interface Opening {
  readonly resolve: (port: ChannelPort) => void;
  readonly reject: (error: unknown) => void;
}

export class ServerForwarding {
  private readonly parts: ServerForwardingParts;
  private readonly forwards = new Map<Forward, Asked>();
  private readonly listens = new Set<Making>();
  /** Listeners that clients have cancelled and that are not gone yet. */
  private readonly leaving = new Map<Asked, Promise<void>>();
  /** Forwards that are being made as well. */
  private standing = 0;
  private readonly joints = new Set<Joint>();
  /** Connections that are being made. */
  private readonly making = new Set<AbortController>();
  private readonly opens = new Map<Channel, Opening>();
  private readonly stop = new AbortController();

  constructor(parts: ServerForwardingParts) {
    this.parts = parts;
    const { acceptors, functions, router } = parts;
    if (functions.local !== undefined) {
      acceptors.onChannel(directTcpip.name, (opening) => this.wanted(opening, tcpTarget(opening.data)));
      acceptors.onChannel(directStreamlocal.name, (opening) =>
        this.wanted(opening, pathTarget(opening.data)),
      );
    }
    if (functions.remote !== undefined) {
      acceptors.onRequest(tcpipForward.name, (request) => this.listenTcp(request));
      acceptors.onRequest(streamlocalForward.name, (request) => this.listenPath(request));
      acceptors.onRequest(cancelTcpipForward.name, (request) => this.cancelTcp(request));
      acceptors.onRequest(cancelStreamlocalForward.name, (request) => this.cancelPath(request));
    }
    parts.driver.forwards = () => this.list().map((forward) => forward.snapshot());
    router.subscribe<ServerForwarding>(this, hearing);
  }

  /** The forwards that stand for this client. */
  list(): readonly Forward[] {
    return [...this.forwards.keys()];
  }

  /** The connection of the client is over. */
  ended(cause: SshError): void {
    this.stop.abort(cause);
    for (const { reject } of this.opens.values()) reject(cause);
    this.opens.clear();
    for (const making of this.making) making.abort(cause);
    for (const joint of this.joints) joint.destroy(cause);
    for (const forward of this.forwards.keys()) forward.end(cause);
  }

  // Connections that a client wants made ------------------------------------------------

  private wanted(opening: ChannelOpening, request: LocalForwardFields): void {
    const { limits } = this.parts.options;
    if (this.joints.size + this.making.size >= limits.channels) {
      return opening.refuse(channelOpenFailureReasons.resourceShortage, 'too many forwarded connections');
    }
    void this.connect(opening, request);
  }

  private async connect(opening: ChannelOpening, request: LocalForwardFields): Promise<void> {
    const { driver, network, options } = this.parts;
    const abort = new AbortController();
    this.making.add(abort);
    const wait = driver.core?.waits.start(
      'channelOpen',
      'forwarding.local, a function of this server, and the connection that it allows',
      driver.now,
      options.timeouts.channelOpen,
      () => {
        driver.core?.waits.finish(wait);
        abort.abort(forwardError('no connection in time'));
        opening.refuse(channelOpenFailureReasons.connectFailed, 'no connection in time');
      },
    );
    try {
      const place = await this.allowedTarget(request);
      if (abort.signal.aborted) return;
      if (place === undefined)
        return opening.refuse(channelOpenFailureReasons.administrativelyProhibited, 'not allowed');
      const local = await network.connect(place, abort.signal);
      const port = abort.signal.aborted ? undefined : opening.accept();
      if (port === undefined) local.destroy(true);
      else this.join(local, port);
    } catch (error) {
      // That the client has left is told where its connection ends.
      const isOurs = error instanceof SshError && error.code === 'ERR_SSH_FORWARD';
      if (!isOurs && error !== abort.signal.reason) this.parts.report(error);
      opening.refuse(channelOpenFailureReasons.connectFailed, 'the connection could not be made');
    } finally {
      this.making.delete(abort);
      driver.core?.waits.finish(wait);
    }
  }

  private async allowedTarget(request: LocalForwardFields): Promise<TargetPlace | undefined> {
    const { functions, username } = this.parts;
    const asked = { username: username(), ...request };
    const answer = await askUser('forwarding.local', () => functions.local?.(asked));
    if (answer === undefined || answer === false) return undefined;
    if (answer !== true) return checkTarget('what forwarding.local answers', answer);
    // What a client names may be anything; it is checked like what a program names.
    return request.path === undefined
      ? checkTarget('the target', { host: request.host, port: request.port })
      : checkTarget('the target', { path: request.path });
  }

  private join(local: LocalConnection, port: ChannelPort): void {
    const joint = new Joint(local, port);
    this.joints.add(joint);
    void joint.over.then(() => this.joints.delete(joint));
  }

  // Listeners that a client wants --------------------------------------------------------

  private listenTcp(request: IncomingRequest): void {
    const { addressToBind: host, portNumberToBind: port } = tcpipForward.fromBytes(request.payload);
    const answer = (bound: number): Uint8Array | undefined =>
      port === 0 ? tcpipForwardReply.toBytes({ portThatWasBound: bound }) : undefined;
    void this.listen(request, { path: undefined, host, port }, answer);
  }

  private listenPath(request: IncomingRequest): void {
    const { socketPath: path } = streamlocalForward.fromBytes(request.payload);
    void this.listen(request, { path, host: '', port: 0 }, () => undefined);
  }

  private async listen(
    request: IncomingRequest,
    asked: Asked,
    answer: (bound: number) => Uint8Array | undefined,
  ): Promise<void> {
    const { limits } = this.parts.options;
    if (this.standing >= limits.forwards || this.isAsked(asked)) return request.reply(false);
    this.standing++;
    const making: Making = { asked, isCancelled: false, settled: Promise.resolve() };
    this.listens.add(making);
    making.settled = this.listenAllowed(request, making, answer);
    await making.settled;
    this.listens.delete(making);
  }

  /** Never rejects. */
  private async listenAllowed(
    request: IncomingRequest,
    making: Making,
    answer: (bound: number) => Uint8Array | undefined,
  ): Promise<void> {
    const { asked } = making;
    let allowed: Promise<ListenPlace | undefined> = Promise.resolve(undefined);
    try {
      const [, left] = [...this.leaving].find(([other]) => isSamePlace(other, asked)) ?? [];
      if (left !== undefined) await left;
      allowed = this.allowedPlace(asked);
      const place = await this.inTime(allowed);
      if (place === undefined || this.stop.signal.aborted) {
        this.standing--;
        return request.reply(false);
      }
      const { forward, serve } = await this.stand(place, making);
      asked.port = asked.port === 0 ? (forward.address.port ?? 0) : asked.port;
      this.forwards.set(forward, asked);
      // The connection may have ended while it was made.
      if (this.stop.signal.aborted) forward.end(this.stop.signal.reason as SshError);
      request.reply(true, answer(asked.port), serve);
    } catch (error) {
      // A function whose time is over still has its place, until it answers.
      const freed = (): void => void this.standing--;
      allowed.then(freed, freed);
      this.parts.report(error);
      request.reply(false);
    }
  }

  private async allowedPlace(asked: Asked): Promise<ListenPlace | undefined> {
    const { functions, username } = this.parts;
    const { path, host, port } = asked;
    const fields = path === undefined ? { host, port } : { path };
    const answer = await askUser('forwarding.remote', () =>
      functions.remote?.({ username: username(), ...fields } as Parameters<
        NonNullable<typeof functions.remote>
      >[0]),
    );
    if (answer === undefined || answer === false) return undefined;
    const place = answer === true ? fields : answer;
    return checkListen('the place to listen on', place, 'localhost');
  }

  /** One that never answers would hold up the answers to all requests behind it. */
  private async inTime<T>(allowed: Promise<T>): Promise<T> {
    const { driver, options } = this.parts;
    let expire = (): void => {};
    const expired = new Promise<never>((_resolve, reject) => {
      expire = () => reject(forwardError('forwarding.remote did not answer in time'));
    });
    const wait = driver.core?.waits.start(
      'request',
      'forwarding.remote, a function of this server',
      driver.now,
      options.timeouts.request,
      () => {
        driver.core?.waits.finish(wait);
        expire();
      },
    );
    try {
      return await Promise.race([allowed, expired]);
    } finally {
      driver.core?.waits.finish(wait);
    }
  }

  /** @returns `serve` begins to serve who connects: the client has been told of the listener by then */
  private async stand(
    place: ListenPlace,
    making: Making,
  ): Promise<{ readonly forward: Forward; readonly serve: () => void }> {
    const { asked } = making;
    const { driver, network, options } = this.parts;
    const { forwardConnections } = options.limits;
    const refuse = (local: LocalConnection): void => local.destroy(true);
    const early: LocalConnection[] = [];
    let accepted = (local: LocalConnection): void => {
      if (early.length < forwardConnections) early.push(local);
      else refuse(local);
    };
    const listener: LocalListener = await network.listen(
      place,
      (local) => accepted(local),
      () => {},
    );
    const forward: Forward = new Forward(listener.place, {
      name: `${placeText(listener.place)} for a client`,
      now: () => driver.now,
      options: {},
      maxConnections: forwardConnections,
      stop: () => {
        accepted = refuse;
        early.splice(0).forEach(refuse);
        return listener.close();
      },
      freed: () => {
        this.forwards.delete(forward);
        this.standing--;
      },
    });
    const serve = (): void => {
      accepted = (local) => {
        if (making.isCancelled) return refuse(local);
        const carry = (passage: Passage) => this.carry(passage, local, asked);
        forward.serve(local.peer, 'the client', carry, () => refuse(local));
      };
      early.splice(0).forEach(accepted);
    };
    return { forward, serve };
  }

  private async carry(
    passage: Passage,
    local: LocalConnection,
    { path, host, port }: Asked,
  ): Promise<Error | undefined> {
    const { address, port: from } = local.peer;
    const [type, data] =
      path === undefined
        ? [
            forwardedTcpip.name,
            forwardedTcpip.toBytes({
              addressThatWasConnected: host,
              portThatWasConnected: port,
              originatorIpAddress: address === '' ? '127.0.0.1' : address,
              originatorPort: from,
            }),
          ]
        : [forwardedStreamlocal.name, forwardedStreamlocal.toBytes({ socketPath: path, reserved: '' })];
    let channel: ChannelPort;
    try {
      channel = await this.open(type, data, passage.signal);
    } catch (error) {
      local.destroy(true);
      throw error;
    }
    return passage.join(local, channel, undefined);
  }

  /** Opens a channel to the client, within the `channelOpen` deadline. */
  private open(type: string, data: Uint8Array, signal: AbortSignal): Promise<ChannelPort> {
    return new Promise((resolve, reject) => {
      const { driver } = this.parts;
      const channel = driver.act((core) => core.connection.open(type, data));
      const aborted = (): void => {
        if (!this.opens.delete(channel)) return;
        driver.quietly((core) => core.connection.abandonOpen(channel));
        reject(signal.reason);
      };
      const settled = (): void => signal.removeEventListener('abort', aborted);
      signal.addEventListener('abort', aborted, { once: true });
      this.opens.set(channel, {
        resolve: (port) => {
          settled();
          resolve(port);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
    });
  }

  private cancelTcp(request: IncomingRequest): void {
    const { addressToBind: host, portNumberToBind: port } = cancelTcpipForward.fromBytes(request.payload);
    this.cancel(request, (asked) => asked.path === undefined && asked.host === host && asked.port === port);
  }

  private cancelPath(request: IncomingRequest): void {
    const { socketPath } = cancelStreamlocalForward.fromBytes(request.payload);
    this.cancel(request, ({ path }) => path === socketPath);
  }

  /**
   * It listens no more, and the answer says so; connections that came through it live on.
   * One that is being made is first made: the requests of a client take effect in their order.
   */
  private cancel(request: IncomingRequest, isMeant: (asked: Asked) => boolean): void {
    const making = [...this.listens].find(({ asked, isCancelled }) => !isCancelled && isMeant(asked));
    const standing = [...this.forwards].find(([, asked]) => isMeant(asked));
    if (making !== undefined) making.isCancelled = true;
    const asked = making?.asked ?? standing?.[1];
    if (asked === undefined) return request.reply(false);
    const gone = this.stopStanding(asked, making?.settled).then((stood) => {
      this.leaving.delete(asked);
      request.reply(stood);
    });
    this.leaving.set(asked, gone);
  }

  /** Whether there was one. */
  private async stopStanding(asked: Asked, made: Promise<unknown> | undefined): Promise<boolean> {
    await made;
    const found = [...this.forwards].find(([, other]) => other === asked);
    if (found === undefined) return false;
    const [forward] = found;
    this.forwards.set(forward, { path: undefined, host: '', port: -1 });
    void forward.close({ drain: true });
    await forward.stopListening();
    return true;
  }

  /** Another listener has the place, and the client has not taken it back. */
  private isAsked(asked: Asked): boolean {
    const making = [...this.listens].filter(({ isCancelled }) => !isCancelled);
    const taken = [...this.forwards.values(), ...making.map((one) => one.asked)];
    return taken.some((other) => !this.leaving.has(other) && isSamePlace(other, asked));
  }

  // What the router tells ------------------------------------------------------------------

  channelOpened(channel: Channel): void {
    const open = this.opens.get(channel);
    this.opens.delete(channel);
    const port = this.parts.ports.portFor(channel);
    if (open === undefined) port.close();
    else open.resolve(port);
  }

  channelOpenFailed(channel: Channel, error: SshError): void {
    this.opens.get(channel)?.reject(error);
    this.opens.delete(channel);
  }
}

const hearing: Hearing<ServerForwarding, ServerEvent> = {
  channelOpened: (self, { channel }) => self.channelOpened(channel),
  channelOpenFailed: (self, { channel, error }) => self.channelOpenFailed(channel, error),
  ended: (self, { error }) => self.ended(error),
};

function isSamePlace(one: Asked, other: Asked): boolean {
  if (one.path === undefined && one.port === 0) return false;
  return one.path === other.path && one.host === other.host && one.port === other.port;
}

/** A request for a connection, without its user. */
type LocalForwardFields =
  | {
      readonly path?: undefined;
      readonly host: string;
      readonly port: number;
      readonly originatorAddress: string;
      readonly originatorPort: number;
    }
  | { readonly path: string };

function tcpTarget(data: Uint8Array): LocalForwardFields {
  const fields = directTcpip.fromBytes(data);
  const { hostToConnect: host, portToConnect: port } = fields;
  const { originatorIpAddress: originatorAddress, originatorPort } = fields;
  return { host, port, originatorAddress, originatorPort };
}

function pathTarget(data: Uint8Array): LocalForwardFields {
  return { path: directStreamlocal.fromBytes(data).socketPath };
}

function forwardError(message: string): SshError {
  return new SshError('ERR_SSH_FORWARD', message, { origin: 'local' });
}
