#!/usr/bin/env node
/**
 * The command `deadline-scp`: `deadline-ssh cp` for what wants to call a program named scp.
 *
 * Owns: that its code is loaded once it is known where it is compiled already.
 * Must not know: what it does.
 */
import { keepCompiledCode } from './compileCache.ts';

keepCompiledCode();
const [{ runProgram }, { run }] = await Promise.all([import('./program.ts'), import('./copy/copy.ts')]);
await runProgram(run);
