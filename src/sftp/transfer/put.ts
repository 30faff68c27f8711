/**
 * `put`: from this machine to the server.
 *
 * Owns: what is sent (a file, a folder, bytes, a stream) and where it is to go.
 * Must not know: how a file or a tree is transferred.
 */

import { isObject, optionsError } from '../../base/optionChecks.ts';
import { statIfThere } from '../files/attributeCalls.ts';
import { isPossibleName, joinPath, pathBytes, type RemotePath, slash } from '../files/paths.ts';
import type { SftpPlatform } from '../seam/platform.ts';
import type { SftpSession } from '../session/session.ts';
import { resolveTransfer, type TransferOptions } from './options.ts';
import type { TransferResult } from './result.ts';
import { Transfer } from './transfer.ts';
import { putTree } from './upload/putTree.ts';
import { upload, uploadFrom } from './upload/upload.ts';

/** A path on this machine, bytes, or a stream of them. */
export type UploadSource =
  | string
  | Uint8Array
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<Uint8Array>;

/** @throws SshError what stopped it, or the failure of the file */
export async function put(
  session: SftpSession,
  platform: SftpPlatform,
  source: UploadSource,
  remote: RemotePath,
  given: TransferOptions,
): Promise<TransferResult> {
  const options = resolveTransfer('put', given);
  const target = pathBytes(remote, 'remote path');
  const transfer = new Transfer(session, platform, options);
  if (source instanceof Uint8Array || isIterable(source)) {
    return transfer.run('put', given, async () => {
      transfer.progress.found(source instanceof Uint8Array ? source.length : 0);
      const place = { path: target, mode: undefined, isFresh: false };
      await transfer.attempt(String(remote), () => uploadFrom(transfer, source, place));
    });
  }
  if (typeof source !== 'string' || source === '') {
    throw optionsError('put sends a path, bytes or a stream; a path is a string that is not empty');
  }
  return transfer.run('put', given, () => fromPath(transfer, source, target));
}

async function fromPath(transfer: Transfer, source: string, target: Uint8Array): Promise<void> {
  const { local, options } = transfer;
  const isIntoFolder = target.at(-1) === slash;
  if (options.recursive) {
    const stat = await local.stat(source);
    if (stat?.kind === 'folder') {
      return putTree(transfer, source, isIntoFolder ? await folderIn(transfer, source, target) : target);
    }
  }
  const path = isIntoFolder ? joinPath(target, local.split(source).name) : target;
  transfer.progress.found(0);
  const place = { path, isFresh: false };
  await transfer.attempt(source, () =>
    upload(transfer, { local: source, path: source, place, isCounted: false }),
  );
}

/**
 * Where a folder goes whose target ends in `/`, which `cp -r` and `scp -r` decide alike: into
 * the target under its own name where that is there, and else it becomes the target. What is
 * named by `.` or `..` has no name of its own: its entries go over.
 */
async function folderIn(transfer: Transfer, source: string, target: Uint8Array): Promise<Uint8Array> {
  const { session, errand, local } = transfer;
  const { name } = local.split(source);
  if (!isPossibleName(name)) return target;
  const there = await statIfThere(session, target, 'stat', errand);
  return there === undefined ? target : joinPath(target, name);
}

function isIterable(value: unknown): value is AsyncIterable<string | Uint8Array> {
  return isObject(value) && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
