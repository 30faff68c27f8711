/**
 * What --help and --version print.
 *
 * Owns: the words.
 * Must not know: how any option works.
 */
import { readFileSync } from 'node:fs';
import { escapeHelp } from './terminal/escapes.ts';

/** A subcommand as the help lists it. */
export interface ListedSubcommand {
  readonly name: string;
  readonly summary: string;
}

const usage = `Usage: deadline-ssh [options] [user@]host[:port] [options] [--] [command…]

Runs a command on a server, or a shell where no command is given. As with ssh,
options may stand behind the host too; from the first word that is none, or from
-- on, everything belongs to the command. The host may be written as a URI,
ssh://[user@]host[:port], and an IPv6 address with a port as [address]:port.
Every wait on the server has a deadline.

  -p, --port PORT      22
  -l, --login USER     the local user
  -i, --identity FILE  private key; may be repeated. Of a public key, or where only
                       FILE.pub is there, the agent is asked for the private half.
                       A private key that others have access to is not used.
                       Without -i ~/.ssh/id_ed25519, id_ecdsa and id_rsa are tried
  -a, --no-agent       do not ask the authentication agent (SSH_AUTH_SOCK) for keys
  -A, --forward-agent  let programs on the server use the agent, to list its keys
                       and to sign, while the command runs
  -v, --verbose        show each phase of the connection, when it ended and what it
                       took; -vv all that the connection does
      --timeout TIME   for connecting and logging in, such as 10s, 1500ms or 2m: 30s
      --algorithms SET compatible adds what older servers need, legacy what only
                       very old ones do and is broken or weak
      --json           print one JSON object with the result or the error
  -t, --tty            give the command a terminal; where the server refuses it, the
                       session goes on without one
  -T, --no-tty         give the shell none
  -n, --no-input       give the command no input
  -L, --local-forward  [ADDRESS:]PORT:HOST:PORT
                       listen here; the server connects to HOST:PORT. Either side
                       may be the /path of a unix socket. May be repeated, as -R
                       and -D may
  -R, --remote-forward [ADDRESS:]PORT:HOST:PORT
                       the server listens; this machine connects to HOST:PORT.
                       PORT alone is a SOCKS proxy into this machine's network
  -D, --dynamic-forward [ADDRESS:]PORT
                       listen here as a SOCKS proxy; the server connects
  -g, --gateway-ports  let other machines use what listens here
  -W, --stdio-forward HOST:PORT
                       join standard input and output to HOST:PORT
  -N, --no-command     run nothing; serve forwards until Ctrl-C
  -h, --help           this text
  -V, --version        the version

Exit status: the command's own; 128 and the number of the signal that ended it;
255 where the connection failed or the server did not say; 130 for Ctrl-C.

Lines that begin with [server] are the server's: its banner and its questions.

Host keys: known_hosts decides. A key that is not there is shown on the terminal
and asked about; where there is no terminal it is refused. A key that differs
from the known one, or is revoked, is always refused.
`;

/** The whole help. */
export function helpText(subcommands: readonly ListedSubcommand[]): string {
  return [usage, escapeHelp.replaceAll('\r\n', '\n'), ...listed(subcommands)].join('\n');
}

function listed(subcommands: readonly ListedSubcommand[]): string[] {
  if (subcommands.length === 0) return [];
  const lines = subcommands.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}\n`);
  const [first] = subcommands;
  return [
    `Further commands, each with a --help of its own:\n${lines.join('')}A host of such a name is reached as -- ${first?.name ?? ''} or user@${first?.name ?? ''}.\n`,
  ];
}

/** The version of this package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
