/**
 * The process of a command.
 *
 * Owns: its standard streams, and its end: once all that was printed is out.
 * Must not know: what the command does.
 */

/** Runs a command to its exit status, and ends the process with that. */
export async function runProgram(command: (argv: readonly string[]) => Promise<number>): Promise<never> {
  // Nobody may be reading any more; that ends nothing but the command whose output it is.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const status = await command(process.argv.slice(2));
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise((resolve) => stream.write('', resolve));
  }
  process.exit(status);
}
