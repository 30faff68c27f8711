/**
 * The size of a terminal (RFC 4254 §6.2, §6.7).
 *
 * Owns: its form.
 * Must not know: which side the terminal is on.
 */

/** The size of a terminal, in characters and, where known, pixels. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels?: number | undefined;
  readonly heightPixels?: number | undefined;
}
