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

Runs a command on a server, or a shell where no command is given. The options are
those of ssh, and may stand behind the host too; from the first word that is none,
or from -- on, everything belongs to the command. The host may be an alias of
~/.ssh/config, or a URI, ssh://[user@]host[:port]. Every wait on the server has a
deadline.

Connecting
  -p, --port PORT      22
  -l, --login USER     the local user
  -4, -6               by IPv4 or IPv6 alone
  -b ADDRESS           the local address to connect from
  -B INTERFACE         connect from the address of this interface
  -J HOST[,HOST…]      by way of these hosts
  -F FILE              this configuration in place of the usual ones; none for none
  -o KEYWORD=VALUE     any keyword of ssh_config(5); the first value counts
  -P TAG               for Match tagged in the configuration
  -C                   compress
  -c CIPHERS, -m MACS  algorithms, as Ciphers and MACs of ssh_config(5)

Logging in
  -i, --identity FILE  private key; may be repeated. Of a public key the agent is
                       asked for the private half. A private key that others have
                       access to is not used
  -A, --forward-agent  let programs on the server use the agent; -a does not
      --no-agent       do not ask the agent for keys

The session
  -t, --tty            give the command a terminal; -tt also where there is none here
  -T, --no-tty         give the shell none
  -n, --no-input       give the command no input
  -N, --no-command     run nothing; serve forwards until Ctrl-C
  -s                   the command is the name of a subsystem
  -f                   go to the background before the command runs, once all
                       forwards stand
  -e CHARACTER         the escape character, none for none: ~
  -M -S PATH           listen on a socket, and lend the connection to those who come
  -S PATH              run the session over the connection of who listens there
  -O COMMAND -S PATH   ask it or tell it: check, exit, stop (listening), forward or
                       cancel, these two with -L, -R or -D; proxy runs the session
                       there or not at all

Forwards
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
  -X, -Y               let programs of the command show windows here: -X those that
                       cannot harm others, -Y those that you trust; -x lets none

What is said
  -v, --verbose        show each phase of the connection, when it ended and what it
                       took; -vv all that the connection does
  -q                   say nothing
  -E FILE              keep messages in this file
  -G                   print the configuration for the host, and connect to nothing
  -Q LIST              print what this client can do; -Q help lists the lists
  -V, --version        the version

Beyond ssh
      --timeout TIME   for connecting and logging in, such as 10s, 1500ms or 2m: 30s
      --algorithms SET compatible adds what older servers need, legacy what only
                       very old ones do and is broken or weak
      --json           print one JSON object with the result or the error
      --help           this text

Exit status: the command's own; 128 and the number of the signal that ended it;
255 where the connection failed or the server did not say; 130 for Ctrl-C.

On a terminal, lines that begin with [server] are the server's: its banner and
its questions.

Host keys: known_hosts decides. A key that is not there is shown on the terminal
and asked about; where there is no terminal it is refused. A key that differs
from the known one, or is revoked, is always refused.
`;

/** Where this command differs from ssh(1), in the order of its options: what ssh does, and what this does. */
export const differences: readonly (readonly [string, string, string])[] = [
  ['host:port', 'is the name of a host', 'names a port, as in a URI'],
  ['-I, -K, -k, -w, -y', 'PKCS#11, GSSAPI, tunnel devices, syslog', 'are not there, and say so'],
  ['-J A,B', 'A and B may be one place', 'neighbours on the way must be two places'],
  ['-L 0:…, -D 0', 'are refused', 'take a free port, and say which'],
  ['-L and -D on a port in use', 'listen on the address that is free', 'listen on 127.0.0.1, or not at all'],
  [
    '-M, -S, -O',
    'share a connection among all that runs over it',
    'share it among sessions; -N and -W connect by themselves. An ssh and this program share none',
  ],
  ['-N with -L', 'stays without a forward', 'ends where no forward stands'],
  ['-f, ControlPersist', 'fork', 'start a second process, which takes over'],
  ['-v', 'debug1: lines', 'a line for each phase with what it took'],
  ['-V', 'prints to standard error', 'prints to standard output'],
  ['~B, ~V, ~v, ~&', 'break, verbosity, background', 'are sent on; ~i shows what is waited for'],
  ['a signal ends the command', 'status 255', 'status 128 and its number'],
  [
    'a key that has changed',
    'StrictHostKeyChecking=no goes on without passwords',
    'is refused whatever it says',
  ],
  ['the dial as a whole', 'has no bound', 'has 30 s, or --timeout'],
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
    `Further commands, each with a --help of its own:\n${lines.join('')}A host of such a name is reached as -- ${first?.name ?? ''} or user@${first?.name ?? ''}.\n`,
  ];
}

/** The version of this package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
