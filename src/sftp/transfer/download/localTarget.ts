/**
 * The local file that a download goes to.
 *
 * Owns: whether it is written beside the target and renamed, or in place; what is there
 * already (a link, a device, a file that may not be written) and how that is left unharmed;
 * the part that an earlier transfer left; what becomes of a part that is cut off.
 * Must not know: where the bytes come from.
 */
import { escapeText } from '../../../base/bytes.ts';
import {
  isMissing,
  LocalFault,
  type LocalPath,
  type LocalStat,
  type LocalWriter,
} from '../../seam/localFiles.ts';
import { isInterruption, transferError } from '../errors.ts';
import { partName } from '../partName.ts';
import type { Transfer } from '../transfer.ts';

/** Where a file is to go. */
export interface LocalPlace {
  readonly path: LocalPath;
  /** Permissions of a file that is made. */
  readonly mode: number;
  /** Nothing can be there: the folder was made by this transfer. */
  readonly isFresh: boolean;
  /** The caller named it, so that a link there is what the caller wants to be gone through. */
  readonly isNamed: boolean;
}

/** What `LocalTarget` is made from. */
interface Opened {
  readonly writer: LocalWriter;
  /** What is written to. */
  readonly path: LocalPath;
  /** What it becomes; the same where it is written in place. */
  readonly final: LocalPath;
  /** Bytes of an earlier transfer that are in it. */
  readonly there: number;
  /** What was at the target. */
  readonly replaced: LocalStat | undefined;
  readonly mayBeLonger: boolean;
}

export class LocalTarget {
  readonly writer: LocalWriter;
  /** Bytes of an earlier transfer that are in it. */
  readonly there: number;
  private readonly transfer: Transfer;
  private readonly opened: Opened;
  private length: number;

  private constructor(transfer: Transfer, opened: Opened) {
    this.transfer = transfer;
    this.opened = opened;
    this.writer = opened.writer;
    this.there = opened.there;
    this.length = opened.there;
  }

  /** @throws SshError `ERR_SSH_TRANSFER` for what may not be replaced; `LocalFault` */
  static async open(transfer: Transfer, place: LocalPlace): Promise<LocalTarget> {
    return new LocalTarget(transfer, await openFor(transfer, place));
  }

  /** The file has these bytes from the beginning on. */
  wroteUpTo(length: number): void {
    this.length = length;
  }

  /** What is behind that length is of another file. */
  async cutTo(length: number): Promise<void> {
    // Cut off later, the file must not be made as long again: it would have zeros in it.
    this.length = length;
    await this.writer.truncate(length);
  }

  /** It may hold bytes that are not of this transfer. */
  get mayBeLonger(): boolean {
    return this.opened.mayBeLonger;
  }

  /** SHA-256 of what was written, in hex. */
  sha256(): Promise<string> {
    const { path, final } = this.opened;
    return this.transfer.local.sha256(path, final);
  }

  /** Its bytes are all there: makes it the target. */
  async commit(): Promise<void> {
    const { path, final, replaced } = this.opened;
    const isBeside = path !== final;
    if (isBeside && replaced !== undefined) await this.keepOwner(replaced);
    await this.writer.close();
    if (isBeside) await this.transfer.local.rename(path, final);
  }

  /** It will not be finished. A part that can be gone on with is left, where it has the target's place only in part. */
  async abandon(error: unknown): Promise<void> {
    const { path, final, there } = this.opened;
    const isKept = (this.transfer.isStopped || isInterruption(error)) && this.length > 0;
    try {
      if (path !== final && isKept) await this.writer.truncate(this.length);
      await this.writer.close();
      const isOthers = there > 0 && this.length > 0;
      if (path !== final && !isKept && !isOthers) await this.transfer.local.unlink(path);
    } catch {
      // What happened first is the error that is told.
    }
  }

