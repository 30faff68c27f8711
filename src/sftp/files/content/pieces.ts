/**
 * What a file is written from, piece by piece.
 *
 * Owns: reading a caller's iterable until it ends, or the call or the session does.
 * Must not know: how pieces are written.
 */
import { isObject, optionsError } from '../../../base/optionChecks.ts';
import { openPieces } from '../../../endpoint/calls/callersPieces.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';

/** What a file may be written from. */
export type FileContent =
  | string
  | Uint8Array
  | ArrayBufferView
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>;

/** @throws SshError `ERR_SSH_OPTIONS` for what no file can be written from: before the file is opened, which may empty it */
export function checkContent(content: unknown): void {
  if (typeof content === 'string' || ArrayBuffer.isView(content)) return;
  if (isObject(content) && (Symbol.asyncIterator in content || Symbol.iterator in content)) return;
  throw noContent();
}

/**
 * The bytes of all pieces.
 *
 * @throws SshError that stands for what the caller's code threw; `ERR_SSH_OPTIONS` for a piece of another kind; what ended
 *   the call or the session
 */
export async function* contentPieces(
  content: FileContent,
  session: SftpSession,
  errand: Errand | undefined,
): AsyncGenerator<Uint8Array, undefined> {
  if (typeof content === 'string' || ArrayBuffer.isView(content)) {
    yield contentBytes(content);
    return;
  }
  const pieces = await openPieces('the content', content);
  try {
    for (;;) {
      const { done, value } = await session.callersOwn(pieces.next(), errand);
      if (done) return;
      yield contentBytes(value);
    }
  } finally {
    pieces.stop();
  }
}

/** @throws SshError `ERR_SSH_OPTIONS` for what no file can be written from */
export function contentBytes(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return new TextEncoder().encode(piece);
  if (piece instanceof Uint8Array) return piece;
  if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece);
  throw noContent();
}

function noContent(): Error {
  return optionsError('a file is written from a string, bytes, or an iterable of these');
}
