/**
 * The dial: from options to a client that is ready.
 *
 * Owns: the order link, identification, key exchange, host key, authentication
 * as a caller sees it, and the one deadline over all of it.
 * Must not know: a platform, the protocols' messages.
 */
import { addressed, spelled } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import { type Wait, WaitTable } from '../../base/waits.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { abortError, checkAborted, onAbort, untilAborted } from '../../endpoint/calls/abort.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import { tellUser } from '../../endpoint/calls/userCode.ts';
import { EventRouter, type Hearing } from '../../endpoint/channels/eventRouter.ts';
import { bannerText } from '../../endpoint/debugLines.ts';
import { Driver } from '../../io/driver.ts';
import type { LinkOpener } from '../../io/link.ts';
import type { RegisteredConnection } from '../../io/registry.ts';
import { type ClientEvent, ClientProtocol } from '../../protocol/client.ts';
import type { SharedOptions } from '../../protocol/options.ts';
import type { UserauthQuestion } from '../../userauth/client.ts';
import { type AgentAccessOptions, agentAccess, agentForwarding } from '../agent/agentAccess.ts';
import { Authenticator } from '../authentication/authentication.ts';
import { keyPatience } from '../authentication/keyPatience.ts';
import { keySettings, loadUserKeys, type UserKeys } from '../authentication/userKeys.ts';
import { Client } from '../client.ts';
import { orderHostKeyAlgorithms } from '../hostKeys/hostKeyOrder.ts';
import {
  describeHostKey,
  type HostKeyDial,
  type HostKeyVerifier,
  type LockBounds,
  verifyHostKey,
} from '../hostKeys/hostKeys.ts';
import { type PolicyWait, whileWaiting } from '../hostKeys/lockWait.ts';
import type { Platform } from '../platform.ts';
import { Session } from '../session.ts';
import { channelLink } from './channelLink.ts';
import { DialSettings } from './dialSettings.ts';
import {
  checkHops,
  dialHops,
  type PlannedHop,
  planHops,
  type Reached,
  type Route,
  type Through,
} from './hops.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import type { ProxyCommand } from './proxyCommand.ts';
import { proxyLink } from './proxyLink.ts';
import { Standby } from './standby.ts';

/** What one who dials many has besides the options. */
export interface DialContext {
  /** The keys of the options, loaded before: many dials need to parse and unlock them once only. */
  readonly keys?: UserKeys | undefined;
  /** Told of the connection before it is begun; it is heard of again when nothing is left of it. */
  readonly starting?: ((connection: RegisteredConnection) => void) | undefined;
  /** Where in the caller's code the connection is opened. */
  readonly site?: CallSite | undefined;
  /** What the connection runs through. It is freed where the dial fails. */
  readonly through?: Through | undefined;
}

/** What a dial needs before there is a connection. */
interface Prepared {
  readonly options: ResolvedOptions;
  /** As the options have them; those of `options` are in an order for the host. */
  readonly hostKeyAlgorithms: readonly string[];
  readonly keys: UserKeys;
  readonly verifier: HostKeyVerifier;
  readonly provider: CryptoProvider;
  /** Milliseconds of the dial's time that reading the keys took. */
  readonly elapsed: number;
}

/** What a dial begins with: the hops are reached, and their time is gone as well. */
interface Ready extends Prepared {
  readonly through: Through | undefined;
}

/** How far a dial is that has no link yet. */
const notBegun = { phase: 'options', when: 'before it connected' } as const;

/** `connect` on a platform. */
export function createConnect(platform: Platform): (options: ConnectOptions) => Promise<Client> {
  const dial = createDial(platform);
  return function connect(options) {
    const site = new CallSite(connect);
    return publicCall({ site }, () => dial(options, { site }));
  };
}

/** `connect` on a platform, for those in this library who dial many. */
export function createDial(
  platform: Platform,
): (options: ConnectOptions, context: DialContext) => Promise<Client> {
  const dials = new Dials(platform);
  return async (given, context) => (await dials.dial(given, context)).client;
}

/** Dials the hops of `via` alone, for those in this library who share them among many connections. */
export function createWay(
  platform: Platform,
): (options: ConnectOptions, context: DialContext) => Promise<Through | undefined> {
  const dials = new Dials(platform);
  return (given, context) => dials.way(given, context);
}

/** The dials of a platform: each with its hops, which are dials as well. */
class Dials {
  private readonly platform: Platform;
  private readonly settings = new DialSettings();

  constructor(platform: Platform) {
    this.platform = platform;
  }

