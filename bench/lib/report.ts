/**
 * Tables on the terminal, results as JSON.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Where results go, in the directory the benchmark is run in; git ignores it. */
let resultsDirectory = join(process.cwd(), 'bench', 'results');

/** What a quick run brings, or one of a few rows, has a folder of its own: it is not to be published. */
export function keepResultsApart(folder: 'quick' | 'partial'): void {
  resultsDirectory = join(resultsDirectory, folder);
}

export function printTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd();
  console.log(`\n${title}\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of rows) console.log(line(row));
}

export function writeResults(part: string, results: unknown): void {
  mkdirSync(resultsDirectory, { recursive: true });
  const machine = {
    node: process.version,
    openssl: process.versions.openssl,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  };
  writeFileSync(
    join(resultsDirectory, `${part}.json`),
    `${JSON.stringify({ machine, results }, undefined, 1)}\n`,
  );
}
