/**
 * Patterns with `*` and `?`, as OpenSSH has them for hosts, users and variables.
 *
 * Owns: whether a text is what a pattern says.
 * Must not know: what is named, lists of patterns and negation.
 * Source: ssh_config(5), PATTERNS.
 */

/**
 * Whether a pattern fits the whole of a text. `*` stands for any characters, `?` for
 * one. It takes time in proportion to both lengths at worst.
 */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  // Where to go on when what follows the last `*` does not fit: it takes one character more.
  let star = -1;
  let taken = 0;
  while (at < text.length) {
    const wanted = pattern[next];
    if (wanted === '*') {
      star = next++;
      taken = at;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[at])) {
      at++;
      next++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++taken;
    } else return false;
  }
  while (pattern[next] === '*') next++;
  return next === pattern.length;
}
