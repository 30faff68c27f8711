/**
 * `npm run sim:sockets -- --runs 1000 [--seed N]`: the laws on real sockets,
 * as often as one likes. A failure names its sample and the seed.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '500' }, seed: { type: 'string' } },
});
for (const [name, value] of Object.entries(values)) {
  if (/^\d+$/.test(value)) continue;
  console.error(`--${name} takes a number`);
  process.exit(2);
}
const env = { ...process.env, DEADLINE_SSH_REQUIRE_SERVERS: '1', SOCKET_RUNS: values.runs };
if (values.seed !== undefined) env.SOCKET_SEED = values.seed;
const { status } = spawnSync('npx', ['vitest', 'run', 'test/servers/sabotage.test.ts'], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
