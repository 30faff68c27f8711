/**
 * What the calls on a client take.
 *
 * Owns: the options of each call, and their checks.
 * Must not know: how any of them is carried out.
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
  /** Milliseconds for the whole call, apart from the connection's own timeouts for its parts. */
  readonly timeout?: number | undefined;
  /** Aborts the call; of `exec` and `shell` also the process, once it has started. */
  readonly signal?: AbortSignal | undefined;
}

/** What `openTcp` and `openUnix` take. */
export interface OpenStreamOptions extends CallOptions {
  /**
   * Whether this side may write on when the other side has ended. `false` ends this
   * side as well then, as sockets of `node:net` do by default: for drivers that leave
   * that to their socket, such as ioredis. `true`
   */
  readonly allowHalfOpen?: boolean | undefined;
}

/** What each call that opens a session channel takes: a command, a shell, a subsystem. */
export interface SessionOptions extends CallOptions {
  /**
   * Wait for a turn until fewer than so many session channels are open on this
   * connection. Servers allow a number of them (OpenSSH 10, its MaxSessions) and
   * refuse more. The `maxChannels` of `connect`; no bound where neither is given
   */
  readonly maxChannels?: number | undefined;
}

/** A display for the programs of a command. */
export interface X11Options {
  /** As `DISPLAY` has it, such as `:0`; the environment's where not given. */
  readonly display?: string | undefined;
  /** Its MIT-MAGIC-COOKIE-1, hexadecimal; the one of `XAUTHORITY` or `~/.Xauthority` where not given. */
  readonly cookie?: string | undefined;
  /** Milliseconds for which programs may connect, from the start of the command; its whole time where not given. */
  readonly acceptFor?: number | undefined;
}

/** What `exec` takes. */
export interface ExecOptions extends SessionOptions {
  /** `true` for a terminal of 80 by 24. */
  readonly pty?: boolean | PtyOptions | undefined;
  /** Environment variables. Servers take few by default (`AcceptEnv` of OpenSSH); `refusedEnv` names the rest. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Folder of the server to run the command in, by way of its shell: `cd` comes
   * first, and where that fails nothing is run and its status is the command's. A
   * path that does not begin with `/` is taken from where commands start, which is
   * the home folder. Quoted: `~` and `*` stand for themselves
   */
  readonly cwd?: string | undefined;
  /**
   * Lets programs on the server list the keys of the agent and sign with them, for
   * as long as this command runs. Anybody who is root there can do so as well, and
   * OpenSSH's server shows the agent to later commands of the connection, where it
   * answers only while a command that was given it runs. `false`
   */
  readonly forwardAgent?: boolean | undefined;
  /**
   * Lets programs on the server show their windows on a display of this side (RFC 4254
   * §6.3), as `ssh -Y` does: for as long as this command runs, with a cookie that is made
   * for it and means nothing elsewhere. Anybody who is root there can use the display as well,
   * see what is typed, and look at other windows. `false`
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
  /** `false` for a shell without a terminal. */
  readonly pty?: boolean | undefined;
}

/** `timeout` is for the whole command; there is no bound but the connection's keep-alive where it is not given. */
export interface RunOptions<Data = string> extends ExecOptions {
  /**
   * What the command reads from its stdin: text, bytes, a stream or any iterable of these. Nothing where not given.
   */
  readonly input?: RunInput | undefined;
  /** Of the output; `buffer` gives bytes. `utf8` */
  readonly encoding?: 'utf8' | 'latin1' | 'buffer' | undefined;
  /** Bytes of output, both streams together. 64 MiB */
  readonly maxBuffer?: number | undefined;
  /**
   * Told of each piece of stdout as it comes; the result has all of it all the
   * same. A promise that it returns is waited for before the next piece. What it
   * throws, or that promise rejects with, ends the command and comes back from
   * `run` as it is
   */
  readonly onStdout?: ((piece: Data) => unknown) | undefined;
  /** As `onStdout`, of stderr. */
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
        `${prefix}env has the name ${JSON.stringify(name.slice(0, 40))}, which is no name of a variable`,
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
