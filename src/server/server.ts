/**
 * A server: accepts connections and serves them.
 *
 * Owns: the set of connections and its bound, the server's own end.
 * Must not know: how the platform listens (its acceptor is given), what
 * connections serve.
 */
import { SshError } from '../base/errors.ts';
import type { PrivateKey } from '../crypto/keys/privateKey.ts';
import { loadAll } from '../crypto/provider/load.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import { tellUser } from '../endpoint/calls/userCode.ts';
import type { EndpointPlatform } from '../endpoint/platform.ts';
import { loadKeys } from '../endpoint/privateKeys.ts';
import type { Duplex } from '../endpoint/streams.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import type { LinkOpener } from '../io/link.ts';
import type { CoreSettings } from '../protocol/options.ts';
import { serverSettings } from '../protocol/server.ts';
import { addressIn, networkOf } from './admission/clientAddress.ts';
import { KeyExchangeBudget } from './admission/keyExchangeBudget.ts';
import { type Newcomer, Newcomers } from './admission/newcomers.ts';
import { checkAcceptedStream, checkListenArguments, checkServerOptions } from './optionChecks.ts';
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from './options.ts';
import { ServerConnection } from './serverConnection.ts';

/** Where a server listens. */
export interface ServerAddress {
  /** The address that is listened on. */
  readonly host: string;
  /** The port that is listened on. */
  readonly port: number;
}

/** What a platform listens with. */
export interface Acceptor {
  readonly address: ServerAddress;
  /** Accepts no more; resolves when the listening socket is gone. */
  close(): Promise<void>;
}

/** A platform that can listen as well. */
export interface ServerPlatform extends EndpointPlatform {
  /** For forwarding: listening and connecting on this machine. */
  readonly network: LocalNetwork;
  /**
   * @param failed told of a connection that could not be accepted; others go on
   * @throws SshError `ERR_SSH_CONNECT` when it cannot listen there
   */
  listen(
    address: ServerAddress,
    accepted: (open: LinkOpener, from: string) => void,
    refuse: () => boolean,
    failed: (error: SshError) => void,
  ): Promise<Acceptor>;
}

/** A server, as `createServer` makes it. */
export class SshServer {
  private readonly platform: ServerPlatform;
  private readonly options: ResolvedServerOptions;
  private readonly provider: CryptoProvider;
  private readonly hostKeys: readonly PrivateKey[];
  /** Of all connections. */
  private readonly settings: CoreSettings;
  private readonly live = new Set<ServerConnection>();
  /** Dropped, and not freed yet. */
  private readonly leaving = new Set<ServerConnection>();
  private readonly newcomers: Newcomers;
  private readonly budget: KeyExchangeBudget;
  private listening: Promise<Acceptor> | undefined;
  private closing = false;

  constructor(
    platform: ServerPlatform,
    options: ResolvedServerOptions,
    provider: CryptoProvider,
    hostKeys: readonly PrivateKey[],
  ) {
    this.platform = platform;
    this.options = options;
    this.provider = provider;
    this.hostKeys = hostKeys;
    this.budget = new KeyExchangeBudget(options.keyExchangeBudget);
    this.newcomers = new Newcomers(options.maxStartups, () => randomFraction(provider));
    this.settings = serverSettings({ ...options, provider, hostKeys, requireStrict: false });
  }

  /**
   * Listens for connections.
   *
   * @param port 0 for any free one
   * @param host loopback where not given
   * @throws SshError `ERR_SSH_CONNECT` when the port is taken or not allowed
   */
  async listen(port: number = 0, host: string = '127.0.0.1'): Promise<ServerAddress> {
    checkListenArguments(port, host);
    if (this.listening !== undefined || this.closing) {
      throw new SshError('ERR_SSH_OPTIONS', 'the server listens already, or was closed', {
        phase: 'options',
        origin: 'user',
      });
    }
    this.listening = this.platform.listen(
      { host, port },
      (open, from) => this.serve(open, from),
      () => this.closing || !this.makeRoom(),
      (error) => reportTo(this.options, error),
    );
    try {
      return (await this.listening).address;
    } catch (error) {
      // Another port may do.
      this.listening = undefined;
      throw error;
    }
  }

