/**
 * Tables of the documents.
 *
 * Owns: finding them and their cells.
 * Must not know: what they say.
 */

/** Cells of the first table below a heading, its head left out. */
export function tableBelow(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading ${heading}`);
  const first = lines.findIndex((line, index) => index > start && line.startsWith('|'));
  const rows = lines.slice(first + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** What is in code quotes in a cell. */
export const codesIn = (cell: string = ''): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
/** The number in a cell. */
export const numberIn = (cell: string = ''): number => Number(cell.replaceAll(',', ''));
