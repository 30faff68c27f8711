/**
 * Changes that change nothing anybody could see.
 *
 * Owns: how a line of equivalent.txt is read, and which places it is about: one, a
 * numbered one of several (`2 of 3`), or each of several (`each of 3`).
 * Must not know: why a change has no effect.
 *
 * A line of a source is known by its text, since its number moves. So two places with the
 * same text are told apart by their order, and how many there are is part of the list:
 * one more of them is one that nobody has judged.
 */
import { changeOf } from './mutants.mjs';

/** The lines of the list, each with what it is about. */
export function equivalentsIn(text) {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [path, source, written = '', reason] = line.split(' ¦ ').map((part) => part.trim());
      if (!reason) throw new Error(`equivalent.txt: no reason for ${path}: ${source}`);
      const [, change, which, count] = /^(.*?)(?: \((\d+|each) of (\d+)\))?$/.exec(written) ?? [];
      return { path, text: source, change, which, count: Number(count ?? 1) };
    });
}

/**
 * The changes to one source that a line is about.
 *
 * @param mutants all changes to the source, in the order of their places
 * @throws where there are more or fewer places than the line says
 */
export function placesOf({ path, text, change, which, count }, mutants) {
  const found = mutants.filter((mutant) => mutant.text === text && changeOf(mutant) === change);
  if (found.length !== count) {
    throw new Error(
      `equivalent.txt: ${path} has ${found.length} places of "${text}" (${change}), and not ${count}`,
    );
  }
  if (which === undefined || which === 'each') return found;
  const one = found[Number(which) - 1];
  if (one === undefined) throw new Error(`equivalent.txt: ${path}: there is no ${which} of ${count}`);
  return [one];
}
