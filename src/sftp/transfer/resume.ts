/**
 * Going on with what an earlier transfer left.
 *
 * Owns: whether the part that is there is the beginning of the same file: its end is compared
 * on both sides.
 * Must not know: who is written to.
 */
import { equalBytes } from '../../base/bytes.ts';
import { FileReader } from '../data/reader.ts';
import type { OpenFile } from '../files/content/openFile.ts';
import type { Transfer } from './transfer.ts';

/** Bytes that are compared. */
const comparedLength = 64 * 1024;

/** A local file that can be read at a place. */
export interface Readable {
  read(into: Uint8Array, position: number): Promise<number>;
}

/**
 * How much of a part may stay.
 *
 * @param there bytes of the part
 * @param size bytes of the whole, where they are known
 * @returns `there`, or 0 where the part is of another file or longer than the whole
 */
export async function findCommonPart(
  transfer: Transfer,
  file: OpenFile,
  local: Readable,
  there: number,
  size: number | undefined,
): Promise<number> {
  if (there === 0 || size === undefined || there > size) return 0;
  const start = Math.max(0, there - comparedLength);
  const ours = new Uint8Array(there - start);
  if ((await local.read(ours, start)) !== ours.length) return 0;
  const theirs = await readSpan(transfer, file, start, there);
  return equalBytes(ours, theirs) ? there : 0;
}

/** Bytes of a file on the server from `start` to `end`; fewer where it is shorter. */
async function readSpan(transfer: Transfer, file: OpenFile, start: number, end: number): Promise<Uint8Array> {
  const { session, errand } = transfer;
  const { handle } = file;
  const reader = new FileReader({
    session,
    handle,
    operation: file.operation('read'),
    start,
    end,
    size: end,
    errand,
  });
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  try {
    for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
      for (const piece of answer.pieces) {
        bytes.set(piece, filled);
        filled += piece.length;
      }
    }
  } finally {
    reader.abandon();
  }
  return bytes.subarray(0, filled);
}
