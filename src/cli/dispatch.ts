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
import { type CommandLine, parseCommandLine, type SshCommandLine } from './remote/arguments.ts';
import { queryText } from './remote/query.ts';
import type { Subcommand } from './subcommands.ts';

/** What the program is made of; tests bring their own. */
export interface Program {
  readonly subcommands: ReadonlyMap<string, Subcommand>;
  readonly output: { write(text: string): unknown };
  readonly messages: { write(text: string): unknown };
  /** Connects to a host. */
  session(line: SshCommandLine): Promise<number>;
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
  const messages = new Messages(program.messages);
  try {
    return await carryOut(parseCommandLine(argv), program);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    messages.say(messageOf(error));
    return failureStatus;
  }
}

async function carryOut(line: CommandLine, { output, subcommands, session }: Program): Promise<number> {
  switch (line.mode) {
    case 'help':
      output.write(helpText([...subcommands].map(([name, { summary }]) => ({ name, summary }))));
      return 0;
    case 'version':
      output.write(`deadline-ssh ${packageVersion()}\n`);
      return 0;
    case 'query':
      output.write(queryText(line.what));
      return 0;
    case 'ssh':
      return session(line);
    default:
      return line satisfies never;
  }
}
