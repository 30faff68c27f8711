/**
 * The command line of `deadline-ssh cp [options] source… target`.
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
  type ServerAddress,
} from '../files/session/connectionWords.ts';
import { parseRemotePlace } from '../files/session/remotePlace.ts';

/** One end of a copy. */
export interface CopyPlace {
  /** Undefined for this machine. */
  readonly server: ServerAddress | undefined;
  readonly path: ByteText;
}

export interface CopyArguments extends TransferWords {
  readonly mode: 'copy';
  readonly connection: ConnectionSettings;
  readonly sources: readonly CopyPlace[];
  readonly target: CopyPlace;
  /** Whether the first server is to copy to the second one by itself (-R). */
  readonly isDirect: boolean;
  /** The protocol of the old scp in place of SFTP (-O). */
  readonly isLegacy: boolean;
  /** Names that a server of the old protocol sends are not checked against what was asked for (-T). */
  readonly trustsNames: boolean;
  readonly isVerbose: boolean;
}

/** What another scp asks of this one at the far end of a connection (-f, -t). */
export interface ServingArguments {
  readonly mode: 'serve';
  readonly direction: 'from' | 'to';
  readonly paths: readonly ByteText[];
  readonly recursive: boolean;
  readonly preserve: boolean;
  readonly mustBeFolder: boolean;
}

export type CopyCommandLine =
  | CopyArguments
  | ServingArguments
  | { readonly mode: 'help' }
  | { readonly mode: 'version' };

export const copyHelp: string = `Usage: deadline-ssh cp [options] source… target

Copies files between this machine and servers, and between two servers. As with
scp, a place on a server is [user@]host:path, or a URI:
scp://[user@]host[:port][/path] or sftp://…; an IPv6 address is in brackets. A
path with a slash before its first colon is local. * ? and […] are wildcards in
a path on a server. With several sources, the target must be a folder.

  -r        copy folders with everything in them, and follow links to files
  -p        keep times and permissions
  -l LIMIT  copy at most so many Kbit a second
  -q        show no progress
  -B        never ask for anything
  -P PORT   the port (default 22)
  -3        copy between two servers over this machine (the default)
  -R        copy between two servers directly: the first one runs its own scp
            and must reach the second
  -O        use the old protocol of scp, for servers without SFTP
  -s        use SFTP (the default)
  -T        with -O, accept files that you did not ask for
${commonHelp}
A terminal shows the progress of each copy, and the sum of several. The command
writes each file beside its target, and renames it when all of it is there.

Exit status: 0; 1 if something was not copied; 255 if the connection failed; 130
after Ctrl-C.
`;

const ownOptions = { flags: '23BORTdfst', valued: '' };

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseCopyArguments(argv: readonly string[]): CopyCommandLine {
  const line = new FileCommandLine(argv, ownOptions);
  const { asksFor } = line;
  if (asksFor !== undefined) return { mode: asksFor };
  if (line.has('f', 't')) return servingArguments(line);
  const port = line.port();
  const places = line.operands.map((text) => placeOf(text, port));
  const target = places.at(-1);
  if (target === undefined || places.length < 2) {
    throw optionsError('a copy needs a source and a target; --help says more');
  }
  return {
    mode: 'copy',
    connection: connectionSettings(line.options, { isBatch: line.has('B') }),
    sources: places.slice(0, -1),
    target,
    ...line.transferWords(),
    isDirect: line.last('3', 'R')?.name === 'R',
    isLegacy: line.last('O', 's')?.name === 'O',
    trustsNames: line.has('T'),
    isVerbose: line.has('v'),
  };
}

function servingArguments(line: FileCommandLine): ServingArguments {
  return {
    mode: 'serve',
    direction: line.has('f') ? 'from' : 'to',
    paths: line.operands.map(fromText),
    recursive: line.has('r'),
    preserve: line.has('p'),
    mustBeFolder: line.has('d'),
  };
}

function placeOf(text: string, port: number | undefined): CopyPlace {
  const place = parseRemotePlace(text, ['scp', 'sftp']);
  if (place === undefined) return { server: undefined, path: fromText(text) };
  return { server: withPort(place.server, port), path: place.path };
}
