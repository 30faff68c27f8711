/**
 * How far a connection is on the way to its end.
 *
 * Owns: the stages, and which of them follows another.
 * Must not know: what is done in a stage, links, protocols.
 *
 *   connecting ──up──> running ──close──> draining ──end──> leaving ──free──> over
 *   connecting ──end──> breaking ──free──> over
 *   connecting ──break──> breaking
 *   running ──end──> breaking
 *   running ──break──> breaking
 *   draining ──break──> breaking
 *   leaving ──break──> breaking
 *
 * A connection that was closed in order leaves: its goodbye and its FIN go out, and
 * the peer has time for its own. Every other end breaks the link at once.
 */

export type Stage =
  /** The link is not up yet. */
  | 'connecting'
  /** The protocol runs. */
  | 'running'
  /** The user has closed the connection: what was written goes out. */
  | 'draining'
  /** Goodbye was said: the peer is waited for. */
  | 'leaving'
  /** The link is torn down. */
  | 'breaking'
  /** Nothing is left of it. */
  | 'over';

export type StageEvent =
  /** The link is up. */
  | 'up'
  /** The user closes the connection. */
  | 'close'
  /** The connection ends, and its peer may be told. */
  | 'end'
  /** The connection ends without a word more: the user destroys it, or the peer takes nothing. */
  | 'break'
  /** Nothing is left of the link. */
  | 'free';

/** The stage after each event; an event that changes nothing leads back. */
export const stageAfter: Readonly<Record<Stage, Readonly<Record<StageEvent, Stage>>>> = {
  connecting: {
    up: 'running',
    close: 'connecting',
    end: 'breaking',
    break: 'breaking',
    free: 'connecting',
  },
  running: { up: 'running', close: 'draining', end: 'breaking', break: 'breaking', free: 'running' },
  draining: { up: 'draining', close: 'draining', end: 'leaving', break: 'breaking', free: 'draining' },
  leaving: { up: 'leaving', close: 'leaving', end: 'leaving', break: 'breaking', free: 'over' },
  breaking: { up: 'breaking', close: 'breaking', end: 'breaking', break: 'breaking', free: 'over' },
  over: { up: 'over', close: 'over', end: 'over', break: 'over', free: 'over' },
};
