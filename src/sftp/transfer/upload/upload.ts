/**
 * One file from this machine to the server.
 *
 * Owns: reading it, sending it, checking that all of it arrived and that it did not change
 * meanwhile, its attributes.
 * Must not know: folders, other files.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { FileWriter, type WriteBlock } from '../../data/writer.ts';
import { clampedSeconds } from '../../files/attributeCalls.ts';
import { contentPieces, type FileContent } from '../../files/content/pieces.ts';
import { sizeOf } from '../../files/content/whole.ts';
import { pathText } from '../../files/paths.ts';
import type { FileAttributes } from '../../packet/attributes.ts';
import type { LocalPath, LocalReader, LocalStat } from '../../seam/localFiles.ts';
import { transferError } from '../errors.ts';
import { findCommonPart } from '../resume.ts';
import type { Transfer } from '../transfer.ts';
import { verifySha256 } from '../verify.ts';
import { isZero } from '../zeros.ts';
import { type RemotePlace, RemoteTarget, RenameRefused } from './remoteTarget.ts';

export interface Upload {
  readonly local: LocalPath;
  /** As it is told: the path on this machine. */
  readonly path: string;
  readonly place: Omit<RemotePlace, 'mode'>;
  /** Its bytes are counted in the progress already. */
  readonly isCounted: boolean;
}

/** A server may have written the last WRITEs in another order: as much is sent again. */
const resumeMargin = (transfer: Transfer): number => transfer.session.link.limits.sftpBytesInFlight;

/** @throws SshError, LocalFault: whatever went wrong with this file; nothing of it is open then */
export async function upload(transfer: Transfer, job: Upload): Promise<void> {
  const release = claimTarget(transfer, job.place.path);
  try {
    await fromFile(transfer, job);
  } finally {
    release();
  }
  transfer.fileDone(job.path);
}

async function fromFile(transfer: Transfer, job: Upload): Promise<void> {
  const reader = await transfer.local.openReader(job.local);
  try {
    const stat = await reader.stat();
    checkIsFile(stat, job.path);
    if (!job.isCounted) transfer.progress.corrected(stat.size);
    const place = { ...job.place, mode: stat.mode & 0o777 };
    await toServer(transfer, place, (target) => send(transfer, job, reader, stat, target));
  } finally {
    await reader.close().catch(() => {});
  }
}

function claimTarget(transfer: Transfer, target: Uint8Array): () => void {
  const text = pathText(target);
  return transfer.claim(`remote ${withoutDots(text)}`, text);
}

/** The same path in fewer characters, as far as that can be told without its folders. */
function withoutDots(path: string): string {
  return path
    .split('/')
    .filter((name, index) => name !== '.' && (name !== '' || index === 0))
    .join('/');
}

/** From bytes or a stream of the caller's. */
export async function uploadFrom(
  transfer: Transfer,
  content: FileContent,
  place: RemotePlace,
): Promise<void> {
  const path = pathText(place.path);
  const release = claimTarget(transfer, place.path);
  let isBegun = false;
  try {
    await toServer(transfer, place, async (target) => {
      if (isBegun && typeof content !== 'string' && !(content instanceof Uint8Array)) {
        const hint = 'a stream cannot be sent again; use { atomic: false }';
        throw transferError(`the server renames nothing, and ${hint}`, path);
      }
      isBegun = true;
      await sendContent(transfer, content, target, path);
    });
  } finally {
    release();
  }
  transfer.fileDone(path);
}

async function sendContent(
  transfer: Transfer,
  content: FileContent,
  target: RemoteTarget,
  path: string,
): Promise<void> {
  const writer = writerFor(transfer, target, 0);
  try {
    for await (const bytes of contentPieces(content, transfer.session, transfer.errand)) {
      // A caller's chunk may be of any length: it goes at the rate that is asked for, and not as one.
      for (let at = 0; at < bytes.length; at += transfer.longest) {
        const piece = bytes.subarray(at, at + transfer.longest);
        transfer.check();
        await transfer.limiter.take(piece.length);
        await writer.write(piece);
        transfer.moved(path, piece.length);
      }
    }
    await writer.flush();
    await settle(transfer, target, path, writer.position, {});
  } catch (error) {
    await target.abandon(error, writer.confirmed);
    throw error;
  }
}

