/**
 * How a file is opened.
 *
 * Owns: the flags of Node's `fs` as those of OPEN.
 * Must not know: files.
 */

import { optionsError } from '../../../base/optionChecks.ts';
import { openFlags } from '../../packet/numbers.ts';

/** As in Node's `fs`: `r` reads, `w` writes anew, `a` appends, `x` wants no file to be there, `+` does both. */
export type OpenFlag =
  | 'r'
  | 'r+'
  | 'rs+'
  | 'w'
  | 'wx'
  | 'w+'
  | 'wx+'
  | 'a'
  | 'ax'
  | 'a+'
  | 'ax+'
  | 'as'
  | 'as+';

const { read, write, append, create, truncate, exclusive } = openFlags;
const both = read | write;

const table: Readonly<Record<OpenFlag, number>> = {
  r: read,
  'r+': both,
  'rs+': both,
  w: write | create | truncate,
  wx: write | create | truncate | exclusive,
  'w+': both | create | truncate,
  'wx+': both | create | truncate | exclusive,
  a: write | append | create,
  ax: write | append | create | exclusive,
  'a+': both | append | create,
  'ax+': both | append | create | exclusive,
  as: write | append | create,
  'as+': both | append | create,
};

/** @throws SshError `ERR_SSH_OPTIONS` for what is no flag */
export function parseFlag(flag: OpenFlag): number {
  if (typeof flag === 'string' && Object.hasOwn(table, flag)) return table[flag];
  throw optionsError(`the flag must be one of ${Object.keys(table).join(', ')}`);
}
