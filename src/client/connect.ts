/**
 * The dial: from options to a client that is ready.
 *
 * Owns: the order link, identification, key exchange, host key, authentication
 * as a caller sees it, and the one deadline over all of it.
 * Must not know: a platform, the protocols' messages.
 */
import { escapeLines, escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { type Wait, WaitTable } from '../base/waits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Driver } from '../io/driver.ts';
import type { LinkOpener } from '../io/link.ts';
import type { RegisteredConnection } from '../io/registry.ts';
import { hostKeysAnnouncement } from '../message/globalRequest.ts';
import { type ClientEvent, ClientProtocol } from '../protocol/client.ts';
import { abortError, checkAborted, onAbort } from './abort.ts';
import { Agent } from './agent.ts';
import { AgentForwarding } from './agentForwarding.ts';
import { AgentLink, agentError } from './agentLink.ts';
import { type AgentAccess, Authenticator } from './authentication.ts';
import { channelLink } from './channelLink.ts';
import { Client } from './client.ts';
import { keysExchangedLine } from './debugLines.ts';
import { orderHostKeyAlgorithms } from './hostKeyOrder.ts';
import { type RotationContext, rotateHostKeys } from './hostKeyRotation.ts';
import { describeHostKey, type HostKeyInfo, type HostKeyVerifier, verifyHostKey } from './hostKeys.ts';
import { type ConnectOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { Session } from './session.ts';
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
    return new Dial(platform, ordered, keys, verifier, provider, openedAt).run(starting);
  };
}

