/**
 * The command line of `deadline-ssh [options] [user@]host[:port] [options] [command…]`.
 *
 * Owns: its options, what excludes what, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { quotedText } from '../../base/bytes.ts';
import { parsePort, parseTarget } from '../../client/dial/target.ts';
import type { AlgorithmPreset } from '../../endpoint/options/algorithmOptions.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import type { TargetPlace } from '../../forwarding/places.ts';
import { strictly } from '../usage.ts';
import {
  type ForwardSpec,
  parseDynamicForward,
  parseLocalForward,
  parseRemoteForward,
  parseStdioForward,
} from './forwardSpecs.ts';

/** A session or a command on one host. */
export interface SshArguments {
  readonly mode: 'ssh';
  readonly host: string;
  /** Undefined for the default. */
  readonly port: number | undefined;
  /** Undefined for the local user. */
  readonly username: string | undefined;
  /** Files named with -i; none means the default ones. */
  readonly identities: readonly string[];
  /** Whether the user's agent is asked for keys. */
  readonly agent: boolean;
  /** Whether programs on the server may use it. */
  readonly forwardAgent: boolean;
  /** 0, 1 for each phase, 2 for all that the connection does. */
  readonly verbosity: number;
  /** Milliseconds for the whole dial; undefined for the default. */
  readonly timeout: number | undefined;
  /** For servers that are older than the default ones; undefined for these. */
  readonly algorithms: AlgorithmPreset | undefined;
  readonly json: boolean;
  /** `auto`: a terminal for a shell on a terminal, none for a command. */
  readonly pty: 'auto' | 'force' | 'none';
  /** Whether standard input goes to the command. */
  readonly input: boolean;
  /** Undefined for a shell. */
  readonly command: string | undefined;
  /** In the order in which they are made. */
  readonly forwards: readonly ForwardSpec[];
  /** Whether a forward that cannot be made ends the program; with -W, and where nothing else is done. */
  readonly forwardsDemanded: boolean;
  /** What is done beside the forwards: a command or shell, nothing (-N), or standard input and output joined to a place (-W). */
  readonly purpose: 'session' | 'forwards' | TargetPlace;
}

export type CommandLine = SshArguments | { readonly mode: 'help' } | { readonly mode: 'version' };

