/**
 * One dial: a connection from its link to the client that is ready.
 *
 * Owns: the order link, identification, key exchange, host key, authentication
 * as a caller sees it, and the one deadline over all of it.
 * Must not know: a platform, how the way to the server was found, the protocols' messages.
 */
import type { SshError } from '../../base/errors.ts';
import { type Wait, WaitTable } from '../../base/waits.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { abortError, onAbort } from '../../endpoint/calls/abort.ts';
import { tellUser } from '../../endpoint/calls/userCode.ts';
import { EventRouter, type Hearing } from '../../endpoint/channels/eventRouter.ts';
import { bannerText } from '../../endpoint/debugLines.ts';
import { Driver } from '../../io/driver.ts';
import type { LinkOpener } from '../../io/link.ts';
import type { RegisteredConnection } from '../../io/registry.ts';
import { type ClientEvent, ClientProtocol } from '../../protocol/client.ts';
import type { UserauthQuestion } from '../../userauth/client.ts';
import { type AgentAccessOptions, agentForwarding, UserAgent } from '../agent/agentAccess.ts';
import { Authenticator } from '../authentication/authentication.ts';
import type { KeyWaiter } from '../authentication/lockedKey.ts';
import type { UserKeys } from '../authentication/userKeys.ts';
import { Client } from '../client.ts';
import {
  describeHostKey,
  fingerprintHashOf,
  type HostKeyDial,
  type HostKeyVerifier,
  type LockBounds,
  verifyHostKey,
} from '../hostKeys/hostKeys.ts';
import { type PolicyWait, whileWaiting } from '../hostKeys/lockWait.ts';
import type { Platform } from '../platform.ts';
import { Session } from '../session.ts';
import { channelLink } from './channelLink.ts';
import type { Through } from './hops.ts';
import type { ResolvedOptions } from './options.ts';
import type { ProxyCommand } from './proxyCommand.ts';
import { proxyLink } from './proxyLink.ts';
import { Standby } from './standby.ts';

/** What a dial begins with. */
export interface DialPlan {
  readonly options: ResolvedOptions;
  /** As the options have them; those of `options` are in an order for the host. */
  readonly hostKeyAlgorithms: readonly string[];
  readonly keys: UserKeys;
  readonly verifier: HostKeyVerifier;
  readonly provider: CryptoProvider;
  /** Milliseconds of the dial's time that are gone already: keys were read, hops were reached. */
  readonly elapsed: number;
  /** The connection to dial through, if any. */
  readonly through: Through | undefined;
}

/** One dial. Nothing of it stays once the client is ready: it holds the credentials. */
export class Dial implements KeyWaiter {
  private readonly platform: Platform;
  private readonly plan: DialPlan;
  /** Made for the first question of the server: until then nothing but the keys is needed. */
  private authenticator: Authenticator | undefined;
  private readonly session: Session;
  private readonly waits = new WaitTable();
  private readonly driver: Driver<ClientProtocol>;
  readonly standby: Standby;
  private dialWait: Wait | undefined;
  private connectWait: Wait | undefined;
  private questions = 0;
  private dialElapsed: number;
  /** Hears no more of the connection. */
  private readonly leave: () => void;
  private resolve: (client: Client) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(platform: Platform, plan: DialPlan, openedAt: string | undefined) {
    const { options, verifier, provider } = plan;
    const { given, host, port, target, timeouts, limits, preferences } = options;
    const rotation = typeof verifier === 'function' ? undefined : verifier.rotation;
    const following = rotation && { rotation, preferences, lockTimeout: timeouts.lock };
    this.platform = platform;
    this.plan = plan;
    this.dialElapsed = plan.elapsed;
    const router = new EventRouter<ClientEvent>();
    this.driver = new Driver<ClientProtocol>(
      {
        clock: platform.clock,
        waits: this.waits,
        timeouts,
        open: this.linkOpener(),
        createCore: (now) => this.createCore(now),
        role: 'client',
        target: target ?? `${host}:${port}`,
        openedAt,
      },
      router,
    );
    this.session = new Session(this.driver, router);
    this.standby = new Standby(this.session, provider, limits, given.onDebug, following);
    this.leave = router.subscribe<Dial>(this, hearing);
  }

  /** @param starting told of the connection before it is begun */
  run(starting: ((connection: RegisteredConnection) => void) | undefined): Promise<Client> {
    const { timeouts, dialTimeout, host, port } = this.options;
    const started = this.platform.clock.now();
    this.dialWait = this.waits.start(
      'dial',
      `the connection to ${host}:${port} to be ready`,
      started - this.dialElapsed,
      dialTimeout,
    );
    this.connectWait = this.waits.start(
      'connect',
      `a connection to ${host}:${port}`,
      started,
      timeouts.connect,
    );
    const result = new Promise<Client>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    const { signal } = this.options.given;
    const stopListening = signal && onAbort(signal, () => this.abort(signal));
    starting?.(this.driver);
    this.driver.start();
    return stopListening === undefined ? result : result.finally(stopListening);
  }

