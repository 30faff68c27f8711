/**
 * The table of subcommands.
 *
 * Owns: their names and where each is.
 * Must not know: what they do.
 */

/** Something else this program does than to connect to one host. */
export interface Subcommand {
  /** One line for the help. */
  readonly summary: string;
  /** Loaded when it is used. */
  readonly load: () => Promise<{
    /** @returns the exit status; `argv` is what stands behind the name */
    run(argv: readonly string[]): Promise<number>;
  }>;
}

/** By name. Any other first word is a host. */
export const subcommands: ReadonlyMap<string, Subcommand> = new Map([
  ['bench', { summary: 'measure a server and the path to it', load: () => import('./bench/bench.ts') }],
  ['cp', { summary: 'copy files between machines', load: () => import('./copy/copy.ts') }],
  ['fleet', { summary: 'run a command on many hosts', load: () => import('./fleet/fleet.ts') }],
  [
    'keygen',
    { summary: 'make and convert keys, sign, edit known_hosts', load: () => import('./keygen/keygen.ts') },
  ],
  ['keyscan', { summary: 'print the host keys of many hosts', load: () => import('./keyscan/keyscan.ts') }],
  [
    'sftp-server',
    {
      summary: 'serve the files of this machine, for sshd',
      load: () => import('./sftpServer/sftpServer.ts'),
    },
  ],
  ['sftp', { summary: 'work with files on a server', load: () => import('./sftp/sftp.ts') }],
]);
