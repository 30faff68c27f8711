/**
 * `npm run lab -- [--full] [--write] [server…]`
 *
 * Owns: the words of that command. `--full` sends 64 MiB each way where the
 * quick run sends 8, and makes servers that cannot be told to exchange keys
 * early do so by volume; `--write` keeps the matrix in docs/interop.md; names
 * pick servers, such as `dropbear` or `tinyssh`.
 * Must not know: servers.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const flags = ['--full', '--write'];
const given = process.argv.slice(2);
const names = given.filter((word) => !flags.includes(word));
const unknown = names.find((word) => word.startsWith('-'));
if (unknown !== undefined) {
  console.error(`there is no option ${unknown}; there are ${flags.join(' and ')}, and names of servers`);
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  [
    vitest,
    'run',
    '--config',
    'test/interop/vitest.config.ts',
    ...names.map((name) => `test/interop/${name}`),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(given.includes('--full') ? { DEADLINE_SSH_LAB_FULL: '1' } : {}),
      ...(given.includes('--write') ? { DEADLINE_SSH_LAB_WRITE: '1' } : {}),
    },
  },
);
process.exit(status ?? 1);
