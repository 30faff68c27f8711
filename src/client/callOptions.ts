/**
 * What the calls on a client take.
 *
 * Owns: the options of each call, and their checks.
 * Must not know: what a call does.
 */
import {
  abortSignal,
  anyObject,
  callback,
  checkForeignText,
  checkOption,
  checkOptions,
  eitherOf,
  flag,
  milliseconds,
  type OptionRule,
  type OptionSet,
  type OptionTable,
  oneOf,
  optionsError,
  secretly,
  someText,
  wholeNumber,
} from '../base/optionChecks.ts';
import { callNames, execNames, ptyNames, runNames, shellNames } from '../endpoint/options/otherNames.ts';
import { terminalModeOpcodes } from '../message/terminalModes.ts';
import { inputTakes, isRunInput, type RunInput } from './command/commandInput.ts';
import type { PtyOptions } from './command/requestPayloads.ts';

/** What each call that waits takes. */
export interface CallOptions {
  /** Milliseconds for the whole call; the connection's `timeouts` also bound its parts. Default: only these. */
  readonly timeout?: number | undefined;
  /** Aborts the call, which rejects with `ERR_SSH_ABORTED`; of `exec` and `shell` also the process that has started. */
  readonly signal?: AbortSignal | undefined;
}

/** What `openTcp` and `openUnix` take. */
export interface OpenStreamOptions extends CallOptions {
  /**
   * Whether this side may write on after the other side has ended. With `false` this
   * side ends too, as sockets of `node:net` do by default. Drivers that leave that to
   * their socket, such as ioredis, need it. Default: `true`.
   */
  readonly allowHalfOpen?: boolean | undefined;
}

/** What each call that opens a session channel takes: a command, a shell, a subsystem. */
export interface SessionOptions extends CallOptions {
  /**
   * The call waits until fewer than so many session channels are open on this
   * connection. Servers refuse more than they allow, OpenSSH more than 10 (its
   * MaxSessions). Default: the `maxChannels` of `connect`, or no bound.
   */
  readonly maxChannels?: number | undefined;
}

/** A display for the programs of a command. */
export interface X11Options {
  /** The display, such as `:0`. Default: `DISPLAY` of the environment. */
  readonly display?: string | undefined;
  /** Its MIT-MAGIC-COOKIE-1, hexadecimal. Default: the one in the file of `XAUTHORITY`, or in `~/.Xauthority`. */
  readonly cookie?: string | undefined;
  /** Milliseconds from the start of the command in which programs may connect. Default: as long as it runs. */
  readonly acceptFor?: number | undefined;
}

/** What `exec` takes. */
export interface ExecOptions extends SessionOptions {
  /** Gives the command a terminal; `true` is one of 80 by 24. Default: none. */
  readonly pty?: boolean | PtyOptions | undefined;
  /** Environment variables. Most servers accept few by default (`AcceptEnv` of OpenSSH); `refusedEnv` names the others. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * The folder on the server to run the command in. The user's shell runs `cd` first;
   * if that fails, the command does not run, and the result has the status of `cd`. A
   * path without a leading `/` begins where commands start, in the home folder. The path
   * is quoted, so `~` and `*` stand for themselves.
   */
  readonly cwd?: string | undefined;
  /**
   * Lets programs on the server list the agent's keys and sign with them while this
   * command runs. Root on the server can do the same. OpenSSH's server also shows the
   * agent to later commands of the connection, but the agent answers only while a
   * command with this option runs. Default: `false`.
   */
  readonly forwardAgent?: boolean | undefined;
  /**
   * Lets programs on the server show their windows on a display of this side (RFC 4254
   * §6.3) while this command runs, as `ssh -Y` does. They use a cookie that is made for
   * this command. Root on the server can use the display too, read what you type, and
   * look at other windows. Default: `false`.
   */
  readonly x11?: X11Options | boolean | undefined;
}

/** What `shell` takes. */
export interface ShellOptions extends SessionOptions, PtyOptions {
  /** As for `exec`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** As for `exec`. */
  readonly forwardAgent?: boolean | undefined;
  /** As for `exec`. */
  readonly x11?: X11Options | boolean | undefined;
  /** `false` gives a shell without a terminal. Default: `true`. */
  readonly pty?: boolean | undefined;
}

/** What `run` takes. `timeout` bounds the whole command; without it, only keep-alive does. */
export interface RunOptions<Data = string> extends ExecOptions {
  /** What the command reads from its stdin: text, bytes, a stream or any iterable of these. Default: nothing. */
  readonly input?: RunInput | undefined;
  /** The encoding of the output; `buffer` gives bytes. Default: `utf8`. */
  readonly encoding?: 'utf8' | 'latin1' | 'buffer' | undefined;
  /** The most bytes of output, both streams together; more is `ERR_SSH_MAX_BUFFER`. Default: 64 MiB. */
  readonly maxBuffer?: number | undefined;
  /**
   * Gets each piece of stdout as it comes; the result has all of it too. If it returns
   * a promise, the next piece waits for that. If it throws or rejects, the command ends,
   * and `run` rejects with the same value.
   */
  readonly onStdout?: ((piece: Data) => unknown) | undefined;
  /** As `onStdout`, for stderr. */
  readonly onStderr?: ((piece: Data) => unknown) | undefined;
}

// The checks -------------------------------------------------------------------------------

const callTable: OptionTable<CallOptions> = { timeout: milliseconds, signal: abortSignal };

