/**
 * `npm run sim -- --runs 100000 [--seed N] [--path P]`: random lives of whole connections.
 *
 * Four hours of a fleet in virtual time as well. The runs are shared out evenly among the properties of random.test.ts. A
 * failure prints the seed and path that replay it.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const properties = 6;
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    path: { type: 'string' },
  },
});
if (!/^[1-9]\d*$/.test(values.runs)) {
  console.error('--runs takes a number of runs');
  process.exit(2);
}
const env = {
  SIM_MINUTES: '240',
  ...process.env,
  SIM_RUNS: String(Math.ceil(Number(values.runs) / properties)),
};
if (values.seed !== undefined) env.FC_SEED = values.seed;
if (values.path !== undefined) env.FC_PATH = values.path;
const { status } = spawnSync('npx', ['vitest', 'run', 'test/sim/random.test.ts', 'test/sim/fleet.test.ts'], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
