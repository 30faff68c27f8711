/**
 * The forwards of one connection.
 *
 * Owns: making them (local, remote, SOCKS on either side), their number and its
 * bound, and that they end with the connection.
 * Must not know: sockets, options of a dial.
 * Sources: RFC 4254 §7; OpenSSH PROTOCOL §2.4.
 */
import { SshError } from '../base/errors.ts';
import { abortError, onAbort } from '../endpoint/calls/abort.ts';
import { isTrueForUser } from '../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import { directStreamlocal, directTcpip } from '../message/channel.ts';
import { Forward, type ForwardOptions, type Passage } from './forward.ts';
import { type Asked, greet } from './greeting.ts';
import type { CancellableCall, ForwardingHost } from './host.ts';
import type { LocalConnection, LocalListener, LocalPeer } from './local.ts';
import { type ListenPlace, placeText, type TargetPlace } from './places.ts';
import { type ArrivedConnection, type RemoteListener, RemoteListeners } from './remoteListeners.ts';
import { type SocksReply, socksReplies } from './socks/socksServer.ts';

/** Options of a SOCKS proxy. */
export interface SocksOptions extends ForwardOptions {
  /** Asked of programs that speak SOCKS 5; others are refused then. */
  readonly credentials?:
    | {
        /** At most 255 bytes. */
        readonly username: string;
        /** At most 255 bytes. */
        readonly password: string;
      }
    | undefined;
  /**
   * What may be reached through the proxy; everything by default. It answers at once:
   * what throws or is not `true` refuses, a promise included. A proxy that listens on
   * the server reaches this machine and its network: give this there.
   */
  readonly permit?: ((to: { readonly host: string; readonly port: number }) => boolean) | undefined;
}

/** A connection that came to the server, given to a handler in place of a target. */
export type RemoteHandler = (arrived: ArrivedConnection) => void | Promise<void>;

export class Forwarding {
  private readonly host: ForwardingHost;
  private readonly forwards = new Set<Forward>();
  /** Forwards that are being made. */
  private making = 0;
  private readonly remote: RemoteListeners;
  /** Of the connection's end, once that is there. */
  private cause: SshError | undefined;

  constructor(host: ForwardingHost) {
    this.host = host;
    this.remote = new RemoteListeners(host);
    host.show(() => this.list().map((forward) => forward.snapshot()));
    host.onEnd((cause) => {
      this.cause = cause;
      for (const forward of this.forwards) forward.end(cause);
    });
  }

  /** The forwards that stand. */
  list(): readonly Forward[] {
    return [...this.forwards];
  }

  /** Listens here; each connection goes to a place that the server reaches. */
  async local(from: ListenPlace, to: TargetPlace, options: ForwardOptions): Promise<Forward> {
    const target = placeText(to);
    return this.listenHere(from, `to ${target}`, options, (forward, local) => {
      forward.serve(
        local.peer,
        target,
        (passage) => this.outward(forward, passage, local, to),
        () => local.destroy(true),
      );
    });
  }

  /** Listens here as a SOCKS proxy; names are looked up by the server. */
  async socks(from: ListenPlace, options: SocksOptions): Promise<Forward> {
    return this.listenHere(from, 'as a SOCKS proxy', options, (forward, local) => {
      forward.serve(
        local.peer,
        'SOCKS',
        (passage) =>
          this.proxied(forward, passage, local, options, (to) => this.open(to, local.peer, passage)),
        () => local.destroy(true),
      );
    });
  }

  /** The server listens; each connection goes to a place that this machine reaches, or to a handler. */
  async remoteTo(
    from: ListenPlace,
    to: TargetPlace | RemoteHandler,
    options: ForwardOptions,
    call?: CancellableCall,
  ): Promise<Forward> {
    const target = typeof to === 'function' ? 'a handler' : placeText(to);
    return this.listenThere(from, `to ${target}`, options, call, (forward, arrived) => {
      forward.serve(
        arrived.peer,
        target,
        (passage) =>
          typeof to === 'function'
            ? this.handed(forward, passage, arrived, to)
            : this.inward(forward, passage, arrived, to),
        () => arrived.refuse('this forward takes no more connections'),
      );
    });
  }

  /** The server listens as a SOCKS proxy for what this machine reaches. */
  async remoteSocks(from: ListenPlace, options: SocksOptions, call?: CancellableCall): Promise<Forward> {
    return this.listenThere(from, 'as a SOCKS proxy', options, call, (forward, arrived) => {
      forward.serve(
        arrived.peer,
        'SOCKS',
        (passage) => this.proxiedBack(forward, passage, arrived, options),
        () => arrived.refuse('this forward takes no more connections'),
      );
    });
  }

  // One connection -------------------------------------------------------------------

