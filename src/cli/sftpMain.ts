#!/usr/bin/env node
/**
 * The command `deadline-sftp`: `deadline-ssh sftp` for what wants to call a program named sftp.
 *
 * Owns: nothing.
 * Must not know: what it does.
 */
import { runProgram } from './program.ts';
import { run } from './sftp/sftp.ts';

await runProgram(run);
