#!/usr/bin/env node
/**
 * The command `deadline-scp`: `deadline-ssh cp` for what wants to call a program named scp.
 *
 * Owns: nothing.
 * Must not know: what it does.
 */
import { run } from './copy/copy.ts';
import { runProgram } from './program.ts';

await runProgram(run);
