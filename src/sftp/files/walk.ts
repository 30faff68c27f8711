/**
 * All that lies below a folder.
 *
 * Owns: the order of a walk (a folder before what is in it), folders that are listed
 * ahead, the bound on depth.
 * Must not know: what the entries are for.
 */
import type { NameEntry } from '../packet/responses.ts';
import type { Errand } from '../session/errand.ts';
import type { SftpSession } from '../session/session.ts';
import { DirectoryEntry } from './entry.ts';
import { FolderReader } from './listing.ts';
import { isPossibleName, joinPath, pathText } from './paths.ts';
import { tooDeep } from './removal.ts';

/** What is done about a folder that cannot be listed. */
export type WalkFault = (error: unknown, path: string) => 'skip' | 'stop' | Promise<'skip' | 'stop'>;

/** Folders whose first entries are asked for before their turn. */
const mostAhead = 8;

/** Entries of a folder and of all folders below it; links are given and not followed. */
export async function* walkTree(
  session: SftpSession,
  root: Uint8Array,
  onError: WalkFault | undefined,
  errand?: Errand,
): AsyncGenerator<DirectoryEntry, undefined> {
  const reader = new FolderReader(session, root, errand);
  yield* walkFolder({ session, errand, onError, ahead: 0 }, reader, 0);
}

interface Walk {
  readonly session: SftpSession;
  readonly errand: Errand | undefined;
  readonly onError: WalkFault | undefined;
  ahead: number;
}

async function* walkFolder(
  walk: Walk,
  reader: FolderReader,
  depth: number,
): AsyncGenerator<DirectoryEntry, undefined> {
  const begun = new Map<DirectoryEntry, FolderReader>();
  try {
    for (;;) {
      const batch = await nextBatch(walk, reader, depth);
      if (batch === undefined) return;
      const entries = batch
        .filter(({ filename }) => isPossibleName(filename))
        .map((entry) => new DirectoryEntry(entry, reader.path));
      for (const [index, entry] of entries.entries()) {
        beginAhead(walk, entries, index, begun);
        yield entry;
        if (!entry.isDirectory()) continue;
        const inner = takeBegun(walk, begun, entry) ?? readerFor(walk, entry);
        yield* walkFolder(walk, inner, depth + 1);
      }
    }
  } finally {
    reader.close();
    for (const entry of begun.keys()) takeBegun(walk, begun, entry)?.close();
  }
}

/** The next entries; undefined at the end, and where the folder is to be passed over. */
async function nextBatch(
  { session, onError }: Walk,
  reader: FolderReader,
  depth: number,
): Promise<readonly NameEntry[] | undefined> {
  try {
    const { sftpNesting } = session.link.limits;
    if (depth > sftpNesting) throw tooDeep(session, reader.path, sftpNesting);
    return await reader.next();
  } catch (error) {
    if ((await onError?.(error, pathText(reader.path))) !== 'skip') throw error;
    return undefined;
  }
}

/** Lists the next folders of a batch while the consumer is with an earlier one. */
function beginAhead(
  walk: Walk,
  entries: readonly DirectoryEntry[],
  from: number,
  begun: Map<DirectoryEntry, FolderReader>,
): void {
  for (let index = from; index < entries.length && walk.ahead < mostAhead; index++) {
    const entry = entries[index] as DirectoryEntry;
    if (!entry.isDirectory() || begun.has(entry)) continue;
    const reader = readerFor(walk, entry);
    reader.begin();
    begun.set(entry, reader);
    walk.ahead++;
  }
}

function takeBegun(
  walk: Walk,
  begun: Map<DirectoryEntry, FolderReader>,
  entry: DirectoryEntry,
): FolderReader | undefined {
  const reader = begun.get(entry);
  if (reader === undefined) return undefined;
  begun.delete(entry);
  walk.ahead--;
  return reader;
}

function readerFor({ session, errand }: Walk, entry: DirectoryEntry): FolderReader {
  return new FolderReader(session, joinPath(entry.parentBytes, entry.nameBytes), errand);
}
