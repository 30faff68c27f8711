/**
 * A folder from the server to this machine.
 *
 * Owns: going through the tree, the local folders, which entries are taken; that nothing
 * is written outside the local folder whatever names and links the server lists.
 * Must not know: how a file is transferred.
 *
 * Links are made last: no file of the transfer is ever written through one of them.
 */
import { equalBytes, escapeText, utf8Decode } from '../../../base/bytes.ts';
import { statPath } from '../../files/attributeCalls.ts';
import { sizeOf } from '../../files/content/whole.ts';
import type { DirectoryEntry } from '../../files/entry.ts';
import { readLink } from '../../files/nameCalls.ts';
import { pathText } from '../../files/paths.ts';
import { isOfType } from '../../files/stats.ts';
import { walkSteps } from '../../files/tree/walk.ts';
import { type FileAttributes, fileTypes } from '../../packet/attributes.ts';
import { LocalFault, type LocalPath } from '../../seam/localFiles.ts';
import { transferError } from '../errors.ts';
import { staysInside } from '../links.ts';
import type { TransferEntry } from '../options.ts';
import type { Transfer } from '../transfer.ts';
import { download } from './download.ts';

/** A local folder that the entries of a folder of the server go to. */
interface Level {
  readonly path: LocalPath;
  /** Made by this transfer, so that nothing of the user's is in it. */
  readonly isFresh: boolean;
}

/** What is done once all files are there. */
interface Later {
  readonly path: string;
  readonly work: () => Promise<void>;
}

/** Links and folders whose attributes are set at the end. */
const mostLater = 1_000_000;

/**
 * Permissions of a folder that is made, from which the system takes its mask away: those that it has on the
 * server, so that nobody sees more than there, and what its owner needs to fill it.
 */
function folderModeOf(permissions: number = 0o777): number {
  return (permissions & 0o777) | 0o700;
}

export async function getTree(transfer: Transfer, remote: Uint8Array, target: LocalPath): Promise<void> {
  const { session, errand, local } = transfer;
  const { permissions } = await statPath(session, remote, 'stat', errand);
  const root = await makeRoot(transfer, target, folderModeOf(permissions));
  transfer.counts.folders++;
  const levels: Level[] = [root];
  const later: Later[] = [];
  const postpone = (entry: Later): void => {
    if (later.length === mostLater) throw tooMany(pathText(remote));
    later.push(entry);
  };
  const onError = async (error: unknown, path: string): Promise<'skip' | 'stop'> => {
    await transfer.fail(path, error);
    return transfer.isStopped ? 'stop' : 'skip';
  };
  for await (const step of walkSteps(session, remote, onError, errand)) {
    transfer.check();
    const { entry, depth } = step;
    const level = levels[depth] as Level;
    const problem = local.nameProblem(entry.nameBytes);
    if (problem !== undefined) {
      step.passOver();
      await transfer.fail(entry.path, unsafeName(entry, problem));
      continue;
    }
    const kind = kindOf(entry.attributes);
    const told = { kind, size: sizeOf(entry.attributes.size) };
    if (!(await transfer.isWanted(entry.path, () => told))) {
      step.passOver();
      continue;
    }
    const path = local.join(level.path, entry.nameBytes);
    if (kind === 'folder') {
      const made = await transfer.attempt(entry.path, async () => {
        const mode = folderModeOf(entry.attributes.permissions);
        levels[depth + 1] = await makeFolder(transfer, { path, isFresh: level.isFresh }, mode);
      });
      if (!made) step.passOver();
      else keepFolder(transfer, entry, path, postpone);
    } else await takeEntry(transfer, entry, kind, { path, isFresh: level.isFresh }, postpone, depth);
  }
  await transfer.settled();
  for (const { path, work } of later.reverse()) await transfer.attempt(path, work);
}

async function takeEntry(
  transfer: Transfer,
  entry: DirectoryEntry,
  kind: TransferEntry['kind'],
  at: Level,
  postpone: (entry: Later) => void,
  depth: number,
): Promise<void> {
  const { links } = transfer.options;
  if (kind === 'other') return transfer.counts.skip(entry.path, 'it is not a file, folder or link');
  if (kind === 'link' && links === 'skip') return transfer.counts.skip(entry.path, 'it is a link');
  if (kind === 'link' && links === 'copy') {
    return postpone({ path: entry.path, work: () => copyLink(transfer, entry, at.path, depth) });
  }
  transfer.progress.found(kind === 'file' ? (sizeOf(entry.attributes.size) ?? 0) : 0);
  await transfer.add(entry.path, async () => {
    const attributes = kind === 'file' ? entry.attributes : await behindLink(transfer, entry);
    if (attributes === undefined) return;
    await download(transfer, {
      remote: entry.pathBytes,
      path: entry.path,
      attributes,
      place: { path: at.path, isFresh: at.isFresh, isNamed: false },
    });
  });
}

