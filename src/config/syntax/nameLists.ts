/**
 * Lists of algorithms.
 *
 * Owns: `+`, `-` and `^` in front of a list, wildcards in it, and what comes of
 * it with a default list and all names there are.
 * Must not know: what any name stands for.
 * Source: ssh_config(5), Ciphers and the like.
 */
import { matchList } from './patterns.ts';

export type ListChange = '+' | '-' | '^' | '';

/** A list as it is written: how it changes the default one, and its names or patterns. */
export function parseNameList(text: string): { readonly change: ListChange; readonly names: string } {
  const first = text.charAt(0);
  const change = first === '+' || first === '-' || first === '^' ? first : '';
  return { change, names: change === '' ? text : text.slice(1) };
}

/** The names up to the first empty one: behind that nothing is checked. */
export function checkedNames(names: string): readonly string[] {
  const parts = names.split(',');
  const end = parts.indexOf('');
  return end < 0 ? parts : parts.slice(0, end);
}

/**
 * The names that a list comes to.
 *
 * @returns undefined where it comes to none, which only `-` may
 */
export function assembleNames(
  text: string | undefined,
  byDefault: readonly string[],
  all: readonly string[],
): readonly string[] | undefined {
  if (text === undefined || text === '') return byDefault;
  const { change, names } = parseNameList(text);
  if (change === '-') return byDefault.filter((name) => matchList(name, names) !== 'matched');
  const listed = names.split(',');
  const wanted =
    change === '+' ? joined(byDefault, names) : change === '^' ? joinedText(names, byDefault) : listed;
  // Only names that exist can come of a pattern, and a list says what it wants, not what it does not.
  if (wanted.some((pattern) => pattern.startsWith('!'))) return undefined;
  const found = wanted.flatMap((pattern) => all.filter((name) => matchList(name, pattern) === 'matched'));
  return found.length === 0 ? undefined : [...new Set(found)];
}

/** A list with names behind it that it does not have yet. */
function joined(list: readonly string[], names: string): readonly string[] {
  return [...new Set([...list, ...checkedNames(names)])];
}

function joinedText(names: string, list: readonly string[]): readonly string[] {
  return names === '' ? list : [...names.split(','), ...list];
}
