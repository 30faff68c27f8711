/**
 * `npm run demo`: says at once what is going on, compiles the demonstration, and
 * runs it.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Runs a program of Node to its end; its failure is ours. */
function run(...args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

console.log('Compiling the demonstration; it takes some seconds, and then a dozen to run.\n');
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.demo.json');
run('--expose-gc', 'demo/dist/demo/main.js');
