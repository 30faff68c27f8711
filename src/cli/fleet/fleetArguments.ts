/**
 * The command line of `deadline-ssh fleet [options] -f hosts [--] command…`.
 *
 * Owns: its options, its help, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { parsePort } from '../../client/dial/target.ts';
import type { AlgorithmPreset } from '../../endpoint/options/algorithmOptions.ts';
import { parseDuration, parsePreset } from '../remote/arguments.ts';
import { strictly, usageError } from '../usage.ts';

export interface FleetArguments {
  readonly mode: 'fleet';
  /** Path of the list of hosts; `-` for standard input. */
  readonly file: string;
  readonly command: string;
  readonly concurrency: number;
  /** Of hosts whose line names none; undefined for the default. */
  readonly port: number | undefined;
  readonly username: string | undefined;
  readonly identities: readonly string[];
  /** Milliseconds for each dial; undefined for the default. */
  readonly timeout: number | undefined;
  /** For hosts that are older than the default ones; undefined for these. */
  readonly algorithms: AlgorithmPreset | undefined;
  /** Milliseconds for each command; undefined for no bound. */
  readonly commandTimeout: number | undefined;
  readonly json: boolean;
  /** Run on the good lines of a list that has bad ones. */
  readonly skipBadLines: boolean;
}

export const fleetHelp = `Usage: deadline-ssh fleet [options] -f FILE [--] command…

Runs a command on many hosts, a bounded number at a time, and prints the result
of each host as it comes. A host that is down or never speaks fails at its own
deadline, and stops no other.

  -f, --file FILE      the hosts, one a line: [user@]host[:port], or
                       [address]:port for an IPv6 address with a port; # begins
                       a comment. - reads standard input
  -c, --concurrency N  connections at once (default 100)
  -p, --port PORT      the port of a line that names none (default 22)
  -l, --login USER     the user of a line that names none (default: the local
                       user)
  -i, --identity FILE  a private key; may be repeated. The default is
                       id_ed25519, id_ecdsa and id_rsa in ~/.ssh. The command
                       asks once for each passphrase
      --timeout TIME   the time for connecting and logging in, for each host
                       (default 30s)
      --command-timeout TIME
                       the time for the command, for each host (default: as long
                       as the server answers keep-alive)
      --algorithms SET "compatible" adds what older servers need; "legacy" also
                       adds broken and weak algorithms, for very old servers
      --skip-bad-lines
                       run on the good lines of a list that has bad ones;
                       without it such a list is an error
      --json           print one JSON object a line: {"host", "result"} or
                       {"host", "error"} for each, {"summary"} at the end
  -h, --help           print this text

Each line of output follows the name of its host, and the lines of a host stay
together. Standard error gets a table of the phases: how many hosts got through
each, and how long it took. Commands get no input. Host keys must be in
known_hosts; the command does not ask. If a host is listed twice, a line says
so, and the command runs there once.

Exit status: 0 if every command ended with 0; 1 if all commands ended, some with
another status; 255 if some host failed before that, or nothing ran; 130 after
Ctrl-C.
`;

const options = {
  file: { type: 'string', short: 'f' },
  concurrency: { type: 'string', short: 'c' },
  port: { type: 'string', short: 'p' },
  login: { type: 'string', short: 'l' },
  identity: { type: 'string', short: 'i', multiple: true },
  timeout: { type: 'string' },
  algorithms: { type: 'string' },
  'command-timeout': { type: 'string' },
  'skip-bad-lines': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

const defaultConcurrency = 100;

/**
 * Reads the arguments behind `fleet`. The command begins at the first word that
 * is no option, or behind `--`; its words are joined by spaces.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseFleetArguments(argv: readonly string[]): FleetArguments | { readonly mode: 'help' } {
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const first = tokens.find(({ kind }) => kind !== 'option');
  const end = first?.index ?? argv.length;
  const values = parseOptions(argv.slice(0, end));
  if (values.help === true) return { mode: 'help' };
  const command = argv.slice(first?.kind === 'option-terminator' ? end + 1 : end).join(' ');
  if (values.file === undefined) throw usageError(program, 'there is no list of hosts; name a file with -f');
  if (command === '') throw usageError(program, 'there is no command to run');
  return {
    mode: 'fleet',
    file: values.file,
    command,
    concurrency: values.concurrency === undefined ? defaultConcurrency : parseCount(values.concurrency),
    port: values.port === undefined ? undefined : parsePort(values.port),
    username: values.login,
    identities: values.identity ?? [],
    timeout: values.timeout === undefined ? undefined : parseDuration(values.timeout),
    algorithms: parsePreset(values.algorithms),
    commandTimeout:
      values['command-timeout'] === undefined ? undefined : parseDuration(values['command-timeout']),
    json: values.json ?? false,
    skipBadLines: values['skip-bad-lines'] ?? false,
  };
}

const program = 'deadline-ssh fleet';

function parseOptions(args: readonly string[]) {
  const parse = () => parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
  return strictly(program, parse).values;
}

function parseCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw optionsError(`${quotedText(text)} is not a number of connections`);
  return count;
}
