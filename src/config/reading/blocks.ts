/**
 * Which blocks apply.
 *
 * Owns: Host and Match, left to right; a command is run only when everything
 * before it holds and the block may apply at all.
 * Must not know: what is in a block, files.
 * Source: ssh_config(5), Host and Match.
 */
import { quotedText } from '../../base/bytes.ts';
import { nearest } from '../../base/optionChecks.ts';
import { matchesPattern } from '../../base/wildcards.ts';
import { expand, type Tokens } from '../syntax/expansion.ts';
import { anyInNetworks, parseNetworks } from '../syntax/networks.ts';
import { lowerCase, matchHostList, matchList } from '../syntax/patterns.ts';
import type { Arguments } from './arguments.ts';
import { type Asking, ask, type Facts } from './facts.ts';
import type { OpenSsh } from './openssh.ts';
import type { Settings } from './settings.ts';

/** What conditions ask about. */
export interface Situation {
  readonly settings: Settings;
  readonly facts: Facts;
  readonly openSsh: OpenSsh;
  /** The host as far as it is known now. */
  readonly host: string;
  /** The host as it was given. */
  readonly givenHost: string;
  /** The remote command of the caller. */
  readonly command: string;
  /** The second time through, when the host has its last name. */
  readonly isFinal: boolean;
}

/** Whether a block applies, or why the line is refused. */
export type BlockAnswer =
  | { readonly applies: boolean; readonly wantsFinal?: boolean }
  | { readonly fault: string; readonly cause?: unknown };

/** Host: one pattern that fits is enough, one behind `!` that fits ends it. */
export function hostBlock(host: string, words: Arguments): BlockAnswer {
  const patterns = words.rest();
  if (patterns.length === 0) return { applies: false };
  let applies = false;
  for (const pattern of patterns) {
    if (pattern === '') return { fault: 'has an empty pattern' };
    const isNegated = pattern.startsWith('!');
    if (!matchesPattern(host, isNegated ? pattern.slice(1) : pattern)) continue;
    if (isNegated) return { applies: false };
    applies = true;
  }
  return { applies };
}

/** Criteria with a value. */
const criteria = [
  'host',
  'originalhost',
  'user',
  'localuser',
  'localnetwork',
  'version',
  'tagged',
  'command',
  'sessiontype',
  'exec',
] as const;

type Criterion = (typeof criteria)[number];

const all: readonly string[] = ['all', 'canonical', 'final', ...criteria];

/**
 * Match: every criterion has to hold.
 *
 * @param isPossible whether the block may apply at all; where not, no command is run
 */
export function* matchBlock(
  situation: Situation,
  words: Arguments,
  isPossible: boolean,
): Asking<BlockAnswer> {
  let holds = true;
  let wantsFinal = false;
  let count = 0;
  const host = hostNow(situation);
  if ('fault' in host) return host;
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (word.startsWith('#')) {
      words.rest();
      break;
    }
    const isNegated = word.startsWith('!');
    const attribute = isNegated ? word.slice(1) : word;
    const name = lowerCase(attribute);
    if (name === 'all') {
      const next = words.next();
      if (count > 1 || (next !== undefined && next !== '' && !next.startsWith('#'))) {
        return { fault: `${quotedText(word)} cannot stand beside other criteria` };
      }
      if (next?.startsWith('#') === true) words.rest();
      return { applies: holds && !isNegated, wantsFinal };
    }
    count++;
    if (name === 'canonical' || name === 'final') {
      if (name === 'final' && !isNegated) wantsFinal = true;
      if (situation.isFinal === isNegated) holds = false;
      continue;
    }
    const given = takeValue(attribute, words);
    if (given === undefined) return { fault: `${quotedText(word)} needs a value` };
    const criterion = criteria.find((one) => one === given.criterion);
    if (criterion === undefined) return { fault: unknownCriterion(given.criterion) };
    if (
      given.value.startsWith('#') ||
      (given.value === '' && criterion !== 'tagged' && criterion !== 'command')
    ) {
      return { fault: `${quotedText(criterion)} needs a value` };
    }
    const mayRun = holds && isPossible;
    const answer: { readonly fits: boolean } | { readonly fault: string; readonly cause?: unknown } =
      criterion === 'exec'
        ? yield* runs(given.value, situation, host.text, mayRun)
        : fits(criterion, given.value, situation, host.text);
    if ('fault' in answer) return answer;
    if (answer.fits === isNegated) holds = false;
  }
  if (count === 0) return { fault: 'needs a criterion such as host' };
  return { applies: holds, wantsFinal };
}

