/**
 * Runs a command on many machines, some at a time. A machine that is down or
 * never speaks costs its own line and ten seconds, not the run.
 */
import { runOnAll } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [command = '', ...targets] = argumentsOr("manyHosts 'command' [user@]host[:port]…", 2);
const results = runOnAll(targets.map(optionsFor), command, {
  concurrency: 100,
  timeout: 10_000,
  run: { timeout: 30_000 },
});
for await (const result of results) {
  const target = targets[result.index];
  if (result.ok) {
    console.log(`${target}: ${result.code}: ${result.stdout.trimEnd()}`);
  } else {
    console.log(`${target}: ${result.error.code} in ${result.error.phase}`);
    process.exitCode = 1;
  }
}
