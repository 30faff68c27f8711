/**
 * The command line of `deadline-ssh sftp [options] [user@]host[:path] [local]`.
 *
 * Owns: the options that it has beside the common ones, its help, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */
import { optionsError } from '../../base/optionChecks.ts';
import { type ByteText, fromText } from '../files/byteText.ts';
import { commonHelp, FileCommandLine, type TransferWords, withPort } from '../files/commandLine.ts';
import {
  type ConnectionSettings,
  connectionSettings,
  numberOption,
  type ServerAddress,
} from '../files/session/connectionWords.ts';
import { parseRemotePlace, parseServer } from '../files/session/remotePlace.ts';

export interface SftpArguments extends TransferWords {
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
}

export type SftpCommandLine = SftpArguments | { readonly mode: 'help' } | { readonly mode: 'version' };

export const sftpHelp: string = `Usage: deadline-ssh sftp [options] [user@]host[:path] [local]

Works with files on a server, with the commands of sftp: type help for a list.
If the path is a folder, the session begins there. Any other path is fetched, to
the place that the last word names. The host may be a URI,
sftp://[user@]host[:port][/path]. If standard input is not a terminal, the
command reads its commands from there.

  -b FILE   read commands from FILE, - for standard input. Nothing is asked,
            each command is printed, and the first one that fails ends the
            session. A command with - before it may fail; one with @ is not
            printed
  -a        continue interrupted transfers
  -f        after each transfer, wait until the disk has it
  -p        keep times and permissions
  -r        transfer folders with everything in them
  -l LIMIT  transfer at most so many Kbit a second
  -N        show messages in a batch too
  -q        print less
  -P PORT   the port (default 22)
  -s NAME   the subsystem that serves SFTP, or a command with a slash in it
  -B BYTES, -R REQUESTS
            the most bytes of a request, and requests of a file in flight
${commonHelp}
Tab completes commands and names. Ctrl-C stops the command that runs.

Exit status: 0; 1 if a batch or a transfer failed, or for bad options; 255 if
the connection failed; 130 after Ctrl-C.
`;

const ownOptions = { flags: '2Naf', valued: 'BRbs' };

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseSftpArguments(argv: readonly string[]): SftpCommandLine {
  const line = new FileCommandLine(argv, ownOptions);
  const { asksFor } = line;
  if (asksFor !== undefined) return { mode: asksFor };
  if (line.options.filter(({ name }) => name === 'b').length > 1) throw optionsError('-b is given twice');
  const [batch, subsystem, block, requests] = ['b', 's', 'B', 'R'].map((name) => line.last(name)?.value);
  const connection = connectionSettings(line.options, {
    isBatch: batch !== undefined,
    subsystem,
    blockLength: block === undefined ? undefined : numberOption('-B', block, 256 * 1024),
    requests: requests === undefined ? undefined : numberOption('-R', requests, 4096),
  });
  return {
    mode: 'sftp',
    connection,
    ...(connection.direct === undefined ? destination(line) : nowhere),
    batch,
    isNoisy: line.has('N'),
    resume: line.has('a'),
    sync: line.has('f'),
    ...line.transferWords(),
  };
}

type Destination = Pick<SftpArguments, 'server' | 'path' | 'target'>;

const nowhere: Destination = { server: undefined, path: undefined, target: undefined };

function destination(line: FileCommandLine): Destination {
  const [first, target, ...more] = line.operands;
  if (first === undefined) throw optionsError('there is no host to connect to; --help says more');
  if (more.length > 0) throw optionsError('behind the host there is one local path at most');
  const place = parseRemotePlace(first, ['sftp']);
  return {
    server: withPort(place?.server ?? parseServer(first), line.port()),
    path: place === undefined || place.path === '' ? undefined : place.path,
    target: target === undefined ? undefined : fromText(target),
  };
}
