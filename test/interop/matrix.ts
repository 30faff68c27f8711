/**
 * The matrix server × feature.
 *
 * Owns: what a test says about its cell, the table printed after a run and
 * kept in docs/interop.md.
 * Must not know: servers, features.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestModule } from 'vitest/node';

/** What a test found out about one feature of one server. */
export interface Cell {
  readonly server: string;
  readonly column: string;
  /** Short: `yes`, a count, `–`. */
  readonly text: string;
  /** Why it is not a plain yes, as the wire shows it. */
  readonly note?: string | undefined;
}

/** What a test found out about a server as a whole. */
export interface ServerFacts {
  readonly server: string;
  readonly package: string;
  readonly identification: string;
  /** Strict key exchange and such. */
  readonly marks: string;
  /** Names that both sides have, by kind. */
  readonly common: Readonly<Record<string, readonly string[]>>;
  /** Names that the server alone has, by kind. */
  readonly foreign: Readonly<Record<string, readonly string[]>>;
}

declare module 'vitest' {
  interface TaskMeta {
    cell?: Cell;
    /** Of the second table, which is about files. */
    fileCell?: Cell;
    facts?: ServerFacts;
  }
}

const target = fileURLToPath(new URL('../../docs/interop.md', import.meta.url));

export const matrixReporter: Reporter = {
  onTestRunEnd(modules): void {
    const { cells, facts, fileCells } = collect(modules);
    const parts = partsOf(readFileSync(target, 'utf8'));
    // Each part is kept where a run had nothing of it.
    if (facts.length > 0) parts.servers = document(cells, facts);
    if (fileCells.length > 0) parts.files = filesDocument(fileCells);
    if (facts.length === 0 && fileCells.length === 0) return;
    const text = `${parts.servers.trimEnd()}\n\n${parts.files.trimEnd()}\n`;
    process.stdout.write(`\n${text}\n`);
    if (process.env['DEADLINE_SSH_LAB_WRITE'] === '1') writeFileSync(target, text);
  },
};

const filesHeading = '## Files';

/** The two parts of the document. */
function partsOf(text: string): { servers: string; files: string } {
  const at = text.indexOf(`\n${filesHeading}\n`);
  return at < 0 ? { servers: text, files: '' } : { servers: text.slice(0, at), files: text.slice(at + 1) };
}

interface Collected {
  readonly cells: Cell[];
  readonly facts: ServerFacts[];
  readonly fileCells: Cell[];
}

function collect(modules: readonly TestModule[]): Collected {
  const cells: Cell[] = [];
  const fileCells: Cell[] = [];
  const facts: ServerFacts[] = [];
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { cell, fileCell, facts: found } = test.meta();
      const failed = test.result().state === 'failed';
      if (cell !== undefined) cells.push(failed ? { ...cell, text: 'FAILS' } : cell);
      if (fileCell !== undefined) fileCells.push(failed ? { ...fileCell, text: 'FAILS' } : fileCell);
      if (found !== undefined) facts.push(found);
    }
  }
  return { cells, fileCells, facts: facts.sort((a, b) => a.server.localeCompare(b.server)) };
}

function document(cells: readonly Cell[], facts: readonly ServerFacts[]): string {
  const servers = facts.map(({ server }) => server);
  const columns = [...new Set(cells.map(({ column }) => column))];
  const notes: string[] = [];
  const show = (column: string, server: string): string => {
    const cell = cells.find((candidate) => candidate.column === column && candidate.server === server);
    if (cell?.note === undefined) return cell?.text ?? '';
    const note = `${server}: ${lasting(cell.note)}`;
    let number = notes.indexOf(note);
    if (number < 0) number = notes.push(note) - 1;
    return `${cell.text} [${number + 1}]`;
  };
  const rows = columns.map((column) => [column, ...servers.map((server) => show(column, server))]);
  return `${[
    '# What works with which server',
    'Written by `npm run lab -- --full --write`, which starts every server below on a port of its own and tries each feature on it. A number is how many algorithms (or types of key) both sides have; each was tried once. `–` is what a server does not have, with what the wire shows.',
    table(['feature', ...servers], rows),
    '## Servers',
    table(
      ['server', 'package', 'identification', 'key exchange'],
      facts.map(({ server, package: version, identification, marks }) => [
        server,
        version,
        `\`${identification}\``,
        marks,
      ]),
    ),
    '## Notes',
    notes.map((note, index) => `${index + 1}. ${note}`).join('\n'),
    '## Algorithms both sides have',
    ...facts.map((fact) => `### ${fact.server}\n\n${algorithms(fact)}`),
  ].join('\n\n')}\n`;
}

/** Without the keys, ports and folders of this run alone. */
function lasting(note: string): string {
  return note
    .replaceAll(/ SHA256:[A-Za-z0-9+/]{43}/g, '')
    .replaceAll(/127\.0\.0\.1:\d{4,5}: /g, '')
    .replaceAll(/(?:\/[\w.-]+)+\/sockets-\w+\//g, '/');
}

function filesDocument(cells: readonly Cell[]): string {
  const servers = [...new Set(cells.map(({ server }) => server))];
  const rows = [...new Set(cells.map(({ column }) => column))].map((calls) => [
    calls,
    ...servers.map((server) => {
      const found = cells.find((cell) => cell.server === server && cell.column === calls);
      return found?.text ?? '';
    }),
  ]);
  const notes = new Map<string, string[]>();
  for (const { server, column, note } of cells) {
    if (note !== undefined) notes.set(note, [...(notes.get(note) ?? []), `${server} (${column})`]);
  }
  return [
    filesHeading,
    'Written by `npm run lab -- --write files`, which makes each call on each server. `–` is what a server does not have, or does otherwise; the list below says which. `sftp-server` is OpenSSH’s program behind its sshd; dropbear and TinySSH run the same program. `chroot` is `internal-sftp` with `ChrootDirectory`. asyncssh, paramiko and ssh2 serve files of the machine by a small program of ours around each library. The last three are this library: a folder, the store in memory of `examples/`, and the command behind sshd.',
    table(['calls', ...servers], rows),
    [...notes].map(([note, where]) => `- ${note}: ${where.join('; ')}`).join('\n'),
  ].join('\n\n');
}

function algorithms({ common, foreign }: ServerFacts): string {
  return Object.entries(common)
    .map(([kind, names]) => {
      const rest = foreign[kind] ?? [];
      const theirs = rest.length === 0 ? '' : ` (the server alone: ${rest.join(', ')})`;
      return `- ${kind}: ${names.length === 0 ? 'none' : names.join(', ')}${theirs}`;
    })
    .join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (fields: readonly string[]): string =>
    `| ${fields.map((field) => field.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
