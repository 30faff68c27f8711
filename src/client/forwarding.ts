/**
 * Forwarding on a client's connection.
 *
 * Owns: what forwarding gets of a session, the checks of what a caller gives.
 * Must not know: how a forward works.
 */
import { utf8Encode } from '../base/bytes.ts';
import type { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import {
  abortSignal,
  anyObject,
  callback,
  checkArgument,
  checkOptions,
  milliseconds,
  type OptionRule,
  type OptionTable,
  secretly,
  wholeNumber,
} from '../base/optionChecks.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitName } from '../base/waits.ts';
import type { Acceptors } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { Hearing } from '../endpoint/channels/eventRouter.ts';
import type { Forward, ForwardOptions } from '../forwarding/forward.ts';
import { Forwarding, type RemoteHandler, type SocksOptions } from '../forwarding/forwarding.ts';
import type { CancellableCall, ForwardingHost, GivenUp } from '../forwarding/host.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import {
  checkListen,
  checkListenThere,
  checkTarget,
  type ListenPlace,
  loopback,
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

  globalRequest(
    name: string,
    payload: Uint8Array,
    late?: (answer: Uint8Array) => void,
  ): Promise<Uint8Array | undefined> {
    return this.session.globalRequest(name, payload, late);
  }

  announce(name: string, payload: Uint8Array): void {
    this.session.announce(name, payload);
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

  addressed(error: SshError): SshError {
    return this.session.addressed(error);
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

const forwardTable: OptionTable<ForwardOptions> = {
  timeout: milliseconds,
  signal: abortSignal,
  maxConnections: wholeNumber(1, Number.POSITIVE_INFINITY),
  filter: callback,
  onConnection: callback,
  onConnectionEnd: callback,
};

const socksTable: OptionTable<SocksOptions> = {
  ...forwardTable,
  credentials: secretly({ ...anyObject, takes: '{ username, password }' }),
  permit: callback,
};

/** RFC 1929 §2 has one byte for each length. */
const socksText: OptionRule = secretly({
  takes: 'a string of 1 to 255 bytes',
  accepts: (value) => typeof value === 'string' && value !== '' && utf8Encode(value).length <= 255,
});

const credentialsTable: OptionTable<NonNullable<SocksOptions['credentials']>> = {
  username: socksText,
  password: socksText,
};

/**
 * Checks what a forward is given beside its places.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkForwardOptions(call: 'forwardLocal' | 'forwardRemote', options: ForwardOptions): void {
  checkOptions(options, { of: call, table: forwardTable });
}

/**
 * Checks what a SOCKS proxy is given beside its place.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkSocksOptions(call: 'forwardSocks' | 'forwardRemoteSocks', options: SocksOptions): void {
  checkOptions(options, { of: call, table: socksTable });
  const { credentials } = options;
  if (credentials === undefined) return;
  checkOptions(credentials, { of: 'credentials', table: credentialsTable, prefix: 'credentials.' });
  checkArgument('credentials.username', credentials.username, socksText);
  checkArgument('credentials.password', credentials.password, socksText);
}

/** The forwards of a client, from what a caller gives. */
export class ClientForwarding {
  private readonly forwarding: Forwarding;

  constructor(parts: ClientForwardingParts) {
    this.forwarding = new Forwarding(new SessionHost(parts));
  }

  local(from: ListenPlace, to: TargetPlace, options: ForwardOptions): Promise<Forward> {
    return this.forwarding.local(checkListen('from', from, loopback), checkTarget('to', to), options);
  }

  remote(
    from: ListenPlace,
    to: TargetPlace | RemoteHandler,
    options: ForwardOptions,
    call: CancellableCall,
  ): Promise<Forward> {
    const target = typeof to === 'function' ? to : checkTarget('to', to);
    return this.forwarding.remoteTo(checkListenThere('from', from), target, options, call);
  }

  socks(from: ListenPlace, options: SocksOptions): Promise<Forward> {
    return this.forwarding.socks(checkListen('from', from, loopback), options);
  }

  remoteSocks(from: ListenPlace, options: SocksOptions, call: CancellableCall): Promise<Forward> {
    return this.forwarding.remoteSocks(checkListenThere('from', from), options, call);
  }

  list(): readonly Forward[] {
    return this.forwarding.list();
  }
}
