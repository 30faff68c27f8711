/**
 * The checking of the options of SFTP.
 *
 * Owns: the rules that its calls share beyond those of every call (`base/`).
 * Must not know: any option.
 */
import { abortSignal, milliseconds, type OptionRule, wholeNumber } from '../../base/optionChecks.ts';

export {
  abortSignal,
  callback,
  checkOptions,
  flag,
  isObject,
  milliseconds,
  type OptionRule,
  type OptionSet,
  type OptionTable,
  oneOf,
  optionsError,
  wholeNumber,
} from '../../base/optionChecks.ts';

export const mode: OptionRule = wholeNumber(0, 0o7777, 'a mode from 0 to 0o7777');

/** What each call that waits takes. */
export const callRules: { readonly timeout: OptionRule; readonly signal: OptionRule } = {
  timeout: milliseconds,
  signal: abortSignal,
};
