/**
 * OpenSSH's sshd for tests.
 *
 * Owns: its configuration and command line.
 * Must not know: what is tested.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { FarNetwork } from './farNetwork.ts';
import { type KeyKind, keyKinds } from './keys.ts';
import type { Lab } from './lab.ts';
import { startServerProcess } from './processes.ts';
import { isRoot, pathOf } from './programs.ts';
import { TestServer } from './testServer.ts';

export interface OpenSshOptions {
  readonly hostKeys?: readonly KeyKind[] | undefined;
  /** User keys that are let in. */
  readonly userKeys?: readonly KeyKind[] | undefined;
  /** Further lines of authorized_keys. */
  readonly authorizedKeys?: readonly string[] | undefined;
  /** Keywords of sshd_config, in place of those below. */
  readonly config?: Readonly<Record<string, string | number>> | undefined;
  /** A free one where not given. */
  readonly port?: number | undefined;
  /** Where it runs, at its first address; this machine's own network where not given. */
  readonly network?: FarNetwork | undefined;
}

/** Starts sshd in the lab; it ends with the lab unless it is stopped before. */
export async function startOpenSsh(lab: Lab, options: OpenSshOptions = {}): Promise<TestServer> {
  const { hostKeys = keyKinds, userKeys = keyKinds, authorizedKeys, config = {}, network } = options;
  const program = pathOf('sshd');
  // sshd keeps its unprivileged child there and refuses to start without it.
  if (isRoot) mkdirSync('/run/sshd', { recursive: true });
  const host = hostKeys.map((kind) => lab.hostKeys.of(kind));
  const lines = [
    ...host.map(({ path }) => `HostKey ${path}`),
    ...Object.entries({ ...baseConfig(), ...(network && { ListenAddress: '0.0.0.0' }), ...config }).map(
      ([keyword, value]) => `${keyword} ${value}`,
    ),
    `AuthorizedKeysFile ${lab.authorize(userKeys, authorizedKeys)}`,
  ];
  const file = lab.file(`${lines.join('\n')}\n`);
  const args = (port: number): string[] => ['-D', '-e', '-f', file, '-p', String(port)];
  const server = await startServerProcess(
    network === undefined
      ? { program, args, port: options.port }
      : {
          program: network.within(program, []).program,
          args: (port) => network.within(program, args(port)).args,
          host: network.addresses[0],
        },
  );
  lab.keep(server);
  return new TestServer(lab, server, host, network?.addresses[0]);
}

function baseConfig(): Readonly<Record<string, string | number>> {
  return {
    ListenAddress: '127.0.0.1',
    PidFile: 'none',
    LogLevel: 'VERBOSE',
    UsePAM: 'no',
    UseDNS: 'no',
    StrictModes: 'no',
    PermitRootLogin: 'yes',
    PasswordAuthentication: 'yes',
    KbdInteractiveAuthentication: 'no',
    MaxAuthTries: 30,
    MaxStartups: 1000,
    MaxSessions: 200,
    Subsystem: 'sftp internal-sftp',
    AcceptEnv: 'DLSSH_*',
    ...(knowsPenalties() ? { PerSourcePenalties: 'no' } : {}),
  };
}

/** From 9.8 on sshd refuses addresses that fail often, which is what tests do. */
function knowsPenalties(): boolean {
  const { stderr } = spawnSync(pathOf('sshd'), ['-V'], { encoding: 'utf8' });
  const [, major, minor] = /OpenSSH_(\d+)\.(\d+)/.exec(stderr) ?? [];
  return Number(major) * 100 + Number(minor) >= 908;
}
