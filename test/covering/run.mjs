/**
 * `npm run coverage [-- tests…]`: which lines of each folder the tests run, as V8
 * counts them, child processes of the command and of programs included.
 *
 * Owns: the run, and the table by folder. Lines that nothing ran are in
 * .tmp/coverage/lines.txt.
 * Must not know: how a script is traced back to its sources (`lines.mjs`).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest } from 'vitest/node';
import { addScript, byFolder, codeLines, startsOf } from './lines.mjs';

const root = process.cwd();
const folder = join(root, '.tmp/coverage');
rmSync(folder, { recursive: true, force: true });
for (const name of ['tests', 'children']) mkdirSync(join(folder, name), { recursive: true });
process.env.COVERAGE_FOLDER = folder;
process.env.COVERAGE_ROOT = root;

const vitest = await createVitest('test', {
  watch: false,
  testTimeout: 120_000,
  setupFiles: ['test/setup/fastCheck.ts', 'test/covering/setup.mjs'],
});
await vitest.start(process.argv.slice(2));

const lines = new Map();
/** A source of this project, by its path from the root. */
const nameOf = (path) => (path.startsWith(`${root}/src/`) ? path.slice(root.length + 1) : undefined);
const lengthsOf = (code) => code.split('\n').map((line) => line.length);

/** What vitest made of each source, to be asked for once. */
const transformed = new Map();
async function transform(path) {
  let known = transformed.get(path);
  if (known === undefined) {
    const { environments } = vitest.getRootProject().vite;
    for (const environment of [environments.__vitest__, environments.ssr]) {
      known ??= await environment?.transformRequest(path).catch(() => undefined);
    }
    transformed.set(path, known);
  }
  return known;
}

for (const file of readdirSync(join(folder, 'tests'))) {
  for (const { path, functions, from } of JSON.parse(readFileSync(join(folder, 'tests', file), 'utf8'))) {
    const made = await transform(path);
    if (made?.map == null || from === undefined) throw new Error(`nothing is known of ${path}`);
    const script = { functions, map: made.map, starts: startsOf(lengthsOf(made.code)), from };
    addScript(lines, script, () => nameOf(path));
  }
}

let children = 0;
for (const file of readdirSync(join(folder, 'children'))) {
  const { result, 'source-map-cache': maps = {} } = JSON.parse(
    readFileSync(join(folder, 'children', file), 'utf8'),
  );
  let counts = false;
  for (const { url, functions } of result) {
    const { data, lineLengths } = maps[url] ?? {};
    if (data == null) continue;
    const base = new URL(data.sourceRoot ?? '', url);
    const script = { functions, map: data, starts: startsOf(lineLengths), from: 0 };
    addScript(lines, script, (source) => {
      const { protocol, href } = new URL(source, base);
      const name = protocol === 'file:' ? nameOf(fileURLToPath(href)) : undefined;
      counts ||= name !== undefined;
      return name;
    });
  }
  if (counts) children++;
}

// What nobody imports has lines as well, and so has a function that a bundle leaves out.
for (const name of readdirSync(join(root, 'src'), { recursive: true })) {
  if (!name.endsWith('.ts')) continue;
  const path = join(root, 'src', name);
  const { code, map } = (await transform(path)) ?? {};
  if (map == null) throw new Error(`nothing is known of ${path}`);
  addScript(lines, { functions: [], map, starts: startsOf(lengthsOf(code)), from: 0 }, () => nameOf(path));
}
for (const [name, ofSource] of lines) {
  const counted = codeLines(readFileSync(join(root, name), 'utf8'));
  for (const line of ofSource.keys()) if (!counted.has(line)) ofSource.delete(line);
  if (ofSource.size === 0) lines.delete(name);
}

const rows = byFolder(lines, (name) => name.split('/')[1]);
const total = { folder: 'all', all: 0, ran: 0 };
for (const { all, ran } of rows) {
  total.all += all;
  total.ran += ran;
}
console.log(
  `\nof the lines with code, those that ran, in the tests and in ${children} processes that they started:`,
);
for (const row of [...rows, total]) {
  const share = ((100 * row.ran) / Math.max(1, row.all)).toFixed(1);
  console.log(
    `${row.folder.padEnd(12)} ${String(row.ran).padStart(6)} of ${String(row.all).padStart(6)} ${share.padStart(6)} %`,
  );
}
const missing = [...lines].sort().map(([name, ofSource]) => {
  const numbers = [...ofSource].filter(([, ran]) => !ran).map(([line]) => line + 1);
  return `${name}: ${numbers.sort((a, b) => a - b).join(' ')}\n`;
});
writeFileSync(join(folder, 'lines.txt'), missing.join(''));
await vitest.close();
process.exit(process.exitCode ?? 0);