  private async outward(
    forward: Forward,
    passage: Passage,
    local: LocalConnection,
    to: TargetPlace,
  ): Promise<Error | undefined> {
    let port: ChannelPort;
    try {
      port = await this.open(to, local.peer, passage);
    } catch (error) {
      local.destroy(true);
      throw error;
    }
    const over = passage.join(local, port, undefined);
    forward.opened(passage);
    return over;
  }

  private async inward(
    forward: Forward,
    passage: Passage,
    arrived: ArrivedConnection,
    to: TargetPlace,
  ): Promise<Error | undefined> {
    let local: LocalConnection;
    try {
      local = await this.connectHere(to, passage);
    } catch (error) {
      arrived.refuse(error instanceof Error ? error.message : String(error));
      throw error;
    }
    const port = arrived.accept();
    if (port === undefined) {
      local.destroy(true);
      return goneError();
    }
    const over = passage.join(local, port, undefined);
    forward.opened(passage);
    return over;
  }

  private async handed(
    forward: Forward,
    passage: Passage,
    arrived: ArrivedConnection,
    handler: RemoteHandler,
  ): Promise<Error | undefined> {
    forward.opened(passage);
    const cut = new Promise<Error>((resolve) => {
      passage.whenGivenUp((error) => {
        arrived.refuse('the forward has ended');
        // Who has its stream is told by it.
        arrived.port?.data.aborted(error);
        arrived.port?.close();
        resolve(error);
      });
    });
    try {
      const ended = await Promise.race([handler(arrived), cut]);
      const port = arrived.port;
      if (port === undefined) {
        if (ended instanceof Error) return ended;
        arrived.refuse('nobody took the connection');
        return undefined;
      }
      return await Promise.race([port.closed, cut]);
    } catch (error) {
      arrived.refuse('the handler of this forward failed');
      arrived.port?.close();
      throw error;
    }
  }

  /** The greeting, and then the connection that it asks for. */
  private async proxied(
    forward: Forward,
    passage: Passage,
    local: LocalConnection,
    options: SocksOptions,
    open: (to: TargetPlace) => Promise<ChannelPort>,
  ): Promise<Error | undefined> {
    try {
      const asked = await greet(local.source, local.sink, this.greetingOptions(options, passage));
      const { host, port } = asked.request;
      passage.to = placeText({ host, port });
      if (!permitted(options, { host, port })) {
        await refused(asked, socksReplies.notAllowed);
        return new SshError('ERR_SSH_FORWARD', `${passage.to} is not permitted through this proxy`, {
          origin: 'user',
        });
      }
      let channel: ChannelPort;
      try {
        channel = await open({ host, port });
      } catch (error) {
        await refused(asked, replyFor(error));
        throw error;
      }
      await asked.answer(socksReplies.succeeded);
      const over = passage.join(local, channel, asked.rest);
      forward.opened(passage);
      return await over;
    } finally {
      local.destroy(false);
    }
  }

  private async proxiedBack(
    forward: Forward,
    passage: Passage,
    arrived: ArrivedConnection,
    options: SocksOptions,
  ): Promise<Error | undefined> {
    const port = arrived.accept();
    if (port === undefined) return goneError();
    try {
      const asked = await greet(port.data, port.outbound, this.greetingOptions(options, passage));
      const to = asked.request;
      passage.to = placeText({ host: to.host, port: to.port });
      if (!permitted(options, to)) {
        await refused(asked, socksReplies.notAllowed);
        return new SshError('ERR_SSH_FORWARD', `${passage.to} is not permitted through this proxy`, {
          origin: 'user',
        });
      }
      let local: LocalConnection;
      try {
        local = await this.connectHere({ host: to.host, port: to.port }, passage);
      } catch (error) {
        await refused(asked, replyFor(error));
        throw error;
      }
      await asked.answer(socksReplies.succeeded);
      // What the program said behind its request goes ahead of what it says now.
      if (asked.rest.length > 0) local.sink.write(asked.rest, () => {});
      const over = passage.join(local, port, undefined);
      forward.opened(passage);
      return await over;
    } finally {
      port.close();
    }
  }

  private greetingOptions(options: SocksOptions, passage: Passage) {
    const { host } = this;
    return {
      credentials: options.credentials,
      greetingLength: host.limits.socksGreetingLength,
      host,
      signal: passage.signal,
    };
  }

  private open(to: TargetPlace, peer: LocalPeer, passage: Passage): Promise<ChannelPort> {
    if (to.path !== undefined) {
      const data = directStreamlocal.toBytes({
        socketPath: to.path,
        reservedString: '',
        reservedNumber: 0,
      });
      return this.host.openChannel(directStreamlocal.name, data, passage);
    }
    const data = directTcpip.toBytes({
      hostToConnect: to.host,
      portToConnect: to.port,
      originatorIpAddress: peer.address === '' ? '127.0.0.1' : peer.address,
      originatorPort: peer.port,
    });
    return this.host.openChannel(directTcpip.name, data, passage);
  }

