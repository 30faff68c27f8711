/**
 * Readings of configurations that are in memory.
 *
 * Owns: facts about a machine that is not there, and the answers to questions.
 * Must not know: what is tested.
 */
import { createHash } from 'node:crypto';
import type { Asking, Facts, LookupAnswer, Question } from '../../src/config/reading/facts.ts';
import { type Keywords, keywordsOf } from '../../src/config/reading/output.ts';
import type { Source } from '../../src/config/reading/reader.ts';
import { type Request, type Resolution, resolve } from '../../src/config/reading/resolve.ts';

export interface World {
  /** By path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly addresses?: readonly string[];
  /** The status of a command. */
  readonly exec?: (command: string) => number;
  readonly lookup?: (name: string, family: 4 | 6 | undefined) => LookupAnswer;
}

export const home = '/home/me';

export function factsOf({ variables = {}, addresses = [] }: World = {}): Facts {
  return {
    userName: 'me',
    userId: 1000,
    hostName: 'here.example',
    homes: (user) => (user === undefined ? home : user === 'root' ? '/root' : undefined),
    variables: (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
    services: (name) => ({ ssh: 22, http: 80 })[name],
    localAddresses: () => addresses,
    sha1: (text) => createHash('sha1').update(text).digest('hex'),
  };
}

/** What was asked, in order. */
export type Asked = Question[];

export function answered<T>(work: Asking<T>, world: World, asked: Asked = []): T {
  let step = work.next();
  while (step.done !== true) {
    asked.push(step.value);
    step = work.next(answerTo(step.value, world));
  }
  return step.value;
}

function answerTo(
  question: Question,
  { files = {}, exec = () => 1, lookup = () => undefined }: World,
): unknown {
  switch (question.kind) {
    case 'file': {
      const text = files[question.path];
      return text === undefined ? { missing: true } : { text };
    }
    case 'glob': {
      const pattern = question.pattern.replace(/^~/, home);
      const [start = '', end = ''] = pattern.split('*');
      const fits = (path: string): boolean =>
        pattern.includes('*') ? path.startsWith(start) && path.endsWith(end) : path === pattern;
      return { paths: Object.keys(files).filter(fits).sort() };
    }
    case 'exec':
      return { status: exec(question.command) };
    case 'lookup':
      return lookup(question.name, question.family);
    default:
      return question satisfies never;
  }
}

/** The name by which errors call the text of a test. */
export const main = 'config';

export function sourceOf(text: string, more: Partial<Source> = {}): Source {
  return { path: main, text, isUsers: true, isGuarded: false, isNeeded: true, ...more };
}

/** Reads one text about one host. */
export function readText(
  text: string,
  host = 'alpha',
  world: World = {},
  more: Partial<Request> = {},
  asked: Asked = [],
): Resolution {
  const request = { host, overrides: [], sources: [sourceOf(text)], ...more };
  return answered(resolve(request, factsOf(world)), world, asked);
}

export function keywordsFor(
  text: string,
  host?: string,
  world?: World,
  more?: Partial<Request>,
  asked?: Asked,
): Keywords {
  return keywordsOf(readText(text, host, world, more, asked));
}
