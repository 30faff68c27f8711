/**
 * The file on the server that an upload goes to.
 *
 * Owns: whether it is written beside the target and renamed, or in place, and when the one falls
 * back to the other; what is there already; the part that an earlier transfer left; what
 * becomes of a part that is cut off.
 * Must not know: where the bytes come from.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { statIfThere } from '../../files/attributeCalls.ts';
import { OpenFile } from '../../files/content/openFile.ts';
import { sizeOf } from '../../files/content/whole.ts';
import { realPath, removeFile, renameOver } from '../../files/nameCalls.ts';
import { baseName, folderOf, joinPath, pathText } from '../../files/paths.ts';
import { isOfType } from '../../files/stats.ts';
import { type FileAttributes, fileTypes } from '../../packet/attributes.ts';
import { openFlags } from '../../packet/numbers.ts';
import { isPlainFailure } from '../../protocol/errors.ts';
import { isInterruption, transferError } from '../errors.ts';
import { partName } from '../partName.ts';
import type { Transfer } from '../transfer.ts';

/** Where a file is to go. */
export interface RemotePlace {
  readonly path: Uint8Array;
  /** Permissions of a file that is made; undefined for the server's own. */
  readonly mode: number | undefined;
  /** Nothing can be there: the folder was made by this transfer. */
  readonly isFresh: boolean;
}

interface Opened {
  readonly file: OpenFile;
  readonly path: Uint8Array;
  /** What it becomes; the same where it is written in place. */
  readonly final: Uint8Array;
  /** Bytes of an earlier transfer that may be in it. */
  readonly there: number;
  /** What is at the target. */
  readonly replaced: FileAttributes | undefined;
}

/** The server does not rename: the file has to be sent again, in place. */
export class RenameRefused extends Error {}

export class RemoteTarget {
  readonly file: OpenFile;
  /** Bytes of an earlier transfer that may be in it. */
  readonly there: number;
  /** What is at the target and will be replaced. */
  readonly replaced: FileAttributes | undefined;
  private readonly transfer: Transfer;
  private readonly opened: Opened;

  private constructor(transfer: Transfer, opened: Opened) {
    this.transfer = transfer;
    this.opened = opened;
    this.file = opened.file;
    this.there = opened.there;
    this.replaced = opened.replaced;
  }

  /** @throws SshError `ERR_SSH_TRANSFER` for what may not be replaced; what the server answered */
  static async open(transfer: Transfer, place: RemotePlace): Promise<RemoteTarget> {
    return new RemoteTarget(transfer, await openFor(transfer, place));
  }

  /** The path that is written to, until `commit`. */
  get path(): Uint8Array {
    return this.opened.path;
  }

  /** What it becomes then, and what errors name. */
  get final(): Uint8Array {
    return this.opened.final;
  }

  /**
   * Its bytes are all there: closes it and makes it the target.
   *
   * @throws RenameRefused; SshError what the server answered: a close may tell of a failed WRITE
   */
  async commit(): Promise<void> {
    const { path, final, file } = this.opened;
    const { session, counts, errand } = this.transfer;
    await file.close();
    if (path === final) return;
    try {
      const operation = { name: 'rename', path: pathText(final) };
      const how = await renameOver(session, path, final, errand, operation);
      if (how === 'removed first') {
        const what = 'the server replaces no file by a rename: the old one was removed first';
        counts.warn(pathText(final), what);
      }
    } catch (error) {
      if (this.opened.replaced !== undefined || !isRefusal(error)) throw error;
      await removeFile(session, path, errand).catch(() => {});
      throw new RenameRefused();
    }
  }

  /**
   * It will not be finished. `confirmed`: bytes that are there without a gap. A part that is
   * of no use is removed before this resolves; its requests have their own deadlines.
   */
  async abandon(error: unknown, confirmed: number): Promise<void> {
    const { path, final, file, there } = this.opened;
    const { session, isStopped } = this.transfer;
    if (session.link.cause !== undefined) return;
    const isBeside = path !== final;
    const isKept = (isStopped || isInterruption(error)) && confirmed > 0;
    if (!file.isClosed) {
      // What lies behind a gap would pass for the beginning of the file.
      if (isBeside && isKept) file.setAttributes({ size: BigInt(confirmed) }, 'truncate').catch(() => {});
      file.closeQuietly();
    }
    if (!isBeside || isKept || there > 0) return;
    const removal = removeFile(session, path).catch(() => {});
    // A server that has fallen silent is not waited for twice.
    if (!isInterruption(error)) await removal;
  }
}

const writing = openFlags.write | openFlags.create;

