/**
 * From a line to a setting, for keywords whose values have a form in common.
 *
 * Owns: the checks of each form, which hold in blocks that do not apply too, and
 * the refusals.
 * Must not know: keywords with a form of their own (`ownDirectives.ts`), blocks.
 */
import { quotedText } from '../../base/bytes.ts';
import { nearest } from '../../base/optionChecks.ts';
import { domainFault, hostAndRest, portNumber } from '../syntax/hosts.ts';
import type { Directive } from '../syntax/line.ts';
import { checkedNames, parseNameList } from '../syntax/nameLists.ts';
import { lowerCase, matchList } from '../syntax/patterns.ts';
import { seconds, wholeNumber } from '../syntax/values.ts';
import type { Arguments } from './arguments.ts';
import type { Facts } from './facts.ts';
import type { Form, NameKind, WordForm } from './keywords.ts';
import { certificateMark, type OpenSsh } from './openssh.ts';
import type { Origin } from './problems.ts';
import type { Settings } from './settings.ts';

/** What a line is read with. */
export interface LineContext {
  readonly keyword: string;
  readonly directive: Directive;
  readonly words: Arguments;
  readonly settings: Settings;
  readonly facts: Facts;
  readonly openSsh: OpenSsh;
  readonly origin: Origin;
  /** Whether the block applies. */
  readonly isActive: boolean;
  /** Whether the file is the user's own, not the system's. */
  readonly isUsers: boolean;
  /** Whether the line is an option of the caller. */
  readonly isOption: boolean;
}

/** Why a line is refused; undefined where it is not. */
export type Refusal = string | undefined;

export const needsValue = 'needs a value';

/** Reads a line by the form of its keyword. */
export function readForm(form: Exclude<Form, { readonly takes: 'own' }>, context: LineContext): Refusal {
  switch (form.takes) {
    case 'choice':
      return readChoice(form.choices, context);
    case 'word':
      return readWord(context);
    case 'command':
      return readCommand(context);
    case 'number':
      return readNumber(context);
    case 'time':
      return readTime(context);
    case 'names':
      return readNames(form.of, context);
    case 'words':
      return readWords(form, context);
    case 'nothing':
      context.words.rest();
      return undefined;
    default:
      return form satisfies never;
  }
}

/** Stores a value of a line that applies. */
export function offer(context: LineContext, value: string, keyword: string = context.keyword): void {
  if (context.isActive) context.settings.offer(keyword, value, context.origin);
}

function readChoice(choices: Readonly<Record<string, string>>, context: LineContext): Refusal {
  const given = context.words.next();
  if (given === undefined || given === '') return needsValue;
  const chosen = lowerCase(given);
  const value = Object.hasOwn(choices, chosen) ? choices[chosen] : undefined;
  if (value === undefined) return `takes ${listed(Object.keys(choices))}, not ${quotedText(given)}`;
  offer(context, value);
  return undefined;
}

function readWord(context: LineContext): Refusal {
  const given = context.words.next();
  if (given === undefined || given === '') return needsValue;
  offer(context, given);
  return undefined;
}

function readCommand(context: LineContext): Refusal {
  context.words.rest();
  offer(context, context.directive.rest.replace(/^[ \t\r\n=]+/, ''));
  return undefined;
}

function readNumber(context: LineContext): Refusal {
  const given = context.words.next();
  if (given === undefined || given === '') return needsValue;
  const value = wholeNumber(given, 0);
  if (value === undefined) return `takes a whole number, not ${quotedText(given)}`;
  offer(context, String(value));
  return undefined;
}

/** `none` is as if nothing was said: a later line may still say a time. */
export function readTime(context: LineContext, keyword: string = context.keyword): Refusal {
  const given = context.words.next();
  if (given === undefined || given === '') return needsValue;
  if (given === 'none') return undefined;
  const value = seconds(given);
  if (value === undefined) return `takes a time such as 90, 10m or 1h30m, not ${quotedText(given)}`;
  offer(context, String(value), keyword);
  return undefined;
}

