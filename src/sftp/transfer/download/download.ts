/**
 * One file from the server to this machine.
 *
 * Owns: reading it, writing it while more comes, checking what came, its attributes.
 * Must not know: folders, other files.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { rejectionOf, thrownByUser } from '../../../endpoint/calls/userCode.ts';
import { FileReader } from '../../data/reader.ts';
import { statPath } from '../../files/attributeCalls.ts';
import { OpenFile } from '../../files/content/openFile.ts';
import { sizeOf } from '../../files/content/whole.ts';
import { isOfType } from '../../files/stats.ts';
import { type FileAttributes, fileTypes } from '../../packet/attributes.ts';
import { openFlags } from '../../packet/numbers.ts';
import { LocalFault, type LocalSink } from '../../seam/localFiles.ts';
import { transferError } from '../errors.ts';
import { findCommonPart } from '../resume.ts';
import type { Transfer } from '../transfer.ts';
import { verifySha256 } from '../verify.ts';
import { isZero } from '../zeros.ts';
import { type LocalPlace, LocalTarget } from './localTarget.ts';

export interface Download {
  readonly remote: Uint8Array;
  /** As it is told: the path on the server. */
  readonly path: string;
  /** Where they are known of the file itself, as from a listing. */
  readonly attributes: FileAttributes | undefined;
  readonly place: Omit<LocalPlace, 'mode'>;
}

/** Bytes that go to the local file in one call. */
const longestBatch = 1024 * 1024;

/** @throws SshError, LocalFault: whatever went wrong with this file; nothing of it is open then */
export async function download(transfer: Transfer, job: Download): Promise<void> {
  const { local } = transfer;
  const release = transfer.claim(`local ${local.text(job.place.path)}`, local.text(job.place.path));
  try {
    await fromServer(transfer, job, async (file, attributes) => {
      const mode = (attributes.permissions ?? 0o666) & 0o777;
      const target = await LocalTarget.open(transfer, { ...job.place, mode });
      try {
        await receive(transfer, job, file, attributes, target);
        // The server may have no other handle to read the file again by.
        if (transfer.options.verify === 'sha256') await file.close().catch(() => {});
        await finish(transfer, job, attributes, target);
        await target.commit();
      } catch (error) {
        await target.abandon(error);
        throw error;
      }
    });
  } finally {
    release();
  }
  transfer.fileDone(job.path);
}

/** Into a stream of the caller's. */
export async function downloadTo(
  transfer: Transfer,
  job: Pick<Download, 'remote' | 'path'>,
  sink: LocalSink,
): Promise<void> {
  try {
    await fromServer(transfer, { ...job, attributes: undefined }, async (file, attributes) => {
      const size = sizeOf(attributes.size);
      const reader = readerFor(transfer, file, 0, size);
      let position = 0;
      try {
        for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
          await transfer.limiter.take(answer.length);
          for (const piece of answer.pieces) await intoSink(transfer, job, () => sink.write(piece));
          position += answer.length;
          transfer.moved(job.path, answer.length);
        }
      } finally {
        reader.abandon();
      }
      await checkSize(transfer, file, job.path, position, size);
    });
    await intoSink(transfer, job, () => sink.finish());
  } catch (error) {
    const cause = rejectionOf(error);
    sink.abandon(cause instanceof Error ? cause : new Error(String(cause)));
    throw error;
  }
  transfer.fileDone(job.path);
}

/** A step of the caller's own stream, which may take its time: the transfer's end ends the waiting. */
function intoSink(
  transfer: Transfer,
  { path }: Pick<Download, 'path'>,
  step: () => Promise<void>,
): Promise<void> {
  const own = step().catch((error: unknown) => {
    if (error instanceof LocalFault) throw transferError(error.message, path, { cause: error });
    throw thrownByUser('the stream', error);
  });
  return transfer.session.callersOwn(own, transfer.errand);
}

/**
 * Opens the file for a step; what is no file is refused before it is opened, since a server waits in
 * an OPEN of a pipe for who writes into it, and does nothing else meanwhile.
 */
async function fromServer(
  transfer: Transfer,
  job: Pick<Download, 'remote' | 'path' | 'attributes'>,
  step: (file: OpenFile, attributes: FileAttributes) => Promise<void>,
): Promise<void> {
  const { session, errand } = transfer;
  const known = job.attributes ?? (await kindBefore(transfer, job));
  const file = await OpenFile.openInTurn(
    session,
    job.remote,
    openFlags.read,
    {},
    {
      errand,
      isOneOfMany: true,
    },
  );
  try {
    const attributes = known ?? (await file.attributes(errand));
    if (job.attributes === undefined) checkKind(transfer, job.path, attributes);
    if (job.attributes === undefined) transfer.progress.corrected(sizeOf(attributes.size) ?? 0);
    await step(file, attributes);
  } finally {
    file.closeQuietly();
  }
}

/** What is known of the file before it is opened; undefined where the server refuses to say. */
async function kindBefore(
  transfer: Transfer,
  { remote, path }: Pick<Download, 'remote' | 'path'>,
): Promise<FileAttributes | undefined> {
  try {
    const attributes = await statPath(transfer.session, remote, 'stat', transfer.errand);
    checkKind(transfer, path, attributes);
    return attributes;
  } catch (error) {
    // OPEN has its own say about the file.
    if (error instanceof SshError && error.status !== undefined) return undefined;
    throw error;
  }
}

