/**
 * Options in the manner of getopt(3), which sftp and scp have: single letters, alone or together, before
 * the first word that is none; beside them the long ones of this program.
 *
 * Owns: which word belongs to which option.
 * Must not know: what any option means.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';

export interface OptionNames {
  /** Letters without a value. */
  readonly flags: string;
  /** Letters with one. */
  readonly valued: string;
  /** Long names, and whether each has a value. */
  readonly long: Readonly<Record<string, boolean>>;
}

export interface GivenOption {
  /** The letter, or the long name. */
  readonly name: string;
  /** Empty where it has none. */
  readonly value: string;
}

export interface Given {
  readonly options: readonly GivenOption[];
  /** The words behind the options. */
  readonly operands: readonly string[];
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function getopt(argv: readonly string[], names: OptionNames): Given {
  const options: GivenOption[] = [];
  let at = 0;
  const taken = (name: string, attached: string | undefined): string => {
    const value = attached ?? argv[at++];
    if (value === undefined) throw optionsError(`${name} needs a value`);
    return value;
  };
  while (at < argv.length) {
    const word = argv[at] as string;
    if (!word.startsWith('-') || word === '-') break;
    at++;
    if (word === '--') break;
    if (word.startsWith('--')) {
      const [name = '', attached] = splitAtEquals(word.slice(2));
      const isValued = Object.hasOwn(names.long, name) ? names.long[name] : undefined;
      if (isValued === undefined) throw unknown(`--${name}`);
      if (!isValued && attached !== undefined) throw optionsError(`--${name} takes no value`);
      options.push({ name, value: isValued ? taken(`--${name}`, attached) : '' });
      continue;
    }
    for (let letterAt = 1; letterAt < word.length; letterAt++) {
      const letter = word[letterAt] as string;
      if (names.flags.includes(letter)) options.push({ name: letter, value: '' });
      else if (names.valued.includes(letter)) {
        const attached = word.slice(letterAt + 1);
        options.push({ name: letter, value: taken(`-${letter}`, attached === '' ? undefined : attached) });
        break;
      } else throw unknown(`-${letter}`);
    }
  }
  return { options, operands: argv.slice(at) };
}

function splitAtEquals(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function unknown(option: string): Error {
  return optionsError(`there is no option ${quotedText(option)}; --help lists those there are`);
}
