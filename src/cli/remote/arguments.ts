/**
 * What the command line of a session asks for, before any configuration is read.
 *
 * Owns: the keywords that its options stand for, what it excludes, the errors of
 * bad options.
 * Must not know: files of configuration, how any of it is carried out.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { parseTarget } from '../../client/dial/target.ts';
import type { AlgorithmPreset } from '../../endpoint/options/algorithmOptions.ts';
import type { TargetPlace } from '../../forwarding/places.ts';
import { partCommandLine } from './commandLine.ts';
import { quoteWord } from './configWord.ts';
import { type ForwardSpec, parseStdioForward, parseTypedForward } from './forwardSpecs.ts';
import type { Draft, Keyword } from './optionTable.ts';

/** A session, a command or forwards on one host; or something about one. */
export interface SshCommandLine {
  readonly mode: 'ssh';
  /** As it was named: an alias of the configuration, a name or an address. */
  readonly host: string;
  /** What the options say, in the form of `-o`; the first of two that contradict each other counts. */
  readonly overrides: readonly string[];
  /** Forwards that no configuration can have: of local ports that the system chooses. */
  readonly forwards: readonly ForwardSpec[];
  /** Files named with -i, about which it is said when they are not there. */
  readonly identities: readonly string[];
  /** -F; undefined for the usual files. */
  readonly configFile: string | undefined;
  /** -E; undefined for standard error. */
  readonly logFile: string | undefined;
  /** -G: prints the configuration. */
  readonly printsConfiguration: boolean;
  /** -O: what a program in the background is told. */
  readonly control: string | undefined;
  /** The words of the command, or the name of the subsystem; undefined where there are none. */
  readonly command: string | undefined;
  /** -W */
  readonly stdioForward: TargetPlace | undefined;
  /** Whether -f was given: the configuration may say so too. */
  readonly isBackground: boolean;
  /** Whether the user's agent may be asked for keys. */
  readonly agent: boolean;
  /** Milliseconds for the whole dial; undefined for what the configuration says. */
  readonly timeout: number | undefined;
  /** For servers that are older than the default ones; undefined for these. */
  readonly algorithms: AlgorithmPreset | undefined;
  readonly json: boolean;
}

export type CommandLine =
  | SshCommandLine
  | { readonly mode: 'help' }
  | { readonly mode: 'version' }
  | { readonly mode: 'query'; readonly what: string };

/** What `-O` takes. */
export const controlCommands = ['check', 'exit', 'stop', 'forward', 'cancel', 'proxy'] as const;

/**
 * Reads the arguments behind the name of the program.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { draft, destination, words, before } = partCommandLine(argv);
  if (draft.help) return { mode: 'help' };
  if (draft.version) return { mode: 'version' };
  if (draft.query !== undefined) return { mode: 'query', what: draft.query };
  if (destination === undefined) {
    throw optionsError('there is no host to connect to; try deadline-ssh --help');
  }
  const target = parseTarget(destination);
  checkUser(target.username);
  const command = words.join(' ') === '' ? undefined : words.join(' ');
  if (draft.json && command === undefined) {
    throw optionsError('--json needs a command: a shell has no result to print');
  }
  if (draft.stdioForward !== undefined && command !== undefined) {
    throw optionsError('-W runs no command; leave the command out');
  }
  const named = (keyword: string, value: string | number | undefined): Keyword[] =>
    value === undefined ? [] : [{ keyword, value: String(value), isWord: true }];
  const keywords = [
    ...impliedBy(draft),
    ...draft.replacing,
    ...draft.keywords.slice(0, before),
    ...named('User', target.username),
    ...named('Port', target.port),
    ...draft.keywords.slice(before),
  ];
  const forwards: ForwardSpec[] = [];
  return {
    mode: 'ssh',
    host: target.host,
    overrides: keywords.flatMap((keyword) => overrideOf(keyword, forwards)),
    forwards,
    identities: keywords
      .filter(({ isWord, keyword }) => isWord && keyword === 'IdentityFile')
      .map(({ value }) => value),
    configFile: draft.configFile,
    logFile: draft.logFile,
    printsConfiguration: draft.printsConfiguration,
    control: knownControl(draft.control),
    command,
    stdioForward: draft.stdioForward === undefined ? undefined : parseStdioForward(draft.stdioForward),
    isBackground: keywords.some(({ keyword, isWord }) => isWord && keyword === 'ForkAfterAuthentication'),
    agent: !draft.noAgent,
    timeout: draft.timeout === undefined ? undefined : parseDuration(draft.timeout),
    algorithms: parsePreset(draft.algorithms),
    json: draft.json,
  };
}

/** Options that have their meaning together with others. */
function impliedBy({ logLevel, tag, noAgent, stdioForward }: Draft): Keyword[] {
  const keyword = (name: string, value: string): Keyword => ({ keyword: name, value, isWord: true });
  return [
    ...(logLevel === undefined ? [] : [keyword('LogLevel', logLevel)]),
    ...(tag === undefined ? [] : [keyword('Tag', tag)]),
    ...(noAgent ? [keyword('IdentityAgent', 'none')] : []),
    ...(stdioForward === undefined ? [] : [keyword('RequestTTY', 'no'), keyword('SessionType', 'none')]),
  ];
}

/** In the form of `-o`. A value that is one word stands for itself, whatever is in it. Adds to `own` what has no such form. */
function overrideOf({ keyword, value, isWord }: Keyword, own: ForwardSpec[]): readonly string[] {
  // A list of hosts is taken as it stands.
  if (!isWord || keyword === 'ProxyJump') return [`${keyword}=${value}`];
  if (keyword === 'User') checkUser(value);
  const option = Object.hasOwn(forwardOptions, keyword) ? forwardOptions[keyword] : undefined;
  if (option === undefined) return [`${keyword}=${quoteWord(value)}`];
  const forward = parseTypedForward(option, value);
  if (forward.own !== undefined) own.push(forward.own);
  return forward.value === undefined ? [] : [`${keyword}=${forward.value}`];
}

const forwardOptions: Readonly<Record<string, '-L' | '-R' | '-D'>> = {
  LocalForward: '-L',
  RemoteForward: '-R',
  DynamicForward: '-D',
};

/**
 * A user's name may end up in a command of a shell: what a shell gives a meaning
 * to is refused, as ssh refuses it.
 */
function checkUser(user: string | undefined): void {
  if (user === undefined) return;
  const isOdd = /[`'";&<>|(){}]|\\$|^\s|\s$/.test(user) || /\p{Cc}/u.test(user);
  if (user === '' || user.startsWith('-') || isOdd) {
    throw optionsError(
      `${quotedText(user)} cannot be the name of a user: it has characters of a shell's in it`,
    );
  }
}

function knownControl(text: string | undefined): string | undefined {
  if (text === undefined || controlCommands.some((name) => name === text)) return text;
  throw optionsError(`-O ${quotedText(text)}: there are ${controlCommands.join(', ')}`);
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
  throw optionsError(`${quotedText(text)} is not a time; give one such as 10s, 1500ms or 2m`);
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parsePreset(text: string | undefined): AlgorithmPreset | undefined {
  if (text === undefined || text === 'compatible' || text === 'legacy') return text;
  throw optionsError(`there are no algorithms ${quotedText(text)}; there are compatible and legacy`);
}
