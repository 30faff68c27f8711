/**
 * The dial: from options to a client that is ready.
 *
 * Owns: the order link, identification, key exchange, host key, authentication
 * as a caller sees it, and the one deadline over all of it.
 * Must not know: a platform, the protocols' messages.
 */
import { type Wait, WaitTable } from '../base/waits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Driver } from '../io/driver.ts';
import type { LinkOpener } from '../io/link.ts';
import type { RegisteredConnection } from '../io/registry.ts';
import { type ClientEvent, ClientProtocol } from '../protocol/client.ts';
import type { SharedOptions } from '../protocol/options.ts';
import { abortError, checkAborted, onAbort } from './abort.ts';
import { type AgentAccessOptions, agentAccess, agentForwarding } from './agentAccess.ts';
import { Authenticator } from './authentication.ts';
import { channelLink } from './channelLink.ts';
import { Client } from './client.ts';
import { bannerText } from './debugLines.ts';
import { DialSettings } from './dialSettings.ts';
import { orderHostKeyAlgorithms } from './hostKeyOrder.ts';
import { describeHostKey, type HostKeyVerifier, verifyHostKey } from './hostKeys.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { Session } from './session.ts';
import { Standby } from './standby.ts';
import { keySettings, loadUserKeys, type UserKey } from './userKeys.ts';

/** What one who dials many has besides the options. */
export interface DialContext {
  /** The keys of the options, loaded before: many dials need to parse and unlock them once only. */
  readonly keys?: readonly UserKey[] | undefined;
  /** Told of the connection before it is begun; it is heard of again when nothing is left of it. */
  readonly starting?: ((connection: RegisteredConnection) => void) | undefined;
}

/** `connect` on a platform. */
export function createConnect(platform: Platform): (options: ConnectOptions) => Promise<Client> {
  const dial = createDial(platform);
  return (options) => dial(options, {});
}

/** `connect` on a platform, for those in this library who dial many. */
export function createDial(
  platform: Platform,
): (options: ConnectOptions, context: DialContext) => Promise<Client> {
  const settings = new DialSettings();
  return async (given, { keys: loaded, starting }) => {
    // Taken here, where the caller is still on the stack.
    const openedAt = given.captureStack === true ? callerStack() : undefined;
    const options = resolveOptions(given, () => platform.localUser());
    checkAborted(given.signal);
    const keys = loaded ?? (await loadUserKeys(given, keySettings(platform, options.limits, given.crypto)));
    const verifier = given.verifyHostKey ?? platform.defaultHostKeyVerifier();
    const ordered = await orderHostKeyAlgorithms(options, verifier);
    const provider = await platform.cryptoProvider(given.crypto ?? 'auto');
    checkAborted(given.signal);
    return new Dial(platform, settings, ordered, keys, verifier, provider, openedAt).run(starting);
  };
}

/** One dial. Nothing of it stays once the client is ready: it holds the credentials. */
class Dial {
  private readonly platform: Platform;
  private readonly settings: DialSettings;
  private readonly options: ResolvedOptions;
  private readonly verifier: HostKeyVerifier;
  private readonly provider: CryptoProvider;
  private readonly authenticator: Authenticator;
  private readonly session = new Session();
  private readonly waits = new WaitTable();
  private readonly driver: Driver<ClientProtocol>;
  private readonly standby: Standby;
  private dialWait: Wait | undefined;
  private connectWait: Wait | undefined;
  private asking = 0;
  private dialElapsed = 0;
  private resolve: (client: Client) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(
    platform: Platform,
    settings: DialSettings,
    options: ResolvedOptions,
    keys: readonly UserKey[],
    verifier: HostKeyVerifier,
    provider: CryptoProvider,
    openedAt: string | undefined,
  ) {
    const { given, host, port, timeouts, limits } = options;
    const rotation = typeof verifier === 'function' ? undefined : verifier.rotation;
    this.platform = platform;
    this.settings = settings;
    this.options = options;
    this.verifier = verifier;
    this.provider = provider;
    this.standby = new Standby(this.session, provider, limits, given.onDebug, rotation);
    this.authenticator = new Authenticator(given, keys, provider, agentAccess(this.agentOptions()), (line) =>
      this.standby.debug(line),
    );
    this.driver = new Driver<ClientProtocol>(
      {
        clock: platform.clock,
        waits: this.waits,
        timeouts,
        open: this.linkOpener(),
        createCore: (now) => this.createCore(now),
        role: 'client',
        target: host,
        port,
        openedAt,
      },
      this.session,
    );
    this.session.driver = this.driver;
    this.session.unasked = this;
  }

