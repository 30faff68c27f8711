/**
 * `npm run fuzz`: compiles the targets for plain Node, counts the branches of the sources, and runs `main.ts`.
 *
 * `npm run fuzz -- build` compiles into test/fuzz/dist, without counters, for an engine that brings its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { instrument } from './instrument.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
process.chdir(root);

function compile(folder) {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.fuzz.json', '--outDir', folder], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (process.argv[2] === 'build') {
  compile(join(root, 'test/fuzz/dist'));
} else {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  // Of its own, so that several can run at a time.
  const folder = mkdtempSync(join(root, '.tmp/fuzz-'));
  try {
    compile(folder);
    const fuzz = join(folder, 'test/fuzz');
    instrument(join(folder, 'src'), join(fuzz, 'counters.js'));
    const { main } = await import(pathToFileURL(join(fuzz, 'main.js')).href);
    await main();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
