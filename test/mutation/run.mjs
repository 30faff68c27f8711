/**
 * `npm run mutate -- [folder…] [--sample N] [--only TEXT] [--part I/N] [--minutes N]`: do the tests notice when a check is taken out?
 *
 * Owns: which tests speak for which folder, the run, the report
 * (.tmp/mutation/FOLDER.txt), the list of changes that change nothing (equivalent.txt).
 * Must not know: how a source is changed (`mutants.mjs`), how tests are run (`worker.mjs`).
 *
 * The tests run once with branches counted, so that of every change only those
 * run that come by its place, until one fails: first those that caught most in the
 * least time so far. Where tests use sockets and processes, a failure counts only if
 * it comes a second time, and now and then nothing is changed, to see that nothing
 * is caught then.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { instrumented } from '../fuzz/instrument.mjs';
import { changeOf, mutantsOf } from './mutants.mjs';
import { Worker } from './workerProcess.mjs';

const root = process.cwd();
const folder = join(root, '.tmp/mutation');

/** Tests without sockets and without waiting: whole conversations. */
const conversations = ['test/regression', 'test/conformance', 'test/fuzz/malformed.test.ts'];
/** The layers below `io`, whose tests need neither sockets nor time. */
const testsOfCore = {
  wire: ['test/wire', 'test/message/codec.test.ts', 'test/message/rules.test.ts'],
  message: ['test/message'],
  packet: ['test/packet'],
  transport: ['test/transport', ...conversations],
  userauth: ['test/userauth', 'test/fuzz/malformed.test.ts'],
  connection: ['test/connection'],
  sftp: ['test/sftp'],
};
/** The layers above them: simulations, real servers, child processes. */
const testsOfEdges = {
  base: ['test/base', 'test/client', 'test/cli/serverText.test.ts', 'test/io', 'test/regression'],
  crypto: ['test/crypto', 'test/packet', 'test/recorded'],
  protocol: [
    'test/regression',
    'test/conformance',
    'test/sim',
    'test/userauth',
    'test/fuzz/malformed.test.ts',
  ],
  keys: [
    'test/keys',
    'test/node/knownHosts.test.ts',
    'test/node/knownHostsFile.test.ts',
    'test/fuzz/malformed.test.ts',
  ],
  io: [
    'test/io',
    'test/sim',
    'test/regression',
    'test/diagnostics',
    'test/client',
    'test/node',
    'test/servers',
  ],
  endpoint: [
    'test/endpoint',
    'test/client',
    'test/sim',
    'test/regression',
    'test/node',
    'test/server',
    'test/servers',
  ],
  sftp: ['test/sftp', 'test/servers/sftp.test.ts'],
  forwarding: ['test/forwarding', 'test/sim', 'test/regression', 'test/node', 'test/server', 'test/servers'],
  server: ['test/server', 'test/sim', 'test/regression', 'test/sftp', 'test/examples'],
  client: [
    'test/client',
    'test/sim',
    'test/regression',
    'test/node',
    'test/sftp',
    'test/server',
    'test/servers',
    'test/cli',
  ],
  diagnostics: ['test/diagnostics', 'test/sim/fleet.test.ts', 'test/docs/diagnostics.test.ts'],
  node: ['test/node', 'test/io', 'test/crypto', 'test/sftp', 'test/servers', 'test/client', 'test/cli'],
  cli: ['test/cli', 'test/client/target.test.ts'],
  config: ['test/config'],
};
const testsOf = { ...testsOfCore, ...testsOfEdges };
/** Tests that take minutes, or are about the machine. */
const tooLong = [
  'test/sim/fleet.test.ts',
  'test/servers/idleConnections.test.ts',
  'test/servers/manyConnections.test.ts',
  'test/servers/eventLoop.test.ts',
  'test/servers/sabotage.test.ts',
  'test/diagnostics/silentDials.test.ts',
  // Every byte of every file, one after the other.
  'test/keys/damage.test.ts',
  'test/keys/publicDamage.test.ts',
];

/** A change under which the tests take longer than this is caught: by whoever waits for them. */
const patience = (usual) => 15_000 + 8 * usual;

