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

Runs a command on a server, or a shell if you give no command. The options are
those of ssh, and may also follow the host. Everything after --, or after the
first word that is not an option, belongs to the command. The host may be an
alias of ~/.ssh/config, or a URI, ssh://[user@]host[:port]. Every wait on the
server has a deadline.

Connecting
  -p, --port PORT      the port (default 22)
  -l, --login USER     the user on the server (default: the local user)
  -4, -6               use only IPv4, or only IPv6
  -b ADDRESS           the local address to connect from
  -B INTERFACE         connect from the address of this interface
  -J HOST[,HOST…]      go through these hosts
  -F FILE              read this configuration instead of the usual files;
                       "none" reads no file
  -o KEYWORD=VALUE     any keyword of ssh_config(5); the first value counts
  -P TAG               the tag that Match tagged in the configuration looks for
  -C                   compress
  -c CIPHERS, -m MACS  algorithms, as Ciphers and MACs of ssh_config(5)

Logging in
  -i, --identity FILE  a private key; may be repeated. With a public key the
                       agent must have the private half. The command does not
                       use a private key that others have access to
  -A, --forward-agent  let programs on the server use the agent; -a forbids it
      --no-agent       do not ask the agent for keys

The session
  -t, --tty            give the command a terminal; -tt even if there is none
                       here
  -T, --no-tty         give the shell no terminal
  -n, --no-input       give the command no input
  -N, --no-command     run nothing; serve forwards until Ctrl-C
  -s                   the command is the name of a subsystem
  -f                   go to the background after the login, when all forwards
                       are open
  -e CHARACTER         the escape character (default ~); "none" turns it off
  -M -S PATH           listen on this socket, and share the connection with
                       others
  -S PATH              run the session over the connection of the program that
                       listens there
  -O COMMAND -S PATH   control that program: check, exit, stop (listening),
                       forward or cancel (both with -L, -R or -D); proxy runs
                       the session there or not at all

Forwards
  -L, --local-forward  [ADDRESS:]PORT:HOST:PORT
                       listen here; the server connects to HOST:PORT. Either
                       side may be the /path of a unix socket. You may repeat
                       -L, -R and -D
  -R, --remote-forward [ADDRESS:]PORT:HOST:PORT
                       the server listens; this machine connects to HOST:PORT.
                       PORT alone makes a SOCKS proxy into this machine's
                       network
  -D, --dynamic-forward [ADDRESS:]PORT
                       listen here as a SOCKS proxy; the server connects
  -g, --gateway-ports  let other machines connect to the ports that listen here
  -W, --stdio-forward HOST:PORT
                       join standard input and output to HOST:PORT
  -X, -Y               let programs of the command show windows here. -X keeps
                       them away from other windows; -Y trusts them; -x forbids
                       it

Messages
  -v, --verbose        show each phase of the connection, when it ended and how
                       long it took; -vv shows everything that the connection
                       does
  -q                   print no messages
  -E FILE              write messages to this file
  -G                   print the configuration for the host, and do not connect
  -Q LIST              print what this client can do; -Q help names the lists
  -V, --version        print the version

Beyond ssh
      --timeout TIME   the time for connecting and logging in, such as 10s,
                       1500ms or 2m (default 30s)
      --algorithms SET "compatible" adds what older servers need; "legacy" also
                       adds broken and weak algorithms, for very old servers
      --json           print one JSON object with the result or the error
      --help           print this text

Exit status: that of the command; 128 plus the number of the signal that ended
it; 255 if the connection failed or the server sent no status; 130 after Ctrl-C.

On a terminal, lines that begin with [server] come from the server: its banner
and its questions.

Host keys: known_hosts decides. If a key is not there, the command shows it on
the terminal and asks; without a terminal it refuses the key. It always refuses
a key that differs from the known one, or that is revoked.
`;

/** Where this command differs from ssh(1), in the order of its options: what ssh does, and what this does. */
export const differences: readonly (readonly [string, string, string])[] = [
  ['host:port', 'is the name of a host', 'is a host and a port, as in a URI'],
  ['-I, -K, -k, -w, -y', 'PKCS#11, GSSAPI, tunnel devices, syslog', 'are errors: there is no such feature'],
  ['-J A,B', 'A and B may be the same place', 'neighbours on the way must be different places'],
  ['-L 0:…, -D 0', 'are errors', 'take a free port, and print its number'],
  [
    '-L and -D on a port in use',
    'listen on the loopback address that is free',
    'listen on 127.0.0.1, or not at all',
  ],
  [
    '-M, -S, -O',
    'share a connection for everything',
    'share a connection for sessions; -N and -W make their own. ssh and this program cannot share one',
  ],
  ['-N with -L', 'stays even if no forward is open', 'ends if no forward is open'],
  ['-f, ControlPersist', 'fork', 'start a second process, which takes over'],
  ['-v', 'prints debug1: lines', 'prints a line for each phase with the time it took'],
  ['-V', 'prints to standard error', 'prints to standard output'],
  [
    '~B, ~V, ~v, ~&',
    'send a break, change verbosity, go to the background',
    'go to the server as text; ~i shows what the connection waits for',
  ],
  ['a signal ends the command', 'gives status 255', 'gives status 128 plus the number of the signal'],
  ['a changed host key', 'is accepted with StrictHostKeyChecking=no, without passwords', 'is always refused'],
  ['connecting and logging in', 'has no time limit', 'has 30 s, or --timeout'],
  ['keep-alive', 'is off', 'is on, unless ServerAliveInterval=0'],
];

/** The whole help. */
export function helpText(subcommands: readonly ListedSubcommand[]): string {
  return [usage, escapeHelp.replaceAll('\r\n', '\n'), differenceText(), ...listed(subcommands)].join('\n');
}

function differenceText(): string {
  const rows = differences.map(([what, ssh, own]) => `  ${what}\n      ssh: ${ssh}\n      this: ${own}\n`);
  return `Where it differs from ssh:\n${rows.join('')}`;
}

function listed(subcommands: readonly ListedSubcommand[]): string[] {
  if (subcommands.length === 0) return [];
  const lines = subcommands.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}\n`);
  const [first] = subcommands;
  return [
    `Further commands, each with its own --help:\n${lines.join('')}To reach a host with such a name, write -- ${first?.name ?? ''} or user@${first?.name ?? ''}.\n`,
  ];
}

/** The version of this package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