  private async keepOwner(replaced: LocalStat): Promise<void> {
    const { uid, gid } = await this.writer.stat();
    if (uid === replaced.uid && gid === replaced.gid) return;
    if (this.transfer.local.isPrivileged) await this.writer.chown(replaced.uid, replaced.gid);
    // Giving it another owner takes away what only that one may have.
    await this.writer.chmod(replaced.mode);
  }
}

async function openFor(transfer: Transfer, place: LocalPlace): Promise<Opened> {
  const { local, options } = transfer;
  if (place.isFresh) return openNew(transfer, place, undefined);
  const found = await local.lstat(place.path);
  const text = local.text(place.path);
  const shown = `"${escapeText(text)}"`;
  if (found === undefined) return openNew(transfer, place, undefined);
  if (found.kind === 'folder') {
    throw transferError(`${shown} is a folder, where a file was to be written`, text);
  }
  if (found.kind === 'other') {
    throw transferError(`${shown} is a device, a pipe or a socket: it is left as it is`, text);
  }
  if (found.kind === 'link') {
    if (!place.isNamed) throw transferError(`${shown} is a link, which is not written through`, text);
    return openFor(transfer, { ...place, path: await behindLink(transfer, place.path), isNamed: false });
  }
  if (!(await local.mayWrite(place.path))) throw transferError(`${shown} may not be written`, text);
  if (!options.atomic) return openInPlace(transfer, place.path, found);
  if (found.links > 1) {
    transfer.counts.warn(text, 'it has other names (hard links), so that it was written in place');
    return openInPlace(transfer, place.path, found);
  }
  try {
    return await openNew(transfer, { ...place, mode: found.mode }, found);
  } catch (error) {
    if (!(error instanceof LocalFault) || !isForbidden(error)) throw error;
    transfer.counts.warn(text, 'its folder takes no other file, so that it was written in place');
    return openInPlace(transfer, place.path, found);
  }
}

/** What a link that the caller named leads to. */
async function behindLink({ local }: Transfer, path: LocalPath): Promise<LocalPath> {
  try {
    return await local.realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const text = local.text(path);
    throw transferError(`"${escapeText(text)}" is a link that leads nowhere`, text, { cause: error });
  }
}

async function openInPlace({ local, options }: Transfer, path: LocalPath, found: LocalStat): Promise<Opened> {
  const writer = await local.openWriter(path, 'there', 0);
  const there = options.resume ? found.size : 0;
  return { writer, path, final: path, there, replaced: undefined, mayBeLonger: true };
}

/** A file of its own, beside the target or, where that is not wanted, of its name. */
async function openNew(
  transfer: Transfer,
  place: LocalPlace,
  replaced: LocalStat | undefined,
): Promise<Opened> {
  const { local, options } = transfer;
  const { path: final, mode } = place;
  const empty = { there: 0, replaced, mayBeLonger: false };
  if (!options.atomic) {
    return { writer: await local.openWriter(final, 'new', mode), path: final, final, ...empty };
  }
  const { folder, name } = local.split(final);
  const path = local.join(folder, partName(name));
  if (options.resume) {
    const part = await openPart(transfer, path, final);
    if (part !== undefined) return { ...part, path, final, replaced, mayBeLonger: true };
  }
  try {
    return { writer: await local.openWriter(path, 'new', mode, final), path, final, ...empty };
  } catch (error) {
    if (!(error instanceof LocalFault) || error.code !== 'EEXIST') throw error;
  }
  // The part of another transfer, which may run.
  const other = local.join(folder, partName(name, local.unique()));
  return { writer: await local.openWriter(other, 'new', mode, final), path: other, final, ...empty };
}

/** What an earlier transfer left of a file. */
async function openPart(
  { local }: Transfer,
  path: LocalPath,
  final: LocalPath,
): Promise<{ readonly writer: LocalWriter; readonly there: number } | undefined> {
  const found = await local.lstat(path, final);
  if (found?.kind !== 'file') return undefined;
  const writer = await local.openWriter(path, 'there', 0, final);
  return { writer, there: found.size };
}

function isForbidden({ code }: LocalFault): boolean {
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
}
