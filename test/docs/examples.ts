/**
 * The examples of documents and docstrings.
 *
 * Owns: finding them, and what the compiler says about them.
 * Must not know: what they show.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Example {
  /** The file it is in, from the project's root. */
  readonly path: string;
  /** Line of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** The blocks of a text that are fenced as `ts`, those within comments included. */
export function examplesIn(path: string, text: string): Example[] {
  const examples: Example[] = [];
  let open: { readonly line: number; readonly prefix: string; readonly code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(?<prefix>\s*(?:\* )?\s*)```(?<language>\w*)\s*$/.exec(line)?.groups;
    if (open === undefined) {
      if (fence?.['language'] === 'ts') open = { line: index + 2, prefix: fence['prefix'] ?? '', code: [] };
    } else if (fence?.['language'] === '') {
      examples.push({ path, line: open.line, code: open.code.join('\n') });
      open = undefined;
    } else {
      open.code.push(withoutPrefix(line, open.prefix));
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: an example that does not end`);
  return examples;
}

/**
 * What the compiler says of the examples, each as a module of its own that
 * imports the package by its name. Empty if all is well. Lines are those of the
 * files the examples are in.
 */
export function typeErrorsOf(root: string, examples: readonly Example[]): string {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp/examples-'));
  try {
    for (const { path, line, code } of examples) {
      const name = `${path.replaceAll('/', '__')}__${line}.ts`;
      writeFileSync(join(folder, name), `${'\n'.repeat(line - 1)}${code}\nexport {};\n`);
    }
    const compilerOptions = {
      noUnusedLocals: false,
      noUnusedParameters: false,
      isolatedDeclarations: false,
      declaration: false,
    };
    const configuration = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout, stderr, status } = spawnSync(process.execPath, [compiler, '-p', folder], {
      cwd: root,
      encoding: 'utf8',
    });
    if (status !== 0 && stdout === '') throw new Error(`the compiler did not run: ${stderr}`);
    // Errors in the sources are for the type check of the sources; each may go on in indented lines.
    return stdout.replace(/^src\/[^\n]*\n(?: [^\n]*\n)*/gm, '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function withoutPrefix(line: string, prefix: string): string {
  return line.startsWith(prefix) ? line.slice(prefix.length) : line.replace(/^\s*\*?/, '');
}
