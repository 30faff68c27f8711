/**
 * Whole files at once.
 *
 * Owns: reading all of a file into memory within a bound, writing all of it, and copying
 * one on the server.
 * Must not know: the public API's options.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import { FileReader } from '../../data/reader.ts';
import { FileWriter } from '../../data/writer.ts';
import { copyData } from '../../packet/extensions.ts';
import { openFlags } from '../../packet/numbers.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import type { RemotePath } from '../paths.ts';
import { OpenFile } from './openFile.ts';
import { contentPieces, type FileContent } from './pieces.ts';

/** Most bytes that one array of this platform holds. */
const longestFile = 2 ** 31 - 1;

/** Reads from `start` on, all that there is. */
export async function readToEnd(file: OpenFile, start: number, errand?: Errand): Promise<Uint8Array> {
  const size = sizeOf((await file.attributes(errand)).size);
  const reader = readerOf(file, start, Number.POSITIVE_INFINITY, size, errand);
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
      length += answer.length;
      if (length > longestFile) throw tooLong(file);
      pieces.push(...answer.pieces);
    }
  } finally {
    reader.abandon();
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A reader of an open file. */
export function readerOf(
  file: OpenFile,
  start: number,
  end: number,
  size: number | undefined,
  errand?: Errand,
): FileReader {
  const { session, handle } = file;
  return new FileReader({ session, handle, operation: file.operation('read'), start, end, size, errand });
}

/** A writer of an open file. */
export function writerOf(file: OpenFile, start: number, errand?: Errand): FileWriter {
  const { session, handle } = file;
  return new FileWriter({ session, handle, operation: file.operation('write'), start, errand });
}

/** Writes from `start` on, and resolves once the server has confirmed all. Returns the number of bytes. */
export async function writeAll(
  file: OpenFile,
  start: number,
  content: FileContent,
  errand?: Errand,
): Promise<number> {
  const writer = writerOf(file, start, errand);
  for await (const piece of contentPieces(content, file.session, errand)) await writer.write(piece);
  await writer.flush();
  return writer.position - start;
}

/** Copies on the server, where it can (copy-data), or through this machine. */
export async function copyWhole(
  session: SftpSession,
  from: RemotePath,
  to: RemotePath,
  exclusive: boolean,
  errand?: Errand,
): Promise<void> {
  const { source, target, size } = await openBoth({ session, from, to, exclusive, errand });
  try {
    try {
      await copyBetween(source, target, size, errand);
    } catch (error) {
      target.closeQuietly();
      throw error;
    }
    await target.close();
  } finally {
    source.closeQuietly();
  }
}

interface Pair {
  readonly source: OpenFile;
  readonly target: OpenFile;
  readonly size: number | undefined;
}

/** What two files are opened for. */
interface PairOptions {
  readonly session: SftpSession;
  readonly from: RemotePath;
  readonly to: RemotePath;
  readonly exclusive: boolean;
  readonly errand: Errand | undefined;
}

/** Opens both. Where there is no handle left for the second the first is given back, and a turn waited for. */
async function openBoth(options: PairOptions): Promise<Pair> {
  const { session, errand } = options;
  const pair = await openPair(options, false);
  // One that waits for its turn has both, or throws.
  return pair ?? ((await session.turns.inPair(() => openPair(options, true), errand)) as Pair);
}

async function openPair(options: PairOptions, waits: boolean): Promise<Pair | undefined> {
  const { session, from, to, exclusive, errand } = options;
  const source = await OpenFile.openInTurn(session, from, openFlags.read, {}, { errand });
  try {
    const { permissions, size } = await source.attributes(errand);
    const attrs = permissions === undefined ? {} : { permissions: permissions & 0o777 };
    // Not emptied before it is known that the two are not one file.
    const flags = openFlags.write | openFlags.create | (exclusive ? openFlags.exclusive : 0);
    const target = waits
      ? await OpenFile.openInTurn(session, to, flags, attrs, { errand, own: 1 })
      : await OpenFile.openUnlessFull(session, to, flags, attrs, errand);
    if (target !== undefined) return { source, target, size: sizeOf(size) };
  } catch (error) {
    source.closeQuietly();
    throw error;
  }
  await source.close().catch(() => {});
  return undefined;
}

async function copyBetween(
  source: OpenFile,
  target: OpenFile,
  size: number | undefined,
  errand: Errand | undefined,
): Promise<void> {
  const { session } = source;
  if (session.capabilities.has('copy-data')) {
    const payload = copyData.toBytes({
      readFromHandle: source.handle,
      readFromOffset: 0n,
      readDataLength: 0n,
      writeToHandle: target.handle,
      writeToOffset: 0n,
    });
    await session.extendedOk('copy-data', payload, target.operation('copy'), errand);
    const copied = await source.attributes(errand);
    if (copied.size !== undefined) await target.setAttributes({ size: copied.size }, 'truncate', errand);
    return;
  }
  const reader = readerOf(source, 0, Number.POSITIVE_INFINITY, size, errand);
  const writer = writerOf(target, 0, errand);
  try {
    for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
      for (const piece of answer.pieces) await writer.write(piece);
    }
  } finally {
    reader.abandon();
  }
  await writer.flush();
  await target.setAttributes({ size: BigInt(writer.position) }, 'truncate', errand);
}

/** A size as a number; undefined where it is not told, or cannot be one that a file has. */
export function sizeOf(size: bigint | undefined): number | undefined {
  return size === undefined || size > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(size);
}

function tooLong(file: OpenFile): SshError {
  const path = escapeText(file.path);
  return new SshError(
    'ERR_SSH_LIMIT',
    `"${path}" has more than ${longestFile} bytes, which is too much for one array; read it as a stream or with get`,
    { origin: 'local', path },
  );
}
