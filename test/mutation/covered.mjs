/**
 * Which tests pass which switches, and how long each takes.
 *
 * Owns: the one run of all tests with no switch on, and what is kept of it from
 * one command to the next (.tmp/mutation), as long as the sources, the changes
 * to be tried and the file of a test are the same.
 * Must not know: what is made of it.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const hashOf = (...texts) => createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16);
const together = 4;
/** In milliseconds; longer than any test of those that are run. */
const silence = 120_000;

export class Covered {
  /** Runs those of the test files of which nothing is known. */
  static async by(worker, root, folder, files) {
    const store = join(folder, worker.edges ? 'covered-edges.jsonl' : 'covered.jsonl');
    const known = read(store, sourcesKey(root, worker.switches));
    const hashes = new Map(files.map((path) => [path, hashOf(readFileSync(join(root, path), 'utf8'))]));
    const lacking = files.filter((path) => known.get(path)?.hash !== hashes.get(path));
    const batches = [];
    while (lacking.length > 0) batches.push(lacking.splice(0, together));
    while (batches.length > 0) {
      const batch = batches.shift();
      const found = await run(worker, batch);
      for (const path of batch) {
        const entry = found.get(path);
        // By itself once more: another may have ended the process.
        if (entry === undefined && batch.length > 1) batches.push([path]);
        else {
          const kept = { path, hash: hashes.get(path), ...(entry ?? { tests: [], outside: [] }) };
          known.set(path, kept);
          appendFileSync(store, `${JSON.stringify(kept)}\n`);
        }
      }
      process.stderr.write('.'.repeat(batch.length));
    }
    return new Covered(
      root,
      files.map((path) => known.get(path)),
    );
  }

  constructor(root, entries) {
    this.root = root;
    /** Tests by their identity, and those that pass a switch. */
    this.tests = new Map();
    this.passing = new Map();
    /** The switches that are passed before a test begins: at an import, in a `beforeAll`. */
    this.outside = new Set();
    this.failed = [];
    this.paths = entries.map(({ path }) => path);
    for (const { path, tests, outside } of entries) {
      if (tests.length === 0) this.failed.push(path);
      for (const number of outside) this.outside.add(number);
      for (const { hits, ...test } of tests) {
        if (!test.ok) {
          this.failed.push(`${path}: ${test.name}`);
          continue;
        }
        const kept = { ...test, path, width: hits.length };
        this.tests.set(test.id, kept);
        for (const number of hits) {
          const passing = this.passing.get(number) ?? [];
          this.passing.set(number, passing);
          passing.push(kept);
        }
      }
    }
  }

  summary() {
    const seconds = [...this.tests.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    const left = this.failed.map(
      (name) => `\n  left out, as it fails over sources without a change: ${name}`,
    );
    return `${this.tests.size} tests in ${this.paths.length} files, ${seconds.toFixed(0)} s${left.join('')}`;
  }

  /** The test files that import a source, directly or not, with how many imports lie between. */
  filesThatImport(path) {
    return this.paths
      .map((test) => ({ path: test, distance: importsOf(this.root, test).get(path) }))
      .filter(({ distance }) => distance !== undefined);
  }
}

function sourcesKey(root, switches) {
  const paths = readdirSync(join(root, 'src'), { recursive: true }).filter((file) => file.endsWith('.ts'));
  const texts = paths.sort().map((path) => readFileSync(join(root, 'src', path), 'utf8'));
  return hashOf(...texts, JSON.stringify(switches));
}

/** What is known, of a file that begins with the key of its sources. */
function read(store, key) {
  const [first, ...lines] = existsSync(store) ? readFileSync(store, 'utf8').trimEnd().split('\n') : [];
  if (first !== key) {
    writeFileSync(store, `${key}\n`);
    return new Map();
  }
  return new Map(lines.map((line) => JSON.parse(line)).map((entry) => [entry.path, entry]));
}

async function run(worker, paths) {
  const { notes, answer } = await worker.ask(
    { plan: { kind: 'cover' }, files: paths.map((path) => ({ path })) },
    silence,
  );
  const found = new Map();
  let before = [];
  for (const { outside, covered: id, path, name, ok, milliseconds, steps, hits } of notes) {
    if (outside !== undefined) before = outside;
    if (id === undefined) continue;
    const entry = found.get(path) ?? { tests: [], outside: [] };
    found.set(path, entry);
    entry.tests.push({ id, name, ok, milliseconds: Math.round(milliseconds), steps, hits });
    entry.outside.push(...before);
    before = [];
  }
  // Of a process that was ended, the last file may be cut short.
  if (answer === undefined) found.delete([...found.keys()].at(-1));
  return found;
}

const closures = new Map();

/** The files of this project that one imports, directly or not, each with how many imports lead there at least. */
export function importsOf(root, path) {
  const known = closures.get(path);
  if (known !== undefined) return known;
  const found = new Map([[path, 0]]);
  for (const [file, distance] of found) {
    const add = (name) => {
      if (!found.has(name)) found.set(name, distance + 1);
    };
    let text;
    try {
      text = readFileSync(join(root, file), 'utf8');
    } catch {
      continue;
    }
    for (const [, name] of text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      const [, entry] = /^deadline-ssh(?:\/(\w+))?$/.exec(name) ?? [];
      if (name.startsWith('.')) add(normalize(join(dirname(file), name)));
      else if (name.startsWith('deadline-ssh')) add(`src/entry/${entry ?? 'index'}.ts`);
    }
  }
  closures.set(path, found);
  return found;
}
