/**
 * A folder from this machine to the server.
 *
 * Owns: going through the local tree, the folders on the server, which entries are taken.
 * Must not know: how a file is transferred.
 */
import { equalBytes, escapeText, utf8Decode } from '../../../base/bytes.ts';
import { clampedSeconds, setAttributes, statIfThere } from '../../files/attributeCalls.ts';
import { makeFolder, makeFolderUnlessThere, makeSymlink, readLink } from '../../files/nameCalls.ts';
import { joinPath, pathText } from '../../files/paths.ts';
import type { FileAttributes } from '../../packet/attributes.ts';
import { isPlainFailure } from '../../protocol/errors.ts';
import type { LocalEntry, LocalPath, LocalStat } from '../../seam/localFiles.ts';
import { transferError } from '../errors.ts';
import { staysInside } from '../links.ts';
import type { TransferEntry } from '../options.ts';
import type { Transfer } from '../transfer.ts';
import { upload } from './upload.ts';

/** A folder on the server that the entries of a local folder go to. */
interface Level {
  readonly path: Uint8Array;
  /** Resolves when it is there: whether this transfer made it. */
  readonly ready: Promise<boolean>;
}

export async function putTree(transfer: Transfer, source: LocalPath, remote: Uint8Array): Promise<void> {
  const later: (() => Promise<void>)[] = [];
  const root = { path: remote, ready: makeRoot(transfer, source, remote) };
  await root.ready;
  transfer.counts.folders++;
  await putFolder(transfer, source, root, 0, later);
  await transfer.settled();
  for (const work of later.reverse()) await work();
}

async function putFolder(
  transfer: Transfer,
  source: LocalPath,
  level: Level,
  depth: number,
  later: (() => Promise<void>)[],
): Promise<void> {
  const { local, session } = transfer;
  const text = local.text(source);
  const { sftpNesting } = session.link.limits;
  if (depth > sftpNesting) {
    throw transferError(
      `"${escapeText(text)}" lies deeper than ${sftpNesting} folders (limits.sftpNesting)`,
      text,
    );
  }
  for await (const entry of local.list(source)) {
    transfer.check();
    const path = local.join(source, entry.name);
    const entryText = local.text(path);
    if (!(await transfer.isWanted(entryText, () => described(transfer, entry, path)))) continue;
    const target = joinPath(level.path, entry.name);
    if (entry.kind === 'folder') {
      const inner: Level = { path: target, ready: makeInner(transfer, level, path, target) };
      inner.ready.catch(() => {});
      later.push(() => keepFolder(transfer, path, inner));
      const went = await transfer.attempt(entryText, async () => {
        await putFolder(transfer, path, inner, depth + 1, later);
      });
      if (went) await countFolder(transfer, entryText, inner);
    } else await putEntry(transfer, entry, { path, text: entryText, target, level, depth });
  }
}

interface Found {
  readonly path: LocalPath;
  readonly text: string;
  readonly target: Uint8Array;
  readonly level: Level;
  readonly depth: number;
}

async function putEntry(transfer: Transfer, entry: LocalEntry, found: Found): Promise<void> {
  const { links } = transfer.options;
  const { path, text, target, level } = found;
  if (entry.kind === 'other') return transfer.counts.skip(text, 'it is not a file, folder or link');
  if (entry.kind === 'link' && links === 'skip') return transfer.counts.skip(text, 'it is a link');
  transfer.progress.found(0);
  await transfer.add(text, async () => {
    const isFresh = await level.ready;
    if (entry.kind === 'link') {
      if (links === 'copy') return copyLink(transfer, found);
      const there = await transfer.local.stat(path);
      if (there?.kind !== 'file') {
        const what = there === undefined ? 'nothing' : there.kind === 'folder' ? 'a folder' : 'no file';
        return transfer.counts.skip(text, `it is a link to ${what}`);
      }
    }
    await upload(transfer, { local: path, path: text, place: { path: target, isFresh }, isCounted: false });
  });
}

async function copyLink(transfer: Transfer, { path, text, target, depth }: Found): Promise<void> {
  const { local, session, errand, counts } = transfer;
  const to = await local.readlink(path);
  if (!staysInside(to, depth)) {
    const shown = escapeText(utf8Decode(to));
    throw transferError(`"${escapeText(text)}" is a link that leads out of the folder, to "${shown}"`, text);
  }
  try {
    await makeSymlink(session, to, target, errand);
  } catch (error) {
    const there = await readLink(session, target, errand).catch(() => undefined);
    if (there === undefined || !equalBytes(there, to)) throw error;
  }
  counts.links++;
}

/** Whether the tree goes into a folder that this transfer made. */
async function makeRoot(transfer: Transfer, source: LocalPath, path: Uint8Array): Promise<boolean> {
  return makeOver(transfer, path, await folderAttributes(transfer, source));
}

/** Makes a folder where something may be. @throws SshError `ERR_SSH_TRANSFER` for what is there and is no folder */
async function makeOver(transfer: Transfer, path: Uint8Array, attributes: FileAttributes): Promise<boolean> {
  const { session, errand } = transfer;
  try {
    return await makeFolderUnlessThere(session, path, attributes, errand);
  } catch (error) {
    // The server says no more than that it failed.
    if (!isPlainFailure(error)) throw error;
    if ((await statIfThere(session, path, 'lstat', errand)) === undefined) throw error;
    const text = pathText(path);
    const what = 'is no folder on the server, where a folder was to be made';
    throw transferError(`"${escapeText(text)}" ${what}`, text, { origin: 'user', cause: error });
  }
}

/** Permissions of a folder that is made: those that it has here, so that nobody sees more, and what its owner needs to fill it. */
async function folderAttributes({ local }: Transfer, source: LocalPath): Promise<FileAttributes> {
  const there = await local.stat(source);
  return there === undefined ? {} : { permissions: (there.mode & 0o777) | 0o700 };
}

/** Asked for as soon as the folder above is there, and not waited for by the walk. */
async function makeInner(
  transfer: Transfer,
  above: Level,
  source: LocalPath,
  path: Uint8Array,
): Promise<boolean> {
  const { session, errand } = transfer;
  const attributes = await folderAttributes(transfer, source);
  if (!(await above.ready)) return makeOver(transfer, path, attributes);
  await makeFolder(session, path, attributes, errand);
  return true;
}

async function countFolder(transfer: Transfer, text: string, level: Level): Promise<void> {
  await transfer.add(text, async () => {
    await level.ready;
    transfer.counts.folders++;
  });
}

/** A folder has its times and its mode once nothing more is written into it. */
async function keepFolder(transfer: Transfer, path: LocalPath, level: Level): Promise<void> {
  const { options, local, session, errand } = transfer;
  const { preserve } = options;
  if (preserve === undefined) return;
  await transfer.attempt(local.text(path), async () => {
    const stat = (await local.stat(path)) as LocalStat;
    const attrs = {
      ...(preserve.mode ? { permissions: stat.mode & (preserve.setuid ? 0o7777 : 0o777) } : {}),
      ...(preserve.times
        ? { atime: clampedSeconds(stat.atimeMs).seconds, mtime: clampedSeconds(stat.mtimeMs).seconds }
        : {}),
    };
    await setAttributes(session, level.path, attrs, 'setstat', errand);
  });
}

/** What a filter is told of an entry: the size of a file costs a call. */
async function described({ local }: Transfer, entry: LocalEntry, path: LocalPath): Promise<TransferEntry> {
  const size = entry.kind === 'file' ? (await local.lstat(path))?.size : undefined;
  return { kind: entry.kind, size };
}
