#!/usr/bin/env node
/**
 * The command `deadline-ssh`.
 *
 * Owns: that its code is loaded once it is known where it is compiled already.
 * Must not know: anything else.
 */
import { keepCompiledCode } from './compileCache.ts';

keepCompiledCode();
await (await import('./command.ts')).runCommand();
