/**
 * Lists of patterns, and negation in them.
 *
 * Owns: the three answers that a list can give.
 * Must not know: what is named, what `*` and `?` stand for (`wildcards.ts`).
 * Source: ssh_config(5), PATTERNS.
 */
import { matchesPattern } from '../../base/wildcards.ts';

/** Characters of one pattern in a list; a longer one matches nothing, as in OpenSSH. */
const longestPattern = 1022;

/** What a list says of a name: a pattern in it fits, one behind `!` does, or none. */
export type ListAnswer = 'matched' | 'negated' | 'none';

/** Asks a list of patterns with commas between them. One that fits behind a `!` has the last word. */
export function matchList(text: string, list: string): ListAnswer {
  let isMatched = false;
  for (const part of patternsOf(list)) {
    const isNegated = part.startsWith('!');
    const pattern = isNegated ? part.slice(1) : part;
    if (pattern.length > longestPattern) return 'none';
    if (!matchesPattern(text, pattern)) continue;
    if (isNegated) return 'negated';
    isMatched = true;
  }
  return isMatched ? 'matched' : 'none';
}

/** The same for names of hosts, where case is no difference. */
export function matchHostList(host: string, list: string): ListAnswer {
  return matchList(lowerCase(host), lowerCase(list));
}

/** Only the letters of ASCII have a lower case in names of hosts and keywords. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A comma at the end of a list has nothing behind it. */
function patternsOf(list: string): readonly string[] {
  const parts = list.split(',');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}
