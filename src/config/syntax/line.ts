/**
 * One line of ssh_config.
 *
 * Owns: where its keyword ends, how the rest is taken apart into words (quotes,
 * backslashes, comments), and what is left as it is for commands.
 * Must not know: any keyword.
 * Source: ssh_config(5), and how OpenSSH 10 reads what that page leaves open.
 */
import { quotedText } from '../../base/bytes.ts';

/** A line that says something. */
export interface Directive {
  /** In lower case. */
  readonly keyword: string;
  /** Behind the keyword, as it is written but for white space at its end. */
  readonly rest: string;
  /** The same as words: quotes and backslashes are taken off, a comment ends them. */
  readonly words: readonly string[];
}

/** A line that cannot be read. */
export interface LineFault {
  readonly keyword: string | undefined;
  readonly fault: string;
}

const space = ' \t\r\n';

/** Takes a line apart; undefined where there is nothing on it. */
export function parseLine(line: string): Directive | LineFault | undefined {
  const text = withoutEnd(line);
  const start = leadingSpace(text);
  const first = takeKeyword(text, start);
  if (first === undefined) return { keyword: undefined, fault: 'a quote around the keyword has no end' };
  // A line may begin with one `=`, as with white space.
  const taken = first.keyword === '' && first.next < text.length ? takeKeyword(text, first.next) : first;
  if (taken === undefined) return { keyword: undefined, fault: 'a quote around the keyword has no end' };
  const keyword = taken.keyword.toLowerCase();
  if (keyword === '' || keyword.startsWith('#')) return undefined;
  const rest = text.slice(leadingSpace(text, taken.next));
  if (rest === '') return { keyword, fault: `${quotedText(keyword)} needs a value` };
  const words = splitWords(rest);
  if (words === undefined)
    return { keyword, fault: 'a quote has no end; close it, or write \\" for the character itself' };
  return { keyword, rest, words };
}

/**
 * The words of a text: white space parts them unless it is quoted or behind a
 * backslash, `#` at the start of one ends them.
 *
 * @returns undefined where a quote has no end
 */
export function splitWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === ' ' || character === '\t') {
      at++;
      continue;
    }
    if (character === '#') break;
    const word = takeWord(text, at);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.next;
  }
  return words;
}

/** A text as one word: what `splitWords` makes the text of again. */
export function quoteWord(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

interface Word {
  readonly text: string;
  readonly next: number;
}

function takeWord(text: string, start: number): Word | undefined {
  const parts: string[] = [];
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') {
      const escaped = text.charAt(at + 1);
      if (isEscapable(escaped, quote)) at++;
      parts.push(text.charAt(at));
    } else if (quote === '' && (character === ' ' || character === '\t')) break;
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (quote !== '' && character === quote) quote = '';
    else parts.push(character);
  }
  return quote === '' ? { text: parts.join(''), next: at } : undefined;
}

/** Before anything else a backslash stands for itself. */
function isEscapable(character: string, quote: string): boolean {
  return character === "'" || character === '"' || character === '\\' || (character === ' ' && quote === '');
}

interface Keyword {
  readonly keyword: string;
  readonly next: number;
}

/** A keyword ends at white space or at one `=`; it may be quoted. */
function takeKeyword(text: string, start: number): Keyword | undefined {
  let end = start;
  while (end < text.length && !`${space}"=`.includes(text.charAt(end))) end++;
  if (text[end] === '"') {
    const close = text.indexOf('"', end + 1);
    if (close < 0) return undefined;
    return {
      keyword: text.slice(start, end) + text.slice(end + 1, close),
      next: leadingSpace(text, close + 1),
    };
  }
  const keyword = text.slice(start, end);
  if (end === text.length) return { keyword, next: end };
  const next = leadingSpace(text, end + 1);
  if (text[end] === '=' || text[next] !== '=') return { keyword, next };
  return { keyword, next: leadingSpace(text, next + 1) };
}

/** Readers in C see a line up to its first NUL. */
function withoutEnd(line: string): string {
  const nul = line.indexOf('\0');
  const seen = nul < 0 ? line : line.slice(0, nul);
  let end = seen.length;
  while (end > 0 && ` \t\r\n\f`.includes(seen.charAt(end - 1))) end--;
  return seen.slice(0, end);
}

function leadingSpace(text: string, start = 0): number {
  let at = start;
  while (at < text.length && space.includes(text.charAt(at))) at++;
  return at;
}
