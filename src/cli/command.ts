/**
 * `deadline-ssh` in a process.
 *
 * Owns: what it is made of.
 * Must not know: anything else.
 */
import { dispatch } from './dispatch.ts';
import { runProgram } from './program.ts';
import { runSession } from './remote/session.ts';
import { subcommands } from './subcommands.ts';

/** Runs it to its exit status, and ends the process with that. */
export function runCommand(): Promise<never> {
  return runProgram((argv) =>
    dispatch(argv, { subcommands, output: process.stdout, messages: process.stderr, session: runSession }),
  );
}
