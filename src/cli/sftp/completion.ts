/**
 * What Tab completes.
 *
 * Owns: which kind of name stands at the end of a line, and how a name is typed so that it is read as that
 * name.
 * Must not know: terminals, how a server is asked.
 */
import { type ByteText, joined, shown, toText } from '../files/byteText.ts';
import { type ArgumentKind, commandNamed, commandNames } from './line/commandTable.ts';
import { literalOf, wordsOf } from './line/words.ts';

/** What stands at the end of a line. */
export interface Completion {
  readonly kind: ArgumentKind | 'command';
  /** As it is typed so far, with its quote. */
  readonly typed: ByteText;
  /** The name that this stands for. */
  readonly word: ByteText;
  readonly quote: '"' | "'" | undefined;
}

export function completionAt(line: ByteText): Completion | undefined {
  const parsed = wordsOf(line.trimStart());
  if ('problem' in parsed) return undefined;
  const { words, isOpen } = parsed;
  const text = line.trimStart();
  const isNew = !isOpen && (text === '' || /\s$/.test(text)) && !/\\\s$/.test(text);
  const index = isNew ? words.length : words.length - 1;
  const last = isNew ? undefined : words.at(-1);
  const place = {
    typed: last === undefined ? '' : text.slice(last.start),
    word: last === undefined ? '' : literalOf(last.pattern),
    quote: last?.quote,
  };
  if (index <= 0) return { kind: 'command', ...place };
  const entry = commandNamed(words[0]?.pattern ?? '');
  if (entry === undefined) return undefined;
  // Flags are no arguments.
  const flags = words.slice(1, index).filter(({ pattern }) => pattern.startsWith('-')).length;
  const argument = Math.min(index - 1 - flags, entry.completes.length - 1);
  const kind = entry.completes[argument] ?? 'none';
  return kind === 'none' ? undefined : { kind, ...place };
}

/** The commands that begin so. */
export function completeCommand(word: ByteText): string[] {
  return commandNames()
    .filter((name) => name.startsWith(word.toLowerCase()))
    .map((name) => `${name} `);
}

export interface Candidate {
  readonly name: ByteText;
  readonly isFolder: boolean;
}

/** The folder whose names complete a word, and what of a name is typed already. */
export function folderOfWord(word: ByteText): { readonly folder: ByteText; readonly begun: ByteText } {
  const at = word.lastIndexOf('/') + 1;
  return { folder: word.slice(0, at), begun: word.slice(at) };
}

/**
 * Names of a folder as they would be typed. What a terminal must not show cannot be completed: the line is
 * shown as it is typed.
 */
export function completeName({ word, quote }: Completion, candidates: readonly Candidate[]): string[] {
  const { folder, begun } = folderOfWord(word);
  return candidates
    .filter(({ name }) => name.startsWith(begun) && (begun.startsWith('.') || !name.startsWith('.')))
    .filter(({ name }) => shown(name) === toText(name))
    .map(({ name, isFolder }) => {
      const whole = isFolder ? joined(`${folder}${name}`, '') : `${folder}${name}`;
      const typed = toText(quote === undefined ? escapedWord(whole) : quotedWord(whole, quote));
      // A folder is gone on with.
      return isFolder ? typed : quote === undefined ? `${typed} ` : `${typed}${quote} `;
    })
    .sort();
}

/** A name outside of quotes. */
function escapedWord(name: ByteText): ByteText {
  return name.replace(/[\s"'\\?*[#]/g, '\\$&');
}

/** A name between quotes, without the last one. */
function quotedWord(name: ByteText, quote: '"' | "'"): ByteText {
  return `${quote}${name.replaceAll(quote, `\\${quote}`)}`;
}

/** The line's end as readline has it. */
export function typedText({ typed }: Completion): string {
  return toText(typed);
}
