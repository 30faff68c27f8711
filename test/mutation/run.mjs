/**
 * `npm run mutate -- [folder…] [--sample N] [--only TEXT] [--part I/N]`: do the tests notice when a check is taken out?
 *
 * Owns: which tests speak for which folder, the run, the report
 * (.tmp/mutation/FOLDER.txt), the list of changes that change nothing (equivalent.txt).
 * Must not know: how a source is changed (`mutants.mjs`), how tests are run (`worker.mjs`).
 *
 * For each folder the tests run once with branches counted, so that of every
 * change only those run that come by its place, until one fails: first those that
 * caught most in the least time so far.
 */
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { instrumented } from '../fuzz/instrument.mjs';
import { changeOf, mutantsOf } from './mutants.mjs';

const root = process.cwd();
const folder = join(root, '.tmp/mutation');
const branchesFile = join(folder, `branches-${process.pid}.json`);

/** Tests without sockets and without waiting: whole conversations. */
const conversations = ['test/regression', 'test/conformance', 'test/fuzz/malformed.test.ts'];
const testsOf = {
  wire: ['test/wire', 'test/message/codec.test.ts', 'test/message/rules.test.ts'],
  message: ['test/message'],
  packet: ['test/packet'],
  transport: ['test/transport', ...conversations],
  userauth: ['test/userauth', 'test/fuzz/malformed.test.ts'],
  connection: ['test/connection'],
  sftp: ['test/sftp'],
};

/** A change under which the tests take longer than this is caught: by whoever waits for them. */
const patience = (usual) => 15_000 + 8 * usual;

