/**
 * A server: accepts connections and serves them.
 *
 * Owns: the set of connections and its bound, the server's own end.
 * Must not know: how the platform listens (its acceptor is given), what
 * connections serve.
 */
import { SshError } from '../base/errors.ts';
import type { Platform } from '../client/platform.ts';
import type { Duplex } from '../client/streams.ts';
import { loadKeys } from '../client/userKeys.ts';
import { loadAll } from '../crypto/load.ts';
import type { PrivateKey } from '../crypto/privateKey.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { LinkOpener } from '../io/link.ts';
import type { CoreSettings } from '../protocol/options.ts';
import { serverSettings } from '../protocol/server.ts';
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from './options.ts';
import { ServerConnection } from './serverConnection.ts';

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What a platform listens with. */
export interface Acceptor {
  readonly address: ServerAddress;
  /** Accepts no more; resolves when the listening socket is gone. */
  close(): Promise<void>;
}

/** A platform that can listen as well. */
export interface ServerPlatform extends Platform {
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

export class SshServer {
  private readonly platform: ServerPlatform;
  private readonly options: ResolvedServerOptions;
  private readonly provider: CryptoProvider;
  private readonly hostKeys: readonly PrivateKey[];
  /** Of all connections. */
  private readonly settings: CoreSettings;
  private readonly live = new Set<ServerConnection>();
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
    if (this.listening !== undefined || this.closing) {
      throw new SshError('ERR_SSH_OPTIONS', 'the server listens already, or was closed', {
        phase: 'options',
        origin: 'user',
      });
    }
    this.listening = this.platform.listen(
      { host, port },
      (open, from) => this.serve(open, from),
      () => this.closing || this.live.size >= this.options.maxConnections,
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
    if (this.closing) throw new SshError('ERR_SSH_CLOSED', 'the server is closed', { origin: 'user' });
    if (this.live.size >= this.options.maxConnections) {
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
    await Promise.all([acceptor?.close(), ...[...this.live].map((connection) => connection.close())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private serve(open: LinkOpener, from: string): ServerConnection {
    const { platform, options, provider, hostKeys, settings } = this;
    const shared = { platform, options, provider, hostKeys, settings };
    const connection = new ServerConnection({ ...shared, open, target: from });
    this.live.add(connection);
    void connection.closed.then((cause) => {
      this.live.delete(connection);
      if (cause.code !== 'ERR_SSH_DISCONNECTED' && cause.code !== 'ERR_SSH_CLOSED') reportTo(options, cause);
    });
    connection.start();
    return connection;
  }
}

/** The reporter's own fault has nobody left to be reported to. */
function reportTo({ given }: ResolvedServerOptions, error: unknown): void {
  try {
    given.onError?.(error);
  } catch {}
}

/** `createServer` on a platform. */
export function createServerOn(platform: ServerPlatform): (options: ServerOptions) => Promise<SshServer> {
  return async (given) => {
    const options = resolveServerOptions(given);
    const provider = await platform.cryptoProvider(given.crypto ?? 'auto');
    const keys = await loadKeys({ privateKey: given.hostKeys }, options.limits, () => platform.pause());
    if (keys.length === 0) {
      throw new SshError('ERR_SSH_OPTIONS', 'hostKeys is empty', { phase: 'options', origin: 'user' });
    }
    // Signatures of clients are checked synchronously, whatever their type.
    await loadAll(provider);
    return new SshServer(
      platform,
      options,
      provider,
      keys.map(({ key }) => key),
    );
  };
}
