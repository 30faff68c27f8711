/**
 * From a pattern to the paths that match it.
 *
 * Owns: the way through the folders that a pattern names, and the order of what is found.
 * Must not know: whether the folders are here or on a server.
 */
import { type ByteText, joined } from '../byteText.ts';
import { matches, type PathPattern, parsePattern } from './pattern.ts';

/** What the glob asks of a file system. */
export interface FileTree<File> {
  /** What is in a folder; nothing where it cannot be listed. */
  list(folder: ByteText): Promise<readonly TreeEntry<File>[]>;
  /** Of a link itself; undefined where there is no such file, or it is not to be seen. */
  lstat(path: ByteText): Promise<File | undefined>;
  /** Of what a link leads to. */
  stat(path: ByteText): Promise<File | undefined>;
  kindOf(file: File): 'folder' | 'link' | 'other';
}

export interface TreeEntry<File> {
  readonly name: ByteText;
  /** As `lstat` has it, where the listing tells. */
  readonly file: File | undefined;
}

export interface Match<File> {
  /** A folder has a slash at its end. */
  readonly path: ByteText;
  readonly file: File;
  /** Also of a link that leads to one. */
  readonly isFolder: boolean;
}

/** Files that are asked about at once. */
const atOnce = 64;

/** The paths that match, by their bytes in order. */
export async function expand<File>(tree: FileTree<File>, pattern: ByteText): Promise<readonly Match<File>[]> {
  const parsed = parsePattern(pattern);
  const found = await candidates(tree, parsed);
  const checked: (Match<File> | undefined)[] = [];
  for (let at = 0; at < found.length; at += atOnce) {
    const batch = found.slice(at, at + atOnce);
    checked.push(...(await Promise.all(batch.map((candidate) => check(tree, candidate)))));
  }
  return checked
    .filter((match) => match !== undefined)
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

interface Candidate<File> {
  readonly path: ByteText;
  readonly file: File | undefined;
}

/** Paths that match as text; whether the last name of each is there is not known yet. */
async function candidates<File>(
  tree: FileTree<File>,
  { names, ending }: PathPattern,
): Promise<Candidate<File>[]> {
  let open: Candidate<File>[] = [{ path: '', file: undefined }];
  for (const { slashes, name } of names) {
    const next: Candidate<File>[] = [];
    for (const { path } of open) {
      const folder = `${path}${slashes}`;
      if (name.literal !== undefined) next.push({ path: `${folder}${name.literal}`, file: undefined });
      else {
        for (const entry of await tree.list(folder === '' ? '.' : folder)) {
          if (!matches(name, entry.name)) continue;
          next.push({ path: `${folder}${entry.name}`, file: entry.file });
        }
      }
    }
    open = next;
  }
  return open.map(({ path, file }) => ({ path: `${path}${ending}`, file: ending === '' ? file : undefined }));
}

async function check<File>(
  tree: FileTree<File>,
  { path, file }: Candidate<File>,
): Promise<Match<File> | undefined> {
  const found = file ?? (await tree.lstat(path));
  if (found === undefined) return undefined;
  const kind = tree.kindOf(found);
  if (kind === 'other') return { path, file: found, isFolder: false };
  const behind = kind === 'folder' ? found : await tree.stat(path);
  if (behind === undefined || tree.kindOf(behind) !== 'folder') return { path, file: found, isFolder: false };
  return { path: joined(path, ''), file: behind, isFolder: true };
}
