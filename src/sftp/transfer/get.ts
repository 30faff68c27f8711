/**
 * `get`: from the server to this machine.
 *
 * Owns: what is asked for (a file or a folder) and where it is to go (a path or a stream).
 * Must not know: how a file or a tree is transferred.
 */

import { escapeText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { statPath } from '../files/attributeCalls.ts';
import { baseName, isPossibleName, pathBytes, pathText, type RemotePath } from '../files/paths.ts';
import { isOfType } from '../files/stats.ts';
import { fileTypes } from '../packet/attributes.ts';
import type { LocalPath } from '../seam/localFiles.ts';
import type { SftpPlatform } from '../seam/platform.ts';
import type { Writable } from '../seam/streams.ts';
import type { SftpSession } from '../session/session.ts';
import { download, downloadTo } from './download/download.ts';
import { getTree } from './download/getTree.ts';
import { transferError } from './errors.ts';
import { resolveTransfer, type TransferOptions } from './options.ts';
import type { TransferResult } from './result.ts';
import { Transfer } from './transfer.ts';

/** A stream of Node or of the web. */
export type WritableTarget = Writable | WritableStream<Uint8Array>;

/** @throws SshError what stopped it, or the failure of the file */
export async function get(
  session: SftpSession,
  platform: SftpPlatform,
  remote: RemotePath,
  target: LocalPath | WritableTarget,
  given: TransferOptions,
): Promise<TransferResult> {
  const options = resolveTransfer('get', given);
  const path = pathBytes(remote, 'remote path');
  const transfer = new Transfer(session, platform, options);
  const { local } = transfer;
  if (typeof target !== 'string' && !(target instanceof Uint8Array)) {
    const sink = local.sinkOf(target);
    if (sink === undefined) throw optionsError('get writes to a path or to a writable stream');
    return transfer.run('get', given, () => one(transfer, path, (job) => downloadTo(transfer, job, sink)));
  }
  if (target.length === 0) throw optionsError('the local path is empty');
  return transfer.run('get', given, async () => {
    if (options.recursive && (await isFolder(transfer, path))) {
      return getTree(transfer, path, await folderIn(transfer, target, path));
    }
    const place = { path: inFolder(transfer, target, path), isFresh: false, isNamed: true };
    return one(transfer, path, (job) => download(transfer, { ...job, attributes: undefined, place }));
  });
}

async function one(
  transfer: Transfer,
  remote: Uint8Array,
  work: (job: { readonly remote: Uint8Array; readonly path: string }) => Promise<void>,
): Promise<void> {
  const path = pathText(remote);
  transfer.progress.found(0);
  await transfer.attempt(path, () => work({ remote, path }));
}

async function isFolder({ session, errand }: Transfer, path: Uint8Array): Promise<boolean> {
  return isOfType(await statPath(session, path, 'stat', errand), fileTypes.folder);
}

/** As for `put`: into a folder that is there under its own name, and else it becomes the target. */
async function folderIn(transfer: Transfer, target: LocalPath, remote: Uint8Array): Promise<LocalPath> {
  const { local } = transfer;
  const isNamed = local.endsInSeparator(local.text(target)) && isPossibleName(baseName(remote));
  if (!isNamed || (await local.stat(target)) === undefined) return target;
  return inFolder(transfer, target, remote);
}

/** A local path that ends in a separator names a folder: the file keeps its name in it. */
function inFolder({ local }: Transfer, target: LocalPath, remote: Uint8Array): LocalPath {
  const text = local.text(target);
  if (!local.endsInSeparator(text)) return target;
  const name = baseName(remote);
  const problem = local.nameProblem(name);
  if (problem !== undefined)
    throw transferError(
      `"${escapeText(pathText(remote))}" names no file for "${escapeText(text)}": ${problem}`,
      text,
    );
  return local.join(target, name);
}