  run(starting: DialContext['starting']): Promise<Client> {
    const { signal } = this.options.given;
    const stopListening = onAbort(signal, () => {
      if (signal !== undefined) this.driver.destroy(abortError(signal));
    });
    const { timeouts, dialTimeout, host, port } = this.options;
    const started = this.platform.clock.now();
    this.dialWait = this.waits.start(
      'dial',
      `the connection to ${host}:${port} to be ready`,
      started,
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

  private agentOptions(): AgentAccessOptions {
    const { platform, session, waits } = this;
    return { platform, session, waits, timeout: this.options.timeouts.agent };
  }

  private linkOpener(): LinkOpener {
    const { given, host, port } = this.options;
    if (given.stream !== undefined) return this.platform.stream(given.stream);
    if (given.via !== undefined) return channelLink(given.via, host, port);
    return this.platform.tcp({ host, port, localAddress: given.localAddress, family: given.family });
  }

  private createCore(now: number): ClientProtocol {
    this.waits.finish(this.connectWait);
    this.standby.debug(`connected to ${this.options.host}:${this.options.port}`);
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
    return new ClientProtocol({
      ...shared,
      settings: this.settings.of(shared),
      waits: this.waits,
      now,
      username,
    });
  }

  handle(event: ClientEvent): void {
    switch (event.type) {
      case 'identified':
        return this.standby.debug(`server is ${event.remote.text}`);
      case 'hostKey':
        return this.checkHostKey(event.hostKey, event.algorithm);
      case 'banner':
        if (event.isCut)
          this.standby.debug('the server sent more banner than limits.bannerBytes; the rest was cut off');
        this.options.given.onBanner?.(bannerText(event));
        return;
      case 'methodWanted':
        return this.askUser(
          'a credential',
          () =>
            this.authenticator.nextAttempt(event, this.session.core.transport.peerExtensions.serverSigAlgs),
          (core, attempt) => {
            this.standby.debug(`trying ${this.authenticator.lastTried}`);
            core.attempt(attempt);
          },
        );
      case 'signatureWanted':
        return this.askUser(
          'a signature',
          () => this.authenticator.sign(event),
          (core, signature) => {
            if (signature === undefined) core.signatureFailed();
            else core.sign(signature);
          },
        );
      case 'passwordChangeWanted':
        return this.askUser(
          'a new password',
          () => this.authenticator.newPassword(event.prompt),
          (core, change) => {
            if (change === undefined) core.refusePasswordChange();
            else core.changePassword(change.old, change.new);
          },
        );
      case 'promptsWanted':
        return this.askUser(
          'answers to prompts',
          () => this.authenticator.answers(event),
          (core, answers) => {
            if (answers === undefined) core.refusePrompts();
            else core.answerPrompts(answers);
          },
        );
      case 'ready':
        return this.ready();
      case 'ended':
        this.authenticator.close();
        this.reject(event.error);
        return;
      default:
        this.standby.handle(event);
    }
  }

  private checkHostKey(hostKey: Uint8Array, algorithm: string): void {
    const { host, port } = this.options;
    const info = describeHostKey(this.provider, host, port, hostKey, algorithm);
    this.standby.debug(`host key is ${info.type} ${info.fingerprint}`);
    this.standby.hostKey = info;
    this.askUser(
      'the host key verdict',
      () => verifyHostKey(this.verifier, info),
      (core) => core.acceptHostKey(),
    );
  }

  private ready(): void {
    const { session, standby } = this;
    const { agent } = this.options.given;
    this.waits.finish(this.dialWait);
    this.dialWait = undefined;
    standby.debug(`authenticated by ${this.authenticator.lastTried}`);
    this.authenticator.close();
    session.agentForwarding = agentForwarding(
      this.agentOptions(),
      typeof agent === 'string' ? agent : undefined,
      (line) => standby.debug(line),
    );
    if (session.agentForwarding === undefined) session.core.transport.keyExchange.firstProof = undefined;
    session.unasked = standby;
    this.resolve(new Client(session, this.platform.streams));
  }

  /** Asks the caller's code; the dial's deadline stands still meanwhile. */
  private askUser<T>(
    what: string,
    ask: () => Promise<T>,
    answer: (core: ClientProtocol, value: T) => void,
  ): void {
    this.session.core.userAsked(what);
    if (this.asking++ === 0) this.pauseDial();
    this.standby.background(ask, (core, value) => {
      if (--this.asking === 0) this.resumeDial();
      answer(core, value);
    });
  }

  private pauseDial(): void {
    if (this.dialWait === undefined) return;
    this.dialElapsed = this.platform.clock.now() - this.dialWait.since;
    this.waits.finish(this.dialWait);
  }

  private resumeDial(): void {
    if (this.dialWait === undefined) return;
    const { detail } = this.dialWait;
    const since = this.platform.clock.now() - this.dialElapsed;
    this.dialWait = this.waits.start('dial', detail, since, this.options.dialTimeout);
  }
}

function callerStack(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  return lines.filter((line) => !/[/\\](client|io)[/\\]connect\.[jt]s/.test(line)).join('\n');
}
