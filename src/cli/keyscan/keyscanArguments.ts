/**
 * The command line of `deadline-ssh keyscan`.
 *
 * Owns: its options, which are those of ssh-keyscan(1), its help, the lines of a
 * list of hosts.
 * Must not know: how keys are come by.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { parsePort, parseTarget } from '../../client/dial/target.ts';
import { LetterOptions } from '../letterOptions.ts';
import { parseDuration } from '../remote/arguments.ts';

/** The key types that are asked for, and the algorithms that prove each. */
const types = {
  rsa: ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
  ecdsa: ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ed25519: ['ssh-ed25519'],
  ed448: ['ssh-ed448'],
  'ecdsa-sk': ['sk-ecdsa-sha2-nistp256@openssh.com'],
  'ed25519-sk': ['sk-ssh-ed25519@openssh.com'],
} as const;

export type ScannedType = keyof typeof types;

const defaultTypes: readonly ScannedType[] = ['rsa', 'ecdsa', 'ed25519', 'ecdsa-sk', 'ed25519-sk'];

export interface KeyscanArguments {
  /** Hosts of the command line; their port is `port` where they name none. */
  readonly hosts: readonly ScannedHost[];
  /** Files with a list of hosts; `-` for standard input. */
  readonly files: readonly string[];
  readonly port: number;
  /** Each is asked for by a connection of its own: the algorithms of one type. */
  readonly algorithms: readonly (readonly string[])[];
  /** Milliseconds for each connection. */
  readonly timeout: number;
  readonly family: 4 | 6 | undefined;
  /** -H: the names of hosts are hidden. */
  readonly isHashed: boolean;
  /** -D: SSHFP records in place of lines of known_hosts. */
  readonly isSshfp: boolean;
  /** -q: nothing but keys. */
  readonly isQuiet: boolean;
}

export interface ScannedHost {
  /** To connect to. */
  readonly host: string;
  readonly port: number | undefined;
  /** As the line names it. */
  readonly name: string;
}

export const keyscanHelp = `Usage: deadline-ssh keyscan [options] host…

Prints the host keys of many hosts, as lines of known_hosts. Nothing vouches for
them: compare the fingerprints before you trust them. The options are those of
ssh-keyscan.

  -4, -6               use only IPv4, or only IPv6
  -c                   ask for certificates instead of keys
  -D                   print SSHFP records for the DNS
  -f FILE              read hosts from FILE, one a line; - reads standard input.
                       A line may have addresses, a blank, and the names to
                       print
  -H                   hide the names of hosts
  -p PORT              the port (default 22)
  -q                   print only keys
  -T TIME              the time for each connection, until its key (default 5 s)
  -t TYPE,…            rsa, ecdsa, ed25519, ecdsa-sk, ed25519-sk, ed448; the
                       default is all except the last
      --help           print this text

Exit status: 0 if it found a key; 1 if it found none; 255 for a bad option.
`;

interface Draft {
  files: string[];
  port: number;
  types: string | undefined;
  timeout: number;
  family: 4 | 6 | undefined;
  isHashed: boolean;
  isSshfp: boolean;
  isQuiet: boolean;
  isCertificate: boolean;
  help: boolean;
}

type Flag = 'isHashed' | 'isSshfp' | 'isQuiet' | 'isCertificate';

function flag(letter: string, name: Flag) {
  return {
    letter,
    apply: (draft: Draft) => {
      draft[name] = true;
    },
  };
}

const options = new LetterOptions<Draft>('deadline-ssh keyscan', [
  ...([4, 6] as const).map((family) => ({
    letter: String(family),
    apply: (draft: Draft) => {
      draft.family = family;
    },
  })),
  flag('c', 'isCertificate'),
  flag('D', 'isSshfp'),
  flag('H', 'isHashed'),
  flag('q', 'isQuiet'),
  { letter: 'v', apply: () => {} },
  { letter: 'f', value: 'FILE', apply: (draft, value) => void draft.files.push(value) },
  {
    letter: 'p',
    value: 'PORT',
    apply: (draft, value) => {
      draft.port = parsePort(value);
    },
  },
  {
    letter: 'T',
    value: 'TIME',
    apply: (draft, value) => {
      draft.timeout = parseDuration(value);
    },
  },
  {
    letter: 't',
    value: 'TYPES',
    apply: (draft, value) => {
      draft.types = value;
    },
  },
  {
    name: 'help',
    apply: (draft) => {
      draft.help = true;
    },
  },
]);

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseKeyscanArguments(argv: readonly string[]): KeyscanArguments | 'help' {
  const draft: Draft = {
    files: [],
    port: 22,
    types: undefined,
    timeout: 5_000,
    family: undefined,
    isHashed: false,
    isSshfp: false,
    isQuiet: false,
    isCertificate: false,
    help: false,
  };
  const { next } = options.take(argv, 0, draft);
  if (draft.help) return 'help';
  const hosts = argv.slice(next).flatMap((text) => parseHostLine(text));
  if (hosts.length === 0 && draft.files.length === 0) {
    throw optionsError('there is no host to scan; try deadline-ssh keyscan --help');
  }
  const named = draft.types === undefined ? defaultTypes : draft.types.split(',').map(typeOf);
  const { files, port, timeout, family, isHashed, isSshfp, isQuiet, isCertificate } = draft;
  return {
    hosts,
    files,
    port,
    algorithms: [...new Set(named)].map((type) => (isCertificate ? certified(types[type]) : types[type])),
    timeout,
    family,
    isHashed,
    isSshfp,
    isQuiet,
  };
}

/**
 * The hosts in a line: addresses separated by commas, and behind a blank the names
 * that are printed for them; `#` begins a comment.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseHostLine(line: string): readonly ScannedHost[] {
  const [addresses = '', names] = line.replace(/#.*/, '').trim().split(/\s+/);
  if (addresses === '') return [];
  return addresses.split(',').map((address) => {
    const { host, port } = parseTarget(address);
    return { host, port, name: names ?? host };
  });
}

/** By the names of ssh-keyscan, and by those of the protocol. */
function typeOf(name: string): ScannedType {
  const wanted = name.trim().toLowerCase();
  const found = (Object.keys(types) as ScannedType[]).find(
    (type) => type === wanted || types[type].some((algorithm) => algorithm === wanted),
  );
  if (found !== undefined) return found;
  throw optionsError(`-t ${quotedText(name)}: there are ${Object.keys(types).join(', ')}`);
}

function certified(algorithms: readonly string[]): readonly string[] {
  return algorithms
    .filter((name) => name !== 'ssh-rsa' && name !== 'ssh-ed448')
    .map((name) => `${name.replace(/@openssh\.com$/, '')}-cert-v01@openssh.com`);
}
