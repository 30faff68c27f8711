/**
 * The command line of `deadline-ssh sftp [options] [user@]host[:path] [local]`.
 *
 * Owns: its options, its help, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */

import { parsePort } from '../../client/dial/target.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import type { ByteText } from '../files/byteText.ts';
import { fromText } from '../files/byteText.ts';
import { getopt } from '../files/getopt.ts';
import {
  type ConnectionSettings,
  connectionOptions,
  connectionSettings,
  numberOption,
  rateOption,
  type ServerAddress,
} from '../files/session/connectionWords.ts';
import { parseRemotePlace, parseServer } from '../files/session/remotePlace.ts';

export interface SftpArguments {
  readonly mode: 'sftp';
  readonly connection: ConnectionSettings;
  /** Undefined with -D. */
  readonly server: ServerAddress | undefined;
  /** A folder to begin in, or what is to be brought here. */
  readonly path: ByteText | undefined;
  /** Where what is brought here goes. */
  readonly target: ByteText | undefined;
  /** A file of commands, `-` for standard input; undefined where a person types. */
  readonly batch: string | undefined;
  /** Says what a batch would do without a word (-N). */
  readonly isNoisy: boolean;
  readonly resume: boolean;
  readonly sync: boolean;
  readonly preserve: boolean;
  readonly recursive: boolean;
  /** Bytes a second. */
  readonly limitRate: number | undefined;
  readonly json: boolean;
}

export type SftpCommandLine = SftpArguments | { readonly mode: 'help' } | { readonly mode: 'version' };

export const sftpHelp = `Usage: deadline-ssh sftp [options] [user@]host[:path] [local]

Files on a server, by commands as sftp has them: type help for a list. With a
path that is a folder the session begins there; any other is brought here, to
where the last word says. The host may be written as a URI,
sftp://[user@]host[:port][/path]. Commands are read from standard input where
that is no terminal.

  -b FILE   the commands are in FILE, - for standard input: nobody is asked for
            anything, each command is printed, and the first that fails ends it.
            A command with - before it may fail; one with @ is not printed
  -a        go on with what an earlier transfer left
  -f        wait after each transfer until the disk has it
  -p        keep times and permissions
  -r        folders with all that is in them
  -l LIMIT  Kbit a second
  -N        say in a batch too what is done
  -q        say less
  -P PORT   22
  -s NAME   the subsystem, or a command with a slash in it, that serves SFTP
  -D PROGRAM
            run a server here, and connect to nothing
  -S PROGRAM
            run this as ssh, in place of this program's own
  -B BYTES, -R REQUESTS
            bytes of a request and requests of a file in flight, at most
  -4 -6 -A -C -c -F -i -J -o -v
            as with ssh
      --timeout TIME   for connecting and logging in, such as 10s: 30s
      --algorithms SET compatible or legacy, for older servers
      --no-agent       do not ask the authentication agent for keys
      --json           print one JSON object a line, {"result"} or {"error"},
                       in place of text
  -h, --help           this text
  -V, --version        the version

Tab completes commands and names. Ctrl-C gives up what is running.

Exit status: 0; 1 where a batch or a transfer failed, or for bad options; 255
where the connection failed; 130 for Ctrl-C.
`;

const names = {
  flags: `${connectionOptions.flags}2afhNprV`,
  valued: `${connectionOptions.valued}BPRbls`,
  long: { ...connectionOptions.long, help: false, json: false, version: false },
};

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseSftpArguments(argv: readonly string[]): SftpCommandLine {
  const { options, operands } = getopt(argv, names);
  const has = (...wanted: string[]): boolean => options.some(({ name }) => wanted.includes(name));
  const last = (name: string): string | undefined => options.findLast((each) => each.name === name)?.value;
  if (has('h', 'help')) return { mode: 'help' };
  if (has('V', 'version')) return { mode: 'version' };
  const batch = last('b');
  if (options.filter(({ name }) => name === 'b').length > 1) throw optionsError('-b is given twice');
  const [port, limit, block, requests] = ['P', 'l', 'B', 'R'].map(last);
  const connection = connectionSettings(options, {
    isBatch: batch !== undefined,
    subsystem: last('s'),
    blockLength: block === undefined ? undefined : numberOption('-B', block, 256 * 1024),
    requests: requests === undefined ? undefined : numberOption('-R', requests, 4096),
  });
  const place = connection.direct === undefined ? destination(operands, port) : undefined;
  return {
    mode: 'sftp',
    connection,
    server: place?.server,
    path: place?.path,
    target: place?.target,
    batch,
    isNoisy: has('N'),
    resume: has('a'),
    sync: has('f'),
    preserve: has('p'),
    recursive: has('r'),
    limitRate: rateOption(limit),
    json: has('json'),
  };
}

function destination(
  operands: readonly string[],
  portText: string | undefined,
): Pick<SftpArguments, 'server' | 'path' | 'target'> {
  const [first, target, ...more] = operands;
  if (first === undefined) throw optionsError('there is no host to connect to; --help says more');
  if (more.length > 0) throw optionsError('behind the host there is one local path at most');
  const port = portText === undefined ? undefined : parsePort(portText);
  const place = parseRemotePlace(first, ['sftp']);
  const server = place?.server ?? parseServer(first);
  return {
    // As with sftp, the port of a URI comes before that of -P.
    server: { ...server, port: server.port ?? port },
    path: place === undefined || place.path === '' ? undefined : place.path,
    target: target === undefined ? undefined : fromText(target),
  };
}
