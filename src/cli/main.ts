#!/usr/bin/env node
/**
 * The command `deadline-ssh`.
 *
 * Owns: what it is made of.
 * Must not know: anything else.
 */
import { dispatch } from './dispatch.ts';
import { runProgram } from './program.ts';
import { runSession } from './remote/session.ts';
import { subcommands } from './subcommands.ts';

await runProgram((argv) =>
  dispatch(argv, { subcommands, output: process.stdout, messages: process.stderr, session: runSession }),
);
