/**
 * Forwarding on a client's connection.
 *
 * Owns: what forwarding gets of a session, the checks of what a caller gives.
 * Must not know: how a forward works.
 */
import type { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { checkedTimeout, type Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitName } from '../base/waits.ts';
import type { Acceptors } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { Hearing } from '../endpoint/channels/eventRouter.ts';
import { optionsError } from '../endpoint/options/optionErrors.ts';
import type { Forward, ForwardOptions } from '../forwarding/forward.ts';
import { Forwarding, type RemoteHandler, type SocksOptions } from '../forwarding/forwarding.ts';
import type { ForwardingHost, GivenUp } from '../forwarding/host.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import {
  checkListen,
  checkTarget,
  type ListenPlace,
  loopback,
  remoteLoopback,
  type TargetPlace,
} from '../forwarding/places.ts';
import type { ForwardSnapshot } from '../io/snapshots.ts';
import type { ClientEvent } from '../protocol/client.ts';
import type { Session } from './session.ts';

/** What a client's forwarding is made from. */
export interface ClientForwardingParts {
  readonly session: Session;
  readonly network: LocalNetwork;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

/** A session, as forwarding sees it. */
export class SessionHost implements ForwardingHost {
  readonly network: LocalNetwork;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  private readonly session: Session;
  private readonly listeners = new Set<(cause: SshError) => void>();

  constructor({ session, network, limits, timeouts }: ClientForwardingParts) {
    this.session = session;
    this.network = network;
    this.limits = limits;
    this.timeouts = timeouts;
    session.router.subscribe<SessionHost>(this, hearing);
  }

  get isLive(): boolean {
    return this.session.isLive;
  }

  get acceptors(): Acceptors {
    return this.session.acceptors;
  }

  get now(): number {
    return this.session.driver.now;
  }

  openChannel(type: string, data: Uint8Array, call: GivenUp): Promise<ChannelPort> {
    return new Promise((resolve, reject) => {
      const { session } = this;
      session.checkOpen();
      let cancel = (): void => {};
      let isGivenUp = false;
      const opened = session.openChannel(type, data, {
        onCancel: (step) => {
          cancel = step;
        },
      });
      const stopListening = call.whenGivenUp((error) => {
        isGivenUp = true;
        cancel();
        reject(error);
      });
      opened.then(
        (port) => {
          stopListening();
          // It may have opened in the very turn in which it was given up.
          if (isGivenUp) port.close();
          else resolve(port);
        },
        (error: unknown) => {
          stopListening();
          reject(error);
        },
      );
    });
  }

  globalRequest(name: string, payload: Uint8Array): Promise<Uint8Array | undefined> {
    return this.session.globalRequest(name, payload);
  }

  startWait(name: WaitName, detail: string, timeout: number, onExpire: () => void): Wait {
    return this.session.startWait(name, detail, timeout, onExpire);
  }

  finishWait(wait: Wait): void {
    this.session.finishWait(wait);
  }

  timeoutError(wait: Wait): SshError {
    return this.session.timeoutError(wait);
  }

  show(forwards: () => readonly ForwardSnapshot[]): void {
    this.session.driver.forwards = forwards;
  }

  onEnd(listener: (cause: SshError) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  ended(cause: SshError): void {
    for (const listener of this.listeners) listener(cause);
    this.listeners.clear();
  }
}

const hearing: Hearing<SessionHost, ClientEvent> = {
  ended: (self, { error }) => self.ended(error),
};

/** What a forward takes; a name that is none of these is refused. */
const forwardOptions: readonly string[] = [
  'timeout',
  'signal',
  'maxConnections',
  'filter',
  'onConnection',
  'onConnectionEnd',
];
const socksOptions: readonly string[] = [...forwardOptions, 'credentials', 'permit'];

/** The forwards of a client, from what a caller gives. */
export class ClientForwarding {
  private readonly forwarding: Forwarding;

  constructor(parts: ClientForwardingParts) {
    this.forwarding = new Forwarding(new SessionHost(parts));
  }

  local(from: ListenPlace, to: TargetPlace, options: ForwardOptions): Promise<Forward> {
    checkOptions('forwardLocal', options, forwardOptions);
    return this.forwarding.local(
      checkListen('the place to listen on', from, loopback),
      checkTarget('the target', to),
      options,
    );
  }

  remote(from: ListenPlace, to: TargetPlace | RemoteHandler, options: ForwardOptions): Promise<Forward> {
    checkOptions('forwardRemote', options, forwardOptions);
    const target = typeof to === 'function' ? to : checkTarget('the target', to);
    return this.forwarding.remoteTo(
      checkListen('the place to listen on', from, remoteLoopback),
      target,
      options,
    );
  }

  socks(from: ListenPlace, options: SocksOptions): Promise<Forward> {
    checkSocks('forwardSocks', options);
    return this.forwarding.socks(checkListen('the place to listen on', from, loopback), options);
  }

  remoteSocks(from: ListenPlace, options: SocksOptions): Promise<Forward> {
    checkSocks('forwardRemoteSocks', options);
    return this.forwarding.remoteSocks(checkListen('the place to listen on', from, remoteLoopback), options);
  }

  list(): readonly Forward[] {
    return this.forwarding.list();
  }
}

function checkOptions(call: string, options: ForwardOptions, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    throw optionsError(`${call} has no option ${JSON.stringify(name)}; it takes ${known.join(', ')}`);
  }
  if (options.timeout !== undefined) checkedTimeout('timeout', options.timeout);
  const { maxConnections } = options;
  if (maxConnections !== undefined && !(Number.isSafeInteger(maxConnections) && maxConnections > 0)) {
    throw optionsError('maxConnections must be a whole number of at least 1');
  }
  for (const name of ['filter', 'onConnection', 'onConnectionEnd', 'permit']) {
    const given = (options as Readonly<Record<string, unknown>>)[name];
    if (given === undefined || typeof given === 'function') continue;
    throw optionsError(`${name} must be a function, not a value of type ${typeof given}`);
  }
}

function checkSocks(call: string, options: SocksOptions): void {
  checkOptions(call, options, socksOptions);
  const { credentials } = options;
  if (credentials === undefined) return;
  const { username, password } = credentials;
  if (typeof username !== 'string' || typeof password !== 'string') {
    throw optionsError('credentials must be { username, password }, both text');
  }
}
