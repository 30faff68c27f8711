/**
 * A text as one word of a configuration.
 *
 * Owns: its quotes.
 * Must not know: keywords.
 */

/** What ssh_config reads as this text again, whatever is in it. */
export function quoteWord(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
