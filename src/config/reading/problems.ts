/**
 * What is wrong with a configuration.
 *
 * Owns: the error `ERR_SSH_CONFIG`: its place, its words, and that it tells all
 * that was found in a file.
 * Must not know: what any line means.
 */
import { escapeText } from '../../base/bytes.ts';
import { type ConfigProblem, SshError } from '../../base/errors.ts';

/** Where something is said. Line 0 is the file as a whole. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** Where options of the caller come from, which are in no file. */
export const commandLine = 'command-line';

/** Problems that one error tells of; the rest is counted. */
const toldProblems = 100;
const shownPath = 300;

/** One error for all problems; the first one gives it its place. */
export function configError(problems: readonly ConfigProblem[], cause?: unknown): SshError {
  const [first] = problems;
  if (first === undefined) throw new TypeError('an error needs a problem');
  const more = problems.length - 1;
  const also = more === 0 ? '' : `; and ${more === 1 ? 'another problem' : `${more} more problems`} in it`;
  return new SshError('ERR_SSH_CONFIG', `${problemText(first)}${also}`, {
    phase: 'options',
    origin: 'user',
    file: first.file,
    line: first.line,
    problems: problems.slice(0, toldProblems),
    cause,
  });
}

/** An error about one place. */
export function problemAt({ file, line }: Origin, message: string, cause?: unknown): SshError {
  return configError([{ file, line, message }], cause);
}

/** A line for people. */
export function problemText({ file, line, message }: ConfigProblem): string {
  const place = escapeText(file, shownPath);
  return line === 0 ? `${place}: ${message}` : `${place} line ${line}: ${message}`;
}