/** Opens the target for a step that fills it, and makes it the file; in place where a server does not rename. */
async function toServer(
  transfer: Transfer,
  place: RemotePlace,
  fill: (target: RemoteTarget) => Promise<void>,
): Promise<void> {
  for (;;) {
    const target = await RemoteTarget.open(transfer, place);
    await fill(target);
    try {
      return await target.commit();
    } catch (error) {
      if (!(error instanceof RenameRefused)) {
        await target.abandon(error, 0);
        throw error;
      }
      transfer.session.capabilities.refusesRename = true;
    }
  }
}

function checkIsFile(stat: LocalStat, path: string): void {
  if (stat.kind === 'file') return;
  const shown = `"${escapeText(path)}"`;
  if (stat.kind === 'folder') {
    const hint = 'folders are transferred with { recursive: true }';
    throw transferError(`${shown} is a folder; ${hint}`, path, { origin: 'user' });
  }
  throw transferError(`${shown} is a device, a pipe or a socket; a stream of it can be transferred`, path, {
    origin: 'user',
  });
}

function writerFor(transfer: Transfer, target: RemoteTarget, start: number): FileWriter {
  const { session, errand, budget, longest } = transfer;
  const { handle } = target.file;
  return new FileWriter({
    session,
    handle,
    operation: target.file.operation('write'),
    start,
    errand,
    longest,
    budget,
  });
}

async function send(
  transfer: Transfer,
  job: Upload,
  reader: LocalReader,
  stat: LocalStat,
  target: RemoteTarget,
): Promise<void> {
  const start = await startOf(transfer, reader, stat, target);
  if (start > 0) transfer.progress.corrected(-start);
  const writer = writerFor(transfer, target, start);
  try {
    await sendFrom(transfer, job, reader, stat, writer);
    await writer.flush();
    const isOneState = stat.size < blocksAtOnce * writer.longest && start === 0;
    await checkUnchanged(reader, stat, writer.position, job.path, isOneState);
    await settle(
      transfer,
      target,
      job.path,
      writer.position,
      attributesToKeep(transfer, stat, target, job.path),
    );
    if (transfer.options.verify === 'sha256') {
      // The server may have no other handle to read the file again by, and may tell of a failed WRITE only now.
      await target.file.close();
      const expected = await transfer.local.sha256(job.local);
      await verifySha256(transfer, target.path, job.path, expected, target.final);
    }
  } catch (error) {
    await target.abandon(error, writer.confirmed);
    throw error;
  }
}

/** Where to go on: behind what an earlier transfer left, with some of it sent again. */
async function startOf(
  transfer: Transfer,
  reader: LocalReader,
  stat: LocalStat,
  target: RemoteTarget,
): Promise<number> {
  const sure = Math.max(0, Math.min(target.there, stat.size) - resumeMargin(transfer));
  // A part that is complete has nothing behind it that could be out of order.
  const there = target.there === stat.size ? target.there : sure;
  const start = await findCommonPart(transfer, target.file, reader, there, stat.size);
  if (start === 0 && target.there > 0) await empty(transfer, target);
  return start;
}

/** What is of another file goes first: cut off, the part would be of both. */
async function empty({ errand }: Transfer, { file }: RemoteTarget): Promise<void> {
  try {
    await file.setAttributes({ size: 0n }, 'truncate', errand);
  } catch (error) {
    // A server that refuses has it cut to its length when all is there.
    if (!(error instanceof SshError) || error.status === undefined) throw error;
  }
}

/** Blocks that are read in one call of the system. */
const blocksAtOnce = 4;

/** What was read and is not sent yet. */
interface ReadBatch {
  readonly blocks: readonly WriteBlock[];
  /** Bytes in all of them together. */
  readonly length: number;
  /** The file has ended behind them. */
  readonly isLast: boolean;
}

/** Reads and sends at the same time: the next blocks are read while the last ones go out. */
async function sendFrom(
  transfer: Transfer,
  job: Upload,
  reader: LocalReader,
  stat: LocalStat,
  writer: FileWriter,
): Promise<void> {
  let position = writer.position;
  let reading = readBatch(reader, stat, writer, position);
  try {
    for (;;) {
      const batch = await reading;
      position += batch.length;
      if (!batch.isLast) {
        reading = readBatch(reader, stat, writer, position);
        // Its failure is heard of when its turn comes.
        reading.catch(() => {});
      }
      await sendBatch(transfer, job, writer, batch);
      if (batch.isLast) return;
    }
  } finally {
    await reading.catch(() => {});
  }
}

