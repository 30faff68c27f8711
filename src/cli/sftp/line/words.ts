/**
 * The words of a line, with the quotes and the backslashes of OpenSSH's sftp.
 *
 * Owns: where a word begins and ends, and which of its characters are meant literally.
 * Must not know: commands.
 */
import type { ByteText } from '../../files/byteText.ts';

/** A word as a pattern: a backslash stands before each character that is no wildcard though it looks like one. */
export interface Word {
  readonly pattern: ByteText;
  /** The quote that it begins with. */
  readonly quote: '"' | "'" | undefined;
  /** Where it begins in the line. */
  readonly start: number;
}

export type Words =
  | { readonly words: readonly Word[]; readonly isOpen: boolean }
  | { readonly problem: string };

/** As sftp has them. */
const mostWords = 128;
const longestLine = 8191;

/** Takes a line apart. `isOpen`: the last word has no closing quote, which only completion can do with. */
export function wordsOf(line: ByteText): Words {
  if (line.length > longestLine) return { problem: `the line has more than ${longestLine} bytes` };
  const reader = new WordReader(line);
  reader.run();
  if (reader.words.length > mostWords) return { problem: `the line has more than ${mostWords} words` };
  return { words: reader.words, isOpen: reader.isOpen };
}

/** Characters that a backslash keeps from being wildcards; it stays for the pattern. */
const wildcards = '?[*';
const spaces = ' \t\n\v\f\r';

class WordReader {
  readonly words: Word[] = [];
  isOpen = false;
  private readonly line: ByteText;
  private at = 0;
  private word: { pattern: ByteText; readonly quote: Word['quote']; readonly start: number } | undefined;

  constructor(line: ByteText) {
    this.line = line;
  }

  run(): void {
    while (this.at < this.line.length && !this.isOpen) {
      const character = this.line[this.at] as string;
      if (character === '#') break;
      if (spaces.includes(character)) {
        this.finish();
        this.at++;
      } else if (character === '"' || character === "'") this.quoted(character);
      else if (character === '\\') this.escaped();
      else {
        this.add(character, undefined);
        this.at++;
      }
    }
    this.finish();
  }

  /** Between quotes spaces are part of the word and wildcards are none. */
  private quoted(quote: '"' | "'"): void {
    this.add('', quote);
    for (this.at++; this.at < this.line.length; this.at++) {
      const character = this.line[this.at] as string;
      const next = this.line[this.at + 1] ?? '';
      if (character === quote) {
        this.at++;
        return;
      }
      if (character === '\\' && next === quote) {
        this.add(next, quote);
        this.at++;
      } else if (character === '\\' && next !== '') {
        // Only the quote can be escaped here, so that both characters stay; the pattern takes a backslash away.
        this.add(wildcards.includes(next) ? `\\\\\\${next}` : `\\${next}`, quote);
        this.at++;
      } else this.add(wildcards.includes(character) ? `\\${character}` : character, quote);
    }
    this.isOpen = true;
  }

  /** Outside of quotes a backslash takes the meaning of what follows it. */
  private escaped(): void {
    const next = this.line[this.at + 1] ?? '';
    const isKept = next !== '' && `${wildcards}\\`.includes(next);
    this.add(isKept ? `\\${next}` : next, undefined);
    this.at += 2;
  }

  private add(text: ByteText, quote: Word['quote']): void {
    this.word ??= { pattern: '', quote, start: this.at };
    this.word.pattern += text;
  }

  private finish(): void {
    if (this.word !== undefined) this.words.push(this.word);
    this.word = undefined;
  }
}

/** A word that is a path, and no pattern: the backslashes that kept wildcards from being some are taken away. */
export function literalOf(pattern: ByteText): ByteText {
  return pattern.replace(/\\([?[*\\])/g, '$1');
}
