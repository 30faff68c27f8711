#!/usr/bin/env node
/**
 * The command `deadline-ssh`.
 *
 * Owns: the process: its arguments, its standard streams, its end.
 * Must not know: anything else.
 */
import { dispatch } from './dispatch.ts';
import { runSession } from './remote/session.ts';
import { subcommands } from './subcommands.ts';

// Nobody may be reading any more; that ends nothing but the command whose output it is.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const status = await dispatch(process.argv.slice(2), {
  subcommands,
  output: process.stdout,
  messages: process.stderr,
  session: runSession,
});

for (const stream of [process.stdout, process.stderr]) {
  await new Promise((resolve) => stream.write('', resolve));
}
process.exit(status);
