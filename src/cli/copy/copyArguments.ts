/**
 * The command line of `deadline-ssh cp [options] source… target`.
 *
 * Owns: its options, its help, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */
import { parsePort } from '../../client/dial/target.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { type ByteText, fromText } from '../files/byteText.ts';
import { getopt } from '../files/getopt.ts';
import {
  type ConnectionSettings,
  connectionOptions,
  connectionSettings,
  rateOption,
  type ServerAddress,
} from '../files/session/connectionWords.ts';
import { parseRemotePlace } from '../files/session/remotePlace.ts';

/** One end of a copy. */
export interface CopyPlace {
  /** Undefined for this machine. */
  readonly server: ServerAddress | undefined;
  readonly path: ByteText;
}

export interface CopyArguments {
  readonly mode: 'copy';
  readonly connection: ConnectionSettings;
  readonly sources: readonly CopyPlace[];
  readonly target: CopyPlace;
  readonly recursive: boolean;
  readonly preserve: boolean;
  /** Bytes a second. */
  readonly limitRate: number | undefined;
  /** Whether the first server is to copy to the second one by itself (-R). */
  readonly isDirect: boolean;
  /** The protocol of the old scp in place of SFTP (-O). */
  readonly isLegacy: boolean;
  /** Names that a server of the old protocol sends are not checked against what was asked for (-T). */
  readonly trustsNames: boolean;
  readonly isVerbose: boolean;
  readonly json: boolean;
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

export const copyHelp = `Usage: deadline-ssh cp [options] source… target

Copies files between this machine and servers, and between two servers. As with
scp, a place on a server is written [user@]host:path, or as a URI,
scp://[user@]host[:port][/path] or sftp://…; an IPv6 address stands in brackets.
A path with a slash before its first colon is a local one. In a path on a server
* ? and […] are wildcards. Of several sources the target is a folder.

  -r        folders with all that is in them; links to files are followed
  -p        keep times and permissions
  -l LIMIT  Kbit a second
  -q        show no progress
  -B        ask nobody for anything
  -P PORT   22
  -3        between two servers over this machine, which is what is done anyway
  -R        between two servers by the first one, which has to reach the second
            and runs its own scp
  -O        by the old protocol of scp, for servers without SFTP
  -s        by SFTP, which is what is done anyway
  -T        with -O, take files that were not asked for
  -D PROGRAM
            run an SFTP server here, and connect to nothing
  -S PROGRAM
            run this as ssh, in place of this program's own
  -4 -6 -A -C -c -F -i -J -o -v
            as with ssh
      --timeout TIME   for connecting and logging in, such as 10s: 30s
      --algorithms SET compatible or legacy, for older servers
      --no-agent       do not ask the authentication agent for keys
      --json           print one JSON object a line, {"result"} or {"error"},
                       in place of text
  -h, --help           this text
  -V, --version        the version

A terminal shows how far each copy is, and the sum of several. A file is written
beside its target and takes its place once all of it is there.

Exit status: 0; 1 where something was not copied; 255 where the connection
failed; 130 for Ctrl-C.
`;

const names = {
  flags: `${connectionOptions.flags}23BORTVdfhprst`,
  valued: `${connectionOptions.valued}Pl`,
  long: { ...connectionOptions.long, help: false, json: false, version: false },
};

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseCopyArguments(argv: readonly string[]): CopyCommandLine {
  const { options, operands } = getopt(argv, names);
  const has = (...wanted: string[]): boolean => options.some(({ name }) => wanted.includes(name));
  const last = (name: string): string | undefined => options.findLast((each) => each.name === name)?.value;
  if (has('h', 'help')) return { mode: 'help' };
  if (has('V', 'version')) return { mode: 'version' };
  const kept = { recursive: has('r'), preserve: has('p') };
  if (has('f') || has('t')) {
    const paths = operands.map(fromText);
    return { mode: 'serve', direction: has('f') ? 'from' : 'to', paths, ...kept, mustBeFolder: has('d') };
  }
  const [port, limit] = ['P', 'l'].map(last);
  const places = operands.map((text) => placeOf(text, port === undefined ? undefined : parsePort(port)));
  const target = places.at(-1);
  if (target === undefined || places.length < 2) {
    throw optionsError('a copy needs a source and a target; --help says more');
  }
  const way = options.findLast(({ name }) => name === '3' || name === 'R')?.name;
  const protocol = options.findLast(({ name }) => name === 'O' || name === 's')?.name;
  return {
    mode: 'copy',
    connection: connectionSettings(options, { isBatch: has('B') }),
    sources: places.slice(0, -1),
    target,
    ...kept,
    limitRate: rateOption(limit),
    isDirect: way === 'R',
    isLegacy: protocol === 'O',
    trustsNames: has('T'),
    isVerbose: has('v'),
    json: has('json'),
  };
}

function placeOf(text: string, port: number | undefined): CopyPlace {
  const place = parseRemotePlace(text, ['scp', 'sftp']);
  if (place === undefined) return { server: undefined, path: fromText(text) };
  // As with scp, the port of a URI comes before that of -P.
  return { server: { ...place.server, port: place.server.port ?? port }, path: place.path };
}
