/**
 * The options of the file commands that say how to connect.
 *
 * Owns: which they are; they are ssh's own, and are kept as words of its command line, so that each has the
 * meaning that it has there.
 * Must not know: what any of them means there.
 */
import { quotedText } from '../../../base/bytes.ts';
import { optionsError } from '../../../base/optionChecks.ts';
import type { GivenOption, OptionNames } from '../getopt.ts';

/** Where to connect. */
export interface ServerAddress {
  readonly host: string;
  /** Undefined for what the configuration says, or the default. */
  readonly username: string | undefined;
  readonly port: number | undefined;
}

/** How to connect. */
export interface ConnectionSettings {
  /** Words of the command line of ssh, before the host. */
  readonly words: readonly string[];
  /** Words that only this program's own ssh knows. */
  readonly ownWords: readonly string[];
  readonly isQuiet: boolean;
  /** Nobody is asked for anything. */
  readonly isBatch: boolean;
  /** A program that is run as ssh, in place of this library. */
  readonly program: string | undefined;
  /** A program that speaks SFTP on its standard streams, with its arguments: nothing is connected to. */
  readonly direct: readonly string[] | undefined;
  /** The subsystem, or the command where there is a slash in it. */
  readonly subsystem: string | undefined;
  /** Bytes of a READ or WRITE at most; undefined for what the server takes. */
  readonly blockLength: number | undefined;
  /** Requests of a file in flight at most. */
  readonly requests: number | undefined;
}

/** The options that both file commands share; -a, -B, -l, -R and -s differ between sftp and scp. */
export const connectionOptions: OptionNames = {
  flags: '46ACqv',
  valued: 'DFJScio',
  long: { algorithms: true, 'no-agent': false, timeout: true },
};

/** What the options say. `more` is what the command itself adds. @throws SshError `ERR_SSH_OPTIONS` */
export function connectionSettings(
  options: readonly GivenOption[],
  more: Partial<ConnectionSettings>,
): ConnectionSettings {
  const words: string[] = [];
  const ownWords: string[] = [];
  let program: string | undefined;
  let direct: readonly string[] | undefined;
  for (const { name, value } of options) {
    if ('46ACv'.includes(name)) words.push(`-${name}`);
    else if ('FJcio'.includes(name)) words.push(`-${name}`, value);
    else if (name === 'no-agent') ownWords.push('--no-agent');
    else if (name === 'timeout' || name === 'algorithms') ownWords.push(`--${name}`, value);
    else if (name === 'S') program = value;
    else if (name === 'D') direct = programWords(value);
  }
  if (program !== undefined && ownWords.length > 0) {
    throw optionsError(`${ownWords[0]} is of this program's own connections, and -S names another`);
  }
  return {
    words,
    ownWords,
    isQuiet: options.some(({ name }) => name === 'q'),
    isBatch: false,
    subsystem: undefined,
    blockLength: undefined,
    requests: undefined,
    program,
    direct,
    ...more,
  };
}

/**
 * The words of -D. Quotes keep spaces, as in a shell.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
function programWords(text: string): readonly string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  if (words.length === 0) throw optionsError(`-D ${quotedText(text)} names no program`);
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}

/** A whole number of an option. @throws SshError `ERR_SSH_OPTIONS` */
export function numberOption(option: string, value: string, most: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= most) return number;
  throw optionsError(`${option} takes a whole number from 1 to ${most}, not ${quotedText(value)}`);
}

/** Kbit/s, as scp and sftp take them with `-l`. */
const bytesOfKbit = 1024 / 8;
const mostKbit = 100 * 1024 * 1024;

/** Bytes a second of `-l`; undefined where it is not given. @throws SshError `ERR_SSH_OPTIONS` */
export function rateOption(value: string | undefined): number | undefined {
  return value === undefined ? undefined : numberOption('-l', value, mostKbit) * bytesOfKbit;
}

/** The command line of an ssh that serves SFTP. */
export function sshCommandLine(
  program: string,
  settings: ConnectionSettings,
  server: ServerAddress,
): readonly string[] {
  const { subsystem = 'sftp' } = settings;
  const flags = subsystem.includes('/') ? [] : ['-s'];
  return sshCommand(program, settings, server, subsystem, flags);
}

/** The command line of an ssh that runs a command. */
export function sshCommand(
  program: string,
  { words, isQuiet, isBatch }: ConnectionSettings,
  { host, username, port }: ServerAddress,
  command: string,
  flags: readonly string[] = [],
): readonly string[] {
  return [
    program,
    ...['-x', '-oPermitLocalCommand=no', '-oClearAllForwardings=yes'],
    ...['-oRemoteCommand=none', '-oRequestTTY=no'],
    ...words,
    ...(isQuiet ? ['-q'] : []),
    ...(isBatch ? ['-oBatchMode=yes'] : []),
    ...(port === undefined ? [] : [`-oPort=${port}`]),
    ...(username === undefined ? [] : ['-l', username]),
    '-oForwardAgent=no',
    ...flags,
    '--',
    host,
    command,
  ];
}
