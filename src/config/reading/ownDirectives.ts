/**
 * From a line to a setting, for keywords whose values have a form of their own.
 *
 * Owns: these forms and their refusals.
 * Must not know: blocks and files (`blocks.ts`, `reader.ts`).
 */
import { quotedText } from '../../base/bytes.ts';
import { expand } from '../syntax/expansion.ts';
import { type ForwardKind, parseForward } from '../syntax/forwardSpecs.ts';
import { isHostName, isUserName, type Place, parsePlace, portNumber } from '../syntax/hosts.ts';
import { lowerCase } from '../syntax/patterns.ts';
import { serviceClass } from '../syntax/serviceClasses.ts';
import { byteCount, fileMode, seconds, wholeNumber } from '../syntax/values.ts';
import { type LineContext, needsValue, offer, type Refusal, readTime } from './directives.ts';

type Reader = (context: LineContext) => Refusal;

/** A reader that is given the first word, which is there. */
function withWord(read: (word: string, context: LineContext) => Refusal): Reader {
  return (context) => {
    const word = context.words.next();
    return word === undefined || word === '' ? needsValue : read(word, context);
  };
}

const logLevels: Readonly<Record<string, string>> = {
  quiet: 'QUIET',
  fatal: 'FATAL',
  error: 'ERROR',
  info: 'INFO',
  verbose: 'VERBOSE',
  debug: 'DEBUG',
  debug1: 'DEBUG',
  debug2: 'DEBUG2',
  debug3: 'DEBUG3',
};

const facilities = [
  'DAEMON',
  'USER',
  'AUTH',
  'AUTHPRIV',
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `LOCAL${n}`),
];

const readPort = withWord((word, context) => {
  const port = portNumber(word, context.facts.services);
  if (port === undefined || port === 0) return `takes a port from 1 to 65535, not ${quotedText(word)}`;
  offer(context, String(port));
  return undefined;
});

/** Files of keys add up. */
function readFile(kind: 'identities' | 'certificates'): Reader {
  return withWord((path, { isActive, isUsers, settings, origin }) => {
    if (!isActive) return undefined;
    return settings.addFile(kind, { path, isNamed: isUsers }, origin) ? undefined : 'names too many files';
  });
}

const smallestRekeyLimit = 16n;

/** Bytes, and behind them a time. Each of the two is kept by itself. */
const readRekeyLimit = withWord((word, context) => {
  const bytes = word === 'default' ? 0n : byteCount(word);
  if (bytes === undefined) return `takes a size such as 1G, not ${quotedText(word)}`;
  if (bytes !== 0n && bytes < smallestRekeyLimit) return `takes ${smallestRekeyLimit} bytes at least`;
  offer(context, String(bytes), rekeyBytes);
  return context.words.left === 0 ? undefined : readTime(context, rekeyTime);
});

/** The two parts of RekeyLimit. */
export const rekeyBytes = 'rekeylimit bytes';
export const rekeyTime = 'rekeylimit time';

function readForward(kind: ForwardKind): Reader {
  return withWord((listen, { words, facts, settings, isActive, origin }) => {
    const target = kind === 'dynamic' ? undefined : words.next();
    const isDynamic = target === undefined || target === '';
    if (isDynamic && kind === 'local') return 'needs a target behind the port';
    const text = expand(isDynamic ? listen : `${listen}:${target}`, { variables: facts.variables });
    if ('fault' in text) return text.fault;
    const actual = isDynamic ? (kind === 'remote' ? 'remoteDynamic' : 'dynamic') : kind;
    const forward = parseForward(text.text, actual, facts.services);
    if (forward === undefined) return `${quotedText(text.text)} is not a forward`;
    if (isActive)
      settings.addForward(kind === 'remote' ? 'remoteForwards' : 'localForwards', forward, origin);
    return undefined;
  });
}

const readEscapeChar = withWord((word, context) => {
  const control = word.charCodeAt(1);
  const isControl = word.length === 2 && word.startsWith('^') && control >= 64 && control < 128;
  const isOne = word.length === 1 && word <= '\x7f';
  if (word !== 'none' && !isOne && !isControl) {
    return `takes one character, ^ and a letter, or none, not ${quotedText(word)}`;
  }
  offer(context, isControl ? String.fromCharCode(control & 31) : word);
  return undefined;
});

const readSendEnv: Reader = ({ words, settings, isActive, origin }) => {
  const names = words.rest();
  if (names.length === 0) return needsValue;
  const wrong = names.find((name) => name === '' || name.includes('='));
  if (wrong !== undefined) return `${quotedText(wrong)} is not a name of a variable`;
  if (isActive) for (const name of names) settings.addSendEnv(name, origin);
  return undefined;
};

