/**
 * The size of a terminal (RFC 4254 §6.2, §6.7).
 *
 * Owns: its form.
 * Must not know: which side the terminal is on.
 */

/** The size of a terminal, in characters and, where known, pixels. */
export interface WindowSize {
  /** Characters in a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
  /** 0 or undefined where it is not known. */
  readonly widthPixels?: number | undefined;
  /** 0 or undefined where it is not known. */
  readonly heightPixels?: number | undefined;
}
