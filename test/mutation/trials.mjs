/**
 * Whether some test fails over a change.
 *
 * Owns: the order in which tests are asked, the rounds, what counts as caught.
 * Must not know: which changes there are, how a test is run.
 *
 * A change is caught where a test passes without it, fails with it and passes
 * without it again; where tests use sockets and processes, it has to fail twice.
 * A test that takes far longer with it, or never ends, has to do so twice as well.
 */

/** Tests of a change are asked until they would take this long together, in milliseconds; round by round. */
const rounds = [200, 1500, 6000];
/** For how long tests may be asked once more in a process of its own, by what they take usually. */
const aloneBudget = 4000;
const patienceOf = (milliseconds) => 8000 + 6 * milliseconds;
const stepsOf = (steps) => 1_000_000 + 10 * steps;
/** In milliseconds: programs are compiled and servers started ahead of the first test. */
const startUp = 60_000;
const none = -1;

export class Trials {
  /** @param options `confirms`: whether a failure has to come twice; `limit`: seconds of tests for a change */
  constructor(worker, name, { confirms, limit }) {
    this.worker = worker;
    this.covered = undefined;
    this.name = name;
    this.confirms = confirms;
    this.limit = 1000 * limit;
    /** How many changes each test caught so far. */
    this.catches = new Map();
    this.unfit = new Set();
    this.controls = { all: 0, passed: 0 };
    this.unclear = 0;
  }

  controlSummary() {
    const { all, passed } = this.controls;
    return `of ${all} runs without a change ${passed} passed, ${this.unclear} trials unclear, ${this.unfit.size} tests left out`;
  }

  /**
   * Asks the tests of which it is known what they pass, about each change without
   * an outcome, except those that were asked about it before. Each change gets an
   * `outcome`, and `by` what it was caught.
   * @param isLast whether no other tests come: what survives is tried by itself then
   */
  async ask(mutants, covered, isLast) {
    this.covered = covered;
    const open = mutants.filter(({ outcome }) => !isCaught(outcome));
    for (const mutant of open) {
      const before = mutant.asked ?? [];
      const tests = this.testsOf(mutant).filter(({ id }) => !before.some((test) => test.id === id));
      Object.assign(mutant, { outcome: undefined, before, open: tests, asked: [], spent: 0 });
    }
    for (const budget of [...rounds, this.limit]) {
      const pairs = [];
      for (const mutant of open.filter(({ outcome }) => outcome === undefined)) {
        while (
          mutant.open.length > 0 &&
          (mutant.asked.length < 2 || mutant.spent < Math.min(budget, this.limit))
        ) {
          const test = mutant.open.shift();
          mutant.asked.push(test);
          mutant.spent += test.milliseconds;
          pairs.push({ test, mutant, lates: 0, unclear: 0, done: false });
        }
      }
      await this.askPairs(pairs);
      process.stderr.write('o');
    }
    for (const mutant of open) {
      mutant.asked.push(...mutant.before);
      if (isLast && mutant.outcome === undefined) await this.askAlone(mutant);
      mutant.outcome ??= this.survival(mutant);
    }
  }

  /**
   * The likely ones first: quick, about little, of this folder, with a name for
   * catching. Of tests in one suite, which are often one test of many inputs, the
   * second counts half, the third a third.
   */
  testsOf({ number }) {
    const cost = ({ id, path, milliseconds, width }) =>
      ((milliseconds + 20) * (width + 10)) /
      (1 + (this.catches.get(id) ?? 0)) /
      (path.startsWith(`test/${this.name}/`) ? 3 : 1);
    const suites = new Map();
    const ranked = (this.covered.passing.get(number) ?? [])
      .filter(({ id }) => !this.unfit.has(id))
      .map((test) => ({ test, cost: cost(test) }))
      .sort((a, b) => a.cost - b.cost)
      .map(({ test, cost }) => {
        const suite = test.id.replace(/_\d+$/, '');
        const place = (suites.get(suite) ?? 0) + 1;
        suites.set(suite, place);
        return { test, cost: cost * place };
      });
    return ranked.sort((a, b) => a.cost - b.cost).map(({ test }) => test);
  }

  caught(mutant, test, how = 'caught') {
    mutant.outcome = how;
    mutant.by = `${test.path}: ${test.name}`;
    this.catches.set(test.id, (this.catches.get(test.id) ?? 0) + 1);
  }

  /** Asks tests about changes, in as few processes as they leave alive. */
  async askPairs(pairs) {
    const isOpen = ({ test, mutant, done }) =>
      !done && mutant.outcome === undefined && !this.unfit.has(test.id);
    // Each process that ends early settles at least the pair it ended with, or that on its second time.
    for (let left = pairs.filter(isOpen), times = 0; left.length > 0 && times < 40; times++) {
      const { plan, files, patience } = this.planFor(left);
      const { notes, answer } = await this.worker.ask({ plan, files }, patience + startUp);
      this.judge(notes, left);
      // A test that did not begin, in a run that came to its end, has a file that does not start.
      const begun = new Set(notes.map(({ test }) => test));
      for (const { test } of left) if (answer !== undefined && !begun.has(test.id)) this.unfit.add(test.id);
      left = pairs.filter(isOpen);
    }
  }

