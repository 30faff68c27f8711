/**
 * From the arguments of the program to its exit status.
 *
 * Owns: the choice between a subcommand and a host, and errors of the command line.
 * Must not know: what either does.
 */
import { SshError } from '../base/errors.ts';
import { messageOf } from './errorWords.ts';
import { failureStatus } from './exitStatus.ts';
import { helpText, packageVersion } from './help.ts';
import { Messages } from './messages.ts';
import { type CommandLine, parseCommandLine } from './remote/arguments.ts';
import type { Subcommand } from './subcommands.ts';

/** What the program is made of; tests bring their own. */
export interface Program {
  readonly subcommands: ReadonlyMap<string, Subcommand>;
  readonly output: { write(text: string): unknown };
  readonly messages: { write(text: string): unknown };
  /** Connects to a host. */
  session(args: CommandLine & { readonly mode: 'ssh' }): Promise<number>;
}

/**
 * Runs a subcommand where the first word is the name of one, and else connects.
 * Hosts of such a name are reached as `user@fleet` or `-- fleet`.
 *
 * @returns the exit status
 */
export async function dispatch(argv: readonly string[], program: Program): Promise<number> {
  const subcommand = argv[0] === undefined ? undefined : program.subcommands.get(argv[0]);
  if (subcommand !== undefined) return (await subcommand.load()).run(argv.slice(1));
  const args = parsed(argv, new Messages(program.messages));
  switch (args?.mode) {
    case undefined:
      return failureStatus;
    case 'help':
      program.output.write(
        helpText([...program.subcommands].map(([name, { summary }]) => ({ name, summary }))),
      );
      return 0;
    case 'version':
      program.output.write(`deadline-ssh ${packageVersion()}\n`);
      return 0;
    case 'ssh':
      return program.session(args);
  }
}

function parsed(argv: readonly string[], messages: Messages): CommandLine | undefined {
  try {
    return parseCommandLine(argv);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    messages.say(messageOf(error));
    return undefined;
  }
}
