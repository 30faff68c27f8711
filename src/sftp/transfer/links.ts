/**
 * Where a link leads.
 *
 * Owns: whether a link that is made anew would lead out of the tree it is in.
 * Must not know: file systems.
 */
import { utf8Decode } from '../../base/bytes.ts';

/**
 * Whether a link in the `depth`-th folder below the root of a tree (0 for the root itself)
 * stays in the tree, read as text. One with an absolute target, or one of Windows with a
 * drive, does not.
 */
export function staysInside(target: Uint8Array, depth: number): boolean {
  const text = utf8Decode(target);
  if (text === '' || /^(?:[/\\]|[a-z]:)/i.test(text)) return false;
  let level = depth;
  for (const part of text.split(/[/\\]/)) {
    if (part === '..') level--;
    else if (part !== '' && part !== '.') level++;
    if (level < 0) return false;
  }
  return true;
}
