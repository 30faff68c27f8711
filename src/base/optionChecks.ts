/**
 * The checking of options and arguments.
 *
 * Owns: what an option takes, as a rule with words for people; the refusal of
 * names nobody knows, with the one that was probably meant; how a value that
 * was given is named in a message.
 * Must not know: any option.
 *
 * A message never shows a text longer than a few words, and none at all where
 * the option may hold a secret: a rule of its own names the type alone.
 */
import { escapeText } from './bytes.ts';
import { SshError } from './errors.ts';

/** The error of every bad option. */
export function optionsError(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user' });
}

/** What one option takes. */
export interface OptionRule {
  /** For the sentence `NAME must be …`. */
  readonly takes: string;
  /** Never told of `undefined`, which means that the option is not given. */
  readonly accepts: (value: unknown) => boolean;
  /** The value may be a secret in the wrong place: its type is told and nothing else. */
  readonly secret?: boolean | undefined;
}

/** A rule for each option of a call: one that is forgotten does not compile. */
export type OptionTable<Options> = { readonly [Name in keyof Required<Options>]: OptionRule };

/** What a name of another library is called here. */
export interface OtherName {
  /** The option in its place; undefined where there is none. */
  readonly use?: string | undefined;
  /** What else a reader has to know. */
  readonly note?: string | undefined;
}

export type OtherNames = Readonly<Record<string, OtherName>>;

/** One set of options. */
export interface OptionSet {
  /** Whose options they are, for messages: `run`, `pty`. */
  readonly of: string;
  readonly table: Readonly<Record<string, OptionRule>>;
  /** Names that people bring from elsewhere. */
  readonly otherNames?: OtherNames | undefined;
  /** In front of the names of the options in messages: `pty.`. */
  readonly prefix?: string | undefined;
}

/**
 * Checks names and types of what was given; `undefined` is an option that was not.
 *
 * @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got
 */
export function checkOptions(given: unknown, set: OptionSet): void {
  const { of, table, prefix = '' } = set;
  checkOptionsObject(given, of);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) throw unknownOption(name, set);
  }
  for (const name of namesIn(table)) {
    const value = given[name];
    if (value !== undefined) checkOption(`${prefix}${name}`, value, table[name] as OptionRule);
  }
}

/** Names of each table, listed once: every dial checks some sixty options, and gives few of them. */
const listed = new WeakMap<object, readonly string[]>();

function namesIn(table: OptionSet['table']): readonly string[] {
  const known = listed.get(table);
  if (known !== undefined) return known;
  const names = Object.keys(table);
  listed.set(table, names);
  return names;
}

/**
 * Checks that options are an object; their names are checked elsewhere.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkOptionsObject(
  given: unknown,
  of: string,
): asserts given is Readonly<Record<string, unknown>> {
  if (!isOptions(given)) {
    const hint = typeof given === 'function' ? '; calls here give promises and take no callback' : '';
    throw optionsError(`the options of ${of} must be an object, not ${describeValue(given)}${hint}`);
  }
}

/**
 * Checks one value; `undefined` passes.
 *
 * @throws SshError `ERR_SSH_OPTIONS` that says what it takes and what it got
 */
export function checkOption(name: string, value: unknown, rule: OptionRule): void {
  if (value !== undefined && !rule.accepts(value)) throw wrongValue(name, value, rule);
}

/**
 * Checks a value that has to be given.
 *
 * @throws SshError `ERR_SSH_OPTIONS` that says what it takes and what it got
 */
export function checkArgument(name: string, value: unknown, rule: OptionRule): void {
  if (value === undefined || !rule.accepts(value)) throw wrongValue(name, value, rule);
}

/**
 * Checks a text for a program on the other side, which may read it up to a NUL,
 * or hang up on one. Nothing of it is shown: command lines and variables hold secrets.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkForeignText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw wrongValue(name, value, anyText);
  if (value.includes('\0')) {
    throw optionsError(`${name} has a NUL character in it, which no program on the other side can take`);
  }
}

function wrongValue(name: string, value: unknown, { takes, secret = false }: OptionRule): SshError {
  const got = secret ? describeType(value) : describeValue(value);
  return optionsError(`${name} must be ${takes}, not ${got}`);
}

// Names ----------------------------------------------------------------------------------

/** The error of a name that is no option, with what was probably meant. */
export function unknownOption(
  name: string,
  { of, table, otherNames = {}, prefix = '' }: OptionSet,
): SshError {
  const known = Object.keys(table);
  const shown = `"${prefix}${escapeText(name, shownText)}"${prefix === '' ? ` of ${of}` : ''}`;
  return optionsError(`there is no option ${shown}${meant(name, known, otherNames, prefix)}`);
}

function meant(name: string, known: readonly string[], otherNames: OtherNames, prefix: string): string {
  const other = otherName(name, otherNames);
  if (other !== undefined) {
    const { use, note } = other;
    if (use === undefined) return note === undefined ? '' : `; ${note}`;
    return `; use ${prefix}${use}${note === undefined ? '' : `: ${note}`}`;
  }
  const near = nearest(name, known);
  if (near !== undefined) return `; did you mean ${prefix}${near}?`;
  if (known.length === 0) return '';
  return known.length <= listedNames ? `; it takes ${known.join(', ')}` : '';
}

