/**
 * What the laboratory knows about a server.
 *
 * Owns: the description of one, and the start of servers that are our own small
 * programs around somebody's library (`programs/README.md`).
 * Must not know: what is tried on it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KeyFile, KeyKind, Lab } from '../support/servers/index.ts';
import { type ServerProcess, startServerProcess } from '../support/servers/processes.ts';

/** The features that the laboratory looks at, in the order of the matrix. */
export const features = {
  kex: 'key exchange',
  hostKey: 'host keys',
  cipher: 'ciphers',
  mac: 'MACs',
  compression: 'compression',
  password: 'password',
  keyboardInteractive: 'keyboard-interactive',
  publickey: 'public keys',
  exec: 'command, status',
  exitSignal: 'exit signal',
  download: 'download',
  upload: 'upload',
  ourRekey: 'rekey by us',
  theirRekey: 'rekey by it',
  windowChange: 'window change',
  closeOrders: 'EOF and close',
  unreadInput: 'input left unread',
  channels: '8 channels',
  subsystem: 'subsystem',
  keepAlive: 'keep-alive',
  forwarding: 'direct-tcpip',
  remoteForwarding: 'tcpip-forward',
  unixForwarding: 'direct-streamlocal',
  remoteUnixForwarding: 'streamlocal-forward',
} as const;

export type Feature = keyof typeof features;

/** Those that are about connections through the server. */
export type ForwardFeature = Extract<Feature, `${string}orwarding`>;

/** The command lines by which a server does what `programs/README.md` lists. */
export interface Commands {
  readonly status: (status: number) => string;
  readonly send: (count: number) => string;
  /** Its output begins with the hash. */
  readonly hash: string;
  readonly echo: string;
  readonly size: string;
  readonly signal: string;
}

/** Why a feature is not there, and what of the conversation shows it. */
export interface Lack {
  readonly why: string;
  /** Found in the error that the client reports. */
  readonly shows: RegExp;
}

/** A server that runs. */
export interface Running {
  readonly process: ServerProcess;
  readonly hostKeys: readonly KeyFile[];
  readonly username: string;
  readonly password: string;
}

export interface StartOptions {
  /** Let it ask for new keys after so many bytes; 0 leaves it to the server. */
  readonly rekeyBytes: number;
  /** File that `send` sends. */
  readonly pattern: string;
}

export interface InteropServer {
  readonly name: string;
  /** Why it cannot run here; undefined where it can. */
  readonly obstacle: () => string | undefined;
  /** Name and version of the package that has it. */
  readonly version: () => string;
  readonly start: (lab: Lab, options: StartOptions) => Promise<Running>;
  readonly commands: (pattern: string) => Commands;
  /** User keys it takes; all where not given. The others must be refused. */
  readonly userKeys?: readonly KeyKind[] | undefined;
  /** Methods of authentication that it must offer. */
  readonly methods: readonly string[];
  /** A subsystem it has, and whether it echoes or speaks SFTP. */
  readonly subsystem: 'echo' | 'sftp' | undefined;
  /** How it comes to ask for new keys: told to after some bytes, by itself after very many, or not at all. */
  readonly rekeys:
    | 'option'
    | 'optionOnceAMinute'
    | { readonly afterBytes: number }
    | { readonly never: string };
  /** Log in by password where nothing else is asked for; by the first of its user keys otherwise. */
  readonly byPassword?: boolean | undefined;
  /** Why a command that leaves its input unread may end without a status: now and then, as the wire shows. */
  readonly losesStatus?: string | undefined;
  /** Why it may end the whole connection where a command leaves input unread. */
  readonly hangsUp?: string | undefined;
  /** Why it cannot be asked for any free port. */
  readonly saysNoPort?: string | undefined;
  /** Why it may go on listening where a forward is cancelled. */
  readonly keepsListening?: string | undefined;
  /** It lets one channel be open, or one in all, on a connection. */
  readonly oneChannel?: boolean | undefined;
  /** It has nothing that is offered by default; everything both sides know is offered to it by name. */
  readonly legacy?: boolean | undefined;
  /** Features it does not have. */
  readonly lacks?: Readonly<Partial<Record<Feature, Lack>>> | undefined;
  /** Algorithms both sides name that do not work with it, by name. */
  readonly brokenAlgorithms?: Readonly<Record<string, Lack>> | undefined;
}

/** The first of some commands that has something to say against running; each is a program and its arguments. */
export function missing(
  ...probes: readonly (readonly [program: string, ...args: string[]])[]
): string | undefined {
  for (const [program, ...args] of probes) {
    const { status, error } = spawnSync(program, args, { stdio: 'ignore', env: withSbin() });
    if (error !== undefined || status !== 0) return `"${[program, ...args].join(' ')}" fails`;
  }
  return process.getuid?.() === 0 ? undefined : 'needs to run as root';
}

/** Servers are often outside the PATH of a plain user. */
export function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
}

/** Name and version of installed Debian packages. */
export function debianVersion(name: string, root: string = '/'): string {
  const { stdout } = spawnSync('dpkg-query', ['--admindir', join(root, 'var/lib/dpkg'), '-s', name], {
    encoding: 'utf8',
  });
  return `${name} ${/^Version: (.*)$/m.exec(stdout)?.[1] ?? 'unknown'}`;
}

/** Path of one of the programs of this folder. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
}

/** Commands of servers that start a shell. */
export const shellCommands = (pattern: string): Commands => ({
  status: (status) => `echo out; echo err >&2; exit ${status}`,
  send: (count) =>
    count === Number.POSITIVE_INFINITY ? 'exec cat /dev/zero' : `exec head -c ${count} ${pattern}`,
  hash: 'exec sha256sum',
  echo: 'exec cat',
  size: 'while stty size; do sleep 0.05; done',
  signal: 'kill -TERM $$',
});

/** Commands of our own programs. */
export const programCommands = (): Commands => ({
  status: (status) => `status ${status}`,
  send: (count) => `send ${count === Number.POSITIVE_INFINITY ? 1_000_000_000_000 : count}`,
  hash: 'hash',
  echo: 'echo',
  size: 'size',
  signal: 'signal',
});

/** Starts one of our own programs with its environment. */
export async function startProgram(
  lab: Lab,
  { pattern, rekeyBytes }: StartOptions,
  command: readonly string[],
  hostKinds: readonly KeyKind[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const hostKeys = hostKinds.map((kind) => lab.hostKeys.of(kind));
  const [username, password] = [lab.account.name, 'correct horse'];
  const server = await startServerProcess({
    program: '/usr/bin/env',
    args: (port) => [`LAB_PORT=${port}`, ...command],
    environment: {
      LAB_HOST_KEYS: hostKeys.map(({ path }) => path).join(':'),
      LAB_USER: username,
      LAB_PASSWORD: password,
      LAB_AUTHORIZED_KEYS: lab.authorize(),
      LAB_PATTERN: pattern,
      LAB_REKEY_BYTES: String(rekeyBytes),
      ...environment,
    },
  });
  lab.keep(server);
  return { process: server, hostKeys, username, password };
}

/** The account of the lab, as servers know it that log real users in. */
export function accountOf(lab: Lab): { readonly username: string; readonly password: string } {
  return { username: lab.account.name, password: lab.account.password ?? '' };
}
