/**
 * Listening on the server.
 *
 * Owns: the requests for it and their cancelling, and to whom a connection that
 * the server forwards belongs (RFC 4254 §7.1, §7.2; OpenSSH PROTOCOL §2.4). The
 * route is there before the request goes out; what was never asked for, or was
 * cancelled, is refused; what comes while an answer is under way waits for it. A
 * listener whose caller has given it up is cancelled as soon as the server has granted it.
 * Must not know: where connections go from here.
 */
import { SshError } from '../base/errors.ts';
import type { ChannelOpening } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import { channelOpenFailureReasons, forwardedStreamlocal, forwardedTcpip } from '../message/channel.ts';
import {
  cancelStreamlocalForward,
  cancelTcpipForward,
  streamlocalForward,
  tcpipForward,
  tcpipForwardReply,
} from '../message/globalRequest.ts';
import type { CancellableCall, ForwardingHost } from './host.ts';
import type { LocalPeer } from './local.ts';
import { addressToBind, canMean, type ListenPlace, placeText, remoteLoopback } from './places.ts';

/** Channels that may wait for the answer to the request that they belong to. */
const longestWaiting = 64;

/** A connection that came to the server. */
export interface ArrivedConnection {
  /** Who connected there, as the server says. */
  readonly peer: LocalPeer;
  /** The channel, once it was accepted. */
  readonly port: ChannelPort | undefined;
  /** Confirms the channel; undefined where it is too late for that. */
  accept(): ChannelPort | undefined;
  refuse(why: string): void;
}

export interface RemoteListener {
  /** Where the server listens. */
  readonly place: ListenPlace;
  /** Takes the route away, and then asks the server to listen no more. */
  cancel(): Promise<void>;
}

interface Route {
  readonly place: ListenPlace;
  /** The server has said that it listens. */
  stands: boolean;
  /** Of a TCP route: as it was asked for, and as the server bound it, once it has said so. */
  port: number | undefined;
  readonly accepted: (arrived: ArrivedConnection) => void;
}

/** A channel and what it says of where it came to. */
interface Arrival {
  readonly opening: ChannelOpening;
  readonly path: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly peer: LocalPeer;
}

export class RemoteListeners {
  private readonly host: ForwardingHost;
  private readonly routes = new Set<Route>();
  /** Requests whose answer is under way. */
  private asking = 0;
  private waiting: Arrival[] = [];
  private unregister: (() => void)[] = [];

  constructor(host: ForwardingHost) {
    this.host = host;
    host.onEnd(() => {
      this.routes.clear();
      this.waiting = [];
    });
  }

  /**
   * Asks the server to listen.
   *
   * @throws SshError `ERR_SSH_FORWARD` where it refuses
   */
  async listen(
    place: ListenPlace,
    accepted: (arrived: ArrivedConnection) => void,
    call?: CancellableCall,
  ): Promise<RemoteListener> {
    if (this.unregister.length === 0) this.register();
    const route: Route = { place, stands: false, port: place.port === 0 ? undefined : place.port, accepted };
    this.routes.add(route);
    const answered = this.askedNow();
    call?.onCancel(() => {
      this.routes.delete(route);
      answered();
    });
    try {
      route.port = await this.request(route);
      if (this.routes.has(route)) route.stands = true;
    } catch (error) {
      this.routes.delete(route);
      // It may come to listen after all, and would refuse the next request for this place.
      if (isTimeout(error)) this.takeBack(route);
      throw error;
    } finally {
      answered();
    }
    if (!route.stands) {
      await this.unlisten(route);
      throw new SshError('ERR_SSH_FORWARD', `the forward on ${placeText(place)} was given up`, {
        origin: 'user',
      });
    }
    const standing = place.path === undefined ? { host: place.host, port: route.port ?? 0 } : place;
    return { place: standing, cancel: () => this.cancel(route) };
  }

  /** A request more whose answer is under way; the returned function, called once or more, says that it is not. */
  private askedNow(): () => void {
    let isDue = true;
    this.asking++;
    return () => {
      if (!isDue) return;
      isDue = false;
      this.asking--;
      this.routeWaiting();
      this.deregisterIfIdle();
    };
  }

  /** @returns the port that was bound; undefined for a path */
  private async request(route: Route): Promise<number | undefined> {
    const { host } = this;
    const { place } = route;
    if (place.path !== undefined) {
      const payload = streamlocalForward.toBytes({ socketPath: place.path });
      const late = (): void => this.takeBack(route);
      if ((await host.globalRequest(streamlocalForward.name, payload, late)) === undefined)
        throw refused(place);
      return undefined;
    }
    const payload = tcpipForward.toBytes({
      addressToBind: addressToBind(place.host ?? remoteLoopback),
      portNumberToBind: place.port,
    });
    const late = (bytes: Uint8Array): void => this.takeBack(route, bytes);
    const answer = await host.globalRequest(tcpipForward.name, payload, late);
    if (answer === undefined) throw refused(place);
    return place.port === 0 ? boundPort(place, answer) : place.port;
  }

  private async cancel(route: Route): Promise<void> {
    this.routes.delete(route);
    this.deregisterIfIdle();
    await this.unlisten(route);
  }

