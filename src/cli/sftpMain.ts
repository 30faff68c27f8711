#!/usr/bin/env node
import { runProgram } from './program.ts';
/**
 * The command `deadline-sftp`: `deadline-ssh sftp` for what wants to call a program named sftp.
 *
 * Owns: nothing.
 * Must not know: what it does.
 */
import { run } from './sftp/sftp.ts';

await runProgram(run);
