/**
 * `npm run docs [-- --check]`: the reference of every entry as pages in
 * `docs/reference/html`; with `--check` only whether each exported name, option,
 * field, method and error code has a doc comment.
 *
 * TypeDoc reads TypeScript by its programming interface, which TypeScript 7 does
 * not have. So its tools have a folder, a lock file and a TypeScript of their own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
const version = wanted.packages['node_modules/typedoc'].version;

/** Runs a program to its end; its failure is ours. */
function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', ...options });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** The version of TypeDoc that is installed; undefined where there is none. */
function installed() {
  const file = join(folder, 'node_modules/typedoc/package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}

if (installed() !== version) {
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    shell: process.platform === 'win32',
  });
}
const isCheck = process.argv.includes('--check');
run(process.execPath, [
  join(folder, 'node_modules/typedoc/bin/typedoc'),
  '--options',
  join(folder, 'typedoc.json'),
  ...(isCheck ? ['--emit', 'none'] : []),
]);
if (!isCheck) console.log(`the reference begins at ${join('docs/reference/html', 'index.html')}`);