class Worker {
  async start() {
    this.child = fork(join(root, 'test/mutation/worker.mjs'), {
      env: { ...process.env, MUTATION_BRANCHES: branchesFile, FC_SEED: '1' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await this.answer(60_000);
  }

  /** Undefined where there was none in time; the next question has a new process then. */
  async ask(message, milliseconds) {
    if (this.child === undefined) await this.start();
    this.child.send(message);
    const answer = await this.answer(milliseconds);
    if (answer === undefined) await this.stop();
    if (answer?.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async stop() {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  answer(milliseconds) {
    return new Promise((resolve) => {
      const done = (answer) => {
        clearTimeout(timer);
        this.child.off('message', done);
        this.child.off('exit', lost);
        resolve(answer);
      };
      const lost = () => done(undefined);
      const timer = setTimeout(lost, milliseconds);
      this.child.once('message', done);
      this.child.once('exit', lost);
    });
  }
}

function testFiles(places) {
  return places.flatMap((place) => {
    if (place.endsWith('.ts')) return [place];
    if (!existsSync(place)) return [];
    const names = readdirSync(place, { recursive: true }).filter((name) => name.endsWith('.test.ts'));
    return names.sort().map((name) => `${place}/${name}`);
  });
}

/** Of each test file: how long it takes, and by which branches it comes. */
async function cover(worker, sources, tests) {
  const files = [];
  for (const path of tests) {
    const message = { type: 'cover', sources, tests: [path] };
    let answer = await worker.ask(message, 300_000);
    // Once more where the machine was busy: what is left out catches nothing.
    if (!answer?.passed) answer = await worker.ask(message, 300_000);
    if (answer === undefined || !answer.passed) {
      console.log(`left out: ${path}, which fails over unchanged sources`);
      continue;
    }
    const { milliseconds, steps, branches } = answer;
    files.push({ path, milliseconds, steps, branches: new Set(branches), catches: 1 });
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const seconds = files.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
  console.log(`${files.length} test files, ${seconds.toFixed(1)} s`);
  return files.sort((a, b) => a.milliseconds - b.milliseconds);
}

/** Changes that change nothing anybody could see, each with its reason. */
function equivalents() {
  const lines = readFileSync(join(root, 'test/mutation/equivalent.txt'), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' ¦ ').map((part) => part.trim()))
    .map(([path, text, change, reason]) => {
      if (!reason) throw new Error(`equivalent.txt: no reason for ${path}: ${text}`);
      return { path, text, change };
    });
}

async function mutate(name, { sample, only, part }) {
  const sources = readdirSync(`src/${name}`, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${name}/${file}`)
    .sort();
  let next = 1;
  const branches = new Map();
  for (const path of sources) {
    const { regions, branches: count } = instrumented(readFileSync(path, 'utf8'), next, { lang: 'ts' });
    branches.set(path, { first: next, regions });
    next += count + 1;
  }
  const all = sources.flatMap((path) => mutantsOf(path, readFileSync(path, 'utf8')));
  const known = equivalents();
  const isKnown = (mutant) =>
    known.some(
      ({ path, text, change }) => path === mutant.path && text === mutant.text && change === changeOf(mutant),
    );
  const chosen = all
    .filter((mutant) => only === undefined || `${mutant.path}:${mutant.line}`.includes(only))
    .filter((mutant) => !isKnown(mutant));
  // Evenly spread, and the same at each run.
  const stride = Math.max(1, chosen.length / sample);
  const [which, of] = part.split('/').map(Number);
  const mutants = chosen
    .filter((_, index) => Math.floor(index / stride) !== Math.floor((index - 1) / stride))
    .filter((_, index) => index % of === which % of);
  const file = part === '1/1' ? name : `${name}-${which}of${of}`;
  console.log(`${name}: ${all.length} changes, ${mutants.length} to try`);

  const worker = new Worker();
  const files = await cover(
    worker,
    [...branches].map(([path, { first }]) => [path, first]),
    testFiles(testsOf[name]),
  );
  const results = [];
  const begun = performance.now();
  for (const mutant of mutants) {
    const { first, regions } = branches.get(mutant.path);
    const around = regions.filter(({ start, end }) => start <= mutant.start && mutant.end <= end).at(-1);
    const branch = around?.branch ?? first - 1;
    const tests = files
      .filter((file) => file.branches.has(branch))
      .sort((a, b) => b.catches / b.milliseconds - a.catches / a.milliseconds);
    const usual = tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    let outcome = 'no test comes by';
    if (tests.length > 0) {
      const steps = 1e6 + 10 * tests.reduce((sum, file) => sum + file.steps, 0);
      outcome = 'survives';
      // The likely ones by themselves: vitest loads all files it is given, also behind one that fails.
      for (const some of [tests.slice(0, 3), tests.slice(3)]) {
        if (some.length === 0 || outcome !== 'survives') continue;
        const paths = some.map(({ path }) => path);
        const answer = await worker.ask(
          { type: 'mutate', mutant: { ...mutant, steps }, tests: paths },
          patience(usual),
        );
        if (answer === undefined) outcome = 'caught by time';
        else if (!answer.passed) outcome = 'caught';
        for (const file of some) if (answer?.by.includes(file.path)) file.catches++;
      }
    }
    results.push({ ...mutant, outcome });
    if (results.length % 25 === 0) {
      const seconds = (performance.now() - begun) / 1000;
      console.log(
        `${name}: ${results.length}/${mutants.length}, ${survivors(results).length} survive, ${seconds.toFixed(0)} s`,
      );
      report(file, name, all.length, results);
    }
  }
  await worker.stop();
  report(file, name, all.length, results);
  console.log(summaryOf(name, all.length, results));
  return results;
}

const survivors = (results) => results.filter(({ outcome }) => !outcome.startsWith('caught'));

function summaryOf(name, total, results) {
  const left = survivors(results).length;
  const caught = results.length - left;
  const share = ((100 * caught) / Math.max(1, results.length)).toFixed(1);
  const byTime = results.filter(({ outcome }) => outcome === 'caught by time').length;
  return `${name}: ${caught} of ${results.length} caught (${byTime} by time), ${share} %; ${total} changes there are`;
}

function report(file, name, total, results) {
  const lines = survivors(results).map(
    (mutant) =>
      `${mutant.path}:${mutant.line} (${mutant.kind}, ${mutant.outcome})\n  ${mutant.text}\n  ${changeOf(mutant)}\n`,
  );
  writeFileSync(join(folder, `${file}.txt`), `${summaryOf(name, total, results)}\n\n${lines.join('\n')}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '100000' },
    only: { type: 'string' },
    part: { type: 'string', default: '1/1' },
  },
});
mkdirSync(folder, { recursive: true });
const names = positionals.length > 0 ? positionals : Object.keys(testsOf);
const unknown = names.filter((name) => !(name in testsOf));
if (unknown.length > 0) {
  console.error(`no such folder: ${unknown.join(', ')}; there are ${Object.keys(testsOf).join(', ')}`);
  process.exit(2);
}
for (const name of names) {
  await mutate(name, { sample: Number(values.sample), only: values.only, part: values.part });
}
process.exit(0);