/** Some write names with capitals, or with signs between the words. */
function otherName(name: string, otherNames: OtherNames): OtherName | undefined {
  if (Object.hasOwn(otherNames, name)) return otherNames[name];
  const found = Object.keys(otherNames).find((other) => plain(other) === plain(name));
  return found === undefined ? undefined : otherNames[found];
}

/** A longer list helps nobody. */
const listedNames = 12;

/** The known name that a name most probably stands for; undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  let best: string | undefined;
  let least = wanted.length <= 4 ? 2 : 3;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate), least);
    if (distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** Case and the signs between words are a matter of habit. */
function plain(name: string): string {
  return name.slice(0, 64).toLowerCase().replace(/[-_ ]/g, '');
}

/** Insertions, deletions, exchanges and swaps of neighbours from one text to the other; `bound` where it is that or more. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(last, column) + 1,
        at(line, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      );
      // In front of its first character a text has none, which is like no other.
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(before, column - 2) + 1);
      line.push(cost);
    }
    before = last;
    last = line;
  }
  return Math.min(at(last, b.length), bound);
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Number.POSITIVE_INFINITY;
}

// Values ---------------------------------------------------------------------------------

/** Characters of a text that a message shows. */
const shownText = 40;

/** A value that was given, for the end of a sentence: `the string "22"`, `a promise`, `NaN`. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty string' : `the string "${escapeText(value, shownText)}"`;
    case 'number':
      return String(value);
    case 'bigint':
      return value > -1_000_000n && value < 1_000_000n ? `the bigint ${value}n` : 'a bigint';
    case 'boolean':
      return String(value);
    default:
      return describeType(value);
  }
}

/** What a value is, and nothing of what is in it. */
export function describeType(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return withArticle(typeof value);
  }
}

function describeObject(value: object): string {
  // Objects of the caller may be anything, proxies that throw among them.
  try {
    if (Array.isArray(value)) return 'an array';
    if ('then' in value && typeof value.then === 'function') return 'a promise (await it first)';
    const maker: unknown = Reflect.get(value, 'constructor');
    const name = typeof maker === 'function' ? maker.name : '';
    return name === 'Object' || !/^[A-Za-z_$][\w$]{0,60}$/.test(name) ? 'an object' : withArticle(name);
  } catch {
    return 'an object';
  }
}

function withArticle(name: string): string {
  return `${/^[AEIOaeio]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** Nobody means a list, bytes or a Map, whose contents are no options, nor a promise. */
function isOptions(value: unknown): boolean {
  return isObject(value) && !(Symbol.iterator in value) && typeof value['then'] !== 'function';
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

// Rules that many options share ------------------------------------------------------------

export const anyText: OptionRule = { takes: 'a string', accepts: (value) => typeof value === 'string' };

export const someText: OptionRule = {
  takes: 'a string that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};

export const flag: OptionRule = { takes: 'true or false', accepts: (value) => typeof value === 'boolean' };

export const callback: OptionRule = {
  takes: 'a function',
  accepts: (value) => typeof value === 'function',
};

export const bytesOnly: OptionRule = {
  takes: 'bytes (a Uint8Array)',
  accepts: (value) => value instanceof Uint8Array,
};

export const milliseconds: OptionRule = {
  takes: 'a positive number of milliseconds, or Infinity for no bound',
  accepts: (value) => typeof value === 'number' && value > 0,
};

export const port: OptionRule = wholeNumber(1, 65_535);

/** An object whose own options are checked elsewhere. */
export const anyObject: OptionRule = {
  takes: 'an object',
  accepts: isOptions,
};

export const abortSignal: OptionRule = {
  takes: 'an AbortSignal',
  // One of another realm, or of a package, does as well.
  accepts: (value) =>
    isObject(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function',
};

export function wholeNumber(low: number, high: number, takes?: string): OptionRule {
  const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`;
  return {
    takes: takes ?? `a whole number ${range}`,
    accepts: (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high,
  };
}

export function oneOf(...choices: readonly (string | number | boolean)[]): OptionRule {
  const words = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
  const last = words.pop() ?? '';
  return {
    takes: words.length === 0 ? last : `${words.join(', ')} or ${last}`,
    accepts: (value) => choices.includes(value as string),
  };
}

/** A value that one of several rules accepts, in words of its own. */
export function eitherOf(takes: string, ...rules: readonly OptionRule[]): OptionRule {
  return { takes, accepts: (value) => rules.some((rule) => rule.accepts(value)) };
}

/** An object that has these members, whatever else it has: what another call of this library gives. */
export function objectWith(takes: string, members: Readonly<Record<string, OptionRule>>): OptionRule {
  return {
    takes,
    accepts: (value) =>
      isObject(value) &&
      Object.entries(members).every(([name, { accepts }]) => {
        const member = value[name];
        return member !== undefined && accepts(member);
      }),
  };
}

/** A list, of whatever. */
export const anyList: OptionRule = { takes: 'a list', accepts: (value) => Array.isArray(value) };

/** The same, for a value that may be a secret. */
export function secretly(rule: OptionRule): OptionRule {
  return { ...rule, secret: true };
}