/** The attributes of the file behind a link; undefined where there is none, which is told. */
async function behindLink(transfer: Transfer, entry: DirectoryEntry): Promise<FileAttributes | undefined> {
  const attributes = await statPath(transfer.session, entry.pathBytes, 'stat', transfer.errand);
  if (isOfType(attributes, fileTypes.file)) {
    transfer.progress.corrected(sizeOf(attributes.size) ?? 0);
    return attributes;
  }
  const what = isOfType(attributes, fileTypes.folder) ? 'a folder' : 'no file';
  transfer.counts.skip(entry.path, `it is a link to ${what}`);
  return undefined;
}

/** Makes a link anew, unless what it leads to lies outside the tree. */
async function copyLink(
  transfer: Transfer,
  entry: DirectoryEntry,
  path: LocalPath,
  depth: number,
): Promise<void> {
  const { session, errand, local, counts } = transfer;
  const target = await readLink(session, entry.pathBytes, errand);
  if (!staysInside(target, depth)) {
    const to = escapeText(utf8Decode(target));
    throw transferError(
      `"${escapeText(entry.path)}" is a link that leads out of the folder, to "${to}"`,
      entry.path,
      {
        origin: 'peer',
      },
    );
  }
  const there = await local.lstat(path);
  const isSame = there?.kind === 'link' && equalBytes(await local.readlink(path), target);
  if (!isSame) await local.symlink(target, path);
  counts.links++;
}

/** The folder that the tree goes into; the caller named it, so that a link to a folder does as well. */
async function makeRoot(transfer: Transfer, path: LocalPath, mode: number): Promise<Level> {
  const { local } = transfer;
  const there = await local.stat(path);
  if (there?.kind === 'folder') return { path: await local.realpath(path), isFresh: false };
  await local.mkdir(path, mode);
  return { path, isFresh: true };
}

async function makeFolder(transfer: Transfer, { path, isFresh }: Level, mode: number): Promise<Level> {
  const { local, counts } = transfer;
  try {
    await local.mkdir(path, mode);
    counts.folders++;
    return { path, isFresh: true };
  } catch (error) {
    if (!(error instanceof LocalFault) || error.code !== 'EEXIST') throw error;
    const there = await local.lstat(path);
    // In a folder of its own nothing can be but what the server has listed before.
    if (there?.kind !== 'folder' || isFresh) {
      const text = local.text(path);
      const what = there?.kind === 'link' ? 'a link, which is not gone through' : 'there already';
      throw transferError(`"${escapeText(text)}" is ${what}, where a folder was to be made`, text, {
        cause: error,
      });
    }
  }
  counts.folders++;
  return { path, isFresh: false };
}

/** A folder has its times and its mode once nothing more is written into it. */
function keepFolder(
  { options, local }: Transfer,
  entry: DirectoryEntry,
  path: LocalPath,
  postpone: (entry: Later) => void,
): void {
  const { preserve } = options;
  if (preserve === undefined) return;
  const { permissions, atime, mtime } = entry.attributes;
  postpone({
    path: entry.path,
    work: async () => {
      if (preserve.mode && permissions !== undefined)
        await local.chmod(path, permissions & (preserve.setuid ? 0o7777 : 0o777));
      if (preserve.times && atime !== undefined && mtime !== undefined) {
        await local.utimes(path, atime * 1000, mtime * 1000);
      }
    },
  });
}

function kindOf(attributes: FileAttributes): TransferEntry['kind'] {
  if (isOfType(attributes, fileTypes.folder)) return 'folder';
  if (isOfType(attributes, fileTypes.link)) return 'link';
  // A server that tells no permissions is asked for the file, which fails for what is none.
  return attributes.permissions === undefined || isOfType(attributes, fileTypes.file) ? 'file' : 'other';
}

function unsafeName(entry: DirectoryEntry, problem: string): unknown {
  const name = escapeText(entry.name);
  return transferError(
    `the server lists a name that no file here may have, "${name}": ${problem}`,
    entry.path,
    {
      origin: 'peer',
    },
  );
}

function tooMany(path: string): unknown {
  return transferError(`"${escapeText(path)}" has more than ${mostLater} links and folders`, path, {
    origin: 'peer',
  });
}
