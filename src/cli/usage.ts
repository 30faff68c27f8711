/**
 * Arguments of a subcommand that cannot be read.
 *
 * Owns: the error that leads to the help of the subcommand.
 * Must not know: any subcommand or option.
 */
import { optionsError } from '../base/optionChecks.ts';

/** @param program whose --help the error names, such as `deadline-ssh fleet` */
export function usageError(program: string, message: string): Error {
  return optionsError(`${message}; try ${program} --help`);
}

/**
 * Runs `parseArgs` of Node.
 *
 * @throws SshError `ERR_SSH_OPTIONS` in place of its error
 */
export function strictly<Parsed>(program: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    if (!isOfUser(error)) throw error;
    // The messages of parseArgs name the option; the hints behind the first sentence are about parseArgs.
    const [sentence = ''] = error.message.split(/\. |\n/);
    const unknown = /^Unknown option '(.*)'/.exec(sentence)?.[1];
    throw usageError(
      program,
      unknown === undefined ? sentence.replace(/\.$/, '') : `there is no option "${unknown}"`,
    );
  }
}

/** What parseArgs says of its arguments has a code of its own; anything else is a fault of this program. */
function isOfUser(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('ERR_PARSE_ARGS_')
  );
}