const options = {
  port: { type: 'string', short: 'p' },
  login: { type: 'string', short: 'l' },
  identity: { type: 'string', short: 'i', multiple: true },
  'no-agent': { type: 'boolean', short: 'a' },
  'forward-agent': { type: 'boolean', short: 'A' },
  verbose: { type: 'boolean', short: 'v', multiple: true },
  timeout: { type: 'string' },
  algorithms: { type: 'string' },
  json: { type: 'boolean' },
  tty: { type: 'boolean', short: 't' },
  'no-tty': { type: 'boolean', short: 'T' },
  'no-input': { type: 'boolean', short: 'n' },
  'local-forward': { type: 'string', short: 'L', multiple: true },
  'remote-forward': { type: 'string', short: 'R', multiple: true },
  'dynamic-forward': { type: 'string', short: 'D', multiple: true },
  'stdio-forward': { type: 'string', short: 'W' },
  'gateway-ports': { type: 'boolean', short: 'g' },
  'no-command': { type: 'boolean', short: 'N' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const satisfies ParseArgsConfig['options'];

/**
 * Reads the arguments behind the name of the program. As with ssh, options may
 * stand before the host and behind it, up to the first word of the command or
 * `--`; where `--` stands before the host, all behind the host is the command.
 * The words of the command are joined by spaces.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { before, host, behind, words } = partsOf(argv);
  const values = parseOptions([...before, ...behind]);
  if (values.help === true) return { mode: 'help' };
  if (values.version === true) return { mode: 'version' };
  if (host === undefined) throw optionsError('there is no host to connect to; try deadline-ssh --help');
  const target = parseTarget(host);
  const command = words.join(' ') === '' ? undefined : words.join(' ');
  const purpose = purposeOf(values['stdio-forward'], values['no-command'] ?? false, command);
  if (values.json === true && command === undefined) {
    throw optionsError('--json needs a command: a shell has no result to print');
  }
  const isOpen = values['gateway-ports'] ?? false;
  return {
    mode: 'ssh',
    host: target.host,
    port: agreed('port', target.port, values.port === undefined ? undefined : parsePort(values.port)),
    username: agreed('user', target.username, values.login),
    identities: values.identity ?? [],
    agent: values['no-agent'] !== true,
    forwardAgent: forwardsAgent(values['forward-agent'] ?? false, values['no-agent'] ?? false),
    verbosity: values.verbose?.length ?? 0,
    timeout: values.timeout === undefined ? undefined : parseDuration(values.timeout),
    algorithms: parsePreset(values.algorithms),
    json: values.json ?? false,
    pty: ptyMode(values.tty ?? false, values['no-tty'] ?? false),
    input: values['no-input'] !== true,
    command,
    forwards: [
      ...(values['local-forward'] ?? []).map((text) => parseLocalForward(text, isOpen)),
      ...(values['remote-forward'] ?? []).map(parseRemoteForward),
      ...(values['dynamic-forward'] ?? []).map((text) => parseDynamicForward(text, isOpen)),
    ],
    forwardsDemanded: purpose !== 'session',
    purpose,
  };
}

/**
 * A duration as a person types it: `1500ms`, `10s`, `2m`; seconds without a unit.
 *
 * @returns milliseconds
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseDuration(text: string): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const milliseconds = Number(digits) * { ms: 1, s: 1_000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
  if (milliseconds > 0) return milliseconds;
  throw optionsError(`${quotedText(text)} is no time; give one such as 10s, 1500ms or 2m`);
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parsePreset(text: string | undefined): AlgorithmPreset | undefined {
  if (text === undefined || text === 'compatible' || text === 'legacy') return text;
  throw optionsError(`there are no algorithms ${quotedText(text)}; there are compatible and legacy`);
}

interface CommandLineParts {
  readonly before: readonly string[];
  readonly host: string | undefined;
  readonly behind: readonly string[];
  readonly words: readonly string[];
}

function partsOf(argv: readonly string[]): CommandLineParts {
  const toHost = leadingOptions(argv);
  const [host, ...rest] = toHost.rest;
  const toCommand = toHost.isTerminated ? { options: [], rest } : leadingOptions(rest);
  return { before: toHost.options, host, behind: toCommand.options, words: toCommand.rest };
}

/** The options, with their values, up to the first word that is neither, or to the `--` that ends them. */
function leadingOptions(argv: readonly string[]): {
  readonly options: readonly string[];
  readonly rest: readonly string[];
  readonly isTerminated: boolean;
} {
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const end = tokens.find(({ kind }) => kind !== 'option');
  const index = end?.index ?? argv.length;
  const isTerminated = end?.kind === 'option-terminator';
  return { options: argv.slice(0, index), rest: argv.slice(isTerminated ? index + 1 : index), isTerminated };
}

function parseOptions(args: readonly string[]) {
  const parse = () => parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
  return strictly('deadline-ssh', parse).values;
}

function agreed<T>(what: string, inTarget: T | undefined, inOption: T | undefined): T | undefined {
  if (inTarget !== undefined && inOption !== undefined && inTarget !== inOption) {
    throw optionsError(`the ${what} is given twice: ${String(inTarget)} and ${String(inOption)}`);
  }
  return inTarget ?? inOption;
}

function forwardsAgent(forward: boolean, none: boolean): boolean {
  if (forward && none) throw optionsError('-A and -a exclude each other');
  return forward;
}

function purposeOf(
  stdioForward: string | undefined,
  noCommand: boolean,
  command: string | undefined,
): SshArguments['purpose'] {
  if (stdioForward === undefined && !noCommand) return 'session';
  if (command !== undefined) {
    throw optionsError(`${stdioForward === undefined ? '-N' : '-W'} runs no command; leave the command out`);
  }
  return stdioForward === undefined ? 'forwards' : parseStdioForward(stdioForward);
}

function ptyMode(tty: boolean, noTty: boolean): SshArguments['pty'] {
  if (tty && noTty) throw optionsError('-t and -T exclude each other');
  if (tty) return 'force';
  return noTty ? 'none' : 'auto';
}
