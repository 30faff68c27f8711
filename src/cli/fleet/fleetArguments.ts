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

Runs a command on many hosts, a bounded number at a time, and prints what comes
of each as it comes. A host that is down or never speaks costs its own deadline
and stops no other.

  -f, --file FILE      the hosts, one a line: [user@]host[:port], an IPv6
                       address with a port as [address]:port; # begins a
                       comment. - reads standard input
  -c, --concurrency N  connections at once: 100
  -p, --port PORT      where a line names none: 22
  -l, --login USER     where a line names none: the local user
  -i, --identity FILE  private key; may be repeated. Without it id_ed25519,
                       id_ecdsa and id_rsa in ~/.ssh are tried. A passphrase is
                       asked for once
      --timeout TIME   for connecting and logging in, each host: 30s
      --command-timeout TIME
                       for the command, each host: no bound but that the server
                       answers keep-alive
      --algorithms SET compatible adds what older servers need, legacy what only
                       very old ones do and is broken or weak
      --skip-bad-lines
                       run on the good lines of a list that has bad ones;
                       without it nothing is run then
      --json           print one JSON object a line: {"host", "result"} or
                       {"host", "error"} for each, {"summary"} at the end
  -h, --help           this text

Output is printed a line at a time behind the name of its host, a host's lines
together. A table of the phases, with how many hosts got through each and how
long it took, goes to standard error. Commands get no input. Host keys must be
in known_hosts: nobody is asked. Of hosts that are listed twice a line says so,
and the command runs once.

Exit status: 0 where every command ended with 0; 1 where all were run to their
end and some ended otherwise; 255 where some host did not get that far, or
nothing was run; 130 for Ctrl-C.
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
  if (count < 1) throw optionsError(`${quotedText(text)} is no number of connections`);
  return count;
}