async function readBatch(
  reader: LocalReader,
  stat: LocalStat,
  writer: FileWriter,
  position: number,
): Promise<ReadBatch> {
  const blocks: WriteBlock[] = [];
  let wanted = 0;
  // One byte more than is expected: a file that grew has it.
  const expected = Math.max(0, stat.size - position) + 1;
  while (wanted < expected && blocks.length < blocksAtOnce) {
    const block = writer.takeBlock(Math.min(writer.longest, expected - wanted));
    blocks.push(block);
    wanted += block.data.length;
  }
  const length = await reader.readInto(
    blocks.map(({ data }) => data),
    position,
  );
  return { blocks, length, isLast: length < wanted };
}

async function sendBatch(
  transfer: Transfer,
  job: Upload,
  writer: FileWriter,
  { blocks, length: all }: ReadBatch,
): Promise<void> {
  const { options, limiter } = transfer;
  let left = all;
  for (const block of blocks) {
    const length = Math.min(left, block.data.length);
    left -= length;
    if (length === 0) {
      writer.giveBack(block);
      continue;
    }
    await limiter.take(length);
    transfer.check();
    if (options.sparse && isZero(block.data.subarray(0, length))) {
      writer.skip(length);
      writer.giveBack(block);
    } else writer.send(block, length);
    transfer.moved(job.path, length);
    await writer.room();
  }
}

/**
 * What was sent is one state of the file, and not a mixture of two.
 *
 * @param isOneState it was read in one call of the system, so that its length alone can tell
 */
async function checkUnchanged(
  reader: LocalReader,
  before: LocalStat,
  sent: number,
  path: string,
  isOneState: boolean,
): Promise<void> {
  const now = isOneState ? before : await reader.stat();
  if (sent === before.size && now.size === before.size && now.mtimeMs === before.mtimeMs) return;
  throw transferError(`"${escapeText(path)}" changed while it was sent`, path);
}

/** Checks the size and sets the attributes: while the file is open, and before it is anybody's. */
async function settle(
  transfer: Transfer,
  target: RemoteTarget,
  path: string,
  length: number,
  keep: FileAttributes,
): Promise<void> {
  const keeping = setKept(transfer, target, path, keep);
  // Heard of below, whichever of the two fails first.
  keeping.catch(() => {});
  const size = await settledSize(transfer, target, length);
  await keeping;
  if (size === undefined || size === length) return;
  throw transferError(`"${escapeText(path)}": ${size} bytes are there of ${length} that were sent`, path, {
    origin: 'peer',
  });
}

/** The size on the server, once what is not of this transfer is cut off and a hole at the end is made. */
async function settledSize(
  { errand, options }: Transfer,
  { file, there }: RemoteTarget,
  length: number,
): Promise<number | undefined> {
  const size = sizeOf((await file.attributes(errand)).size);
  const mayDiffer = there > 0 || options.sparse;
  if (size === length || size === undefined || !mayDiffer) return size;
  await file.setAttributes({ size: BigInt(length) }, 'truncate', errand);
  return sizeOf((await file.attributes(errand)).size);
}

function attributesToKeep(
  transfer: Transfer,
  stat: LocalStat,
  target: RemoteTarget,
  path: string,
): FileAttributes {
  const { preserve } = transfer.options;
  const { replaced } = target;
  if (preserve === undefined) {
    // A file that is replaced keeps its permissions, whatever mask the server has.
    return replaced?.permissions === undefined ? {} : { permissions: replaced.permissions & 0o777 };
  }
  const atime = clampedSeconds(stat.atimeMs);
  const mtime = clampedSeconds(stat.mtimeMs);
  if (preserve.times && mtime.clamped) {
    transfer.counts.warn(path, 'its time lies outside of 1970 to 2106, which is all SFTP has');
  }
  return {
    ...(preserve.mode ? { permissions: stat.mode & (preserve.setuid ? 0o7777 : 0o777) } : {}),
    ...(preserve.times ? { atime: atime.seconds, mtime: mtime.seconds } : {}),
    ...(preserve.owner ? { uid: stat.uid, gid: stat.gid } : {}),
  };
}

/** A server that refuses is an error only where keeping them was asked for. */
async function setKept(
  transfer: Transfer,
  target: RemoteTarget,
  path: string,
  keep: FileAttributes,
): Promise<void> {
  const { options, errand, counts } = transfer;
  if (Object.keys(keep).length === 0) return;
  try {
    await target.file.setAttributes(keep, 'setstat', errand);
  } catch (error) {
    const isRefused = error instanceof SshError && error.status !== undefined;
    if (!isRefused || options.preserve !== undefined) throw error;
    counts.warn(path, 'the server does not let its permissions be set');
  }
}
