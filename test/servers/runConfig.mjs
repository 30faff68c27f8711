/**
 * `npm run config -- --runs 10000 [--seed N]`: random configurations, given to each ssh
 * that is here and to this library. A difference prints the files, and the seed and
 * path that replay it.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    path: { type: 'string' },
  },
});
if (!/^[1-9]\d*$/.test(values.runs)) {
  console.error('--runs takes a number of configurations');
  process.exit(2);
}
console.log(`seed ${values.seed}`);
const env = {
  ...process.env,
  DEADLINE_SSH_REQUIRE_SERVERS: '1',
  CONFIG_RUNS: values.runs,
  FC_SEED: values.seed,
};
if (values.path !== undefined) env.FC_PATH = values.path;
const { status } = spawnSync('npx', ['vitest', 'run', 'test/servers/sshConfig.test.ts'], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
