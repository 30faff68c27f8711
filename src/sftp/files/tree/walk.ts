/**
 * All that lies below a folder.
 *
 * Owns: the order of a walk (a folder before what is in it), folders that are listed
 * ahead, the bound on depth.
 * Must not know: what the entries are for.
 */
import { askInCall } from '../../../endpoint/calls/userCode.ts';
import type { NameEntry } from '../../packet/responses.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import { DirectoryEntry } from '../entry.ts';
import { isDotName, isPossibleName, pathText } from '../paths.ts';
import { FolderBatches } from './batches.ts';
import { FolderReader } from './listing.ts';
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
  for await (const step of walkSteps(session, root, onError, errand)) {
    if (isPossibleName(step.entry.nameBytes)) yield step.entry;
  }
}

/** One entry of a walk, for those who choose the way. */
export interface WalkStep {
  readonly entry: DirectoryEntry;
  /** 0 for what is in the root itself. */
  readonly depth: number;
  /** What is in this folder is of no interest. */
  passOver(): void;
}

/** As `walkTree`; names that no folder can have are given as well, and not gone into. */
export async function* walkSteps(
  session: SftpSession,
  root: Uint8Array,
  onError: WalkFault | undefined,
  errand?: Errand,
): AsyncGenerator<WalkStep, undefined> {
  const walk: Walk = { session, errand, onError, ahead: new Ahead() };
  const folder = new FolderBatches(session, root, [], errand);
  yield* walkFolder(walk, folder, []);
}

interface Walk {
  readonly session: SftpSession;
  readonly errand: Errand | undefined;
  readonly onError: WalkFault | undefined;
  readonly ahead: Ahead;
}

/** Folders that are opened before their turn. */
class Ahead {
  private readonly readers = new Map<DirectoryEntry, FolderReader>();

  get size(): number {
    return this.readers.size;
  }

  has(entry: DirectoryEntry): boolean {
    return this.readers.has(entry);
  }

  begin(entry: DirectoryEntry, reader: FolderReader): void {
    this.readers.set(entry, reader);
    reader.begin();
  }

  /** The reader is the caller's from now on. */
  take(entry: DirectoryEntry): FolderReader | undefined {
    const reader = this.readers.get(entry);
    this.readers.delete(entry);
    return reader;
  }

  /** Closes them all: each is opened again when its turn comes. */
  drop(): void {
    for (const reader of this.readers.values()) reader.close();
    this.readers.clear();
  }
}

async function* walkFolder(
  walk: Walk,
  folder: FolderBatches,
  above: readonly FolderBatches[],
): AsyncGenerator<WalkStep, undefined> {
  const { session, errand, ahead } = walk;
  const depth = above.length;
  const here = [...above, folder];
  let entries: readonly DirectoryEntry[] = [];
  try {
    for (;;) {
      const batch = await nextBatch(walk, folder, depth);
      if (batch === undefined) return;
      entries = batch
        .filter(({ filename }) => !isDotName(filename))
        .map((entry) => new DirectoryEntry(entry, folder.path));
      for (const [index, entry] of entries.entries()) {
        beginAhead(walk, entries, index);
        let isPassedOver = !isFolder(entry);
        const passOver = (): void => {
          isPassedOver = true;
        };
        yield { entry, depth, passOver };
        const reader = ahead.take(entry);
        if (isPassedOver) reader?.close();
        else {
          const dropAhead = (): void => ahead.drop();
          const inner = new FolderBatches(session, entry.pathBytes, here, errand, reader, dropAhead);
          yield* walkFolder(walk, inner, here);
        }
      }
    }
  } finally {
    folder.close();
    for (const entry of entries) ahead.take(entry)?.close();
  }
}

function isFolder(entry: DirectoryEntry): boolean {
  return entry.isDirectory() && isPossibleName(entry.nameBytes);
}

/** The next entries; undefined at the end, and where the walk passes the folder over. */
async function nextBatch(
  { session, errand, onError }: Walk,
  folder: FolderBatches,
  depth: number,
): Promise<readonly NameEntry[] | undefined> {
  try {
    const { sftpNesting } = session.link.limits;
    if (depth > sftpNesting) throw tooDeep(session, folder.path, sftpNesting);
    return await folder.next();
  } catch (error) {
    if (onError === undefined) throw error;
    const answer = askInCall('onError', () => onError(error, pathText(folder.path)));
    if ((await session.callersOwn(answer, errand)) !== 'skip') throw error;
    return undefined;
  }
}

/** Lists the next folders of a batch while the consumer is with an earlier one. */
function beginAhead(
  { session, errand, ahead }: Walk,
  entries: readonly DirectoryEntry[],
  from: number,
): void {
  // Where a server has few handles they are for those who read files.
  const most = session.handles.limit < 4 * mostAhead ? 0 : mostAhead;
  for (let index = from; index < entries.length && ahead.size < most; index++) {
    const entry = entries[index] as DirectoryEntry;
    if (!isFolder(entry) || ahead.has(entry)) continue;
    ahead.begin(entry, new FolderReader(session, entry.pathBytes, errand, 'walk'));
  }
}
