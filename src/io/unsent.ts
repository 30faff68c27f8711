/**
 * What a connection that is to close has still to send.
 *
 * Owns: the sum of it over all layers, and the error where it was not sent in time.
 * Must not know: when a connection closes.
 */
import type { SshError } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import type { ProtocolCore } from '../protocol/core.ts';
import type { Link } from './link.ts';

type AnyCore = ProtocolCore<{ readonly type: string }>;

/** Bytes that users wrote, and of messages, that the platform has not taken. */
export function unsentBytes(core: AnyCore | undefined, link: Link | undefined): number {
  const below = link?.unsentBytes() ?? 0;
  if (core === undefined) return below;
  const { connection, transport } = core;
  return connection.pendingBytes + transport.output.heldBytes + transport.pendingOutput + below;
}

/** The `close` deadline passed; data is lost with this. */
export function unsentError(core: AnyCore, wait: Wait, unsent: number): SshError {
  const detail = `the peer to take what was written; ${unsent} bytes were not sent`;
  const error = core.timeoutError({ ...wait, detail });
  error.phase = 'close';
  return error;
}