  private abort(signal: AbortSignal): void {
    const { driver, waits } = this;
    const innermost = waits.list().at(-1);
    driver.destroy(
      abortError(signal, {
        phase: driver.phase,
        waitingFor: innermost?.name,
        when: `in the phase ${driver.phase}${innermost === undefined ? '' : `, while waiting for ${innermost.detail}`}`,
      }),
    );
  }

  private get options(): ResolvedOptions {
    return this.plan.options;
  }

  private get credentials(): Authenticator {
    const { options, keys, provider, hostKeyAlgorithms } = this.plan;
    this.authenticator ??= new Authenticator(options.given, keys, {
      provider,
      hostKeyAlgorithms,
      agents: new UserAgent(this.agentOptions()),
      debug: (line) => this.standby.debug(line),
      keyWaiter: this,
    });
    return this.authenticator;
  }

  private agentOptions(): AgentAccessOptions {
    const { platform, session, waits } = this;
    return { platform, session, waits, timeout: this.options.timeouts.agent };
  }

  private linkOpener(): LinkOpener {
    const { given, host, port, proxy, timeouts } = this.options;
    if (given.stream !== undefined) return this.platform.stream(given.stream);
    if (this.plan.through !== undefined) return channelLink(this.plan.through, host, port);
    if (this.options.proxyCommand !== undefined) return this.throughCommand(this.options.proxyCommand);
    const waits = { table: this.waits, timeout: timeouts.connect };
    const { localAddress, typeOfService, family } = given;
    const place = proxy ?? { host, port };
    const { host: at, port: by } = place;
    const way = this.platform.tcp({ host: at, port: by, localAddress, typeOfService, family, waits });
    return proxy === undefined
      ? way
      : proxyLink(way, proxy, { host, port }, waits, () => this.platform.clock.now());
  }

  private throughCommand(command: ProxyCommand): LinkOpener {
    return this.platform.command({
      command,
      note: (line) => this.standby.debug(`proxyCommand says: ${line}`),
      waits: this.waits,
      closeTimeout: this.options.timeouts.close,
    });
  }

  private createCore(now: number): ClientProtocol {
    this.waits.finish(this.connectWait);
    const { username, preferences, limits, timeouts, keepAlive, rekey, identification, given } = this.options;
    const core = new ClientProtocol({
      provider: this.plan.provider,
      preferences,
      limits,
      timeouts,
      keepAlive,
      rekey,
      identification,
      requireStrict: given.requireStrictKeyExchange ?? false,
      waits: this.waits,
      now,
      username,
      firstByte: this.options.proxyCommand === undefined ? undefined : timeouts.proxyCommand,
    });
    // The driver does not have the core yet, which is what a fault has to end.
    this.standby.debug(`connected to ${this.options.host}:${this.options.port}`, (fault) => core.fail(fault));
    return core;
  }

  wantMethod(event: UserauthQuestion & { type: 'methodWanted' }): void {
    this.askUser(
      'a credential',
      () => this.credentials.nextAttempt(event, this.session.core.transport.peerExtensions.serverSigAlgs),
      (core, attempt) => {
        this.standby.debug(`trying ${this.credentials.lastTried}`);
        core.attempt(attempt);
      },
    );
  }

  wantSignature(event: UserauthQuestion & { type: 'signatureWanted' }): void {
    this.askUser(
      'a signature',
      () => this.credentials.sign(event),
      (core, signature) => {
        if (signature === undefined) core.signatureFailed();
        else core.sign(signature);
      },
    );
  }

  wantNewPassword(prompt: string): void {
    this.askUser(
      'a new password',
      () => this.credentials.newPassword(prompt),
      (core, change) => {
        if (change === undefined) core.refusePasswordChange();
        else core.changePassword(change.old, change.new);
      },
    );
  }

  wantAnswers(event: UserauthQuestion & { type: 'promptsWanted' }): void {
    this.askUser(
      'answers to prompts',
      () => this.credentials.answers(event),
      (core, answers) => {
        if (answers === undefined) core.refusePrompts();
        else core.answerPrompts(answers);
      },
    );
  }

  ended(cause: SshError): void {
    this.authenticator?.close();
    this.reject(cause);
  }

  showBanner(event: UserauthQuestion & { type: 'banner' }): void {
    if (event.isCut) {
      this.standby.debug('the server sent more banner than limits.bannerBytes; the rest was cut off');
    }
    const message = bannerText(event);
    const { onBanner } = this.options.given;
    const { phase } = this.driver;
    tellUser(
      'onBanner',
      () => onBanner?.(message),
      (fault) => this.driver.fail(fault),
      { phase },
    );
  }