  /** Connects on this machine, within the `connect` deadline. */
  private async connectHere(to: TargetPlace, passage: Passage): Promise<LocalConnection> {
    const { host } = this;
    const { signal } = passage;
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const wait = host.startWait('connect', `a connection to ${placeText(to)}`, host.timeouts.connect, () => {
      host.finishWait(wait);
      attempt.abort(host.timeoutError(wait));
    });
    try {
      return await host.network.connect(to, attempt.signal);
    } finally {
      host.finishWait(wait);
      signal.removeEventListener('abort', stop);
    }
  }

  // Listening ------------------------------------------------------------------------

  private async listenHere(
    from: ListenPlace,
    how: string,
    options: ForwardOptions,
    accepted: (forward: Forward, local: LocalConnection) => void,
  ): Promise<Forward> {
    const early = new Early<LocalConnection>(accepted);
    const listen = (): Promise<LocalListener> =>
      this.host.network.listen(
        from,
        (local) => early.take(local),
        () => {},
      );
    return this.make(listen, (listener) => {
      const forward = this.stand(listener.place, how, options, () => listener.close());
      early.stands(forward);
      return forward;
    });
  }

  private async listenThere(
    from: ListenPlace,
    how: string,
    options: ForwardOptions,
    call: CancellableCall | undefined,
    accepted: (forward: Forward, arrived: ArrivedConnection) => void,
  ): Promise<Forward> {
    const early = new Early<ArrivedConnection>(accepted);
    const listen = (): Promise<RemoteListener> =>
      this.remote.listen(from, (arrived) => early.take(arrived), call);
    return this.make(listen, (listener) => {
      const forward = this.stand(listener.place, how, options, () => listener.cancel());
      early.stands(forward);
      return forward;
    });
  }

  private stand(
    place: ListenPlace,
    how: string,
    options: ForwardOptions,
    stop: () => Promise<void>,
  ): Forward {
    const { host } = this;
    const forward = new Forward(place, {
      name: `${placeText(place)} ${how}`,
      now: () => host.now,
      options,
      maxConnections: options.maxConnections ?? host.limits.forwardConnections,
      stop,
      addressed: (error) => host.addressed(error),
      freed: (ended) => {
        this.forwards.delete(ended);
        stopListening();
      },
    });
    const { signal } = options;
    const aborted = (): void => {
      if (signal !== undefined) forward.end(abortError(signal));
    };
    const stopListening = onAbort(signal, aborted);
    this.forwards.add(forward);
    // Either may have happened while the listener was made.
    if (signal?.aborted === true) aborted();
    if (this.cause !== undefined) forward.end(this.cause);
    return forward;
  }

  /** Makes a forward, within the bound on them: one whose listener is under way counts as well. */
  private async make<Listener>(
    listen: () => Promise<Listener>,
    stand: (listener: Listener) => Forward,
  ): Promise<Forward> {
    const count = this.forwards.size + this.making;
    if (count >= this.host.limits.forwards) {
      throw new SshError('ERR_SSH_LIMIT', `${count} forwards stand on this connection already`, {
        origin: 'user',
      });
    }
    this.making++;
    let listener: Listener;
    try {
      listener = await listen();
    } finally {
      this.making--;
    }
    return stand(listener);
  }
}

/** Connections that come before their forward is known to its maker: a listener takes them as soon as it listens. */
class Early<Connection> {
  private readonly accepted: (forward: Forward, connection: Connection) => void;
  private readonly waiting: Connection[] = [];
  private forward: Forward | undefined;

  constructor(accepted: (forward: Forward, connection: Connection) => void) {
    this.accepted = accepted;
  }

  take(connection: Connection): void {
    if (this.forward === undefined) this.waiting.push(connection);
    else this.accepted(this.forward, connection);
  }

  stands(forward: Forward): void {
    this.forward = forward;
    for (const connection of this.waiting.splice(0)) this.accepted(forward, connection);
  }
}

function permitted({ permit }: SocksOptions, to: { readonly host: string; readonly port: number }): boolean {
  return permit === undefined || isTrueForUser(() => permit({ host: to.host, port: to.port }));
}

/** Tells a program why it gets no connection; it may have left, or never read that. */
async function refused(asked: Asked, reply: SocksReply): Promise<void> {
  await asked.answer(reply).catch(() => {});
}

function goneError(): SshError {
  return new SshError('ERR_SSH_FORWARD', 'the connection ended before it was forwarded', { origin: 'peer' });
}

/** What a program at a SOCKS proxy is told of an error. */
function replyFor(error: unknown): SocksReply {
  if (!(error instanceof SshError)) return socksReplies.generalFailure;
  if (error.code === 'ERR_SSH_TIMEOUT') return socksReplies.hostUnreachable;
  switch (error.channelOpenReason) {
    case 1:
      return socksReplies.notAllowed;
    case 2:
      return socksReplies.connectionRefused;
    default:
      return error.code === 'ERR_SSH_FORWARD' ? socksReplies.connectionRefused : socksReplies.generalFailure;
  }
}