const openStreamTable: OptionTable<OpenStreamOptions> = { ...callTable, allowHalfOpen: flag };

const sessionTable: OptionTable<SessionOptions> = {
  ...callTable,
  maxChannels: wholeNumber(1, Number.POSITIVE_INFINITY),
};

const envRule: OptionRule = { ...anyObject, takes: 'an object of names and values' };

const x11Rule = eitherOf("true, false or an object such as { display: ':0' }", flag, anyObject);
const x11Table: OptionTable<X11Options> = {
  display: someText,
  cookie: secretly(someText),
  acceptFor: milliseconds,
};

const execTable: OptionTable<ExecOptions> = {
  ...sessionTable,
  pty: eitherOf('true, false or an object such as { columns: 80, rows: 24 }', flag, anyObject),
  env: envRule,
  cwd: someText,
  forwardAgent: flag,
  x11: x11Rule,
};

const inputRule: OptionRule = { takes: inputTakes, accepts: isRunInput, secret: true };

/** Of `run`, and of the command of a `runOnAll`. */
export const runTable: OptionTable<RunOptions> = {
  ...execTable,
  input: inputRule,
  encoding: oneOf('utf8', 'latin1', 'buffer'),
  maxBuffer: {
    takes: 'a number of bytes from 0 on',
    accepts: (value) => typeof value === 'number' && value >= 0,
  },
  onStdout: callback,
  onStderr: callback,
};

const pixels = wholeNumber(0, 0xffff_ffff);

const ptyTable: OptionTable<PtyOptions> = {
  term: { takes: 'a string', accepts: (value) => typeof value === 'string' },
  columns: pixels,
  rows: pixels,
  widthPixels: pixels,
  heightPixels: pixels,
  modes: anyObject,
};

const shellTable: OptionTable<ShellOptions> = {
  ...sessionTable,
  ...ptyTable,
  env: envRule,
  forwardAgent: flag,
  x11: x11Rule,
  pty: flag,
};

const runSet: OptionSet = { of: 'run', table: runTable, otherNames: runNames };
const execSet: OptionSet = { of: 'exec', table: execTable, otherNames: execNames };
const shellSet: OptionSet = { of: 'shell', table: shellTable, otherNames: shellNames };

/** @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got */
export function checkRunOptions(options: unknown): void {
  checkOptions(options, runSet);
  checkCommandOptions(options as RunOptions);
}

/** As `checkRunOptions`. */
export function checkExecOptions(options: unknown): void {
  checkOptions(options, execSet);
  checkCommandOptions(options as ExecOptions);
}

/** As `checkRunOptions`. */
export function checkShellOptions(options: unknown): void {
  checkOptions(options, shellSet);
  const { env, term, modes, x11 } = options as ShellOptions;
  checkX11(x11, '');
  checkEnv(env, '');
  checkTerminal({ term, modes }, '');
}

/** Of a call that starts no command. As `checkRunOptions`. */
export function checkCallOptions(of: string, options: unknown): void {
  checkOptions(options, { of, table: callTable, otherNames: callNames });
}

/** Of `openTcp` and `openUnix`. As `checkRunOptions`. */
export function checkOpenStreamOptions(of: string, options: unknown): void {
  checkOptions(options, { of, table: openStreamTable, otherNames: callNames });
}

/** Of a subsystem. As `checkRunOptions`. */
export function checkSessionOptions(of: string, options: unknown): void {
  checkOptions(options, { of, table: sessionTable, otherNames: callNames });
}

/** What the table of a command does not say, of those options that it allows. */
export function checkCommandOptions({ env, cwd, pty, x11 }: ExecOptions, prefix: string = ''): void {
  checkEnv(env, prefix);
  checkX11(x11, prefix);
  if (cwd !== undefined) checkForeignText(`${prefix}cwd`, cwd);
  if (typeof pty !== 'object') return;
  const inside = `${prefix}pty.`;
  checkOptions(pty, { of: `${prefix}pty`, table: ptyTable, otherNames: ptyNames, prefix: inside });
  checkTerminal(pty, inside);
}

function checkX11(x11: ExecOptions['x11'], prefix: string): void {
  if (typeof x11 !== 'object') return;
  checkOptions(x11, { of: `${prefix}x11`, table: x11Table, prefix: `${prefix}x11.` });
}

function checkEnv(env: ExecOptions['env'], prefix: string): void {
  for (const [name, value] of Object.entries(env ?? {})) {
    checkForeignText(`a name in ${prefix}env`, name);
    if (name === '' || name.includes('=')) {
      throw optionsError(
        `${prefix}env has the name ${JSON.stringify(name.slice(0, 40))}, which is not a name of a variable`,
      );
    }
    if (value !== undefined) checkForeignText(`${prefix}env.${name}`, value);
  }
}

const modeRule = wholeNumber(0, 0xffff_ffff);

function checkTerminal({ term, modes }: Pick<PtyOptions, 'term' | 'modes'>, prefix: string): void {
  if (term !== undefined) checkForeignText(`${prefix}term`, term);
  if (modes === undefined) return;
  const rules = Object.keys(terminalModeOpcodes).map((name): [string, OptionRule] => [name, modeRule]);
  const inside = `${prefix}modes.`;
  checkOptions(modes, { of: `${prefix}modes`, table: Object.fromEntries(rules), prefix: inside });
}

/** Checks a text that names something on the server. */
export function checkName(what: string, value: unknown): void {
  checkForeignText(what, value);
  checkOption(what, value, someText);
}