  checkHostKey(hostKey: Uint8Array, algorithm: string): void {
    const { host, port } = this.options;
    const { provider, verifier } = this.plan;
    const hash = fingerprintHashOf(verifier);
    const info = {
      ...describeHostKey(provider, host, port, hostKey, algorithm, hash),
      address: this.address,
    };
    this.standby.debug(`host key is ${info.type} ${info.fingerprint}`);
    this.standby.noteHostKey(info);
    this.askUser(
      'the host key verdict',
      () => verifyHostKey(verifier, info, this.hostKeyDial()),
      (core) => core.acceptHostKey(),
    );
  }

  /** The server's own address; undefined where something else stands in between. */
  private get address(): string | undefined {
    const { given, proxy, proxyCommand } = this.options;
    const isDirect = [given.stream, this.plan.through, proxy, proxyCommand].every((way) => way === undefined);
    return isDirect ? this.driver.addresses()?.remoteAddress : undefined;
  }

  private hostKeyDial(): HostKeyDial {
    return {
      warn: (line) => this.standby.warn(line),
      note: (line) => this.standby.debug(`note: ${line}`),
      whileLocked: (detail, work) => this.whileWaiting('lock', detail, work),
      whileRunning: (detail, work) => this.whileWaiting('knownHostsCommand', detail, work),
    };
  }

  /** Of what is left of the dial half is for others: a key that cannot be kept must not end it. */
  private async whileWaiting<T>(
    name: PolicyWait,
    detail: string,
    work: (bounds: LockBounds) => Promise<T>,
  ): Promise<T> {
    const { dialTimeout, timeouts } = this.options;
    const timeout = Math.min(timeouts[name], (dialTimeout - this.dialElapsed) / 2);
    if (--this.questions === 0) this.resumeDial();
    try {
      return await whileWaiting(this.session, name, detail, timeout, work);
    } finally {
      if (this.questions++ === 0) this.pauseDial();
    }
  }

  /** Milliseconds of the dial's time that are gone. */
  get elapsed(): number {
    return this.dialElapsed;
  }

  ready(): void {
    const { session, standby } = this;
    const { agent } = this.options.given;
    this.pauseDial();
    this.dialWait = undefined;
    standby.debug(`authenticated by ${this.credentials.lastTried}`);
    this.authenticator?.close();
    // Its listener may have failed, or ended the connection.
    if (!session.isLive) return;
    const forwarding = agentForwarding(
      this.agentOptions(),
      typeof agent === 'string' ? agent : undefined,
      (line) => standby.debug(line),
    );
    if (forwarding === undefined) session.core.transport.keyExchange.firstProof = undefined;
    this.leave();
    // Nothing of the options that holds a credential.
    const { host, port, limits, timeouts, given } = this.options;
    const options = { host, port, limits, timeouts, maxChannels: given.maxChannels };
    this.resolve(new Client(session, { platform: this.platform, options }, forwarding));
  }

  /** Asks the caller's code; the dial's deadline stands still meanwhile. */
  private askUser<T>(
    what: string,
    ask: () => Promise<T>,
    answer: (core: ClientProtocol, value: T) => void,
  ): void {
    if (!this.session.isLive) return;
    this.session.core.userAsked(what);
    if (this.questions++ === 0) this.pauseDial();
    this.standby.background(ask, (core, value) => {
      if (--this.questions === 0) this.resumeDial();
      answer(core, value);
    });
  }

  /** The time that a person needs for a passphrase is not the dial's … */
  asking(): void {
    if (!this.session.isLive) return;
    this.session.core.at(this.driver.now).userAsked('a passphrase');
    this.pauseDial();
    this.driver.touch();
  }

  /** … and the time that this side needs to unlock the key with it is. */
  deriving(): void {
    if (!this.session.isLive) return;
    this.session.core.at(this.driver.now).keyUnlocking();
    this.resumeDial();
    this.driver.touch();
  }

  private pauseDial(): void {
    if (this.dialWait === undefined || !this.waits.has(this.dialWait)) return;
    this.dialElapsed = this.platform.clock.now() - this.dialWait.since;
    this.waits.finish(this.dialWait);
  }

  private resumeDial(): void {
    if (this.dialWait === undefined || this.waits.has(this.dialWait)) return;
    const { detail } = this.dialWait;
    const since = this.platform.clock.now() - this.dialElapsed;
    this.dialWait = this.waits.start('dial', detail, since, this.options.dialTimeout);
  }
}

/** The dial hears of what happens until the client is ready; what concerns every connection is the standby's. */
const hearing: Hearing<Dial, ClientEvent> = {
  identified: (self, { remote }) => self.standby.debug(`server is ${remote.text}`),
  hostKey: (self, { hostKey, algorithm }) => self.checkHostKey(hostKey, algorithm),
  banner: (self, event) => self.showBanner(event),
  methodWanted: (self, event) => self.wantMethod(event),
  signatureWanted: (self, event) => self.wantSignature(event),
  passwordChangeWanted: (self, { prompt }) => self.wantNewPassword(prompt),
  promptsWanted: (self, event) => self.wantAnswers(event),
  ready: (self) => self.ready(),
  ended: (self, { error }) => self.ended(error),
};
