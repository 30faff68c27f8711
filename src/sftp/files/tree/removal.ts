/**
 * Removing whole trees.
 *
 * Owns: `rm` with `recursive` and `force`: files of a folder at once, folders from the
 * deepest up; links are removed and never followed.
 * Must not know: the public API's options.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { optionsError } from '../../../base/optionChecks.ts';
import { fileTypes } from '../../packet/attributes.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import { isNoSuchFile, statIfThere } from '../attributeCalls.ts';
import { removeFile, removeFolder } from '../nameCalls.ts';
import { isPossibleName, joinPath, pathBytes, pathText, type RemotePath } from '../paths.ts';
import { isOfType } from '../stats.ts';
import { entriesOf, FolderBatches } from './batches.ts';

export interface Removal {
  readonly recursive: boolean;
  readonly force: boolean;
}

/** Requests to remove that are in flight at once. */
const atOnce = 64;

/** Removes a file, or with `recursive` a folder and all that is in it. */
export async function removeTree(
  session: SftpSession,
  path: RemotePath,
  { recursive, force }: Removal,
  errand?: Errand,
): Promise<void> {
  const bytes = pathBytes(path);
  const found = await statIfThere(session, bytes, 'lstat', errand);
  if (found === undefined) {
    if (force) return;
    // Its error says what is missing.
    return removeFile(session, path, errand);
  }
  if (!isOfType(found, fileTypes.folder)) return removeFile(session, path, errand);
  if (!recursive)
    throw optionsError(
      `"${escapeText(pathText(path))}" is a folder; rm removes folders with { recursive: true }`,
    );
  await removeFolderTree(session, bytes, [], errand);
}

async function removeFolderTree(
  session: SftpSession,
  path: Uint8Array,
  above: readonly FolderBatches[],
  errand: Errand | undefined,
): Promise<void> {
  const { sftpNesting } = session.link.limits;
  if (above.length >= sftpNesting) throw tooDeep(session, path, sftpNesting);
  const removals = new Set<Promise<void>>();
  let failure: unknown;
  const begin = (removal: Promise<void>): void => {
    const settled: Promise<void> = removal
      .catch((error: unknown) => {
        if (!isNoSuchFile(error)) failure ??= error;
      })
      .finally(() => removals.delete(settled));
    removals.add(settled);
  };
  const folder = new FolderBatches(session, path, above, errand);
  for await (const entry of entriesOf(folder)) {
    if (failure !== undefined) break;
    // No folder has such a name: what it would lead to is not in here.
    if (!isPossibleName(entry.nameBytes)) continue;
    const at = joinPath(path, entry.nameBytes);
    if (entry.isDirectory()) await removeFolderTree(session, at, [...above, folder], errand);
    else begin(removeFile(session, at, errand));
    if (removals.size >= atOnce) await Promise.race(removals);
  }
  await Promise.all(removals);
  if (failure !== undefined) throw failure;
  await removeFolder(session, path, errand).catch((error: unknown) => {
    if (!isNoSuchFile(error)) throw error;
  });
}

/** The error of folders within folders beyond the limit. */
export function tooDeep(session: SftpSession, path: Uint8Array, nesting: number): SshError {
  const text = escapeText(pathText(path));
  return new SshError(
    'ERR_SSH_LIMIT',
    `"${text}" on ${session.channel.host} lies deeper than ${nesting} folders (limits.sftpNesting)`,
    { origin: 'peer', path: text },
  );
}