  async dial(given: ConnectOptions, context: DialContext): Promise<Reached> {
    const options = this.resolved(given);
    const hops = planHops(given);
    checkHops(hops, options, (hop) => this.resolved(hop));
    const prepared = await this.named(options, context, () => {
      checkAborted(given.signal, notBegun);
      return untilAborted(given.signal, prepare(this.platform, options, context.keys), notBegun);
    });
    // What a hop ends by names the hop.
    const where = spelled(options);
    const { elapsed, through = context.through } = await this.reach(hops, prepared, where, context);
    const { site, starting } = context;
    const openedAt = given.captureStack === true ? site?.frames.join('\n') : undefined;
    return this.named(options, { through }, async () => {
      checkAborted(given.signal, notBegun);
      const dial = new Dial(this.platform, this.settings, { ...prepared, elapsed, through }, openedAt);
      return { client: await dial.run(starting), elapsed: dial.elapsed };
    });
  }

  /** The hops of a connection alone: what many connections run through. */
  async way(given: ConnectOptions, context: DialContext): Promise<Through | undefined> {
    const options = this.resolved(given);
    const hops = planHops(given);
    checkHops(hops, undefined, (hop) => this.resolved(hop));
    const prepared = await untilAborted(
      given.signal,
      prepare(this.platform, options, context.keys),
      notBegun,
    );
    return (await this.reach(hops, prepared, 'the targets', context)).through;
  }

  private reach(
    hops: readonly PlannedHop[],
    prepared: Prepared,
    target: string,
    { site }: DialContext,
  ): Promise<Route> {
    const { options, keys, elapsed } = prepared;
    const { given, dialTimeout: timeout } = options;
    return dialHops(hops, {
      timeout,
      elapsed,
      signal: given.signal,
      keys,
      target,
      dial: (hop, through, known) => this.dial(hop, { keys: known, site, through }),
    });
  }

  /** A step of a dial: its error names the target, and what the dial would have run through is freed. */
  private async named<T>(
    { target }: ResolvedOptions,
    { through }: DialContext,
    step: () => Promise<T>,
  ): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (through?.isOwned === true) through.client.destroy();
      throw error instanceof SshError && target !== undefined ? addressed(error, target) : error;
    }
  }

  private resolved(options: ConnectOptions): ResolvedOptions {
    return resolveOptions(options, () => this.platform.localUser(), this.platform.asciiName);
  }
}

async function prepare(
  platform: Platform,
  options: ResolvedOptions,
  loaded: UserKeys | undefined,
): Promise<Prepared> {
  const { given, limits, dialTimeout: timeout } = options;
  const { clock } = platform;
  const began = clock.now();
  try {
    const patience = keyPatience({ clock, timeout, signal: given.signal, at: notBegun });
    const settings = keySettings(platform, limits, given.crypto);
    const keys = loaded ?? (await loadUserKeys(given, settings, patience));
    const elapsed = clock.now() - began;
    const verifier = given.verifyHostKey ?? platform.defaultHostKeyVerifier();
    const ordered = await orderHostKeyAlgorithms(options, verifier);
    const provider = await platform.cryptoProvider(given.crypto ?? 'auto');
    const hostKeyAlgorithms = options.preferences.hostKey;
    return { options: ordered, hostKeyAlgorithms, keys, verifier, provider, elapsed };
  } catch (error) {
    // What knows no phase by itself, such as code that could not be loaded.
    if (error instanceof SshError && error.phase === 'connection') error.phase = notBegun.phase;
    throw error;
  }
}

/** One dial. Nothing of it stays once the client is ready: it holds the credentials. */
class Dial {
  private readonly platform: Platform;
  private readonly settings: DialSettings;
  private readonly options: ResolvedOptions;
  private readonly verifier: HostKeyVerifier;
  private readonly provider: CryptoProvider;
  private readonly through: Through | undefined;
  private readonly authenticator: Authenticator;
  private readonly session: Session;
  private readonly waits = new WaitTable();
  private readonly driver: Driver<ClientProtocol>;
  readonly standby: Standby;
  private dialWait: Wait | undefined;
  private connectWait: Wait | undefined;
  private asking = 0;
  private dialElapsed: number;
  /** Hears no more of the connection. */
  private readonly leave: () => void;
  private resolve: (client: Client) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(
    platform: Platform,
    settings: DialSettings,
    { options, hostKeyAlgorithms, keys, verifier, provider, elapsed, through }: Ready,
    openedAt: string | undefined,
  ) {
    const { given, host, port, target, timeouts, limits, preferences } = options;
    const rotation = typeof verifier === 'function' ? undefined : verifier.rotation;
    const following = rotation && { rotation, preferences, lockTimeout: timeouts.lock };
    this.platform = platform;
    this.settings = settings;
    this.options = options;
    this.verifier = verifier;
    this.provider = provider;
    this.dialElapsed = elapsed;
    this.through = through;
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
    this.authenticator = new Authenticator(given, keys, {
      provider,
      hostKeyAlgorithms,
      agents: agentAccess(this.agentOptions()),
      debug: (line) => this.standby.debug(line),
      keyWaiter: { asking: () => this.passphraseAsked(), deriving: () => this.keyUnlocking() },
    });
    this.leave = router.subscribe<Dial>(this, hearing);
  }

