/**
 * The rules of options that many calls on files share.
 *
 * Owns: what bounds a call, what a mode may be.
 * Must not know: any call.
 */
import { abortSignal, milliseconds, type OptionRule, wholeNumber } from '../../base/optionChecks.ts';

/** What each call that waits takes. */
export const callRules: { readonly timeout: OptionRule; readonly signal: OptionRule } = {
  timeout: milliseconds,
  signal: abortSignal,
};

export const mode: OptionRule = wholeNumber(0, 0o7777, 'a mode from 0 to 0o7777');