  private async unlisten({ place, port }: Route): Promise<void> {
    const { host } = this;
    if (!host.isLive) return;
    if (place.path !== undefined) {
      return this.ask(
        cancelStreamlocalForward.name,
        cancelStreamlocalForward.toBytes({ socketPath: place.path }),
      );
    }
    // For a port that only the server knows there are no words.
    if (port === undefined) return;
    const payload = cancelTcpipForward.toBytes({
      addressToBind: addressToBind(place.host ?? remoteLoopback),
      portNumberToBind: port,
    });
    return this.ask(cancelTcpipForward.name, payload);
  }

  /** Asks for an answer, or still says it where the answers of the server have become doubtful. */
  private async ask(name: string, payload: Uint8Array): Promise<void> {
    const { host } = this;
    try {
      await host.globalRequest(name, payload);
    } catch (error) {
      if (!host.isLive) throw error;
      host.announce(name, payload);
    }
  }

  /** Nobody waits for the listener any more. @param answer the server's, where it has granted it */
  private takeBack(route: Route, answer?: Uint8Array): void {
    const work = async (): Promise<void> => {
      if (answer !== undefined && route.place.port === 0) route.port = portIn(answer);
      await this.unlisten(route);
    };
    work().catch(() => {});
  }

  private register(): void {
    const { acceptors } = this.host;
    this.unregister = [
      acceptors.onChannel(forwardedTcpip.name, (opening) => {
        const fields = forwardedTcpip.fromBytes(opening.data);
        this.arrived({
          opening,
          path: undefined,
          host: fields.addressThatWasConnected,
          port: fields.portThatWasConnected,
          peer: { address: fields.originatorIpAddress, port: fields.originatorPort },
        });
      }),
      acceptors.onChannel(forwardedStreamlocal.name, (opening) => {
        const { socketPath } = forwardedStreamlocal.fromBytes(opening.data);
        this.arrived({ opening, path: socketPath, host: '', port: 0, peer: { address: '', port: 0 } });
      }),
    ];
  }

  private deregisterIfIdle(): void {
    if (this.routes.size > 0 || this.asking > 0) return;
    for (const stop of this.unregister) stop();
    this.unregister = [];
  }

  private arrived(arrival: Arrival): void {
    const route = this.routeOf(arrival);
    if (route?.stands === true) return route.accepted(new Arrived(arrival));
    // It is, or may be, for a request whose answer is still under way: the server listens before it answers.
    if (this.asking > 0 && this.waiting.length < longestWaiting) this.waiting.push(arrival);
    else refuse(arrival.opening, 'nobody asked for connections to this address');
  }

  private routeWaiting(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const arrival of waiting) this.arrived(arrival);
  }

  private routeOf({ path, host, port }: Arrival): Route | undefined {
    const routes = [...this.routes];
    if (path !== undefined) return routes.find((route) => route.place.path === path);
    const asked = ({ place }: Route): string => place.host ?? remoteLoopback;
    if (port !== 0) {
      const there = routes.filter((route) => route.place.path === undefined && route.port === port);
      return (
        there.find((route) => asked(route) === host) ??
        there.find((route) => canMean(asked(route), host)) ??
        // A server may name the address that it bound where it was given a name.
        onlyOne(there)
      );
    }
    // asyncssh up to 2.10 names the port that it was asked for, which many forwards may have in common.
    const anyPort = routes.filter(({ place }) => place.port === 0);
    return (
      onlyOne(anyPort) ??
      onlyOne(anyPort.filter((route) => asked(route) === host)) ??
      onlyOne(anyPort.filter((route) => canMean(asked(route), host)))
    );
  }
}

function onlyOne(routes: readonly Route[]): Route | undefined {
  return routes.length === 1 ? routes[0] : undefined;
}

class Arrived implements ArrivedConnection {
  readonly peer: LocalPeer;
  port: ChannelPort | undefined;
  private readonly opening: ChannelOpening;

  constructor({ opening, peer }: Arrival) {
    this.opening = opening;
    this.peer = peer;
  }

  accept(): ChannelPort | undefined {
    this.port ??= this.opening.accept();
    return this.port;
  }

  refuse(why: string): void {
    refuse(this.opening, why);
  }
}

function refuse(opening: ChannelOpening, why: string): void {
  opening.refuse(channelOpenFailureReasons.connectFailed, why);
}

function boundPort(place: ListenPlace, answer: Uint8Array): number {
  const port = portIn(answer);
  if (port !== undefined) return port;
  throw new SshError(
    'ERR_SSH_FORWARD',
    `the server does not say on which port it listens for ${placeText(place)}; ask for a port by its number`,
    { origin: 'peer' },
  );
}

/** lsh answers a request for any free port without the port. */
function portIn(answer: Uint8Array): number | undefined {
  const port = answer.length === 0 ? 0 : tcpipForwardReply.fromBytes(answer).portThatWasBound;
  return port > 0 && port <= 65_535 ? port : undefined;
}

function isTimeout(error: unknown): boolean {
  return error instanceof SshError && error.code === 'ERR_SSH_TIMEOUT';
}

function refused(place: ListenPlace): SshError {
  return new SshError(
    'ERR_SSH_FORWARD',
    `the server does not listen on ${placeText(place)}; it may forbid forwarding, or the address is in use there`,
    { origin: 'peer' },
  );
}
