/**
 * What a client sees to for as long as a connection lives, unasked.
 *
 * Owns: the code that a key exchange wants, what goes to the debug listener, the
 * host keys that a server announces. It outlives the dial, and so holds no
 * credentials.
 * Must not know: options, authentication, channels.
 */
import { escapeText } from '../../base/bytes.ts';
import type { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { tellUser } from '../../endpoint/calls/userCode.ts';
import type { Hearing } from '../../endpoint/channels/eventRouter.ts';
import { chosenGroupLine, keysExchangedLine } from '../../endpoint/debugLines.ts';
import { hostKeysAnnouncement } from '../../message/globalRequest.ts';
import type { ClientEvent, ClientProtocol } from '../../protocol/client.ts';
import type { AlgorithmPreferences } from '../../transport/kex/negotiation.ts';
import { rotateHostKeys } from '../hostKeys/hostKeyRotation.ts';
import type { HostKeyDial, HostKeyInfo, HostKeyRotation } from '../hostKeys/hostKeys.ts';
import { whileWaiting } from '../hostKeys/lockWait.ts';
import type { Session } from '../session.ts';

/** How the host keys that a server announces are followed. */
export interface Following {
  readonly rotation: HostKeyRotation;
  readonly preferences: AlgorithmPreferences;
  /** Milliseconds that a lock on a file is waited for. */
  readonly lockTimeout: number;
}

export class Standby {
  private readonly session: Session;
  private readonly provider: CryptoProvider;
  private readonly limits: Limits;
  private readonly onDebug: ((line: string) => void) | undefined;
  private readonly following: Following | undefined;
  /** As the verifier was shown it, until the server has announced its keys; kept only where these are followed. */
  private hostKey: HostKeyInfo | undefined;

  constructor(
    session: Session,
    provider: CryptoProvider,
    limits: Limits,
    onDebug: ((line: string) => void) | undefined,
    following: Following | undefined,
  ) {
    this.session = session;
    this.provider = provider;
    this.limits = limits;
    this.onDebug = onDebug;
    this.following = following;
    session.router.subscribe(this, hearing);
    if (following === undefined) return;
    // A server may announce its keys as often as it likes; it is listened to once.
    const stop = session.acceptors.onRequest(hostKeysAnnouncement.name, (request) => {
      stop();
      this.followHostKeys(request.payload);
      request.reply(false);
    });
  }

  /** The host key that the verifier is shown. */
  noteHostKey(info: HostKeyInfo): void {
    if (this.following !== undefined) this.hostKey = info;
  }

  loadAlgorithms(loaders: readonly (() => Promise<void>)[]): void {
    this.background(
      () => Promise.all(loaders.map((load) => load())),
      (core) => core.algorithmsLoaded(),
    );
  }

  /**
   * Does some work beside the connection, and goes on with its outcome if the
   * connection still lives. A fault of either ends the connection.
   */
  background<T>(work: () => Promise<T>, done: (core: ClientProtocol, value: T) => void): void {
    const { driver } = this.session;
    work().then(
      (value) => driver.quietly((core) => done(core, value)),
      (error: unknown) => driver.quietly((core) => core.fail(error)),
    );
  }

  /** @param failed told of a fault of the listener, where it is not to end the connection through its driver */
  debug(line: string, failed: (fault: SshError) => void = (fault) => this.session.fail(fault)): void {
    const { onDebug, session } = this;
    if (onDebug !== undefined) tellUser('onDebug', () => onDebug(line), failed, { phase: session.phase });
  }

  /** Something that people should know although it stops nothing. */
  warn(line: string): void {
    this.debug(`warning: ${line}`);
  }

  private followHostKeys(announcement: Uint8Array): void {
    const { hostKey: info, following, session, provider, limits } = this;
    this.hostKey = undefined;
    const { sessionId } = session.core.transport.keyExchange;
    if (following === undefined || info === undefined || sessionId === undefined) return;
    const { rotation, preferences, lockTimeout } = following;
    const dial: HostKeyDial = {
      warn: (line) => this.warn(line),
      whileLocked: (detail, work) => whileWaiting(session, 'lock', detail, lockTimeout, work),
    };
    void rotateHostKeys(
      {
        rotation,
        info,
        sessionId,
        provider,
        limits,
        algorithms: [...preferences.hostKey, ...(preferences.wider?.hostKey ?? [])],
        dial,
        request: (name, payload) => session.globalRequest(name, payload),
        debug: (line) => this.debug(line),
      },
      announcement,
    );
  }
}

const hearing: Hearing<Standby, ClientEvent> = {
  algorithmsWanted: (self, { loaders }) => self.loadAlgorithms(loaders),
  keyExchanged: (self, event) => {
    const group = chosenGroupLine(event);
    if (group !== undefined) self.debug(group);
    self.debug(keysExchangedLine(event));
  },
  debug: (self, { message }) => self.debug(`server says: ${escapeText(message)}`),
};
