/**
 * The command line of `deadline-ssh [options] destination [options] [command…]`.
 *
 * Owns: where options, the destination and the command stand, as ssh(1) has it.
 * Must not know: what any option means (`optionTable.ts`).
 */
import { LetterOptions } from '../letterOptions.ts';
import { commandOptions, type Draft, emptyDraft } from './optionTable.ts';

/** What was typed, by its parts. */
export interface TypedLine {
  readonly draft: Draft;
  /** How many of the keywords of the draft stand before the destination. */
  readonly before: number;
  /** As it was typed; undefined where none was. */
  readonly destination: string | undefined;
  /** The words of the command. */
  readonly words: readonly string[];
}

const options = new LetterOptions<Draft>('deadline-ssh', commandOptions);

/**
 * Parts the arguments behind the name of the program. Options may stand before
 * the destination and behind it, up to the first word of the command or `--`;
 * where `--` stands before the destination, all behind it is the command.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function partCommandLine(argv: readonly string[]): TypedLine {
  const draft = emptyDraft();
  const before = options.take(argv, 0, draft);
  const destination = argv[before.next];
  const keywords = draft.keywords.length;
  if (destination === undefined) return { draft, before: keywords, destination, words: [] };
  const behind = before.next + 1;
  const next = before.isTerminated ? behind : options.take(argv, behind, draft).next;
  return { draft, before: keywords, destination, words: argv.slice(next) };
}