/** One dial. */
class Dial {
  private readonly platform: Platform;
  private readonly options: ResolvedOptions;
  private readonly verifier: HostKeyVerifier;
  private readonly provider: CryptoProvider;
  private readonly authenticator: Authenticator;
  private readonly session = new Session();
  private readonly waits = new WaitTable();
  private readonly driver: Driver<ClientProtocol>;
  /** As the verifier was shown it, until the server has announced its keys. */
  private hostKey: HostKeyInfo | undefined;
  private dialWait: Wait | undefined;
  private connectWait: Wait | undefined;
  private asking = 0;
  private dialElapsed = 0;
  private resolve: (client: Client) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(
    platform: Platform,
    options: ResolvedOptions,
    keys: readonly UserKey[],
    verifier: HostKeyVerifier,
    provider: CryptoProvider,
    openedAt: string | undefined,
  ) {
    const { given, host, port, timeouts } = options;
    this.platform = platform;
    this.options = options;
    this.verifier = verifier;
    this.provider = provider;
    this.authenticator = new Authenticator(given, keys, this.provider, this.agentAccess(), (line) =>
      this.debug(line),
    );
    this.driver = new Driver<ClientProtocol>(
      {
        clock: platform.clock,
        waits: this.waits,
        timeouts,
        open: this.linkOpener(),
        createCore: (now) => this.createCore(now),
        role: 'client',
        target: `${host}:${port}`,
        openedAt,
      },
      this.session,
    );
    this.session.driver = this.driver;
    this.session.dial = (event) => this.handle(event);
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

  private agentAccess(): AgentAccess {
    const { platform, waits } = this;
    const userPath = platform.agentPath();
    const { agent } = this.options.timeouts;
    return {
      isThere: userPath !== undefined,
      open: (given) => {
        const path = given ?? userPath;
        if (path === undefined) throw agentError('there is no agent: SSH_AUTH_SOCK is not set');
        const open = platform.local(path);
        return new Agent(new AgentLink({ open, clock: platform.clock, waits, timeout: agent, path }));
      },
      bind: (opened) => this.bindSession(opened, false),
    };
  }

  /** An agent that knows nothing of sessions signs all the same; one that is no agent shows it here. */
  private async bindSession(agent: Agent, isForwarding: boolean): Promise<void> {
    const { firstProof, sessionId } = this.session.core.transport.keyExchange;
    if (firstProof === undefined || sessionId === undefined) return;
    const { hostKey, signature } = firstProof;
    await agent.bindSession({ hostKey, sessionId, signature, isForwarding });
  }

  private linkOpener(): LinkOpener {
    const { given, host, port } = this.options;
    if (given.stream !== undefined) return this.platform.stream(given.stream);
    if (given.via !== undefined) return channelLink(given.via, host, port);
    return this.platform.tcp({ host, port, localAddress: given.localAddress, family: given.family });
  }

  private createCore(now: number): ClientProtocol {
    this.waits.finish(this.connectWait);
    this.debug(`connected to ${this.options.host}:${this.options.port}`);
    const { username, preferences, limits, timeouts, keepAlive, rekey, identification, given } = this.options;
    return new ClientProtocol({
      provider: this.provider,
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
    });
  }

  private handle(event: ClientEvent): void {
    switch (event.type) {
      case 'identified':
        return this.debug(`server is ${event.remote.text}`);
      case 'algorithmsWanted':
        return this.background(
          () => Promise.all(event.loaders.map((load) => load())),
          (core) => core.algorithmsLoaded(),
        );
      case 'hostKey':
        return this.checkHostKey(event.hostKey, event.algorithm);
      case 'keyExchanged':
        return this.debug(keysExchangedLine(event));
      case 'banner':
        this.options.given.onBanner?.(escapeLines(event.message));
        return;
      case 'methodWanted':
        return this.askUser(
          'a credential',
          () =>
            this.authenticator.nextAttempt(event, this.session.core.transport.peerExtensions.serverSigAlgs),
          (core, attempt) => {
            this.debug(`trying ${this.authenticator.lastTried}`);
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
      case 'debug':
        return this.debug(`server says: ${escapeText(event.message)}`);
      case 'globalRequest':
        if (event.name === hostKeysAnnouncement.name) this.followHostKeys(event.payload);
        return;
      case 'ready':
        return this.ready();
      case 'ended':
        this.authenticator.close();
        this.reject(event.error);
        return;
      default:
    }
  }

  private checkHostKey(hostKey: Uint8Array, algorithm: string): void {
    const { host, port } = this.options;
    const info = describeHostKey(this.provider, host, port, hostKey, algorithm);
    this.debug(`host key is ${info.type} ${info.fingerprint}`);
    this.hostKey = info;
    this.askUser(
      'the host key verdict',
      () => verifyHostKey(this.verifier, info),
      (core) => core.acceptHostKey(),
    );
  }

  /** A server may announce its keys as often as it likes; it is listened to once. */
  private followHostKeys(announcement: Uint8Array): void {
    const { verifier, hostKey: info, session, provider } = this;
    this.hostKey = undefined;
    const { sessionId } = session.core.transport.keyExchange;
    if (typeof verifier === 'function' || verifier.rotation === undefined) return;
    if (info === undefined || sessionId === undefined) return;
    const { limits } = this.options;
    const context: RotationContext = {
      rotation: verifier.rotation,
      info,
      sessionId,
      provider,
      limits,
      request: (name, payload) => session.globalRequest(name, payload),
      debug: (line) => this.debug(line),
    };
    void rotateHostKeys(context, announcement);
  }

  /** For the commands that ask for it. */
  private offerAgent(): void {
    const { agent } = this.options.given;
    const access = this.agentAccess();
    const path = typeof agent === 'string' ? agent : undefined;
    if (path === undefined && !access.isThere) return;
    this.session.agentForwarding = new AgentForwarding({
      open: () => {
        const opened = access.open(path);
        return {
          bind: () => this.bindSession(opened, true),
          forward: (message) => opened.forward(message),
          close: () => opened.close(),
        };
      },
      debug: (line) => this.debug(line),
    });
  }

  private ready(): void {
    this.waits.finish(this.dialWait);
    this.dialWait = undefined;
    this.connectWait = undefined;
    this.debug(`authenticated by ${this.authenticator.lastTried}`);
    this.authenticator.close();
    this.offerAgent();
    this.resolve(new Client(this.session, this.platform.streams));
  }

  /** Asks the caller's code; the dial's deadline stands still meanwhile. */
  private askUser<T>(
    what: string,
    ask: () => Promise<T>,
    answer: (core: ClientProtocol, value: T) => void,
  ): void {
    this.session.core.userAsked(what);
    if (this.asking++ === 0) this.pauseDial();
    this.background(ask, (core, value) => {
      if (--this.asking === 0) this.resumeDial();
      answer(core, value);
    });
  }

  private background<T>(work: () => Promise<T>, done: (core: ClientProtocol, value: T) => void): void {
    const settle = (step: (core: ClientProtocol) => void): void => {
      const { driver } = this;
      const { core } = driver;
      if (core === undefined || core.cause !== undefined || driver.cause !== undefined) return;
      core.at(driver.now);
      step(core);
      driver.touch();
    };
    work().then(
      (value) => settle((core) => done(core, value)),
      (error: unknown) => settle((core) => core.fail(callerError(error))),
    );
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

  private debug(line: string): void {
    this.options.given.onDebug?.(line);
  }
}

function callerError(error: unknown): SshError {
  if (error instanceof SshError) return error;
  return new SshError('ERR_SSH_AUTHENTICATION_FAILED', 'a function given to connect failed', {
    phase: 'authentication',
    origin: 'user',
    cause: error,
  });
}

function callerStack(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  return lines.filter((line) => !/[/\\](client|io)[/\\]connect\.[jt]s/.test(line)).join('\n');
}