/** Of a name that comes twice the first value counts. */
const readSetEnv: Reader = ({ keyword, words, settings, isActive, origin }) => {
  const given = words.rest();
  if (given.length === 0) return needsValue;
  const byName = new Map<string, string>();
  for (const one of given) {
    const equals = one.indexOf('=');
    if (equals < 0) return `takes NAME=value, not ${quotedText(one)}`;
    const name = one.slice(0, equals);
    if (!byName.has(name)) byName.set(name, one);
  }
  if (isActive) settings.offerList(keyword, [...byName.values()], origin);
  return undefined;
};

const readControlPersist = withWord((word, context) => {
  const truths: Readonly<Record<string, string>> = { yes: 'yes', true: 'yes', no: 'no', false: 'no' };
  const time = Object.hasOwn(truths, word) ? undefined : seconds(word);
  const value = truths[word] ?? (time === undefined ? undefined : time === 0 ? 'yes' : String(time));
  if (value === undefined) return `takes yes, no or a time, not ${quotedText(word)}`;
  offer(context, value);
  return undefined;
});

const largestTunnel = 0x7fff_fffd;

const readTunnelDevice = withWord((word, context) => {
  const colon = word.indexOf(':');
  const [local, remote] = colon < 0 ? [word, 'any'] : [word.slice(0, colon), word.slice(colon + 1)];
  const devices = [local, remote].map((text) =>
    lowerCase(text) === 'any' ? 'any' : wholeNumber(text, 0, largestTunnel)?.toString(),
  );
  if (devices.includes(undefined)) return `takes local:remote, numbers or any, not ${quotedText(word)}`;
  offer(context, devices.join(':'));
  return undefined;
});

const readServiceClasses = withWord((word, context) => {
  const bulk = context.words.next() ?? word;
  const [first, second] = [serviceClass(word), serviceClass(bulk)];
  if (first === undefined || second === undefined) {
    return `${quotedText(first === undefined ? word : bulk)} is no class of service`;
  }
  offer(context, `${first} ${second}`);
  return undefined;
});

/** The last line counts, whether its block applies or not: OpenSSH does so. */
const readBindMask = withWord((word, { keyword, settings, origin }) => {
  const mode = fileMode(word);
  if (mode === undefined) return `takes a mode in octal, such as 0177, not ${quotedText(word)}`;
  settings.replace(keyword, `0${mode.toString(8)}`, origin);
  return undefined;
});

/** The first line counts, whether its block applies or not: OpenSSH does so. */
const readFacility = withWord((word, { keyword, settings, origin }) => {
  const facility = word.toUpperCase();
  if (!facilities.includes(facility)) return `takes ${facilities.join(', ')}, not ${quotedText(word)}`;
  settings.offer(keyword, facility, origin);
  return undefined;
});

const readLogLevel = withWord((word, context) => {
  const level = lowerCase(word);
  const value = Object.hasOwn(logLevels, level) ? logLevels[level] : undefined;
  if (value === undefined) {
    return `takes ${Object.keys(logLevels).join(', ').toUpperCase()}, not ${quotedText(word)}`;
  }
  offer(context, value);
  return undefined;
});

/** Of several words OpenSSH keeps the first. */
const readLogVerbose: Reader = ({ keyword, words, settings, isActive, origin }) => {
  const given = words.rest();
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.includes('')) return 'has an empty word';
  if (given.length > 1 && given.some((one) => lowerCase(one) === 'none')) return '"none" stands alone';
  if (isActive) settings.offerList(keyword, [first], origin);
  return undefined;
};

const readAddKeysToAgent: Reader = (context) => {
  const answers: Readonly<Record<string, string>> = {
    yes: 'true',
    true: 'true',
    no: 'false',
    false: 'false',
    ask: 'ask',
    confirm: 'confirm',
  };
  const word = context.words.next();
  const time = context.words.next();
  if (word === undefined || word === '') return needsValue;
  const chosen = lowerCase(word);
  const answer = Object.hasOwn(answers, chosen) ? answers[chosen] : undefined;
  const lifetime = answer === undefined ? seconds(word) : time === undefined ? 0 : seconds(time);
  const mayHaveTime = answer === 'confirm';
  if (lifetime === undefined || (time !== undefined && !mayHaveTime)) {
    return `takes yes, no, ask, confirm, a time, or confirm and a time, not ${quotedText(`${word} ${time ?? ''}`.trim())}`;
  }
  const lasting = lifetime === 0 ? '' : `${lifetime}`;
  offer(
    context,
    answer === undefined ? lasting || 'true' : `${answer}${lasting === '' ? '' : ` ${lasting}`}`,
  );
  return undefined;
};

