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
import { expandBraces, matchesSegment, parsePattern, type Segment } from './globPattern.ts';
import { everyEntry } from './listing.ts';
import { tooDeep } from './removal.ts';

interface Search {
  readonly session: SftpSession;
  readonly errand: Errand | undefined;
  /** Names that begin with a dot match a star. */
  readonly dot: boolean;
  /** Paths that were given already; undefined where the pattern can lead to none twice. */
  readonly given: Set<string> | undefined;
}

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
    yield* descend(search, root, segments, 0);
  }
}

async function* descend(
  search: Search,
  folder: Uint8Array,
  segments: readonly Segment[],
  depth: number,
): AsyncGenerator<DirectoryEntry, undefined> {
  const { session } = search;
  const { sftpNesting } = session.link.limits;
  if (depth > sftpNesting) throw tooDeep(session, folder, sftpNesting);
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment.kind === 'literal') return yield* takeLiteral(search, folder, segment.name, rest, depth);
  if (segment.kind === 'folders') yield* descend(search, folder, rest, depth);
  for await (const entry of entriesOf(search, folder)) {
    const { name, nameBytes } = entry;
    if (!isPossibleName(nameBytes) || !matchesSegment(segment, name, search.dot)) continue;
    const path = joinPath(folder, nameBytes);
    if (segment.kind === 'folders') {
      if (rest.length === 0) yield* give(search, entry);
      if (entry.isDirectory()) yield* descend(search, path, segments, depth + 1);
    } else if (rest.length === 0) yield* give(search, entry);
    else if (entry.isDirectory() || entry.isSymbolicLink()) yield* descend(search, path, rest, depth + 1);
  }
}

async function* takeLiteral(
  search: Search,
  folder: Uint8Array,
  name: string,
  rest: readonly Segment[],
  depth: number,
): AsyncGenerator<DirectoryEntry, undefined> {
  const path = joinPath(folder, utf8Encode(name));
  if (rest.length > 0) return yield* descend(search, path, rest, depth + 1);
  const attrs = await statIfThere(search.session, path, 'lstat', search.errand);
  if (attrs === undefined) return;
  const entry = { filename: baseName(path), longname: new Uint8Array(0), attrs };
  yield* give(search, new DirectoryEntry(entry, folder.length === 0 ? folder : folderOf(path)));
}

/** A folder that is not there, or is none, has no matches: the pattern may lead through many. */
async function* entriesOf(search: Search, folder: Uint8Array): AsyncGenerator<DirectoryEntry, undefined> {
  const { session, errand } = search;
  try {
    yield* everyEntry(session, folder.length === 0 ? utf8Encode('.') : folder, errand);
  } catch (error) {
    if (isNoSuchFile(error)) return;
    if (!(error instanceof SshError) || error.status === undefined) throw error;
    const found = await statIfThere(session, folder, 'stat', errand);
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