  planFor(pairs) {
    const plan = { kind: 'try', pairs: {} };
    const files = new Map();
    let patience = 0;
    for (const { test, mutant } of pairs) {
      const { id, path, milliseconds, steps } = test;
      plan.pairs[id] ??= {
        changes: [],
        confirms: this.confirms,
        patience: patienceOf(milliseconds),
        steps: stepsOf(steps),
      };
      plan.pairs[id].changes.push(mutant.number);
      patience = Math.max(patience, patienceOf(milliseconds));
      const file = files.get(path) ?? { path, testIds: new Set(), milliseconds: 0 };
      files.set(path, file);
      file.milliseconds += file.testIds.has(id) ? 0 : milliseconds;
      file.testIds.add(id);
    }
    const ordered = [...files.values()].sort((a, b) => a.milliseconds - b.milliseconds);
    return {
      plan,
      files: ordered.map(({ path, testIds }) => ({ path, testIds: [...testIds] })),
      patience,
    };
  }

  judge(notes, pairs) {
    const byPair = new Map(pairs.map((pair) => [`${pair.test.id} ${pair.mutant.number}`, pair]));
    let test;
    let begun;
    let isFirst = false;
    const pairOf = (number) => byPair.get(`${test} ${number}`);
    const stopped = () => {
      if (begun === undefined) return;
      const pair = pairOf(begun);
      if (begun === none) this.unfit.add(test);
      else if (pair !== undefined && ++pair.lates > 1) this.caught(pair.mutant, pair.test, 'caught by time');
      begun = undefined;
    };
    for (const { pid, test: id, begins, ends, ok, unfit, passed, caught, unclear } of notes) {
      if (pid !== undefined) stopped();
      if (id !== undefined) {
        test = id;
        isFirst = true;
      }
      if (begins !== undefined) begun = begins;
      if (ends !== undefined) begun = undefined;
      if (ends === none && isFirst) {
        isFirst = false;
        this.controls.all++;
        if (ok) this.controls.passed++;
      }
      if (unfit) this.unfit.add(test);
      if (passed !== undefined) pairOf(passed).done = true;
      if (caught !== undefined) {
        const pair = pairOf(caught);
        pair.done = true;
        this.caught(pair.mutant, pair.test);
      }
      if (unclear !== undefined) {
        const pair = pairOf(unclear);
        if (++pair.unclear < 2) continue;
        pair.done = true;
        this.unclear++;
      }
    }
    stopped();
    // A process in which no test began at all is not asked for the same again.
    if (!notes.some(({ test }) => test !== undefined)) for (const pair of pairs) pair.done = true;
  }

  /**
   * Once more in a process of its own, where the change is there from the first
   * import on: for what runs then, and for what a process keeps once it has it.
   */
  async askAlone(mutant) {
    const isOutside = this.covered.outside.has(mutant.number);
    // What runs at an import only has no other try.
    const budget = isOutside ? this.limit : aloneBudget;
    const some = [];
    let spent = 0;
    for (const file of isOutside ? this.filesAround(mutant) : this.filesOf(mutant)) {
      if (spent >= budget) break;
      some.push(file);
      spent += file.tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    }
    if (some.length === 0) return;
    if (isOutside) mutant.alone = some.reduce((sum, { tests }) => sum + tests.length, 0);
    const run = async (active, which) => {
      const most = Math.max(...which.flatMap(({ tests }) => tests.map(({ milliseconds }) => milliseconds)));
      const steps = which.flatMap(({ tests }) => tests.map((test) => test.steps));
      const { answer } = await this.worker.ask(
        {
          plan: { kind: 'whole', active, limit: stepsOf(Math.max(...steps)) },
          files: which.map(({ path, tests }) => ({ path, testIds: tests.map(({ id }) => id) })),
        },
        patienceOf(most) + startUp,
      );
      return answer;
    };
    const first = await run(mutant.number, some);
    if (first?.passed === true) return;
    const failed = some.filter(({ path }) => first === undefined || first.by.includes(path));
    const which = failed.length > 0 ? failed : some;
    const control = await run(none, which);
    this.controls.all++;
    if (control?.passed !== true) {
      this.unclear++;
      return;
    }
    this.controls.passed++;
    const again = await run(mutant.number, which);
    if (again?.passed === true) return;
    mutant.outcome = again === undefined ? 'caught by time' : 'caught';
    mutant.by = `${which[0].path}: by itself`;
  }

  /** Those of its tests that were asked, by their files. */
  filesOf({ asked }) {
    const files = new Map();
    for (const test of asked) {
      const file = files.get(test.path) ?? { path: test.path, tests: [] };
      files.set(test.path, file);
      file.tests.push(test);
    }
    return files.values();
  }

  /** The files that import its source: those of its own folder first, and of these the ones that are about it. */
  filesAround({ path }) {
    const isOwn = (file) => file.path.startsWith(`test/${this.name}/`);
    const files = this.covered.filesThatImport(path).map(({ path, distance }) => {
      const tests = [...this.covered.tests.values()].filter((test) => test.path === path);
      const milliseconds = tests.reduce((sum, test) => sum + test.milliseconds, 0);
      return { path, distance, tests, milliseconds };
    });
    return files
      .filter(({ tests }) => tests.length > 0)
      .sort((a, b) => isOwn(b) - isOwn(a) || a.distance - b.distance || a.milliseconds - b.milliseconds);
  }

  survival({ number, asked, alone = 0 }) {
    const all = this.covered.passing.get(number) ?? [];
    if (all.length === 0 && alone === 0) return 'no test comes by';
    if (alone > 0) return `survives ${alone} tests of files that import it`;
    return `survives ${asked.length} of ${all.length} tests`;
  }
}

const isCaught = (outcome) => outcome?.startsWith('caught') === true;
