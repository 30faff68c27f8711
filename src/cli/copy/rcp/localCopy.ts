/**
 * A local file that is being received.
 *
 * Owns: that it is written beside its target and takes its place once it is whole; what is there already and
 * how that is left unharmed.
 * Must not know: where its bytes come from.
 */
import { type FileHandle, lstat, open, realpath, rename, unlink } from 'node:fs/promises';
import { LocalFault } from '../../../sftp/seam/localFiles.ts';
import { partName } from '../../../sftp/transfer/partName.ts';
import {
  type ByteText,
  fromBytes,
  fromText,
  joined,
  lastName,
  toBytes,
  toLocalPath,
} from '../../files/byteText.ts';

/** What is kept of a file apart from its bytes. */
export interface KeptAttributes {
  readonly mode: number;
  /** Seconds. */
  readonly times: { readonly mtime: number; readonly atime: number } | undefined;
}

export class LocalCopy {
  private readonly file: FileHandle;
  private readonly path: string;
  /** What it becomes; the same where it is written in place. */
  private readonly final: string;

  private constructor(file: FileHandle, path: string, final: string) {
    this.file = file;
    this.path = path;
    this.final = final;
  }

  /**
   * @param isNamed whether its user named this very path, so that a link there is gone through
   * @throws LocalFault, or the error of the system
   */
  static async begin(path: ByteText, mode: number, isNamed: boolean): Promise<LocalCopy> {
    const local = toLocalPath(path) as string;
    const there = await lstat(local).catch(() => undefined);
    if (there?.isSymbolicLink() === true) {
      if (!isNamed) throw refusal('ELOOP', 'it is a link, which is not written through', local);
      return LocalCopy.begin(fromText(await realpath(local)), mode, false);
    }
    if (there?.isDirectory() === true) throw refusal('EISDIR', 'it is a folder', local);
    const isInPlace = there !== undefined && (!there.isFile() || there.nlink > 1);
    if (isInPlace) return new LocalCopy(await open(local, 'w'), local, local);
    // A file that may not be written is not to be replaced either.
    if (there !== undefined) await (await open(local, 'r+')).close();
    const part = toLocalPath(besideOf(path)) as string;
    const made = there === undefined ? mode : there.mode & 0o777;
    await unlink(part).catch(() => {});
    return new LocalCopy(await open(part, 'wx', made), part, local);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.file.write(bytes, at);
      at += bytesWritten;
    }
  }

  /** All of it is there. */
  async finish(keep: KeptAttributes | undefined): Promise<void> {
    const { file, path, final } = this;
    if (keep !== undefined) {
      await file.chmod(keep.mode);
      if (keep.times !== undefined) await file.utimes(keep.times.atime, keep.times.mtime);
    }
    await file.close();
    if (path !== final) await rename(path, final);
  }

  /** It will not be finished. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => {});
    if (this.path !== this.final) await unlink(this.path).catch(() => {});
  }
}

function besideOf(path: ByteText): ByteText {
  const name = lastName(path);
  const folder = path.slice(0, path.length - name.length);
  return joined(folder, fromBytes(partName(toBytes(name))));
}

function refusal(code: string, why: string, path: string | Uint8Array): LocalFault {
  const text = String(path);
  return new LocalFault(code, `"${text}" cannot be written: ${why}`, text);
}
