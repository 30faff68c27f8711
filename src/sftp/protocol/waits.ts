/**
 * The seam between SFTP's machines and the table of waits.
 *
 * Owns: what they ask of it.
 * Must not know: clocks, connections.
 */
import type { Wait } from '../../base/waits.ts';

/** Waits named `request`, each with the deadline of that name. */
export interface RequestWaits {
  /** Opens a wait. `detail` names no file: reports show it. */
  start(detail: string, onExpire: () => void): Wait;
  /** Closes it; closing one twice does nothing. */
  finish(wait: Wait): void;
}
