/**
 * `npm run amplification [-- --write] [-- --only TEXT]`: what a peer can have this
 * library compute and hold for what it sends. Compiles, and runs `main.ts`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
process.chdir(root);
mkdirSync(join(root, '.tmp'), { recursive: true });
const folder = mkdtempSync(join(root, '.tmp/amplification-'));
try {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(
    process.execPath,
    [compiler, '-p', 'tsconfig.amplification.json', '--outDir', folder],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exit(status ?? 1);
  const { main } = await import(pathToFileURL(join(folder, 'test/amplification/main.js')).href);
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
