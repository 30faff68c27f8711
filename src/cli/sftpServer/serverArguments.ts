/**
 * The command line of `deadline-ssh sftp-server`.
 *
 * Owns: its options, which are those of sftp-server(8), and its help.
 * Must not know: how files are served.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { LetterOptions } from '../letterOptions.ts';

/** What is logged, each with all that stands before it. */
export const logLevels = ['quiet', 'error', 'info', 'verbose'] as const;
export type LogLevel = (typeof logLevels)[number];

/** By the names of sftp-server(8). */
const levelNames: Readonly<Record<string, LogLevel>> = {
  QUIET: 'quiet',
  FATAL: 'error',
  ERROR: 'error',
  INFO: 'info',
  VERBOSE: 'verbose',
  DEBUG: 'verbose',
  DEBUG1: 'verbose',
  DEBUG2: 'verbose',
  DEBUG3: 'verbose',
};

const facilities: readonly string[] = [
  ...['DAEMON', 'USER', 'AUTH', 'LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6'],
  'LOCAL7',
];

export interface ServerArguments {
  /** -R */
  readonly isReadOnly: boolean;
  /** -d, with the user and the home put in; undefined for where the program is started. */
  readonly startFolder: string | undefined;
  /** -u */
  readonly umask: number | undefined;
  /** -e: to standard error in place of the system's log. */
  readonly logsToStderr: boolean;
  readonly logLevel: LogLevel;
  /** In small letters, as logger(1) takes it. */
  readonly logFacility: string;
  /** -P */
  readonly denied: ReadonlySet<string>;
  /** -p; undefined for all. */
  readonly allowed: ReadonlySet<string> | undefined;
}

/** Who is served. */
export interface Served {
  readonly username: string;
  readonly home: string;
}

export const sftpServerHelp = `Usage: deadline-ssh sftp-server [options]

Speaks SFTP as a server on standard input and output, for the user that runs it.
It serves all files of this machine that this user may use. sshd starts it with
a line of sshd_config: "Subsystem sftp /path/of/deadline-ssh sftp-server". The
options are those of sftp-server(8).

  -d FOLDER       begin in FOLDER; %d is the home and %u the name of the user
  -e              log to standard error instead of the system's log
  -f FACILITY     the facility of the system's log: AUTH (the default), DAEMON,
                  USER, LOCAL0 to LOCAL7
  -l LEVEL        QUIET, FATAL, ERROR (the default), INFO, VERBOSE, DEBUG,
                  DEBUG1 to DEBUG3. INFO logs each file that is opened and each
                  change; VERBOSE logs all requests except those on an open file
  -P REQUESTS     deny these requests, separated by commas
  -p REQUESTS     allow only these requests
  -Q requests     print the names of requests
  -R              refuse every change: read-only
  -u UMASK        the umask for new files, in octal
  -h, --help      print this text

It does not open pipes and sockets, because it would wait for their other end.
It does not confine the user; ChrootDirectory of sshd_config does.
`;

interface Draft {
  isReadOnly: boolean;
  startFolder: string | undefined;
  umask: number | undefined;
  logsToStderr: boolean;
  logLevel: LogLevel;
  logFacility: string;
  denied: ReadonlySet<string>;
  allowed: ReadonlySet<string> | undefined;
  mode: 'serve' | 'help' | 'requests';
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseServerArguments(
  argv: readonly string[],
  requests: readonly string[],
  served: Served,
): ServerArguments | 'help' | 'requests' {
  const draft: Draft = {
    isReadOnly: false,
    startFolder: undefined,
    umask: undefined,
    logsToStderr: false,
    logLevel: 'error',
    logFacility: 'auth',
    denied: new Set(),
    allowed: undefined,
    mode: 'serve',
  };
  const { next } = optionsFor(requests, served).take(argv, 0, draft);
  const { mode, ...args } = draft;
  if (mode !== 'serve') return mode;
  const [word] = argv.slice(next);
  if (word !== undefined) {
    throw optionsError(`${quotedText(word)} is no option; try deadline-ssh sftp-server --help`);
  }
  return args;
}

function optionsFor(requests: readonly string[], served: Served): LetterOptions<Draft> {
  return new LetterOptions<Draft>('deadline-ssh sftp-server', [
    { letter: 'R', apply: (draft) => assign(draft, { isReadOnly: true }) },
    { letter: 'e', apply: (draft) => assign(draft, { logsToStderr: true }) },
    { letter: 'h', name: 'help', apply: (draft) => assign(draft, { mode: 'help' }) },
    {
      letter: 'd',
      value: 'FOLDER',
      apply: (draft, value) => assign(draft, { startFolder: startFolder(value, served) }),
    },
    {
      letter: 'f',
      value: 'FACILITY',
      apply: (draft, value) => {
        if (!facilities.includes(value.toUpperCase())) {
          throw optionsError(`-f ${quotedText(value)}: there are ${facilities.join(', ')}`);
        }
        assign(draft, { logFacility: value.toLowerCase() });
      },
    },
    {
      letter: 'l',
      value: 'LEVEL',
      apply: (draft, value) => {
        const logLevel = levelNames[value.toUpperCase()];
        if (logLevel === undefined) {
          throw optionsError(`-l ${quotedText(value)}: there are ${Object.keys(levelNames).join(', ')}`);
        }
        assign(draft, { logLevel });
      },
    },
    {
      letter: 'P',
      value: 'REQUESTS',
      apply: (draft, value) => assign(draft, { denied: requestSet('-P', value, requests) }),
    },
    {
      letter: 'p',
      value: 'REQUESTS',
      apply: (draft, value) => assign(draft, { allowed: requestSet('-p', value, requests) }),
    },
    {
      letter: 'Q',
      value: 'requests',
      apply: (draft, value) => {
        if (value !== 'requests') throw optionsError(`-Q ${quotedText(value)}: there is requests`);
        assign(draft, { mode: 'requests' });
      },
    },
    {
      letter: 'u',
      value: 'UMASK',
      apply: (draft, value) => {
        if (!/^[0-7]{1,4}$/.test(value) || Number.parseInt(value, 8) > 0o777) {
          throw optionsError(`-u ${quotedText(value)}: a umask is octal, 000 to 777`);
        }
        assign(draft, { umask: Number.parseInt(value, 8) });
      },
    },
  ]);
}

function assign(draft: Draft, changes: Partial<Draft>): void {
  Object.assign(draft, changes);
}

/** @throws SshError `ERR_SSH_OPTIONS` */
function startFolder(text: string, { username, home }: Served): string {
  return text.replace(/%(.?)/g, (_, letter: string) => {
    if (letter === '%') return '%';
    if (letter === 'd') return home;
    if (letter === 'u') return username;
    throw optionsError(`-d ${quotedText(text)}: %${letter} means nothing there; there are %d, %u and %%`);
  });
}

/** @throws SshError `ERR_SSH_OPTIONS` */
function requestSet(option: string, text: string, requests: readonly string[]): ReadonlySet<string> {
  const names = text.split(',').filter((name) => name !== '');
  const strange = names.find((name) => !requests.includes(name));
  if (strange !== undefined) {
    throw optionsError(`${option} ${quotedText(strange)} is not a request; -Q requests lists them`);
  }
  return new Set(names);
}
