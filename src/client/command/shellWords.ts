/**
 * Words of a command line for a POSIX shell.
 *
 * Owns: the quoting by which a shell gives back exactly the words that went in
 * (POSIX.1-2024, XCU §2.2), a command line made of a program and its arguments,
 * the folder a command runs in.
 * Must not know: channels, which shell it is.
 *
 * SSH carries one string to the server, where the user's shell reads it
 * (RFC 4254 §6.5). A backslash stands outside the quotes: fish would take one
 * inside them for an escape. What no shell treats as special stays bare, so that
 * plain commands run on servers whose shell is none of these.
 */
import { checkForeignText, describeValue, optionsError } from '../../base/optionChecks.ts';

/** What a command is: a line for the shell, or a program and its arguments. */
export type Command = string | readonly string[];

/** Taken as it is, wherever it stands. */
const bareWord = /^[A-Za-z0-9_/.:,@%+-][A-Za-z0-9_/.:,@%+=-]*$/;

/** A word with `=` would be an assignment, and a line that begins with `-` or `+` options of the shell itself. */
const bareProgram = /^[A-Za-z0-9_/.:,@%][A-Za-z0-9_/.:,@%+-]*$/;

/** Words that are no programs where a command begins: those of POSIX, and of shells that are common. */
const reservedWords: ReadonlySet<string> = new Set(
  (
    'case do done elif else esac fi for if in then until while ' +
    'and begin coproc end foreach function namespace nocorrect noglob not or repeat select switch time'
  ).split(' '),
);

/**
 * One word for a POSIX shell: as an argument in a command line it is that text
 * and nothing else, whatever is in it.
 *
 * @param word any text without NUL, which no argument of a program can hold
 * @throws SshError `ERR_SSH_OPTIONS` for anything else
 * @example
 * ```ts
 * import { type Client, shellQuote } from 'deadline-ssh';
 * const count = (client: Client, path: string) => client.run(`wc -l < ${shellQuote(path)}`);
 * ```
 */
export function shellQuote(word: string): string {
  checkForeignText('the word', word);
  return quoted(word);
}

function quoted(word: string): string {
  if (bareWord.test(word)) return word;
  // 'it'\''s': out of the quotes, the character behind a backslash, and in again.
  return `'${word.replace(/['\\]/g, String.raw`'\$&'`)}'`;
}

/**
 * The line for the server's shell.
 *
 * @param cwd the folder to run it in; a command whose folder cannot be entered is not run
 * @throws SshError `ERR_SSH_OPTIONS` for what is no command
 */
export function commandLine(command: Command, cwd?: string): string {
  const line = typeof command === 'string' ? command : lineOf(command);
  checkForeignText('the command', line);
  // On a line of its own, so that it holds for all of the command, whatever that is made of.
  return cwd === undefined ? line : `cd ${quoted(folder(cwd))} || exit\n${line}`;
}

function lineOf(words: readonly string[]): string {
  if (!Array.isArray(words)) {
    throw optionsError(
      `the command must be a string, or an array of a program and its arguments, not ${describeValue(words)}`,
    );
  }
  const [program, ...given]: readonly unknown[] = words;
  if (program === undefined || program === '') {
    throw optionsError('the command is an array, and its first word must be the name of a program');
  }
  checkForeignText('the program of the command', program);
  const rest = given.map((word, index) => argument(word, index));
  return [programWord(program), ...rest].join(' ');
}

function argument(word: unknown, index: number): string {
  checkForeignText(`argument ${index + 1} of the command`, word);
  return quoted(word);
}

function programWord(word: string): string {
  return bareProgram.test(word) && !reservedWords.has(word) ? word : forcedQuotes(word);
}

function forcedQuotes(word: string): string {
  const text = quoted(word);
  return text === word ? `'${word}'` : text;
}

/** With `./` in front `-` is no option and not the folder before, and CDPATH is not looked at. */
function folder(cwd: string): string {
  return cwd.startsWith('/') ? cwd : `./${cwd}`;
}
