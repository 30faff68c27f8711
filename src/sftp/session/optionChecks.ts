/**
 * The checking of options.
 *
 * Owns: what an option takes, as a rule with words for people; the refusal of names
 * nobody knows, with the one that was probably meant.
 * Must not know: any option.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';

/** The error of every bad option. */
export function optionsError(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user' });
}

/** What one option takes. */
export interface OptionRule {
  /** For the sentence `NAME must be …`. */
  readonly takes: string;
  readonly accepts: (value: unknown) => boolean;
}

/** A rule for each option of a call: one that is forgotten does not compile. */
export type OptionTable<Options> = { readonly [Name in keyof Required<Options>]: OptionRule };

/** One set of options. */
export interface OptionSet {
  /** Whose options they are, for messages. */
  readonly of: string;
  readonly table: Readonly<Record<string, OptionRule>>;
}

/**
 * Checks names and types of what was given; `undefined` is an option that was not.
 *
 * @throws SshError `ERR_SSH_OPTIONS` that names the option and what it takes
 */
export function checkOptions(given: unknown, { of, table }: OptionSet): void {
  if (!isObject(given)) throw optionsError(`the options of ${of} must be an object`);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(table, name)) continue;
    const near = nearest(name, Object.keys(table));
    const hint =
      near === undefined ? `; it takes ${Object.keys(table).join(', ')}` : `; did you mean ${near}?`;
    throw optionsError(`there is no option "${escapeText(name, 40)}" of ${of}${hint}`);
  }
  for (const [name, { takes, accepts }] of Object.entries(table)) {
    const value = given[name];
    if (value !== undefined && !accepts(value)) throw optionsError(`${name} of ${of} must be ${takes}`);
  }
}

/** The known name that a name most probably stands for; undefined where none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  let best: string | undefined;
  let least = wanted.length <= 4 ? 2 : 3;
  for (const candidate of known) {
    const found = distance(wanted, plain(candidate));
    if (found >= least) continue;
    best = candidate;
    least = found;
  }
  return best;
}

function plain(name: string): string {
  return name.slice(0, 64).toLowerCase().replace(/[-_ ]/g, '');
}

/** Insertions, deletions and exchanges from one text to the other. */
function distance(a: string, b: string): number {
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = (last[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      line.push(Math.min(cost, (last[column] as number) + 1, (line[column - 1] as number) + 1));
    }
    last = line;
  }
  return last[b.length] as number;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

// Rules that many options share ------------------------------------------------------------

export const flag: OptionRule = { takes: 'true or false', accepts: (value) => typeof value === 'boolean' };

export const callback: OptionRule = {
  takes: 'a function',
  accepts: (value) => typeof value === 'function',
};

export const milliseconds: OptionRule = {
  takes: 'a positive number of milliseconds, or Infinity for no bound',
  accepts: (value) => typeof value === 'number' && value > 0,
};

export const abortSignal: OptionRule = {
  takes: 'an AbortSignal',
  accepts: (value) =>
    isObject(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function',
};

export const mode: OptionRule = wholeNumber(0, 0o7777, 'a mode from 0 to 0o7777');

export function wholeNumber(low: number, high: number, takes?: string): OptionRule {
  const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`;
  return {
    takes: takes ?? `a whole number ${range}`,
    accepts: (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high,
  };
}

export function oneOf(...choices: readonly string[]): OptionRule {
  const words = choices.map((choice) => `'${choice}'`);
  const last = words.pop() ?? '';
  return {
    takes: words.length === 0 ? last : `${words.join(', ')} or ${last}`,
    accepts: (value) => choices.includes(value as string),
  };
}

/** What each call that waits takes. */
export const callRules: { readonly timeout: OptionRule; readonly signal: OptionRule } = {
  timeout: milliseconds,
  signal: abortSignal,
};
