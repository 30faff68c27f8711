/**
 * Files by pattern.
 *
 * Owns: going through the folders that a pattern can match in, and no others.
 * Must not know: what a segment matches (`globPattern.ts`), the public API's options.
 */
import { utf8Encode } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { fileTypes } from '../../packet/attributes.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import { isNoSuchFile, statIfThere } from '../attributeCalls.ts';
import { DirectoryEntry } from '../entry.ts';
import { baseName, folderOf, isPossibleName, joinPath } from '../paths.ts';
import { isOfType } from '../stats.ts';
import { entriesOf, FolderBatches } from './batches.ts';
import { expandBraces, matchesSegment, parsePattern, type Segment } from './globPattern.ts';
import { tooDeep } from './removal.ts';

interface Search {
  readonly session: SftpSession;
  readonly errand: Errand | undefined;
  /** Names that begin with a dot match a star. */
  readonly dot: boolean;
  /** Paths that were given already; undefined where the pattern can lead to none twice. */
  readonly given: Set<string> | undefined;
}

/** The folders on the way to one: those that are listed meanwhile, and undefined for those that are only gone through. */
type Way = readonly (FolderBatches | undefined)[];

const openOn = (way: Way): readonly FolderBatches[] => way.filter((folder) => folder !== undefined);

/** What matches a pattern, as paths that begin as the pattern does. Links are matched and, by `**`, not gone through. */
export async function* findMatches(
  session: SftpSession,
  pattern: string,
  dot: boolean,
  errand?: Errand,
): AsyncGenerator<DirectoryEntry, undefined> {
  const alternatives = expandBraces(pattern).map((text) => ({ text, segments: parsePattern(text) }));
  const isAmbiguous =
    alternatives.length > 1 ||
    alternatives.some(({ segments }) => segments.filter(({ kind }) => kind === 'folders').length > 1);
  const search: Search = { session, errand, dot, given: isAmbiguous ? new Set() : undefined };
  for (const { text, segments } of alternatives) {
    const root = text.startsWith('/') ? utf8Encode('/') : new Uint8Array(0);
    yield* descend(search, root, segments, []);
  }
}

async function* descend(
  search: Search,
  folder: Uint8Array,
  segments: readonly Segment[],
  way: Way,
): AsyncGenerator<DirectoryEntry, undefined> {
  const { session, errand } = search;
  const { sftpNesting } = session.link.limits;
  if (way.length > sftpNesting) throw tooDeep(session, folder, sftpNesting);
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment.kind === 'literal') return yield* takeLiteral(search, folder, segment.name, rest, way);
  if (segment.kind === 'folders') yield* descend(search, folder, rest, way);
  const listed = folder.length === 0 ? utf8Encode('.') : folder;
  const batches = new FolderBatches(session, listed, openOn(way), errand);
  const inner = [...way, batches];
  for await (const entry of entriesIn(search, batches, folder)) {
    const { name, nameBytes } = entry;
    if (!isPossibleName(nameBytes) || !matchesSegment(segment, name, search.dot)) continue;
    const path = joinPath(folder, nameBytes);
    if (segment.kind === 'folders') {
      if (rest.length === 0) yield* give(search, entry);
      if (entry.isDirectory()) yield* descend(search, path, segments, inner);
    } else if (rest.length === 0) yield* give(search, entry);
    else if (entry.isDirectory() || entry.isSymbolicLink()) yield* descend(search, path, rest, inner);
  }
}

async function* takeLiteral(
  search: Search,
  folder: Uint8Array,
  name: string,
  rest: readonly Segment[],
  way: Way,
): AsyncGenerator<DirectoryEntry, undefined> {
  const path = joinPath(folder, utf8Encode(name));
  if (rest.length > 0) return yield* descend(search, path, rest, [...way, undefined]);
  const attrs = await statIfThere(search.session, path, 'lstat', search.errand);
  if (attrs === undefined) return;
  const entry = { filename: baseName(path), longname: new Uint8Array(0), attrs };
  yield* give(search, new DirectoryEntry(entry, folder.length === 0 ? folder : folderOf(path)));
}

/** A folder that is not there, or is none, has no matches: the pattern may lead through many. */
async function* entriesIn(
  { session, errand }: Search,
  batches: FolderBatches,
  folder: Uint8Array,
): AsyncGenerator<DirectoryEntry, undefined> {
  try {
    yield* entriesOf(batches, folder);
  } catch (error) {
    if (isNoSuchFile(error)) return;
    if (!(error instanceof SshError) || error.status === undefined) throw error;
    const found = await statIfThere(session, batches.path, 'stat', errand);
    if (found === undefined || !isOfType(found, fileTypes.folder)) return;
    throw error;
  }
}

function* give({ given }: Search, entry: DirectoryEntry): Generator<DirectoryEntry, undefined> {
  const { path } = entry;
  if (given?.has(path) === true) return;
  given?.add(path);
  yield entry;
}
