/**
 * Runs a command on many machines, some at a time. A machine that is down or
 * never speaks costs its own line and ten seconds, not the run.
 */
import { connect, SshError } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const atOnce = 100;

const [command = '', ...targets] = argumentsOr("manyHosts 'command' [user@]host[:port]…", 2);
const waiting = targets.values();
await Promise.all(Array.from({ length: atOnce }, worker));

/** All workers take from the same list. */
async function worker(): Promise<void> {
  for (const target of waiting) console.log(`${target}: ${await outcome(target)}`);
}

async function outcome(target: string): Promise<string> {
  try {
    await using client = await connect({ ...optionsFor(target), timeout: 10_000 });
    const { stdout, code } = await client.run(command, { timeout: 30_000 });
    return `${code}: ${stdout.trimEnd()}`;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    process.exitCode = 1;
    return `${error.code} in ${error.phase}`;
  }
}
