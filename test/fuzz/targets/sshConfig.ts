// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${HOME} is a variable of ssh_config
/**
 * A configuration of ssh, and what it says of a host.
 *
 * Owns: that every text is read or refused with a place in it, that reading ends
 * and asks a bounded number of questions, that the same text says the same twice.
 * Must not know: engines, files.
 */
import type { SshError } from '../../../src/base/errors.ts';
import type { Question } from '../../../src/config/reading/facts.ts';
import { formatKeywords, keywordsOf } from '../../../src/config/reading/output.ts';
import { resolve } from '../../../src/config/reading/resolve.ts';
import { factsOf, type World } from '../../config/reading.ts';
import { type FuzzTarget, fine, fingerprintOf, law, type Verdict, verdictOf } from '../target.ts';

const hosts = ['alpha', 'beta.example', '127.1', '::1'] as const;
const limits = { fileSize: 64 * 1024, includeDepth: 16, files: 32, totalSize: 256 * 1024 };
/** Questions that one text may ask: each has a line of its own, in each pass over each file. */
const mostQuestions = 200_000;
const world: World = { variables: { HOME: '/home/me', EMPTY: '' }, addresses: ['10.0.0.1', '::1'] };

interface Outcome {
  readonly text: string;
  readonly error: unknown;
}

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const [choice = 0] = data;
  const text = Buffer.from(data.subarray(1)).toString();
  const host = hosts[choice % hosts.length] ?? 'alpha';
  const first = read(text, host);
  const second = read(text, host);
  law(fingerprintOf(first.text) === fingerprintOf(second.text), 'the same text says something else');
  if (first.error === undefined) return fine;
  const verdict = verdictOf(first.error);
  checkPlaces(first.error as SshError, text);
  return verdict;
}

function read(text: string, host: string): Outcome {
  const source = { path: 'config', text, isUsers: true, isGuarded: false, isNeeded: true };
  const work = resolve({ host, overrides: [], sources: [source], limits }, factsOf(world));
  try {
    let asked = 0;
    let step = work.next();
    while (step.done !== true) {
      law(++asked <= mostQuestions, 'more questions than lines');
      step = work.next(answerTo(step.value, text));
    }
    return { text: formatKeywords(keywordsOf(step.value)), error: undefined };
  } catch (error) {
    return { text: '', error };
  }
}

/** Every file that is included is the text itself, from its middle on. */
function answerTo(question: Question, text: string): unknown {
  switch (question.kind) {
    case 'file':
      return { text: text.slice(text.length >> 1) };
    case 'glob':
      return { paths: question.pattern.includes('*') ? ['/one', '/two'] : ['/one'] };
    case 'exec':
      return { status: question.command.length % 2 };
    case 'lookup':
      return question.name.length % 2 === 0 ? { canonicalName: question.name } : undefined;
    default:
      return question satisfies never;
  }
}

function checkPlaces({ code, file, line, problems = [] }: SshError, text: string): void {
  if (code !== 'ERR_SSH_CONFIG') return;
  const lines = text.split('\n').length;
  law(
    problems.length > 0 && file === problems[0]?.file && line === problems[0]?.line,
    'an error without its place',
  );
  for (const problem of problems) {
    law(problem.line >= 0 && problem.line <= lines, 'a line that is not there');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    law(!/[\x00-\x1f\x7f]/.test(problem.message), 'what the file says is not escaped');
  }
}

/** A configuration with a bit of everything. */
const seedText = `Host beta* !gamma
  User ops
  IdentityFile ~/.ssh/id_%h
  LocalForward 8080 "[::1]:80"
Match host alpha exec "test %p = 22" !user nobody
  ProxyJump u@jump:2200,other
  SetEnv A=b "C=d e"
  Ciphers ^aes256-ctr
Include other/*.conf
CanonicalizeHostname yes
CanonicalDomains example
RekeyLimit 1G 1h
UserKnownHostsFile \${HOME}/k ~/.ssh/%k
Match final all
  ControlPath /tmp/%C
`;

export const sshConfig: FuzzTarget = {
  name: 'sshConfig',
  shape: 'text',
  examine,
  seeds: () => [
    ...hosts.map((_, index) => new Uint8Array([index, ...Buffer.from(seedText)])),
    ...seedText.split('\n').map((line) => new Uint8Array([0, ...Buffer.from(line)])),
  ],
  dictionary: [
    'Host ',
    'Match ',
    'Include ',
    ' exec ',
    ' all',
    ' final',
    ' canonical',
    'IgnoreUnknown ',
    'ProxyJump ',
    'ProxyCommand ',
    'Port ',
    'Hostname ',
    'LocalForward ',
    'RemoteForward ',
    'none',
    '%h',
    '%%',
    '%C',
    '${HOME}',
    '~/',
    '"',
    "'",
    '\\',
    '=',
    '#',
    '!',
    '*',
  ],
  stepBudget: 400_000_000,
};
