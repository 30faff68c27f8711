/**
 * Programs of a server on a display of this side.
 *
 * Owns: the commands that it is forwarded for, each with a cookie of its own that
 * means nothing to anybody else, and the connections that come of them.
 * Must not know: how commands are started, what a setup looks like.
 * Source: RFC 4254 §6.3.
 */
import { SshError } from '../../base/errors.ts';
import type { ChannelOpening } from '../../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import type { ForwardingHost } from '../../forwarding/host.ts';
import { Joint } from '../../forwarding/joint.ts';
import type { LocalConnection } from '../../forwarding/local.ts';
import { channelOpenFailureReasons, x11 } from '../../message/channel.ts';
import { x11Req } from '../../message/channelRequest.ts';
import type { Display } from './display.ts';
import { cookieProtocol, X11Setup } from './setup.ts';

/** Connections at once; an X program has one or two. */
const mostConnections = 64;
const cookieLength = 16;

/** A command that has a display. */
interface Granted {
  readonly display: Display;
  readonly fake: Uint8Array;
  readonly real: Uint8Array | undefined;
  /** By the clock of the connection. */
  readonly until: number;
}

export interface X11ForwardingParts {
  readonly host: ForwardingHost;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly request: (port: ChannelPort, requestType: string, payload: Uint8Array) => Promise<void>;
}

export class X11Forwarding {
  private readonly parts: X11ForwardingParts;
  private readonly granted = new Map<ChannelPort, Granted>();
  private readonly joints = new Set<Joint>();
  private connecting = 0;
  private stopAccepting: () => void = () => {};

  constructor(parts: X11ForwardingParts) {
    this.parts = parts;
    parts.host.onEnd((cause) => {
      for (const joint of this.joints) joint.destroy(cause);
    });
  }

  /**
   * Lets the programs of a command use a display for as long as its channel is open.
   *
   * @param acceptFor milliseconds for which they may connect
   * @throws SshError `ERR_SSH_REQUEST_FAILED` where the server does not forward it
   */
  async forward(
    port: ChannelPort,
    display: Display,
    real: Uint8Array | undefined,
    acceptFor: number = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const fake = this.parts.randomBytes(cookieLength);
    const until = this.parts.host.now + acceptFor;
    if (this.granted.size === 0) {
      this.stopAccepting = this.parts.host.acceptors.onChannel(x11.name, (opening) => this.opening(opening));
    }
    this.granted.set(port, { display, fake, real, until });
    void port.closed.then(() => {
      this.granted.delete(port);
      if (this.granted.size === 0) this.stopAccepting();
    });
    const payload = x11Req.toBytes({
      singleConnection: false,
      x11AuthenticationProtocol: cookieProtocol,
      x11AuthenticationCookie: [...fake].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
      x11ScreenNumber: display.screen,
    });
    await this.parts.request(port, x11Req.name, payload);
  }

  private opening(opening: ChannelOpening): void {
    if (this.accepting.length === 0) {
      return opening.refuse(
        channelOpenFailureReasons.administrativelyProhibited,
        'the time for new connections to the display is over',
      );
    }
    const isFull = this.joints.size + this.connecting >= mostConnections;
    const port = isFull ? undefined : opening.accept();
    if (port === undefined) {
      return opening.refuse(
        channelOpenFailureReasons.resourceShortage,
        'too many connections to the display',
      );
    }
    this.connecting++;
    void this.serve(port)
      .catch(() => port.close())
      .finally(() => {
        this.connecting--;
      });
  }

  private get accepting(): readonly Granted[] {
    const { now } = this.parts.host;
    return [...this.granted.values()].filter(({ until }) => now < until);
  }

  /** Reads the setup, whose cookie tells the command, and then connects. */
  private async serve(port: ChannelPort): Promise<void> {
    const { display, first } = await this.setup(port);
    const local = await this.connected(display);
    local.sink.write(first, () => {});
    const joint = new Joint(local, port);
    this.joints.add(joint);
    void joint.over.then(() => this.joints.delete(joint));
  }

  /** Within the `request` deadline. */
  private setup(port: ChannelPort): Promise<{ readonly display: Display; readonly first: Uint8Array }> {
    const { host } = this.parts;
    const setups = this.accepting.map((granted) => ({
      granted,
      setup: new X11Setup(granted.fake, granted.real),
    }));
    return new Promise((resolve, reject) => {
      const wait = host.startWait('request', 'the setup of an X client', host.timeouts.request, () => {
        host.finishWait(wait);
        reject(host.timeoutError(wait));
      });
      const done = (step: () => void): void => {
        host.finishWait(wait);
        step();
      };
      const fail = (error: Error): void => done(() => reject(error));
      const move = (): void => {
        for (let bytes = port.data.take(); bytes !== undefined; bytes = port.data.take()) {
          for (const { setup } of setups) setup.receive(bytes);
          const ready = setups.find(({ setup }) => setup.state === 'ready');
          if (ready !== undefined) {
            const { granted, setup } = ready;
            return done(() => resolve({ display: granted.display, first: setup.output }));
          }
          if (setups.every(({ setup }) => setup.state === 'refused')) {
            const why = setups[0]?.setup.fault ?? 'the command has ended';
            return fail(
              new SshError('ERR_SSH_FORWARD', `an X client was refused: ${why}`, { origin: 'peer' }),
            );
          }
        }
      };
      const left = (): void => fail(new SshError('ERR_SSH_FORWARD', 'an X client left', { origin: 'peer' }));
      port.data.listen({ readable: move, ended: left, failed: fail, aborted: fail });
      move();
    });
  }

  private async connected(display: Display): Promise<LocalConnection> {
    const { host } = this.parts;
    const attempt = new AbortController();
    const wait = host.startWait('connect', 'a connection to the display', host.timeouts.connect, () => {
      host.finishWait(wait);
      attempt.abort(host.timeoutError(wait));
    });
    try {
      return await host.network.connect(display.place, attempt.signal);
    } finally {
      host.finishWait(wait);
    }
  }
}
