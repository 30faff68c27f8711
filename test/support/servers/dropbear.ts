/**
 * dropbear for tests.
 *
 * Owns: its command line.
 * Must not know: what is tested.
 */
import type { KeyKind } from './keys.ts';
import type { Lab } from './lab.ts';
import { startServerProcess } from './processes.ts';
import { pathOf } from './programs.ts';
import { TestServer } from './testServer.ts';

export interface DropbearOptions {
  readonly hostKeys?: readonly KeyKind[] | undefined;
  /** User keys that are let in. */
  readonly userKeys?: readonly KeyKind[] | undefined;
  /** Further lines of authorized_keys. */
  readonly authorizedKeys?: readonly string[] | undefined;
  /** Further arguments of the command line. */
  readonly args?: readonly string[] | undefined;
}

/** It takes four at most. */
const defaultHostKeys: readonly KeyKind[] = ['ed25519', 'ecdsa256', 'rsa'];

/** Starts dropbear in the lab; it ends with the lab unless it is stopped before. */
export async function startDropbear(lab: Lab, options: DropbearOptions = {}): Promise<TestServer> {
  const { hostKeys = defaultHostKeys, userKeys, authorizedKeys, args = [] } = options;
  const host = hostKeys.map((kind) => lab.dropbearHostKeys.of(kind));
  lab.authorize(userKeys, authorizedKeys);
  const pidFile = lab.newPath();
  const server = await startServerProcess({
    program: pathOf('dropbear'),
    args: (port) => [
      ...['-F', '-E', '-m', '-p', `127.0.0.1:${port}`, '-P', pidFile],
      ...host.flatMap(({ path }) => ['-r', path]),
      ...args,
    ],
  });
  lab.keep(server);
  return new TestServer(lab, server, host);
}