/** `host=pattern`, or the value in the next word. */
function takeValue(
  attribute: string,
  words: Arguments,
): { readonly criterion: string; readonly value: string } | undefined {
  const equals = attribute.indexOf('=');
  const name = lowerCase(equals < 0 ? attribute : attribute.slice(0, equals));
  if (equals >= 0 && name !== 'sessiontype' && criteria.some((one) => one === name)) {
    return { criterion: name, value: attribute.slice(equals + 1) };
  }
  const value = words.next();
  return value === undefined ? undefined : { criterion: lowerCase(attribute), value };
}

function unknownCriterion(name: string): string {
  const near = nearest(name, all);
  return `${quotedText(name)} is not a criterion${near === undefined ? `; there are ${all.join(', ')}` : `; did you mean ${near}?`}`;
}

function fits(
  criterion: Exclude<Criterion, 'exec'>,
  value: string,
  { settings, facts, openSsh, givenHost, command }: Situation,
  host: string,
): { readonly fits: boolean } | { readonly fault: string } {
  switch (criterion) {
    case 'host':
      return { fits: matchHostList(host, value) === 'matched' };
    case 'originalhost':
      return { fits: matchHostList(givenHost, value) === 'matched' };
    case 'user':
      return { fits: matchList(settings.value('user') ?? facts.userName, value) === 'matched' };
    case 'localuser':
      return { fits: matchList(facts.userName, value) === 'matched' };
    case 'localnetwork': {
      const networks = parseNetworks(value);
      if (networks === undefined)
        return { fault: `${quotedText(value)} is not a list of networks such as 10.0.0.0/8` };
      return { fits: anyInNetworks(facts.localAddresses(), networks) };
    }
    case 'version':
      return { fits: matchList(openSsh.version, value) === 'matched' };
    case 'tagged':
      return { fits: fitsEmptyToo(settings.value('tag') ?? '', value) };
    case 'command':
      return { fits: fitsEmptyToo(command, value) };
    case 'sessiontype':
      return { fits: matchList(sessionType(settings, command), value) === 'matched' };
    default:
      return criterion satisfies never;
  }
}

/** An empty value fits what is empty, and nothing else does. */
function fitsEmptyToo(text: string, value: string): boolean {
  return text === '' ? value === '' : matchList(text, value) === 'matched';
}

function sessionType(settings: Settings, command: string): string {
  const type = settings.value('sessiontype');
  if (type === 'subsystem' || type === 'none') return type;
  return command === '' ? 'shell' : 'exec';
}

function* runs(
  value: string,
  situation: Situation,
  host: string,
  mayRun: boolean,
): Asking<{ readonly fits: boolean } | { readonly fault: string; readonly cause?: unknown }> {
  const command = expand(value, { tokens: earlyTokens(situation, host) });
  if ('fault' in command) return command;
  if (!mayRun) return { fits: true };
  const answer = yield* ask({ kind: 'exec', command: command.text });
  if ('fault' in answer) return answer;
  return { fits: answer.status === 0 };
}

/** The host as it is called now: by Hostname where that is said, which may have `%h` in it. */
export function hostNow({
  settings,
  host,
  isFinal,
}: Situation): { readonly text: string } | { readonly fault: string } {
  const hostname = settings.value('hostname');
  if (isFinal) return { text: hostname ?? host };
  return hostname === undefined ? { text: host } : expand(hostname, { tokens: { h: host } });
}

const sshPort = 22;

/** Tokens while the files are being read, when not everything is known. */
export function earlyTokens(situation: Situation, host: string): Tokens {
  const { settings, facts, givenHost } = situation;
  return tokensOf({
    facts,
    host,
    givenHost,
    keyAlias: settings.value('hostkeyalias') ?? host,
    port: settings.value('port') ?? String(sshPort),
    user: settings.value('user') ?? facts.userName,
    jump: jumpHost(settings),
  });
}

/** The host to jump over, for `%j`; empty where there is none. */
export function jumpHost(settings: Settings): string {
  const host = settings.jump?.last.host ?? '';
  return lowerCase(host) === 'none' ? '' : host;
}

export interface TokenSources {
  readonly facts: Facts;
  readonly host: string;
  readonly givenHost: string;
  readonly keyAlias: string;
  readonly port: string;
  /** Undefined where the user is what is being expanded. */
  readonly user: string | undefined;
  readonly jump: string;
}

/** The tokens that most keywords take. */
export function tokensOf({ facts, host, givenHost, keyAlias, port, user, jump }: TokenSources): Tokens {
  const { hostName, userName, userId, homes, sha1 } = facts;
  return {
    ...(user === undefined ? {} : { C: sha1(`${hostName}${host}${port}${user}${jump}`), r: user }),
    L: hostName.replace(/\..*$/s, ''),
    d: homes(undefined) ?? '',
    h: host,
    i: String(userId),
    j: jump,
    k: keyAlias,
    l: hostName,
    n: givenHost,
    p: port,
    u: userName,
  };
}
