/**
 * What a run left out, by name, before its summary.
 *
 * Owns: that list.
 * Must not know: why tests are skipped; their names say it.
 */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export const skippedReporter: Reporter = {
  onTestRunEnd(modules): void {
    // With a filter on names the others count as skipped too: nobody asked for them.
    const whole = modules.filter(({ project }) => project.config.testNamePattern === undefined);
    const lines = whole.flatMap(skippedIn);
    if (lines.length === 0) return;
    process.stdout.write(`\n Skipped:\n${lines.map((line) => `   ${line}\n`).join('')}`);
  },
};

function skippedIn(module: TestModule): string[] {
  const counts = new Map<string, number>();
  for (const test of module.children.allTests('skipped')) {
    const name = whatIsSkipped(test);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${module.relativeModuleId}: ${name}, ${count} in all`);
}

/** The outermost suite that is skipped as a whole, or the test itself. */
function whatIsSkipped(test: TestCase): string {
  let name = test.fullName;
  for (let { parent } = test; parent.type === 'suite'; { parent } = parent) {
    if (parent.options.mode === 'skip') name = parent.fullName;
  }
  return name;
}
