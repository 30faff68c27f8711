/**
 * `npm run chaos -- --minutes N [--seed S]`: a service's life on a network that
 * misbehaves, for as long as one likes. The seed is printed; the same seed gives
 * the same sessions and the same harm.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '0.5' }, seed: { type: 'string' } },
});
if (!/^\d+(\.\d+)?$/.test(values.minutes) || !/^\d*$/.test(values.seed ?? '')) {
  console.error('--minutes and --seed take numbers');
  process.exit(2);
}
const seed = values.seed ?? String(Date.now() % 1_000_000);
console.log(`seed ${seed}: npm run chaos -- --minutes ${values.minutes} --seed ${seed}`);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/chaos/chaos.test.ts'], {
  env: {
    ...process.env,
    DEADLINE_SSH_REQUIRE_SERVERS: '1',
    CHAOS_MINUTES: values.minutes,
    CHAOS_SEED: seed,
  },
  stdio: 'inherit',
});
process.exit(status ?? 1);