  run(starting: DialContext['starting']): Promise<Client> {
    const { signal } = this.options.given;
    const stopListening = onAbort(signal, () => {
      if (signal !== undefined) this.abort(signal);
    });
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
    starting?.(this.driver);
    this.driver.start();
    return result.finally(stopListening);
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

  private agentOptions(): AgentAccessOptions {
    const { platform, session, waits } = this;
    return { platform, session, waits, timeout: this.options.timeouts.agent };
  }

  private linkOpener(): LinkOpener {
    const { given, host, port, proxy, timeouts } = this.options;
    if (given.stream !== undefined) return this.platform.stream(given.stream);
    if (this.through !== undefined) return channelLink(this.through, host, port);
    if (this.options.proxyCommand !== undefined) return this.throughCommand(this.options.proxyCommand);
    const waits = { table: this.waits, timeout: timeouts.connect };
    const { localAddress, family } = given;
    const place = proxy ?? { host, port };
    const way = this.platform.tcp({ host: place.host, port: place.port, localAddress, family, waits });
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
    const shared: SharedOptions = {
      provider: this.provider,
      preferences,
      limits,
      timeouts,
      keepAlive,
      rekey,
      identification,
      requireStrict: given.requireStrictKeyExchange ?? false,
    };
    const core = new ClientProtocol({
      ...shared,
      settings: this.settings.of(shared),
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
      () => this.authenticator.nextAttempt(event, this.session.core.transport.peerExtensions.serverSigAlgs),
      (core, attempt) => {
        this.standby.debug(`trying ${this.authenticator.lastTried}`);
        core.attempt(attempt);
      },
    );
  }

  wantSignature(event: UserauthQuestion & { type: 'signatureWanted' }): void {
    this.askUser(
      'a signature',
      () => this.authenticator.sign(event),
      (core, signature) => {
        if (signature === undefined) core.signatureFailed();
        else core.sign(signature);
      },
    );
  }

  wantNewPassword(prompt: string): void {
    this.askUser(
      'a new password',
      () => this.authenticator.newPassword(prompt),
      (core, change) => {
        if (change === undefined) core.refusePasswordChange();
        else core.changePassword(change.old, change.new);
      },
    );
  }

  wantAnswers(event: UserauthQuestion & { type: 'promptsWanted' }): void {
    this.askUser(
      'answers to prompts',
      () => this.authenticator.answers(event),
      (core, answers) => {
        if (answers === undefined) core.refusePrompts();
        else core.answerPrompts(answers);
      },
    );
  }

  ended(cause: SshError): void {
    this.authenticator.close();
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
    const info = { ...describeHostKey(this.provider, host, port, hostKey, algorithm), address: this.address };
    this.standby.debug(`host key is ${info.type} ${info.fingerprint}`);
    this.standby.hostKey = info;
    this.askUser(
      'the host key verdict',
      () => verifyHostKey(this.verifier, info, this.hostKeyDial()),
      (core) => core.acceptHostKey(),
    );
  }

  /** The server's own address; undefined where something else stands in between. */
  private get address(): string | undefined {
    const { given, proxy, proxyCommand } = this.options;
    const isDirect = [given.stream, this.through, proxy, proxyCommand].every((way) => way === undefined);
    return isDirect ? this.driver.snapshot().addresses?.remoteAddress : undefined;
  }

  private hostKeyDial(): HostKeyDial {
    return {
      warn: (line) => this.standby.warn(line),
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
    if (--this.asking === 0) this.resumeDial();
    try {
      return await whileWaiting(this.session, name, detail, timeout, work);
    } finally {
      if (this.asking++ === 0) this.pauseDial();
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
    standby.debug(`authenticated by ${this.authenticator.lastTried}`);
    this.authenticator.close();
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
    if (this.asking++ === 0) this.pauseDial();
    this.standby.background(ask, (core, value) => {
      if (--this.asking === 0) this.resumeDial();
      answer(core, value);
    });
  }

  /** The time that a person needs for a passphrase is not the dial's … */
  private passphraseAsked(): void {
    if (!this.session.isLive) return;
    this.session.core.at(this.driver.now).userAsked('a passphrase');
    this.pauseDial();
    this.driver.touch();
  }

  /** … and the time that this side needs to unlock the key with it is. */
  private keyUnlocking(): void {
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