/** The path of an agent, whose variables are checked at once. */
function agentPath(path: string, context: LineContext): Refusal {
  const expanded = expand(path, { variables: context.facts.variables });
  if ('fault' in expanded) return expanded.fault;
  if (/^\$(?!\{)/.test(path) && !/^\$[A-Za-z0-9_]+$/.test(path)) {
    return `${quotedText(path.slice(1))} is not a name of a variable`;
  }
  return undefined;
}

const readIdentityAgent = withWord((word, context) => {
  const fault = agentPath(word, context);
  if (fault === undefined) offer(context, word);
  return fault;
});

const readForwardAgent = withWord((word, context) => {
  const flags: Readonly<Record<string, string>> = { yes: 'yes', true: 'yes', no: 'no', false: 'no' };
  const flag = lowerCase(word);
  if (Object.hasOwn(flags, flag)) {
    offer(context, flags[flag] ?? 'no');
    return undefined;
  }
  // A path means yes, and stands by itself: a `no` before it stays, and so does a path behind a `yes`.
  offer(context, 'yes');
  const fault = agentPath(word, context);
  if (fault === undefined) offer(context, word, forwardAgentPath);
  return fault;
});

/** The path that ForwardAgent named. */
export const forwardAgentPath = 'forwardagent path';

const defaultObscuring = 20;

const readObscuring: Reader = (context) => {
  const given = context.words.rest();
  const [word] = given;
  if (word === undefined || word === '') return needsValue;
  if (given.length > 1) return 'takes one word';
  const flags: Readonly<Record<string, number>> = {
    yes: defaultObscuring,
    true: defaultObscuring,
    no: 0,
    false: 0,
  };
  const interval = word.startsWith('interval:') ? wholeNumber(word.slice(9), 1, 1000) : undefined;
  const value = Object.hasOwn(flags, word) ? flags[word] : interval;
  if (value === undefined) return `takes yes, no or interval:1 to interval:1000, not ${quotedText(word)}`;
  offer(context, value === 0 ? 'no' : value === defaultObscuring ? 'yes' : String(value));
  return undefined;
};

const readVersionAddendum: Reader = (context) => {
  context.words.rest();
  const { rest } = context.directive;
  if (rest.includes('\r')) return 'has a carriage return in it';
  // What looks like a comment is a part of it.
  offer(context, lowerCase(rest) === 'none' ? '' : rest);
  return undefined;
};

/** A block that applies and refuses ends everything. */
const readRefuseConnection = withWord((word, { isActive }) =>
  isActive ? `refuses the connection: ${quotedText(word, 1000)}` : undefined,
);

// Jumps ----------------------------------------------------------------------------------

const readProxyJump: Reader = ({ directive, words, settings, facts, isActive, isOption, origin }) => {
  words.rest();
  const text = directive.rest.replace(/^[ \t\r\n=]+/, '');
  if (lowerCase(text) === 'none') {
    if (isActive) settings.offerJump({ user: undefined, host: 'none', port: 0 }, undefined, origin);
    return undefined;
  }
  const list = text.replace(/#.*$/s, '').replace(/\s+$/, '');
  const places: Place[] = [];
  for (const one of list.split(',')) {
    const place = parsePlace(one, facts.services);
    if (place === undefined) return `${quotedText(one)} is no host to jump over: takes [user@]host[:port]`;
    if (isOption && !isHostName(place.host)) return `${quotedText(place.host)} cannot be the name of a host`;
    if (isOption && place.user !== undefined && !isUserName(place.user)) {
      return `${quotedText(place.user)} cannot be the name of a user`;
    }
    places.push(place);
  }
  const last = places.at(-1);
  // Whichever of the two comes first makes the other one idle.
  if (last === undefined || !isActive || settings.value('proxycommand') !== undefined) return undefined;
  if (settings.jump !== undefined) return undefined;
  const comma = list.lastIndexOf(',');
  settings.offerJump(last, comma < 0 ? undefined : list.slice(0, comma), origin);
  settings.offer('proxycommand', 'none', origin);
  return undefined;
};

/** By keyword. */
export const ownReaders: Readonly<Record<string, Reader>> = {
  port: readPort,
  identityfile: readFile('identities'),
  certificatefile: readFile('certificates'),
  rekeylimit: readRekeyLimit,
  localforward: readForward('local'),
  remoteforward: readForward('remote'),
  dynamicforward: readForward('dynamic'),
  escapechar: readEscapeChar,
  sendenv: readSendEnv,
  setenv: readSetEnv,
  controlpersist: readControlPersist,
  tunneldevice: readTunnelDevice,
  ipqos: readServiceClasses,
  streamlocalbindmask: readBindMask,
  syslogfacility: readFacility,
  loglevel: readLogLevel,
  logverbose: readLogVerbose,
  addkeystoagent: readAddKeysToAgent,
  identityagent: readIdentityAgent,
  forwardagent: readForwardAgent,
  obscurekeystroketiming: readObscuring,
  versionaddendum: readVersionAddendum,
  refuseconnection: readRefuseConnection,
  proxyjump: readProxyJump,
};
