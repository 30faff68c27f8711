/**
 * Figures for people.
 *
 * Owns: how times and tables of figures are written.
 * Must not know: what is measured.
 */

/** Milliseconds for people, always with three digits or so. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}

/** A tenth of a millisecond is as much as means something. */
export function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

/**
 * Lines of columns with two blanks between them.
 *
 * @param isText whether a column stands to the left; figures stand to the right; by default the first and the last do
 */
export function aligned(
  rows: readonly (readonly string[])[],
  isText: (column: number, columns: number) => boolean = isFirstOrLast,
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) =>
      cells.map((cell, column) =>
        isText(column, cells.length) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      ),
    )
    .map((cells) => `${cells.join('  ').trimEnd()}\n`)
    .join('');
}

function isFirstOrLast(column: number, columns: number): boolean {
  return column === 0 || column === columns - 1;
}