function readNames(kind: NameKind, context: LineContext): Refusal {
  const given = context.words.next();
  if (given === undefined || given === '') return needsValue;
  const { change, names } = parseNameList(given);
  if (change !== '-') {
    if (names === '') return 'names no algorithm';
    const fault = nameFault(kind, names, context.openSsh);
    if (fault !== undefined) return fault;
  }
  offer(context, given);
  return undefined;
}

function nameFault(kind: NameKind, names: string, openSsh: OpenSsh): Refusal {
  const isKeyList = kind === 'keys' || kind === 'signatures';
  const known = kind === 'keys' || kind === 'signatures' ? openSsh.keys : openSsh[kind];
  for (const name of checkedNames(names)) {
    if (known.includes(name) || (isKeyList && openSsh.shortKeyNames.includes(name))) {
      const isCertificate = name.endsWith(certificateMark) || name.endsWith('-CERT');
      if (kind !== 'signatures' || !isCertificate) continue;
      return `takes no certificates, such as ${quotedText(name)}`;
    }
    // Only lists of keys may have wildcards in them.
    if (isKeyList && known.some((one) => matchList(one, name) !== 'none')) continue;
    const near = nearest(name, known);
    return `${quotedText(name)} is no algorithm${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  return undefined;
}

// Several words --------------------------------------------------------------------------

function readWords(
  { alone, most, word }: Extract<Form, { readonly takes: 'words' }>,
  context: LineContext,
): Refusal {
  const given = context.words.rest();
  if (given.length === 0) return needsValue;
  const taken: string[] = [];
  for (const one of given) {
    if (alone.includes(lowerCase(one))) {
      if (given.length > 1) return `${quotedText(one)} stands alone`;
      // A cname of its own is kept with the colon that all of them have.
      taken.push(word === 'cname' ? `${one}:` : word === 'domain' ? lowerCase(one) : one);
      continue;
    }
    const result = wordOf(one, word, context);
    if ('fault' in result) return result.fault;
    taken.push(result.text);
  }
  if (most !== undefined && taken.length > most && context.isActive) {
    return `takes ${most} at most`;
  }
  if (context.isActive) context.settings.offerList(context.keyword, taken, context.origin);
  return undefined;
}

function wordOf(
  text: string,
  form: WordForm | undefined,
  { facts }: LineContext,
): { readonly text: string } | { readonly fault: string } {
  switch (form) {
    case 'domain': {
      const fault = domainFault(text);
      return fault === undefined
        ? { text: lowerCase(text).replace(/\.$/, '') }
        : { fault: `${quotedText(text)}: ${fault}` };
    }
    case 'cname':
      return cnameRule(text);
    case 'open': {
      const [host, delimiter, port] = hostAndRest(text) ?? [];
      if (host === undefined || delimiter !== ':' || port === undefined) {
        return { fault: `takes host:port, not ${quotedText(text)}` };
      }
      const number = port === '*' ? 1 : portNumber(port, facts.services);
      return number === undefined || number === 0 ? { fault: `${quotedText(port)} is not a port` } : { text };
    }
    case 'timeout': {
      const equals = text.indexOf('=');
      return equals <= 0 || seconds(text.slice(equals + 1)) === undefined
        ? { fault: `takes type=time, such as session=10m, not ${quotedText(text)}` }
        : { text };
    }
    default:
      return text === '' ? { fault: 'has an empty word' } : { text };
  }
}

/** `*` is everything to everything. */
function cnameRule(text: string): { readonly text: string } | { readonly fault: string } {
  if (text === '*') return { text: '*:*' };
  const lower = lowerCase(text);
  const colon = lower.indexOf(':');
  if (colon < 0 || colon === lower.length - 1) {
    return { fault: `takes sources:targets, not ${quotedText(text)}` };
  }
  return { text: lower };
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
