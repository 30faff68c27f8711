/**
 * Options of one letter, as getopt(3) reads them, with long names beside them.
 *
 * Owns: where options end, how a letter and its value stand in a word, the errors
 * of options that do not exist or lack their value.
 * Must not know: what any option means.
 */
import { quotedText } from '../base/bytes.ts';
import { optionsError } from '../base/optionChecks.ts';

/** One option; it has a letter, a name or both. */
export interface LetterOption<Draft> {
  readonly letter?: string;
  readonly name?: string;
  /** What its value is called in errors; left out for an option without one. */
  readonly value?: string;
  apply(draft: Draft, value: string): void;
}

export class LetterOptions<Draft> {
  private readonly byLetter: ReadonlyMap<string, LetterOption<Draft>>;
  private readonly byName: ReadonlyMap<string, LetterOption<Draft>>;
  private readonly program: string;

  /** @param program whose --help an error names */
  constructor(program: string, options: readonly LetterOption<Draft>[]) {
    this.program = program;
    this.byLetter = indexed(options, ({ letter }) => letter);
    this.byName = indexed(options, ({ name }) => name);
  }

  /**
   * Takes options up to the first word that is none, or to the `--` that ends them.
   *
   * @param from index of the first word
   * @returns the index of the first word that was not taken
   * @throws SshError `ERR_SSH_OPTIONS`, and whatever an option throws
   */
  take(
    argv: readonly string[],
    from: number,
    draft: Draft,
  ): { readonly next: number; readonly isTerminated: boolean } {
    let at = from;
    for (;;) {
      const word = argv[at];
      // A single dash is a word.
      if (word === undefined || word === '-' || !word.startsWith('-')) {
        return { next: at, isTerminated: false };
      }
      at++;
      if (word === '--') return { next: at, isTerminated: true };
      const following = argv[at];
      at += word.startsWith('--')
        ? this.takeNamed(word, following, draft)
        : this.takeLetters(word, following, draft);
    }
  }

  /** `--name`, `--name value` or `--name=value`. @returns how many further words it took */
  private takeNamed(word: string, following: string | undefined, draft: Draft): number {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const option = this.byName.get(name);
    if (option === undefined) throw this.unknown(`--${name}`);
    if (option.value === undefined) {
      if (equals >= 0) throw optionsError(`--${name} takes no value`);
      option.apply(draft, '');
      return 0;
    }
    const value = equals < 0 ? following : word.slice(equals + 1);
    if (value === undefined) throw valueMissing(`--${name}`, option.value);
    option.apply(draft, value);
    return equals < 0 ? 1 : 0;
  }

  /** `-vvN`, the last one with a value: `-p22` or `-p 22`. @returns how many further words it took */
  private takeLetters(word: string, following: string | undefined, draft: Draft): number {
    for (let i = 1; i < word.length; i++) {
      const letter = word.charAt(i);
      const option = this.byLetter.get(letter);
      if (option === undefined) throw this.unknown(`-${letter}`);
      if (option.value === undefined) {
        option.apply(draft, '');
        continue;
      }
      const rest = word.slice(i + 1);
      const value = rest === '' ? following : rest;
      if (value === undefined) throw valueMissing(`-${letter}`, option.value);
      option.apply(draft, value);
      return rest === '' ? 1 : 0;
    }
    return 0;
  }

  private unknown(option: string): Error {
    return optionsError(`there is no option ${quotedText(option)}; try ${this.program} --help`);
  }
}

function indexed<Draft>(
  options: readonly LetterOption<Draft>[],
  nameOf: (option: LetterOption<Draft>) => string | undefined,
): ReadonlyMap<string, LetterOption<Draft>> {
  const entries = options.flatMap((option): [string, LetterOption<Draft>][] => {
    const name = nameOf(option);
    return name === undefined ? [] : [[name, option]];
  });
  return new Map(entries);
}

function valueMissing(option: string, value: string): Error {
  return optionsError(`${option} needs a value: ${option} ${value}`);
}
