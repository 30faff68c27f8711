/**
 * A server of this library's own in the process of the test, and users who can log in.
 *
 * Owns: its keys, its port, its end; homes that hold a key and know the host.
 * Must not know: what is tested.
 */
import { afterAll, beforeAll } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../../src/entry/keys.ts';
import { createServer, type ServerOptions, type SshServer } from '../../../src/entry/server.ts';
import { type Home, useHomes } from './home.ts';

export interface OwnServer {
  readonly server: SshServer;
  readonly port: number;
  /** A user who can log in to it, and knows it; `there` is its name in the configuration. */
  home(...config: readonly string[]): Home;
}

/** A server for the tests of this file. */
export function useOwnServer(options: Partial<ServerOptions>): OwnServer {
  const newHome = useHomes();
  const [userKey, hostKey] = [generateKey('ed25519'), generateKey('ed25519')];
  const known = formatPublicKey(userKey.publicKey);
  let server: SshServer | undefined;
  let port = 0;
  beforeAll(async () => {
    server = await createServer({
      hostKeys: hostKey,
      authentication: { publicKey: (_username, { key }) => formatPublicKey(key) === known },
      failureDelay: 0,
      ...options,
    });
    ({ port } = await server.listen());
  });
  afterAll(() => server?.close());
  return {
    get server() {
      if (server === undefined) throw new Error('there is a server only while tests run');
      return server;
    },
    get port() {
      return port;
    },
    home: (...config) => {
      const home = newHome();
      home.write('id_ed25519', formatPrivateKey(userKey));
      home.write('known_hosts', `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}\n`);
      const there = ['Host there', '  HostName 127.0.0.1', `  Port ${port}`, '  User ops'];
      home.write('config', `${[...config, ...there].join('\n')}\n`);
      return home;
    },
  };
}