async function openFor(
  transfer: Transfer,
  place: RemotePlace,
  isBehindLink: boolean = false,
): Promise<Opened> {
  const { session, options, errand } = transfer;
  const found = place.isFresh ? undefined : await statIfThere(session, place.path, 'lstat', errand);
  if (found === undefined)
    return isAtomic(transfer, place)
      ? openPart(transfer, place, undefined)
      : openInPlace(transfer, place, undefined);
  const text = pathText(place.path);
  if (isOfType(found, fileTypes.link)) {
    // A true path has no links in it: who says so twice would say so for ever.
    if (isBehindLink) {
      const shown = `"${escapeText(text)}"`;
      throw transferError(`${shown} is a link that leads to a link, by what the server says`, text, {
        origin: 'peer',
      });
    }
    // It stays the link that it is: what it leads to is written.
    return openFor(transfer, { ...place, path: await realPath(session, place.path, errand) }, true);
  }
  if (isOfType(found, fileTypes.folder)) {
    throw transferError(
      `"${escapeText(text)}" is a folder on the server, where a file was to be written`,
      text,
      {
        origin: 'user',
      },
    );
  }
  if (found.permissions !== undefined && !isOfType(found, fileTypes.file)) {
    throw transferError(
      `"${escapeText(text)}" is a device, a pipe or a socket on the server: it is left as it is`,
      text,
      {
        origin: 'user',
      },
    );
  }
  if (!options.atomic || session.capabilities.refusesRename) return openInPlace(transfer, place, found);
  const mode = found.permissions === undefined ? place.mode : found.permissions & 0o777;
  try {
    return await openPart(transfer, { ...place, mode }, found);
  } catch (error) {
    if (!(error instanceof SshError) || error.code !== 'ERR_SSH_SFTP_PERMISSION_DENIED') throw error;
    transfer.counts.warn(text, 'its folder takes no other file, so that it was written in place');
    return openInPlace(transfer, place, found);
  }
}

function isAtomic({ options, session, counts }: Transfer, { path }: RemotePlace): boolean {
  if (!options.atomic) return false;
  if (!session.capabilities.refusesRename) return true;
  counts.warn(pathText(path), 'the server renames nothing, so that it was written in place');
  return false;
}

async function openInPlace(
  { session, errand, options }: Transfer,
  { path, mode }: RemotePlace,
  found: FileAttributes | undefined,
): Promise<Opened> {
  const there = options.resume ? (sizeOf(found?.size) ?? 0) : 0;
  const access = there > 0 ? openFlags.read : openFlags.truncate;
  const file = await OpenFile.openInTurn(session, path, writing | access, attributesOf(mode), {
    errand,
    isOneOfMany: true,
  });
  return { file, path, final: path, there, replaced: undefined };
}

/** A file of its own, beside the target. */
async function openPart(
  transfer: Transfer,
  { path: final, mode }: RemotePlace,
  replaced: FileAttributes | undefined,
): Promise<Opened> {
  const { session, errand, options, local } = transfer;
  const beside = (unique?: string): Uint8Array =>
    joinPath(folderPart(final), partName(baseName(final), unique));
  const path = beside();
  const attrs = attributesOf(mode);
  // The part is this side's affair: errors name the file that was asked for.
  const turn = { errand, isOneOfMany: true, shownAs: final };
  if (options.resume) {
    const part = await statIfThere(session, path, 'lstat', errand, final);
    if (part !== undefined && isOfType(part, fileTypes.file)) {
      const flags = openFlags.read | openFlags.write;
      const file = await OpenFile.openInTurn(session, path, flags, {}, turn);
      return { file, path, final, there: sizeOf(part.size) ?? 0, replaced };
    }
  }
  const flags = writing | openFlags.exclusive;
  const opened = (at: Uint8Array, file: OpenFile): Opened => ({ file, path: at, final, there: 0, replaced });
  try {
    return opened(path, await OpenFile.tryInTurn(session, path, flags, attrs, turn));
  } catch (error) {
    if (!isPlainFailure(error)) throw error;
  }
  // What is there is the part of another transfer, which may run.
  const isTaken = (await statIfThere(session, path, 'lstat', errand, final)) !== undefined;
  const other = isTaken ? beside(local.unique()) : path;
  return opened(other, await OpenFile.openInTurn(session, other, flags, attrs, turn));
}

/** The folder of a path as it was given: empty where the path is a name alone. */
function folderPart(path: Uint8Array): Uint8Array {
  return path.includes(0x2f) ? folderOf(path) : path.subarray(0, 0);
}

function attributesOf(mode: number | undefined): FileAttributes {
  return mode === undefined ? {} : { permissions: mode };
}

/** The server does not do that at all, where a failure would be of this file. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof SshError)) return false;
  return error.code === 'ERR_SSH_SFTP_UNSUPPORTED' || error.code === 'ERR_SSH_SFTP_PERMISSION_DENIED';
}