/** @throws SshError `ERR_SSH_TRANSFER` for what is no file */
function checkKind({ options }: Transfer, path: string, attributes: FileAttributes): void {
  const shown = `"${escapeText(path)}"`;
  if (isOfType(attributes, fileTypes.folder)) {
    const hint = 'folders are transferred with { recursive: true }';
    throw transferError(`${shown} is a folder on the server; ${hint}`, path, { origin: 'user' });
  }
  const { permissions } = attributes;
  // A server may leave out the type.
  const type = permissions === undefined ? 0 : permissions & fileTypes.mask;
  if (type === 0 || type === fileTypes.file || options.specialFiles) return;
  const hint = 'it is read with { specialFiles: true }, and a pipe that nobody writes into hangs the server';
  throw transferError(`${shown} is a pipe, a device or a socket on the server; ${hint}`, path, {
    origin: 'user',
  });
}

function readerFor(transfer: Transfer, file: OpenFile, start: number, size: number | undefined): FileReader {
  const { session, errand, budget, longest } = transfer;
  const { handle } = file;
  const operation = file.operation('read');
  return new FileReader({
    session,
    handle,
    operation,
    start,
    end: Number.POSITIVE_INFINITY,
    size,
    errand,
    longest,
    budget,
  });
}

/** Reads and writes at the same time: while a batch goes to the disk the next one comes. */
async function receive(
  transfer: Transfer,
  job: Download,
  file: OpenFile,
  attributes: FileAttributes,
  target: LocalTarget,
): Promise<void> {
  const size = sizeOf(attributes.size);
  const start = await findCommonPart(transfer, file, target.writer, target.there, size);
  if (start < target.there) await target.cutTo(start);
  if (start > 0) transfer.progress.corrected(-start);
  const reader = readerFor(transfer, file, start, size);
  let position = start;
  let writing: Promise<void> = Promise.resolve();
  try {
    for (;;) {
      const first = await reader.next();
      if (first === undefined) break;
      const pieces = [...first.pieces];
      let length = first.length;
      while (length < Math.min(longestBatch, transfer.longest)) {
        const more = reader.takeReady();
        if (more === undefined) break;
        pieces.push(...more.pieces);
        length += more.length;
      }
      await transfer.limiter.take(length);
      await writing;
      target.wroteUpTo(position);
      writing = store(transfer, target, pieces, position);
      // Its failure is heard of before the next batch.
      writing.catch(() => {});
      position += length;
      transfer.moved(job.path, length);
    }
    await writing;
    target.wroteUpTo(position);
  } finally {
    reader.abandon();
    await writing.catch(() => {});
  }
  await checkSize(transfer, file, job.path, position, size);
  // What is behind it in a file that was there, and a hole at the end.
  if (target.mayBeLonger || transfer.options.sparse) await target.writer.truncate(position);
}

/** Writes a batch; with `sparse` its blocks of zeros become holes. */
async function store(
  transfer: Transfer,
  target: LocalTarget,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  if (transfer.options.sparse) await storeSparsely(target, pieces, position);
  else await target.writer.write(pieces, position);
  transfer.local.giveBack(pieces);
}

async function storeSparsely(
  target: LocalTarget,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position;
  for (const piece of pieces) {
    if (!isZero(piece)) await target.writer.write([piece], at);
    at += piece.length;
  }
}

/** What came is as much as the file has: now, where it has changed since it was opened. */
async function checkSize(
  transfer: Transfer,
  file: OpenFile,
  path: string,
  received: number,
  expected: number | undefined,
): Promise<void> {
  if (received === expected || expected === undefined || expected === 0) return;
  const now = sizeOf((await file.attributes(transfer.errand)).size);
  if (now !== undefined && received <= now && received > expected) {
    transfer.counts.warn(path, 'it grew while it was read');
    return;
  }
  if (now === received) {
    transfer.counts.warn(path, 'it changed its size while it was read');
    return;
  }
  throw transferError(
    `"${escapeText(path)}": ${received} bytes arrived of a file that has ${now ?? expected}`,
    path,
    { origin: 'peer' },
  );
}

async function finish(
  transfer: Transfer,
  job: Download,
  attributes: FileAttributes,
  target: LocalTarget,
): Promise<void> {
  const { options } = transfer;
  if (options.verify === 'sha256') {
    await verifySha256(transfer, job.remote, job.path, await target.sha256());
  }
  const { preserve } = options;
  if (preserve === undefined) return;
  const { permissions, uid, gid, atime, mtime } = attributes;
  if (preserve.owner && uid !== undefined && gid !== undefined) await target.writer.chown(uid, gid);
  if (preserve.mode && permissions !== undefined) {
    await target.writer.chmod(permissions & (preserve.setuid ? 0o7777 : 0o777));
  }
  if (preserve.times && atime !== undefined && mtime !== undefined) {
    await target.writer.utimes(atime * 1000, mtime * 1000);
  }
}