function testFiles(places) {
  const found = places.flatMap((place) => {
    if (place.endsWith('.ts')) return [place];
    if (!existsSync(place)) return [];
    const names = readdirSync(place, { recursive: true }).filter((name) => name.endsWith('.test.ts'));
    return names.sort().map((name) => `${place}/${name}`);
  });
  return found.filter((path) => !tooLong.includes(path));
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

/** The sources of folders, with the numbers of their branches. */
function numbered(names) {
  const sources = new Map();
  let next = 1;
  for (const name of names) {
    const paths = readdirSync(`src/${name}`, { recursive: true }).filter((file) => file.endsWith('.ts'));
    for (const path of paths.map((file) => `src/${name}/${file}`).sort()) {
      const { regions, branches: count } = instrumented(readFileSync(path, 'utf8'), next, { lang: 'ts' });
      sources.set(path, { first: next, regions });
      next += count + 1;
    }
  }
  return sources;
}

/** The changes to try: evenly spread, and the same ones at each run. */
function chosenOf(all, { sample, only, part }) {
  const known = equivalents();
  const isKnown = (mutant) =>
    known.some(
      ({ path, text, change }) => path === mutant.path && text === mutant.text && change === changeOf(mutant),
    );
  const chosen = all
    .filter((mutant) => only === undefined || `${mutant.path}:${mutant.line}`.includes(only))
    .filter((mutant) => !isKnown(mutant));
  const stride = Math.max(1, chosen.length / sample);
  const [which, of] = part.split('/').map(Number);
  const mutants = chosen
    .filter((_, index) => Math.floor(index / stride) !== Math.floor((index - 1) / stride))
    .filter((_, index) => index % of === which % of);
  return spread(mutants);
}

/** In an order in which the first so many are spread over the whole as well, for a run that ends early. */
function spread(list) {
  const golden = (Math.sqrt(5) - 1) / 2;
  const rank = (index) => (index * golden) % 1;
  return list
    .map((item, index) => ({ item, rank: rank(index) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** Whether a test that comes by a place fails over a change: the likely ones by themselves, then the others. */
async function outcomeOf(worker, mutant, tests, confirms) {
  if (tests.length === 0) return 'no test comes by';
  const usual = tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const steps = 1e6 + 10 * tests.reduce((sum, file) => sum + file.steps, 0);
  const ask = (some) =>
    worker.ask(
      { type: 'mutate', mutant: { ...mutant, steps }, tests: some.map(({ path }) => path) },
      patience(usual),
    );
  for (const group of [tests.slice(0, 3), tests.slice(3)]) {
    for (let some = group; some.length > 0; ) {
      const answer = await ask(some);
      if (answer === undefined) return 'caught by time';
      if (answer.passed) break;
      const [file = some[0]] = some.filter(({ path }) => answer.by.includes(path));
      // By itself as well: one that was only disturbed passes then.
      const again = confirms ? await ask([file]) : answer;
      if (again?.passed !== true) {
        file.catches++;
        return 'caught';
      }
      some = some.filter((each) => each !== file);
    }
  }
  return 'survives';
}

async function mutate(name, worker, sources, covered, options) {
  const paths = [...sources.keys()].filter((path) => path.startsWith(`src/${name}/`));
  const all = paths.flatMap((path) => mutantsOf(path, readFileSync(path, 'utf8')));
  const mutants = chosenOf(all, options);
  const speak = testFiles(testsOf[name]);
  const files = covered.filter(({ path }) => speak.includes(path));
  const confirms = name in testsOfEdges;
  console.log(`${name}: ${all.length} changes, ${mutants.length} to try`);
  const file = options.part === '1/1' ? name : `${name}-${options.part.replace('/', 'of')}`;
  const run = { name, total: all.length, results: [], controls: [] };
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  for (const mutant of mutants) {
    if (seconds() > 60 * options.minutes) break;
    const { first, regions } = sources.get(mutant.path);
    const around = regions.filter(({ start, end }) => start <= mutant.start && mutant.end <= end).at(-1);
    const branch = around?.branch ?? first - 1;
    const tests = files
      .filter((each) => each.branches.has(branch))
      .sort((a, b) => b.catches / b.milliseconds - a.catches / a.milliseconds);
    run.results.push({ ...mutant, outcome: await outcomeOf(worker, mutant, tests, confirms) });
    if (confirms && run.results.length % controlEvery === 1 && tests.length > 0) {
      const nothing = { ...mutant, start: 0, end: 0, replacement: '' };
      const likely = tests.slice(0, 6).map((each) => ({ ...each }));
      run.controls.push(await outcomeOf(worker, nothing, likely, confirms));
    }
    if (run.results.length % 10 === 0) {
      console.log(`${summaryOf(run)}; ${seconds().toFixed(0)} s`);
      report(file, run);
    }
  }
  report(file, run);
  console.log(summaryOf(run));
}

/** Every so many changes one that changes nothing is tried. */
const controlEvery = 15;

const survivors = (results) => results.filter(({ outcome }) => !outcome.startsWith('caught'));

function summaryOf({ name, total, results, controls }) {
  const left = survivors(results).length;
  const caught = results.length - left;
  const share = ((100 * caught) / Math.max(1, results.length)).toFixed(1);
  const byTime = results.filter(({ outcome }) => outcome === 'caught by time').length;
  const text = `${name}: ${caught} of ${results.length} caught (${byTime} by time), ${share} %; ${total} changes there are`;
  if (controls.length === 0) return text;
  return `${text}; of ${controls.length} runs without a change ${survivors(controls.map((outcome) => ({ outcome }))).length} passed`;
}

function report(file, run) {
  const lines = survivors(run.results).map(
    (mutant) =>
      `${mutant.path}:${mutant.line} (${mutant.kind}, ${mutant.outcome})\n  ${mutant.text}\n  ${changeOf(mutant)}\n`,
  );
  writeFileSync(join(folder, `${file}.txt`), `${summaryOf(run)}\n\n${lines.join('\n')}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '100000' },
    only: { type: 'string' },
    part: { type: 'string', default: '1/1' },
    minutes: { type: 'string', default: '100000' },
  },
});
mkdirSync(folder, { recursive: true });
const names = positionals.length > 0 ? positionals : Object.keys(testsOf);
const unknown = names.filter((name) => !(name in testsOf));
if (unknown.length > 0) {
  console.error(`no such folder: ${unknown.join(', ')}; there are ${Object.keys(testsOf).join(', ')}`);
  process.exit(2);
}
const options = {
  sample: Number(values.sample),
  only: values.only,
  part: values.part,
  minutes: Number(values.minutes),
};
for (const group of [testsOfCore, testsOfEdges]) {
  const own = names.filter((name) => name in group);
  if (own.length === 0) continue;
  const sources = numbered(own);
  const worker = new Worker(root, folder, group === testsOfEdges);
  const stop = () => worker.close().then(() => process.exit(1));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const tests = [...new Set(own.flatMap((name) => testFiles(testsOf[name])))];
    const firsts = [...sources].map(([path, { first }]) => [path, first]);
    const covered = await cover(worker, firsts, tests);
    for (const name of own) await mutate(name, worker, sources, covered, options);
  } finally {
    await worker.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
process.exit(0);
