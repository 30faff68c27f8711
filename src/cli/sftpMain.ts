#!/usr/bin/env node
/**
 * The command `deadline-sftp`: `deadline-ssh sftp` for what wants to call a program named sftp.
 *
 * Owns: that its code is loaded once it is known where it is compiled already.
 * Must not know: what it does.
 */
import { keepCompiledCode } from './compileCache.ts';

keepCompiledCode();
const [{ runProgram }, { run }] = await Promise.all([import('./program.ts'), import('./sftp/sftp.ts')]);
await runProgram(run);
