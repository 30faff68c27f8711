/** Runs one command and ends with its status. */
import { connect, SshError } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = '', ...command] = argumentsOr('run [user@]host[:port] command…', 2);
try {
  await using client = await connect({ ...optionsFor(target), timeout: 10_000 });
  const { stdout, stderr, code, signal } = await client.run(command.join(' '), { timeout: 60_000 });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  if (signal !== undefined) console.error(`killed by SIG${signal}`);
  process.exitCode = code ?? 255;
} catch (error) {
  if (!(error instanceof SshError)) throw error;
  // Where it was, what it waited for, whose fault it is.
  console.error(`${error.code} in ${error.phase}: ${error.message}`);
  process.exitCode = 255;
}
