/**
 * Paths as a client sees them.
 *
 * Owns: absolute paths without `.`, `..` and double slashes. The root is above everything:
 * `..` there leads to itself.
 * Must not know: what lies at a path, links among it.
 */

/** `path` as seen from the root, where a session begins. */
export function normalPath(path: string): string {
  return `/${partsOf(path).join('/')}`;
}

/** The names of a path, `..` and what it takes away left out. */
export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

/** Whether a path lies below a folder; both as `normalPath` gives them. */
export function isBeneath(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? '/' : `${folder}/`) && path !== folder;
}
