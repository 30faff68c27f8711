/**
 * What the tests of one file share: a folder, an account, keys, servers.
 *
 * Owns: their making before the first test and their removal after the last;
 * the server's log beside each test that fails; the law that no test leaves a
 * connection behind.
 * Must not know: how a server is started.
 */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { liveConnections } from '../../../src/io/registry.ts';
import { type Account, createAccount } from './account.ts';
import { type KeyKind, KeyRing, keyKinds, makeDropbearKey, makeOpenSshKey } from './keys.ts';
import { runningServers, type ServerProcess } from './processes.ts';

/** Milliseconds that the making of keys, users and servers may take. */
export const setupTimeout = 60_000;

export class Lab {
  readonly folder: string;
  readonly account: Account;
  readonly hostKeys: KeyRing;
  readonly dropbearHostKeys: KeyRing;
  readonly userKeys: KeyRing;
  private readonly servers: ServerProcess[] = [];
  private files = 0;

  constructor() {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-')));
    // The account has to reach its home in here.
    chmodSync(this.folder, 0o755);
    this.account = createAccount(join(this.folder, 'home'));
    this.hostKeys = new KeyRing(join(this.folder, 'host'), makeOpenSshKey);
    this.dropbearHostKeys = new KeyRing(join(this.folder, 'dropbear'), makeDropbearKey);
    this.userKeys = new KeyRing(join(this.folder, 'user'), makeOpenSshKey);
  }

  /** A new file in the folder, readable for everybody unless `mode` says otherwise. */
  file(content: string | Uint8Array, mode: number = 0o644): string {
    const path = this.newPath();
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  /** A path in the folder that nothing has yet. */
  newPath(): string {
    return join(this.folder, `file-${this.files++}`);
  }

  /** The account lets these keys in. */
  authorize(kinds: readonly KeyKind[] = keyKinds, extraLines: readonly string[] = []): string {
    const lines = [...kinds.map((kind) => this.userKeys.of(kind).publicLine), ...extraLines];
    const path = join(this.folder, 'authorized_keys');
    writeFileSync(path, `${lines.join('\n')}\n`);
    if (this.account.home.startsWith(this.folder)) this.authorizeAtHome(lines);
    return path;
  }

  /** Where dropbear looks for them. */
  private authorizeAtHome(lines: readonly string[]): void {
    const folder = join(this.account.home, '.ssh');
    const path = join(folder, 'authorized_keys');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    for (const owned of [folder, path]) this.account.own(owned);
  }

  keep(server: ServerProcess): void {
    this.servers.push(server);
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.stop();
    this.account.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * A lab for the suite around the call; it exists while tests and hooks run.
 *
 * @param settings `leavesConnections` for suites that look for leftovers themselves
 */
export function useLab(): () => Lab {
  let lab: Lab | undefined;
  beforeAll(() => {
    lab = new Lab();
  }, setupTimeout);
  afterAll(() => lab?.close(), setupTimeout);
  beforeEach(() => {
    for (const server of runningServers) server.markLog();
  });
  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const { port, recentLog } of runningServers) {
      console.error(`the server on port ${port} logged during "${task.name}":\n${recentLog}`);
    }
  });
  afterEach(nothingIsLeft);
  return () => {
    if (lab === undefined) throw new Error('there is a lab only while tests run');
    return lab;
  };
}

/** No connection outlives its test; one that is being closed has a moment for that. */
export async function nothingIsLeft(): Promise<void> {
  const live = (): string[] => liveConnections().map((connection) => describeLeftover(connection.snapshot()));
  await expect.poll(live, { timeout: 5_000, interval: 5 }).toEqual([]);
}

function describeLeftover({
  id,
  target,
  phase,
  waits,
}: ReturnType<ReturnType<typeof liveConnections>[number]['snapshot']>): string {
  return `connection ${id} to ${target} in ${phase}, waiting for ${waits.map((wait) => wait.waitingFor).join(', ')}`;
}