  /**
   * Serves a client over a stream of the caller.
   *
   * @throws SshError `ERR_SSH_CLOSED` once the server is closed, `ERR_SSH_LIMIT` beyond `maxConnections`
   */
  accept(stream: Duplex): ServerConnection {
    checkAcceptedStream(stream);
    if (this.closing) throw new SshError('ERR_SSH_CLOSED', 'the server is closed', { origin: 'user' });
    if (!this.makeRoom()) {
      throw new SshError(
        'ERR_SSH_LIMIT',
        `${this.live.size} connections are served, and no more are allowed`,
        {
          phase: 'connect',
          origin: 'local',
        },
      );
    }
    return this.serve(this.platform.stream(stream), 'stream');
  }

  /** The connections there are. */
  connections(): readonly ServerConnection[] {
    return [...this.live];
  }

  /** Accepts no more, says goodbye to all clients and frees everything, within the `close` timeout. */
  async close(): Promise<void> {
    this.closing = true;
    const acceptor = await this.listening?.catch(() => undefined);
    const leaving = [...this.leaving].map((connection) => connection.closed);
    const closing = [...this.live].map((connection) => connection.close());
    await Promise.all([acceptor?.close(), ...leaving, ...closing]);
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether there is room for one more; a connection that has not logged in makes it where there is none. */
  private makeRoom(): boolean {
    return this.live.size < this.options.maxConnections || this.newcomers.dropOne();
  }

  private serve(open: LinkOpener, from: string): ServerConnection {
    const { platform, options, provider, hostKeys, budget, newcomers, live, leaving } = this;
    const now = platform.clock.now();
    const connection = new ServerConnection({
      platform,
      options,
      provider,
      hostKeys,
      settings: this.settings,
      budget,
      open,
      target: from,
      loggedIn: () => newcomers.remove(newcomer),
    });
    const newcomer: Newcomer = {
      network: networkOf(addressIn(from) ?? from),
      since: now,
      progress: () => connection.progress,
      drop: () => {
        live.delete(connection);
        leaving.add(connection);
        connection.drop(droppedError(newcomers.size));
      },
    };
    newcomers.add(newcomer, now);
    live.add(connection);
    void connection.closed.then((cause) => {
      newcomers.remove(newcomer);
      live.delete(connection);
      leaving.delete(connection);
      if (cause.code !== 'ERR_SSH_DISCONNECTED' && cause.code !== 'ERR_SSH_CLOSED') reportTo(options, cause);
    });
    connection.start();
    return connection;
  }
}

function droppedError(others: number): SshError {
  return new SshError(
    'ERR_SSH_LIMIT',
    `dropped to make room for another client: ${others + 1} had not logged in; maxStartups sets how many may wait`,
    { phase: 'authentication', origin: 'local' },
  );
}

/** From 0 to 1. */
function randomFraction(provider: CryptoProvider): number {
  const [a = 0, b = 0] = provider.randomBytes(2);
  return (a * 256 + b) / 65_536;
}

/** The reporter's own fault has nobody left to be reported to. */
function reportTo({ given }: ResolvedServerOptions, error: unknown): void {
  tellUser(
    'onError',
    () => given.onError?.(error),
    () => {},
  );
}

/** `createServer` on a platform. */
export function createServerOn(platform: ServerPlatform): (options: ServerOptions) => Promise<SshServer> {
  return async (given) => {
    checkServerOptions(given);
    const options = resolveServerOptions(given);
    const provider = await platform.cryptoProvider(given.crypto ?? 'auto');
    const keys = await loadKeys(given.hostKeys, { limits: options.limits, pause: () => platform.pause() });
    if (keys.length === 0) {
      throw new SshError('ERR_SSH_OPTIONS', 'hostKeys is empty', { phase: 'options', origin: 'user' });
    }
    // Signatures of clients are checked synchronously, whatever their type.
    await loadAll(provider);
    for (const { key } of keys) provider.keep?.(key);
    return new SshServer(
      platform,
      options,
      provider,
      keys.map(({ key }) => key),
    );
  };
}
