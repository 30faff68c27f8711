/**
 * The command line of `deadline-ssh keygen`.
 *
 * Owns: its options, which are those of ssh-keygen(1), what they ask for, its help.
 * Must not know: how any of it is carried out.
 */
import { optionsError } from '../../base/optionChecks.ts';
import { type LetterOption, LetterOptions } from '../letterOptions.ts';

/** What is asked for. */
export type KeygenTask =
  | 'make'
  | 'show'
  | 'passphrase'
  | 'comment'
  | 'fingerprint'
  | 'bubbleBabble'
  | 'export'
  | 'import'
  | 'find'
  | 'remove'
  | 'hash'
  | 'certificate'
  | 'sshfp'
  | 'sign'
  | 'verify'
  | 'check-novalidate'
  | 'find-principals'
  | 'match-principals';

export interface KeygenArguments {
  readonly task: KeygenTask;
  /** The words behind the options: files to sign. */
  readonly words: readonly string[];
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** The last value of an option by its letter. */
  value(letter: string): string | undefined;
  /** The value of an option that the task cannot do without. @throws SshError `ERR_SSH_OPTIONS` */
  needed(letter: string, what: string): string;
  has(letter: string): boolean;
  /** A value of `-O name=value`; empty for `-O name`. */
  setting(name: string): string | undefined;
}

export const keygenHelp = `Usage: deadline-ssh keygen [options]

Makes, shows and changes keys, edits known_hosts, signs and checks signatures.
The options are those of ssh-keygen.

  [-t TYPE] [-b BITS] [-f FILE] [-C COMMENT] [-N PASSPHRASE] [-m FORMAT]
                       make a key: ed25519 (the default), ecdsa or rsa
  -y -f FILE           show the public key of a private one
  -p -f FILE [-P OLD] [-N NEW] [-m FORMAT] [-Z CIPHER] [-a ROUNDS]
                       change the passphrase or the format
  -c -f FILE [-C COMMENT] [-P PASSPHRASE]
                       change the comment
  -l [-v] [-E HASH] -f FILE
                       show fingerprints, with -v also as pictures; HASH is
                       sha256 (the default), md5, sha1, sha384 or sha512
  -B -f FILE           show the fingerprint as pronounceable words
  -e [-m FORMAT] -f FILE
                       export a public key: RFC4716 (the default), PKCS8 or PEM
  -i [-m FORMAT] -f FILE
                       import a key of another program, such as PuTTY
  -L -f FILE           show a certificate
  -r NAME -f FILE      print SSHFP records for the DNS
  -F HOST [-l] [-H]    show the lines of known_hosts for a host; -f FILE names
                       another file
  -R HOST              remove these lines, and keep the old file as FILE.old
  -H                   hide the names of hosts in known_hosts
  -Y sign -f KEY -n NAMESPACE [FILE…]
                       sign files, or standard input. KEY may also be a public
                       key whose private half is in the agent, or a certificate
  -Y verify -f ALLOWED -I WHO -n NAMESPACE -s SIGNATURE [-r REVOKED]
                       check the signature of standard input
  -Y check-novalidate -n NAMESPACE -s SIGNATURE
                       check it without asking who signed
  -Y find-principals -f ALLOWED -s SIGNATURE
                       show who may have signed
  -Y match-principals -f ALLOWED -I WHO
                       show the lines that name WHO
  -O NAME[=VALUE]      an option of -Y: hashalg, print-pubkey, verify-time
  -q                   print less
      --help           print this text

FORMAT of a private key is OpenSSH (the default), PKCS8 or PEM. This program
does not sign certificates, and has no key revocation lists, moduli, FIDO or
PKCS#11.

Exit status: 0; 1 if -F finds nothing; 255 for an error or a wrong signature.
`;

interface Draft {
  readonly values: Map<string, string[]>;
  help: boolean;
}

const flags = ['B', 'H', 'L', 'c', 'e', 'g', 'h', 'i', 'l', 'p', 'q', 'v', 'y'];
const valued = 'C E F I N O P R Y Z a b f m n r s t'.split(' ');
/** Of ssh-keygen, and why they are not here. */
const missing: Readonly<Record<string, string>> = {
  A: 'host keys for a server are not made in one go; make each with -t',
  D: 'keys of PKCS#11 are not supported',
  K: 'keys in a FIDO token are not supported',
  M: 'moduli are not made or tested here',
  Q: 'key revocation lists are not supported',
  U: 'certificates are not signed here',
  k: 'key revocation lists are not supported',
  u: 'key revocation lists are not supported',
  w: 'keys in a FIDO token are not supported',
  z: 'certificates are not signed here',
  V: 'certificates are not signed here',
};

const options = new LetterOptions<Draft>('deadline-ssh keygen', [
  ...flags.map((letter): LetterOption<Draft> => ({ letter, apply: ({ values }) => add(values, letter, '') })),
  ...valued.map(
    (letter): LetterOption<Draft> => ({
      letter,
      value: 'VALUE',
      apply: ({ values }, value) => add(values, letter, value),
    }),
  ),
  ...Object.entries(missing).map(
    ([letter, why]): LetterOption<Draft> => ({
      letter,
      apply: () => {
        throw optionsError(`-${letter}: ${why}`);
      },
    }),
  ),
  {
    letter: '?',
    name: 'help',
    apply: (draft) => {
      draft.help = true;
    },
  },
]);

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseKeygenArguments(argv: readonly string[]): KeygenArguments | 'help' {
  const draft: Draft = { values: new Map(), help: false };
  const { next } = options.take(argv, 0, draft);
  if (draft.help) return 'help';
  const { values } = draft;
  const words = argv.slice(next);
  const task = taskOf(values);
  if (words.length > 0 && task !== 'sign')
    throw optionsError(`-f names a file, not a word such as ${words[0]}`);
  const value = (letter: string): string | undefined => values.get(letter)?.at(-1);
  return {
    task,
    words,
    quiet: values.has('q'),
    verbose: values.has('v'),
    value,
    needed: (letter, what) => {
      const found = value(letter);
      if (found !== undefined) return found;
      throw optionsError(`-${letter} is missing: it names ${what}`);
    },
    has: (letter) => values.has(letter),
    setting: (name) => {
      const found = values.get('O')?.find((text) => text === name || text.startsWith(`${name}=`));
      return found?.slice(name.length + 1);
    },
  };
}

function add(values: Map<string, string[]>, letter: string, value: string): void {
  values.set(letter, [...(values.get(letter) ?? []), value]);
}

/** By the options that ask for something else than a new key, as ssh-keygen orders them. */
const tasks: readonly (readonly [string, KeygenTask])[] = [
  ['F', 'find'],
  ['R', 'remove'],
  ['H', 'hash'],
  ['L', 'certificate'],
  ['l', 'fingerprint'],
  ['B', 'bubbleBabble'],
  ['p', 'passphrase'],
  ['c', 'comment'],
  ['e', 'export'],
  ['i', 'import'],
  ['y', 'show'],
  ['r', 'sshfp'],
];

const signatureTasks = ['sign', 'verify', 'check-novalidate', 'find-principals', 'match-principals'] as const;

function taskOf(values: ReadonlyMap<string, readonly string[]>): KeygenTask {
  const operation = values.get('Y')?.at(-1);
  if (operation !== undefined) {
    const task = signatureTasks.find((name) => name === operation);
    if (task !== undefined) return task;
    throw optionsError(`-Y takes ${signatureTasks.join(', ')}`);
  }
  if (values.has('s')) throw optionsError('-s: certificates are not signed here');
  return tasks.find(([letter]) => values.has(letter))?.[1] ?? 'make';
}
